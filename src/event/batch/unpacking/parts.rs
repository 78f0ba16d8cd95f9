//! The parts of one record: how many there are, and of how many nothing can be made.

use std::borrow::Cow;

use crate::event::batch::{Batch, PayloadError, RecordSpan, Undecodable};

/// So many parts of one record are dead-lettered one by one; of more, the record is dead-lettered as one.
///
/// A part may have no byte at all, and its letter has a kilobyte: an aggregate of 600 kB could come to 100,000 letters.
/// A few tell whoever looks into it which parts are broken; where many are, it is the record that is.
pub(super) const MOST_UNREADABLE: u64 = 8;

/// The parts of the record in hand, as they are taken into a batch.
pub(super) struct RecordParts {
    /// The record as it came.
    record: RecordSpan,
    /// What the record as a whole suffers from, if it is dead-lettered as one.
    flaw: PayloadError,
    /// Where the batch ended before it.
    end_before: BatchEnd,
    count: u64,
    unreadable: u64,
    /// Of the first one that can't be read, its place and why.
    first: Option<(u64, Cow<'static, str>)>,
}

/// Where a batch ends.
#[derive(Clone, Copy)]
struct BatchEnd {
    payloads: usize,
    texts: usize,
    slots: usize,
}

impl RecordParts {
    /// None so far, of a record that goes into a batch.
    pub(super) fn of(record: RecordSpan, flaw: PayloadError, batch: &Batch) -> Self {
        let end_before =
            BatchEnd { payloads: batch.payloads.len(), texts: batch.texts.len(), slots: batch.slots.len() };
        Self { record, flaw, end_before, count: 0, unreadable: 0, first: None }
    }

    /// Takes the next part into the batch. Once too many could not be read, it is only counted: what was appended to the
    /// batch goes again.
    pub(super) fn push(&mut self, batch: &mut Batch, slot: RecordSpan) {
        if self.is_one() {
            self.take_back(batch);
        } else {
            let sub_sequence_number = self.number(batch);
            batch.slots.push_back(RecordSpan { sub_sequence_number, ..slot });
        }
        self.count += 1;
    }

    /// Takes a part that no transform sees into the batch.
    pub(super) fn push_undecodable(
        &mut self,
        batch: &mut Batch,
        slot: RecordSpan,
        flaw: PayloadError,
        reason: impl Into<Cow<'static, str>>,
    ) {
        let reason = reason.into();
        if flaw != PayloadError::Nothing {
            self.unreadable += 1;
            let number = self.number(batch);
            self.first.get_or_insert_with(|| (number, reason.clone()));
        }
        self.push(batch, RecordSpan { undecodable: Some(Box::new(Undecodable { flaw, reason })), ..slot });
    }

    /// Ends the record: where too many parts could not be read, it goes into the batch as one, as it came.
    pub(super) fn end(self, batch: &mut Batch) {
        if !self.is_one() {
            return;
        }
        self.take_back(batch);
        let Self { record, flaw, count, unreadable, first, .. } = self;
        let (place, why) = first.unwrap_or_default();
        let reason = format!(
            "{unreadable} of its {count} parts can't be read, and the record is dead-lettered as one: part {place}: {why}",
        );
        let undecodable = Some(Box::new(Undecodable { flaw, reason: reason.into() }));
        batch.slots.push_back(RecordSpan { undecodable, ..record });
    }

    /// Returns the sub-sequence number of the next part.
    fn number(&self, batch: &Batch) -> u64 {
        batch.numbering.number(self.record.sub_sequence_number, self.count)
    }

    fn is_one(&self) -> bool {
        self.unreadable > MOST_UNREADABLE
    }

    fn take_back(&self, batch: &mut Batch) {
        let BatchEnd { payloads, texts, slots } = self.end_before;
        batch.payloads.truncate(payloads);
        batch.texts.truncate(texts);
        batch.slots.truncate(slots);
    }
}
