//! A lane of a shard: gathers records into batches, and delivers each until the rules are done with it.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_kinesis::types::Record;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::clock::now;
use super::commits::progress;
use super::context::{LaneContext, Stopped};
use super::halt::Level;
use super::ledger::numbers;
use super::page::arrived_at;
use super::windowed::{Windowed, stop_at_first};
use crate::backoff::Backoff;
use crate::checkpoint::Stuck;
use crate::event::{self, Batch};
use crate::processor::{Cause, Report, Stop};
use crate::sink::{Delivery, Output};
use crate::source::mapping::{Discard, Fill, Next, Outcome, Part, Payload, Retries, describe};

/// A record that was read.
#[derive(Debug)]
pub(super) struct Taken {
    /// Its number in the ledger.
    pub(super) number: u64,
    pub(super) record: Record,
}

/// One of the lanes of a shard.
pub(super) struct Lane<'a> {
    at: LaneContext<'a>,
    inbox: mpsc::Receiver<Vec<Taken>>,
    waiting: VecDeque<Taken>,
    windows: Windowed<'a>,
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
    pub(super) fn new(at: LaneContext<'a>, inbox: mpsc::Receiver<Vec<Taken>>) -> Self {
        Self { at, inbox, waiting: VecDeque::new(), windows: Windowed::new(at) }
    }

    /// Delivers until all that was read is done with.
    ///
    /// # Errors
    /// When the run is stopped before that.
    pub(super) async fn run(mut self) -> Result<(), Stopped> {
        let end = self.run_to_its_end().await;
        if end.is_err() {
            self.windows.leave();
        }
        end
    }

    async fn run_to_its_end(&mut self) -> Result<(), Stopped> {
        loop {
            match self.next_batch().await? {
                Gathered::Batch(batch) => self.deliver(&batch).await?,
                Gathered::EndOfWindow => self.windows.close().await?,
                Gathered::Nothing => return self.windows.close().await,
            }
        }
    }

    /// The next batch: full, or what came within the batching window, and all of one tumbling window.
    async fn next_batch(&mut self) -> Result<Gathered, Stopped> {
        if self.waiting.is_empty() {
            let patience = self.windows.patience();
            match timeout(patience, self.receive()).await {
                Ok(received) => match received? {
                    Some(records) => self.waiting.extend(records),
                    None => return Ok(Gathered::Nothing),
                },
                Err(_) => return Ok(Gathered::EndOfWindow),
            }
        }
        let until = Instant::now() + self.at.run.limits.window;
        let mut count = self.fits();
        while count == self.waiting.len() && !self.at.run.limits.window.is_zero() {
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
            () = self.at.run.halt.reaches(Level::Stop) => Err(Stopped),
            records = self.inbox.recv() => Ok(records),
        }
    }

    /// How many of the records that wait fit into one batch; none: they are of a later window than the one that is open.
    fn fits(&mut self) -> usize {
        let mut fill = Fill::new(self.at.run.limits);
        let takes = |taken: &&Taken| {
            let key = taken.record.partition_key().map_or(0, str::len);
            fill.takes(taken.record.data.as_ref().len(), key)
        };
        let fits = self.waiting.iter().take_while(takes).count();
        match self.windows.next(self.waiting.iter().map(|taken| arrived_at(&taken.record))) {
            None => fits,
            Some(Part::End) => 0,
            Some(Part::Records(records)) => fits.min(records.end),
        }
    }

    /// Delivers a batch until each of its records is done or given up.
    async fn deliver(&mut self, records: &[Taken]) -> Result<(), Stopped> {
        let mut retries =
            Retries::new(self.at.run.rules, records.iter().map(|taken| arrived_at(&taken.record)).collect());
        let all_numbers: Vec<u64> = records.iter().map(|taken| taken.number).collect();
        let mut backoff = Backoff::default();
        loop {
            if self.at.run.halt.is_stopped() {
                return Err(Stopped);
            }
            match retries.next(now()) {
                Next::Over => return Ok(()),
                Next::Discard(discard) => {
                    self.give_up(&records[discard.range.clone()], &discard).await?;
                    self.settle(numbers(&all_numbers, discard.range), None).await;
                }
                Next::Deliver(delivery) => {
                    let delivered = &records[delivery.range.clone()];
                    let batch = Arc::new(self.batch(delivered));
                    let (outcome, stop) = match self.windows.process(Arc::clone(&batch)).await {
                        Ok(report) => {
                            self.at.board.came_back(&report);
                            (outcome(&report, delivered, delivery.range.start), report.stop)
                        }
                        Err(error) => (Outcome::Failed, stop_at_first(&batch, delivery.attempt, &error)),
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

    /// Records are done with, and perhaps something stands in the way.
    async fn settle(&self, done: impl Iterator<Item = u64>, stop: Option<&Stop>) {
        let progress = {
            let mut ledger = self.at.ledger.borrow_mut();
            let before = progress(self.at.board, &ledger);
            ledger.done(done);
            ledger.stands_still(self.at.index, stop.map(stuck));
            if progress(self.at.board, &ledger) == before {
                // Another lane is behind this one.
                return;
            }
            let position = ledger.position().map(|last| last.sequence_number.as_str());
            self.at.board.is_done_up_to(position, ledger.stuck(), ledger.oldest_arrival());
            progress(self.at.board, &ledger)
        };
        self.at.run.commits.note(self.at.board, progress).await;
    }

    /// Says which records are given up, for as long as it takes until that is written.
    async fn give_up(&self, records: &[Taken], discard: &Discard) -> Result<(), Stopped> {
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
                let body = describe(&batch, discard, &request_id(), now(), payload);
                let output = Output { data: &body, ..Output::as_it_came(batch.shard(), first) };
                let answer = on_failure.sink.deliver(&[output], None).await;
                match answer.deliveries.into_iter().next() {
                    Some(Delivery::Delivered) => break,
                    Some(Delivery::Undeliverable { .. }) if payload == Payload::Included => payload = Payload::LeftOut,
                    Some(Delivery::Failed { reason } | Delivery::Undeliverable { reason }) => {
                        tracing::warn!(shard_id = batch.shard_id(), "--on-failure does not take it: {reason}");
                        self.at.pause(&mut backoff).await?;
                    }
                    None => self.at.pause(&mut backoff).await?,
                }
            }
        }
        self.at.board.discards(batch.len());
        Ok(())
    }

    fn batch(&self, records: &[Taken]) -> Batch {
        let shard = self.at.board.shard();
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
