//! Positions that are held back, so that a busy shard does not cost a write for each batch.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::progress::ShardProgress;
use crate::event::Shard;

/// What was written last of each shard, and what was not written yet.
#[derive(Debug)]
pub(super) struct Pending {
    period: Duration,
    shards: HashMap<Shard, PendingState>,
}

#[derive(Debug, Default)]
struct PendingState {
    /// When its row was last written by this process, saying that nothing is in the way; none: the row may say
    /// anything.
    written_at: Option<Instant>,
    held_back: Option<ShardProgress>,
}

/// What to do about a position.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CheckpointStep {
    Write(ShardProgress),
    Defer,
}

impl Pending {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, shards: HashMap::new() }
    }

    /// Takes up what came of a batch. What stands still is written at once, and so is what comes after it.
    pub(super) fn take(&mut self, progress: ShardProgress, now: Instant) -> CheckpointStep {
        if self.period.is_zero() {
            return CheckpointStep::Write(progress);
        }
        let state = self.shards.entry(progress.shard.clone()).or_default();
        let is_due = state.written_at.is_none_or(|at| now.saturating_duration_since(at) >= self.period);
        if is_due || progress.stuck.is_some() {
            state.held_back = None;
            return CheckpointStep::Write(progress);
        }
        state.held_back = Some(progress);
        CheckpointStep::Defer
    }

    /// A row says this now.
    pub(super) fn written(&mut self, progress: &ShardProgress, now: Instant) {
        if self.period.is_zero() {
            return;
        }
        let state = self.shards.entry(progress.shard.clone()).or_default();
        state.written_at = progress.stuck.is_none().then_some(now);
    }

    /// Takes back what could not be written, unless something newer came up.
    pub(super) fn give_back(&mut self, progress: ShardProgress) {
        if self.period.is_zero() || progress.stuck.is_some() {
            return;
        }
        let state = self.shards.entry(progress.shard.clone()).or_default();
        if state.held_back.as_ref().is_none_or(|newer| progress.is_beyond(newer)) {
            state.held_back = Some(progress);
        }
    }

    /// What was held back of other shards for long enough: perhaps they fell quiet.
    pub(super) fn overdue(&mut self, but_not: &Shard, now: Instant) -> Vec<ShardProgress> {
        let period = self.period;
        let of_state = |(shard, state): (&Shard, &mut PendingState)| {
            let is_due = state.written_at.is_none_or(|at| now.saturating_duration_since(at) >= period);
            if shard != but_not && is_due { state.held_back.take() } else { None }
        };
        self.shards.iter_mut().filter_map(of_state).collect()
    }

    /// Everything that was held back.
    pub(super) fn take_all(&mut self) -> Vec<ShardProgress> {
        self.shards.values_mut().filter_map(|state| state.held_back.take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::progress::{Acknowledged, BlockedProgress};
    use crate::event::Position;

    const PERIOD: Duration = Duration::from_secs(10);

    fn at(sequence_number: &str) -> Position {
        Position::new(sequence_number, 0).expect("a position")
    }

    fn progress(shard: &str, position: &str) -> ShardProgress {
        ShardProgress {
            shard: Shard { stream_arn: "arn".to_owned(), id: shard.to_owned() },
            acknowledged: Some(Acknowledged { sequence_number: position.to_owned(), arrived_at: 0 }),
            stuck: None,
        }
    }

    fn stuck(shard: &str, position: &str) -> ShardProgress {
        let stuck = BlockedProgress {
            position: at(position),
            attempts: 1,
            delivered: None,
            made_by: String::new(),
            code: None,
            reason: String::new(),
        };
        ShardProgress { acknowledged: None, stuck: Some(stuck), ..progress(shard, position) }
    }

    /// Takes it up, and writes it where that is what to do.
    fn writes(pending: &mut Pending, progress: ShardProgress, now: Instant) -> bool {
        match pending.take(progress, now) {
            CheckpointStep::Write(progress) => {
                pending.written(&progress, now);
                true
            }
            CheckpointStep::Defer => false,
        }
    }

    #[test]
    fn without_a_period_each_batch_is_written() {
        let (mut pending, now) = (Pending::new(Duration::ZERO), Instant::now());
        assert!((1..4).all(|number| writes(&mut pending, progress("a", &number.to_string()), now)));
        assert!(pending.take_all().is_empty());
    }

    #[test]
    fn a_busy_shard_is_written_once_a_period_and_the_last_position_is_kept() {
        let (mut pending, start) = (Pending::new(PERIOD), Instant::now());
        let written: Vec<u64> = (0..25)
            .filter(|second| {
                writes(&mut pending, progress("a", &second.to_string()), start + Duration::from_secs(*second))
            })
            .collect();
        assert_eq!(written, [0, 10, 20]);
        assert_eq!(pending.take_all(), [progress("a", "24")]);
        assert!(pending.take_all().is_empty());
    }

    #[test]
    fn what_stands_still_is_written_at_once_and_so_is_what_comes_next() {
        let (mut pending, now) = (Pending::new(PERIOD), Instant::now());
        assert!(writes(&mut pending, progress("a", "1"), now));
        assert!(!writes(&mut pending, progress("a", "2"), now));
        assert!(writes(&mut pending, stuck("a", "3"), now));
        assert!(writes(&mut pending, progress("a", "3"), now), "the row says that it stands still");
        assert!(!writes(&mut pending, progress("a", "4"), now));
    }

    #[test]
    fn a_shard_that_fell_quiet_is_written_with_anothers_batch() {
        let (mut pending, start) = (Pending::new(PERIOD), Instant::now());
        for position in ["1", "2"] {
            writes(&mut pending, progress("quiet", position), start);
        }
        let busy = progress("busy", "1").shard;
        assert!(pending.overdue(&busy, start + PERIOD / 2).is_empty());
        assert_eq!(pending.overdue(&busy, start + PERIOD), [progress("quiet", "2")]);
        assert!(pending.overdue(&busy, start + PERIOD).is_empty());
    }

    #[test]
    fn what_could_not_be_written_comes_back_unless_there_is_something_newer() {
        let (mut pending, now) = (Pending::new(PERIOD), Instant::now());
        pending.give_back(progress("a", "9"));
        pending.give_back(progress("a", "10"));
        pending.give_back(progress("a", "8"));
        assert_eq!(pending.take_all(), [progress("a", "10")]);
        // Never written: the next is.
        assert!(writes(&mut pending, progress("a", "11"), now));
    }
}
