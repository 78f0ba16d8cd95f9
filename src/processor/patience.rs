//! How long the transform may ask for an event again.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::attempts::{Blocked, attempts_of};
use crate::event::Event;

/// From when on an event that the transform asks for again is dead-lettered instead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryLimits {
    /// At this attempt; none: at no attempt.
    pub attempts: Option<NonZeroU32>,
    /// When it arrived in the stream so long ago; none: at no age.
    pub age: Option<Duration>,
}

/// The same for one batch.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    limits: RetryLimits,
    blocked: Option<Blocked>,
    /// When the batch began, in milliseconds since the Unix epoch.
    began_at: u64,
}

impl Patience {
    /// For a batch that begins now. `blocked` is what its shard last stood still at.
    pub(super) fn new(limits: RetryLimits, blocked: Option<Blocked>) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { limits, blocked, began_at: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX) }
    }

    /// The number of the attempt at hand.
    pub(super) fn attempts(&self, event: Event<'_>) -> u32 {
        attempts_of(event, self.blocked.as_ref())
    }

    /// Why the transform may not ask for an event again; none: it may.
    pub(super) fn has_run_out(&self, event: Event<'_>) -> Option<String> {
        let attempts = self.attempts(event);
        if let Some(most) = self.limits.attempts
            && attempts >= most.get()
        {
            return Some(format!("attempt {attempts} of {most} (KINESIEVE_MAX_ATTEMPTS)"));
        }
        let age = Duration::from_millis(self.began_at.saturating_sub(event.arrived_at));
        match self.limits.age {
            Some(most) if age >= most => Some(format!(
                "it arrived {} ago, more than {} (KINESIEVE_MAX_EVENT_AGE)",
                humantime::format_duration(Duration::from_secs(age.as_secs())),
                humantime::format_duration(most),
            )),
            _ => None,
        }
    }
}
