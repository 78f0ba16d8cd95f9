//! Where a person says the transform is: a file of it, or the folder of a project that has yet to be built.

use std::path::{Path, PathBuf};

#[cfg(feature = "compiler")]
use clap::Args;

use super::error::CommandError;
#[cfg(feature = "compiler")]
use crate::cases::{MOST_FILE_BYTES, Suite};
#[cfg(feature = "compiler")]
use crate::error_code::ErrorCode;
#[cfg(feature = "compiler")]
use crate::files::read_text_bounded;
#[cfg(feature = "compiler")]
use crate::project::Project;
use crate::settings::{Settings, SettingsError};
#[cfg(feature = "compiler")]
use crate::source::live::StreamPlace;

/// Returns the file of the transform that a person means: a file as it is, and of a folder what its project builds, which
/// is built first. The commands of the build write to standard error.
#[cfg(feature = "compiler")]
pub(super) fn component(place: &Path) -> Result<PathBuf, CommandError> {
    if place.is_dir() { Ok(Project::find(place)?.build()?) } else { Ok(place.to_owned()) }
}

/// As above: without a compiler nothing can be built.
#[cfg(not(feature = "compiler"))]
pub(super) fn component(place: &Path) -> Result<PathBuf, CommandError> {
    if !place.is_dir() {
        return Ok(place.to_owned());
    }
    let message =
        format!("{} is a folder, and this kinesieve is made without the compiler: name a .cwasm", place.display());
    Err(SettingsError::Contradiction(message).into())
}

/// The settings with the file of the transform, where they name the folder of a project.
pub(super) fn with_component(settings: &Settings) -> Result<Settings, CommandError> {
    let transform = match settings.transform_path() {
        Some(place) => Some(component(place)?.into()),
        None => settings.transform.clone(),
    };
    Ok(Settings { transform, ..settings.clone() })
}

/// Says that nothing is done to records, where nobody asked for that: what was forgotten shows.
pub(super) fn note_that_all_passes(settings: &Settings) {
    if settings.transform.is_none() && settings.filter.is_none() {
        tracing::info!("neither a transform nor a filter: records pass as they are");
    }
}

/// What is waited for while a processor is put together.
pub(super) fn loading(settings: &Settings) -> String {
    match settings.transform_path() {
        Some(path) => format!("loading {}", path.display()),
        None => "opening the destinations".to_owned(),
    }
}

/// Refuses a stream where a command reads files alone.
#[cfg(feature = "compiler")]
pub(super) fn files_alone(input: &Path, command: &str) -> Result<(), CommandError> {
    let Some(text) = input.to_str() else { return Ok(()) };
    // A name that may be a stream's is more often that of a file that is missing, which is said then.
    if !StreamPlace::is_said(text) || StreamPlace::in_input(text)?.is_none() {
        return Ok(());
    }
    let message = format!(
        "--input {text} is a stream, and `kinesieve {command}` reads files: `aws kinesis get-records` writes one that it reads"
    );
    Err(SettingsError::Contradiction(message).into())
}

/// Settings of a transform, in their order.
#[cfg(feature = "compiler")]
type Pairs = Vec<(String, String)>;

/// Settings of the transform that are written in a file of cases.
#[cfg(feature = "compiler")]
#[derive(Debug, Args)]
pub(super) struct CaseSettings {
    /// Take the settings of the transform from this file of cases; --transform-settings adds to them, and wins
    #[arg(long = "case", value_name = "FILE")]
    file: Option<PathBuf>,
}

#[cfg(feature = "compiler")]
impl CaseSettings {
    /// Returns the settings of a command, with those of the file of cases beneath those that are given.
    pub(super) fn beneath(&self, settings: Settings, place: &Path) -> Result<Settings, CommandError> {
        if self.file.is_none() {
            return Ok(settings);
        }
        let all = self.beneath_pairs(settings.transform_settings()?, place)?;
        Ok(Settings { transform_settings: Some(as_json(&all)), ..settings })
    }

    /// Returns the settings of the transform, with those of the file of cases beneath those that are given.
    ///
    /// `place` is what the person named as the transform: of a file that is not there, its project's folder of cases is
    /// asked.
    pub(super) fn beneath_pairs(&self, given: Pairs, place: &Path) -> Result<Pairs, CommandError> {
        let Some(file) = &self.file else { return Ok(given) };
        let in_project = || {
            let folder = if place.is_dir() { place } else { place.parent()? };
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let tests = Project::find(folder).ok()?.folder().join("tests");
            [tests.join(file), tests.join(file.with_added_extension("json"))].into_iter().find(|path| path.is_file())
        };
        let path = if file.is_file() { file.clone() } else { in_project().unwrap_or_else(|| file.clone()) };
        let text = read_text_bounded(&path, MOST_FILE_BYTES)
            .map_err(|error| CommandError::new(ErrorCode::InvalidCases, format!("{}: {error}", path.display())))?;
        let suite = Suite::parse(&path, text)?;
        let is_given = |name: &str| given.iter().any(|(other, _)| other == name);
        let beneath = suite.settings.into_iter().filter(|(name, _)| !is_given(name));
        Ok(beneath.chain(given.iter().cloned()).collect())
    }
}

/// The settings as an object, in their order.
#[cfg(feature = "compiler")]
fn as_json(settings: &[(String, String)]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let fields: Vec<String> =
        settings.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    format!("{{{}}}", fields.join(","))
}
