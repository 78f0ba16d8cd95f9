//! The time that the function has to start, and what of it may be waited for.

use std::time::{Duration, Instant};

/// How long after the process began a start still waits for what it can do without. Lambda gives a start ten seconds;
/// one that takes longer is begun again, in the time of the first invocation:
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>.
const OPTIONAL_UNTIL: Duration = Duration::from_secs(8);

/// How long connections are waited for at most.
const CONNECTIONS: Duration = Duration::from_secs(2);

/// The one budget of a start.
///
/// What the function can't do without, its settings and the transform, takes what it takes and has bounds of its own.
/// What it can do without, a table of checkpoints and connections, shares what is left.
#[derive(Debug, Clone, Copy)]
pub struct StartBudget {
    began: Instant,
}

impl StartBudget {
    /// The budget of a process that began at this time.
    pub fn of_process_that_began(began: Instant) -> Self {
        Self { began }
    }

    /// Returns how long the checkpoint table may be waited for from now on; zero: not at all.
    pub fn for_table(self) -> Duration {
        self.left(Instant::now())
    }

    /// Returns how long connections may be waited for from now on; zero: not at all.
    pub fn for_connections(self) -> Duration {
        self.left(Instant::now()).min(CONNECTIONS)
    }

    fn left(self, now: Instant) -> Duration {
        OPTIONAL_UNTIL.saturating_sub(now.saturating_duration_since(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_came_before_optional_steps_end_in_time() {
        let began = Instant::now();
        let budget = StartBudget::of_process_that_began(began);
        for millis in (0..20_000).step_by(500) {
            let spent = Duration::from_millis(millis);
            let left = budget.left(began + spent);
            assert!(spent + left <= OPTIONAL_UNTIL.max(spent), "{spent:?} {left:?}");
            assert_eq!(left.is_zero(), spent >= OPTIONAL_UNTIL, "{spent:?}");
        }
        // A clock that goes back gives no more than all of it.
        assert_eq!(budget.left(began - Duration::from_secs(1)), OPTIONAL_UNTIL);
        assert!(budget.for_connections() <= CONNECTIONS && budget.for_table() <= OPTIONAL_UNTIL);
    }

    #[test]
    fn a_transform_that_starts_as_slowly_as_it_may_leaves_time_for_the_rest() {
        // The bound of a transform's start, and Lambda's of all.
        let (transform, all) = (Duration::from_secs(5), Duration::from_secs(10));
        let began = Instant::now();
        let left = StartBudget::of_process_that_began(began).left(began + transform);
        assert_eq!(left, Duration::from_secs(3));
        assert!(transform + left < all);
    }
}
