//! Test cases of a transform: files that a person reads and writes, run in the engine that production runs.
//!
//! [`Suite::parse`] reads a file, [`run`] puts its inputs through an instance of the transform, and [`Suite::updated`]
//! writes back what came where that is to be accepted. Nothing is delivered anywhere.

mod data;
mod expectation;
mod json;
mod outcome;
mod run;
mod suite;
mod update;
mod windows;

pub use data::CaseData;
pub(crate) use json::pretty;
#[cfg(feature = "compiler")]
pub(crate) use json::{compact, is_same};
pub use outcome::{CaseOutcome, CaseOutput};
pub use run::{CaseCheck, RunError, run};
#[cfg(feature = "compiler")]
pub(crate) use suite::MOST_FILE_BYTES;
pub use suite::{Case, CaseEvent, CaseStep, ExpectedRefusal, InvalidSuite, Suite};
