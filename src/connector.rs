//! The connector file: all settings of a connector in one file, YAML or JSON, for `kinesieve run --connector FILE` and for the
//! function (`KINESIEVE_CONNECTOR`).
//!
//! The file says what neither a flag nor a variable says. Its keys are the names of flags, joined from the keys of
//! nested mappings: `checkpoint: {table: positions}` and `checkpoint_table: positions` are the same. So a setting that the
//! command line gets, the file has too.

mod document;
mod import;
mod keys;
mod reading;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Command;
use clap::builder::Resettable;

use self::document::Content;
pub(crate) use self::document::Place;
use self::import::import;
pub use self::keys::OF_A_RUN;
#[cfg(test)]
pub(crate) use self::keys::name;
pub(crate) use self::keys::{Keys, is_secret};
use self::reading::{Reading, Unresolved};
pub(crate) use self::schema::schema;
use crate::error_code::ErrorCode;
use crate::files;
use crate::interpolation::{Lookups, Secret};

/// Why a connector file can't be used. Each message begins with the place, as editors and compilers write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// It can't be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Something in it is wrong.
    #[error("{}:{place}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line and column.
        place: FilePlace,
        /// What is wrong, and what would be right. No value of a secret is in it.
        reason: String,
    },
}

/// A place in a file: line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePlace(Place);

impl fmt::Display for FilePlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl ConnectorError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            ConnectorError::Unreadable { .. } => ErrorCode::ConnectorUnreadable,
            ConnectorError::Invalid { .. } => ErrorCode::InvalidConnector,
        }
    }
}

/// A setting that the file has, with what it says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The name of its flag.
    pub(crate) flag: String,
    /// Its values as a flag would give them: one, but for settings that can be given several times.
    pub(crate) values: Vec<String>,
    /// Where its key stands.
    pub(crate) place: Place,
    /// Where its values stand, if not in the file: `${env:NAME}`, for example.
    pub(crate) elsewhere: Option<String>,
}

// Its values may be secrets.
impl fmt::Debug for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Given").field("flag", &self.flag).field("place", &self.place).finish_non_exhaustive()
    }
}

/// What a connector file says.
#[derive(Debug, Clone)]
pub(crate) struct ConnectorFile {
    path: PathBuf,
    given: Vec<Given>,
    /// What services hold. Until it is looked up, nothing of it is given.
    unresolved: Vec<Unresolved>,
}

impl ConnectorFile {
    /// Reads a file whose keys are settings of these commands.
    ///
    /// # Errors
    /// When it can't be read, is no YAML, or has a key or a value that is none.
    pub(crate) fn read(path: &Path, keys: &Keys) -> Result<Self, ConnectorError> {
        Self::of(path, &read_file(path)?, keys)
    }

    /// Takes a text for the content of a file.
    pub(crate) fn of(path: &Path, text: &str, keys: &Keys) -> Result<Self, ConnectorError> {
        let invalid = |place, reason| invalid(path, place, reason);
        let document = document::read(text).map_err(|error| invalid(error.place, error.reason))?;
        let Content::Map(_) = &document.content else {
            let reason = format!(
                "a connector file is a mapping of settings, as `streams: readings`, and this is {}",
                document.noun()
            );
            return Err(invalid(document.place, reason));
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut reading = Reading { keys, folder, given: Vec::new(), unresolved: Vec::new() };
        reading.take(&mut Vec::new(), document.place, &document).map_err(|(place, reason)| invalid(place, reason))?;
        Ok(Self { path: path.to_owned(), given: reading.given, unresolved: reading.unresolved })
    }

    /// Reads a file of another tool; gives the connector file that says the same as far as one can, and what was left out.
    ///
    /// # Errors
    /// When it can't be read, or is none that can be imported.
    pub(crate) fn imported(path: &Path) -> Result<(String, Vec<(String, String)>), ConnectorError> {
        let text = read_file(path)?;
        let (form, imported) = import(&text).map_err(|error| invalid(path, error.place, error.reason))?;
        let title = format!("Imported from {}: {}", crate::foreign::one_line(&path.display().to_string()), form.name());
        Ok((imported.text(&title), imported.left_out))
    }

    /// What it says, in the order of the file.
    pub(crate) fn given(&self) -> &[Given] {
        &self.given
    }

    /// The settings whose values a service holds: the flag of each, and its value as it is written.
    pub(crate) fn unresolved(&self) -> impl Iterator<Item = (&str, String)> {
        self.unresolved.iter().map(|setting| (setting.flag(), setting.written()))
    }

    /// Looks up what services hold.
    ///
    /// # Errors
    /// When they do not say, or what they say is no value of its setting. No value is in the message.
    pub(crate) async fn resolve(&mut self, lookups: &Lookups) -> Result<(), ConnectorError> {
        for setting in std::mem::take(&mut self.unresolved) {
            let given = setting.resolved(lookups).await;
            self.given.extend(given.map_err(|(place, reason)| invalid(&self.path, place, reason))?);
        }
        Ok(())
    }

    /// What is to be said of secrets that it holds itself: whoever reads the file sees them.
    pub(crate) fn secrets_written_out(&self) -> Vec<String> {
        let is_written_out = |given: &&Given| {
            keys::is_secret(&given.flag) && given.values.iter().any(|value| Secret::is_written_out(value))
        };
        let warning = |given: &Given| {
            format!(
                "{}:{}: {} is in the file, where whoever reads it sees it: write ${{env:NAME}}, and set the variable NAME",
                self.path.display(),
                given.place,
                keys::key_of(&given.flag)
            )
        };
        self.given.iter().filter(is_written_out).map(warning).collect()
    }

    /// Makes what the file says the default of a command's arguments, but for routes: each of them has a name of its own,
    /// and wins or loses by itself. `keys` are those that the file was read by.
    pub(crate) fn beneath(&self, command: Command, keys: &Keys) -> Command {
        command.mut_args(|arg| {
            let of_this = |given: &&Given| given.flag != keys::ROUTE && keys.is_setting(&given.flag, &arg);
            match self.given.iter().find(of_this) {
                Some(given) => {
                    // Help texts show defaults, and what hides its variable hides this, too.
                    let hides =
                        arg.is_hide_default_value_set() || arg.is_hide_env_values_set() || given.elsewhere.is_some();
                    let arg = arg.required(false).required_unless_present(Resettable::Reset).hide_default_value(hides);
                    arg.default_values(given.values.clone())
                }
                None => arg,
            }
        })
    }

    /// The routes, `NAME=TARGET` each.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &str> {
        self.given
            .iter()
            .filter(|given| given.flag == keys::ROUTE)
            .flat_map(|given| given.values.iter().map(String::as_str))
    }
}

fn read_file(path: &Path) -> Result<String, ConnectorError> {
    let limit = u64::try_from(document::MOST_BYTES).unwrap_or(u64::MAX);
    let unreadable =
        |error: std::io::Error| ConnectorError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    files::read_text_bounded(path, limit).map_err(unreadable)
}

fn invalid(path: &Path, place: Place, reason: String) -> ConnectorError {
    ConnectorError::Invalid { path: path.to_owned(), place: FilePlace(place), reason }
}
