//! The batch algorithm: events through the transform into sinks, and where to replay from.
//!
//! The promise: an event is acknowledged only after it was delivered, dropped by the transform's own
//! word, or dead-lettered; nothing else ever moves the position forward. It holds because a batch is
//! settled front to back, chunk by chunk, and the first event that fails in a way that counts as a
//! retry ends the batch. No AWS type appears here.

mod attempts;
mod outputs;
mod report;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use outputs::Outputs;
pub use report::{Cause, Counts, Report, Stop};

use attempts::{Attempts, Blocked, attempts_of};
use outputs::{before, within};

use crate::dead_letter::{DeadLetter, DeadLetters, Kind};
use crate::event::{Batch, Event, Payload};
use crate::sink::{Delivery, Output};
use crate::transform::{Chunk, FaultKind, Guest, Job, StopAt, Verdict};

/// When a batch has to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// From here on the guest does not run: what it finished is still delivered.
    pub interrupt_at: Instant,
    /// By now the report is due, whatever a target is doing.
    pub answer_by: Instant,
}

/// Takes batches through one transform to its targets.
pub struct Processor {
    guest: Guest,
    outputs: Outputs,
    dead_letters: Option<DeadLetters>,
    attempts: Mutex<Attempts>,
}

impl Processor {
    /// A processor for a started transform. Without a dead-letter target an event that can't be
    /// processed blocks its shard: it is never lost in silence.
    pub fn new(guest: Guest, outputs: Outputs, dead_letters: Option<DeadLetters>) -> Self {
        Self { guest, outputs, dead_letters, attempts: Mutex::default() }
    }

    /// Processes a batch as far as it goes.
    pub async fn process(&self, batch: Arc<Batch>, deadline: Option<Deadline>) -> Report {
        let blocked = self.attempts().blocked(&batch);
        let mut run = self.guest.run(Job {
            batch: Arc::clone(&batch),
            stop_at: if self.dead_letters.is_some() { StopAt::Retry } else { StopAt::FirstFailure },
            interrupt_at: deadline.map(|deadline| deadline.interrupt_at),
        });
        let answer_by = deadline.map(|deadline| deadline.answer_by);
        let mut settlement = Settlement {
            processor: self,
            batch: &batch,
            blocked,
            answer_by,
            counts: Counts { records: batch.len() as u64, bytes: batch.payload_bytes() as u64, ..Counts::default() },
        };
        let mut settled = 0;
        let stop = loop {
            if settled == batch.len() {
                break None;
            }
            settled = match within(answer_by, run.next()).await {
                Some(Some(chunk)) if chunk.first == settled => match settlement.settle(&chunk).await {
                    Ok(()) => chunk.first + chunk.verdicts.len(),
                    Err(stop) => break Some(stop),
                },
                Some(_) => {
                    let reason = "the transform's thread ended".to_owned();
                    break Some(settlement.stop(settled, Cause::TransformDown, reason));
                }
                None => {
                    let reason = "the transform gave no answer before the deadline".to_owned();
                    break Some(settlement.stop(settled, Cause::Deadline, reason));
                }
            };
        };
        let mut counts = settlement.counts;
        if let Some(stop) = &stop {
            counts.unacknowledged = (batch.len() - stop.index) as u64;
            tracing::warn!(
                shard_id = batch.shard_id(),
                sequence_number = stop.sequence_number,
                attempts = stop.attempts,
                unacknowledged = counts.unacknowledged,
                "stopped: {}: {}",
                stop.cause,
                stop.reason,
            );
        }
        self.attempts().note(&batch, stop.as_ref());
        Report { stop, counts }
    }

    /// No code panics while it holds this lock; if some ever does, the counts are still whole.
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One batch on its way to being acknowledged.
struct Settlement<'a> {
    processor: &'a Processor,
    batch: &'a Batch,
    blocked: Option<Blocked>,
    answer_by: Option<Instant>,
    counts: Counts,
}

/// An event that failed for good.
struct Failure<'a> {
    /// Its index in the batch.
    index: usize,
    kind: Kind,
    reason: Cow<'a, str>,
}

impl Settlement<'_> {
    /// Delivers and dead-letters what a chunk calls for. An error is the first event of it that is
    /// not acknowledged; all before that are, and are counted.
    async fn settle(&mut self, chunk: &Chunk) -> Result<(), Stop> {
        let mut acknowledged = Acknowledged { end: chunk.first + chunk.verdicts.len(), stop: None };

        // Failures first: if one can't be dead-lettered, no later event's outputs go out in vain.
        let mut failures = Vec::new();
        for (index, verdict) in (chunk.first..).zip(&chunk.verdicts) {
            match self.ruling(index, verdict) {
                Ruling::Goes => {}
                Ruling::Failed(kind, reason) => failures.push(Failure { index, kind, reason }),
                Ruling::Stops(cause, reason) => {
                    acknowledged.cut(self.stop(index, cause, reason));
                    break;
                }
            }
        }
        self.dead_letter(&failures, &mut acknowledged).await;

        let undeliverable = self.deliver(chunk, &failures, &mut acknowledged).await;
        self.dead_letter(&undeliverable, &mut acknowledged).await;

        failures.extend(undeliverable);
        self.count(chunk, &failures, acknowledged.end);
        acknowledged.stop.map_or(Ok(()), Err)
    }

    /// What a verdict means for its event, before anything was delivered.
    fn ruling<'v>(&self, index: usize, verdict: &'v Verdict) -> Ruling<'v> {
        match verdict {
            Verdict::Keep | Verdict::Drop => Ruling::Goes,
            Verdict::Emit(outputs) => {
                let unknown = outputs
                    .iter()
                    .filter_map(|output| output.route.as_deref())
                    .find(|route| self.processor.outputs.sink(Some(route)).is_none());
                match unknown {
                    None => Ruling::Goes,
                    Some(route) => Ruling::Failed(
                        Kind::Undeliverable,
                        format!(
                            "the transform names the route {:?}, which is not configured: set KINESIEVE_ROUTE_<NAME>",
                            excerpt(route)
                        )
                        .into(),
                    ),
                }
            }
            Verdict::Reject(reason) => Ruling::Failed(Kind::Rejected, reason.into()),
            Verdict::Fault(fault) => {
                let kind = match fault.kind {
                    FaultKind::Trap => Kind::Trap,
                    FaultKind::Timeout => Kind::Timeout,
                    FaultKind::Memory => Kind::Memory,
                };
                Ruling::Failed(kind, Cow::Borrowed(&fault.reason))
            }
            Verdict::Undecodable => {
                let reason = match self.batch.event(index).payload {
                    Payload::Undecodable { reason, .. } => reason.to_owned(),
                    Payload::Decoded(_) => "it can't be decoded".to_owned(),
                };
                Ruling::Failed(Kind::Decode, reason.into())
            }
            Verdict::Retry(reason) => Ruling::Stops(Cause::Retry, reason.clone()),
            Verdict::Interrupted => Ruling::Stops(
                Cause::Deadline,
                "the transform was interrupted so that the answer comes in time".to_owned(),
            ),
            Verdict::Unavailable(reason) => Ruling::Stops(Cause::TransformDown, reason.clone()),
        }
    }

    /// Delivers the outputs of the acknowledged events that did not fail, and gives back the events
    /// of which an output can never be delivered.
    async fn deliver<'v>(
        &self,
        chunk: &'v Chunk,
        failed: &[Failure<'_>],
        acknowledged: &mut Acknowledged,
    ) -> Vec<Failure<'v>> {
        let mut outputs = Vec::new();
        let mut origins = Vec::new();
        let mut failed = failed.iter().map(|failure| failure.index).peekable();
        for ((index, verdict), event) in
            (chunk.first..acknowledged.end).zip(&chunk.verdicts).zip(self.batch.iter().skip(chunk.first))
        {
            if failed.next_if_eq(&index).is_none() {
                append_outputs(&mut outputs, event, verdict);
                origins.resize(outputs.len(), index);
            }
        }
        if outputs.is_empty() {
            return Vec::new();
        }
        let deliveries = self.processor.outputs.deliver(&outputs, self.answer_by).await;
        let mut undeliverable: Vec<Failure<'_>> = Vec::new();
        for (index, delivery) in origins.into_iter().zip(deliveries) {
            match delivery {
                Delivery::Delivered => {}
                Delivery::Failed { reason } => acknowledged.cut(self.stop(index, Cause::NotDelivered, reason)),
                Delivery::Undeliverable { reason } => {
                    // One dead letter an event, however many of its outputs are undeliverable.
                    if undeliverable.last().is_none_or(|last| last.index != index) {
                        undeliverable.push(Failure { index, kind: Kind::Undeliverable, reason: reason.into() });
                    }
                }
            }
        }
        undeliverable
    }

    /// Dead-letters the acknowledged ones of these events; where that fails, or there is no
    /// dead-letter target, the acknowledged events end there.
    async fn dead_letter(&self, failures: &[Failure<'_>], acknowledged: &mut Acknowledged) {
        let failures: Vec<&Failure<'_>> =
            failures.iter().take_while(|failure| failure.index < acknowledged.end).collect();
        let Some(first) = failures.first() else { return };
        let Some(dead_letters) = &self.processor.dead_letters else {
            let cause = Cause::NoDeadLetterTarget(first.kind);
            return acknowledged.cut(self.stop(first.index, cause, first.reason.to_string()));
        };
        let letters: Vec<DeadLetter<'_>> = failures
            .iter()
            .map(|failure| {
                let event = self.batch.event(failure.index);
                let attempts = attempts_of(event, self.blocked.as_ref());
                DeadLetter { event, kind: failure.kind, reason: &failure.reason, attempts }
            })
            .collect();
        // Half of the time left, so that a target that hangs leaves some for the outputs of the events
        // before the first failure.
        let by = self.answer_by.map(|by| by - by.saturating_duration_since(Instant::now()) / 2);
        let deliveries = within(by, dead_letters.write(self.batch, &letters, before(by))).await.unwrap_or_default();
        let mut deliveries = deliveries.into_iter();
        for failure in failures {
            let why_not = match deliveries.next() {
                Some(Delivery::Delivered) => {
                    self.log_dead_letter(failure);
                    continue;
                }
                Some(Delivery::Failed { reason } | Delivery::Undeliverable { reason }) => reason,
                None => "the dead-letter target did not answer before the deadline".to_owned(),
            };
            let reason = format!("{}; the dead letter: {why_not}", failure.reason);
            return acknowledged.cut(self.stop(failure.index, Cause::DeadLetterFailed(failure.kind), reason));
        }
    }

    /// Position and reason, never the payload.
    fn log_dead_letter(&self, failure: &Failure<'_>) {
        tracing::warn!(
            shard_id = self.batch.shard_id(),
            sequence_number = self.batch.event(failure.index).sequence_number.as_str(),
            kind = failure.kind.as_str(),
            "dead-lettered: {}",
            failure.reason,
        );
    }

    /// Counts the acknowledged events of a chunk. Outputs that were delivered for an event that was
    /// dead-lettered all the same are not counted.
    fn count(&mut self, chunk: &Chunk, failures: &[Failure<'_>], end: usize) {
        let events = self.batch.iter().skip(chunk.first);
        for ((index, verdict), event) in (chunk.first..end).zip(&chunk.verdicts).zip(events) {
            if let Some(failure) = failures.iter().find(|failure| failure.index == index) {
                *self.counts.dead_lettered.entry(failure.kind).or_default() += 1;
                continue;
            }
            match verdict {
                Verdict::Drop => self.counts.dropped += 1,
                Verdict::Emit(outputs) => {
                    self.counts.emitted += 1;
                    self.counts.outputs += outputs.len() as u64;
                    self.counts.output_bytes += outputs.iter().map(|output| output.data.len() as u64).sum::<u64>();
                }
                Verdict::Keep => {
                    self.counts.kept += 1;
                    self.counts.outputs += 1;
                    self.counts.output_bytes += event.payload.bytes().len() as u64;
                }
                // All of these failed or ended the batch, so they are not here.
                Verdict::Retry(_)
                | Verdict::Reject(_)
                | Verdict::Fault(_)
                | Verdict::Undecodable
                | Verdict::Interrupted
                | Verdict::Unavailable(_) => {}
            }
        }
    }

    fn stop(&self, index: usize, cause: Cause, reason: String) -> Stop {
        let event = self.batch.event(index);
        Stop {
            index,
            sequence_number: event.sequence_number.as_str().to_owned(),
            sub_sequence_number: event.sub_sequence_number,
            replay_from: self.batch.lowest_from(index).as_str().to_owned(),
            attempts: attempts_of(event, self.blocked.as_ref()),
            cause,
            reason,
        }
    }
}

/// What a verdict means for its event.
enum Ruling<'v> {
    /// Its outputs go out.
    Goes,
    /// It failed for good.
    Failed(Kind, Cow<'v, str>),
    /// It, and all behind it, come again.
    Stops(Cause, String),
}

/// How far the events of a chunk are acknowledged. Only ever shrinks.
struct Acknowledged {
    /// The index of the first event that is not.
    end: usize,
    /// That event, unless it is just the one behind the chunk.
    stop: Option<Stop>,
}

impl Acknowledged {
    /// Ends the acknowledged events before this one, unless they end sooner.
    fn cut(&mut self, stop: Stop) {
        if stop.index < self.end {
            self.end = stop.index;
            self.stop = Some(stop);
        }
    }
}

/// As much of a name as a message can bear.
fn excerpt(name: &str) -> &str {
    &name[..name.floor_char_boundary(64)]
}

fn append_outputs<'a>(outputs: &mut Vec<Output<'a>>, event: Event<'a>, verdict: &'a Verdict) {
    let as_it_came = Output {
        data: event.payload.bytes(),
        partition_key: event.partition_key,
        route: None,
        sequence_number: event.sequence_number,
        sub_sequence_number: event.sub_sequence_number,
    };
    match verdict {
        Verdict::Keep => outputs.push(as_it_came),
        Verdict::Emit(emissions) => outputs.extend(emissions.iter().map(|emission| Output {
            data: &emission.data,
            partition_key: emission.partition_key.as_deref().unwrap_or(event.partition_key),
            route: emission.route.as_deref(),
            ..as_it_came
        })),
        Verdict::Drop
        | Verdict::Retry(_)
        | Verdict::Reject(_)
        | Verdict::Fault(_)
        | Verdict::Undecodable
        | Verdict::Interrupted
        | Verdict::Unavailable(_) => {}
    }
}
