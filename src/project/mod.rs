//! A folder that an author works in: what `kinesieve.json` says, and what its commands build.

mod component;
mod language;
mod new;
mod templates;
mod tools;
mod upgrade;
mod watch;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde::Deserialize;

pub(crate) use self::component::of_module as component_of_module;
pub(crate) use self::language::{Kind, Language};
pub(crate) use self::new::{NewError, make};
pub(crate) use self::upgrade::{UpgradeError, UpgradeOptions, upgrade};
pub(crate) use self::watch::{Change, Watch};
use crate::error_code::ErrorCode;
use crate::files::{read_bounded, read_text_bounded};
use crate::json_error::{JsonForm, explained};

/// The file that makes a folder a project.
pub(crate) const PROJECT_FILE: &str = "kinesieve.json";

/// What is in that file.
const FORM: JsonForm = JsonForm {
    what: "a project's file",
    example: "{\"build\": [[\"cargo\", \"build\", \"--release\", \"--target\", \"wasm32-wasip2\"]], \"component\": \
              \"target/wasm32-wasip2/release/NAME.wasm\"}",
};

/// What transforms implement.
const CONTRACT: &str = include_str!("../../wit/transform.wit");

/// The most bytes of that file: a few commands and names.
const MOST_PROJECT_BYTES: u64 = 1 << 20;

/// The most bytes of a module that is made a component: as many as a component may have.
const MOST_MODULE_BYTES: u64 = 64 << 20;

/// Why a project can't be opened or built. Each message says what to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// The file is not there.
    #[error(
        "{path} is missing, and no folder above has one: `kinesieve new` makes a project with one. It says how the component is built and where it \
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
#[serde(deny_unknown_fields, expecting = "an object with `build` and `component`")]
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
    /// Opens the project that a folder belongs to: its own, or that of the nearest folder above that has one, as other
    /// tools of developers do it.
    pub(crate) fn find(folder: &Path) -> Result<Self, ProjectError> {
        let mut above = folder.to_owned();
        // How many there are is for the file system to say; a folder that is not there has its own error below.
        let levels = fs::canonicalize(folder).map_or(0, |folder| folder.ancestors().count());
        for _ in 0..levels {
            if above.join(PROJECT_FILE).exists() {
                return Self::open(&above);
            }
            above = folder_above(&above);
        }
        Self::open(folder)
    }

    /// The folder of the project.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens the project in a folder.
    fn open(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join(PROJECT_FILE);
        let text = match read_text_bounded(&path, MOST_PROJECT_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ProjectError::NoProject { path }),
            Err(source) => return Err(ProjectError::Unreadable { path, source }),
        };
        let description: ProjectDescription = serde_json::from_str(&text).map_err(|error| {
            let message = explained(&error, &text, FORM);
            ProjectError::Invalid { path: path.clone(), line: error.line().max(1), message }
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

    /// The files that the build makes, as far as the description names them.
    fn made_files(&self) -> Vec<PathBuf> {
        let module = self.description.module.iter().map(|module| self.folder.join(module));
        module.chain([self.component()]).collect()
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

/// The folder above, in words as short as may be: what a person gave is not made absolute.
fn folder_above(folder: &Path) -> PathBuf {
    match folder.components().next_back() {
        Some(Component::Normal(_)) => match folder.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => folder.to_owned(),
        },
        Some(Component::CurDir) | None => PathBuf::from(".."),
        Some(Component::ParentDir) => folder.join(".."),
        Some(Component::RootDir | Component::Prefix(_)) => folder.to_owned(),
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
    fs::write(component, bytes).map_err(unwritable)
}
