//! Which outcomes `--update` writes into the files, as the expected ones.

use std::io::{self, IsTerminal};

use crate::cases::{CaseCheck, CaseOutcome, Suite};
use crate::cli::foreign::{one_line, plain};
use crate::cli::say;

/// What becomes of outcomes that nobody expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Updates {
    /// The cases fail.
    None,
    /// They are written, but for faults: those are asked about on a terminal, and refused without one.
    ButFaults,
    /// They are written.
    All,
}

/// What was decided on the outcome of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acceptance {
    /// It is to be written.
    Accepted,
    /// It is a fault, and was not accepted.
    FaultRefused,
    /// There is nothing to decide.
    No,
}

impl Updates {
    /// Decides on what came of the cases of a file.
    pub(super) fn decide(self, suite: &Suite, came: &[CaseCheck]) -> Vec<Acceptance> {
        let decide = |(case, check): (_, &CaseCheck)| match (&check.outcome, self) {
            (Ok(_) | Err(_), Updates::None) | (Err(_), _) => Acceptance::No,
            (Ok(_), _) if check.is_expected => Acceptance::No,
            (Ok(outcome), Updates::ButFaults) if outcome.is_fault() => match asked(suite, case, outcome) {
                true => Acceptance::Accepted,
                false => Acceptance::FaultRefused,
            },
            (Ok(_), Updates::ButFaults | Updates::All) => Acceptance::Accepted,
        };
        suite.cases.iter().zip(came).map(decide).collect()
    }
}

/// Asks whether a fault is what is to come, if there is somebody to ask.
fn asked(suite: &Suite, case: &crate::cases::Case, outcome: &CaseOutcome) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    let place = format!("{}:{}", one_line(&suite.path.display().to_string()), case.line);
    let fault = plain(&outcome.shown().replace('\n', " "));
    say(&format_args!("{place}: {}: the transform broke: {fault}\nIs it to be so? [y/N]", plain(&case.name)));
    let mut answer = String::new();
    // What can't be read is no consent.
    io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
