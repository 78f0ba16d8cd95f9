//! What happens often, and is said seldom: a line a second is read, and thousands bury all others.

use std::time::{Duration, Instant};

/// How long nothing more is said after a line.
const QUIET: Duration = Duration::from_secs(1);

/// How often something happened, and how much of that was said.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    count: u64,
    said: u64,
    said_at: Option<Instant>,
}

impl Seldom {
    /// Takes in that it happened so often once more, and returns whether that is to be said now.
    pub(crate) fn is_due(&mut self, times: u64, now: Instant) -> bool {
        self.count = self.count.saturating_add(times);
        let is_due = self.said_at.is_none_or(|said_at| now.saturating_duration_since(said_at) >= QUIET);
        if is_due {
            self.said_at = Some(now);
        }
        is_due
    }

    /// How often it happened in all.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How often it happened since the last that was said. That is said from now on.
    pub(crate) fn take_unsaid(&mut self) -> u64 {
        self.count - std::mem::replace(&mut self.said, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_a_second_and_nothing_is_left_out_of_the_count() {
        let mut seldom = Seldom::default();
        let start = Instant::now();
        let mut said = Vec::new();
        for number in 0..5_000_u64 {
            if seldom.is_due(2, start + Duration::from_millis(number)) {
                said.push(seldom.take_unsaid());
            }
        }
        assert_eq!(said, [2, 2_000, 2_000, 2_000, 2_000]);
        assert_eq!((seldom.take_unsaid(), seldom.take_unsaid(), seldom.count()), (1_998, 0, 10_000));
    }
}
