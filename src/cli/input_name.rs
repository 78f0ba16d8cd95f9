//! An input that is a file or a stream by its name: what is said where it is the other one, or neither.

use std::path::Path;

use super::error::CommandError;
use crate::error_code::ErrorCode;
use crate::settings::SettingsError;
use crate::source::live::StreamPlace;
use crate::source::{SourceError, did_you_mean, similar_files};

/// Adds to the error of a stream that its name is no file's, where nothing said that it is a stream.
pub(super) fn not_a_file_either(input: &str, error: CommandError) -> CommandError {
    let is_about_the_name = matches!(
        error.code,
        Some(
            ErrorCode::NoStream
                | ErrorCode::NoRegion
                | ErrorCode::NoCredentials
                | ErrorCode::StreamDenied
                | ErrorCode::StreamRefused
        )
    );
    if !is_about_the_name || StreamPlace::is_said(input) || input.contains(':') {
        return error;
    }
    let mean = did_you_mean(&similar_files(Path::new(input)));
    let message = format!("{}; there is no file of this name either{mean}", error.message);
    CommandError { message, ..error }
}

/// Adds to the error of a file that is not there how a stream of its name is said.
pub(super) fn not_a_stream(input: &str, error: SourceError) -> CommandError {
    let is_missing = matches!(error, SourceError::Missing { .. });
    let mut error = CommandError::from(error);
    if is_missing && input.parse::<StreamPlace>().is_ok() {
        error.message.push_str(&format!("; for a stream of that name, say stream:{input}"));
    }
    error
}

/// Refuses the first flag that is given and has no effect on a file.
pub(super) fn refuse_stream_flags<'a>(
    input: &str,
    flags: impl IntoIterator<Item = (&'a str, bool)>,
) -> Result<(), SettingsError> {
    match flags.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((flag, _)) => Err(SettingsError::Contradiction(format!(
            "{flag} is for streams, and --input {input} is a file: for a stream of that name, say stream:NAME"
        ))),
    }
}
