//! The description of records that an event source mapping gave up: one document, parsed and checked.
//!
//! Lambda writes it to an S3 bucket with the records, and to an SQS queue or an SNS topic without them. What came by a
//! topic into a queue lies in the topic's notification.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::error_code::ErrorCode;
use crate::event::{Batch, SequenceNumber, parse_lambda_event};
use crate::json_error::explained_without_values;
use crate::settings::{Arn, StreamName};
use crate::source::MAX_RECORDS;
use crate::source::dead_letters::to_millis;
use crate::source::foreign_parts::{check_shard_id, excerpt};
use crate::timestamp::rfc3339;

/// What a document is to be, for messages.
const WANTED: &str = "a description of given-up records";

/// Records that an event source mapping gave up.
#[derive(Debug, Clone)]
pub struct Description {
    /// Why, as Lambda calls it: `RetryAttemptsExhausted` or `RecordAgeExceeded`; empty: it is not said.
    pub condition: String,
    /// About how often the function was invoked with them, where that is said.
    pub invocations: Option<u64>,
    /// Which records.
    pub range: RecordRange,
    /// The records themselves, where they came along. They say their stream and shard by themselves.
    pub records: Option<Arc<Batch>>,
}

/// Records of one shard, from one sequence number to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRange {
    /// The stream.
    pub stream: Arn,
    /// The shard.
    pub shard_id: String,
    /// The first sequence number.
    pub start: String,
    /// The last sequence number, which belongs to the range.
    pub end: String,
    /// How many records were given up, 1 to 10,000. An aggregate is one.
    pub records: u64,
    /// When the first one arrived, in milliseconds since the Unix epoch, where that is said.
    pub first_arrival: Option<u64>,
    /// When the last one arrived, likewise.
    pub last_arrival: Option<u64>,
}

/// What is no description, with what is wrong. No message quotes a payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedDescription {
    /// It is no JSON, or that of something else.
    #[error("it is no description of given-up records: {0}")]
    NotADescription(String),
    /// A field holds what it can't.
    #[error("it is a description whose {field} is wrong: {reason}")]
    Field {
        /// The name in the JSON.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// What it lies in can't be taken apart.
    #[error("{0}")]
    Unreadable(String),
}

impl MalformedDescription {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotADescription(_) | Self::Field { .. } | Self::Unreadable(_) => ErrorCode::DescriptionMalformed,
        }
    }

    fn field(field: &'static str) -> impl Fn(String) -> Self {
        move |reason| Self::Field { field, reason }
    }
}

/// A text that holds escapes or none.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct WireDescription<'a> {
    #[serde(rename = "requestContext", borrow)]
    context: Option<WireContext<'a>>,
    /// That of a pipe of EventBridge, which says the same.
    #[serde(rename = "context", borrow)]
    of_pipe: Option<&'a RawValue>,
    #[serde(rename = "KinesisBatchInfo", borrow)]
    batch_info: Option<WireBatchInfo<'a>>,
    #[serde(rename = "DDBStreamBatchInfo")]
    of_dynamodb: Option<IgnoredAny>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    /// Of a topic's notification.
    #[serde(rename = "Message", borrow)]
    message: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireContext<'a> {
    #[serde(borrow)]
    condition: Option<Text<'a>>,
    approximate_invoke_count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBatchInfo<'a> {
    #[serde(borrow)]
    shard_id: Text<'a>,
    #[serde(borrow)]
    start_sequence_number: Text<'a>,
    #[serde(borrow)]
    end_sequence_number: Text<'a>,
    #[serde(borrow)]
    approximate_arrival_of_first_record: Option<Text<'a>>,
    #[serde(borrow)]
    approximate_arrival_of_last_record: Option<Text<'a>>,
    batch_size: u64,
    #[serde(borrow)]
    stream_arn: Text<'a>,
}

/// What tells a description from other JSON.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(rename = "KinesisBatchInfo")]
    batch_info: Option<IgnoredAny>,
    #[serde(rename = "Type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(rename = "Message", borrow)]
    message: Option<Text<'a>>,
}

/// Whether a text begins with a description, whole or broken in its parts, or with the notification of a topic around
/// one.
pub fn is_description(text: &[u8]) -> bool {
    let probe = |text: &[u8]| match serde_json::Deserializer::from_slice(text).into_iter::<Probe<'_>>().next() {
        Some(Ok(Probe { batch_info: Some(_), .. })) => Some(None),
        Some(Ok(Probe { kind: Some(kind), message: Some(message), .. })) if kind.0 == "Notification" => {
            Some(Some(message.0.into_owned()))
        }
        _ => None,
    };
    match probe(text) {
        Some(None) => true,
        Some(Some(message)) => matches!(probe(message.as_bytes()), Some(None)),
        None => false,
    }
}

impl Description {
    /// Takes the JSON of one description, or of a topic's notification with one.
    ///
    /// # Errors
    /// When it is none, or says what can't be.
    pub fn parse(text: &[u8]) -> Result<Self, MalformedDescription> {
        let wire = wire(text)?;
        match wire.message {
            Some(Text(message)) if wire.batch_info.is_none() => Self::of_wire(self::wire(message.as_bytes())?),
            _ => Self::of_wire(wire),
        }
    }

    fn of_wire(wire: WireDescription<'_>) -> Result<Self, MalformedDescription> {
        let not_a_description = |reason: &str| MalformedDescription::NotADescription(reason.to_owned());
        let batch_info = match (wire.batch_info, wire.of_dynamodb) {
            (Some(batch_info), _) => batch_info,
            (None, Some(_)) => return Err(not_a_description("it describes records of a DynamoDB stream")),
            (None, None) => return Err(not_a_description("one needs the field `KinesisBatchInfo`")),
        };
        let range = RecordRange::of_wire(&batch_info)?;
        let records = match wire.payload.map(RawValue::get) {
            None | Some("null") => None,
            Some(payload) => Some(Arc::new(records_of(payload, &range)?)),
        };
        let (condition, invocations) = match wire.context.or_else(|| serde_json::from_str(wire.of_pipe?.get()).ok()) {
            Some(context) => (context.condition.map(|text| excerpt(&text.0)), context.approximate_invoke_count),
            None => (None, None),
        };
        Ok(Self { condition: condition.unwrap_or_default(), invocations, range, records })
    }

    /// When the first record arrived, in milliseconds since the Unix epoch, where that is known.
    pub fn first_arrival(&self) -> Option<u64> {
        let of_records = || self.records.as_ref()?.iter().next().map(|event| event.arrived_at);
        self.range.first_arrival.or_else(of_records)
    }
}

impl RecordRange {
    fn of_wire(wire: &WireBatchInfo<'_>) -> Result<Self, MalformedDescription> {
        let field = MalformedDescription::field;
        // A mapping of a consumer with enhanced fan-out may name the consumer.
        let stream = wire.stream_arn.0.split("/consumer/").next().unwrap_or_default();
        let stream = match stream.parse() {
            Ok(StreamName::Arn(arn)) => arn,
            _ => {
                let reason = "is no stream's ARN: arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME";
                return Err(field("streamArn")(format!("{:?} {reason}", excerpt(&wire.stream_arn.0))));
            }
        };
        check_shard_id(&wire.shard_id.0).map_err(field("shardId"))?;
        let number = |name, text| SequenceNumber::parse(text).map_err(|error| field(name)(error.to_string()));
        let start = number("startSequenceNumber", &wire.start_sequence_number.0)?;
        let end = number("endSequenceNumber", &wire.end_sequence_number.0)?;
        if start > end {
            return Err(field("startSequenceNumber")(format!("{start} is behind the endSequenceNumber {end}")));
        }
        if !(1..=MAX_RECORDS as u64).contains(&wire.batch_size) {
            let reason = format!("{} is out of range: a batch has 1 to {MAX_RECORDS} records", wire.batch_size);
            return Err(field("batchSize")(reason));
        }
        if start == end && wire.batch_size > 1 {
            let reason = format!("{} records don't have one sequence number, {start}", wire.batch_size);
            return Err(field("batchSize")(reason));
        }
        let time = |name, text: &Option<Text<'_>>| match text {
            Some(text) => to_millis(&text.0).map(Some).map_err(field(name)),
            None => Ok(None),
        };
        Ok(Self {
            stream,
            shard_id: wire.shard_id.0.clone().into_owned(),
            start: start.as_str().to_owned(),
            end: end.as_str().to_owned(),
            records: wire.batch_size,
            first_arrival: time("approximateArrivalOfFirstRecord", &wire.approximate_arrival_of_first_record)?,
            last_arrival: time("approximateArrivalOfLastRecord", &wire.approximate_arrival_of_last_record)?,
        })
    }
}

/// All that a person needs to find the records: their number, stream, shard, sequence numbers and times of arrival.
impl fmt::Display for RecordRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, shard_id, start, end, .. } = self;
        match self.records {
            1 => write!(formatter, "1 record of {stream}, {shard_id}, ")?,
            count => write!(formatter, "{count} records of {stream}, {shard_id}, ")?,
        }
        match start == end {
            true => write!(formatter, "sequence number {start}")?,
            false => write!(formatter, "sequence numbers {start} to {end}")?,
        }
        match (self.first_arrival, self.last_arrival) {
            (Some(first), Some(last)) if first != last => {
                write!(formatter, ", arrived from {} to {}", rfc3339(first), rfc3339(last))
            }
            (Some(time), _) | (None, Some(time)) => write!(formatter, ", arrived {}", rfc3339(time)),
            (None, None) => Ok(()),
        }
    }
}

fn wire(text: &[u8]) -> Result<WireDescription<'_>, MalformedDescription> {
    serde_json::from_slice(text)
        .map_err(|error| MalformedDescription::NotADescription(explained_without_values(&error, WANTED)))
}

/// The records of a payload: the event's JSON, as a text or as it is. They have to be all of those that are described,
/// since the description is given up with them.
fn records_of(payload: &str, range: &RecordRange) -> Result<Batch, MalformedDescription> {
    let wrong = |reason: String| MalformedDescription::Field { field: "payload", reason };
    let event = if payload.starts_with('"') {
        let text: Text<'_> =
            serde_json::from_str(payload).map_err(|error| wrong(explained_without_values(&error, WANTED)))?;
        text.0
    } else {
        Cow::Borrowed(payload)
    };
    let batch = parse_lambda_event(event.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let numbers = batch.iter().next().zip(batch.iter().last());
    let Some((first, last)) = numbers else { return Err(wrong("it holds no record".to_owned())) };
    if (batch.len() as u64) < range.records {
        return Err(wrong(format!("it holds {} records, where batchSize says {}", batch.len(), range.records)));
    }
    let (first, last) = (first.sequence_number, last.sequence_number);
    let RecordRange { start, end, .. } = range;
    let is_before = |left: &str, right: &str| SequenceNumber::parse(left).ok() < SequenceNumber::parse(right).ok();
    if is_before(start, first.as_str()) || is_before(last.as_str(), end) {
        return Err(wrong(format!("it holds the records {first} to {last}, where {start} to {end} are described")));
    }
    Ok(batch)
}

#[cfg(test)]
mod tests;
