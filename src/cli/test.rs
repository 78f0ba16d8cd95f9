//! `kinesieve test`: the cases of a transform, in the engine that production runs.

mod acceptance;
mod difference;
mod report;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use self::acceptance::{Acceptance, Updates};
use self::report::{Said, TestReport};
use super::error::CommandError;
use super::foreign::one_line;
use super::guest_lines::GuestLines;
use super::progress::ProgressDisplay;
use super::{ALL_ACKNOWLEDGED, FAILED, print, print_json, say, say_error};
use crate::cases::{self, CaseCheck, MOST_FILE_BYTES, RunError, Suite};
use crate::error_code::ErrorCode;
use crate::files::read_text_bounded;
use crate::project::{Change, Project, ProjectError, Watch};
use crate::stdout;
use crate::transform::{Insight, Limits, Transform};

/// A case failed.
const CASE_FAILED: u8 = 3;

/// Test a transform: run its cases and report the differences
///
/// Cases are JSON files, DIR/tests/*.json. The cases of a file go through one instance of the transform, in order, in
/// the same engine and with the same limits as in Lambda. Nothing is delivered.
#[derive(Debug, Args)]
#[command(after_help = "\
A file of cases:
  {
    \"settings\": {\"remove\": \"email\"},
    \"cases\": [
      {
        \"name\": \"the address goes\",
        \"input\": {\"json\": {\"id\": 1, \"email\": \"a@example.com\"}, \"key\": \"k\"},
        \"expect\": {\"emit\": [{\"json\": {\"id\": 1}}]}
      }
    ]
  }

  input     json, text or base64, with key, arrivedAt, sequenceNumber, subSequenceNumber if they matter, and
            repeat: N for so many times the text
  expect    \"keep\", \"drop\", {\"emit\": [OUTPUT, ...]}, {\"retry\": TEXT}, {\"reject\": TEXT}, or
            {\"fault\": \"trap\"}, \"timeout\" or \"memory\"; null as TEXT stands for any
  OUTPUT    json (compared as a value), text or base64, with key and route if it has them
  refused   TEXT in the place of cases: the transform refuses these settings

Cases of a transform of tumbling windows:
  {
    \"settings\": {\"key\": \"device\"},
    \"tumblingWindow\": \"60s\",
    \"cases\": [
      {\"name\": \"it counts\", \"input\": {\"json\": {\"device\": \"a\"}}, \"expect\": \"folded\"},
      {\"name\": \"a batch ends\", \"window\": \"save\", \"expect\": {\"state\": {\"json\": {\"a\": 1}}}},
      {\"name\": \"the minute ends\", \"window\": \"close\", \"expect\": {\"emit\": [{\"json\": {\"a\": 1}}]}}
    ]
  }

  expect    of an input: \"folded\", {\"retry\": TEXT}, {\"reject\": TEXT} or {\"fault\": KIND}
  window    in the place of input: \"save\" ends a batch, so that another instance goes on from the state; \"close\"
            and \"close-early\" close the window, and expect {\"emit\": [...]}, {\"retry\": TEXT} or {\"reject\": TEXT}
  state     json, text or base64; null: there is none. {\"fault\": \"state\"} is one that Lambda would not carry

Of a difference, the changed lines are shown with three lines around them, 120 at most, and long lines where they differ.
With --json, an outcome has up to 64 KiB.

Exit codes:
  0  all cases pass
  1  the transform can't be built or loaded, or the cases can't be read
  2  wrong usage
  3  a case fails

Examples:
  kinesieve test
  kinesieve test masker --watch
  kinesieve test --transform t.wasm --update tests/new.json")]
pub(super) struct TestArguments {
    /// Folder of a project (with kinesieve.json in it or in a folder above), or a file of cases
    #[arg(value_name = "DIR", default_value = ".")]
    place: PathBuf,

    /// Test this component without building anything
    #[arg(long, value_name = "FILE")]
    transform: Option<PathBuf>,

    /// Write the actual outcomes to the files, as the expected ones. A fault (a trap, a timeout, too much memory) is
    /// asked about on a terminal, and refused without one
    #[arg(long)]
    update: bool,

    /// Write faults as well, without a question
    #[arg(long, requires = "update")]
    accept_faults: bool,

    /// Keep running, and test again when a file changes. Only what the transform is built of builds it again: what the
    /// build writes, files that .gitignore names and cases do not
    #[arg(long, conflicts_with_all = ["json", "update"])]
    watch: bool,

    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn test(arguments: &TestArguments) -> Result<u8, CommandError> {
    let mut session = Session { arguments, lines: GuestLines::install(), loaded: None };
    if !arguments.watch {
        return session.test();
    }
    let mut watch = arguments.watch();
    loop {
        let is_built = session.loaded.is_none();
        if let Err(error) = session.test() {
            say_error(&error);
        }
        if stdout::failure().is_some() {
            // Nobody sees what comes of the next one.
            return Ok(ALL_ACKNOWLEDGED);
        }
        if is_built {
            for path in watch.built() {
                let path = one_line(&path.display().to_string());
                say(&format_args!(
                    "{path} changes with each build: it is not watched as long as nothing else changes it"
                ));
            }
        }
        say(&"waiting for a change (Ctrl-C ends it)");
        let change = watch.wait();
        say(&Changed(&change));
        if let Change::Sources(_) = change {
            session.loaded = None;
        }
    }
}

/// What makes it test once more, on a line.
struct Changed<'a>(&'a Change);

impl fmt::Display for Changed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Change::Cases(paths) | Change::Sources(paths)) = self.0;
        let first = paths.first().map(|path| one_line(&path.display().to_string())).unwrap_or_default();
        match paths.len() {
            0 | 1 => write!(formatter, "\n{first} changed"),
            count => write!(formatter, "\n{first} and {} more changed", count - 1),
        }
    }
}

impl TestArguments {
    fn updates(&self) -> Updates {
        match (self.update, self.accept_faults) {
            (false, _) => Updates::None,
            (true, false) => Updates::ButFaults,
            (true, true) => Updates::All,
        }
    }

    fn project(&self) -> Result<Project, ProjectError> {
        match self.place.is_file() {
            // A file of cases is in the folder of its project.
            true => Project::find(match self.place.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            }),
            false => Project::find(&self.place),
        }
    }

    /// A file of cases, or the folder that holds them.
    fn cases(&self) -> PathBuf {
        if self.place.is_file() {
            return self.place.clone();
        }
        // Cases need no project where the component is given.
        let folder = self.project().map_or_else(|_| self.place.clone(), |project| project.folder().to_owned());
        folder.join("tests")
    }

    fn watch(&self) -> Watch {
        match (&self.transform, self.project()) {
            (Some(component), _) => Watch::of_component(component, &self.cases()),
            (None, Ok(project)) => Watch::of_project(project.folder(), &self.cases()),
            // Somebody may be about to write the file that is missing or wrong.
            (None, Err(_)) => Watch::of_project(&self.place, &self.cases()),
        }
    }

    /// The files of cases, by name.
    fn files(&self) -> Result<Vec<PathBuf>, CommandError> {
        let cases = self.cases();
        if cases.is_file() {
            return Ok(vec![cases]);
        }
        let mut files = Vec::new();
        let entries = std::fs::read_dir(&cases).map_err(|error| no_cases(&cases, &error.to_string()))?;
        for entry in entries {
            let path = entry.map_err(|error| no_cases(&cases, &error.to_string()))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(no_cases(&cases, "no file in it ends in .json"));
        }
        files.sort();
        Ok(files)
    }
}

fn no_cases(folder: &Path, reason: &str) -> CommandError {
    let folder = folder.display();
    let message =
        format!("there are no cases in {folder}: {reason}. `kinesieve test --help` shows what they look like");
    CommandError::new(ErrorCode::NoCases, message)
}

/// The tests of one command: a watch tests more than once.
struct Session<'a> {
    arguments: &'a TestArguments,
    lines: GuestLines,
    /// What was built last, as long as nothing that it is built of changed.
    loaded: Option<Transform>,
}

impl Session<'_> {
    fn test(&mut self) -> Result<u8, CommandError> {
        let arguments = self.arguments;
        // Read first: it is the cheaper of two ways to fail.
        let mut suites = Vec::new();
        for path in arguments.files()? {
            let text = read_text_bounded(&path, MOST_FILE_BYTES);
            let text = text
                .map_err(|error| CommandError::new(ErrorCode::InvalidCases, format!("{}: {error}", path.display())))?;
            suites.push(Suite::parse(&path, text)?);
        }
        let transform = match self.loaded.take() {
            Some(transform) => transform,
            None => self.load()?,
        };
        let Self { lines, loaded, .. } = self;
        let transform = loaded.insert(transform);

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut report = TestReport::default();
        let updates = arguments.updates();
        for suite in &suites {
            let mut said = Said::default();
            let after = |done| match done {
                None => said.at_start = lines.take(),
                Some(step) => said.at_steps.push((step, lines.take())),
            };
            let came = runtime.block_on(cases::run(suite, transform, Limits::default(), after));
            said.rest = lines.take();
            let acceptance = came.as_ref().map_or_else(|_| Vec::new(), |came| updates.decide(suite, came));
            update(suite, &came, &acceptance, updates)?;
            report.add(suite, came, &acceptance, updates, &said);
        }
        let (failed, could_not_run) = (report.failed(), report.could_not_run());
        if arguments.json {
            print_json(&report.json()?)?;
        } else {
            print(&report.text(colours_on_stdout()))?;
        }
        Ok(match failed {
            0 => ALL_ACKNOWLEDGED,
            _ if could_not_run => FAILED,
            _ => CASE_FAILED,
        })
    }

    fn load(&self) -> Result<Transform, CommandError> {
        let component = match &self.arguments.transform {
            Some(component) => component.clone(),
            None => self.arguments.project()?.build()?,
        };
        let waiting = ProgressDisplay::waiting_for(format!("compiling {}", component.display()));
        let transform = Transform::load_with(&component, Insight::Lines);
        waiting.finish();
        Ok(transform?)
    }
}

/// Writes into a file what is accepted of what came.
fn update(
    suite: &Suite,
    came: &Result<Vec<CaseCheck>, RunError>,
    acceptance: &[Acceptance],
    updates: Updates,
) -> Result<(), CommandError> {
    let text = match came {
        Ok(came) => suite.updated(came, |index| acceptance.get(index) == Some(&Acceptance::Accepted)),
        Err(RunError::RefusedOtherwise { came }) if updates != Updates::None => suite.with_refusal(came),
        Err(_) => None,
    };
    let Some(text) = text else { return Ok(()) };
    let unwritable = |reason: &str| {
        let message = format!("can't write {}: {reason}", suite.path.display());
        CommandError::new(ErrorCode::FileNotWritten, message)
    };
    // Somebody may be writing cases while these are run, or while a question waits.
    let now = read_text_bounded(&suite.path, MOST_FILE_BYTES).map_err(|error| unwritable(&error.to_string()))?;
    if !suite.was_read_as(&now) {
        return Err(unwritable("it was changed while its cases were run: run it again"));
    }
    std::fs::write(&suite.path, text).map_err(|error| unwritable(&error.to_string()))
}

fn colours_on_stdout() -> bool {
    use std::io::IsTerminal;
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
