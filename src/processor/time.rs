//! The time of an invocation: one budget, which all parts of its batch share.

use std::time::{Duration, Instant};

use crate::transform::GuestTime;

/// When a batch has to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// From here on the guest does not run: what it finished is still delivered.
    pub interrupt_at: Instant,
    /// By now the report is due, whatever a target is doing.
    pub answer_by: Instant,
}

/// The time budget of one invocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeBudget {
    deadline: Option<Deadline>,
    /// When guests could begin with the first part.
    guests_began_at: Option<Instant>,
    /// What of the time between interruption and answer belongs to the checkpoint table.
    for_checkpoint: Duration,
}

impl TimeBudget {
    /// Returns the budget of an invocation. `checkpoint_timeout` is how long it may wait for the
    /// checkpoint table in all; zero, where there is none.
    pub(super) fn new(deadline: Option<Deadline>, checkpoint_timeout: Duration) -> Self {
        let for_checkpoint = deadline.map_or(Duration::ZERO, |Deadline { interrupt_at, answer_by }| {
            checkpoint_timeout.min(answer_by.saturating_duration_since(interrupt_at) / 3)
        });
        Self { deadline, guests_began_at: None, for_checkpoint }
    }

    /// Returns the time that guests have, from when they could begin with the first part: for all parts the same. None:
    /// all that they want.
    pub(super) fn guest_time(&mut self) -> Option<GuestTime> {
        let began_at = *self.guests_began_at.get_or_insert_with(Instant::now);
        self.deadline.map(|deadline| GuestTime { began_at, interrupt_at: deadline.interrupt_at })
    }

    /// Returns when targets have to be done, so that some time is left for the checkpoint table.
    pub(super) fn settle_by(&self) -> Option<Instant> {
        self.deadline.map(|deadline| deadline.answer_by - self.for_checkpoint)
    }

    /// Returns how much of a duration is left before the report is due.
    pub(super) fn left_of(&self, most: Duration) -> Duration {
        self.deadline.map_or(most, |deadline| most.min(deadline.answer_by.saturating_duration_since(Instant::now())))
    }
}

/// Returns a little before a point in time: a sink that gives up by itself can tell what it delivered, and one that is
/// given up can not.
pub(super) fn before(until: Option<Instant>) -> Option<Instant> {
    const MARGIN: Duration = Duration::from_millis(100);

    until.map(|until| until - MARGIN.min(until.saturating_duration_since(Instant::now()) / 10))
}

/// Returns the middle of the time that is left, so that something remains for who comes next.
pub(super) fn half_way(until: Option<Instant>) -> Option<Instant> {
    until.map(|until| until - until.saturating_duration_since(Instant::now()) / 2)
}

/// Waits for some work until a point in time; none: the time was over first.
pub(super) async fn within<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        None => Some(work.await),
        Some(until) => tokio::time::timeout_at(until.into(), work).await.ok(),
    }
}
