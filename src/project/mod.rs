//! A folder that an author works in: what `kinesieve.json` says, and what its commands build.

mod component;
mod new;
mod tools;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde::Deserialize;

pub(crate) use self::new::{Language, NewError, make};
use crate::error_code::ErrorCode;
use crate::files::{read_bounded, read_text_bounded};

/// The file that makes a folder a project.
pub(crate) const PROJECT_FILE: &str = "kinesieve.json";

/// What transforms implement.
const CONTRACT: &str = include_str!("../../wit/transform.wit");

/// The most bytes of that file: a few commands and names.
const MOST_PROJECT_BYTES: u64 = 1 << 20;

/// The most bytes of a module that is made a component: as many as a component may have.
const MOST_MODULE_BYTES: u64 = 64 << 20;

/// Folders that hold what was built or installed, in one language or another.
const NOT_SOURCES: [&str; 4] = ["target", "node_modules", "build", "__pycache__"];

/// Why a project can't be opened or built. Each message says what to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// The file is not there.
    #[error(
        "{path} is missing: `kinesieve new` makes a project with one. It says how the component is built and where it \
         lies then: {{\"build\": [[\"cargo\", \"build\", \"--release\", \"--target\", \"wasm32-wasip2\"]], \
         \"component\": \"target/wasm32-wasip2/release/NAME.wasm\"}}"
    )]
    NoProject { path: PathBuf },
    /// The file can't be read.
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file says something else.
    #[error("{path}:{line}: {message}")]
    Invalid { path: PathBuf, line: usize, message: String },
    /// A tool is missing.
    #[error("`{command}` can't be started, since {program} is missing: {remedy}")]
    NoTool { command: String, program: String, remedy: &'static str },
    /// A tool can't be started for another reason.
    #[error("`{command}` can't be started: {source}")]
    NotStarted { command: String, source: io::Error },
    /// A tool says no.
    #[error("`{command}` in {folder} failed ({status}): what it says stands above")]
    Failed { command: String, folder: PathBuf, status: ExitStatus },
    /// The commands did not make what the file says.
    #[error(
        "the build made no {made}: let {field:?} in {path} name the file that the last command of \"build\" writes"
    )]
    NothingBuilt { made: PathBuf, field: &'static str, path: PathBuf },
    /// The module can't become a component.
    #[error("{module} is no module that a transform can be made of: {why}")]
    NoModule { module: PathBuf, why: String },
    /// The disk says no.
    #[error("can't write {path}: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
}

impl ProjectError {
    /// Returns the code of the error.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            ProjectError::NoProject { .. } => ErrorCode::NoProject,
            ProjectError::Unreadable { .. } => ErrorCode::ProjectUnreadable,
            ProjectError::Invalid { .. } => ErrorCode::InvalidProject,
            ProjectError::NoTool { .. } => ErrorCode::ToolMissing,
            ProjectError::NotStarted { .. } => ErrorCode::ToolNotStarted,
            ProjectError::Failed { .. } => ErrorCode::BuildFailed,
            ProjectError::NothingBuilt { .. } => ErrorCode::NothingBuilt,
            ProjectError::NoModule { .. } => ErrorCode::NotAModule,
            ProjectError::Unwritable { .. } => ErrorCode::FileNotWritten,
        }
    }
}

/// A folder with `kinesieve.json`.
#[derive(Debug)]
pub(crate) struct Project {
    folder: PathBuf,
    description: ProjectDescription,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectDescription {
    /// Programs with their arguments, run in the folder one after the other.
    build: Vec<Vec<String>>,
    /// The core module that they make, where the language has no tool that makes components; none: they make the
    /// component.
    module: Option<PathBuf>,
    /// What comes of it all.
    component: PathBuf,
}

impl Project {
    /// Opens the project in a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join(PROJECT_FILE);
        let text = match read_text_bounded(&path, MOST_PROJECT_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ProjectError::NoProject { path }),
            Err(source) => return Err(ProjectError::Unreadable { path, source }),
        };
        let description: ProjectDescription = serde_json::from_str(&text).map_err(|error| {
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned();
            ProjectError::Invalid { path: path.clone(), line: error.line(), message }
        })?;
        if description.build.iter().any(|words| words.iter().all(|word| variable(word).is_some())) {
            let message = "a command of \"build\" is empty: give a program and its arguments".to_owned();
            return Err(ProjectError::Invalid { path, line: 1, message });
        }
        Ok(Self { folder: folder.to_owned(), description })
    }

    /// Where the component lies once it is built.
    pub(crate) fn component(&self) -> PathBuf {
        self.folder.join(&self.description.component)
    }

    /// Runs the commands that build the component, with their output where ours goes, and answers where it lies.
    pub(crate) fn build(&self) -> Result<PathBuf, ProjectError> {
        for command in &self.description.build {
            self.run(command)?;
        }
        let component = self.component();
        match &self.description.module {
            Some(module) => make_component(&self.made(module, "module")?, &component)?,
            None => drop(self.made(&self.description.component, "component")?),
        }
        Ok(component)
    }

    /// The file that a field of ours names, if the commands made it.
    fn made(&self, file: &Path, field: &'static str) -> Result<PathBuf, ProjectError> {
        let made = self.folder.join(file);
        if made.is_file() {
            return Ok(made);
        }
        Err(ProjectError::NothingBuilt { made, field, path: self.folder.join(PROJECT_FILE) })
    }

    fn run(&self, words: &[String]) -> Result<(), ProjectError> {
        let command = words.join(" ");
        // As in a shell: `GOOS=wasip1 go build`.
        let variables: Vec<(&str, &str)> = words.iter().map_while(|word| variable(word)).collect();
        let Some((program, arguments)) = words[variables.len()..].split_first() else { return Ok(()) };
        // A program that the project brings along, such as those of its virtual environment, is meant from its folder.
        let path = match program.contains('/') {
            true => std::path::absolute(self.folder.join(program)).unwrap_or_else(|_| self.folder.join(program)),
            false => PathBuf::from(program),
        };
        // Standard output is for what we print ourselves.
        let status =
            Command::new(path).args(arguments).envs(variables).current_dir(&self.folder).stdout(io::stderr()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(ProjectError::Failed { command, folder: self.folder.clone(), status }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let remedy = tools::remedy(program);
                Err(ProjectError::NoTool { command, program: program.clone(), remedy })
            }
            Err(source) => Err(ProjectError::NotStarted { command, source }),
        }
    }
}

/// The name and the value, if a word of a command sets a variable of its environment.
fn variable(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (is_name && !name.is_empty()).then_some((name, value))
}

fn make_component(module: &Path, component: &Path) -> Result<(), ProjectError> {
    let unreadable = |source| ProjectError::Unreadable { path: module.to_owned(), source };
    let bytes = read_bounded(module, MOST_MODULE_BYTES).map_err(unreadable)?;
    let bytes = component::of_module(bytes).map_err(|why| ProjectError::NoModule { module: module.to_owned(), why })?;
    let unwritable = |source| ProjectError::Unwritable { path: component.to_owned(), source };
    std::fs::write(component, bytes).map_err(unwritable)
}

/// The files that people write in a folder, with when they were changed: what a watch looks at.
pub(crate) fn sources(folder: &Path) -> Vec<(PathBuf, Option<std::time::SystemTime>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // What goes away while it is looked at is noticed the next time.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_hidden = name.as_encoded_bytes().starts_with(b".");
            let is_product = NOT_SOURCES.iter().any(|other| name == *other);
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_hidden && !is_product => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && !is_hidden && name != "Cargo.lock" && name != "package-lock.json" => {
                    found.push((entry.path(), entry.metadata().and_then(|metadata| metadata.modified()).ok()));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}
