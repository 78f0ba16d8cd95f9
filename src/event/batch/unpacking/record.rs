//! One record after the other, taken apart into a batch of events.

use std::ops::Range;
use std::sync::Arc;

use super::Unpacking;
use super::parts::RecordParts;
use crate::event::aggregate::{Aggregate, NotAnAggregate, UserRecord};
use crate::event::batch::{Batch, BatchContents, PayloadError, RecordSpan, append_text};
use crate::event::decoding::{Decoder, RecordAllowance};

/// Takes records into a batch of events.
pub(super) struct Unpacker {
    pub(super) how: Unpacking,
    pub(super) decoder: Decoder,
    pub(super) batch: Batch,
    /// The payload at hand: what it lies in grows meanwhile.
    pub(super) payload: Vec<u8>,
    /// What it is decoded to, where that is decoded further.
    pub(super) text: Vec<u8>,
}

impl Unpacker {
    /// Returns one that goes on with a batch.
    pub(super) fn new(how: Unpacking, batch: Batch) -> Self {
        Self { how, decoder: Decoder::default(), batch, payload: Vec::new(), text: Vec::new() }
    }

    /// Returns the batch so far.
    pub(super) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Returns the events.
    pub(super) fn finish(mut self) -> Arc<Batch> {
        self.batch.contents = BatchContents::Events;
        Arc::new(self.batch)
    }

    /// Unpacks a record of another batch, which keeps it.
    pub(super) fn take(&mut self, records: &Batch, slot: RecordSpan) {
        let sequence_number = append_text(&mut self.batch.texts, &records.texts[slot.sequence_number.clone()]);
        let slot = self.batch.copied(records, slot, sequence_number);
        self.unpack(slot);
    }

    /// Unpacks a record whose payload and texts lie in the batch.
    pub(super) fn unpack(&mut self, record: RecordSpan) {
        if record.undecodable.is_some() {
            return self.batch.slots.push_back(record);
        }
        let mut allowance = RecordAllowance::new(self.how.limit);
        match self.aggregate(&record) {
            Ok(None) => {
                let mut parts = RecordParts::of(record.clone(), PayloadError::Payload, &self.batch);
                self.decode(record, &mut allowance, &mut parts);
                parts.end(&mut self.batch);
            }
            Ok(Some(aggregate)) => {
                let mut parts = RecordParts::of(record.clone(), PayloadError::Record, &self.batch);
                self.user_records(&record, &aggregate, &mut allowance, &mut parts);
                parts.end(&mut self.batch);
            }
            Err(why) => {
                let mut parts = RecordParts::of(record.clone(), PayloadError::Record, &self.batch);
                let reason = format!("the KPL aggregate can't be taken apart: {why}");
                parts.push_undecodable(&mut self.batch, record, PayloadError::Record, reason);
            }
        }
    }

    /// Returns what is in a record, if it is an aggregate.
    ///
    /// # Errors
    /// When it is one, with more in it than there is memory for.
    fn aggregate(&self, record: &RecordSpan) -> Result<Option<Aggregate>, NotAnAggregate> {
        if !self.how.deaggregate || self.batch.contents != BatchContents::Records {
            return Ok(None);
        }
        match Aggregate::find(&self.batch.payloads[record.payload.clone()]) {
            Ok(aggregate) => Ok(Some(aggregate)),
            Err(NotAnAggregate::NoMagic) => Ok(None),
            Err(why @ NotAnAggregate::TooMany) => Err(why),
            Err(why) => {
                let sequence_number = &self.batch.texts[record.sequence_number.clone()];
                tracing::debug!(
                    shard_id = self.batch.shard.id,
                    sequence_number,
                    "it starts like a KPL aggregate, and is taken for an ordinary record: {why}",
                );
                Ok(None)
            }
        }
    }

    /// Takes in the user records of an aggregate.
    fn user_records(
        &mut self,
        record: &RecordSpan,
        aggregate: &Aggregate,
        allowance: &mut RecordAllowance,
        parts: &mut RecordParts,
    ) {
        self.batch.slots.reserve(aggregate.records.len());
        let start = record.payload.start;
        // Each is read when the first user record names it.
        let mut keys: Vec<Option<Key>> = vec![None; aggregate.partition_keys.len()];
        for user in &aggregate.records {
            let key = self.key(start, aggregate, user, &mut keys);
            let slot = RecordSpan { payload: start + user.data.start..start + user.data.end, ..record.clone() };
            match key {
                Ok(partition_key) => self.decode(RecordSpan { partition_key, ..slot }, allowance, parts),
                Err(reason) => parts.push_undecodable(&mut self.batch, slot, PayloadError::Payload, reason),
            }
        }
    }

    /// Returns the key of a user record, by its index in the table of an aggregate that starts there.
    fn key(&mut self, start: usize, aggregate: &Aggregate, user: &UserRecord, keys: &mut [Option<Key>]) -> Key {
        let index = usize::try_from(user.partition_key).ok();
        let place = index.and_then(|index| Some((aggregate.partition_keys.get(index)?, keys.get_mut(index)?)));
        let Some((at, key)) = place else {
            return Err(
                "its KPL aggregate has no partition key at the place that it names; it goes by the key of the whole record",
            );
        };
        key.get_or_insert_with(|| {
            let bytes = &self.batch.payloads[start + at.start..start + at.end];
            let text =
                std::str::from_utf8(bytes).map_err(|_| "its partition key in the KPL aggregate is not UTF-8 text")?;
            Ok(append_text(&mut self.batch.texts, text))
        })
        .clone()
    }
}

/// Where the text of a partition key lies in a batch, or why there is none.
type Key = Result<Range<usize>, &'static str>;
