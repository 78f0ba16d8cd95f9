//! `kinesieve positions set`: positions by hand, or from a file.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args};

use super::changes::{Changes, Wanted};
use super::consent::ConsentFlags;
use super::line::PositionLine;
use super::table::TableFlags;
use crate::checkpoint::{ResumePoint, StartAt};
use crate::cli::error::CommandError;
use crate::error_code::ErrorCode;
use crate::event::Position;
use crate::files::read_text_bounded;
use crate::json_error::explained_without_values;
use crate::timestamp::point_in_time;

/// As much as is read of a file, in bytes: a line has some 150.
const LARGEST: u64 = 256 << 20;

/// Set positions in a checkpoint table, by hand or from a file
///
/// The position takes the place of all that the row says. No row is changed that another consumer holds, or that a run is at
/// work on; and a row that has another position only with --overwrite. Stop the function first: what it writes meanwhile is
/// not overwritten, but what it delivered comes again, or is left out.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["from", "shard"]).required(true))]
#[command(group = ArgGroup::new("point").args(["sequence_number", "at_timestamp", "trim_horizon", "shard_end"]).conflicts_with("from"))]
#[command(after_help = "\
Permissions: dynamodb:Query, dynamodb:GetItem and dynamodb:UpdateItem. dynamodb:DescribeTable for the keys of the table.

Exit codes:
  0  all positions are set, or would be with --dry-run
  1  nothing is written, or not all: a position can't be used, a row has another one, or the table can't be read or written
  2  wrong usage
  3  a row changed while the command ran, and stays as it is

Examples:
  kinesieve positions set --table positions --from positions.jsonl --dry-run
  kinesieve positions set --table positions --stream readings --shard shardId-000000000000 --trim-horizon
  kinesieve positions set --table positions --stream readings --shard shardId-000000000000 --at-timestamp 2h --overwrite --yes")]
pub(super) struct SetArguments {
    /// The file with positions, as `kinesieve positions export` writes it; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stream", "shard"])]
    from: Option<PathBuf>,

    /// The stream, by name or ARN as the table has it
    #[arg(long, value_name = "STREAM", requires = "shard", value_parser = NonEmptyStringValueParser::new())]
    stream: Option<String>,

    /// The shard
    #[arg(long, value_name = "SHARD", requires = "stream", requires = "point", value_parser = NonEmptyStringValueParser::new())]
    shard: Option<String>,

    /// Go on after the record of this sequence number
    #[arg(long, value_name = "NUMBER", value_parser = sequence_number, requires = "shard")]
    sequence_number: Option<Position>,

    /// Begin with the first record that arrived at this time or later (2026-11-20T18:30:00Z, 2026-11-20, seconds or
    /// milliseconds since 1970, or 1h for an hour ago)
    #[arg(long, value_name = "TIME", value_parser = point_in_time, requires = "shard")]
    at_timestamp: Option<u64>,

    /// Begin with the oldest record of the shard
    #[arg(long, requires = "shard")]
    trim_horizon: bool,

    /// Read nothing of the shard: it was read to its end
    #[arg(long, requires = "shard")]
    shard_end: bool,

    #[command(flatten)]
    consent: ConsentFlags,

    #[command(flatten)]
    pub(super) table: TableFlags,
}

pub(super) async fn set(arguments: &SetArguments) -> Result<u8, CommandError> {
    let consent = arguments.consent.consent()?;
    let wanted = wanted(arguments)?;
    let table = arguments.table.open().await?;
    let changes = Changes::of(&table, wanted, arguments.consent.overwrite).await?;
    changes.make(&table, consent).await
}

fn wanted(arguments: &SetArguments) -> Result<Vec<Wanted>, CommandError> {
    if let Some(path) = &arguments.from {
        return of_file(path);
    }
    // The command line has one of them.
    let point = match (&arguments.sequence_number, arguments.at_timestamp, arguments.shard_end) {
        (Some(position), _, _) => ResumePoint::After(position.clone()),
        (None, Some(time), _) => ResumePoint::Start(StartAt::AtTimestamp(time)),
        (None, None, true) => ResumePoint::ShardEnd,
        (None, None, false) => ResumePoint::Start(StartAt::TrimHorizon),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Ok(vec![Wanted { stream_id: text(&arguments.stream), shard_id: text(&arguments.shard), point }])
}

fn of_file(path: &Path) -> Result<Vec<Wanted>, CommandError> {
    let is_stdin = path.as_os_str() == "-";
    let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let refused = |reason: &str| CommandError::new(ErrorCode::PositionsUnreadable, format!("{name}: {reason}"));
    let text = if is_stdin {
        let mut text = String::new();
        io::stdin().lock().take(LARGEST).read_to_string(&mut text).map(|_| text)
    } else {
        read_text_bounded(path, LARGEST)
    };
    let text = text.map_err(|error| refused(&error.to_string()))?;
    let (mut wanted, mut seen) = (Vec::new(), HashSet::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let in_line = |reason: &str| refused(&format!("line {}: {reason}", index + 1));
        // A line by itself: its place in the file is said before.
        let explained = |error: &serde_json::Error| {
            explained_without_values(error, "a position").replacen("at line 1 column", "at column", 1)
        };
        let line: PositionLine = serde_json::from_str(line).map_err(|error| in_line(&explained(&error)))?;
        if !seen.insert((line.stream_id.clone(), line.shard_id.clone())) {
            return Err(in_line(&format!("{} of {} has two positions: leave one", line.shard_id, line.stream_id)));
        }
        wanted.push(Wanted::of(&line).map_err(|reason| in_line(&reason))?);
    }
    if wanted.is_empty() {
        Err(refused("it has no position: `kinesieve positions export` writes such a file"))
    } else {
        Ok(wanted)
    }
}

fn sequence_number(text: &str) -> Result<Position, String> {
    Position::new(text, 0).map_err(|error| error.to_string())
}
