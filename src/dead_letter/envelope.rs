//! The JSON of a dead letter: names that others rely on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DeadLetterKind;

/// The JSON of one dead letter. Fields of a later version are passed over.
///
/// The data is there in one of four forms: whole (`dataBase64`), compressed (`dataGzipBase64`), in an object elsewhere
/// (`dataAt`), or cut (`dataBase64` with `dataCut`). The last two say how many bytes it has, and its SHA-256.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'a> {
    /// Why the event could not be processed, for a person.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
    /// Why the event could not be processed.
    pub kind: DeadLetterKind,
    /// The stream that the event came from.
    #[serde(borrow)]
    pub stream_arn: Cow<'a, str>,
    /// The shard that the event came from.
    #[serde(borrow)]
    pub shard_id: Cow<'a, str>,
    /// The event's position in its shard.
    #[serde(borrow)]
    pub sequence_number: Cow<'a, str>,
    /// The event's index inside its KPL aggregate.
    #[serde(default)]
    pub sub_sequence_number: u64,
    /// The event's key; empty where it was lost.
    #[serde(borrow)]
    pub partition_key: Cow<'a, str>,
    /// RFC 3339, in UTC, to the millisecond.
    #[serde(borrow)]
    pub arrived_at: Cow<'a, str>,
    /// Whether nobody said when the event arrived: then `arrivedAt` is when it was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub arrived_at_assumed: bool,
    /// How many times the event was tried.
    #[serde(default)]
    pub attempts: u32,
    /// The digest of the transform that could not process it; not there if there was none.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub transform: Cow<'a, str>,
    /// What could not be decoded, of the kind `decode`; none, as in letters of earlier versions: the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecoded: Option<Undecoded>,
    /// Whether the key is only the front of a longer one. Kinesis takes none that long; a user record of a KPL aggregate
    /// can have one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partition_key_cut: bool,
    /// The payload, or its front where `data_cut` says so; where it can't be decoded, its bytes as they came.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<OptionalText<'a>>,
    /// The payload, compressed by gzip, in base64.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data_gzip_base64: Option<OptionalText<'a>>,
    /// Where the letter is whole: `s3://BUCKET/KEY`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data_at: Option<OptionalText<'a>>,
    /// Whether the data is only the front of all that there is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub data_cut: bool,
    /// How many bytes all of the data has, where it is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_bytes: Option<u64>,
    /// The SHA-256 of all of the data, in lower-case hexadecimal, where it is not here.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<OptionalText<'a>>,
    /// Where the rest of the data is, for a person.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data_note: Option<OptionalText<'a>>,
}

/// A text that is borrowed where it can be, also where it is optional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OptionalText<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// What of a record could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Undecoded {
    /// What it travelled in: the data is text, as it came in the place of base64.
    Envelope,
    /// The payload: the data is its bytes, taken out of a KPL aggregate if there was one.
    Payload,
    /// A KPL aggregate as a whole: the data is the record as it is in the stream.
    Record,
}

/// What data is that lies elsewhere: enough to know it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFingerprint {
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: String,
}

impl DataFingerprint {
    /// Returns the fingerprint of data. It takes a while where there are megabytes of it.
    pub fn of(data: &[u8]) -> Self {
        Self { bytes: data.len() as u64, sha256: hexadecimal(&Sha256::digest(data)) }
    }

    /// Returns whether this is the data.
    pub fn is_of(&self, data: &[u8]) -> bool {
        // The length first: it costs nothing.
        data.len() as u64 == self.bytes && hexadecimal(&Sha256::digest(data)) == self.sha256
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
