//! How an invocation deals with the checkpoint table: what it asks before, what it says after, and how long it waits in
//! all.

use std::time::{Duration, Instant};

use super::blocked::BlockedRecord;
use super::report::Stop;
use super::time::TimeBudget;
use crate::checkpoint::{
    Acknowledged, BlockedProgress, CheckpointErrorKind, CheckpointOutcome, CheckpointWriter, ResumePoint, ShardProgress,
};
use crate::event::{Batch, Position, SequenceNumber, Shard, Unpacking};

/// One invocation and the table, if there is one.
pub(super) struct BatchCheckpoint<'a> {
    checkpoint_writer: Option<&'a CheckpointWriter>,
    shard: Shard,
    /// By what records are taken apart and transformed here.
    made_by: String,
    unpacking: Unpacking,
    /// How long was waited for the table.
    waited: Duration,
    has_recalled: bool,
    /// What went wrong.
    troubles: Vec<CheckpointErrorKind>,
    reached: AcknowledgedPrefix,
}

/// How far the parts of a batch came: the record with the highest sequence number that is acknowledged, and was not before.
#[derive(Debug, Default)]
struct AcknowledgedPrefix {
    last: Option<Acknowledged>,
}

/// What the table says of a shard before its batch is processed.
#[derive(Debug, Default)]
pub(super) struct RecalledProgress {
    /// What is before this point is acknowledged already.
    pub(super) acknowledged: Option<ResumePoint>,
    /// What the shard is blocked at.
    pub(super) blocked: Option<BlockedRecord>,
}

impl<'a> BatchCheckpoint<'a> {
    pub(super) fn new(
        checkpoint_writer: Option<&'a CheckpointWriter>,
        shard: &Shard,
        made_by: String,
        unpacking: Unpacking,
    ) -> Self {
        Self {
            checkpoint_writer,
            shard: shard.clone(),
            made_by,
            unpacking,
            waited: Duration::ZERO,
            has_recalled: false,
            troubles: Vec::new(),
            reached: AcknowledgedPrefix::default(),
        }
    }

    /// Returns whether there is a table.
    pub(super) fn is_on(&self) -> bool {
        self.checkpoint_writer.is_some()
    }

    /// Returns whether the table has to be asked before the first event of each batch.
    pub(super) fn skips(&self) -> bool {
        self.checkpoint_writer.is_some_and(CheckpointWriter::skips_acknowledged)
    }

    /// Asks the table, once an invocation.
    pub(super) async fn recall(&mut self, time: &TimeBudget) -> RecalledProgress {
        let Some(checkpoint_writer) = self.checkpoint_writer.filter(|_| !self.has_recalled) else {
            return RecalledProgress::default();
        };
        self.has_recalled = true;
        let started = Instant::now();
        // What is left is for the position: that is worth more.
        let within = self.time_left(checkpoint_writer, time) / 2;
        let recalled = checkpoint_writer.recall(&self.shard, within).await;
        self.waited += started.elapsed();
        self.troubles.extend(recalled.trouble);
        let blocked = recalled.stuck.map(|stuck| BlockedRecord::in_table(stuck, &self.made_by));
        let broken_off = recalled.broken_off_at.map(|at| BlockedRecord::broken_off(at, self.unpacking));
        RecalledProgress { acknowledged: recalled.acknowledged, blocked: blocked.or(broken_off) }
    }

    /// Takes in which events of a part are acknowledged: those before `end`, of which so many at the front were before.
    pub(super) fn take_in(
        &mut self,
        part: &Batch,
        skipped: usize,
        end: usize,
        replay_from: Option<SequenceNumber<'_>>,
    ) {
        if self.checkpoint_writer.is_some() {
            self.reached.take_in(part, skipped, end, replay_from);
        }
    }

    /// Says what came of the batch.
    pub(super) async fn note(&mut self, stop: Option<&Stop>, time: &TimeBudget) -> Option<CheckpointOutcome> {
        let checkpoint_writer = self.checkpoint_writer?;
        let started = Instant::now();
        let progress = self.progress(stop);
        let noted = checkpoint_writer.note(progress, self.time_left(checkpoint_writer, time)).await;
        self.waited += started.elapsed();
        if let CheckpointOutcome::Failed(kind) = noted {
            self.troubles.push(kind);
        }
        Some(noted)
    }

    /// Returns how long was waited for the table, and what went wrong.
    pub(super) fn statistics(self) -> (Duration, Vec<CheckpointErrorKind>) {
        (self.waited, self.troubles)
    }

    fn time_left(&self, checkpoint_writer: &CheckpointWriter, time: &TimeBudget) -> Duration {
        time.left_of(checkpoint_writer.timeout().saturating_sub(self.waited))
    }

    /// Returns what there is to say of the shard: up to where all is acknowledged that was not before, and what stands
    /// in the way.
    fn progress(&self, stop: Option<&Stop>) -> ShardProgress {
        ShardProgress {
            shard: self.shard.clone(),
            acknowledged: self.reached.last.clone(),
            stuck: stop.map(|stop| BlockedProgress {
                position: stop.position.clone(),
                attempts: stop.attempts,
                delivered: Some(stop.delivered),
                made_by: self.made_by.clone(),
                code: Some(stop.cause.code()),
                reason: format!("{}: {}", stop.cause, stop.reason),
            }),
        }
    }
}

impl AcknowledgedPrefix {
    fn take_in(&mut self, part: &Batch, skipped: usize, end: usize, replay_from: Option<SequenceNumber<'_>>) {
        // Not at the record that comes again, of which earlier events may be acknowledged, nor beyond it.
        let is_before = |number: SequenceNumber<'_>| replay_from.is_none_or(|replay_from| number < replay_from);
        let number_of = |last: &Acknowledged| Position::new(&last.sequence_number, 0).ok();
        let before = self.last.take().and_then(|last| Some((number_of(&last)?, last)));
        let before = before.filter(|(position, _)| is_before(position.sequence_number()));
        let events = part.iter().take(end).skip(skipped).filter(|event| is_before(event.sequence_number));
        let last = events.max_by_key(|event| event.sequence_number);
        self.last = match (before, last) {
            (Some((position, before)), Some(last)) if last.sequence_number <= position.sequence_number() => {
                Some(before)
            }
            (_, Some(last)) => Some(Acknowledged {
                sequence_number: last.sequence_number.as_str().to_owned(),
                arrived_at: last.arrived_at,
            }),
            (before, None) => before.map(|(_, before)| before),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    /// A batch of these positions, each a sequence number and an index inside its aggregate.
    fn batch(positions: &[(&str, u64)]) -> Batch {
        let mut batch = Batch::builder("arn", "shard");
        for (sequence_number, sub_sequence_number) in positions.iter().copied() {
            let record = Record { partition_key: "key", sequence_number, sub_sequence_number, arrived_at: 0 };
            batch.push_bytes(record, b"").expect("a record");
        }
        batch.build()
    }

    /// What is said after these parts, where so many events at the front of the first were acknowledged before, and the
    /// last one stops at an index.
    fn said(parts: &[&Batch], skipped: usize, stop: Option<usize>) -> Option<String> {
        let mut reached = AcknowledgedPrefix::default();
        for (number, part) in parts.iter().enumerate() {
            let stop = stop.filter(|_| number == parts.len() - 1);
            let replay_from = stop.map(|index| part.lowest_from(index));
            let skipped = if number == 0 { skipped } else { 0 };
            reached.take_in(part, skipped, stop.unwrap_or(part.len()), replay_from);
        }
        reached.last.map(|last| last.sequence_number)
    }

    #[test]
    fn the_position_is_the_last_before_what_comes_again() {
        let plain = batch(&[("9", 0), ("10", 0), ("11", 0)]);
        assert_eq!(said(&[&plain], 0, None).as_deref(), Some("11"));
        assert_eq!(said(&[&plain], 0, Some(2)).as_deref(), Some("10"));
        assert_eq!(said(&[&plain], 0, Some(0)), None);
    }

    #[test]
    fn what_was_acknowledged_before_is_not_said_again() {
        let plain = batch(&[("9", 0), ("10", 0)]);
        assert_eq!(said(&[&plain], 2, None), None);
        assert_eq!(said(&[&plain], 1, None).as_deref(), Some("10"));
    }

    #[test]
    fn an_aggregate_is_acknowledged_when_all_of_it_is() {
        let aggregates = batch(&[("9", 0), ("10", 0), ("10", 1), ("10", 2)]);
        assert_eq!(said(&[&aggregates], 0, Some(2)).as_deref(), Some("9"));
        assert_eq!(said(&[&aggregates], 0, None).as_deref(), Some("10"));
    }

    #[test]
    fn the_parts_of_a_batch_are_said_as_one() {
        let (first, second) = (batch(&[("9", 0), ("10", 0)]), batch(&[("11", 0), ("12", 0)]));
        assert_eq!(said(&[&first, &second], 0, None).as_deref(), Some("12"));
        assert_eq!(said(&[&first, &second], 0, Some(1)).as_deref(), Some("11"));
        assert_eq!(said(&[&first, &second], 0, Some(0)).as_deref(), Some("10"));
    }

    /// As no shard sends it: what comes again is never behind the position.
    #[test]
    fn in_a_batch_out_of_order_the_position_stays_behind_what_comes_again() {
        let shuffled = batch(&[("12", 0), ("9", 0), ("15", 0), ("10", 0)]);
        assert_eq!(said(&[&shuffled], 0, Some(2)).as_deref(), Some("9"));
        assert_eq!(said(&[&shuffled], 0, None).as_deref(), Some("15"));
        let early = batch(&[("3", 0)]);
        assert_eq!(said(&[&shuffled, &early], 0, Some(0)), None);
    }
}
