//! A lane of a shard: gathers records into batches, and delivers each until the rules are done with it.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_kinesis::types::Record;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::activity::BatchStage;
use super::cancellation::CancellationLevel;
use super::commits::progress;
use super::context::{LaneContext, RunStopped};
use super::page::{arrived_at, batch_of};
use super::read_ledger::numbers;
use super::windowed::{Windowed, stop_at_first};
use crate::backoff::Backoff;
use crate::checkpoint::{BlockedProgress, DeliveredOutputs};
use crate::event::{self, Batch};
use crate::processor::{Cause, Report, Stop};
use crate::sink::{Delivery, Output};
use crate::source::mapping::{
    BatchFill, DeliveryOutcome, DiscardedRecords, IncludeRecords, MappingStep, Retries, WindowStep, describe,
};
use crate::timestamp::now_millis;

/// A record that was read.
#[derive(Debug)]
pub(super) struct ReadRecord {
    /// Its number in the ledger.
    pub(super) number: u64,
    pub(super) record: Record,
    /// Whether a batch ends behind it, whatever room it has.
    pub(super) ends_batch: bool,
}

/// One of the lanes of a shard.
pub(super) struct ShardLane<'a> {
    at: LaneContext<'a>,
    inbox: mpsc::Receiver<Vec<ReadRecord>>,
    waiting: VecDeque<ReadRecord>,
    /// How many of those it is known of whether a batch ends behind them.
    checked: usize,
    windows: Windowed<'a>,
}

/// What is next.
enum NextBatch {
    Batch(Vec<ReadRecord>),
    /// The window that is open, and no record of it is left.
    EndOfWindow,
    /// All that was read is done with.
    Nothing,
}

impl<'a> ShardLane<'a> {
    pub(super) fn new(at: LaneContext<'a>, inbox: mpsc::Receiver<Vec<ReadRecord>>) -> Self {
        Self { at, inbox, waiting: VecDeque::new(), checked: 0, windows: Windowed::new(at) }
    }

    /// Delivers until all that was read is done with.
    ///
    /// # Errors
    /// When the run is stopped before that.
    pub(super) async fn run(mut self) -> Result<(), RunStopped> {
        let end = self.run_to_its_end().await;
        self.at.statuses.lane_is_at(self.at.index, None);
        if end.is_err() {
            self.windows.leave();
        }
        end
    }

    async fn run_to_its_end(&mut self) -> Result<(), RunStopped> {
        loop {
            match self.next_batch().await? {
                NextBatch::Batch(batch) => self.deliver(&batch).await?,
                NextBatch::EndOfWindow => self.windows.close().await?,
                NextBatch::Nothing => return self.windows.close().await,
            }
            self.at.statuses.lane_is_at(self.at.index, None);
        }
    }

    /// The next batch: full, or what came within the batching window, and all of one tumbling window.
    async fn next_batch(&mut self) -> Result<NextBatch, RunStopped> {
        if self.waiting.is_empty() {
            let time_limit = self.windows.time_limit();
            match timeout(time_limit, self.receive()).await {
                Ok(received) => match received? {
                    Some(records) => self.waiting.extend(records),
                    None => return Ok(NextBatch::Nothing),
                },
                Err(_) => return Ok(NextBatch::EndOfWindow),
            }
        }
        self.check().await?;
        let at = self.at;
        let until = Instant::now() + at.run.limits.window;
        let mut count = self.fits();
        while count == self.waiting.len() && !self.ends_behind(count) && !at.run.limits.window.is_zero() {
            // More than may be in flight does not come.
            let more = tokio::select! {
                biased;
                more = timeout_at(until, self.receive()) => more,
                () = at.in_flight.is_full(at.read_ledger) => break,
            };
            match more {
                Ok(more) => match more? {
                    Some(records) => self.waiting.extend(records),
                    None => break,
                },
                Err(_) => break,
            }
            self.check().await?;
            count = self.fits();
        }
        if count == 0 {
            return Ok(NextBatch::EndOfWindow);
        }
        self.checked = self.checked.saturating_sub(count);
        Ok(NextBatch::Batch(self.waiting.drain(..count).collect()))
    }

    /// Finds out of the records that came since whether a batch ends behind them. What is waiting stays, whatever comes of it.
    async fn check(&mut self) -> Result<(), RunStopped> {
        let Some(check) = &self.at.run.check else { return Ok(()) };
        let unchecked = self.waiting.range(self.checked..).map(|taken| &taken.record);
        if unchecked.len() == 0 {
            return Ok(());
        }
        let batch = Arc::new(batch_of(self.at.statuses.shard(), unchecked));
        let ends = tokio::select! {
            biased;
            () = self.at.cancellation.reaches(CancellationLevel::Stop) => return Err(RunStopped),
            ends = check.ends(batch) => ends,
        };
        for (taken, ends) in self.waiting.range_mut(self.checked..).zip(ends) {
            taken.ends_batch = ends;
        }
        self.checked = self.waiting.len();
        Ok(())
    }

    /// Whether a batch of the first so many that wait can't become larger.
    fn ends_behind(&self, count: usize) -> bool {
        count.checked_sub(1).and_then(|last| self.waiting.get(last)).is_some_and(|last| last.ends_batch)
    }

    async fn receive(&mut self) -> Result<Option<Vec<ReadRecord>>, RunStopped> {
        tokio::select! {
            biased;
            () = self.at.cancellation.reaches(CancellationLevel::Stop) => Err(RunStopped),
            records = self.inbox.recv() => Ok(records),
        }
    }

    /// How many of the records that wait fit into one batch; none: they are of a later window than the one that is open.
    fn fits(&mut self) -> usize {
        let mut fill = BatchFill::new(self.at.run.limits);
        let mut is_over = false;
        let takes = |taken: &&ReadRecord| {
            let key = taken.record.partition_key().map_or(0, str::len);
            !std::mem::replace(&mut is_over, taken.ends_batch) && fill.takes(taken.record.data.as_ref().len(), key)
        };
        let fits = self.waiting.iter().take_while(takes).count();
        match self.windows.next(self.waiting.iter().map(|taken| arrived_at(&taken.record))) {
            None => fits,
            Some(WindowStep::End) => 0,
            Some(WindowStep::Records(records)) => fits.min(records.end),
        }
    }

    /// Delivers a batch until each of its records is done or given up.
    async fn deliver(&mut self, records: &[ReadRecord]) -> Result<(), RunStopped> {
        let mut retries =
            Retries::new(self.at.run.rules, records.iter().map(|taken| arrived_at(&taken.record)).collect());
        let all_numbers: Vec<u64> = records.iter().map(|taken| taken.number).collect();
        let started = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            if self.at.cancellation.is_stopped() {
                return Err(RunStopped);
            }
            match retries.next(now_millis()) {
                MappingStep::Over => {
                    self.at.statuses.batch_took(started.elapsed());
                    return Ok(());
                }
                MappingStep::Discard(discard) => {
                    self.at.is_at(BatchStage::Describing);
                    self.give_up(&records[discard.range.clone()], &discard).await?;
                    self.settle(numbers(&all_numbers, discard.range), None).await;
                }
                MappingStep::Deliver(delivery) => {
                    let delivered = &records[delivery.range.clone()];
                    let batch = Arc::new(self.batch(delivered));
                    self.at.is_at(BatchStage::Processing);
                    let processed = tokio::select! {
                        biased;
                        processed = self.windows.process(Arc::clone(&batch)) => processed,
                        () = self.at.cancellation.cuts_off() => {
                            return Err(self.leave_behind(&batch, delivery.attempt).await);
                        }
                    };
                    let (outcome, stop) = match processed {
                        Ok(report) => {
                            self.at.statuses.came_back(&report);
                            (outcome(&report, delivered, delivery.range.start), report.stop)
                        }
                        Err(error) => (DeliveryOutcome::Failed, stop_at_first(&batch, delivery.attempt, &error)),
                    };
                    let done = retries.came_back(outcome);
                    let has_progress = !done.is_empty();
                    self.settle(numbers(&all_numbers, done), stop.as_ref()).await;
                    if has_progress {
                        backoff.after_success();
                    } else {
                        self.at.pause(&mut backoff).await?;
                    }
                }
            }
        }
    }

    /// Leaves a batch that the run has no more time for.
    async fn leave_behind(&self, batch: &Batch, attempts: u32) -> RunStopped {
        if let Some(first) = batch.iter().next() {
            let stop = Stop {
                index: 0,
                position: event::Position::of(first),
                replay_from: batch.lowest_from(0).into(),
                attempts,
                delivered: DeliveredOutputs::NONE,
                cause: Cause::Deadline,
                reason: format!(
                    "its batch was under way, and not acknowledged within the {} s that a run has to end; outputs of it \
                     that were delivered come again",
                    self.at.cancellation.grace().as_secs()
                ),
            };
            self.settle(std::iter::empty(), Some(&stop)).await;
        }
        RunStopped
    }

    /// Records are done with, and perhaps something stands in the way.
    async fn settle(&self, done: impl Iterator<Item = u64>, stop: Option<&Stop>) {
        let progress = {
            let mut read_ledger = self.at.read_ledger.borrow_mut();
            let before = progress(self.at.statuses, &read_ledger);
            read_ledger.done(done);
            self.at.in_flight.has_changed();
            read_ledger.stands_still(self.at.index, stop.map(stuck));
            if progress(self.at.statuses, &read_ledger) == before {
                // Another lane is behind this one.
                return;
            }
            let position = read_ledger.position().map(|last| last.sequence_number.as_str());
            self.at.statuses.is_done_up_to(position, read_ledger.stuck(), read_ledger.oldest_arrival());
            progress(self.at.statuses, &read_ledger)
        };
        self.at.is_at(BatchStage::Committing);
        self.at.run.commits.note(self.at.statuses, progress).await;
        self.at.is_at(BatchStage::Processing);
    }

    /// Says which records are given up, for as long as it takes until that is written.
    async fn give_up(&self, records: &[ReadRecord], discard: &DiscardedRecords) -> Result<(), RunStopped> {
        let batch = self.batch(records);
        let Some(first) = batch.iter().next() else { return Ok(()) };
        tracing::warn!(
            shard_id = batch.shard_id(),
            sequence_number = first.sequence_number.as_str(),
            records = batch.len(),
            invocations = discard.invocations,
            "given up: {}",
            discard.condition.as_str(),
        );
        if let Some(on_failure) = self.at.run.on_failure {
            let mut backoff = Backoff::default();
            let mut payload = on_failure.payload;
            loop {
                let body = describe(&batch, discard, &request_id(), now_millis(), payload);
                let output = Output { data: &body, ..Output::as_it_came(batch.shard(), first) };
                let outputs = [output];
                let answer = tokio::select! {
                    biased;
                    answer = on_failure.sink.deliver(&outputs, None) => answer,
                    () = self.at.cancellation.cuts_off() => return Err(RunStopped),
                };
                match answer.deliveries.into_iter().next() {
                    Some(Delivery::Delivered) => break,
                    Some(Delivery::Undeliverable { .. }) if payload == IncludeRecords::Included => {
                        payload = IncludeRecords::LeftOut
                    }
                    Some(Delivery::Failed { reason } | Delivery::Undeliverable { reason }) => {
                        if backoff.is_worth_telling() {
                            tracing::warn!(shard_id = batch.shard_id(), "--on-failure does not take it: {reason}");
                        }
                        self.at.pause(&mut backoff).await?;
                    }
                    None => self.at.pause(&mut backoff).await?,
                }
            }
        }
        self.at.statuses.discards(batch.len());
        Ok(())
    }

    fn batch(&self, records: &[ReadRecord]) -> Batch {
        batch_of(self.at.statuses.shard(), records.iter().map(|taken| &taken.record))
    }
}

/// What came of a delivery, by the indices of the whole batch, in which it starts at `start`.
fn outcome(report: &Report, delivered: &[ReadRecord], start: usize) -> DeliveryOutcome {
    let Some(stop) = &report.stop else { return DeliveryOutcome::Done };
    if stop.cause == Cause::TransformDown {
        return DeliveryOutcome::Failed;
    }
    let lowest =
        delivered.iter().position(|taken| taken.record.sequence_number == stop.replay_from.sequence_number().as_str());
    lowest.map_or(DeliveryOutcome::Failed, |index| DeliveryOutcome::StoppedAt(start + index))
}

fn stuck(stop: &Stop) -> BlockedProgress {
    BlockedProgress {
        position: stop.position.clone(),
        attempts: stop.attempts,
        delivered: None,
        made_by: String::new(),
        code: Some(stop.cause.code()),
        reason: format!("{}: {}", stop.cause, stop.reason),
    }
}

/// As Lambda's look: a UUID.
fn request_id() -> String {
    let bits = fastrand::u128(..);
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
