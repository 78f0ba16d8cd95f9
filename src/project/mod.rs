//! A folder that an author works in: what `kinesieve.json` says, and what its commands build.

mod new;
mod tools;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde::Deserialize;

pub(crate) use self::new::{Language, make};

/// The file that makes a folder a project.
pub(crate) const PROJECT_FILE: &str = "kinesieve.json";

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
        "the build made no {component}: let \"component\" in {path} name the file that the last command of \"build\" \
         writes"
    )]
    NothingBuilt { component: PathBuf, path: PathBuf },
}

/// A folder with `kinesieve.json`.
#[derive(Debug)]
pub(crate) struct Project {
    folder: PathBuf,
    description: Description,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// Programs with their arguments, run in the folder one after the other.
    build: Vec<Vec<String>>,
    /// What they make.
    component: PathBuf,
}

impl Project {
    /// Opens the project in a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join(PROJECT_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ProjectError::NoProject { path }),
            Err(source) => return Err(ProjectError::Unreadable { path, source }),
        };
        let description: Description = serde_json::from_str(&text).map_err(|error| {
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned();
            ProjectError::Invalid { path: path.clone(), line: error.line(), message }
        })?;
        if description.build.iter().any(Vec::is_empty) {
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
        if !component.is_file() {
            return Err(ProjectError::NothingBuilt { component, path: self.folder.join(PROJECT_FILE) });
        }
        Ok(component)
    }

    fn run(&self, words: &[String]) -> Result<(), ProjectError> {
        let command = words.join(" ");
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        // A program that the project brings along, such as those of its virtual environment, is meant from its folder.
        let path = match program.contains('/') {
            true => std::path::absolute(self.folder.join(program)).unwrap_or_else(|_| self.folder.join(program)),
            false => PathBuf::from(program),
        };
        // Standard output is for what we print ourselves.
        let status = Command::new(path).args(arguments).current_dir(&self.folder).stdout(io::stderr()).status();
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
