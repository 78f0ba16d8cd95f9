//! The JSON event that Firehose sends a function that transforms its records.
//!
//! A record keeps the position that it has in the stream or topic that Firehose reads; [`identity`] says which. Records
//! of one event may be of several shards, so an event comes to several batches.

mod identity;
mod wire;

use serde_json::value::RawValue;

use super::batch::{Batch, BatchBuilder, MOST_USER_RECORDS, PartNumbering, Record};
use super::position::Position;
use super::sequence_number::{InvalidSequenceNumber, SequenceNumber};
use crate::json_error::explained_without_values;
use identity::{FirehoseShard, Identities, Identity};
use wire::{FirehoseEvent, FirehoseWireRecord, Identifiable};

pub use wire::DataField;

/// Records of a delivery stream.
#[derive(Debug)]
pub struct FirehoseRecords {
    /// The delivery stream.
    pub delivery_stream_arn: String,
    /// The records that there are answers for, in the order of the event.
    pub records: Vec<FirehoseRecord>,
    /// The same, by the shard that they are of: in each batch, in the order of the event.
    pub batches: Vec<Batch>,
    /// How many records have no id: nobody can be told of them.
    pub without_id: usize,
    /// How many of the records do not say when they arrived.
    pub without_arrival: usize,
}

/// A record that there is an answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirehoseRecord {
    /// What the answer calls it by.
    pub id: String,
    /// Where its data came from, and where the answer has it.
    pub field: DataField,
    /// The index of its batch.
    pub batch: usize,
    /// Its position in that batch's shard. No other record of the batch has it.
    pub position: Position,
}

impl FirehoseRecord {
    /// Returns the position of the record that an event was taken out of, by the event's own position and how the events
    /// of its batch are numbered.
    pub fn position_of(
        numbering: PartNumbering,
        sequence_number: SequenceNumber<'_>,
        sub_sequence_number: u64,
    ) -> Position {
        let own = match numbering {
            // Such records are out of no aggregate.
            PartNumbering::Consecutive => 0,
            PartNumbering::BetweenNeighbours => sub_sequence_number % MOST_USER_RECORDS,
        };
        Position::at(sequence_number, own)
    }
}

/// Parses the body of an invocation. `now` is the time of the invocation, in milliseconds since the Unix epoch: it stands
/// in for the arrival of records that do not say theirs.
///
/// A record that is not as Firehose writes it becomes an undecodable event by itself, so long as its id can be read.
///
/// # Errors
/// What of it is not as Firehose sends it. The message quotes nothing of it.
pub fn parse_firehose_event(body: &[u8], now: u64) -> Result<FirehoseRecords, String> {
    match serde_json::from_slice::<FirehoseEvent<'_, FirehoseWireRecord<'_>>>(body) {
        Ok(event) => collect(event, body.len(), now, ReadRecord::Whole),
        // One odd record must not fail the others, so each is read by itself.
        Err(_) => {
            let event: FirehoseEvent<'_, &RawValue> = serde_json::from_slice(body).map_err(|error| {
                format!("the event is not one of Firehose: {}", explained_without_values(&error, "one"))
            })?;
            collect(event, body.len(), now, read_alone)
        }
    }
}

/// A record as far as it could be read.
enum ReadRecord<'a> {
    Whole(FirehoseWireRecord<'a>),
    IdOnly { record: Identifiable<'a>, raw: &'a str },
    Unreadable,
}

fn read_alone(raw: &RawValue) -> ReadRecord<'_> {
    match serde_json::from_str(raw.get()) {
        Ok(record) => ReadRecord::Whole(record),
        Err(_) => serde_json::from_str(raw.get())
            .map_or(ReadRecord::Unreadable, |record| ReadRecord::IdOnly { record, raw: raw.get() }),
    }
}

fn collect<'a, R>(
    event: FirehoseEvent<'a, R>,
    event_bytes: usize,
    now: u64,
    read: impl Fn(R) -> ReadRecord<'a>,
) -> Result<FirehoseRecords, String> {
    let mut collected = Collected {
        identities: Identities::of(&event.delivery_stream_arn, event.source_kinesis_stream_arn.as_deref()),
        builders: Vec::new(),
        records: Vec::with_capacity(event.records.len()),
        expected: (event.records.len(), event_bytes / 4 * 3),
        without_arrival: 0,
        now,
    };
    let mut without_id = 0;
    for wire in event.records {
        match read(wire) {
            ReadRecord::Whole(record) if record.has_id() => collected.push(&record)?,
            ReadRecord::IdOnly { record, raw } if record.has_id() => collected.push_odd(&record, raw)?,
            ReadRecord::Whole(_) | ReadRecord::IdOnly { .. } | ReadRecord::Unreadable => without_id += 1,
        }
    }
    Ok(FirehoseRecords {
        delivery_stream_arn: event.delivery_stream_arn.into_owned(),
        records: collected.records,
        batches: collected.builders.into_iter().map(BatchBuilder::build).collect(),
        without_id,
        without_arrival: collected.without_arrival,
    })
}

/// What was read so far.
struct Collected {
    identities: Identities,
    /// One for each shard of the identities.
    builders: Vec<BatchBuilder>,
    records: Vec<FirehoseRecord>,
    /// How many records there are, and bytes of data in them at most.
    expected: (usize, usize),
    without_arrival: usize,
    now: u64,
}

impl Collected {
    /// Takes a record that is as Firehose writes it, but for its data maybe.
    fn push(&mut self, wire: &FirehoseWireRecord<'_>) -> Result<(), String> {
        let identity = self.identities.of_record(wire);
        let (field, data) = wire.data();
        self.enter(wire.id(), field, identity, wire.partition_key(), wire.arrived_at(), |batch, record| match data {
            Some(data) => batch.push_base64(record, data),
            None => batch.push_undecodable(record, b"", "the record has no data"),
        })
    }

    /// Takes a record of which only the id can be read.
    fn push_odd(&mut self, wire: &Identifiable<'_>, raw: &str) -> Result<(), String> {
        const REASON: &str = "a part of the record is of another type than Firehose writes it; the payload is the \
                              record's JSON as it came";

        let identity = self.identities.of_id(wire.id());
        self.enter(wire.id(), DataField::Data, identity, wire.id(), None, |batch, record| {
            batch.push_undecodable(record, raw.as_bytes(), REASON)
        })
    }

    fn enter(
        &mut self,
        id: &str,
        field: DataField,
        identity: Identity,
        partition_key: &str,
        arrived_at: Option<u64>,
        push: impl FnOnce(&mut BatchBuilder, Record<'_>) -> Result<(), InvalidSequenceNumber>,
    ) -> Result<(), String> {
        let Identity { shard: batch, position } = identity;
        self.begin_batches();
        let builder = &mut self.builders[batch];
        let record = Record {
            partition_key,
            sequence_number: position.sequence_number().as_str(),
            sub_sequence_number: position.sub_sequence_number(),
            arrived_at: arrived_at.unwrap_or(self.now),
        };
        push(builder, record).map_err(|error| error.to_string())?;
        if arrived_at.is_none() {
            builder.mark_arrival_assumed();
            self.without_arrival += 1;
        }
        self.records.push(FirehoseRecord { id: id.to_owned(), field, batch, position });
        Ok(())
    }

    /// Begins the batches of shards that were named since.
    fn begin_batches(&mut self) {
        for FirehoseShard { shard, numbering, .. } in &self.identities.shards()[self.builders.len()..] {
            let mut builder = Batch::builder(&shard.stream_arn, &shard.id).numbering_parts(*numbering);
            if self.builders.is_empty() {
                // Most events are of one shard.
                builder.reserve(self.expected.0, self.expected.1);
            }
            self.builders.push(builder);
        }
    }
}

#[cfg(test)]
mod tests;
