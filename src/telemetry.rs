//! What the operator reads: the structured log.
//!
//! Everything goes to standard error; standard output belongs to the target `stdout`.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry, registry};

/// Logs as JSON, an object a line: for Lambda, which can index it.
pub fn log_json(level: LevelFilter) {
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(io::stderr);
    // A second call keeps the first one's: there is one log a process.
    let _ = registry().with(lines.with_filter(filter(level))).try_init();
}

/// Writes a last line, whatever the level is: without it a function that does not start would say
/// nothing to whoever reads its log.
pub fn log_fatal(message: &str) {
    let line = serde_json::json!({ "level": "ERROR", "message": message, "target": "kinesieve" });
    // There is nowhere left to say that standard error is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Logs as text, for a person.
pub fn log_text<W>(level: LevelFilter, writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    log_text_of(filter(level), writer, ansi);
}

/// The same without what the processor says of single events, where the command says that itself.
pub fn log_text_without_events<W>(level: LevelFilter, writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    log_text_of(filter(level).with_target("kinesieve::processor", LevelFilter::OFF), writer, ansi);
}

/// The same without some targets, beside a layer that takes what it likes of all that is logged.
pub fn log_text_beside<L, W>(layer: L, level: LevelFilter, without: &[&str], writer: W, ansi: bool)
where
    L: Layer<Registry> + Send + Sync,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let targets = without.iter().fold(filter(level), |targets, target| targets.with_target(*target, LevelFilter::OFF));
    let lines = tracing_subscriber::fmt::layer().with_target(false).without_time().with_ansi(ansi).with_writer(writer);
    let _ = registry().with(layer).with(lines.with_filter(targets)).try_init();
}

fn log_text_of<W>(targets: Targets, writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_target(false).without_time().with_ansi(ansi).with_writer(writer);
    let _ = registry().with(lines.with_filter(targets)).try_init();
}

/// Our own lines at the level asked for; those of libraries from warnings on, since at finer levels
/// they can hold payloads.
fn filter(level: LevelFilter) -> Targets {
    Targets::new().with_target("kinesieve", level).with_default(level.min(LevelFilter::WARN))
}
