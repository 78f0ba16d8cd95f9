//! Why dead letters can't be read.

use std::io;

use crate::error_code::ErrorCode;
use crate::source::storage::ReadRefusal;

/// Why dead letters can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum LetterReadError {
    /// A file can't be opened or read.
    #[error("the dead letters of {place}: {source}")]
    Unreadable {
        /// The file, or `standard input`.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// A service does not do what it is asked for.
    #[error("the dead letters of {place}: {action}: {reason}")]
    Refused {
        /// The ARN of what it was asked about.
        place: String,
        /// What it was asked for, as a permission is called.
        action: &'static str,
        /// Why it does not, and what to change, where that is known.
        reason: String,
    },
}

impl LetterReadError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            LetterReadError::Unreadable { .. } => ErrorCode::DeadLettersUnreadable,
            LetterReadError::Refused { .. } => ErrorCode::DeadLettersRefused,
        }
    }
}

impl From<ReadRefusal> for LetterReadError {
    fn from(refusal: ReadRefusal) -> Self {
        match refusal {
            ReadRefusal::Unreadable { place, source } => Self::Unreadable { place, source },
            ReadRefusal::Refused { place, action, reason } => Self::Refused { place, action, reason },
        }
    }
}
