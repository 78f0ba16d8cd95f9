//! Why descriptions can't be read.

use std::io;

use crate::error_code::ErrorCode;
use crate::source::storage::ReadRefusal;

/// Why descriptions of given-up records can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionReadError {
    /// A file can't be opened or read.
    #[error("the descriptions of {place}: {source}")]
    Unreadable {
        /// The file or folder, or `standard input`.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// A service does not do what it is asked for.
    #[error("the descriptions of {place}: {action}: {reason}")]
    Refused {
        /// What it was asked about: an ARN, or the address of an object.
        place: String,
        /// What it was asked for, as a permission is called.
        action: &'static str,
        /// Why it does not, and what to change, where that is known.
        reason: String,
    },
}

impl DescriptionReadError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unreadable { .. } => ErrorCode::DescriptionsUnreadable,
            Self::Refused { .. } => ErrorCode::DescriptionsRefused,
        }
    }
}

impl From<ReadRefusal> for DescriptionReadError {
    fn from(refusal: ReadRefusal) -> Self {
        match refusal {
            ReadRefusal::Unreadable { place, source } => Self::Unreadable { place, source },
            ReadRefusal::Refused { place, action, reason } => Self::Refused { place, action, reason },
        }
    }
}
