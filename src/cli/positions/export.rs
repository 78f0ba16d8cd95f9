//! `kinesieve positions export`: positions to a file, from which they can be set again.

use std::path::PathBuf;

use clap::Args;

use super::line::PositionLine;
use super::table::TableFlags;
use crate::cli::error::CommandError;
use crate::cli::foreign::plain;
use crate::cli::status::about;
use crate::cli::summary::counted;
use crate::cli::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, print_json, say};
use crate::error_code::ErrorCode;

/// Rows without a position that are named.
const MOST_NAMED: usize = 10;

/// Write the positions in a checkpoint table as lines of JSON
///
/// `kinesieve positions set --from` reads them. Each line has streamId, shardId, and one of: after (the sequence number of the
/// last record that is done), within (a user record of a KPL aggregate), startAt (TRIM_HORIZON, or AT_TIMESTAMP=TIME), and
/// shardEnd. A row without a position that is safe to resume from is left out, and named.
#[derive(Debug, Args)]
#[command(after_help = "\
Permissions: dynamodb:Query with --stream, else dynamodb:Scan. dynamodb:DescribeTable for the keys of the table.

Exit codes:
  0  all rows are written
  1  the table can't be read, is one of something else, or the file can't be written
  2  wrong usage
  3  a row has no position that is safe to resume from, and is left out

Examples:
  kinesieve positions export --table positions > positions.jsonl
  kinesieve positions export --table positions --stream readings --output positions.jsonl")]
pub(super) struct ExportArguments {
    /// Export only this stream, by name or ARN as the table has it [default: all streams in the table]
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,

    /// The file, in the place of one that is there [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) table: TableFlags,
}

pub(super) async fn export(arguments: &ExportArguments) -> Result<u8, CommandError> {
    let table = arguments.table.open().await?;
    let rows = table.rows(arguments.stream.as_deref()).await.map_err(|error| about(&table, &error))?;
    let (mut text, mut left_out) = (String::new(), Vec::new());
    for row in &rows {
        match row.resume_point() {
            Ok(Some(point)) => {
                text += &serde_json::to_string(&PositionLine::of(&row.stream_id, &row.shard_id, &point))?;
                text.push('\n');
            }
            _ => left_out.push(row),
        }
    }
    match &arguments.output {
        None => print_json(&text)?,
        Some(path) => std::fs::write(path, &text)
            .map_err(|error| CommandError::new(ErrorCode::FileNotWritten, format!("{}: {error}", path.display())))?,
    }
    for row in left_out.iter().take(MOST_NAMED) {
        let (stream, shard) = (plain(&row.stream_id), plain(&row.shard_id));
        say(&format_args!("kinesieve: {stream}, {shard} is left out: {}", super::list::in_words(row)));
    }
    if left_out.is_empty() {
        return Ok(ALL_ACKNOWLEDGED);
    }
    let count = counted(u64::try_from(left_out.len()).unwrap_or(u64::MAX), "row");
    say(&format_args!("kinesieve: {count} of {} left out: no position is safe to resume from", rows.len()));
    Ok(NOT_ACKNOWLEDGED)
}
