//! Which record a record of Firehose is: the same one in each invocation that it comes with, and no other.
//!
//! Names of objects, deduplication ids and the count of attempts are made of it. A number that starts anew with each
//! invocation would have objects replace each other.
//!
//! Where Firehose reads a Kinesis stream, it is the record's place there. Where it reads a topic of Amazon MSK, it is
//! the partition and the offset: a delivery stream reads one topic. Otherwise it is what Firehose calls the record,
//! `recordId`, which stays with it when an invocation comes again.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::wire::{FirehoseWireRecord, KinesisMetadata, MskMetadata, NumberOrText, text};
use crate::event::batch::{MOST_USER_RECORDS, PartNumbering, Shard};
use crate::event::position::Position;
use crate::event::sequence_number::SequenceNumber;

/// The shard of records that are in none.
const NO_SHARD: &str = "shardId-000000000000";

/// Where a record is.
pub(super) struct Identity {
    /// The index of its shard among those of the event.
    pub(super) shard: usize,
    pub(super) position: Position,
}

/// A shard of an event, and how the events are numbered that come of its records.
pub(super) struct FirehoseShard {
    pub(super) shard: Shard,
    pub(super) numbering: PartNumbering,
    taken: HashSet<Position>,
}

/// The identities of the records of one event.
pub(super) struct Identities {
    delivery_stream_arn: String,
    source_stream_arn: String,
    shards: Vec<FirehoseShard>,
    /// The indexes of shards, by id.
    of_stream: HashMap<String, usize>,
    of_delivery_stream: HashMap<String, usize>,
}

impl Identities {
    pub(super) fn of(delivery_stream_arn: &str, source_stream_arn: Option<&str>) -> Self {
        Self {
            delivery_stream_arn: delivery_stream_arn.to_owned(),
            source_stream_arn: source_stream_arn.unwrap_or(delivery_stream_arn).to_owned(),
            shards: Vec::new(),
            of_stream: HashMap::new(),
            of_delivery_stream: HashMap::new(),
        }
    }

    /// Returns the shards so far, in the order in which the event named them.
    pub(super) fn shards(&self) -> &[FirehoseShard] {
        &self.shards
    }

    /// Returns what a record is known by. What it says of its source counts, unless another record of the event said the
    /// same before it.
    pub(super) fn of_record(&mut self, wire: &FirehoseWireRecord<'_>) -> Identity {
        let in_stream = wire.kinesis_record_metadata.as_ref().and_then(|metadata| self.in_stream(metadata));
        let said = match (in_stream, &wire.msk_record_metadata) {
            (None, Some(metadata)) => self.in_topic(metadata),
            (in_stream, _) => in_stream,
        };
        let is_new = |Identity { shard, position }: &Identity| self.shards[*shard].taken.insert(position.clone());
        match said.filter(is_new) {
            Some(identity) => identity,
            None => self.of_id(wire.id()),
        }
    }

    /// Returns what a record of this id is known by. One that comes a second time in an event gets another number.
    pub(super) fn of_id(&mut self, id: &str) -> Identity {
        let shard = self.shard_of_delivery_stream(NO_SHARD);
        let mut position = of_text(id);
        let mut repetition = 0u64;
        while !self.shards[shard].taken.insert(position.clone()) {
            repetition += 1;
            position = of_text(&format!("{id} {repetition}"));
        }
        Identity { shard, position }
    }

    fn in_stream(&mut self, metadata: &KinesisMetadata<'_>) -> Option<Identity> {
        let shard_id = text(metadata.shard_id.as_ref());
        let user_record = metadata.subsequence_number.as_ref().and_then(NumberOrText::number).unwrap_or(0);
        let position = Position::new(text(metadata.sequence_number.as_ref()), user_record).ok()?;
        if shard_id.is_empty() || user_record >= MOST_USER_RECORDS {
            return None;
        }
        let shard = match self.of_stream.get(shard_id) {
            Some(shard) => *shard,
            None => {
                self.of_stream.insert(shard_id.to_owned(), self.shards.len());
                let shard = Shard { stream_arn: self.source_stream_arn.clone(), id: shard_id.to_owned() };
                // Firehose takes KPL aggregates apart itself.
                self.push(shard, PartNumbering::BetweenNeighbours)
            }
        };
        Some(Identity { shard, position })
    }

    fn in_topic(&mut self, metadata: &MskMetadata<'_>) -> Option<Identity> {
        let partition = metadata.partition_id.as_ref()?.number()?;
        let offset = metadata.offset.as_ref()?.number()?;
        let position = Position::new(&offset.to_string(), 0).ok()?;
        Some(Identity { shard: self.shard_of_delivery_stream(&format!("partition-{partition}")), position })
    }

    fn shard_of_delivery_stream(&mut self, id: &str) -> usize {
        if let Some(shard) = self.of_delivery_stream.get(id) {
            return *shard;
        }
        self.of_delivery_stream.insert(id.to_owned(), self.shards.len());
        let shard = Shard { stream_arn: self.delivery_stream_arn.clone(), id: id.to_owned() };
        self.push(shard, PartNumbering::Consecutive)
    }

    fn push(&mut self, shard: Shard, numbering: PartNumbering) -> usize {
        self.shards.push(FirehoseShard { shard, numbering, taken: HashSet::new() });
        self.shards.len() - 1
    }
}

/// Returns a position that stands for a text: its digits, where it is a number as positions are, and otherwise a digest
/// of 128 bits, at which no two texts meet.
fn of_text(id: &str) -> Position {
    match SequenceNumber::parse(id) {
        Ok(number) => number.into(),
        Err(_) => {
            let digest = Sha256::digest(id);
            let number = digest.iter().take(16).fold(0u128, |number, byte| number << 8 | u128::from(*byte));
            let digits = number.to_string();
            SequenceNumber::from_checked(&digits).into()
        }
    }
}
