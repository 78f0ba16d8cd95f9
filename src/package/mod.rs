//! From a built transform to what Lambda runs: the function of the release, the transform precompiled for its machine, and
//! the template that deploys both.
//!
//! No Rust is needed for it: the function comes with the command line ([`Bootstrap`]).

mod archive;
mod bootstrap;
mod template;

use std::io;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

pub(crate) use archive::{PackageFile, PackageFiles};
pub(crate) use bootstrap::Bootstrap;
pub(crate) use template::{Invoker, deployment_files};

use crate::error_code::ErrorCode;
use crate::files::write_whole;

/// What Lambda unpacks at most, in bytes: 250 MB, by its quotas.
const MOST_UNPACKED_BYTES: u64 = 250 << 20;

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    /// The function did not come with this command line.
    #[error(
        "there is no function for {architecture}: {place} is missing{hint}. Install a release of kinesieve, which has it, \
         or name a function of this version by --bootstrap"
    )]
    NoFunction { architecture: &'static str, place: PathBuf, hint: &'static str },
    /// It can't be read.
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    /// It is not the one of the release.
    #[error(
        "{path} is not the function of this release: its SHA-256 is {found}, and should be {expected}. Install kinesieve \
         again"
    )]
    Damaged { path: PathBuf, found: String, expected: &'static str },
    /// It is for another machine, or none at all.
    #[error("{path} is {what}, and no function for {architecture}: name the `bootstrap` of that architecture")]
    OtherMachine { path: PathBuf, what: String, architecture: &'static str },
    /// Lambda would refuse it.
    #[error(
        "the package has {} unpacked, and Lambda takes {}: what is large is {largest}",
        ByteSize::b(*bytes).display().iec(), ByteSize::b(MOST_UNPACKED_BYTES).display().iec()
    )]
    TooLarge { bytes: u64, largest: String },
    /// Nothing that somebody wrote is overwritten.
    #[error("{path} is there already, and differs from what would be written: --force replaces it")]
    Taken { path: PathBuf },
    /// The disk says no.
    #[error("can't write {path}: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
}

impl PackageError {
    /// Returns the code of the error.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            PackageError::NoFunction { .. } => ErrorCode::NoFunction,
            PackageError::Unreadable { .. } => ErrorCode::NoFunction,
            PackageError::Damaged { .. } => ErrorCode::FunctionDamaged,
            PackageError::OtherMachine { .. } => ErrorCode::FunctionOfOtherMachine,
            PackageError::TooLarge { .. } => ErrorCode::PackageTooLarge,
            PackageError::Taken { .. } => ErrorCode::DeploymentTaken,
            PackageError::Unwritable { .. } => ErrorCode::FileNotWritten,
        }
    }
}

/// Writes a file of a package or of a deployment.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    write_whole(path, bytes).map_err(|source| PackageError::Unwritable { path: path.to_owned(), source })
}
