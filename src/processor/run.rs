//! One run per invocation: it owns the time budget, the retry budget, the ledger and the work at the checkpoint table, and
//! the parts of the batch are fed into it one after the other.

use std::sync::Arc;
use std::time::Instant;

use super::batch_checkpoint::{BatchCheckpoint, RecalledProgress};
use super::blocked::{BlockedRecord, DoneBehind};
use super::flow_control::BatchFlowControl;
use super::ledger::Ledger;
use super::observer::Observer;
use super::pace::Pacer;
use super::report::{Cause, Counts, Report, Statistics, Stop};
use super::retry_budget::RetryBudget;
use super::time::TimeBudget;
use super::{Deadline, Destinations, Processor, StopLog};
use crate::checkpoint::{CheckpointWriter, ResumePoint};
use crate::event::{Batch, Event, Position, Shard};
use crate::transform::{Emissions, LogBudget};

/// What one invocation has, from its first event to its report.
pub(super) struct BatchRun<'a> {
    processor: &'a Processor,
    pub(super) destinations: &'a Destinations,
    pub(super) observer: Option<&'a dyn Observer>,
    pub(super) time: TimeBudget,
    pub(super) retry: RetryBudget,
    pub(super) ledger: Ledger,
    pub(super) statistics: Statistics,
    /// What guests may write to the log.
    pub(super) log: LogBudget,
    /// Whether any target took anything.
    pub(super) took_anything: bool,
    shard: Shard,
    batch_checkpoint: BatchCheckpoint<'a>,
    /// What this process, and the table, know of what is done already.
    known: KnownProgress,
    /// Payload bytes of the parts so far.
    bytes: usize,
    /// Records that were not even looked at.
    left: usize,
    stopped: Option<StoppedAt>,
}

/// What is known of a batch before it is processed.
#[derive(Debug, Default)]
struct KnownProgress {
    /// The record that blocked the shard, as this process remembers it.
    remembered: Option<Arc<BlockedRecord>>,
    /// The record that blocked the shard, as the checkpoint table has it.
    in_table: Option<Arc<BlockedRecord>>,
    /// What is before this point is acknowledged.
    acknowledged: Option<ResumePoint>,
}

/// Where a batch stopped, and what is done behind.
struct StoppedAt {
    stop: Stop,
    /// How many events of its part are acknowledged: all of a record is, or nothing.
    end: usize,
    behind: DoneBehind,
}

impl<'a> BatchRun<'a> {
    /// Begins with a batch: its records, as they came.
    pub(super) fn begin(
        processor: &'a Processor,
        destinations: &'a Destinations,
        checkpoint_writer: Option<&'a CheckpointWriter>,
        batch: &Batch,
        deadline: Option<Deadline>,
    ) -> Self {
        // Of nothing there is nothing to say.
        let checkpoint_writer = checkpoint_writer.filter(|_| !batch.is_empty());
        let time = TimeBudget::new(deadline, checkpoint_writer.map(CheckpointWriter::timeout).unwrap_or_default());
        Self::with_time(processor, destinations, checkpoint_writer, batch, time)
    }

    /// Begins with what comes of a batch that is under way, in the time of that.
    pub(super) fn within(
        processor: &'a Processor,
        destinations: &'a Destinations,
        batch: &Batch,
        time: TimeBudget,
    ) -> Self {
        Self::with_time(processor, destinations, None, batch, time)
    }

    fn with_time(
        processor: &'a Processor,
        destinations: &'a Destinations,
        checkpoint_writer: Option<&'a CheckpointWriter>,
        batch: &Batch,
        time: TimeBudget,
    ) -> Self {
        let remembered = processor.blocked_records().in_batch(batch);
        let made_by = checkpoint_writer.map(|_| processor.made_by()).unwrap_or_default();
        let retry = RetryBudget::new(processor.retry_limits, remembered.clone());
        if checkpoint_writer.is_none() {
            // There is nobody to ask.
            retry.others_know(None);
        }
        Self {
            processor,
            destinations,
            observer: processor.observer.as_deref(),
            time,
            retry,
            ledger: Ledger::default(),
            statistics: Statistics::default(),
            log: LogBudget::of(batch),
            took_anything: false,
            shard: batch.shard().clone(),
            batch_checkpoint: BatchCheckpoint::new(checkpoint_writer, batch.shard(), made_by, processor.unpacking),
            known: KnownProgress { remembered, ..KnownProgress::default() },
            bytes: 0,
            left: 0,
            stopped: None,
        }
    }

    /// Asks the table for what is done already, where that may spare anything: it skips what is acknowledged, another
    /// process may have begun with the first record, or this one comes again.
    pub(super) async fn recall_what_is_done(&mut self) {
        if !self.batch_checkpoint.is_on() {
            return;
        }
        let is_first = self.processor.blocked_records().is_first_of(&self.shard);
        if is_first || self.known.remembered.is_some() || self.batch_checkpoint.skips() {
            let RecalledProgress { acknowledged, blocked } = self.batch_checkpoint.recall(&self.time).await;
            self.known.acknowledged = acknowledged;
            self.known.in_table = blocked.map(Arc::new);
            self.retry.others_know(self.known.in_table.clone());
        }
    }

    /// Asks the table for the attempts of others, where they matter; nothing that is done is skipped by it.
    pub(super) async fn recall_attempts(&mut self) {
        let recalled = self.batch_checkpoint.recall(&self.time).await;
        self.retry.others_know(recalled.blocked.map(Arc::new));
    }

    /// Returns whether an event is done already.
    pub(super) fn is_done(&self, event: Event<'_>) -> bool {
        let KnownProgress { remembered, in_table, acknowledged } = &self.known;
        acknowledged.as_ref().is_some_and(|point| point.is_behind(event))
            || remembered.iter().chain(in_table).any(|blocked| blocked.is_done(event))
    }

    /// Returns how many events at the front of a part are done already.
    pub(super) fn done_at_the_front(&self, part: &Batch) -> usize {
        let KnownProgress { remembered: None, in_table: None, acknowledged: None } = self.known else {
            return part.iter().take_while(|event| self.is_done(*event)).count();
        };
        0
    }

    /// Returns how many of an event's first outputs were delivered already.
    pub(super) fn delivered_of(&self, event: Event<'_>, emissions: &Emissions) -> u32 {
        let all = self.known.remembered.iter().chain(&self.known.in_table);
        all.map(|blocked| blocked.delivered_of(event, emissions.iter())).max().unwrap_or(0)
    }

    /// Returns whether an event may use up its attempts in this invocation, so that time has to be left for its dead
    /// letter.
    pub(super) fn may_be_exhausted(&self) -> bool {
        self.destinations.dead_letters.is_some() && self.retry.may_be_used_up()
    }

    /// Returns why an event whose output was not delivered is given up; none: it comes again. A target that takes nothing
    /// at all is down, which is no fault of the event's: dead-lettering one after the other would drain the stream.
    pub(super) fn exhausted(&self, event: Event<'_>) -> Option<String> {
        let may_be = self.destinations.dead_letters.is_some() && self.took_anything;
        self.retry.has_used_up_attempts(event).filter(|_| may_be)
    }

    /// Returns what leads a guest through a part.
    pub(super) fn flow_control(&self, pacer: Option<Pacer>) -> BatchFlowControl {
        BatchFlowControl {
            retry: self.retry.clone(),
            pacer,
            has_dead_letters: self.destinations.dead_letters.is_some(),
        }
    }

    /// Ends a batch before its first event.
    pub(super) fn refuse(&mut self, batch: &Batch, cause: Cause, reason: &str) {
        self.ledger.begin_part(batch.len(), 0);
        self.ledger.stop_at(0, cause, reason);
        self.end_part(batch, 0);
    }

    /// Takes a part in whose settlement is finished, and of which so many events were done before.
    pub(super) fn end_part(&mut self, part: &Batch, skipped: usize) {
        self.bytes += part.payload_bytes();
        let Some(stopped) = self.ledger.stop().cloned() else {
            return self.batch_checkpoint.take_in(part, skipped, part.len(), None);
        };
        let replay_from = part.lowest_from(stopped.index);
        self.batch_checkpoint.take_in(part, skipped, stopped.index, Some(replay_from));
        let event = part.event(stopped.index);
        let mut behind = DoneBehind::default();
        for index in stopped.index + 1..self.ledger.next() {
            if self.ledger.is_done(index) {
                behind.insert(part.event(index));
            } else {
                behind.insert_outputs(part.event(index), self.ledger.delivered_of(index));
            }
        }
        let stop = Stop {
            index: self.ledger.before() + stopped.index,
            position: Position::of(event),
            replay_from: replay_from.into(),
            attempts: self.retry.attempts(event),
            delivered: self.ledger.delivered_of(stopped.index),
            cause: stopped.cause,
            reason: stopped.reason,
        };
        self.stopped = Some(StoppedAt { stop, end: part.start_of_record(stopped.index), behind });
    }

    /// Returns where the batch stopped, once the part is ended in which it did.
    pub(super) fn stop(&self) -> Option<&Stop> {
        self.stopped.as_ref().map(|stopped| &stopped.stop)
    }

    /// Takes in that these records, behind the stop, were not even looked at.
    pub(super) fn leave(&mut self, records: &Batch) {
        self.left += records.len();
        self.bytes += records.payload_bytes();
        if let Some(StoppedAt { stop, .. }) = &mut self.stopped
            && !records.is_empty()
        {
            let lowest = records.lowest_from(0);
            if lowest < stop.replay_from.sequence_number() {
                // As no shard sends it.
                stop.replay_from = lowest.into();
                self.batch_checkpoint.take_in(records, 0, 0, Some(lowest));
            }
        }
    }

    /// Remembers what there is to remember, says how far the batch came, and reports.
    pub(super) async fn finish(mut self, started: Instant) -> Report {
        let end = self.stopped.as_ref().map(|stopped| stopped.end);
        let mut stop = None;
        if let Some(StoppedAt { stop: mut at, behind, .. }) = self.stopped.take() {
            if at.attempts == 1 {
                // For the first time here: others may have tried it before.
                let recalled = self.batch_checkpoint.recall(&self.time).await;
                let in_table = recalled.blocked.filter(|blocked| blocked.position == at.position);
                at.attempts = in_table.map_or(1, |blocked| blocked.attempts.saturating_add(1));
            }
            if self.has_moved(&at) {
                at.attempts = 1;
            }
            self.remember(Some((&at, behind)));
            stop = Some(at);
        } else {
            self.remember(None);
        }
        let checkpoint = self.batch_checkpoint.note(stop.as_ref(), &self.time).await;
        let (counts, first_dead_letter) = self.ledger.finish(end, self.left);
        let mut counts = Counts { bytes: self.bytes as u64, ..counts };
        if self.destinations.dead_letters.as_ref().is_some_and(|letters| letters.are_discarded()) {
            counts.discarded = std::mem::take(&mut counts.dead_lettered).into_values().sum();
        }
        let mut statistics = Statistics { total: started.elapsed(), ..self.statistics };
        (statistics.checkpoint, statistics.checkpoint_troubles) = self.batch_checkpoint.statistics();
        self.log.end();
        let is_told = |stop: &&Stop| self.processor.stop_log == StopLog::Always || stop.attempts.is_power_of_two();
        if let Some(stop) = stop.as_ref().filter(is_told) {
            stop.log(&self.shard, counts.unacknowledged);
        }
        Report { stop, counts, first_dead_letter, checkpoint, statistics }
    }

    /// Returns whether more of a blocked event's outputs was delivered than before.
    fn has_moved(&self, stop: &Stop) -> bool {
        let mut known = self.known.remembered.iter().chain(&self.known.in_table);
        known.any(|blocked| {
            let before = blocked.delivered.map_or(0, |delivered| delivered.outputs);
            blocked.position == stop.position && stop.delivered.outputs > before
        })
    }

    /// Remembers where the batch stopped, or that the record is acknowledged that blocked its shard. Where batches of a
    /// shard are processed side by side, another one says nothing about that record.
    fn remember(&self, stop: Option<(&Stop, DoneBehind)>) {
        let before = self.known.remembered.as_deref();
        let mut records = self.processor.blocked_records();
        match stop {
            None => {
                if let Some(before) = before {
                    records.remove(&self.shard, before);
                }
            }
            Some((stop, behind)) => {
                let blocked = BlockedRecord {
                    position: stop.position.clone(),
                    attempts: stop.attempts,
                    delivered: Some(stop.delivered),
                    is_front_done: true,
                    behind,
                };
                records.insert(&self.shard, before.filter(|before| before.position < stop.position), blocked);
            }
        }
    }
}
