//! How long the transform may ask for an event again.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::attempts::Blocked;
use crate::event::Event;

/// From when on an event that the transform asks for again is dead-lettered instead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryLimits {
    /// At this attempt; none: at no attempt.
    pub attempts: Option<NonZeroU32>,
    /// When it arrived in the stream so long ago; none: at no age.
    pub age: Option<Duration>,
}

impl RetryLimits {
    /// Whether it matters how often an event was tried before.
    pub(super) fn depend_on_the_past(&self) -> bool {
        self.attempts.is_some_and(|most| most.get() > 1)
    }
}

/// The same for one batch.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    limits: RetryLimits,
    /// What the shard last stood still at, as this process remembers it.
    blocked: Option<Blocked>,
    /// And as others do: not known at first. The guest is at work already while they are asked.
    of_others: Arc<OnceLock<Option<Blocked>>>,
    /// When the batch began, in milliseconds since the Unix epoch.
    began_at: u64,
}

impl Patience {
    /// For a batch that begins now. `blocked` is what its shard last stood still at.
    pub(super) fn new(limits: RetryLimits, blocked: Option<Blocked>) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began_at = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        Self { limits, blocked, of_others: Arc::default(), began_at }
    }

    /// What other processes know. It counts from the first verdict that is settled on, so it is said before.
    pub(super) fn others_know(&self, blocked: Option<Blocked>) {
        // Said once; a second time would change nothing about what was settled.
        let _ = self.of_others.set(blocked);
    }

    /// The number of the attempt at hand.
    pub(super) fn attempts(&self, event: Event<'_>) -> u32 {
        let of_others = self.of_others.get().and_then(Option::as_ref);
        let before = self.blocked.iter().chain(of_others);
        let attempts = before.map(|blocked| blocked.attempts_at(event.sequence_number.as_str())).max();
        attempts.unwrap_or(0).saturating_add(1)
    }

    /// Whether the transform may not ask for an event again, as far as that can be said yet.
    pub(super) fn may_have_run_out(&self, event: Event<'_>) -> bool {
        let is_open = self.limits.depend_on_the_past() && self.of_others.get().is_none();
        is_open || self.has_run_out(event).is_some()
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
