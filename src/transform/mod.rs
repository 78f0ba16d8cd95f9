//! The guest: a WebAssembly component that says what becomes of each event.
//!
//! [`Transform::load`] checks and compiles (or opens) a component, [`Guests::start`] makes a pool of workers, each with an
//! instance of it on a thread of its own, and a [`WorkerLease`] of one or several of them takes a batch, event by event. What a
//! guest does wrong costs the event in hand and no other: after a trap its instance is thrown away and a new one goes on.
//!
//! | file | is |
//! | --- | --- |
//! | `artifact`, `compile`, `precompiled`, `manifest`, `engine`, `target`, `contract`, `inspect` | a component: read, compiled, checked, described |
//! | `guests` | the pool of whatever world the component is made for |
//! | `records`, `window` | the worlds: what is exported, and what a guest does with a batch; a small program each |
//! | `pool`, `worker`, `prefilter` | threads, which of them take a batch, and the way of a batch through one of them, where a filter comes first |
//! | `guest`, `instance`, `host`, `limits`, `fault`, `trace` | an instance: started, called, bounded, what broke in it and where |
//! | `run`, `group`, `emissions`, `memory`, `shares`, `verdict` | what became of events: put in order, handed over, bounded |
//! | `guest_time`, `ticker` | time: of an invocation, and the clock |
//! | `log`, `log_budget` | what guests say |
//! | `trial` | a guest on the thread of whoever watches it: measured, looked into, compared |

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
mod fault;
mod flow_control;
mod group;
mod guest;
mod guest_time;
mod guests;
mod host;
#[cfg(feature = "compiler")]
mod inspect;
mod instance;
mod limits;
mod log;
mod log_budget;
mod manifest;
mod memory;
mod pool;
mod precompiled;
mod prefilter;
mod records;
mod run;
mod shares;
mod target;
mod ticker;
mod trace;
#[cfg(feature = "compiler")]
mod trial;
mod verdict;
mod window;
mod worker;

pub use artifact::{LoadError, Transform, check_precompiled};
#[cfg(feature = "compiler")]
pub use compile::{BuildError, Built, precompile};
pub use contract::{Age, ContractError, World};
pub use emissions::{Emission, Emissions};
pub use engine::Insight;
pub use flow_control::{FlowControl, UpToRetry};
pub use group::Grouping;
pub use guest_time::GuestTime;
pub use guests::{Guests, RecordPool, WindowPool};
#[cfg(feature = "compiler")]
pub use inspect::{
    ComponentDescription, ComponentMetadata, FileDescription, ImportDescription, PrecompiledDescription, describe,
};
pub use instance::StartError;
pub use limits::{Limits, guest_memory};
pub use log_budget::LogBudget;
pub use manifest::Manifest;
pub use pool::{Job, Pool, WorkerLease};
pub use records::Records;
pub use run::{GuestRun, VerdictChunk};
pub use target::CompileTarget;
#[cfg(feature = "compiler")]
pub use trial::{
    GuestPresence, PresenceShare, PresenceWatch, StackSamples, Trial, TrialAnswer, TrialBatch, TrialHost, TrialOptions,
    TrialUsage,
};
pub use verdict::{Fault, FaultKind, Verdict};
pub use window::{ClosedFold, FoldClose, Folding, StateRefused, Window, WindowEnding, WindowFold, WindowOpening};
