//! Why the function can't start.

use super::NotInLambda;
use crate::assembly::AssemblyError;
use crate::error_code::ErrorCode;
use crate::settings::SettingsError;

/// Why the function can't start. Each message names what is wrong, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum FunctionStartError {
    /// The settings don't stand.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It is no function at all.
    #[error(transparent)]
    NotInLambda(#[from] NotInLambda),
    /// Its processor can't be put together.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}

impl FunctionStartError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            FunctionStartError::Settings(error) => error.code(),
            FunctionStartError::NotInLambda(error) => error.code(),
            FunctionStartError::Assembly(error) => error.code(),
        }
    }
}
