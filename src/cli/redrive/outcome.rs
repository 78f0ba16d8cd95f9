//! What became of one dead letter.

use crate::dead_letter::DeadLetterKind;
use crate::error_code::ErrorCode;
use crate::processor::{Cause, Report};
use crate::source::dead_letters::Unopened;

/// What became of one dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LetterOutcome {
    /// Its outputs are delivered.
    Delivered { outputs: u64, bytes: u64 },
    /// The transform filtered it out.
    Dropped,
    /// It failed again, and is in the dead letters of this run.
    DeadLettered { kind: DeadLetterKind, reason: String },
    /// It failed again, and has no other place.
    Failed { kind: DeadLetterKind, reason: String },
    /// The transform asks for it again.
    AskedAgain { reason: String },
    /// An output was not delivered.
    NotDelivered { code: ErrorCode, reason: String },
    /// It was filtered out.
    Skipped,
    /// It is no dead letter.
    Malformed(String),
    /// Its data is in an object that can't be had.
    NotFetched { reason: String },
    /// Its data was cut, and the rest can't be had.
    Cut { reason: String },
}

impl From<Unopened> for LetterOutcome {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Malformed(malformed) => LetterOutcome::Malformed(malformed.to_string()),
            Unopened::NotFetched(reason) => LetterOutcome::NotFetched { reason },
            Unopened::Cut(reason) => LetterOutcome::Cut { reason },
        }
    }
}

impl LetterOutcome {
    /// What the report of a batch of one letter says. One that was not decoded before may hold several events.
    pub(super) fn of(report: Report) -> Self {
        let Some(stop) = report.stop else {
            return match report.first_dead_letter {
                Some(failure) => LetterOutcome::DeadLettered { kind: failure.kind, reason: failure.reason },
                None if report.counts.outputs == 0 && report.counts.dropped + report.counts.control > 0 => {
                    LetterOutcome::Dropped
                }
                None => LetterOutcome::Delivered { outputs: report.counts.outputs, bytes: report.counts.output_bytes },
            };
        };
        let (code, reason) = (stop.cause.code(), stop.reason);
        match stop.cause {
            Cause::Retry => LetterOutcome::AskedAgain { reason },
            Cause::NoDeadLetterTarget(kind) | Cause::DeadLetterFailed(kind) => LetterOutcome::Failed { kind, reason },
            Cause::NotDelivered => LetterOutcome::NotDelivered { code, reason },
            Cause::Deadline | Cause::TransformDown => {
                LetterOutcome::NotDelivered { code, reason: format!("{}: {reason}", stop.cause) }
            }
        }
    }

    /// Whether nothing has to be done about it any more.
    pub(super) fn is_acknowledged(&self) -> bool {
        match self {
            LetterOutcome::Delivered { .. } | LetterOutcome::Dropped | LetterOutcome::DeadLettered { .. } => true,
            LetterOutcome::Failed { .. }
            | LetterOutcome::AskedAgain { .. }
            | LetterOutcome::NotDelivered { .. }
            | LetterOutcome::Skipped
            | LetterOutcome::Malformed(_)
            | LetterOutcome::NotFetched { .. }
            | LetterOutcome::Cut { .. } => false,
        }
    }

    /// How it failed again, if it did.
    pub(super) fn kind(&self) -> Option<DeadLetterKind> {
        match self {
            LetterOutcome::DeadLettered { kind, .. } | LetterOutcome::Failed { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// The code of what stood in the way; none: nothing did.
    pub(super) fn code(&self) -> Option<ErrorCode> {
        Some(match self {
            LetterOutcome::DeadLettered { kind, .. } | LetterOutcome::Failed { kind, .. } => kind.code(),
            LetterOutcome::AskedAgain { .. } => ErrorCode::StoppedByRetry,
            LetterOutcome::NotDelivered { code, .. } => *code,
            LetterOutcome::Malformed(_) => ErrorCode::DeadLetterMalformed,
            LetterOutcome::NotFetched { .. } => ErrorCode::DeadLetterNotFetched,
            LetterOutcome::Cut { .. } => ErrorCode::DeadLetterCut,
            LetterOutcome::Delivered { .. } | LetterOutcome::Dropped | LetterOutcome::Skipped => return None,
        })
    }

    /// Whether it failed in just this way.
    pub(super) fn is_failure_of(&self, kind: DeadLetterKind, reason: &str) -> bool {
        self.kind() == Some(kind) && self.reason() == Some(reason)
    }

    /// What stood in the way, for a person.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            LetterOutcome::DeadLettered { reason, .. }
            | LetterOutcome::Failed { reason, .. }
            | LetterOutcome::AskedAgain { reason }
            | LetterOutcome::NotDelivered { reason, .. }
            | LetterOutcome::Malformed(reason)
            | LetterOutcome::NotFetched { reason }
            | LetterOutcome::Cut { reason } => Some(reason),
            LetterOutcome::Delivered { .. } | LetterOutcome::Dropped | LetterOutcome::Skipped => None,
        }
    }
}
