//! What became of an event in the guest.

use super::emissions::Emissions;

/// What became of one event in the guest.
#[derive(Debug)]
pub enum Verdict {
    /// Deliver the event as it came.
    Keep,
    /// It is in the state of its window.
    Folded,
    /// The transform filtered the event out.
    Drop,
    /// Deliver these instead, in this order.
    Emit(Emissions),
    /// The transform wants the event, and all that follow, to come again.
    Retry(String),
    /// The transform says that the event can never be processed.
    Reject(String),
    /// The transform broke on this event.
    Fault(Fault),
    /// The event never reached the guest: its payload can't be decoded.
    Undecodable,
    /// The batch's deadline came before the event was done.
    Interrupted,
    /// There is no instance to process the event with, and a new one would not start.
    Unavailable(String),
}

/// How a guest broke. The event that it broke on is never tried again on its own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which limit or rule it broke.
    pub kind: FaultKind,
    /// What happened, for a person.
    pub reason: String,
}

/// The kinds of [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A WebAssembly trap, a panic or an exit.
    Trap,
    /// More time for one event than the limit.
    Timeout,
    /// More linear memory than the limit.
    Memory,
}

impl Verdict {
    /// Whether there can be no further verdict on the batch, whoever leads through it.
    pub(super) fn ends_batch(&self) -> bool {
        matches!(self, Verdict::Interrupted | Verdict::Unavailable(_))
    }
}
