//! `kinesieve positions list`: the rows as the table has them.

use std::fmt;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::line::PositionLine;
use super::table::TableFlags;
use crate::checkpoint::CheckpointRow;
use crate::cli::error::CommandError;
use crate::cli::foreign::plain;
use crate::cli::status::about;
use crate::cli::{ALL_ACKNOWLEDGED, print, print_json};

/// Show the position of each row in a checkpoint table
///
/// Only the table is asked. `kinesieve status` also shows shards without a row, and how far each position is behind.
#[derive(Debug, Args)]
#[command(after_help = "\
Permissions: dynamodb:Query with --stream, else dynamodb:Scan. dynamodb:DescribeTable for the keys of the table: without it,
what the rows say is shown.

Exit codes:
  0  the rows are shown
  1  the table can't be read, or is one of something else
  2  wrong usage

Examples:
  kinesieve positions list --table positions
  kinesieve positions list --table positions --stream readings --format json")]
pub(super) struct ListArguments {
    /// Show only this stream, by name or ARN as the table has it [default: all streams in the table]
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,

    /// How rows are shown
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    format: ListFormat,

    #[command(flatten)]
    pub(super) table: TableFlags,
}

/// How rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// For a person
    Text,
    /// One object a line
    Json,
}

pub(super) async fn list(arguments: &ListArguments) -> Result<u8, CommandError> {
    let table = arguments.table.open().await?;
    let rows = table.rows(arguments.stream.as_deref()).await.map_err(|error| about(&table, &error))?;
    match arguments.format {
        ListFormat::Text if rows.is_empty() => print("no shard has a row\n")?,
        ListFormat::Text => {
            let cells = rows.iter().map(cells).collect();
            print(&Columns { titles: ["stream", "shard", "goes on", "written"], cells }.to_string())?;
        }
        ListFormat::Json => {
            let lines: Vec<String> = rows.iter().map(|row| format!("{}\n", object(row))).collect();
            print_json(&lines.concat())?;
        }
    }
    Ok(ALL_ACKNOWLEDGED)
}

/// Where a row says that its shard goes on, for a person.
pub(super) fn in_words(row: &CheckpointRow) -> String {
    match row.resume_point() {
        Ok(Some(point)) => plain(&point.to_string()),
        Err(refusal) => format!("high-water mark {}: not safe to resume from", plain(&refusal.high_water_mark)),
        Ok(None) => match (&row.position, &row.stuck) {
            (Some(strange), _) => format!("{:?}, which is no sequence number", plain(strange)),
            (None, Some(stuck)) => format!("blocked at {}", stuck.position),
            (None, None) => "-".to_owned(),
        },
    }
}

fn cells(row: &CheckpointRow) -> [String; 4] {
    let mut written = row.written_at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| "-".to_owned());
    if let Some(writer) = &row.written_by {
        written += &format!(" by {}", plain(writer));
    }
    if let Some(holder) = &row.held_by {
        written += &format!(", held by {}", plain(&holder.client_id));
    }
    if let Some(heartbeat) = row.heartbeat.as_ref().filter(|heartbeat| !heartbeat.is_long_gone()) {
        written += &format!(", {} is at work", plain(&heartbeat.run));
    }
    [plain(&row.stream_id), plain(&row.shard_id), in_words(row), written]
}

/// A row for a program: as `export` has it, with who wrote it and who has it. Without a position that is safe to resume from, it
/// has none of the four.
fn object(row: &CheckpointRow) -> Value {
    let point = row.resume_point().ok().flatten();
    let line = point.map(|point| PositionLine::of(&row.stream_id, &row.shard_id, &point));
    let mut object = line.map_or_else(
        || json!({ "streamId": row.stream_id, "shardId": row.shard_id }),
        |line| serde_json::to_value(line).unwrap_or_default(),
    );
    object["safeToResume"] = row.resume_after().is_ok().into();
    object["writtenAt"] = row.written_at.and_then(|at| at.format(&Rfc3339).ok()).into();
    object["writtenBy"] = row.written_by.clone().into();
    object["heldBy"] = row.held_by.as_ref().map(|holder| holder.client_id.clone()).into();
    object["runBy"] = row.heartbeat.as_ref().map(|heartbeat| heartbeat.run.clone()).into();
    object
}

/// Cells below their titles.
pub(super) struct Columns<const COUNT: usize> {
    pub(super) titles: [&'static str; COUNT],
    pub(super) cells: Vec<[String; COUNT]>,
}

impl<const COUNT: usize> fmt::Display for Columns<COUNT> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.cells.iter().map(|line| line[column].chars().count());
            cells.chain([self.titles[column].len()]).max().unwrap_or_default()
        };
        let widths: [usize; COUNT] = std::array::from_fn(width);
        let mut line = |cells: [&str; COUNT]| {
            let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(formatter, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())
        };
        line(self.titles)?;
        self.cells.iter().try_for_each(|cells| line(std::array::from_fn(|column| cells[column].as_str())))
    }
}
