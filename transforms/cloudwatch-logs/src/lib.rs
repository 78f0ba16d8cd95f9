//! Turns what a subscription of CloudWatch Logs puts into a stream into one output for each log event.
//!
//! CloudWatch packs many events into one record: JSON, compressed with gzip. Each becomes
//! `{"logGroup":"...","logStream":"...","id":"...","timestamp":0,"message":"..."}` under the key of its log stream.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use kinesieve_sdk::{Error, Event, OrElse, Outcome, Output, SettingError, Settings, transform};
use serde::{Deserialize, Serialize};

/// The most bytes that a record may unpack to. CloudWatch packs 1 MB at most; a record that is all zeros unpacks to a
/// thousand times its size.
const UNPACKED_BYTES: u64 = 16 << 20;

/// The most characters that a partition key may have.
const KEY_CHARACTERS: usize = 256;

#[derive(Deserialize)]
struct Config {
    /// Only events whose message holds this text go on.
    containing: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Packed {
    message_type: String,
    log_group: String,
    log_stream: String,
    log_events: Vec<LogEvent>,
}

#[derive(Deserialize)]
struct LogEvent {
    id: String,
    timestamp: i64,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unpacked<'a> {
    log_group: &'a str,
    log_stream: &'a str,
    id: &'a str,
    timestamp: i64,
    message: &'a str,
}

fn configure(settings: Settings) -> Result<Config, SettingError> {
    settings.read()
}

#[transform(configure = configure)]
fn process(config: &Config, mut event: Event) -> Result<Outcome, Error> {
    event.data = unpacked(&event.data)?;
    let packed: Packed = event.json()?;
    // The other kind, CONTROL_MESSAGE, is how CloudWatch tries whether the stream can be written to.
    if packed.message_type != "DATA_MESSAGE" {
        return Ok(Outcome::Drop);
    }
    let key: String = packed.log_stream.chars().take(KEY_CHARACTERS).collect();
    let wanted = packed
        .log_events
        .iter()
        .filter(|event| config.containing.as_ref().is_none_or(|text| event.message.contains(text)));
    let outputs: Result<Vec<Output>, Error> = wanted
        .map(|LogEvent { id, timestamp, message }| {
            let Packed { log_group, log_stream, .. } = &packed;
            let unpacked = Unpacked { log_group, log_stream, id, timestamp: *timestamp, message };
            let output = Output::json(&unpacked)?;
            Ok(if key.is_empty() { output } else { output.partition_key(&key) })
        })
        .collect();
    Ok(Outcome::emit(outputs?))
}

fn unpacked(data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(data)
        .take(UNPACKED_BYTES + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| Error::reject(format_args!("not what CloudWatch Logs writes: gzip: {error}")))?;
    if unpacked.len() as u64 > UNPACKED_BYTES {
        return Err(format!("it unpacks to more than {UNPACKED_BYTES} bytes")).or_reject();
    }
    Ok(unpacked)
}
