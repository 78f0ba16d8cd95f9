//! `kinesieve test`: the cases of a transform, in the engine that production runs.

mod report;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use self::report::TestReport;
use super::error::CommandError;
use super::guest_lines::GuestLines;
use super::progress::ProgressDisplay;
use super::{ALL_ACKNOWLEDGED, FAILED, print, print_json, say, say_error};
use crate::cases::{self, Suite};
use crate::error_code::ErrorCode;
use crate::files::read_text_bounded;
use crate::project::{Project, sources};
use crate::stdout;
use crate::transform::{Limits, Transform};

/// A case failed.
const CASE_FAILED: u8 = 3;

/// The most bytes of a file of cases: the largest record that a stream takes, in base64, in two of its cases.
const MOST_CASE_BYTES: u64 = 64 << 20;

/// How often a watch looks for changes.
const LOOK: Duration = Duration::from_millis(300);

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
    /// Folder of a project (with kinesieve.json), or a file of cases
    #[arg(value_name = "DIR", default_value = ".")]
    place: PathBuf,

    /// Test this component without building anything
    #[arg(long, value_name = "FILE")]
    transform: Option<PathBuf>,

    /// Write the actual outcomes to the files, as the expected ones
    #[arg(long)]
    update: bool,

    /// Keep running, and test again when a file changes
    #[arg(long, conflicts_with_all = ["json", "update"])]
    watch: bool,

    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn test(arguments: &TestArguments) -> Result<u8, CommandError> {
    let lines = GuestLines::install();
    if !arguments.watch {
        return test_once(arguments, &lines);
    }
    loop {
        let before = sources(arguments.folder());
        if let Err(error) = test_once(arguments, &lines) {
            say_error(&error);
        }
        if stdout::failure().is_some() {
            // Nobody sees what comes of the next one.
            return Ok(ALL_ACKNOWLEDGED);
        }
        say(&"waiting for a change (Ctrl-C ends it)");
        while sources(arguments.folder()) == before {
            std::thread::sleep(LOOK);
        }
    }
}

impl TestArguments {
    /// Where the project lies: a file of cases is in its `tests`.
    fn folder(&self) -> &Path {
        if self.place.is_dir() {
            return &self.place;
        }
        let tests = self.place.parent().unwrap_or(Path::new(""));
        match tests.parent().unwrap_or(tests) {
            folder if folder.as_os_str().is_empty() => Path::new("."),
            folder => folder,
        }
    }

    /// The files of cases, by name.
    fn files(&self) -> Result<Vec<PathBuf>, CommandError> {
        if self.place.is_file() {
            return Ok(vec![self.place.clone()]);
        }
        let folder = self.place.join("tests");
        let mut files = Vec::new();
        let entries = std::fs::read_dir(&folder).map_err(|error| no_cases(&folder, &error.to_string()))?;
        for entry in entries {
            let path = entry.map_err(|error| no_cases(&folder, &error.to_string()))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(no_cases(&folder, "no file in it ends in .json"));
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

fn test_once(arguments: &TestArguments, lines: &GuestLines) -> Result<u8, CommandError> {
    // Read first: it is the cheaper of two ways to fail.
    let mut suites = Vec::new();
    for path in arguments.files()? {
        let text = read_text_bounded(&path, MOST_CASE_BYTES);
        let text =
            text.map_err(|error| CommandError::new(ErrorCode::InvalidCases, format!("{}: {error}", path.display())))?;
        suites.push(Suite::parse(&path, text)?);
    }
    let component = match &arguments.transform {
        Some(component) => component.clone(),
        None => Project::open(arguments.folder())?.build()?,
    };
    let waiting = ProgressDisplay::waiting_for(format!("compiling {}", component.display()));
    let transform = Transform::load(&component);
    waiting.finish();
    let transform = transform?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = TestReport::default();
    for suite in &suites {
        let came = runtime.block_on(cases::run(suite, &transform, Limits::default()));
        if let (true, Ok(came)) = (arguments.update, &came)
            && let Some(text) = suite.updated(came)
        {
            std::fs::write(&suite.path, text).map_err(|error| {
                let message = format!("can't write {}: {error}", suite.path.display());
                CommandError::new(ErrorCode::FileNotWritten, message)
            })?;
        }
        report.add(suite, came, lines.take(), arguments.update);
    }
    if arguments.json {
        print_json(&report.json()?)?;
    } else {
        print(&report.text(colours_on_stdout()))?;
    }
    Ok(match report.failed() {
        0 => ALL_ACKNOWLEDGED,
        _ if report.could_not_run() => FAILED,
        _ => CASE_FAILED,
    })
}

fn colours_on_stdout() -> bool {
    use std::io::IsTerminal;
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
