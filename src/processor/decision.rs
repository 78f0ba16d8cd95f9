//! What a verdict means for its event, before anything is delivered.

use super::ledger::EventOutcome;
use super::report::Cause;
use super::retry_budget::RetryBudget;
use crate::dead_letter::DeadLetterKind;
use crate::event::{Event, Payload, PayloadError};
use crate::transform::{Emissions, FaultKind, Verdict};

/// What becomes of an event.
pub(super) enum EventDecision {
    /// It is delivered as it came.
    Kept,
    /// These are delivered.
    Emitted(Emissions),
    /// Nothing is delivered, and it is done.
    Nothing(EventOutcome),
    /// It failed for good.
    Failed(DeadLetterKind, String),
    /// It, and all behind it, come again.
    Stops(Cause, String),
}

/// Rules on the verdict on an event. Only what can be dead-lettered runs out of attempts.
pub(super) fn rule(event: Event<'_>, verdict: Verdict, has_dead_letters: bool, retry: &RetryBudget) -> EventDecision {
    match verdict {
        Verdict::Keep => EventDecision::Kept,
        Verdict::Drop => EventDecision::Nothing(EventOutcome::Dropped),
        Verdict::Folded => EventDecision::Nothing(EventOutcome::Folded),
        Verdict::Emit(emissions) => EventDecision::Emitted(emissions),
        Verdict::Reject(reason) => EventDecision::Failed(DeadLetterKind::Rejected, reason),
        Verdict::Fault(fault) => {
            let kind = match fault.kind {
                FaultKind::Trap => DeadLetterKind::Trap,
                FaultKind::Timeout => DeadLetterKind::Timeout,
                FaultKind::Memory => DeadLetterKind::Memory,
            };
            EventDecision::Failed(kind, fault.reason)
        }
        Verdict::Undecodable => match event.payload {
            Payload::Undecodable { flaw: PayloadError::Nothing, .. } => EventDecision::Nothing(EventOutcome::Control),
            Payload::Undecodable { reason, .. } => EventDecision::Failed(DeadLetterKind::Decode, reason.to_owned()),
            Payload::Decoded(_) => EventDecision::Failed(DeadLetterKind::Decode, "it can't be decoded".to_owned()),
        },
        Verdict::Retry(reason) => match retry.has_run_out(event).filter(|_| has_dead_letters) {
            Some(why) => EventDecision::Failed(
                DeadLetterKind::Exhausted,
                format!("the transform asks for it again, at {why}: {reason}"),
            ),
            None => EventDecision::Stops(Cause::Retry, reason),
        },
        Verdict::Interrupted => match retry.has_used_up_attempts(event).filter(|_| has_dead_letters) {
            Some(why) => EventDecision::Failed(
                DeadLetterKind::Exhausted,
                format!("time was up before it was processed, at {why}"),
            ),
            None => EventDecision::Stops(
                Cause::Deadline,
                "the transform was interrupted so that the answer comes in time".to_owned(),
            ),
        },
        Verdict::Unavailable(reason) => EventDecision::Stops(Cause::TransformDown, reason),
    }
}
