//! Who leads guests through a batch.

use std::time::Duration;

use super::verdict::Verdict;
use crate::event::Event;

/// Who leads a guest through a batch.
pub trait FlowControl: Send {
    /// How long to wait before this event may begin.
    fn wait_before(&mut self, event: Event<'_>) -> Duration;

    /// Whether the rest of the batch is of no use after this verdict. It is not asked of outputs.
    fn is_last(&self, event: Event<'_>, verdict: &Verdict) -> bool;
}

/// Goes through a batch up to the first event that has to come again.
#[derive(Debug, Clone, Copy)]
pub struct UpToRetry;

impl FlowControl for UpToRetry {
    fn wait_before(&mut self, _event: Event<'_>) -> Duration {
        Duration::ZERO
    }

    fn is_last(&self, _event: Event<'_>, verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Retry(_))
    }
}
