//! A part of a batch on its way to being acknowledged: what each verdict calls for is delivered, and entered in the
//! ledger.
//!
//! The order in which things go out: outputs of the events before the first one that failed, then dead letters, then what
//! is behind. So a target that is down costs no dead letter a second time, and nothing behind an event that can't be
//! dead-lettered goes out in vain.

use std::sync::Arc;
use std::time::Instant;

use super::blocked::digest;
use super::decision::{EventDecision, rule};
use super::lanes::{LaneAnswer, LaneSelection, Lanes, OutputBody, PendingOutput};
use super::ledger::{EventOutcome, LedgerEntry};
use super::report::{Cause, Failure, TargetStatistics};
use super::run::BatchRun;
use super::time::{before, half_way, within};
use crate::dead_letter::{DeadLetter, DeadLetterKind};
use crate::event::{Batch, Event};
use crate::sink::{Delivery, Output};
use crate::transform::{Emissions, Verdict, VerdictChunk};

/// How much may wait for dead letters that in turn wait for outputs that are gathered, in bytes: then all of it goes.
const WAITING_BYTES: usize = 4 << 20;

/// One part of a batch on its way to being acknowledged.
pub(super) struct Settlement<'s, 'a> {
    run: &'s mut BatchRun<'a>,
    batch: &'s Batch,
    lanes: Lanes<'s>,
    /// Events that failed for good, and whose dead letters are not written yet, in shard order.
    failures: Vec<Failure>,
    /// What came up since the first of them, in bytes.
    waiting: usize,
    /// What to say of the next event, where no verdict on it will come.
    ended_by: Option<(Cause, &'static str)>,
    /// Of the outputs of the event in hand.
    places: Vec<u32>,
}

impl<'s, 'a> Settlement<'s, 'a> {
    /// Begins with a part, of which so many events, at its front, are acknowledged already.
    pub(super) fn begin(run: &'s mut BatchRun<'a>, batch: &'s Batch, skipped: usize) -> Self
    where
        'a: 's,
    {
        run.ledger.begin_part(batch.len(), skipped);
        let lanes = Lanes::new(batch, &run.destinations.outputs);
        Self { run, batch, lanes, failures: Vec::new(), waiting: 0, ended_by: None, places: Vec::new() }
    }

    /// Returns whether no further verdict is of use.
    pub(super) fn is_over(&self) -> bool {
        self.run.ledger.is_over()
    }

    /// Ends the batch at the event whose verdict should have come next.
    pub(super) fn stop_here(&mut self, cause: Cause, reason: &str) {
        let next = self.run.ledger.next();
        self.run.ledger.stop_at(next, cause, reason);
    }

    /// Ends the batch at the event whose verdict should have come next, since there are no more.
    pub(super) fn no_more_verdicts(&mut self) {
        let (cause, reason) = self.ended_by.unwrap_or((Cause::TransformDown, "the transform's thread ended"));
        self.stop_here(cause, reason);
    }

    /// Ends the batch at an event, unless it ends sooner.
    pub(super) fn stop_at(&mut self, index: usize, cause: Cause, reason: &str) {
        self.run.ledger.stop_at(index, cause, reason);
    }

    /// Returns the index behind the last event that is acknowledged, as far as is known yet: all of a record is, or
    /// nothing.
    pub(super) fn end(&self) -> usize {
        self.run.ledger.stop().map_or(self.batch.len(), |stop| self.batch.start_of_record(stop.index))
    }

    /// Returns whether it ends before its last event, as far as is known yet.
    pub(super) fn has_stopped(&self) -> bool {
        self.run.ledger.stop().is_some()
    }

    /// Delivers and dead-letters what these verdicts call for.
    pub(super) async fn settle(&mut self, mut chunks: Vec<VerdictChunk>) {
        // Dropped at the end: till then their outputs are in memory.
        for chunk in &mut chunks {
            self.run.statistics.guest += chunk.busy;
            if chunk.first != self.run.ledger.next() && !self.is_over() {
                self.stop_here(Cause::TransformDown, "the transform's verdicts are out of order");
            }
            for verdict in std::mem::take(&mut chunk.verdicts) {
                if self.is_over() {
                    break;
                }
                self.take_up(verdict);
                if self.waiting >= WAITING_BYTES {
                    self.deliver(LaneSelection::All).await;
                } else if self.lanes.is_any_full() {
                    self.deliver(LaneSelection::Full).await;
                }
            }
        }
        self.deliver(LaneSelection::Prompt).await;
        self.lanes.keep_copies();
    }

    /// Delivers what still waits, and ends the part.
    pub(super) async fn finish(mut self) {
        self.deliver(LaneSelection::All).await;
        self.run.ledger.check();
    }

    fn take_up(&mut self, verdict: Verdict) {
        let index = self.run.ledger.next();
        let event = self.batch.event(index);
        if let Some(observer) = self.run.observer {
            observer.see(self.batch, event, &verdict);
        }
        if self.run.is_done(event) {
            return self.run.ledger.enter(LedgerEntry::without_outputs(EventOutcome::Skipped));
        }
        match &verdict {
            Verdict::Interrupted => self.ended_by = Some((Cause::Deadline, "time was up before it was processed")),
            Verdict::Unavailable(_) => self.ended_by = Some((Cause::TransformDown, "there is no instance for it")),
            _ => {}
        }
        let has_dead_letters = self.run.destinations.dead_letters.is_some();
        match rule(event, verdict, has_dead_letters, &self.run.retry) {
            EventDecision::Kept => self.keep(index, event),
            EventDecision::Emitted(emissions) => self.emit(index, event, &emissions),
            EventDecision::Nothing(fate) => self.run.ledger.enter(LedgerEntry::without_outputs(fate)),
            EventDecision::Failed(kind, reason) => self.fail(index, kind, reason),
            EventDecision::Stops(cause, reason) => self.run.ledger.stop_at(index, cause, reason),
        }
    }

    fn keep(&mut self, index: usize, event: Event<'_>) {
        let output = Output::as_it_came(self.batch.shard(), event);
        if let Some(reason) = self.run.destinations.outputs.main().refuses(&output) {
            return self.fail(index, DeadLetterKind::Undeliverable, reason);
        }
        let bytes = output.data.len();
        self.run.ledger.enter(LedgerEntry::with_outputs(EventOutcome::Kept, 1, bytes as u64, 0));
        self.push(PendingOutput { index, ordinal: 0, destination: 0, bytes, body: OutputBody::AsItCame });
    }

    fn emit(&mut self, index: usize, event: Event<'_>, emissions: &Emissions) {
        let outputs = &self.run.destinations.outputs;
        let as_it_came = Output::as_it_came(self.batch.shard(), event);
        let mut all_bytes = 0;
        self.places.clear();
        for (ordinal, emission) in (0..).zip(emissions.iter()) {
            let Some(place) = outputs.place(emission.route) else {
                return self.fail(
                    index,
                    DeadLetterKind::Undeliverable,
                    unknown_route(emission.route.unwrap_or_default()),
                );
            };
            let output = as_it_came.replaced_by(emission.data, emission.partition_key, emission.route, ordinal);
            if let Some(reason) = outputs.all()[place].sink.refuses(&output) {
                return self.fail(index, DeadLetterKind::Undeliverable, reason);
            }
            all_bytes += emission.data.len() as u64;
            self.places.push(place as u32);
        }
        let delivered_before = self.run.delivered_of(event, emissions);
        let entry =
            LedgerEntry::with_outputs(EventOutcome::Emitted, emissions.len() as u32, all_bytes, delivered_before);
        self.run.ledger.enter(entry);
        let places = std::mem::take(&mut self.places);
        for (ordinal, destination) in (0..).zip(&places).skip(delivered_before as usize) {
            self.push(PendingOutput {
                index,
                ordinal,
                destination: *destination,
                bytes: emissions.get(ordinal as usize).data.len(),
                body: OutputBody::Emitted(emissions.clone()),
            });
        }
        self.places = places;
    }

    fn push(&mut self, parcel: PendingOutput) {
        let takes = self.lanes.push(parcel);
        if !self.failures.is_empty() {
            self.waiting += takes;
        }
    }

    /// Takes up an event that failed for good. With nowhere to put it, it comes again, and all behind it.
    fn fail(&mut self, index: usize, kind: DeadLetterKind, reason: String) {
        if self.run.destinations.dead_letters.is_none() {
            return self.run.ledger.stop_at(index, Cause::NoDeadLetterTarget(kind), reason);
        }
        self.run.ledger.enter(LedgerEntry::failed(kind));
        self.waiting += size_of::<Failure>() + reason.len();
        self.failures.push(Failure { index, kind, reason });
    }

    /// Delivers outputs and dead letters of events that can still be acknowledged, as far as they need not wait.
    async fn deliver(&mut self, which: LaneSelection) {
        loop {
            self.cut();
            let first_failure = self.failures.first().map(|failure| failure.index);
            // Dead letters wait for all outputs before them.
            let which =
                if which == LaneSelection::Full && first_failure.is_some() { LaneSelection::All } else { which };
            self.deliver_before(which, first_failure.unwrap_or(usize::MAX)).await;
            self.cut();
            let Some(first) = self.failures.first() else { return };
            if which == LaneSelection::Prompt && self.lanes.gathers_before(first.index) {
                return;
            }
            self.dead_letter().await;
        }
    }

    /// Lets go of what comes again.
    fn cut(&mut self) {
        let ledger = &mut self.run.ledger;
        let end = ledger.end();
        self.lanes.cut(end, |parcel| ledger.not_delivered(parcel.index, parcel.ordinal, || digest_before(parcel)));
        self.failures.truncate(self.failures.partition_point(|failure| failure.index < end));
    }

    async fn deliver_before(&mut self, which: LaneSelection, end: usize) {
        let settle_by = self.run.time.settle_by();
        let leaves_time =
            (which != LaneSelection::All && self.lanes.gathers_before(usize::MAX)) || self.run.may_be_exhausted();
        let answer_by = if leaves_time { half_way(settle_by) } else { settle_by };
        let started = Instant::now();
        let answers = self.lanes.deliver(which, end, answer_by).await;
        if !answers.is_empty() {
            self.run.statistics.delivery += started.elapsed();
            self.take_in(answers);
        }
    }

    fn take_in(&mut self, answers: Vec<LaneAnswer>) {
        let destinations = self.run.destinations.outputs.all();
        // None: nothing was meant for it.
        let mut taken: Vec<Option<TargetStatistics>> = vec![None; destinations.len()];
        let mut failures: Vec<Failure> = Vec::new();
        let mut refused: Vec<(PendingOutput, Arc<str>)> = Vec::new();
        for mut answer in answers {
            self.run.statistics.retries += answer.retries;
            let mut held_back = Vec::new();
            let all = std::mem::take(&mut answer.parcels).into_iter().zip(std::mem::take(&mut answer.deliveries));
            for (place, (parcel, delivery)) in all.enumerate() {
                let taken = taken[parcel.destination as usize].get_or_insert_default();
                match delivery {
                    Delivery::Failed { .. }
                        if self.run.destinations.dead_letters.is_some()
                            && answer.held_back.binary_search(&place).is_ok() =>
                    {
                        held_back.push(parcel);
                    }
                    Delivery::Delivered => {
                        self.run.ledger.delivered(parcel.index);
                        taken.outputs += 1;
                        taken.bytes += parcel.bytes as u64;
                    }
                    Delivery::Undeliverable { reason } => {
                        let reason = reason.to_string();
                        failures.push(Failure { index: parcel.index, kind: DeadLetterKind::Undeliverable, reason });
                    }
                    Delivery::Failed { reason } => refused.push((parcel, reason)),
                }
            }
            if !held_back.is_empty() {
                self.lanes.put_back(&answer, held_back);
            }
        }
        self.run.took_anything |= taken.iter().flatten().any(|taken| taken.outputs > 0);
        for (destination, taken) in destinations.iter().zip(taken) {
            if let Some(taken) = taken {
                self.run.statistics.took(&destination.name, taken);
            }
        }
        for (parcel, reason) in refused {
            match self.run.exhausted(self.batch.event(parcel.index)) {
                Some(why) => {
                    let reason = format!("its output is not delivered, at {why}, while others are: {reason}");
                    failures.push(Failure { index: parcel.index, kind: DeadLetterKind::Exhausted, reason });
                }
                None => {
                    self.run.ledger.not_delivered(parcel.index, parcel.ordinal, || digest_before(&parcel));
                    self.run.ledger.stop_at(parcel.index, Cause::NotDelivered, &*reason);
                }
            }
        }
        // One dead letter an event, however many of its outputs are undeliverable.
        failures.sort_by_key(|failure| failure.index);
        failures.dedup_by_key(|failure| failure.index);
        if failures.is_empty() {
            return;
        }
        if self.run.destinations.dead_letters.is_none() {
            let Failure { index, kind, reason } = failures.swap_remove(0);
            return self.run.ledger.stop_at(index, Cause::NoDeadLetterTarget(kind), reason);
        }
        failures.iter().for_each(|failure| self.run.ledger.failed(failure.index, failure.kind));
        let has_failed = |index| failures.binary_search_by_key(&index, |failure: &Failure| failure.index).is_ok();
        self.lanes.take_back(has_failed);
        self.failures.append(&mut failures);
        self.failures.sort_by_key(|failure| failure.index);
    }

    /// Writes the dead letters of all events that failed. Where that does not work, the acknowledged events end there.
    async fn dead_letter(&mut self) {
        self.waiting = 0;
        let failures = std::mem::take(&mut self.failures);
        let Some(dead_letters) = &self.run.destinations.dead_letters else { return };
        let letters: Vec<DeadLetter<'_>> = failures
            .iter()
            .map(|failure| {
                let event = self.batch.event(failure.index);
                let attempts = self.run.retry.attempts(event);
                DeadLetter { event, kind: failure.kind, reason: &failure.reason, attempts }
            })
            .collect();
        // Half of the time left, so that a target that hangs leaves some for what else there is to do.
        let by = half_way(self.run.time.settle_by());
        let started = Instant::now();
        let answer = within(by, dead_letters.write(self.batch, &letters, before(by))).await.unwrap_or_default();
        drop(letters);
        self.run.statistics.delivery += started.elapsed();
        self.run.statistics.retries += answer.retries;
        let mut deliveries = answer.deliveries.into_iter();
        for failure in failures {
            let why_not = match deliveries.next() {
                Some(Delivery::Delivered) => {
                    if !dead_letters.are_discarded() {
                        self.log_dead_letter(&failure);
                    }
                    self.run.ledger.dead_lettered(failure);
                    continue;
                }
                Some(Delivery::Failed { reason } | Delivery::Undeliverable { reason }) => reason,
                None => "the dead-letter destination did not answer before the deadline".into(),
            };
            let Failure { index, kind, reason } = failure;
            if index < self.run.ledger.end() {
                let reason = format!("{reason}; the dead letter: {why_not}");
                self.run.ledger.stop_at(index, Cause::DeadLetterFailed(kind), reason);
            }
        }
    }

    /// Logs position and reason, never the payload.
    fn log_dead_letter(&self, failure: &Failure) {
        tracing::warn!(
            shard_id = self.batch.shard_id(),
            sequence_number = self.batch.event(failure.index).sequence_number.as_str(),
            kind = failure.kind.as_str(),
            code = failure.kind.code().as_str(),
            "dead-lettered: {}",
            failure.reason,
        );
    }
}

/// Returns the digest of the outputs of an event before this one.
fn digest_before(parcel: &PendingOutput) -> Option<[u8; 32]> {
    match &parcel.body {
        OutputBody::Emitted(emissions) if parcel.ordinal > 0 => {
            Some(digest(emissions.iter().take(parcel.ordinal as usize)))
        }
        _ => None,
    }
}

fn unknown_route(route: &str) -> String {
    // As much of a name as a message can bear.
    let route = &route[..route.floor_char_boundary(64)];
    format!("the transform names the route {route:?}, which is not configured: set KINESIEVE_ROUTE_<NAME>")
}
