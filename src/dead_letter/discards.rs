//! The dead-letter destination `discard`: events that fail are given up. Each is counted, and what is said of them is bounded.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::DeadLetter;
use crate::event::Batch;

/// How long nothing more is said after a line: a transform that fails fails for every record.
const QUIET: Duration = Duration::from_secs(1);

/// What was said last of events that are given up.
#[derive(Debug, Default)]
pub(super) struct Discards {
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// When the last line was written.
    at: Option<Instant>,
    /// Events that were given up since then, without a word.
    unsaid: u64,
}

impl Discards {
    /// Takes events in, and says of the first that it is given up, once a second at most: position and reason, never the
    /// payload.
    pub(super) fn take_in(&self, batch: &Batch, letters: &[DeadLetter<'_>]) {
        let Some(first) = letters.first() else { return };
        let Some(others) = self.others(letters.len() as u64, Instant::now()) else { return };
        tracing::warn!(
            shard_id = batch.shard_id(),
            sequence_number = first.event.sequence_number.as_str(),
            kind = first.kind.as_str(),
            code = first.kind.code().as_str(),
            others,
            "discarded: {}",
            first.reason,
        );
    }

    /// Returns of how many other events a line now speaks; none: it is not time for one.
    fn others(&self, events: u64, now: Instant) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.at.is_some_and(|at| now.saturating_duration_since(at) < QUIET) {
            said.unsaid = said.unsaid.saturating_add(events);
            return None;
        }
        let before = std::mem::take(&mut said.unsaid);
        said.at = Some(now);
        Some(before.saturating_add(events).saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_is_said_once_a_second_and_nothing_is_left_out_of_the_count() {
        let discards = Discards::default();
        let start = Instant::now();
        let lines: Vec<u64> = (0..5_000_u64)
            .filter_map(|number| discards.others(2, start + Duration::from_millis(number)))
            .map(|others| others + 1)
            .collect();
        assert_eq!(lines, [2, 2_000, 2_000, 2_000, 2_000]);
    }
}
