//! What a verdict means for its event, before anything is delivered.

use super::ledger::Fate;
use super::report::Cause;
use super::retry_budget::RetryBudget;
use crate::dead_letter::Kind;
use crate::event::{Event, Flaw, Payload};
use crate::transform::{Emissions, FaultKind, Verdict};

/// What becomes of an event.
pub(super) enum Ruling {
    /// It is delivered as it came.
    Kept,
    /// These are delivered.
    Emitted(Emissions),
    /// Nothing is delivered, and it is done.
    Nothing(Fate),
    /// It failed for good.
    Failed(Kind, String),
    /// It, and all behind it, come again.
    Stops(Cause, String),
}

/// Rules on the verdict on an event. Only what can be dead-lettered runs out of attempts.
pub(super) fn rule(event: Event<'_>, verdict: Verdict, has_dead_letters: bool, retry: &RetryBudget) -> Ruling {
    match verdict {
        Verdict::Keep => Ruling::Kept,
        Verdict::Drop => Ruling::Nothing(Fate::Dropped),
        Verdict::Folded => Ruling::Nothing(Fate::Folded),
        Verdict::Emit(emissions) => Ruling::Emitted(emissions),
        Verdict::Reject(reason) => Ruling::Failed(Kind::Rejected, reason),
        Verdict::Fault(fault) => {
            let kind = match fault.kind {
                FaultKind::Trap => Kind::Trap,
                FaultKind::Timeout => Kind::Timeout,
                FaultKind::Memory => Kind::Memory,
            };
            Ruling::Failed(kind, fault.reason)
        }
        Verdict::Undecodable => match event.payload {
            Payload::Undecodable { flaw: Flaw::Nothing, .. } => Ruling::Nothing(Fate::Control),
            Payload::Undecodable { reason, .. } => Ruling::Failed(Kind::Decode, reason.to_owned()),
            Payload::Decoded(_) => Ruling::Failed(Kind::Decode, "it can't be decoded".to_owned()),
        },
        Verdict::Retry(reason) => match retry.has_run_out(event).filter(|_| has_dead_letters) {
            Some(why) => {
                Ruling::Failed(Kind::Exhausted, format!("the transform asks for it again, at {why}: {reason}"))
            }
            None => Ruling::Stops(Cause::Retry, reason),
        },
        Verdict::Interrupted => match retry.has_used_up_attempts(event).filter(|_| has_dead_letters) {
            Some(why) => Ruling::Failed(Kind::Exhausted, format!("time was up before it was processed, at {why}")),
            None => Ruling::Stops(
                Cause::Deadline,
                "the transform was interrupted so that the answer comes in time".to_owned(),
            ),
        },
        Verdict::Unavailable(reason) => Ruling::Stops(Cause::TransformDown, reason),
    }
}
