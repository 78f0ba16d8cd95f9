//! What the tests have in common: guests, events, sinks that fail on purpose, and services on this machine.

pub mod client;
pub mod components;
pub mod conformance;
pub mod emulator;
pub mod event_source_mapping;
pub mod events;
pub mod kinesis_local;
pub mod moto;
pub mod positions;
pub mod process;
pub mod pty;
pub mod relay;
pub mod runtime_api;
pub mod screen;
pub mod services;
pub mod sinks;
pub mod stub;
pub mod targets;
pub mod terminal;
pub mod usage;
pub mod windows;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock};

use kinesieve::dead_letter::DeadLetters;
use kinesieve::processor::{Outputs, Processor};
use kinesieve::sink::Sink;
use kinesieve::transform::{Limits, RecordPool, Transform};

use runtime_api::RuntimeApi;

/// The file of a guest or sample transform.
pub fn guest_file(name: &str) -> PathBuf {
    let folder = match std::env::var_os("TEST_GUESTS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("transforms/target/wasm32-wasip2/release"),
    };
    let file = folder.join(name).with_extension("wasm");
    assert!(file.is_file(), "{} is missing: `make guests` builds it", file.display());
    file
}

/// Processors around the scripted guest, whose payloads say what it does.
pub struct Scripted {
    limits: Limits,
    workers: usize,
}

impl Scripted {
    pub fn new(limits: Limits) -> Self {
        Self { limits, workers: 1 }
    }

    /// The same with so many instances.
    pub fn with_workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// Compiled once for all tests: it takes longer than most of them.
    fn transform() -> &'static Transform {
        static TRANSFORM: LazyLock<Transform> =
            LazyLock::new(|| Transform::load(&guest_file("scripted")).expect("the scripted guest"));
        &TRANSFORM
    }

    /// Instances of it.
    pub fn guests(&self) -> RecordPool {
        let workers = NonZeroUsize::new(self.workers).expect("one at least");
        RecordPool::start(Self::transform(), self.limits, &[], workers).expect("the guests start")
    }

    /// Outputs go to `output`, those of the route `side` to `side`.
    pub fn processor(
        &self,
        output: &Arc<impl Sink + 'static>,
        side: &Arc<impl Sink + 'static>,
        dead_letters: Option<&Arc<impl Sink + 'static>>,
    ) -> Processor {
        self.processor_with(output, side, dead_letters.map(|sink| Arc::clone(sink) as Arc<dyn Sink>))
    }

    /// The same, with a dead-letter destination of another kind than the output's.
    pub fn processor_with(
        &self,
        output: &Arc<impl Sink + 'static>,
        side: &Arc<impl Sink + 'static>,
        dead_letters: Option<Arc<dyn Sink>>,
    ) -> Processor {
        self.processor_of(output.clone(), side.clone(), dead_letters)
    }

    /// The same, by sinks of which nobody needs to know the kind.
    pub fn processor_of(
        &self,
        output: Arc<dyn Sink>,
        side: Arc<dyn Sink>,
        dead_letters: Option<Arc<dyn Sink>>,
    ) -> Processor {
        let dead_letters = dead_letters.map(|sink| DeadLetters::new(sink, Self::transform().digest()));
        Processor::new(self.guests(), Outputs::new(output, [("side".to_owned(), side)]), dead_letters)
    }
}

/// Runs what is asynchronous to its end.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// The command line, without any of our variables from around the tests.
pub fn kinesieve(arguments: &[&str]) -> Command {
    without_variables(env!("CARGO_BIN_EXE_kinesieve"), arguments)
}

/// The function's program, likewise.
pub fn kinesieve_lambda() -> Command {
    without_variables(env!("CARGO_BIN_EXE_kinesieve-lambda"), &[])
}

/// The same with the variables that Lambda sets.
pub fn in_lambda(api: &RuntimeApi) -> Command {
    let mut command = kinesieve_lambda();
    command
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", "f")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
    command
}

fn without_variables(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("KINESIEVE_") || name_text.starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
}

/// The one line in which a command says why nothing comes of it. Behind it stands the line with its code, and nothing else:
/// whatever an error quotes, it forges no further line. What the command said of what it did may stand before.
pub fn error_line(said: &str) -> &str {
    let lines: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("kinesieve: ")).collect();
    let [error, hint] = lines[..] else { panic!("no error and its code: {said}") };
    assert!(hint.starts_with("for more: kinesieve explain K"), "{said}");
    error
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Files with an extension, in a folder and all folders in it.
pub fn files(folder: &Path, extension: &'static str) -> Box<dyn Iterator<Item = PathBuf>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    Box::new(entries.flat_map(move |path| -> Box<dyn Iterator<Item = PathBuf>> {
        if path.is_dir() {
            files(&path, extension)
        } else if path.extension().is_some_and(|found| found == extension) {
            Box::new(std::iter::once(path))
        } else {
            Box::new(std::iter::empty())
        }
    }))
}
