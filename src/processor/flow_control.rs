//! What leads a guest through a part of a batch.

use std::time::Duration;

use super::pace::Pacer;
use super::retry_budget::RetryBudget;
use crate::event::{Event, Payload, PayloadError};
use crate::transform::{FlowControl, Verdict};

/// Leads the guest through a batch: not too fast, and no further than is of use.
pub(super) struct BatchFlowControl {
    pub(super) retry: RetryBudget,
    pub(super) pacer: Option<Pacer>,
    pub(super) has_dead_letters: bool,
}

impl FlowControl for BatchFlowControl {
    fn wait_before(&mut self, event: Event<'_>) -> Duration {
        self.pacer.as_ref().map_or(Duration::ZERO, |pacer| pacer.wait_before(event))
    }

    fn is_last(&self, event: Event<'_>, verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Keep | Verdict::Drop | Verdict::Folded | Verdict::Emit(_) => false,
            Verdict::Retry(_) => !self.has_dead_letters || !self.retry.may_have_run_out(event),
            // With nowhere to put it, a failed event will come again, and all behind it.
            Verdict::Undecodable
                if matches!(event.payload, Payload::Undecodable { flaw: PayloadError::Nothing, .. }) =>
            {
                false
            }
            Verdict::Reject(_) | Verdict::Fault(_) | Verdict::Undecodable => !self.has_dead_letters,
            Verdict::Interrupted | Verdict::Unavailable(_) => true,
        }
    }
}
