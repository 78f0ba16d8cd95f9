//! The envelope of an event that can't be processed, and the way to its target.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::{Batch, Event, Flaw, Payload};
use crate::sink::{Answer, HandOver, Output, Sink, Warming};

/// Why an event can't be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The transform's own word.
    Rejected,
    /// The transform trapped, panicked or exited.
    Trap,
    /// The transform took longer than the limit for one event.
    Timeout,
    /// The transform asked for more memory than its limit.
    Memory,
    /// The payload can't be decoded.
    Decode,
    /// An output can never be delivered.
    Undeliverable,
    /// The transform asked for it again once too often, or for too long.
    Exhausted,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 7] =
        [Kind::Rejected, Kind::Trap, Kind::Timeout, Kind::Memory, Kind::Decode, Kind::Undeliverable, Kind::Exhausted];

    /// The name in a dead letter, a log line and a summary.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Rejected => "rejected",
            Kind::Trap => "trap",
            Kind::Timeout => "timeout",
            Kind::Memory => "memory",
            Kind::Decode => "decode",
            Kind::Undeliverable => "undeliverable",
            Kind::Exhausted => "exhausted",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || Kind::ALL.map(Kind::as_str).join(", ");
        let named = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        named.ok_or_else(|| format!("{text:?} is no kind of dead letter: use one of {}", names()))
    }
}

/// An event on its way to the dead letters.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The event as it came.
    pub event: Event<'a>,
    /// Why it is here.
    pub kind: Kind,
    /// Why, for a person.
    pub reason: &'a str,
    /// How many times the event was tried, this one included, as far as this process knows.
    pub attempts: u32,
}

/// The dead-letter target.
#[derive(Clone)]
pub struct DeadLetters {
    sink: Arc<dyn Sink>,
    transform: Arc<str>,
}

/// The JSON of one dead letter: names that others rely on. Fields of a later version are passed over.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'a> {
    /// Why the event could not be processed, for a person.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
    /// Why the event could not be processed.
    pub kind: Kind,
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
    /// How many times the event was tried.
    #[serde(default)]
    pub attempts: u32,
    /// The digest of the transform that could not process it.
    #[serde(borrow, default)]
    pub transform: Cow<'a, str>,
    /// What could not be decoded, of the kind `decode`; none, as in letters of earlier versions: the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecoded: Option<Undecoded>,
    /// The payload; where it can't be decoded, its bytes as they came.
    #[serde(borrow)]
    pub data_base64: Cow<'a, str>,
}

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

impl DeadLetters {
    /// Dead letters of one transform, named by its digest.
    pub fn new(sink: Arc<dyn Sink>, transform: &str) -> Self {
        Self { sink, transform: transform.into() }
    }

    /// When letters are best handed over.
    pub fn hand_over(&self) -> HandOver {
        self.sink.hand_over()
    }

    /// Makes ready what the first letter would have to wait for.
    pub fn warm(&self) -> Warming<'_> {
        self.sink.warm()
    }

    /// Writes dead letters and waits until the target has them, or the time is up: one result a letter, in
    /// order.
    pub async fn write(&self, batch: &Batch, letters: &[DeadLetter<'_>], until: Option<Instant>) -> Answer {
        let bodies: Vec<Vec<u8>> = letters.iter().map(|letter| self.encode(batch, letter)).collect();
        let outputs: Vec<Output<'_>> = letters
            .iter()
            .zip(&bodies)
            .map(|(letter, body)| Output {
                data: body,
                partition_key: key(letter.event),
                ..Output::as_it_came(batch.shard(), letter.event)
            })
            .collect();
        self.sink.deliver(&outputs, until).await
    }

    fn encode(&self, batch: &Batch, letter: &DeadLetter<'_>) -> Vec<u8> {
        let event = letter.event;
        let envelope = Envelope {
            reason: letter.reason.into(),
            kind: letter.kind,
            stream_arn: batch.stream_arn().into(),
            shard_id: batch.shard_id().into(),
            sequence_number: event.sequence_number.as_str().into(),
            sub_sequence_number: event.sub_sequence_number,
            partition_key: event.partition_key.into(),
            arrived_at: rfc3339(event.arrived_at).into(),
            attempts: letter.attempts,
            transform: self.transform.as_ref().into(),
            undecoded: match event.payload {
                Payload::Decoded(_) => None,
                Payload::Undecodable { flaw: Flaw::Envelope, .. } => Some(Undecoded::Envelope),
                Payload::Undecodable { flaw: Flaw::Payload | Flaw::Nothing, .. } => Some(Undecoded::Payload),
                Payload::Undecodable { flaw: Flaw::Record, .. } => Some(Undecoded::Record),
            },
            data_base64: base64_simd::STANDARD.encode_to_string(event.payload.bytes()).into(),
        };
        serde_json::to_vec(&envelope).expect("strings and integers into a Vec: neither side can fail")
    }
}

/// The key to deliver under. A record that can't be decoded may have lost its own, and a stream takes no
/// record without one; its position will do.
fn key(event: Event<'_>) -> &str {
    if event.partition_key.is_empty() { event.sequence_number.as_str() } else { event.partition_key }
}

/// Milliseconds since the Unix epoch as RFC 3339. A batch holds arrivals within the calendar.
fn rfc3339(millis: u64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_written_in_utc_to_the_millisecond() {
        assert_eq!(rfc3339(1_545_084_650_987), "2018-12-17T22:10:50.987Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
    }
}
