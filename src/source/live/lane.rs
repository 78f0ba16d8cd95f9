//! A lane of a shard: gathers records into batches, and delivers each until the rules are done with it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_kinesis::types::Record;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::board::ShardBoard;
use super::commits::progress;
use super::halt::Level;
use super::ledger::{Ledger, numbers};
use super::page::{arrived_at, now};
use super::shard::Context;
use super::windowed::stop_at_first;
use crate::backoff::Backoff;
use crate::checkpoint::Stuck;
use crate::event::{self, Batch};
use crate::processor::{Cause, Report, Stop};
use crate::sink::{Delivery, Output, Sink};
use crate::source::mapping::{Discard, Fill, Next, Outcome, Part, Payload, Retries, Windows, describe};

/// Where descriptions of records go that are given up.
pub struct OnFailure {
    /// The target.
    pub sink: Arc<dyn Sink>,
    /// Whether the records themselves go along.
    pub payload: Payload,
}

/// A record that was read.
#[derive(Debug)]
pub(super) struct Taken {
    /// Its number in the ledger.
    pub(super) number: u64,
    pub(super) record: Record,
}

/// How a lane ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaneEnd {
    /// All that was read is done with.
    Finished,
    /// The run was stopped before that.
    Stopped,
}

pub(super) struct Lane<'a> {
    pub(super) index: usize,
    pub(super) context: &'a Context<'a>,
    pub(super) board: &'a ShardBoard,
    pub(super) ledger: &'a RefCell<Ledger>,
    inbox: mpsc::Receiver<Vec<Taken>>,
    waiting: VecDeque<Taken>,
    /// None: there are none.
    pub(super) windows: Option<Windows>,
}

/// What is next.
enum Gathered {
    Batch(Vec<Taken>),
    /// The window that is open, and no record of it is left.
    EndOfWindow,
    /// All that was read is done with.
    Nothing,
}

impl<'a> Lane<'a> {
    pub(super) fn new(
        index: usize,
        context: &'a Context<'a>,
        board: &'a ShardBoard,
        ledger: &'a RefCell<Ledger>,
        inbox: mpsc::Receiver<Vec<Taken>>,
    ) -> Self {
        let windows = context.tumbling_window.map(Windows::new);
        Self { index, context, board, ledger, inbox, waiting: VecDeque::new(), windows }
    }

    pub(super) async fn run(mut self) -> LaneEnd {
        let end = self.run_to_its_end().await;
        if end == LaneEnd::Stopped {
            self.leave_window();
        }
        end
    }

    async fn run_to_its_end(&mut self) -> LaneEnd {
        loop {
            let (end, is_last) = match self.next_batch().await {
                Ok(Gathered::Batch(batch)) => (self.deliver(&batch).await, false),
                Ok(Gathered::EndOfWindow) => (self.close_window().await, false),
                Ok(Gathered::Nothing) => (self.close_window().await, true),
                Err(Stopped) => (LaneEnd::Stopped, true),
            };
            if is_last || end == LaneEnd::Stopped {
                return end;
            }
        }
    }

    /// The next batch: full, or what came within the batching window, and all of one tumbling window.
    async fn next_batch(&mut self) -> Result<Gathered, Stopped> {
        if self.waiting.is_empty() {
            let patience = self.patience();
            match timeout(patience, self.receive()).await {
                Ok(received) => match received? {
                    Some(records) => self.waiting.extend(records),
                    None => return Ok(Gathered::Nothing),
                },
                Err(_) => return Ok(Gathered::EndOfWindow),
            }
        }
        let until = Instant::now() + self.context.limits.window;
        let mut count = self.fits();
        while count == self.waiting.len() && !self.context.limits.window.is_zero() {
            match timeout_at(until, self.receive()).await {
                Ok(more) => match more? {
                    Some(records) => self.waiting.extend(records),
                    None => break,
                },
                Err(_) => break,
            }
            count = self.fits();
        }
        if count == 0 {
            return Ok(Gathered::EndOfWindow);
        }
        Ok(Gathered::Batch(self.waiting.drain(..count).collect()))
    }

    async fn receive(&mut self) -> Result<Option<Vec<Taken>>, Stopped> {
        tokio::select! {
            biased;
            () = self.context.halt.reaches(Level::Stop) => Err(Stopped),
            records = self.inbox.recv() => Ok(records),
        }
    }

    /// How many of the records that wait fit into one batch; none: they are of a later window than the one that is open.
    fn fits(&mut self) -> usize {
        let mut fill = Fill::new(self.context.limits);
        let takes = |taken: &&Taken| {
            let key = taken.record.partition_key().map_or(0, str::len);
            fill.takes(taken.record.data.as_ref().len(), key)
        };
        let fits = self.waiting.iter().take_while(takes).count();
        let Some(windows) = &mut self.windows else { return fits };
        match windows.next(self.waiting.iter().map(|taken| arrived_at(&taken.record))) {
            Part::End => 0,
            Part::Records(records) => fits.min(records.end),
        }
    }

    /// Delivers a batch until each of its records is done or given up.
    async fn deliver(&mut self, records: &[Taken]) -> LaneEnd {
        let mut retries =
            Retries::new(self.context.rules, records.iter().map(|taken| arrived_at(&taken.record)).collect());
        let all_numbers: Vec<u64> = records.iter().map(|taken| taken.number).collect();
        let mut backoff = Backoff::default();
        loop {
            if self.context.halt.is_stopped() {
                return LaneEnd::Stopped;
            }
            match retries.next(now()) {
                Next::Over => return LaneEnd::Finished,
                Next::Discard(discard) => {
                    if self.give_up(&records[discard.range.clone()], &discard).await == LaneEnd::Stopped {
                        return LaneEnd::Stopped;
                    }
                    self.settle(numbers(&all_numbers, discard.range), None).await;
                }
                Next::Deliver(delivery) => {
                    let delivered = &records[delivery.range.clone()];
                    let batch = Arc::new(self.batch(delivered));
                    let (outcome, stop) = match self.process(Arc::clone(&batch)).await {
                        Ok(report) => {
                            self.board.came_back(&report);
                            (outcome(&report, delivered, delivery.range.start), report.stop)
                        }
                        Err(error) => (Outcome::Failed, stop_at_first(&batch, delivery.attempt, &error)),
                    };
                    let done = retries.came_back(outcome);
                    let has_progress = !done.is_empty();
                    self.settle(numbers(&all_numbers, done), stop.as_ref()).await;
                    if has_progress {
                        backoff.after_success();
                    } else if self.pause(&mut backoff).await.is_err() {
                        return LaneEnd::Stopped;
                    }
                }
            }
        }
    }

    /// Waits before the next try.
    pub(super) async fn pause(&self, backoff: &mut Backoff) -> Result<(), Stopped> {
        let wait = backoff.after_failure(0.5 + fastrand::f64() / 2.0);
        tokio::select! {
            biased;
            () = self.context.halt.reaches(Level::Stop) => Err(Stopped),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// Records are done with, and perhaps something stands in the way.
    async fn settle(&self, done: impl Iterator<Item = u64>, stop: Option<&Stop>) {
        let progress = {
            let mut ledger = self.ledger.borrow_mut();
            let before = progress(self.board, &ledger);
            ledger.done(done);
            ledger.stands_still(self.index, stop.map(stuck));
            if progress(self.board, &ledger) == before {
                // Another lane is behind this one.
                return;
            }
            let position = ledger.position().map(|last| last.sequence_number.as_str());
            self.board.is_done_up_to(position, ledger.stuck(), ledger.oldest_arrival());
            progress(self.board, &ledger)
        };
        self.context.commits.note(self.board, progress).await;
    }

    /// Says which records are given up, for as long as it takes until that is written.
    async fn give_up(&self, records: &[Taken], discard: &Discard) -> LaneEnd {
        let batch = self.batch(records);
        let Some(first) = batch.iter().next() else { return LaneEnd::Finished };
        tracing::warn!(
            shard_id = batch.shard_id(),
            sequence_number = first.sequence_number.as_str(),
            records = batch.len(),
            invocations = discard.invocations,
            "given up: {}",
            discard.condition.as_str(),
        );
        if let Some(on_failure) = self.context.on_failure {
            let mut backoff = Backoff::default();
            let mut payload = on_failure.payload;
            loop {
                let body = describe(&batch, discard, &request_id(), now(), payload);
                let output = Output { data: &body, ..Output::as_it_came(batch.shard(), first) };
                let answer = on_failure.sink.deliver(&[output], None).await;
                match answer.deliveries.into_iter().next() {
                    Some(Delivery::Delivered) => break,
                    Some(Delivery::Undeliverable { .. }) if payload == Payload::Included => payload = Payload::LeftOut,
                    Some(Delivery::Failed { reason } | Delivery::Undeliverable { reason }) => {
                        tracing::warn!(shard_id = batch.shard_id(), "--on-failure does not take it: {reason}");
                        if self.pause(&mut backoff).await.is_err() {
                            return LaneEnd::Stopped;
                        }
                    }
                    None => {
                        if self.pause(&mut backoff).await.is_err() {
                            return LaneEnd::Stopped;
                        }
                    }
                }
            }
        }
        self.board.discards(batch.len());
        LaneEnd::Finished
    }

    fn batch(&self, records: &[Taken]) -> Batch {
        let shard = self.board.shard();
        let mut batch = Batch::builder(&shard.stream_arn, &shard.id);
        batch.reserve(records.len(), records.iter().map(|taken| taken.record.data.as_ref().len()).sum());
        for Taken { record, .. } in records {
            let position = event::Record {
                partition_key: record.partition_key().unwrap_or_default(),
                sequence_number: &record.sequence_number,
                sub_sequence_number: 0,
                arrived_at: arrived_at(record),
            };
            if let Err(error) = batch.push_bytes(position, record.data.as_ref()) {
                // No service sends this: without a position there is nothing to acknowledge.
                tracing::error!(shard_id = shard.id, "a record is left out: {error}");
            }
        }
        batch.build()
    }
}

/// The run was stopped.
pub(super) struct Stopped;

/// What came of a delivery, by the indices of the whole batch, in which it starts at `start`.
fn outcome(report: &Report, delivered: &[Taken], start: usize) -> Outcome {
    let Some(stop) = &report.stop else { return Outcome::Done };
    if stop.cause == Cause::TransformDown {
        return Outcome::Failed;
    }
    let lowest =
        delivered.iter().position(|taken| taken.record.sequence_number == stop.replay_from.sequence_number().as_str());
    lowest.map_or(Outcome::Failed, |index| Outcome::StoppedAt(start + index))
}

fn stuck(stop: &Stop) -> Stuck {
    Stuck {
        position: stop.position.clone(),
        attempts: stop.attempts,
        delivered: None,
        made_by: String::new(),
        reason: format!("{}: {}", stop.cause, stop.reason),
    }
}

/// As Lambda's look: a UUID.
fn request_id() -> String {
    let bits = fastrand::u128(..);
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
