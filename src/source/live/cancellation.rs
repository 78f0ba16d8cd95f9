//! How a run ends before its streams do.

use tokio::sync::watch;

/// Ends a run, from wherever it is held.
#[derive(Debug, Clone)]
pub struct Cancellation {
    level: watch::Sender<CancellationLevel>,
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
        Self { level: watch::Sender::new(CancellationLevel::Go) }
    }
}

impl Cancellation {
    /// Lets what is in flight come to its end, and nothing else.
    pub fn stop(&self) {
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

    fn raise(&self, level: CancellationLevel) {
        self.level.send_if_modified(|now| {
            let is_higher = level > *now;
            *now = level.max(*now);
            is_higher
        });
    }
}
