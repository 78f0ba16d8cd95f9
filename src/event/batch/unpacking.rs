//! Records taken apart and decoded: from what a stream holds to what a transform sees.
//!
//! First a KPL aggregate is taken apart, then each payload is decoded. What is taken apart stays where it lies in the
//! arena; what is decoded is appended to it. A record that is neither costs a look at its first bytes.

use std::ops::Range;
use std::sync::Arc;

use super::{Batch, Contents, Flaw, Slot, Undecodable, append_text};
use crate::event::aggregate::{Aggregate, MAGIC, NotAnAggregate, UserRecord};
use crate::event::cloudwatch_logs::{self, Held};
use crate::event::decoding::{Allowance, DecodeError, Decoder, Packing};
use crate::settings::Decode;

/// How much a batch grows before it is processed as far as it got, in bytes: what comes behind is unpacked then.
const PART_BYTES: usize = 32 << 20;

/// What an event takes besides its payload, here and on its way through the processor, in bytes.
const EVENT_BYTES: usize = 200;

/// How records are taken apart and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacking {
    /// Whether KPL aggregates are taken apart.
    pub deaggregate: bool,
    /// How payloads are decoded.
    pub decode: Decode,
    /// What one record may unpack to, in bytes.
    pub limit: usize,
}

impl Default for Unpacking {
    fn default() -> Self {
        Self { deaggregate: true, decode: Decode::None, limit: 32 << 20 }
    }
}

/// A batch after its records were taken apart and decoded.
#[derive(Debug)]
pub struct Unpacked {
    /// The events.
    pub batch: Arc<Batch>,
    /// Records behind them that were left as they are, so that memory stays bounded.
    pub rest: Option<Arc<Batch>>,
}

impl Unpacking {
    /// Whether unpacking a batch takes long enough to be a burden on others: something in it has to be decoded.
    pub fn is_work(&self, batch: &Batch) -> bool {
        self.decode != Decode::None && batch.slots.iter().any(|slot| self.is_packed(batch, slot))
    }

    /// Takes the records of a batch apart and decodes them. It does nothing to events that it made.
    pub fn unpack(self, batch: Arc<Batch>) -> Unpacked {
        let Some(first) = batch.slots.iter().position(|slot| self.is_packed(&batch, slot)) else {
            return Unpacked { batch, rest: None };
        };
        let mut batch = Arc::unwrap_or_clone(batch);
        let packed = batch.slots.split_off(first);
        let mut unpacker =
            Unpacker { how: self, decoder: Decoder::default(), batch, payload: Vec::new(), text: Vec::new() };
        let bytes_before = unpacker.batch.payloads.len();
        let mut rest = packed.into_iter();
        while let Some(slot) = rest.next() {
            unpacker.unpack(slot);
            let grown = unpacker.batch.payloads.len() - bytes_before + unpacker.batch.slots.len() * EVENT_BYTES;
            if grown > PART_BYTES && rest.len() > 0 {
                let rest = unpacker.batch.with_only(rest.as_slice());
                return Unpacked { batch: unpacker.finish(), rest: Some(Arc::new(rest)) };
            }
        }
        Unpacked { batch: unpacker.finish(), rest: None }
    }

    fn is_packed(&self, batch: &Batch, slot: &Slot) -> bool {
        let payload = &batch.payloads[slot.payload.clone()];
        slot.undecodable.is_none()
            && match batch.contents {
                Contents::Events => false,
                Contents::Payloads => self.is_encoded(payload),
                Contents::Records => self.is_encoded(payload) || (self.deaggregate && payload.starts_with(&MAGIC)),
            }
    }

    fn is_encoded(&self, payload: &[u8]) -> bool {
        match self.decode {
            Decode::None => false,
            Decode::Auto => Packing::of(payload).is_some(),
            Decode::Gzip | Decode::Zstd | Decode::CloudWatchLogs => true,
        }
    }
}

impl Batch {
    /// A batch of some of its records.
    pub(super) fn with_only(&self, slots: &[Slot]) -> Batch {
        let mut batch = Batch {
            shard: self.shard.clone(),
            contents: self.contents,
            payloads: Vec::new(),
            texts: String::new(),
            slots: Vec::with_capacity(slots.len()),
        };
        for slot in slots {
            let start = batch.payloads.len();
            batch.payloads.extend_from_slice(&self.payloads[slot.payload.clone()]);
            let slot = Slot {
                payload: start..batch.payloads.len(),
                partition_key: append_text(&mut batch.texts, &self.texts[slot.partition_key.clone()]),
                sequence_number: append_text(&mut batch.texts, &self.texts[slot.sequence_number.clone()]),
                ..slot.clone()
            };
            batch.slots.push(slot);
        }
        batch
    }
}

/// Takes records into a batch of events.
struct Unpacker {
    how: Unpacking,
    decoder: Decoder,
    batch: Batch,
    /// The payload at hand: what it lies in grows meanwhile.
    payload: Vec<u8>,
    /// What it was decoded to, where that is taken apart further.
    text: Vec<u8>,
}

impl Unpacker {
    fn finish(mut self) -> Arc<Batch> {
        self.batch.contents = Contents::Events;
        Arc::new(self.batch)
    }

    fn unpack(&mut self, slot: Slot) {
        if slot.undecodable.is_some() {
            return self.batch.slots.push(slot);
        }
        let mut allowance = Allowance::new(self.how.limit);
        let mut next = slot.sub_sequence_number;
        match self.aggregate(&slot) {
            None => self.decode(slot, &mut allowance, &mut next),
            Some(aggregate) => {
                let keys: Vec<Result<Range<usize>, &'static str>> =
                    aggregate.partition_keys.iter().map(|at| self.partition_key(&slot, at)).collect();
                let start = slot.payload.start;
                for record in &aggregate.records {
                    let UserRecord { data, .. } = record;
                    let user = Slot { payload: start + data.start..start + data.end, ..slot.clone() };
                    match key_of(record, &keys) {
                        Ok(partition_key) => {
                            self.decode(Slot { partition_key, ..user }, &mut allowance, &mut next);
                        }
                        Err(reason) => self.push_undecodable(user, Flaw::Payload, reason, &mut next),
                    }
                }
            }
        }
    }

    /// What is in a record, if it is an aggregate.
    fn aggregate(&self, slot: &Slot) -> Option<Aggregate> {
        if !self.how.deaggregate || self.batch.contents != Contents::Records {
            return None;
        }
        match Aggregate::find(&self.batch.payloads[slot.payload.clone()]) {
            Ok(aggregate) => Some(aggregate),
            Err(NotAnAggregate::NoMagic) => None,
            Err(why) => {
                let sequence_number = &self.batch.texts[slot.sequence_number.clone()];
                tracing::debug!(
                    shard_id = self.batch.shard.id,
                    sequence_number,
                    "it starts like a KPL aggregate, and is taken for an ordinary record: {why}",
                );
                None
            }
        }
    }

    fn partition_key(&mut self, slot: &Slot, at: &Range<usize>) -> Result<Range<usize>, &'static str> {
        let start = slot.payload.start;
        let key = std::str::from_utf8(&self.batch.payloads[start + at.start..start + at.end]);
        let key = key.map_err(|_| "its partition key in the KPL aggregate is not UTF-8 text")?;
        Ok(append_text(&mut self.batch.texts, key))
    }

    /// Takes in a payload that is in no aggregate any more. `next` is the sub-sequence number of the next event.
    fn decode(&mut self, slot: Slot, allowance: &mut Allowance, next: &mut u64) {
        let payload = &self.batch.payloads[slot.payload.clone()];
        if !self.how.is_encoded(payload) {
            return self.push(slot, next);
        }
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        let found = Packing::of(&self.payload);
        let (packing, wanted) = match self.how.decode {
            Decode::None => return self.push(slot, next),
            Decode::Auto => (found, ""),
            Decode::Gzip => (found.filter(|found| *found == Packing::Gzip), "gzip"),
            Decode::Zstd => (found.filter(|found| *found == Packing::Zstd), "zstd"),
            Decode::CloudWatchLogs => return self.log_events(slot, found, allowance, next),
        };
        let Some(packing) = packing else {
            return self.push_undecodable(slot, Flaw::Payload, &DecodeError::Not(wanted).to_string(), next);
        };
        let start = self.batch.payloads.len();
        match self.decoder.decode(packing, &self.payload, allowance, &mut self.batch.payloads) {
            Ok(()) => self.push(Slot { payload: start..self.batch.payloads.len(), ..slot }, next),
            Err(error) => self.push_undecodable(slot, Flaw::Payload, &error.to_string(), next),
        }
    }

    /// Takes in each log event of a message of CloudWatch Logs. They come compressed; Firehose and others may have
    /// unpacked them on the way.
    fn log_events(&mut self, slot: Slot, packing: Option<Packing>, allowance: &mut Allowance, next: &mut u64) {
        self.text.clear();
        let unpacked = match packing {
            Some(packing) => self.decoder.decode(packing, &self.payload, allowance, &mut self.text),
            None => {
                std::mem::swap(&mut self.text, &mut self.payload);
                Ok(())
            }
        };
        if let Err(error) = unpacked {
            return self.push_undecodable(slot, Flaw::Payload, &error.to_string(), next);
        }
        let text = std::mem::take(&mut self.text);
        match cloudwatch_logs::read(&text) {
            Err(reason) => self.push_undecodable(slot, Flaw::Payload, &reason, next),
            Ok(Held::Nothing(what)) => self.push_undecodable(slot, Flaw::Nothing, what, next),
            Ok(Held::Events(events)) => {
                // All or nothing: a record is either taken apart or dead-lettered.
                if let Err(error) = events.iter().try_for_each(|event| allowance.take(event.most_bytes())) {
                    return self.push_undecodable(slot, Flaw::Payload, &error.to_string(), next);
                }
                for event in events.iter() {
                    let start = self.batch.payloads.len();
                    let written = event.write(&mut self.batch.payloads);
                    if written.is_err() {
                        self.batch.payloads.extend_from_slice(event.text().as_bytes());
                    }
                    let own = Slot { payload: start..self.batch.payloads.len(), ..slot.clone() };
                    match written {
                        Ok(()) => self.push(own, next),
                        Err(reason) => self.push_undecodable(own, Flaw::Payload, reason, next),
                    }
                }
            }
        }
        self.text = text;
    }

    fn push(&mut self, slot: Slot, next: &mut u64) {
        self.batch.slots.push(Slot { sub_sequence_number: *next, ..slot });
        *next += 1;
    }

    fn push_undecodable(&mut self, slot: Slot, flaw: Flaw, reason: &str, next: &mut u64) {
        let undecodable = Some(Box::new(Undecodable { flaw, reason: reason.into() }));
        self.push(Slot { undecodable, ..slot }, next);
    }
}

/// The key of a user record, by its index in the table.
fn key_of(record: &UserRecord, keys: &[Result<Range<usize>, &'static str>]) -> Result<Range<usize>, &'static str> {
    let index = usize::try_from(record.partition_key).ok();
    index.and_then(|index| keys.get(index).cloned()).unwrap_or(Err(
        "its KPL aggregate has no partition key at the place that it names; it goes by the key of the whole record",
    ))
}

#[cfg(test)]
mod tests;
