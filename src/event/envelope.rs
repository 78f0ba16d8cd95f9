//! The JSON event that Lambda's event source mapping sends for a Kinesis stream.
//!
//! Parsed with borrowed types of our own. `aws_lambda_events` fails a whole event for one record
//! with bad base64, takes the fraction of an arrival time for whole milliseconds, and reads a
//! missing sequence number as an empty one; the tests hold this parser against it where it is
//! right.

mod pipes;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::alike::parse_alike;
use super::arrival_time::ArrivalTime;
use super::batch::{Batch, BatchBuilder, Record};
use super::layout::stream_of;
use super::sequence_number::InvalidSequenceNumber;
use super::window::{Invocation, RawWindow};
use crate::error_code::ErrorCode;
use crate::json_error::explained_without_values;
use crate::timestamp::now_millis;
pub use pipes::parse_pipes_event;

/// Why an invocation's body is no batch of Kinesis records. Nothing of it was processed.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The body is not UTF-8.
    #[error("the event is not UTF-8 text: {0}")]
    NotUtf8(#[from] std::str::Utf8Error),
    /// The body is not JSON, or of another shape.
    #[error("the event is not a Kinesis event: {0}")]
    NotKinesis(String),
    /// There is no list of records.
    #[error("the event is not a Kinesis event: it has no \"Records\"")]
    NoRecords,
    /// The records are another service's.
    #[error("record {index} is not a Kinesis record: its eventSource is {found:?}, not \"aws:kinesis\"")]
    OtherSource {
        /// The record's place in the event, counted from 0.
        index: usize,
        /// What it says of its source.
        found: String,
    },
    /// A record lacks what every Kinesis record has.
    #[error("record {index} is not a Kinesis record: it has no \"{field}\"")]
    MissingField {
        /// The record's place in the event, counted from 0.
        index: usize,
        /// The path of the field inside the record.
        field: &'static str,
    },
    /// A record's shard can't be read from its `eventID`.
    #[error("record {index} does not say its shard: its eventID is {found:?}, not \"shardId-...:SEQUENCE\"")]
    NoShard {
        /// The record's place in the event, counted from 0.
        index: usize,
        /// The `eventID` as it came.
        found: String,
    },
    /// A record's position can't be read.
    #[error("record {index} has no position: {source}")]
    NoPosition {
        /// The record's place in the event, counted from 0.
        index: usize,
        /// What is wrong with it.
        source: InvalidSequenceNumber,
    },
    /// A record is broken in a way that hides even its position.
    #[error("record {index} can't be read, and so has no position to replay from: {reason}")]
    Unreadable {
        /// The record's place in the event, counted from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An event source mapping never mixes shards in one batch; one position could not stand for two.
    #[error(
        "record {index} is of {found}, the records before it are of {expected}; a batch holds records of one shard"
    )]
    MixedShards {
        /// The record's place in the event, counted from 0.
        index: usize,
        /// Stream and shard of the record.
        found: String,
        /// Stream and shard of the first record.
        expected: String,
    },
}

impl EnvelopeError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            EnvelopeError::NotUtf8(_)
            | EnvelopeError::NotKinesis(_)
            | EnvelopeError::NoRecords
            | EnvelopeError::OtherSource { .. } => ErrorCode::NotAKinesisEvent,
            EnvelopeError::MissingField { .. }
            | EnvelopeError::NoShard { .. }
            | EnvelopeError::NoPosition { .. }
            | EnvelopeError::Unreadable { .. } => ErrorCode::RecordIncomplete,
            EnvelopeError::MixedShards { .. } => ErrorCode::MixedShards,
        }
    }
}

/// Parses the body of an invocation.
///
/// A record whose data or other parts can't be decoded becomes an undecodable event by itself, so
/// long as its position can be read. An event without records is an empty batch.
///
/// # Errors
/// When the body is not a Kinesis event, or a record lacks a field that every Kinesis record has:
/// then nothing is known for certain about any of them.
pub fn parse_lambda_event(body: &[u8]) -> Result<Batch, EnvelopeError> {
    parse_invocation(body).map(|invocation| invocation.batch)
}

/// Parses a Lambda event into its batch and, where the event belongs to a tumbling window, the part of the window.
///
/// # Errors
/// As those of [`parse_lambda_event`].
pub fn parse_invocation(body: &[u8]) -> Result<Invocation, EnvelopeError> {
    match parse_alike(body) {
        // Where nothing stands beside the records, there is no window.
        Some(batch) => Ok(Invocation { batch, window: None }),
        None => parse_any(body),
    }
}

/// Parses a Lambda event of any layout with the general parser.
pub(super) fn parse_any(body: &[u8]) -> Result<Invocation, EnvelopeError> {
    let text = std::str::from_utf8(body)?;
    match serde_json::from_str::<LambdaEvent<'_, KinesisWireRecord<'_, WireKinesis<'_>>>>(text) {
        Ok(envelope) => invocation(text.len(), envelope, |_, record| Ok(Readable::Whole(record))),
        // One broken record must not fail the others, so each is read by itself, at half the speed.
        Err(_) => {
            let envelope: LambdaEvent<'_, &RawValue> =
                serde_json::from_str(text).map_err(|error| EnvelopeError::NotKinesis(without_content(&error)))?;
            invocation(text.len(), envelope, read_alone)
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LambdaEvent<'a, R> {
    #[serde(rename = "Records")]
    records: Option<Vec<R>>,
    #[serde(borrow)]
    window: Option<&'a RawValue>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    shard_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<&'a RawValue>,
    #[serde(borrow)]
    is_final_invoke_for_window: Option<&'a RawValue>,
    #[serde(borrow)]
    is_window_terminated_early: Option<&'a RawValue>,
}

/// A record, with as much of its `kinesis` part as is wanted.
#[derive(Deserialize)]
struct KinesisWireRecord<'a, K> {
    #[serde(borrow, rename = "eventID")]
    event_id: Option<EscapableText<'a>>,
    #[serde(borrow, rename = "eventSource")]
    event_source: Option<EscapableText<'a>>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<EscapableText<'a>>,
    kinesis: Option<K>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireKinesis<'a> {
    #[serde(borrow)]
    data: Option<EscapableText<'a>>,
    #[serde(borrow)]
    partition_key: Option<EscapableText<'a>>,
    #[serde(borrow)]
    sequence_number: Option<EscapableText<'a>>,
    /// Seconds since the Unix epoch, with a fraction.
    #[serde(default)]
    approximate_arrival_timestamp: ArrivalTime,
}

/// What must be readable of a record for its failure to be its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePosition<'a> {
    #[serde(borrow)]
    sequence_number: Option<EscapableText<'a>>,
}

/// A string that borrows unless it holds an escape. (`Option<Cow<str>>` by itself never borrows.)
#[derive(Deserialize)]
struct EscapableText<'a>(#[serde(borrow)] Cow<'a, str>);

/// A record as far as it could be read.
enum Readable<'a> {
    Whole(KinesisWireRecord<'a, WireKinesis<'a>>),
    PositionOnly { record: KinesisWireRecord<'a, WirePosition<'a>>, raw: &'a str, reason: String },
}

fn read_alone<'a>(index: usize, raw: &'a RawValue) -> Result<Readable<'a>, EnvelopeError> {
    let reason = match serde_json::from_str(raw.get()) {
        Ok(record) => return Ok(Readable::Whole(record)),
        Err(error) => {
            let error = without_content(&error);
            format!("the record can't be decoded: {error}; the payload is the record's JSON as it came")
        }
    };
    match serde_json::from_str(raw.get()) {
        Ok(record) => Ok(Readable::PositionOnly { record, raw: raw.get(), reason }),
        Err(error) => Err(EnvelopeError::Unreadable { index, reason: without_content(&error) }),
    }
}

/// Collects the records of an event, and what it says of a window.
fn invocation<'a, R>(
    event_bytes: usize,
    envelope: LambdaEvent<'_, R>,
    read: impl Fn(usize, R) -> Result<Readable<'a>, EnvelopeError>,
) -> Result<Invocation, EnvelopeError> {
    let raw_window = RawWindow {
        window: envelope.window,
        state: envelope.state,
        shard_id: envelope.shard_id,
        event_source_arn: envelope.event_source_arn,
        is_final: envelope.is_final_invoke_for_window,
        is_terminated_early: envelope.is_window_terminated_early,
    };
    let records = match envelope.records {
        Some(records) => records,
        // The last event of a window needs none.
        None if raw_window.window.is_some() => Vec::new(),
        None => return Err(EnvelopeError::NoRecords),
    };
    let batch = collect(event_bytes, records, read)?;
    let window = raw_window.read(&batch);
    Ok(Invocation { batch, window })
}

fn collect<'a, R>(
    event_bytes: usize,
    records: Vec<R>,
    read: impl Fn(usize, R) -> Result<Readable<'a>, EnvelopeError>,
) -> Result<Batch, EnvelopeError> {
    let mut batch: Option<BatchBuilder> = None;
    let mut origin = BatchOrigin::default();
    let record_count = records.len();
    for (index, wire) in records.into_iter().enumerate() {
        let readable = read(index, wire)?;
        let missing = |field| EnvelopeError::MissingField { index, field };
        let (source, event_id, arn) = match &readable {
            Readable::Whole(record) => (&record.event_source, &record.event_id, &record.event_source_arn),
            Readable::PositionOnly { record, .. } => (&record.event_source, &record.event_id, &record.event_source_arn),
        };
        if let Some(EscapableText(source)) = source
            && source != "aws:kinesis"
        {
            return Err(EnvelopeError::OtherSource { index, found: excerpt(source) });
        }
        let EscapableText(event_id) = event_id.as_ref().ok_or(missing("eventID"))?;
        let EscapableText(arn) = arn.as_ref().ok_or(missing("eventSourceARN"))?;
        let batch = match &mut batch {
            Some(batch) => {
                origin.check(index, arn, event_id)?;
                batch
            }
            first => {
                origin = BatchOrigin::read(index, arn, event_id)?;
                let builder = first.insert(Batch::builder(&origin.stream_arn, &origin.shard_id));
                // Base64 holds three bytes in four characters; the envelope around it only adds.
                builder.reserve(record_count, event_bytes / 4 * 3);
                builder
            }
        };
        push(batch, index, &readable)?;
    }
    Ok(batch.unwrap_or_else(|| Batch::builder("", "")).build())
}

fn push(batch: &mut BatchBuilder, index: usize, readable: &Readable<'_>) -> Result<(), EnvelopeError> {
    let missing = |field| EnvelopeError::MissingField { index, field };
    let pushed = match readable {
        Readable::Whole(record) => {
            let kinesis = record.kinesis.as_ref().ok_or(missing("kinesis"))?;
            let EscapableText(sequence_number) =
                kinesis.sequence_number.as_ref().ok_or(missing("kinesis.sequenceNumber"))?;
            let EscapableText(partition_key) = kinesis.partition_key.as_ref().ok_or(missing("kinesis.partitionKey"))?;
            let EscapableText(data) = kinesis.data.as_ref().ok_or(missing("kinesis.data"))?;
            let arrival = kinesis.approximate_arrival_timestamp.millis(1000.0);
            let arrived_at = arrival.unwrap_or_else(now_millis);
            let record = Record { partition_key, sequence_number, sub_sequence_number: 0, arrived_at };
            let pushed = batch.push_base64(record, data);
            if arrival.is_none() && pushed.is_ok() {
                batch.mark_arrival_assumed();
            }
            pushed
        }
        Readable::PositionOnly { record, raw, reason } => {
            let kinesis = record.kinesis.as_ref().ok_or(missing("kinesis"))?;
            let EscapableText(sequence_number) =
                kinesis.sequence_number.as_ref().ok_or(missing("kinesis.sequenceNumber"))?;
            let record =
                Record { partition_key: "", sequence_number, sub_sequence_number: 0, arrived_at: now_millis() };
            let pushed = batch.push_undecodable(record, raw.as_bytes(), reason);
            if pushed.is_ok() {
                batch.mark_arrival_assumed();
            }
            pushed
        }
    };
    pushed.map_err(|source| EnvelopeError::NoPosition { index, source })
}

fn without_content(error: &serde_json::Error) -> String {
    explained_without_values(error, "a Kinesis event")
}

/// As much of a text as a message can bear.
fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The one stream and shard of a batch, with the text that it was read from: comparing that text
/// spares taking every record's apart.
#[derive(Default)]
struct BatchOrigin {
    arn: String,
    stream_arn: String,
    shard_id: String,
}

impl BatchOrigin {
    fn read(index: usize, arn: &str, event_id: &str) -> Result<Self, EnvelopeError> {
        Ok(Self {
            arn: arn.to_owned(),
            stream_arn: stream_of(arn).to_owned(),
            shard_id: shard_of(index, event_id)?.to_owned(),
        })
    }

    fn check(&self, index: usize, arn: &str, event_id: &str) -> Result<(), EnvelopeError> {
        let shard_id = shard_of(index, event_id)?;
        if (arn == self.arn || stream_of(arn) == self.stream_arn) && shard_id == self.shard_id {
            return Ok(());
        }
        Err(EnvelopeError::MixedShards {
            index,
            found: excerpt(&format!("{} {shard_id}", stream_of(arn))),
            expected: format!("{} {}", self.stream_arn, self.shard_id),
        })
    }
}

fn shard_of(index: usize, event_id: &str) -> Result<&str, EnvelopeError> {
    match event_id.rsplit_once(':') {
        Some((shard_id, _)) if !shard_id.is_empty() => Ok(shard_id),
        _ => Err(EnvelopeError::NoShard { index, found: excerpt(event_id) }),
    }
}

#[cfg(test)]
mod tests;
