//! The work that all peers do on a record: parse it, drop what is too cold, take a field away, write the rest.
//!
//! The native handler and the transform share this code, so that between the two only the way there differs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What is colder is dropped.
const THRESHOLD: f64 = 10.0;

/// A reading of a device. Who operated the device is not taken along.
#[derive(Deserialize, Serialize)]
struct Reading<'a> {
    #[serde(borrow)]
    device: Cow<'a, str>,
    temperature: f64,
    seq: u64,
    #[serde(borrow)]
    pad: Cow<'a, str>,
}

/// What is to be delivered of a record's payload; none: nothing.
///
/// # Errors
/// When it is no reading.
pub fn rewrite(payload: &[u8]) -> serde_json::Result<Option<Vec<u8>>> {
    let reading: Reading = serde_json::from_slice(payload)?;
    if reading.temperature < THRESHOLD {
        return Ok(None);
    }
    serde_json::to_vec(&reading).map(Some)
}
