//! How a batch deals with the checkpoint table: what it asks before, what it says after, and how long it waits in all.

use std::time::{Duration, Instant};

use super::Deadline;
use super::attempts::Blocked;
use super::report::Stop;
use crate::checkpoint::{Acknowledged, Mirror, Noted, Progress, Stuck, TroubleKind};
use crate::event::{Batch, SequenceNumber};

/// One batch and the table, if there is one.
pub(super) struct Mirroring<'a> {
    mirror: Option<&'a Mirror>,
    batch: &'a Batch,
    deadline: Option<Deadline>,
    /// How long was waited for the table.
    waited: Duration,
    has_recalled: bool,
    /// What went wrong.
    troubles: Vec<TroubleKind>,
    /// How many events at the front of the batch were acknowledged before.
    skipped: usize,
}

/// What the table says of a batch before it is processed.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// How many events at the front of the batch are acknowledged already.
    pub(super) acknowledged: usize,
    /// What the shard stood still at.
    pub(super) blocked: Option<Blocked>,
}

impl<'a> Mirroring<'a> {
    pub(super) fn new(mirror: Option<&'a Mirror>, batch: &'a Batch, deadline: Option<Deadline>) -> Self {
        // Of nothing there is nothing to say.
        let mirror = mirror.filter(|_| !batch.is_empty());
        Self { mirror, batch, deadline, waited: Duration::ZERO, has_recalled: false, troubles: Vec::new(), skipped: 0 }
    }

    /// Whether the table has to be asked before the first event is processed.
    pub(super) fn skips(&self) -> bool {
        self.mirror.is_some_and(Mirror::skips_acknowledged)
    }

    /// When targets have to be done, so that some of the time after the interruption is left for the table.
    pub(super) fn settle_by(&self) -> Option<Instant> {
        let Deadline { interrupt_at, answer_by } = self.deadline?;
        let share = self.mirror.map_or(Duration::ZERO, |mirror| {
            mirror.timeout().min(answer_by.saturating_duration_since(interrupt_at) / 3)
        });
        Some(answer_by - share)
    }

    /// Asks the table, once.
    pub(super) async fn recall(&mut self) -> Before {
        let Some(mirror) = self.mirror.filter(|_| !self.has_recalled) else { return Before::default() };
        self.has_recalled = true;
        let started = Instant::now();
        // What is left is for the position: that is worth more.
        let within = self.time_left(mirror) / 2;
        let recalled = mirror.recall(self.batch.shard(), within).await;
        self.waited += started.elapsed();
        self.troubles.extend(recalled.trouble);
        let position = recalled.position.as_deref().and_then(|position| SequenceNumber::parse(position).ok());
        if let Some(position) = position {
            self.skipped = self.batch.iter().take_while(|event| event.sequence_number <= position).count();
        }
        Before { acknowledged: self.skipped, blocked: recalled.stuck.map(Blocked::from) }
    }

    /// Says what came of the batch.
    pub(super) async fn note(&mut self, stop: Option<&Stop>) -> Option<Noted> {
        let mirror = self.mirror?;
        let started = Instant::now();
        let noted = mirror.note(progress(self.batch, self.skipped, stop), self.time_left(mirror)).await;
        self.waited += started.elapsed();
        if let Noted::Failed(kind) = noted {
            self.troubles.push(kind);
        }
        Some(noted)
    }

    /// How long was waited for the table, and what went wrong.
    pub(super) fn effort(self) -> (Duration, Vec<TroubleKind>) {
        (self.waited, self.troubles)
    }

    fn time_left(&self, mirror: &Mirror) -> Duration {
        let of_the_bound = mirror.timeout().saturating_sub(self.waited);
        self.deadline.map_or(of_the_bound, |deadline| {
            of_the_bound.min(deadline.answer_by.saturating_duration_since(Instant::now()))
        })
    }
}

/// What there is to say of the shard: up to where all is acknowledged that was not before, and what stands in the way.
fn progress(batch: &Batch, skipped: usize, stop: Option<&Stop>) -> Progress {
    let end = stop.map_or(batch.len(), |stop| stop.index);
    let replay_from = stop.and_then(|stop| SequenceNumber::parse(&stop.replay_from).ok());
    // Not at the one that comes again, of which earlier parts may be acknowledged, nor beyond it.
    let is_behind = |number: SequenceNumber<'_>| replay_from.is_none_or(|replay_from| number < replay_from);
    let acknowledged = batch.iter().take(end).skip(skipped).filter(|event| is_behind(event.sequence_number));
    let last = acknowledged.max_by_key(|event| event.sequence_number);
    Progress {
        shard: batch.shard().clone(),
        acknowledged: last.map(|event| Acknowledged {
            sequence_number: event.sequence_number.as_str().to_owned(),
            arrived_at: event.arrived_at,
        }),
        stuck: stop.map(|stop| Stuck {
            sequence_number: stop.sequence_number.clone(),
            sub_sequence_number: stop.sub_sequence_number,
            attempts: stop.attempts,
            reason: format!("{}: {}", stop.cause, stop.reason),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;
    use crate::processor::Cause;

    /// A batch of these positions, each a sequence number and an index inside its aggregate.
    fn batch(positions: &[(&str, u64)]) -> Batch {
        let mut batch = Batch::builder("arn", "shard");
        for (sequence_number, sub_sequence_number) in positions.iter().copied() {
            let record = Record { partition_key: "key", sequence_number, sub_sequence_number, arrived_at: 0 };
            batch.push_bytes(record, b"").expect("a record");
        }
        batch.build()
    }

    fn position(batch: &Batch, stop: Option<usize>) -> Option<String> {
        let stop = stop.map(|index| Stop {
            index,
            sequence_number: batch.event(index).sequence_number.as_str().to_owned(),
            sub_sequence_number: batch.event(index).sub_sequence_number,
            replay_from: batch.lowest_from(index).as_str().to_owned(),
            attempts: 1,
            cause: Cause::Retry,
            reason: String::new(),
        });
        progress(batch, 0, stop.as_ref()).acknowledged.map(|last| last.sequence_number)
    }

    #[test]
    fn the_position_is_the_last_before_what_comes_again() {
        let plain = batch(&[("9", 0), ("10", 0), ("11", 0)]);
        assert_eq!(position(&plain, None).as_deref(), Some("11"));
        assert_eq!(position(&plain, Some(2)).as_deref(), Some("10"));
        assert_eq!(position(&plain, Some(0)), None);
    }

    #[test]
    fn what_was_acknowledged_before_is_not_said_again() {
        let plain = batch(&[("9", 0), ("10", 0)]);
        assert_eq!(progress(&plain, 2, None).acknowledged, None);
        assert_eq!(progress(&plain, 1, None).acknowledged.map(|last| last.sequence_number).as_deref(), Some("10"));
    }

    #[test]
    fn an_aggregate_is_acknowledged_when_all_of_it_is() {
        let aggregates = batch(&[("9", 0), ("10", 0), ("10", 1), ("10", 2)]);
        assert_eq!(position(&aggregates, Some(2)).as_deref(), Some("9"));
        assert_eq!(position(&aggregates, None).as_deref(), Some("10"));
    }

    /// As no shard sends it: what comes again is never behind the position.
    #[test]
    fn in_a_batch_out_of_order_the_position_stays_behind_what_comes_again() {
        let shuffled = batch(&[("12", 0), ("9", 0), ("15", 0), ("10", 0)]);
        assert_eq!(position(&shuffled, Some(2)).as_deref(), Some("9"));
        assert_eq!(position(&shuffled, None).as_deref(), Some("15"));
    }
}
