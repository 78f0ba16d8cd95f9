//! How long to wait before a service is asked again.

use std::time::Duration;

/// The longest wait after the first failure.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait at all: an invocation of Lambda has no minutes to lose.
const LONGEST: Duration = Duration::from_secs(5);

/// Exponential backoff with full jitter: each wait is drawn from zero to a bound that doubles. Many
/// functions that were throttled together do not come back together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait, after one more failure. `chance` is from 0 to 1.
    pub(crate) fn after_failure(&mut self, chance: f64) -> Duration {
        let bound = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(chance.clamp(0.0, 1.0))
    }

    /// Whether the failure at hand is the first of a row, or they have doubled in number since the last that was told of:
    /// what fails for hours is not worth a line each time.
    pub(crate) fn is_worth_telling(&self) -> bool {
        self.failures.saturating_add(1).is_power_of_two()
    }

    /// The next wait, after some went through and some did not: the service is at its limit, not beyond it.
    pub(crate) fn after_partial_failure(&mut self, chance: f64) -> Duration {
        self.failures /= 2;
        self.after_failure(chance)
    }

    /// All went through: the next failure is a first one again.
    pub(crate) fn after_success(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest_and_starts_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let bounds: Vec<u128> = (0..9).map(|_| backoff.after_failure(1.0).as_millis()).collect();
        assert_eq!(bounds, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.after_success();
        assert_eq!(backoff.after_failure(1.0), FIRST);
        assert_eq!(backoff.after_failure(0.0), Duration::ZERO);
    }

    #[test]
    fn where_some_goes_through_the_wait_stays_short() {
        let mut backoff = Backoff { failures: 6 };
        let bounds: Vec<u128> = (0..5).map(|_| backoff.after_partial_failure(1.0).as_millis()).collect();
        assert_eq!(bounds, [400, 200, 100, 100, 100]);
    }

    #[test]
    fn a_failure_is_told_of_at_the_first_and_at_each_doubling() {
        let mut backoff = Backoff::default();
        let told = (1..=100).filter(|_| {
            let is_told = backoff.is_worth_telling();
            backoff.after_failure(1.0);
            is_told
        });
        assert_eq!(told.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn it_never_overflows() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.after_failure(1.0), LONGEST);
        assert_eq!(backoff.after_failure(0.5), LONGEST / 2);
    }
}
