//! Records on their way into a batch.

use std::borrow::Cow;
use std::ops::Range;

use super::arrival::Arrival;
use super::{Batch, BatchContents, PartNumbering, PayloadError, RecordSpan, Shard, Undecodable};
use crate::event::sequence_number::{InvalidSequenceNumber, SequenceNumber};

const BROKEN_BASE64: &str =
    "the data is not valid base64 (standard alphabet, padded); the payload is its text as it came";

/// A record on its way into a batch: everything but the payload.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The partition key, 1 to 256 characters.
    pub partition_key: &'a str,
    /// The sequence number's text.
    pub sequence_number: &'a str,
    /// The record's index inside its KPL aggregate; 0 for a record that travelled alone.
    pub sub_sequence_number: u64,
    /// Approximate arrival, in milliseconds since the Unix epoch; beyond the year 9999 it is taken
    /// for the last millisecond of that year.
    pub arrived_at: u64,
}

/// Builds a [`Batch`], record by record, in shard order.
#[derive(Debug)]
pub struct BatchBuilder {
    batch: Batch,
}

impl BatchBuilder {
    /// Returns one without a record.
    pub(super) fn new(shard: Shard) -> Self {
        Self { batch: Batch::empty(shard, BatchContents::default()) }
    }

    /// Makes room beforehand, where the size is known.
    pub fn reserve(&mut self, records: usize, payload_bytes: usize) {
        self.batch.slots.reserve(records);
        self.batch.payloads.reserve(payload_bytes);
        // A sequence number has 56 characters, a partition key mostly fewer.
        self.batch.texts.reserve(records.saturating_mul(96));
    }

    /// Adds a record whose payload is at hand as it is.
    ///
    /// # Errors
    /// When the sequence number is none: without a position a record can't be acknowledged.
    pub fn push_bytes(&mut self, record: Record<'_>, payload: &[u8]) -> Result<(), InvalidSequenceNumber> {
        self.push(record, None, |arena| arena.extend_from_slice(payload))
    }

    /// Adds a record whose payload is base64 (the standard alphabet, padded). If the base64 is
    /// broken, the event becomes undecodable by itself and carries the text as it came.
    ///
    /// # Errors
    /// When the sequence number is none.
    pub fn push_base64(&mut self, record: Record<'_>, encoded: &str) -> Result<(), InvalidSequenceNumber> {
        let start = self.batch.payloads.len();
        match base64_simd::STANDARD.decode_append(encoded, &mut self.batch.payloads) {
            Ok(()) => self.push_slot(record, None, start),
            Err(_) => {
                self.batch.payloads.truncate(start);
                let why = Undecodable { flaw: PayloadError::Envelope, reason: Cow::Borrowed(BROKEN_BASE64) };
                self.push(record, Some(Box::new(why)), |arena| arena.extend_from_slice(encoded.as_bytes()))
            }
        }
    }

    /// Adds a record whose payload is base64, if that is sound, and the sequence number as well; none: it is not
    /// added.
    pub(in crate::event) fn push_sound_base64(&mut self, record: Record<'_>, encoded: &[u8]) -> Option<()> {
        let start = self.batch.payloads.len();
        let decoded = base64_simd::STANDARD.decode_append(encoded, &mut self.batch.payloads);
        let pushed = decoded.ok().and_then(|()| self.push_slot(record, None, start).ok());
        if pushed.is_none() {
            self.batch.payloads.truncate(start);
        }
        pushed
    }

    /// Adds a record that can't be decoded, with its raw text and the reason.
    ///
    /// # Errors
    /// When the sequence number is none.
    pub fn push_undecodable(
        &mut self,
        record: Record<'_>,
        raw: &[u8],
        reason: &str,
    ) -> Result<(), InvalidSequenceNumber> {
        let why = Undecodable { flaw: PayloadError::Envelope, reason: reason.to_owned().into() };
        self.push(record, Some(Box::new(why)), |arena| arena.extend_from_slice(raw))
    }

    /// How many records were added so far.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether no record was added so far.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// All payload bytes that were added so far.
    pub fn payload_bytes(&self) -> usize {
        self.batch.payloads.len()
    }

    /// Returns the builder of a batch whose records do not have the form that they had in the stream.
    #[must_use]
    pub fn holding(mut self, contents: BatchContents) -> Self {
        self.batch.contents = contents;
        self
    }

    /// Returns the builder of a batch whose records are taken apart into events with such numbers.
    #[must_use]
    pub fn numbering_parts(mut self, numbering: PartNumbering) -> Self {
        self.batch.numbering = numbering;
        self
    }

    /// Marks the record that was added last: nobody said when it arrived, and its time is that of reading it.
    pub fn mark_arrival_assumed(&mut self) {
        if let Some(last) = self.batch.slots.back_mut() {
            last.arrival = last.arrival.assumed();
        }
    }

    /// The finished batch.
    pub fn build(self) -> Batch {
        self.batch
    }

    fn push(
        &mut self,
        record: Record<'_>,
        undecodable: Option<Box<Undecodable>>,
        append: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), InvalidSequenceNumber> {
        let start = self.batch.payloads.len();
        append(&mut self.batch.payloads);
        self.push_slot(record, undecodable, start)
    }

    fn push_slot(
        &mut self,
        record: Record<'_>,
        undecodable: Option<Box<Undecodable>>,
        payload_start: usize,
    ) -> Result<(), InvalidSequenceNumber> {
        if let Err(error) = SequenceNumber::parse(record.sequence_number) {
            self.batch.payloads.truncate(payload_start);
            return Err(error);
        }
        let slot = RecordSpan {
            payload: payload_start..self.batch.payloads.len(),
            partition_key: append_text(&mut self.batch.texts, record.partition_key),
            sequence_number: append_text(&mut self.batch.texts, record.sequence_number),
            sub_sequence_number: record.sub_sequence_number,
            arrival: Arrival::said(record.arrived_at),
            undecodable,
        };
        self.batch.slots.push_back(slot);
        Ok(())
    }
}

pub(super) fn append_text(texts: &mut String, text: &str) -> Range<usize> {
    let start = texts.len();
    texts.push_str(text);
    start..texts.len()
}
