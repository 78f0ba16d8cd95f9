//! A batch on its way to being acknowledged: what each verdict calls for, and how far it got.

use std::time::Instant;

use super::lanes::{Flush, Lanes};
use super::observer::Observer;
use super::outputs::{Outputs, before, half_way, within};
use super::patience::Patience;
use super::report::{Cause, Counts, Effort, Failure, Fate, Report, Stop, Tally};
use crate::dead_letter::{DeadLetter, DeadLetters, Kind};
use crate::event::{Batch, Event, Flaw, Payload};
use crate::sink::Delivery;
use crate::transform::{Chunk, Emissions, FaultKind, Verdict};

/// One batch on its way to being acknowledged.
pub(super) struct Settlement<'a> {
    batch: &'a Batch,
    dead_letters: Option<&'a DeadLetters>,
    patience: Patience,
    answer_by: Option<Instant>,
    lanes: Lanes<'a>,
    acknowledged: Acknowledged,
    /// Of the events whose verdicts came so far.
    tallies: Vec<Tally>,
    first_dead_letter: Option<Failure>,
    effort: Effort,
    observer: Option<&'a dyn Observer>,
}

/// What a verdict means for its event, before anything is delivered.
enum Ruling {
    /// It is delivered as it came.
    Kept,
    /// Nothing is delivered.
    Dropped,
    /// It is in the state of its window.
    Folded,
    /// There was nothing to deliver.
    Empty,
    /// These are delivered.
    Emitted(Emissions),
    /// It failed for good.
    Failed(Kind, String),
    /// It, and all behind it, come again.
    Stops(Cause, String),
}

/// How far the events of a batch are acknowledged, if nothing else fails. Only ever shrinks.
struct Acknowledged {
    /// The index of the first event that is not.
    end: usize,
    /// That event, unless it is just the one behind the batch.
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

impl<'a> Settlement<'a> {
    /// Of a batch of which so many events, at its front, are acknowledged already.
    pub(super) fn new(
        batch: &'a Batch,
        outputs: &'a Outputs,
        dead_letters: Option<&'a DeadLetters>,
        patience: Patience,
        answer_by: Option<Instant>,
        skipped: usize,
    ) -> Self {
        let mut tallies = Vec::with_capacity(batch.len());
        tallies.resize(skipped, Tally::without_outputs(Fate::Skipped));
        Self {
            batch,
            dead_letters,
            patience,
            answer_by,
            lanes: Lanes::new(batch, outputs),
            acknowledged: Acknowledged { end: batch.len(), stop: None },
            tallies,
            first_dead_letter: None,
            effort: Effort::default(),
            observer: None,
        }
    }

    /// The same, with somebody who looks on, if anybody does.
    pub(super) fn observed_by(self, observer: Option<&'a dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Whether no further verdict is of use.
    pub(super) fn is_over(&self) -> bool {
        self.tallies.len() >= self.acknowledged.end
    }

    /// Ends the batch at the event whose verdict should have come next.
    pub(super) fn stop_here(&mut self, cause: Cause, reason: &str) {
        self.cut(self.tallies.len(), cause, reason.to_owned());
    }

    /// Ends the batch at an event, unless it ends sooner.
    pub(super) fn stop_at(&mut self, index: usize, cause: Cause, reason: &str) {
        self.cut(index, cause, reason.to_owned());
    }

    /// The index behind the last event that is acknowledged, as far as is known yet. All of an aggregate is, or nothing.
    pub(super) fn end(&self) -> usize {
        self.acknowledged.stop.as_ref().map_or(self.batch.len(), |stop| self.batch.start_of_record(stop.index))
    }

    /// Whether it ends before its last event, as far as is known yet.
    pub(super) fn has_stopped(&self) -> bool {
        self.acknowledged.stop.is_some()
    }

    /// Delivers and dead-letters what these verdicts call for.
    pub(super) async fn settle(&mut self, window: Vec<Chunk>) {
        let mut failures = Vec::new();
        // Dropped at the end: till then their outputs are in memory.
        let mut chunks = window;
        for chunk in &mut chunks {
            self.effort.guest += chunk.busy;
            if chunk.first != self.tallies.len() {
                self.stop_here(Cause::TransformDown, "the transform's verdicts are out of order");
            }
            for verdict in std::mem::take(&mut chunk.verdicts) {
                if !self.is_over() {
                    self.take_up(verdict, &mut failures);
                }
            }
        }
        // Failures first: if one can't be dead-lettered, no later event's outputs go out in vain.
        self.dead_letter(failures).await;
        self.flush(Flush::Due).await;
    }

    /// Delivers what was gathered, and reports.
    pub(super) async fn finish(mut self, started: Instant) -> Report {
        self.flush(Flush::All).await;
        // What was done of an aggregate that is not done as a whole comes again with it.
        let end = self.end();
        let mut counts = Counts {
            records: self.batch.len() as u64,
            bytes: self.batch.payload_bytes() as u64,
            unacknowledged: (self.batch.len() - end) as u64,
            ..Counts::default()
        };
        self.tallies.iter().take(end).for_each(|tally| counts.add(tally));
        let effort = Effort { total: started.elapsed(), ..self.effort };
        // What was dead-lettered behind the stop comes again.
        let first_dead_letter = self.first_dead_letter.filter(|failure| failure.index < end);
        Report { stop: self.acknowledged.stop, counts, first_dead_letter, checkpoint: None, effort }
    }

    fn take_up(&mut self, verdict: Verdict, failures: &mut Vec<Failure>) {
        let index = self.tallies.len();
        let event = self.batch.event(index);
        if let Some(observer) = self.observer {
            observer.see(self.batch, event, &verdict);
        }
        let tally = match self.ruling(event, verdict) {
            Ruling::Kept => {
                self.lanes.keep(index, event);
                Tally { fate: Fate::Kept, outputs: 1, bytes: event.payload.bytes().len() as u64 }
            }
            Ruling::Dropped => Tally::without_outputs(Fate::Dropped),
            Ruling::Folded => Tally::without_outputs(Fate::Folded),
            Ruling::Empty => Tally::without_outputs(Fate::Control),
            Ruling::Emitted(emissions) => {
                let bytes = self.lanes.emit(index, &emissions);
                Tally { fate: Fate::Emitted, outputs: emissions.len() as u64, bytes }
            }
            Ruling::Failed(kind, reason) => {
                failures.push(Failure { index, kind, reason });
                Tally::without_outputs(Fate::Failed(kind))
            }
            Ruling::Stops(cause, reason) => return self.cut(index, cause, reason),
        };
        self.tallies.push(tally);
    }

    fn ruling(&self, event: Event<'_>, verdict: Verdict) -> Ruling {
        match verdict {
            Verdict::Keep => Ruling::Kept,
            Verdict::Drop => Ruling::Dropped,
            Verdict::Folded => Ruling::Folded,
            Verdict::Emit(emissions) => {
                let mut routes = emissions.iter().filter_map(|emission| emission.route);
                let unknown = routes.find(|route| !self.lanes.leads(route)).map(|route| excerpt(route).to_owned());
                drop(routes);
                match unknown {
                    None => Ruling::Emitted(emissions),
                    Some(route) => Ruling::Failed(
                        Kind::Undeliverable,
                        format!(
                            "the transform names the route {:?}, which is not configured: set KINESIEVE_ROUTE_<NAME>",
                            route
                        ),
                    ),
                }
            }
            Verdict::Reject(reason) => Ruling::Failed(Kind::Rejected, reason),
            Verdict::Fault(fault) => {
                let kind = match fault.kind {
                    FaultKind::Trap => Kind::Trap,
                    FaultKind::Timeout => Kind::Timeout,
                    FaultKind::Memory => Kind::Memory,
                };
                Ruling::Failed(kind, fault.reason)
            }
            Verdict::Undecodable => match event.payload {
                Payload::Undecodable { flaw: Flaw::Nothing, .. } => Ruling::Empty,
                Payload::Undecodable { reason, .. } => Ruling::Failed(Kind::Decode, reason.to_owned()),
                Payload::Decoded(_) => Ruling::Failed(Kind::Decode, "it can't be decoded".to_owned()),
            },
            Verdict::Retry(reason) => match (self.dead_letters, self.patience.has_run_out(event)) {
                (Some(_), Some(why)) => {
                    Ruling::Failed(Kind::Exhausted, format!("the transform asks for it again, at {why}: {reason}"))
                }
                _ => Ruling::Stops(Cause::Retry, reason),
            },
            Verdict::Interrupted => Ruling::Stops(
                Cause::Deadline,
                "the transform was interrupted so that the answer comes in time".to_owned(),
            ),
            Verdict::Unavailable(reason) => Ruling::Stops(Cause::TransformDown, reason),
        }
    }

    /// Delivers outputs of acknowledged events, and dead-letters the events of which one can never be
    /// delivered.
    async fn flush(&mut self, which: Flush) {
        self.lanes.cut(self.acknowledged.end);
        let answer_by = match which {
            Flush::Due if self.lanes.gathers() => half_way(self.answer_by),
            Flush::Due | Flush::All => self.answer_by,
        };
        let started = Instant::now();
        let flushed = self.lanes.flush(which, answer_by).await;
        if flushed.is_empty() {
            return;
        }
        self.effort.delivery += started.elapsed();
        let mut undeliverable: Vec<Failure> = Vec::new();
        for lane in flushed {
            self.effort.retries += lane.retries;
            for (index, delivery) in lane.failed {
                match delivery {
                    // Not among these.
                    Delivery::Delivered => {}
                    Delivery::Failed { reason } => self.cut(index, Cause::NotDelivered, reason.to_string()),
                    Delivery::Undeliverable { reason } => {
                        let reason = reason.to_string();
                        undeliverable.push(Failure { index, kind: Kind::Undeliverable, reason });
                    }
                }
            }
            self.effort.took(lane.target, lane.taken);
        }
        // One dead letter an event, however many of its outputs are undeliverable.
        undeliverable.sort_by_key(|failure| failure.index);
        undeliverable.dedup_by_key(|failure| failure.index);
        self.dead_letter(undeliverable).await;
    }

    /// Dead-letters the acknowledged ones of these events; where that fails, or there is no
    /// dead-letter target, the acknowledged events end there.
    async fn dead_letter(&mut self, mut failures: Vec<Failure>) {
        failures.retain(|failure| failure.index < self.acknowledged.end);
        let Some(first) = failures.first() else { return };
        let Some(dead_letters) = self.dead_letters else {
            return self.cut(first.index, Cause::NoDeadLetterTarget(first.kind), first.reason.clone());
        };
        let letters: Vec<DeadLetter<'_>> = failures
            .iter()
            .map(|failure| {
                let event = self.batch.event(failure.index);
                let attempts = self.patience.attempts(event);
                DeadLetter { event, kind: failure.kind, reason: &failure.reason, attempts }
            })
            .collect();
        // Half of the time left, so that a target that hangs leaves some for the outputs of the events
        // before the first failure.
        let by = half_way(self.answer_by);
        let started = Instant::now();
        let answer = within(by, dead_letters.write(self.batch, &letters, before(by))).await.unwrap_or_default();
        self.effort.delivery += started.elapsed();
        self.effort.retries += answer.retries;
        let mut deliveries = answer.deliveries.into_iter();
        for failure in failures {
            let why_not = match deliveries.next() {
                Some(Delivery::Delivered) => {
                    self.log_dead_letter(&failure);
                    if let Some(tally) = self.tallies.get_mut(failure.index) {
                        *tally = Tally::without_outputs(Fate::Failed(failure.kind));
                    }
                    if self.first_dead_letter.as_ref().is_none_or(|first| failure.index < first.index) {
                        self.first_dead_letter = Some(failure);
                    }
                    continue;
                }
                Some(Delivery::Failed { reason } | Delivery::Undeliverable { reason }) => reason,
                None => "the dead-letter target did not answer before the deadline".into(),
            };
            let reason = format!("{}; the dead letter: {why_not}", failure.reason);
            self.cut(failure.index, Cause::DeadLetterFailed(failure.kind), reason);
        }
    }

    /// Position and reason, never the payload.
    fn log_dead_letter(&self, failure: &Failure) {
        tracing::warn!(
            shard_id = self.batch.shard_id(),
            sequence_number = self.batch.event(failure.index).sequence_number.as_str(),
            kind = failure.kind.as_str(),
            "dead-lettered: {}",
            failure.reason,
        );
    }

    fn cut(&mut self, index: usize, cause: Cause, reason: String) {
        let event = self.batch.event(index);
        self.acknowledged.cut(Stop {
            index,
            sequence_number: event.sequence_number.as_str().to_owned(),
            sub_sequence_number: event.sub_sequence_number,
            replay_from: self.batch.lowest_from(index).as_str().to_owned(),
            attempts: self.patience.attempts(event),
            cause,
            reason,
        });
    }
}

/// As much of a name as a message can bear.
fn excerpt(name: &str) -> &str {
    &name[..name.floor_char_boundary(64)]
}
