//! What is acknowledged of the events of an invocation: a pure account. It does no I/O, looks at no clock, and each
//! entry costs the same however many there are and whatever fails.
//!
//! The promise is kept here: an event is acknowledged when its entry is done, and all before it are. An entry is done
//! when nothing is outstanding: each of its outputs was delivered, or its dead letter was written.

use std::collections::BTreeMap;

use super::report::{Cause, Counts, Failure};
use crate::checkpoint::DeliveredOutputs;
use crate::dead_letter::DeadLetterKind;

/// The account of one invocation. The events of its batch come in parts, one after the other; indices are those in the
/// part at hand.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Events of earlier parts. All of them are acknowledged, or the part at hand is the last.
    before: usize,
    /// What became of those.
    counts: Counts,
    /// The entries of the part at hand, as far as verdicts came.
    entries: Vec<LedgerEntry>,
    /// How many events the part has.
    events: usize,
    /// Where the acknowledged events end, if they do. It only ever moves towards the front.
    stop: Option<LedgerStop>,
    /// By the index of its event, the first output of it that was not delivered: of the first events.
    undelivered: BTreeMap<usize, Undelivered>,
    first_dead_letter: Option<Failure>,
}

/// What an event came to, if it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventOutcome {
    Kept,
    Dropped,
    Folded,
    Emitted,
    Failed(DeadLetterKind),
    /// It held nothing.
    Control,
    /// It was acknowledged before.
    Skipped,
}

/// One event's entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct LedgerEntry {
    fate: EventOutcome,
    /// Outputs that are not delivered yet; of a failed event, its dead letter.
    outstanding: u32,
    outputs: u32,
    bytes: u64,
}

impl LedgerEntry {
    /// Returns the entry of an event of which nothing is to be delivered.
    pub(super) fn without_outputs(fate: EventOutcome) -> Self {
        Self { fate, outstanding: 0, outputs: 0, bytes: 0 }
    }

    /// Returns the entry of an event with so many outputs, of so many bytes together, of which the first were delivered
    /// when it came before.
    pub(super) fn with_outputs(fate: EventOutcome, outputs: u32, bytes: u64, delivered_before: u32) -> Self {
        Self { fate, outstanding: outputs.saturating_sub(delivered_before), outputs, bytes }
    }

    /// Returns the entry of an event that failed for good; its dead letter is outstanding.
    pub(super) fn failed(kind: DeadLetterKind) -> Self {
        Self { fate: EventOutcome::Failed(kind), outstanding: 1, outputs: 0, bytes: 0 }
    }
}

/// Where the acknowledged events end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedgerStop {
    /// The index in the part of the first event that is not acknowledged.
    pub(super) index: usize,
    pub(super) cause: Cause,
    pub(super) reason: String,
}

/// The first output of an event that was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Undelivered {
    /// Its place among the outputs of the event.
    ordinal: u32,
    /// The digest of the outputs before it, where it is known.
    digest: Option<[u8; 32]>,
}

/// The most events of which it is remembered what of their outputs was delivered. Of others, all are delivered again.
const MOST_UNDELIVERED: usize = 256;

impl Ledger {
    /// Begins with a part of so many events, of which the first are acknowledged already.
    pub(super) fn begin_part(&mut self, events: usize, skipped: usize) {
        debug_assert!(self.stop.is_none(), "nothing comes behind a stop");
        self.close_part(self.events);
        self.before += std::mem::replace(&mut self.events, events);
        self.entries.reserve(events);
        self.entries.resize(skipped.min(events), LedgerEntry::without_outputs(EventOutcome::Skipped));
    }

    /// Returns the index of the event whose verdict comes next.
    pub(super) fn next(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether no further verdict of this part is of use.
    pub(super) fn is_over(&self) -> bool {
        self.entries.len() >= self.end()
    }

    /// Returns the index behind the last event of the part that is acknowledged, if nothing else fails.
    pub(super) fn end(&self) -> usize {
        self.stop.as_ref().map_or(self.events, |stop| stop.index)
    }

    /// Returns where the acknowledged events end, as far as is known yet.
    pub(super) fn stop(&self) -> Option<&LedgerStop> {
        self.stop.as_ref()
    }

    /// Returns how many events there were in earlier parts.
    pub(super) fn before(&self) -> usize {
        self.before
    }

    /// Returns what of an event's outputs was delivered, before the first one that was not.
    pub(super) fn delivered_of(&self, index: usize) -> DeliveredOutputs {
        let undelivered = self.undelivered.get(&index);
        let known = undelivered.and_then(|Undelivered { ordinal, digest }| Some((*ordinal, (*digest)?)));
        known.map_or(DeliveredOutputs::NONE, |(outputs, digest)| DeliveredOutputs { outputs, digest: Some(digest) })
    }

    /// Enters the next event.
    pub(super) fn enter(&mut self, entry: LedgerEntry) {
        self.entries.push(entry);
    }

    /// Enters that one output of an event was delivered.
    pub(super) fn delivered(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index)
            && !matches!(entry.fate, EventOutcome::Failed(_))
        {
            entry.outstanding = entry.outstanding.saturating_sub(1);
        }
    }

    /// Enters that an output was not delivered. `digest` is asked for that of the outputs before it, where it is of use.
    pub(super) fn not_delivered(&mut self, index: usize, ordinal: u32, digest: impl FnOnce() -> Option<[u8; 32]>) {
        let is_full = self.undelivered.len() >= MOST_UNDELIVERED;
        if is_full && self.undelivered.last_key_value().is_some_and(|(last, _)| *last < index) {
            return;
        }
        if self.undelivered.get(&index).is_some_and(|first| first.ordinal <= ordinal) {
            return;
        }
        self.undelivered.insert(index, Undelivered { ordinal, digest: if ordinal == 0 { None } else { digest() } });
        if self.undelivered.len() > MOST_UNDELIVERED {
            self.undelivered.pop_last();
        }
    }

    /// Enters that an event failed for good after all: what else it came to does not count.
    pub(super) fn failed(&mut self, index: usize, kind: DeadLetterKind) {
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = LedgerEntry::failed(kind);
        }
    }

    /// Enters that the dead letter of a failed event was written.
    pub(super) fn dead_lettered(&mut self, failure: Failure) {
        if let Some(entry) = self.entries.get_mut(failure.index) {
            entry.outstanding = 0;
        }
        let index = self.before + failure.index;
        if self.first_dead_letter.as_ref().is_none_or(|first| index < first.index) {
            self.first_dead_letter = Some(Failure { index, ..failure });
        }
    }

    /// Ends the acknowledged events before this one, unless they end sooner.
    pub(super) fn stop_at(&mut self, index: usize, cause: Cause, reason: impl Into<String>) {
        if index < self.end() {
            self.stop = Some(LedgerStop { index, cause, reason: reason.into() });
        }
    }

    /// Returns whether an event behind the stop is done all the same: it need not be done again.
    pub(super) fn is_done(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.outstanding == 0)
    }

    /// Ends the acknowledged events before the first that is not done. Called when nothing of the part is on its way any
    /// more: each event is done then, or something stands in its way.
    pub(super) fn check(&mut self) {
        let end = self.end();
        let first = self.entries.iter().take(end).position(|entry| entry.outstanding > 0);
        let missing = (self.entries.len() < end).then_some(self.entries.len());
        if let Some(index) = first.or(missing) {
            self.stop_at(index, Cause::NotDelivered, "there was no answer for one of its outputs");
        }
    }

    /// Returns the counts of all events, of which those from `end` of the part on are not acknowledged, and the first dead
    /// letter. `left` events were not even looked at.
    pub(super) fn finish(mut self, end: Option<usize>, left: usize) -> (Counts, Option<Failure>) {
        let end = end.unwrap_or(self.events);
        let acknowledged = self.before + end;
        self.close_part(end);
        self.counts.records = (self.before + self.events + left) as u64;
        self.counts.unacknowledged = (self.before + self.events + left - acknowledged) as u64;
        // What was dead-lettered behind the stop comes again.
        (self.counts, self.first_dead_letter.filter(|failure| failure.index < acknowledged))
    }

    /// Counts the entries of the part at hand, up to an index.
    fn close_part(&mut self, end: usize) {
        for entry in self.entries.drain(..).take(end) {
            let counts = &mut self.counts;
            match entry.fate {
                EventOutcome::Kept => counts.kept += 1,
                EventOutcome::Dropped => counts.dropped += 1,
                EventOutcome::Folded => counts.folded += 1,
                EventOutcome::Emitted => counts.emitted += 1,
                EventOutcome::Failed(kind) => *counts.dead_lettered.entry(kind).or_default() += 1,
                EventOutcome::Control => counts.control += 1,
                EventOutcome::Skipped => counts.skipped += 1,
            }
            counts.outputs += u64::from(entry.outputs);
            counts.output_bytes += entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    /// What comes of one event, in a case.
    #[derive(Debug, Clone, Copy)]
    enum TestStep {
        Dropped,
        /// So many outputs, of which one may fail, and one may turn out to be undeliverable.
        Outputs {
            count: u32,
            fails: Option<u32>,
            never: Option<u32>,
        },
        /// Its dead letter is written, or not.
        Failed {
            is_written: bool,
        },
        /// The transform asks for it again.
        Retry,
        /// A sink forgets to answer for one of its outputs.
        Forgotten {
            count: u32,
        },
    }

    impl TestStep {
        /// The model: whether the event is acknowledged.
        fn is_acknowledged(self, letters_are_written: bool) -> bool {
            match self {
                TestStep::Dropped => true,
                TestStep::Outputs { count, fails, never } => {
                    let is_one = |place: Option<u32>| place.is_some_and(|place| place < count);
                    !is_one(fails) && (!is_one(never) || letters_are_written)
                }
                TestStep::Failed { is_written } => is_written,
                TestStep::Retry => false,
                TestStep::Forgotten { count } => count == 0,
            }
        }
    }

    fn step() -> impl Strategy<Value = TestStep> {
        let place = || prop_oneof![6 => Just(None), 1 => (0u32..4).prop_map(Some)];
        prop_oneof![
            4 => Just(TestStep::Dropped),
            12 => (0u32..4, place(), place()).prop_map(|(count, fails, never)| TestStep::Outputs { count, fails, never }),
            3 => prop_oneof![4 => Just(true), 1 => Just(false)].prop_map(|is_written| TestStep::Failed { is_written }),
            1 => Just(TestStep::Retry),
            1 => (0u32..3).prop_map(|count| TestStep::Forgotten { count }),
        ]
    }

    /// Plays a part as a settlement does: verdicts in groups, and behind each what came of its outputs, in another order.
    fn play(ledger: &mut Ledger, part: &[TestStep], group: usize, letters_are_written: bool) {
        ledger.begin_part(part.len(), 0);
        for (number, steps) in part.chunks(group.max(1)).enumerate() {
            let first = number * group.max(1);
            for (index, step) in (first..).zip(steps) {
                if ledger.is_over() {
                    break;
                }
                match *step {
                    TestStep::Dropped => ledger.enter(LedgerEntry::without_outputs(EventOutcome::Dropped)),
                    TestStep::Outputs { count, .. } | TestStep::Forgotten { count } => {
                        ledger.enter(LedgerEntry::with_outputs(EventOutcome::Emitted, count, count.into(), 0));
                    }
                    TestStep::Failed { .. } => ledger.enter(LedgerEntry::failed(DeadLetterKind::Rejected)),
                    TestStep::Retry => ledger.stop_at(index, Cause::Retry, "later"),
                }
            }
            let entered = first..ledger.next().min(first + steps.len());
            for index in entered.rev() {
                let failure = |kind| Failure { index, kind, reason: String::new() };
                match part[index] {
                    TestStep::Outputs { count, fails, never } => {
                        let mut is_undeliverable = false;
                        for ordinal in 0..count {
                            if fails == Some(ordinal) {
                                ledger.not_delivered(index, ordinal, || None);
                                ledger.stop_at(index, Cause::NotDelivered, "down");
                            } else if never == Some(ordinal) {
                                is_undeliverable = true;
                            } else {
                                ledger.delivered(index);
                            }
                        }
                        if is_undeliverable {
                            ledger.failed(index, DeadLetterKind::Undeliverable);
                            if letters_are_written {
                                ledger.dead_lettered(failure(DeadLetterKind::Undeliverable));
                            } else {
                                ledger.stop_at(index, Cause::DeadLetterFailed(DeadLetterKind::Undeliverable), "down");
                            }
                            // Too late to change anything.
                            ledger.delivered(index);
                        }
                    }
                    TestStep::Failed { is_written: true } => ledger.dead_lettered(failure(DeadLetterKind::Rejected)),
                    TestStep::Failed { is_written: false } => {
                        ledger.stop_at(index, Cause::DeadLetterFailed(DeadLetterKind::Rejected), "down");
                    }
                    TestStep::Forgotten { count } => (1..count).for_each(|_| ledger.delivered(index)),
                    TestStep::Dropped | TestStep::Retry => {}
                }
            }
        }
        ledger.check();
    }

    proptest! {
        #[test]
        fn what_is_acknowledged_is_what_was_done(
            parts in prop::collection::vec(prop::collection::vec(step(), 0..20), 1..4),
            group in 1usize..8,
            letters_are_written: bool,
        ) {
            let mut ledger = Ledger::default();
            let mut events = 0;
            let mut left = 0;
            let mut model = None;
            for part in &parts {
                if model.is_some() {
                    left += part.len();
                    continue;
                }
                play(&mut ledger, part, group, letters_are_written);
                model = part.iter().position(|step| !step.is_acknowledged(letters_are_written));
                prop_assert_eq!(ledger.stop().map(|stop| stop.index), model);
                prop_assert_eq!(ledger.before(), events);
                events += part.len();
                if let Some((index, _)) = ledger.undelivered.first_key_value() {
                    prop_assert!(model.is_some_and(|end| *index >= end));
                }
            }
            let before = ledger.before();
            let end = ledger.end();
            let (counts, first) = ledger.finish(model, left);
            prop_assert_eq!(counts.records as usize, events + left);
            prop_assert_eq!(counts.unacknowledged as usize, events + left - before - end);
            let all = counts.kept + counts.dropped + counts.emitted + counts.all_dead_lettered();
            prop_assert_eq!(all as usize, before + end);
            prop_assert_eq!(first.is_some(), counts.all_dead_lettered() > 0);
        }
    }

    /// Counts how often a reason is made.
    struct RetryReason<'a>(&'a Cell<u64>);

    impl From<RetryReason<'_>> for String {
        fn from(reason: RetryReason<'_>) -> Self {
            reason.0.set(reason.0.get() + 1);
            String::new()
        }
    }

    /// Whatever fails, and in whichever order it is told, a failure costs no more than a success: the work that is done
    /// for it is done for the first ones alone.
    #[test]
    fn each_entry_costs_the_same_however_many_fail() {
        for events in [1_000, 10_000, 100_000, 1_000_000] {
            let (reasons, digests) = (Cell::new(0), Cell::new(0_usize));
            let mut ledger = Ledger::default();
            ledger.begin_part(events, 0);
            (0..events).for_each(|_| ledger.enter(LedgerEntry::with_outputs(EventOutcome::Kept, 1, 1, 0)));
            for index in 0..events {
                ledger.not_delivered(index, 1, || {
                    digests.set(digests.get() + 1);
                    None
                });
                ledger.stop_at(index, Cause::NotDelivered, RetryReason(&reasons));
            }
            ledger.check();
            assert_eq!((reasons.get(), digests.get()), (1, MOST_UNDELIVERED), "{events}");
            let (counts, _) = ledger.finish(Some(0), 0);
            assert_eq!((counts.records, counts.unacknowledged), (events as u64, events as u64));
        }
    }

    #[test]
    fn an_output_that_was_delivered_before_is_not_outstanding() {
        let mut ledger = Ledger::default();
        ledger.begin_part(1, 0);
        ledger.enter(LedgerEntry::with_outputs(EventOutcome::Emitted, 3, 30, 2));
        assert!(!ledger.is_done(0));
        ledger.delivered(0);
        assert!(ledger.is_done(0));
        ledger.check();
        assert_eq!(ledger.stop(), None);
        let (counts, _) = ledger.finish(None, 0);
        assert_eq!((counts.emitted, counts.outputs, counts.output_bytes), (1, 3, 30));
    }
}
