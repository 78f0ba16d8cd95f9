//! The connector file: all settings of a connector in one file, YAML or JSON, for `kinesieve run --connector FILE` and for the
//! function (`KINESIEVE_CONNECTOR`).
//!
//! The file says what neither a flag nor a variable says. Its keys are the names of flags, joined from the keys of
//! nested mappings: `checkpoint: {table: positions}` and `checkpoint_table: positions` are the same. So a setting that the
//! command line gets, the file has too.

mod document;
mod import;
mod keys;
mod schema;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Arg, Command};

pub(crate) use self::document::Place;
use self::document::{Content, Entry, Node, Scalar};
use self::import::import;
pub use self::keys::OF_A_RUN;
#[cfg(test)]
pub(crate) use self::keys::name;
pub(crate) use self::keys::{Keys, is_secret};
pub(crate) use self::schema::schema;
use crate::error_code::ErrorCode;
use crate::files;
use crate::redaction::Secret;

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
}

// Its values may be secrets.
impl fmt::Debug for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Given").field("flag", &self.flag).field("place", &self.place).finish_non_exhaustive()
    }
}

/// What a connector file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectorFile {
    path: PathBuf,
    given: Vec<Given>,
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
        let mut reading = Reading { keys, folder: path.parent().unwrap_or(Path::new("")), given: Vec::new() };
        reading.take(&mut Vec::new(), document.place, &document).map_err(|(place, reason)| invalid(place, reason))?;
        Ok(Self { path: path.to_owned(), given: reading.given })
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
    /// and wins or loses by itself.
    pub(crate) fn beneath(&self, command: Command) -> Command {
        command.mut_args(|arg| {
            let of_this = |given: &&Given| Some(given.flag.as_str()) == keys::name(&arg) && given.flag != keys::ROUTE;
            match self.given.iter().find(of_this) {
                Some(given) => {
                    // Help texts show defaults, and what hides its variable hides this, too.
                    let hides = arg.is_hide_default_value_set() || arg.is_hide_env_values_set();
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

/// What is wrong, and where.
type Wrong = (Place, String);

struct Reading<'a> {
    keys: &'a Keys,
    folder: &'a Path,
    given: Vec<Given>,
}

impl Reading<'_> {
    /// Takes a part of the file: a setting, or a mapping with settings in it.
    fn take<'n>(&mut self, path: &mut Vec<&'n str>, key_place: Place, node: &'n Node) -> Result<(), Wrong> {
        let flag = keys::flag_of(path);
        let arg = if path.is_empty() { None } else { self.keys.get(&flag).cloned() };
        match (arg, &node.content) {
            (Some(arg), content) if !matches!(content, Content::Map(_)) || keys::takes_a_mapping(&flag) => {
                self.set(&arg, path, key_place, node)
            }
            // Of no concern here.
            (None, _) if keys::OF_A_RUN.contains(&flag.as_str()) => Ok(()),
            // Nothing is said of a group: it has no setting.
            (None, Content::Null) if self.keys.has_group(&flag) => Ok(()),
            (arg, Content::Map(entries)) if path.is_empty() || arg.is_some() || self.keys.has_group(&flag) => {
                if let (Some(arg), false) = (&arg, self.keys.has_group(&flag)) {
                    return Err((node.place, keys::expected(arg, &node.content)));
                }
                for entry in entries.iter() {
                    path.push(&entry.key);
                    let taken = self.take(path, entry.place, &entry.value);
                    path.pop();
                    taken?;
                }
                Ok(())
            }
            _ => Err((key_place, self.unknown(path, &flag))),
        }
    }

    fn unknown(&self, path: &[&str], flag: &str) -> String {
        let key = crate::foreign::excerpt(&path.join("."));
        let is_group = self.keys.has_group(flag);
        match self.keys.nearest(flag) {
            _ if is_group => format!("{key} has settings in it, and is none itself"),
            Some(nearest) => format!("unknown key {key}: did you mean {nearest}?"),
            None => format!("unknown key {key}: `kinesieve connector schema` has all keys"),
        }
    }

    /// Takes the value of a setting.
    fn set(&mut self, arg: &Arg, path: &[&str], place: Place, node: &Node) -> Result<(), Wrong> {
        // By its own name, where the file has another one for it.
        let flag = keys::name(arg).unwrap_or_default().to_owned();
        let mut values = Vec::new();
        match (flag.as_str(), &node.content) {
            (_, Content::Null) => return Ok(()),
            (keys::ROUTE | keys::ASSUME_ROLE, Content::Map(entries)) => {
                for entry in entries.iter() {
                    let target = self.value(arg, &entry.value)?;
                    let route = format!("{}={target}", entry.key);
                    checked(arg, &route).map_err(|reason| (entry.value.place, reason))?;
                    values.push(route);
                }
            }
            (keys::ROUTE | keys::ASSUME_ROLE, _) | (keys::TRANSFORM_SETTINGS, Content::List(_)) => {
                return Err((node.place, keys::expected(arg, &node.content)));
            }
            (_, Content::Map(entries)) => values.push(texts(entries)),
            (_, Content::List(nodes)) if keys::is_repeated(arg) => {
                for node in nodes.iter() {
                    values.push(self.value(arg, node)?);
                }
            }
            (_, Content::List(nodes)) => {
                let parts: Result<Vec<String>, Wrong> = nodes.iter().map(|node| self.value(arg, node)).collect();
                values.push(parts?.join(","));
            }
            (_, Content::Scalar(_)) => values.push(self.value(arg, node)?),
        }
        if flag == keys::INPUT && path.last().is_some_and(|key| key.starts_with("stream")) {
            values = values.iter().map(|names| as_streams(names)).collect();
        }
        if flag == keys::WITHOUT_ROW && keys::is_start_from_oldest(path) {
            let start = values.first().and_then(|value| keys::start_without_row(value));
            let said = path.last().copied().unwrap_or_default();
            values = vec![start.ok_or_else(|| (node.place, format!("{said} takes true or false")))?.to_owned()];
        }
        if keys::is_switch(arg) {
            match values.first().map(String::as_str) {
                Some("true") => {}
                Some("false") => return Ok(()),
                _ => return Err((node.place, format!("{} takes true or false", keys::key_of(&flag)))),
            }
        } else if flag != keys::ROUTE && flag != keys::ASSUME_ROLE {
            for value in &values {
                checked(arg, value).map_err(|reason| (node.place, reason))?;
            }
        }
        if let Some(first) = self.given.iter().find(|given| given.flag == flag) {
            let key = keys::key_of(&flag);
            return Err((place, format!("{key} is set in line {} already, by another name", first.place.line)));
        }
        self.given.push(Given { flag, values, place });
        Ok(())
    }

    /// The value of a part that is to be one. A path counts from the folder of the file.
    fn value(&self, arg: &Arg, node: &Node) -> Result<String, Wrong> {
        let Content::Scalar(Scalar { text, .. }) = &node.content else {
            return Err((node.place, keys::expected(arg, &node.content)));
        };
        let flag = keys::name(arg).unwrap_or_default();
        let in_folder = |path: &str| self.folder.join(path).display().to_string();
        Ok(match text.strip_prefix("file:") {
            Some(path) => format!("file:{}", in_folder(path)),
            None if keys::names_a_file(flag) && flag != keys::INPUT && text != "none" => in_folder(text),
            None if flag == keys::INPUT && self.folder.join(text).is_file() => in_folder(text),
            None => text.clone(),
        })
    }
}

/// Says of each name that it is a stream's, so that none is taken for a file.
fn as_streams(names: &str) -> String {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let said = names.map(|name| match name {
        name if name.starts_with("arn:") || name.starts_with("stream:") => name.to_owned(),
        name => format!("stream:{name}"),
    });
    said.collect::<Vec<_>>().join(",")
}

/// Checks a value as the command line does.
fn checked(arg: &Arg, value: &str) -> Result<(), String> {
    let Some(flag) = keys::name(arg) else { return Ok(()) };
    let alone = Arg::new("value")
        .long(flag.to_owned())
        .action(arg.get_action().clone())
        .value_parser(arg.get_value_parser().clone());
    let mut given = OsStr::new("--").to_owned();
    given.push(flag);
    given.push("=");
    given.push(value);
    let command =
        Command::new("value").no_binary_name(true).disable_help_flag(true).disable_version_flag(true).arg(alone);
    match command.try_get_matches_from([given]) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{}: {}", keys::key_of(flag), crate::clap_error::reason(&error))),
    }
}

/// The settings of a transform, which are texts, as a JSON object: a value by itself stays as it is written.
fn texts(entries: &[Entry]) -> String {
    let text = |entry: &Entry| match &entry.value.content {
        Content::Scalar(scalar) => scalar.text.clone().into(),
        _ => to_json(&entry.value),
    };
    serde_json::Value::Object(entries.iter().map(|entry| (entry.key.clone(), text(entry))).collect()).to_string()
}

/// A part as JSON, with numbers and truth values as they are.
fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::Value;

    match &node.content {
        Content::Null => Value::Null,
        Content::Scalar(scalar) => scalar.to_json(),
        Content::List(nodes) => Value::Array(nodes.iter().map(to_json).collect()),
        Content::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), to_json(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
