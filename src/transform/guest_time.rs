//! The time that guests have in an invocation.

use std::time::{Duration, Instant};

use super::verdict::{Fault, FaultKind, Verdict};

/// An event that began within the first tenth of the guests' time had nearly all of it: when it is interrupted it counts
/// as one that takes too long. On a replay it comes first and gets all of that time, a ninth more at most, so it would be
/// interrupted for ever. One that began later was held up by what came before it, and comes again.
const HELD_UP: u32 = 10;

/// The time that guests have in an invocation: one value for all parts of what came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestTime {
    /// When guests could begin with the first part.
    pub began_at: Instant,
    /// When guests are interrupted, whatever they do.
    pub interrupt_at: Instant,
}

impl GuestTime {
    /// Whether it is over.
    pub(super) fn is_over(self, now: Instant) -> bool {
        now >= self.interrupt_at
    }

    /// Whether an event had nearly all of it whose turn came at this time.
    pub(super) fn is_nearly_all_from(self, turn: Instant) -> bool {
        let all = self.interrupt_at.saturating_duration_since(self.began_at);
        turn.saturating_duration_since(self.began_at) <= all / HELD_UP
    }
}

/// The verdict on an event whose turn came at this time, and that was not done when the time was over.
pub(super) fn verdict_at_its_end(time: Option<GuestTime>, turn: Instant) -> Verdict {
    match time {
        Some(time) if time.is_nearly_all_from(turn) => {
            let had = time.interrupt_at.saturating_duration_since(turn).as_millis();
            Verdict::Fault(Fault {
                kind: FaultKind::Timeout,
                reason: format!(
                    "took longer than the {had} ms that an invocation has for the transform: raise the timeout of the \
                     function, or lower KINESIEVE_EVENT_TIMEOUT"
                ),
            })
        }
        _ => Verdict::Interrupted,
    }
}

/// Returns how long it is until a point in time; without one, for ever.
pub(super) fn time_until(end: Option<Instant>, now: Instant) -> Duration {
    end.map_or(Duration::MAX, |end| end.saturating_duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_held_up_had_not_all_the_time() {
        let began_at = Instant::now() + Duration::from_secs(60);
        let time = GuestTime { began_at, interrupt_at: began_at + Duration::from_secs(6) };
        let had_all = |milliseconds| time.is_nearly_all_from(began_at + Duration::from_millis(milliseconds));
        assert!(had_all(0) && had_all(600));
        assert!(!had_all(601) && !had_all(3_300) && !had_all(6_001));
        // The clock may be a tick behind.
        assert!(time.is_nearly_all_from(began_at - Duration::from_millis(10)));
    }
}
