//! The guest: a WebAssembly component that says what becomes of each event.
//!
//! [`Transform::load`] checks and compiles (or opens) a component, [`Guest::start`] puts an instance
//! of it on a thread of its own, and [`Guest::run`] feeds a batch to one or several of them, event by
//! event. What a guest does wrong costs the event in hand and no other: after a trap its instance is
//! thrown away and a new one goes on.

mod artifact;
mod bindings;
#[cfg(feature = "compiler")]
mod compile;
mod contract;
#[cfg(feature = "compiler")]
mod elf;
mod emissions;
mod engine;
#[cfg(feature = "compiler")]
mod extent;
mod group;
mod guest;
mod host;
#[cfg(feature = "compiler")]
mod inspect;
mod instance;
mod limits;
mod log;
mod manifest;
mod memory;
mod precompiled;
mod run;
mod shares;
mod ticker;
mod window;
mod worker;

pub use artifact::{LoadError, Transform, check_precompiled};
#[cfg(feature = "compiler")]
pub use compile::{BuildError, Built, precompile};
pub use contract::{Age, ContractError, World};
pub use emissions::{Emission, Emissions};
pub use engine::Target;
pub use guest::{Conductor, Grouping, Guest, Job, UpToRetry};
#[cfg(feature = "compiler")]
pub use inspect::{ComponentDescription, Description, ImportDescription, Metadata, PrecompiledDescription, describe};
pub use instance::StartError;
pub use limits::Limits;
pub use manifest::Manifest;
pub use run::{Chunk, Run};
pub use shares::MOST_GUESTS;
pub use window::{Close, Closed, Ending, Fold, FoldJob, StateRefused, Window, WindowGuest};

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
