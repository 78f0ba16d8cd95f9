//! Records taken apart and decoded: from what a stream holds to what a transform sees.
//!
//! First a KPL aggregate is taken apart, then each payload is decoded. What is taken apart stays where it lies in the
//! arena; what is decoded is appended to it. A record that is neither costs a look at its first bytes.
//!
//! Memory is bounded, whatever a record holds. What it unpacks to, each of its log events included, stays within
//! [`Unpacking::limit`]. User records of an aggregate are bounded by their number. A batch is unpacked up to 32 MiB, and
//! what is left of it when that is processed.

mod parts;
mod payload;
mod record;

use std::ops::Range;
use std::sync::Arc;

use clap::ValueEnum;

use super::{Batch, BatchContents, RecordSpan, append_text};
use crate::event::aggregate::MAGIC;
use crate::event::decoding::{Decode, DecodeStep, EVENT_BYTES, PayloadSignature};
use crate::event::lines;
use record::Unpacker;

/// How much a batch grows before it is processed as far as it got, in bytes: what comes behind is unpacked then.
const PART_BYTES: usize = 32 << 20;

/// What becomes of a payload that is not what it should be decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecodeOther {
    /// It is dead-lettered, kind decode
    DeadLetter,
    /// It goes on as it is
    Pass,
}

/// How records are taken apart and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacking {
    /// Whether KPL aggregates are taken apart.
    pub deaggregate: bool,
    /// How payloads are decoded.
    pub decode: Decode,
    /// What becomes of a payload that a decoder is not for.
    pub other: DecodeOther,
    /// What one record may unpack to, in bytes.
    pub limit: usize,
}

impl Default for Unpacking {
    fn default() -> Self {
        Self { deaggregate: true, decode: Decode::NONE, other: DecodeOther::DeadLetter, limit: 32 << 20 }
    }
}

/// A batch after its records were taken apart and decoded.
#[derive(Debug)]
pub struct Unpacked {
    /// The events.
    pub batch: Arc<Batch>,
    /// Records behind them that were left as they are, so that memory stays bounded. It costs least to unpack them if
    /// nobody else holds them.
    pub rest: Option<Arc<Batch>>,
}

impl Unpacking {
    /// Whether the events of a KPL aggregate are its user records, one for one, so that others count them alike.
    pub fn counts_user_records(self) -> bool {
        self.deaggregate && self.decode.splitting().is_none()
    }

    /// Whether unpacking a batch takes long enough to be a burden on others: something in it has to be decoded.
    pub fn is_work(&self, batch: &Batch) -> bool {
        !self.decode.is_none() && batch.slots.iter().any(|slot| self.is_packed(batch, slot))
    }

    /// Takes the records of a batch apart and decodes them. It does nothing to events that it made.
    pub fn unpack(self, batch: Arc<Batch>) -> Unpacked {
        let Some(first) = batch.slots.iter().position(|slot| self.is_packed(&batch, slot)) else {
            return Unpacked { batch, rest: None };
        };
        let records = Batch { lowest: Default::default(), ..Arc::unwrap_or_clone(batch) };
        if records.is_rest { self.unpack_rest(records) } else { self.unpack_in_place(records, first) }
    }

    /// Unpacks a batch whose first packed record is at `first`. What is not decoded stays where it lies.
    fn unpack_in_place(self, mut records: Batch, first: usize) -> Unpacked {
        let mut packed = records.slots.split_off(first).into_iter();
        let mut unpacker = Unpacker::new(self, records);
        let bytes_before = unpacker.batch().payloads.len();
        while let Some(slot) = packed.next() {
            unpacker.unpack(slot);
            if packed.len() > 0 && is_full(unpacker.batch(), bytes_before) {
                let rest = Batch { is_rest: true, ..unpacker.batch().with_only(packed) };
                return Unpacked { batch: unpacker.finish(), rest: Some(Arc::new(rest)) };
            }
        }
        Unpacked { batch: unpacker.finish(), rest: None }
    }

    /// Unpacks what another unpacking left. Records are copied out of it, and what is left of it stays where it lies: of
    /// many parts, none copies all that follow.
    fn unpack_rest(self, mut records: Batch) -> Unpacked {
        let mut unpacker = Unpacker::new(self, records.empty_like());
        while let Some(slot) = records.slots.pop_front() {
            unpacker.take(&records, slot);
            if !records.slots.is_empty() && is_full(unpacker.batch(), 0) {
                return Unpacked { batch: unpacker.finish(), rest: Some(Arc::new(records)) };
            }
        }
        Unpacked { batch: unpacker.finish(), rest: None }
    }

    fn is_packed(&self, batch: &Batch, slot: &RecordSpan) -> bool {
        let payload = &batch.payloads[slot.payload.clone()];
        slot.undecodable.is_none()
            && match batch.contents {
                BatchContents::Events => false,
                BatchContents::Payloads => self.is_encoded(payload),
                BatchContents::Records => self.is_encoded(payload) || (self.deaggregate && payload.starts_with(&MAGIC)),
            }
    }

    /// Whether decoding a payload may make another one of it. It costs a look at its first bytes, and where lines are
    /// told apart, at all of it.
    fn is_encoded(&self, payload: &[u8]) -> bool {
        self.decode.steps().any(|step| match step {
            DecodeStep::Auto => PayloadSignature::of(payload).is_some(),
            DecodeStep::Lines => !lines::is_bare_line(payload),
            _ => true,
        })
    }
}

/// Whether a batch that held so many bytes before has grown to as much as is processed at once.
fn is_full(batch: &Batch, bytes_before: usize) -> bool {
    batch.payloads.len() - bytes_before + batch.slots.len() * EVENT_BYTES > PART_BYTES
}

impl Batch {
    /// Returns a batch of some of its records.
    pub(super) fn with_only(&self, slots: impl ExactSizeIterator<Item = RecordSpan>) -> Batch {
        let mut batch = self.empty_like();
        batch.slots.reserve(slots.len());
        let mut number_before: Option<(Range<usize>, Range<usize>)> = None;
        for slot in slots {
            let there = slot.sequence_number.clone();
            let here = match number_before {
                // Events out of one record share its text.
                Some((there_before, here_before)) if there_before == there => here_before,
                _ => append_text(&mut batch.texts, &self.texts[there.clone()]),
            };
            number_before = Some((there, here.clone()));
            let slot = batch.copied(self, slot, here);
            batch.slots.push_back(slot);
        }
        batch
    }

    /// Copies payload and key of a slot of another batch, and returns the slot that they have here, with a text of this
    /// batch for its sequence number.
    fn copied(&mut self, from: &Batch, slot: RecordSpan, sequence_number: Range<usize>) -> RecordSpan {
        let start = self.payloads.len();
        self.payloads.extend_from_slice(&from.payloads[slot.payload.clone()]);
        RecordSpan {
            payload: start..self.payloads.len(),
            partition_key: append_text(&mut self.texts, &from.texts[slot.partition_key.clone()]),
            sequence_number,
            ..slot
        }
    }
}

#[cfg(test)]
mod tests;
