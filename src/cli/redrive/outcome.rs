//! What became of one dead letter.

use crate::dead_letter::Kind;
use crate::processor::{Cause, Report};
use crate::source::dead_letters::Unopened;

/// What became of one dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its outputs are delivered.
    Delivered { outputs: u64, bytes: u64 },
    /// The transform filtered it out.
    Dropped,
    /// It failed again, and is in the dead letters of this run.
    DeadLettered { kind: Kind, reason: String },
    /// It failed again, and has no other place.
    Failed { kind: Kind, reason: String },
    /// The transform asks for it again.
    AskedAgain { reason: String },
    /// An output was not delivered.
    NotDelivered { reason: String },
    /// It was filtered out.
    Skipped,
    /// It is no dead letter.
    Malformed(String),
    /// Its data is in an object that can't be had.
    NotFetched { reason: String },
    /// Its data was cut, and the rest can't be had.
    Cut { reason: String },
}

impl From<Unopened> for Outcome {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Malformed(malformed) => Outcome::Malformed(malformed.to_string()),
            Unopened::NotFetched(reason) => Outcome::NotFetched { reason },
            Unopened::Cut(reason) => Outcome::Cut { reason },
        }
    }
}

impl Outcome {
    /// What the report of a batch of one letter says. One that was not decoded before may hold several events.
    pub(super) fn of(report: Report) -> Self {
        let Some(stop) = report.stop else {
            return match report.first_dead_letter {
                Some(failure) => Outcome::DeadLettered { kind: failure.kind, reason: failure.reason },
                None if report.counts.outputs == 0 && report.counts.dropped + report.counts.control > 0 => {
                    Outcome::Dropped
                }
                None => Outcome::Delivered { outputs: report.counts.outputs, bytes: report.counts.output_bytes },
            };
        };
        let reason = stop.reason;
        match stop.cause {
            Cause::Retry => Outcome::AskedAgain { reason },
            Cause::NoDeadLetterTarget(kind) | Cause::DeadLetterFailed(kind) => Outcome::Failed { kind, reason },
            Cause::NotDelivered => Outcome::NotDelivered { reason },
            Cause::Deadline | Cause::TransformDown => {
                Outcome::NotDelivered { reason: format!("{}: {reason}", stop.cause) }
            }
        }
    }

    /// Whether nothing has to be done about it any more.
    pub(super) fn is_acknowledged(&self) -> bool {
        match self {
            Outcome::Delivered { .. } | Outcome::Dropped | Outcome::DeadLettered { .. } => true,
            Outcome::Failed { .. }
            | Outcome::AskedAgain { .. }
            | Outcome::NotDelivered { .. }
            | Outcome::Skipped
            | Outcome::Malformed(_)
            | Outcome::NotFetched { .. }
            | Outcome::Cut { .. } => false,
        }
    }

    /// How it failed again, if it did.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Outcome::DeadLettered { kind, .. } | Outcome::Failed { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// Whether it failed in just this way.
    pub(super) fn is_failure_of(&self, kind: Kind, reason: &str) -> bool {
        self.kind() == Some(kind) && self.reason() == Some(reason)
    }

    /// What stood in the way, for a person.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Outcome::DeadLettered { reason, .. }
            | Outcome::Failed { reason, .. }
            | Outcome::AskedAgain { reason }
            | Outcome::NotDelivered { reason }
            | Outcome::Malformed(reason)
            | Outcome::NotFetched { reason }
            | Outcome::Cut { reason } => Some(reason),
            Outcome::Delivered { .. } | Outcome::Dropped | Outcome::Skipped => None,
        }
    }
}
