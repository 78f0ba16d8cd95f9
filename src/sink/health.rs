//! Whether a target takes what it is given, as far as the deliveries know that are under way: a delivery tells what came
//! of it at its end, and a target that refuses or hangs is worth knowing of before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What one target does with what all deliveries give it.
#[derive(Debug)]
pub struct TargetHealth {
    name: String,
    state: Mutex<HealthState>,
}

#[derive(Debug, Default)]
struct HealthState {
    /// Deliveries that were begun and are not answered.
    under_way: usize,
    /// Since when it owes an answer or refuses; none: it owes nothing.
    waiting_since: Option<Instant>,
    failures: u64,
    reason: Option<Arc<str>>,
    lasting_error: Option<Arc<str>>,
}

/// A target that owes an answer, or that refuses what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetWait {
    /// The target, as an ARN or as it is called in the settings.
    pub target: String,
    /// How long it has taken nothing.
    pub waiting: Duration,
    /// How many requests have failed since it took something; zero: it does not answer.
    pub failures: u64,
    /// What it said last; none: nothing.
    pub reason: Option<Arc<str>>,
    /// The service's code, where what it said last stays until somebody changes something.
    pub lasting_error: Option<Arc<str>>,
}

impl TargetHealth {
    /// A target of which nothing is known yet. `name` is its ARN, or what it is called in the settings.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), state: Mutex::default() }
    }

    /// What it owes; none: nothing.
    pub fn wait(&self) -> Option<TargetWait> {
        let state = self.lock();
        let since = state.waiting_since?;
        Some(TargetWait {
            target: self.name.clone(),
            waiting: since.elapsed(),
            failures: state.failures,
            reason: state.reason.clone(),
            lasting_error: state.lasting_error.clone(),
        })
    }

    /// A delivery begins, and ends with the value.
    pub(super) fn begin(&self) -> DeliveryUnderWay<'_> {
        let mut state = self.lock();
        state.under_way += 1;
        state.waiting_since.get_or_insert_with(Instant::now);
        DeliveryUnderWay { health: self }
    }

    /// It took something.
    pub(super) fn took(&self) {
        let mut state = self.lock();
        state.waiting_since = (state.under_way > 0).then(Instant::now);
        (state.failures, state.reason, state.lasting_error) = (0, None, None);
    }

    /// A request failed: it was refused, or not answered in time. `lasting_error` is the service's code, if that stays until somebody changes something.
    pub(super) fn failed(&self, reason: &str, lasting_error: Option<&str>) {
        let mut state = self.lock();
        state.failures += 1;
        state.reason = Some(super::reason(reason.to_owned()));
        state.lasting_error = lasting_error.map(Arc::from);
    }

    fn lock(&self) -> MutexGuard<'_, HealthState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery that is under way, until the value is dropped.
#[derive(Debug)]
pub(super) struct DeliveryUnderWay<'a> {
    health: &'a TargetHealth,
}

impl Drop for DeliveryUnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.health.lock();
        state.under_way = state.under_way.saturating_sub(1);
        // Between two attempts at what it refuses, it is still what is waited for.
        if state.under_way == 0 && state.reason.is_none() {
            state.waiting_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_owes_nothing_is_not_waited_for() {
        let health = TargetHealth::of("here");
        assert_eq!(health.wait(), None);
        let delivery = health.begin();
        assert_eq!(health.wait().map(|wait| (wait.target, wait.failures)), Some(("here".to_owned(), 0)));
        health.took();
        assert!(health.wait().is_some(), "there may be more of it");
        drop(delivery);
        assert_eq!(health.wait(), None);
    }

    #[test]
    fn a_target_that_refuses_is_waited_for_until_it_takes_something() {
        let health = TargetHealth::of("here");
        for (attempt, lasting) in [(1, None), (2, Some("Gone"))] {
            let delivery = health.begin();
            health.failed("not now", lasting);
            drop(delivery);
            let wait = health.wait().expect("a wait");
            assert_eq!((wait.failures, wait.reason.as_deref()), (attempt, Some("not now")));
            assert_eq!(wait.lasting_error.as_deref(), lasting);
        }
        health.took();
        assert_eq!(health.wait(), None);
    }
}
