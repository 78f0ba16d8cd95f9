//! How often an event may come again, and until when.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::blocked::BlockedRecord;
use crate::event::Event;
use crate::timestamp::now_millis;

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

/// The retry budget of one invocation.
#[derive(Debug, Clone)]
pub(super) struct RetryBudget {
    limits: RetryLimits,
    /// The record that blocked the shard, as this process remembers it.
    blocked: Option<Arc<BlockedRecord>>,
    /// And as others do: not known at first. The guest is at work already while they are asked.
    of_others: Arc<OnceLock<Option<Arc<BlockedRecord>>>>,
    /// When the batch began, in milliseconds since the Unix epoch.
    began_at: u64,
}

impl RetryBudget {
    /// Returns the budget of an invocation that begins now. `blocked` is the record that blocked its shard.
    pub(super) fn new(limits: RetryLimits, blocked: Option<Arc<BlockedRecord>>) -> Self {
        Self { limits, blocked, of_others: Arc::default(), began_at: now_millis() }
    }

    /// What other processes know. It counts from the first verdict that is settled on, so it is said before.
    pub(super) fn others_know(&self, blocked: Option<Arc<BlockedRecord>>) {
        // Said once; a second time would change nothing about what was settled.
        let _ = self.of_others.set(blocked);
    }

    /// The number of the attempt at hand.
    pub(super) fn attempts(&self, event: Event<'_>) -> u32 {
        let of_others = self.of_others.get().and_then(Option::as_ref);
        let before = self.blocked.iter().chain(of_others);
        let attempts = before.map(|blocked| blocked.attempts_at(event)).max();
        attempts.unwrap_or(0).saturating_add(1)
    }

    /// Whether the transform may not ask for an event again, as far as that can be said yet.
    pub(super) fn may_have_run_out(&self, event: Event<'_>) -> bool {
        let is_open = self.limits.depend_on_the_past() && self.of_others.get().is_none();
        is_open || self.has_run_out(event).is_some()
    }

    /// Returns why an event may not be tried again that was tried before, by attempts alone; none: it may.
    ///
    /// By age, all that waited behind a target that was down would run out at once when it is back.
    pub(super) fn has_used_up_attempts(&self, event: Event<'_>) -> Option<String> {
        let attempts = self.attempts(event);
        self.at_most(attempts).filter(|_| attempts > 1)
    }

    /// Returns whether there is an event that may have used up its attempts.
    pub(super) fn may_be_used_up(&self) -> bool {
        let of_others = self.of_others.get().and_then(Option::as_ref);
        let mut all = self.blocked.iter().chain(of_others);
        all.any(|blocked| self.at_most(blocked.attempts.saturating_add(1)).is_some())
    }

    fn at_most(&self, attempts: u32) -> Option<String> {
        let most = self.limits.attempts.filter(|most| attempts >= most.get())?;
        Some(format!("attempt {attempts} of {most} (KINESIEVE_MAX_ATTEMPTS)"))
    }

    /// Why the transform may not ask for an event again; none: it may.
    pub(super) fn has_run_out(&self, event: Event<'_>) -> Option<String> {
        let attempts = self.attempts(event);
        if let Some(why) = self.at_most(attempts) {
            return Some(why);
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
