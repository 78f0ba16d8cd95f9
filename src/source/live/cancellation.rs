//! How a run ends before its streams do.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long what is in flight may take after [`Cancellation::stop`], where nobody says it. Whoever ends a container waits for 30 seconds, and
/// the checkpoint table needs some of them.
pub const GRACE: Duration = Duration::from_secs(15);

/// Ends a run, from wherever it is held.
#[derive(Debug, Clone)]
pub struct Cancellation {
    grace: Duration,
    level: watch::Sender<CancellationLevel>,
    stopped_at: Arc<OnceLock<Instant>>,
}

/// How much of what is under way still happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CancellationLevel {
    /// All of it.
    Go,
    /// What was read is delivered; nothing more is read.
    ReadNoMore,
    /// What is in flight comes to its end; nothing more is delivered.
    Stop,
}

impl Default for Cancellation {
    fn default() -> Self {
        Self::with_grace(GRACE)
    }
}

impl Cancellation {
    /// One that gives what is in flight so long to come to its end.
    pub fn with_grace(grace: Duration) -> Self {
        Self { grace, level: watch::Sender::new(CancellationLevel::Go), stopped_at: Arc::default() }
    }

    /// How long what is in flight may take after [`Cancellation::stop`].
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// Lets what is in flight come to its end within the time for that, and nothing else.
    pub fn stop(&self) {
        // The first time counts.
        let _ = self.stopped_at.set(Instant::now());
        self.raise(CancellationLevel::Stop);
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        *self.level.borrow() == CancellationLevel::Stop
    }

    pub(super) fn read_no_more(&self) {
        self.raise(CancellationLevel::ReadNoMore);
    }

    /// Waits until it is as far as this.
    pub(super) async fn reaches(&self, level: CancellationLevel) {
        // It can't fail: the sender is here.
        let _ = self.level.subscribe().wait_for(|now| *now >= level).await;
    }

    /// Waits until what is in flight has to be left.
    pub(super) async fn cuts_off(&self) {
        self.reaches(CancellationLevel::Stop).await;
        let stopped_at = self.stopped_at.get().copied().unwrap_or_else(Instant::now);
        tokio::time::sleep_until(stopped_at + self.grace).await;
    }

    fn raise(&self, level: CancellationLevel) {
        self.level.send_if_modified(|now| {
            let is_higher = level > *now;
            *now = level.max(*now);
            is_higher
        });
    }
}
