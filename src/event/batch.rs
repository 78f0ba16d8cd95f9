//! The decoded records of one shard, in one arena.

mod arrival;
mod builder;
mod lowest;
mod numbering;
mod unpacking;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use super::sequence_number::SequenceNumber;
use arrival::Arrival;
use builder::append_text;
pub use builder::{BatchBuilder, Record};
use lowest::Lowest;
pub(in crate::event) use numbering::MOST_USER_RECORDS;
pub use numbering::PartNumbering;
pub use unpacking::{DecodeOther, Unpacked, Unpacking};

/// Records of one shard, in the order in which the stream holds them.
///
/// All payloads lie behind each other in one arena and all texts in another, so a batch of 10,000
/// records is a handful of allocations, and an [`Event`] is a cheap view into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    shard: Shard,
    contents: BatchContents,
    payloads: Vec<u8>,
    texts: String,
    /// Records are taken away at the front, by who unpacks them.
    slots: VecDeque<RecordSpan>,
    lowest: Lowest,
    numbering: PartNumbering,
    /// Whether an unpacking left it: then what is unpacked next is copied out of it, so that no record is copied twice.
    is_rest: bool,
}

/// What a batch holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchContents {
    /// Records as they are in the stream: aggregated and encoded, some of them.
    #[default]
    Records,
    /// Payloads that are in no aggregate any more, and may be encoded.
    Payloads,
    /// What a transform sees.
    Events,
}

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shard {
    /// The ARN of the stream.
    pub stream_arn: String,
    /// The shard's id in its stream, as `shardId-000000000006`.
    pub id: String,
}

impl Shard {
    /// The stream's name: what its ARN ends in.
    pub fn stream_name(&self) -> &str {
        self.stream_arn.rsplit_once('/').map_or(self.stream_arn.as_str(), |(_, name)| name)
    }
}

/// Where one record lies in the arenas of its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RecordSpan {
    payload: Range<usize>,
    partition_key: Range<usize>,
    sequence_number: Range<usize>,
    sub_sequence_number: u64,
    arrival: Arrival,
    /// Why the payload is the raw text instead of the decoded bytes.
    undecodable: Option<Box<Undecodable>>,
}

/// Why a payload is not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Undecodable {
    flaw: PayloadError,
    reason: Cow<'static, str>,
}

/// What keeps a payload from the transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// What it travelled in is broken, its base64 for instance.
    Envelope,
    /// It is itself encoded otherwise than was said, or wrongly, or unpacks to too much.
    Payload,
    /// It is a whole KPL aggregate, of which more user records than a few can't be read, or which has too many.
    Record,
    /// None: it holds nothing for anybody, as a control message of CloudWatch Logs.
    Nothing,
}

/// One user record of a stream, as a view into its batch.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What the producer wrote.
    pub payload: Payload<'a>,
    /// The partition key, 1 to 256 characters.
    pub partition_key: &'a str,
    /// The record's position in its shard.
    pub sequence_number: SequenceNumber<'a>,
    /// The record's index inside its KPL aggregate, or its message of CloudWatch Logs; 0 for a record that travelled
    /// alone.
    pub sub_sequence_number: u64,
    /// Approximate arrival at the stream, in milliseconds since the Unix epoch.
    pub arrived_at: u64,
    /// Whether nobody said when it arrived, and `arrived_at` is when it was read.
    pub is_arrival_assumed: bool,
}

/// The payload of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The bytes that the producer put into the stream.
    Decoded(&'a [u8]),
    /// There is nothing that a transform could see: but for [`PayloadError::Nothing`], this event can only be dead-lettered.
    Undecodable {
        /// The bytes as they came, so that nothing is lost.
        raw: &'a [u8],
        /// What keeps it from the transform.
        flaw: PayloadError,
        /// What is wrong with it.
        reason: &'a str,
    },
}

impl<'a> Payload<'a> {
    /// The bytes at hand: the decoded payload, or the raw text where it can't be decoded.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Payload::Decoded(bytes) | Payload::Undecodable { raw: bytes, .. } => bytes,
        }
    }
}

impl Batch {
    /// Starts an empty batch of a shard.
    pub fn builder(stream_arn: impl Into<String>, shard_id: impl Into<String>) -> BatchBuilder {
        let shard = Shard { stream_arn: stream_arn.into(), id: shard_id.into() };
        BatchBuilder::new(shard)
    }

    fn empty(shard: Shard, contents: BatchContents) -> Self {
        Self {
            shard,
            contents,
            payloads: Vec::new(),
            texts: String::new(),
            slots: VecDeque::new(),
            lowest: Lowest::default(),
            numbering: PartNumbering::default(),
            is_rest: false,
        }
    }

    /// Returns an empty batch for records of this one.
    fn empty_like(&self) -> Self {
        Self { numbering: self.numbering, ..Self::empty(self.shard.clone(), self.contents) }
    }

    /// The shard that the records came from, and its stream.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// The stream that the records came from.
    pub fn stream_arn(&self) -> &str {
        &self.shard.stream_arn
    }

    /// The shard that the records came from.
    pub fn shard_id(&self) -> &str {
        &self.shard.id
    }

    /// How the events are numbered that its records are taken apart into.
    pub fn numbering(&self) -> PartNumbering {
        self.numbering
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no record at all.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All payload bytes together.
    pub fn payload_bytes(&self) -> usize {
        self.slots.iter().map(|slot| slot.payload.len()).sum()
    }

    /// The event at `index`, counted from 0 in shard order.
    ///
    /// # Panics
    /// When there is none: an index comes from the batch itself.
    pub fn event(&self, index: usize) -> Event<'_> {
        self.view(&self.slots[index])
    }

    /// Returns the lowest sequence number from `index` on: where to replay from, so that all of these come
    /// again. In a batch as the service sends it, that is the one at `index`.
    ///
    /// The first call looks at all events, and each further one at two.
    ///
    /// # Panics
    /// When there is no event at `index`.
    pub fn lowest_from(&self, index: usize) -> SequenceNumber<'_> {
        self.event(self.lowest.from(index, self)).sequence_number
    }

    /// Returns the index of the first event out of the record of the one at `index`: a record is acknowledged as a
    /// whole.
    ///
    /// # Panics
    /// When there is no event at `index`.
    pub fn start_of_record(&self, index: usize) -> usize {
        let number = self.event(index).sequence_number;
        let mut start = index;
        loop {
            // Events out of one record share its text, and texts lie in the order of the events.
            let text = self.slots[start].sequence_number.start;
            start = self.slots.partition_point(|slot| slot.sequence_number.start < text);
            // The same record may have come twice.
            match start.checked_sub(1) {
                Some(before) if self.event(before).sequence_number == number => start = before,
                _ => return start,
            }
        }
    }

    /// The events of a range by themselves, as a batch of the same shard.
    ///
    /// # Panics
    /// When there are none at the end of the range.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Batch {
        self.with_only(self.slots.range(range).cloned())
    }

    /// The same records, with other times of arrival, in milliseconds since the Unix epoch: one for each record, or none
    /// for one that keeps its own.
    #[must_use]
    pub fn with_arrivals(mut self, arrivals: &[Option<u64>]) -> Self {
        for (slot, arrived_at) in self.slots.iter_mut().zip(arrivals) {
            slot.arrival = arrived_at.map_or(slot.arrival, Arrival::said);
        }
        self
    }

    /// The events in shard order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Event<'_>> {
        self.slots.iter().map(|slot| self.view(slot))
    }

    fn view<'a>(&'a self, slot: &'a RecordSpan) -> Event<'a> {
        #[cfg(test)]
        tests::VIEWS.with(|views| views.set(views.get() + 1));
        let bytes = &self.payloads[slot.payload.clone()];
        Event {
            payload: match &slot.undecodable {
                None => Payload::Decoded(bytes),
                Some(why) => Payload::Undecodable { raw: bytes, flaw: why.flaw, reason: &why.reason },
            },
            partition_key: &self.texts[slot.partition_key.clone()],
            sequence_number: SequenceNumber::from_checked(&self.texts[slot.sequence_number.clone()]),
            sub_sequence_number: slot.sub_sequence_number,
            arrived_at: slot.arrival.millis(),
            is_arrival_assumed: slot.arrival.is_assumed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sequence_number: &str) -> Record<'_> {
        Record { partition_key: "key", sequence_number, sub_sequence_number: 0, arrived_at: 1 }
    }

    #[test]
    fn a_record_with_broken_base64_keeps_its_text_and_harms_no_neighbour() {
        let mut builder = Batch::builder("arn", "shardId-000000000000");
        builder.push_base64(record("1"), "b25l").expect("pushed");
        builder.push_base64(record("2"), "b2%5l").expect("pushed");
        builder.push_base64(record("3"), "dHdv").expect("pushed");
        let batch = builder.build();
        let payloads: Vec<Payload<'_>> = batch.iter().map(|event| event.payload).collect();
        assert_eq!(payloads[0], Payload::Decoded(b"one"));
        assert!(matches!(payloads[1], Payload::Undecodable { raw: b"b2%5l", .. }));
        assert_eq!(payloads[2], Payload::Decoded(b"two"));
    }

    #[test]
    fn a_record_without_a_position_leaves_the_batch_as_it_was() {
        let mut builder = Batch::builder("arn", "shardId-000000000000");
        builder.push_bytes(record("1"), b"one").expect("pushed");
        builder.push_bytes(record("one"), b"lost").expect_err("no sequence number");
        builder.push_base64(record(""), "bG9zdA==").expect_err("no sequence number");
        assert_eq!((builder.len(), builder.payload_bytes()), (1, 3));
    }

    #[test]
    fn the_lowest_sequence_number_is_found_in_a_batch_out_of_order() {
        let mut builder = Batch::builder("arn", "shardId-000000000000");
        for number in ["5", "20", "9", "100"] {
            builder.push_bytes(record(number), b"").expect("pushed");
        }
        let batch = builder.build();
        let lowest: Vec<&str> = (0..4).map(|index| batch.lowest_from(index).as_str()).collect();
        assert_eq!(lowest, ["5", "9", "9", "100"]);
    }

    thread_local! {
        /// How many events this thread looked at.
        pub(super) static VIEWS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    /// A target that refuses everything has whoever settles a batch ask for each event.
    #[test]
    fn to_ask_for_each_event_where_to_replay_from_takes_a_few_looks_at_each() {
        for count in [1_000, 10_000, 100_000, 1_000_000_usize] {
            let in_order = |index: usize| index;
            let two_of_each = |index: usize| index / 2;
            let out_of_order = |index: usize| index ^ 1;
            for number in [in_order, two_of_each, out_of_order] {
                let mut builder = Batch::builder("arn", "shardId-000000000000");
                for index in 0..count {
                    builder.push_bytes(record(&(1_000_000 + number(index)).to_string()), b"").expect("pushed");
                }
                let batch = builder.build();
                VIEWS.set(0);
                for index in (0..count).step_by(7) {
                    assert!(batch.lowest_from(index) <= batch.event(index).sequence_number);
                    assert!(batch.start_of_record(index) <= index);
                }
                assert!(VIEWS.get() < 4 * count, "{} looks at {count} events", VIEWS.get());
            }
        }
    }

    #[test]
    fn a_record_that_came_several_times_is_acknowledged_as_a_whole() {
        let mut builder = Batch::builder("arn", "shardId-000000000000");
        for number in ["5", "6", "6", "6", "7", "6"] {
            builder.push_bytes(record(number), b"").expect("pushed");
        }
        let batch = builder.build();
        let starts: Vec<usize> = (0..6).map(|index| batch.start_of_record(index)).collect();
        assert_eq!(starts, [0, 1, 1, 1, 4, 5]);
    }
}
