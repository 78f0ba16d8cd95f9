//! Why nothing comes of a command.

use std::io;

use crate::assembly::AssemblyError;
#[cfg(feature = "compiler")]
use crate::cases::InvalidSuite;
use crate::checkpoint::KclTableError;
use crate::error_code::{ErrorCode, UnknownCode};
#[cfg(feature = "compiler")]
use crate::package::PackageError;
use crate::processor::WindowError;
#[cfg(feature = "compiler")]
use crate::project::{NewError, ProjectError, UpgradeError};
use crate::settings::SettingsError;
use crate::source::SourceError;
use crate::source::dead_letters::LetterReadError;
use crate::source::live::{InvalidStream, LiveError};
use crate::source::on_failure::{DescribedError, DescriptionReadError};
use crate::stdout::StdoutError;
#[cfg(feature = "compiler")]
use crate::transform::BuildError;
use crate::transform::LoadError;

/// Why nothing comes of a command: what is said of it, and the code under which more is to be read.
#[derive(Debug)]
pub(super) struct CommandError {
    /// One sentence, with the value that is wrong and the remedy. It may quote files, services and transforms.
    pub(super) message: String,
    /// None: it has no page, since the message says all that there is to say.
    pub(super) code: Option<ErrorCode>,
}

impl CommandError {
    /// Returns the error of this code with this message.
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { message: message.into(), code: Some(code) }
    }
}

/// Makes commands end with errors of these types, which all have codes.
macro_rules! coded {
    ($($(#[$condition:meta])? $error:ty;)*) => {
        $(
            $(#[$condition])?
            impl From<$error> for CommandError {
                fn from(error: $error) -> Self {
                    // Our errors say all of it themselves; a chain would say it twice.
                    Self::new(error.code(), error.to_string())
                }
            }
        )*
    };
}

coded! {
    AssemblyError;
    #[cfg(feature = "compiler")] BuildError;
    DescribedError;
    DescriptionReadError;
    #[cfg(feature = "compiler")] InvalidSuite;
    InvalidStream;
    KclTableError;
    LetterReadError;
    LiveError;
    LoadError;
    #[cfg(feature = "compiler")] NewError;
    #[cfg(feature = "compiler")] PackageError;
    #[cfg(feature = "compiler")] ProjectError;
    SettingsError;
    SourceError;
    #[cfg(feature = "compiler")] UpgradeError;
    WindowError;
}

impl From<UnknownCode> for CommandError {
    fn from(error: UnknownCode) -> Self {
        Self { message: error.to_string(), code: None }
    }
}

impl From<StdoutError> for CommandError {
    fn from(error: StdoutError) -> Self {
        Self { message: error.to_string(), code: None }
    }
}

/// What the system refuses to the program itself, a thread for instance.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self { message: error.to_string(), code: None }
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        Self { message: error.to_string(), code: None }
    }
}
