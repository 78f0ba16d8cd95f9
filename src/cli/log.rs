//! How a command writes its log lines.

use std::io::{self, IsTerminal};

use clap::ValueEnum;

use super::colours_wanted;
use crate::telemetry::LogFormat;

/// The format that a flag asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormatFlag {
    /// Lines for a person, with the time (UTC) over a stream, and where standard error is no terminal
    Text,
    /// An object a line, with the fields of the function's log
    Json,
}

/// What a run reads, as far as its log lines depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunInput {
    File,
    /// Its lines are hours apart.
    Stream,
}

/// Text for a person who looks on.
pub(super) fn text() -> LogFormat {
    LogFormat::Text { ansi: colours_wanted() }
}

/// The format of a run's log.
pub(super) fn of_run(flag: LogFormatFlag, input: RunInput) -> LogFormat {
    match (flag, input) {
        (LogFormatFlag::Json, _) => LogFormat::Json,
        (LogFormatFlag::Text, RunInput::File) if io::stderr().is_terminal() => text(),
        (LogFormatFlag::Text, _) => LogFormat::TimedText { ansi: colours_wanted() },
    }
}
