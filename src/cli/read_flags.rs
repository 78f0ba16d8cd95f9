//! The flags that say how far live streams are read, and how fast: of the commands that read them.

use std::time::Duration;

use clap::Args;

use crate::settings::SettingsError;
use crate::source::live::{EndCondition, ReadOptions, StartPosition};

/// How far live streams are read, and how fast.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Of a stream")]
pub(super) struct ReadFlags {
    /// Where to start: trim-horizon (the oldest record), latest, a TIME (2026-11-20T18:30:00Z, 2026-11-20, seconds or
    /// milliseconds since 1970, or 1h for an hour ago; also as at-timestamp=TIME),
    /// at-sequence-number=NUMBER, after-sequence-number=NUMBER (both for one shard), or checkpoint (after the
    /// position in --checkpoint-table; a shard without a row starts at its oldest record, or where --or says). The names
    /// of the API of Kinesis are taken as well: TRIM_HORIZON, AT_TIMESTAMP=TIME [default: checkpoint with
    /// --checkpoint-table, since to start elsewhere would leave records out or repeat them; latest without, so that a
    /// first look delivers nothing that was processed before]
    #[arg(long, value_name = "START")]
    pub(super) from: Option<StartPosition>,

    /// Where to end: now (at the last record that is in the stream at the start), at-timestamp=TIME, count=NUMBER of
    /// records, or never (at Ctrl-C) [default: never]
    #[arg(long, value_name = "END")]
    pub(super) until: Option<EndCondition>,

    /// Number of reads per shard and second, 1 to 5. A shard answers 5 reads per second to all of its consumers
    /// together [default: 5]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=5))]
    reads_per_second: Option<u32>,

    /// End the run when a shard has stood still for this long: blocked, or waiting for a destination, the stream or the
    /// table. What cannot pass by itself, a destination that does not exist for example, ends it within a minute anyway
    /// [default: wait forever]
    #[arg(long, value_name = "DURATION", value_parser = patience)]
    pub(super) patience: Option<Duration>,
}

impl ReadFlags {
    /// The flags, and whether each is given.
    pub(super) fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("--from", self.from.is_some()),
            ("--until", self.until.is_some()),
            ("--reads-per-second", self.reads_per_second.is_some()),
            ("--patience", self.patience.is_some()),
        ]
    }

    /// Checks a start and an end against each other.
    pub(super) fn check(start: &StartPosition, until: Option<EndCondition>) -> Result<(), SettingsError> {
        let contradiction = |message: &str| Err(SettingsError::Contradiction(message.to_owned()));
        match (start, until) {
            (StartPosition::Latest, Some(EndCondition::Now)) => contradiction(
                "--until now ends with what is there at the start, and --from latest starts behind it: name another \
                 start, trim-horizon for example",
            ),
            (StartPosition::AtTimestamp(from), Some(EndCondition::AtTimestamp(until))) if until < *from => {
                contradiction("--until is before --from: there is nothing between them")
            }
            _ => Ok(()),
        }
    }

    /// How often shards are read.
    pub(super) fn read_options(&self) -> ReadOptions {
        self.reads_per_second.map_or_else(ReadOptions::default, ReadOptions::of_reads_per_second)
    }
}

fn patience(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_secs(5), Duration::from_secs(365 * 24 * 3600))
}

/// A duration that a flag takes.
pub(super) fn duration_within(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("invalid duration {text:?} ({error}): use for example 5s or 2m"))?;
    if parsed < least || parsed > most {
        let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
        return Err(format!("{text:?} is out of range: use {least} to {most}"));
    }
    Ok(parsed)
}
