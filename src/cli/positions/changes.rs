//! What is to be written, checked against the rows that are there, and written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures_util::StreamExt;

use super::consent::{Consent, ask};
use super::line::PositionLine;
use super::list::{Columns, in_words};
use super::table::TIME_LIMIT;
use crate::backoff::Backoff;
use crate::checkpoint::{CheckpointError, CheckpointErrorKind, CheckpointRow, ResumePoint, Table};
use crate::cli::error::CommandError;
use crate::cli::foreign::plain;
use crate::cli::progress::ProgressDisplay;
use crate::cli::status::about;
use crate::cli::summary::counted;
use crate::cli::{ALL_ACKNOWLEDGED, FAILED, NOT_ACKNOWLEDGED, print, say};
use crate::error_code::ErrorCode;

/// Rows that are written at the same time.
const AT_ONCE: usize = 32;

/// How often a row is tried where that may pass: a table takes some minutes until it takes more.
const TRIES: u32 = 60;

/// Rows that a message names, and that a person is shown who is asked.
const MOST_NAMED: usize = 5;
const MOST_SHOWN: usize = 20;

/// What a shard is to have.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) stream_id: String,
    pub(super) shard_id: String,
    pub(super) point: ResumePoint,
}

impl Wanted {
    /// Of a line of an export.
    ///
    /// # Errors
    /// Says what of the line is wrong.
    pub(super) fn of(line: &PositionLine) -> Result<Self, String> {
        let point = line.point()?;
        Ok(Self { stream_id: line.stream_id.clone(), shard_id: line.shard_id.clone(), point })
    }
}

/// Rows that change.
#[derive(Debug)]
pub(super) struct Changes {
    changes: Vec<Change>,
    /// How many rows say already what they are to say.
    unchanged: usize,
}

#[derive(Debug)]
struct Change {
    wanted: Wanted,
    /// The row as it was; none: there was none.
    seen: Option<CheckpointRow>,
}

impl Changes {
    /// Compares what is wanted with the rows that are there. `overwrite`: also rows that have another position.
    ///
    /// # Errors
    /// When the table can't be read, or a row may not be changed: then none is.
    pub(super) async fn of(table: &Table, wanted: Vec<Wanted>, overwrite: bool) -> Result<Self, CommandError> {
        let streams: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.stream_id.as_str()).collect();
        let mut rows: BTreeMap<String, HashMap<String, CheckpointRow>> = BTreeMap::new();
        for stream in streams {
            let of_stream = table.newest_rows(stream).await.map_err(|error| about(table, &error))?;
            rows.insert(stream.to_owned(), of_stream.into_iter().map(|row| (row.shard_id.clone(), row)).collect());
        }
        let (mut changes, mut unchanged, mut others) = (Vec::new(), 0, Vec::new());
        for wanted in wanted {
            let seen = rows.get_mut(&wanted.stream_id).and_then(|rows| rows.remove(&wanted.shard_id));
            let Some(row) = &seen else {
                changes.push(Change { wanted, seen });
                continue;
            };
            if row.resume_point() == Ok(Some(wanted.point.clone())) {
                unchanged += 1;
                continue;
            }
            if let Some(trouble) = who_has(row) {
                let (stream, shard) = (&wanted.stream_id, &wanted.shard_id);
                let message = format!("{stream}, {shard}: {trouble}; nothing was written");
                return Err(CommandError::new(trouble.code(), message));
            }
            let says_something =
                row.position.is_some() || row.stuck.is_some() || !matches!(row.resume_point(), Ok(None));
            if says_something && !overwrite {
                others.push(format!("{}, and not {} ({})", in_words(row), wanted.point, wanted.shard_id));
            }
            changes.push(Change { wanted, seen });
        }
        if others.is_empty() { Ok(Self { changes, unchanged }) } else { Err(differ(table, &others)) }
    }

    /// Shows the changes, asks if need be, and writes them. The result is the exit code.
    ///
    /// # Errors
    /// When the table takes nothing.
    pub(super) async fn make(self, table: &Table, consent: Consent) -> Result<u8, CommandError> {
        let unchanged = match self.unchanged {
            0 => String::new(),
            some => format!("{} that position already", counted_has(some)),
        };
        if self.changes.is_empty() {
            print(&format!("nothing to write: {unchanged}\n"))?;
            return Ok(ALL_ACKNOWLEDGED);
        }
        let unchanged = if unchanged.is_empty() { unchanged } else { format!("; {unchanged}") };
        let count = counted(self.changes.len() as u64, "row");
        if consent != Consent::Given {
            let most = if consent == Consent::DryRun { usize::MAX } else { MOST_SHOWN };
            let cells = self.changes.iter().take(most).map(Change::cells).collect();
            let mut text = Columns { titles: ["stream", "shard", "goes on now", "is to go on"], cells }.to_string();
            if let Some(more) = self.changes.len().checked_sub(most).filter(|more| *more > 0) {
                text += &format!("and {more} more: --dry-run shows all of them\n");
            }
            print(&text)?;
        }
        match consent {
            Consent::DryRun => {
                print(&format!("{count} would be written to {}{unchanged}\n", table.name()))?;
                return Ok(ALL_ACKNOWLEDGED);
            }
            Consent::Ask if !ask(&format!("{count} will be written to {}{unchanged}.", table.name()))? => {
                say(&"kinesieve: nothing was written");
                return Ok(FAILED);
            }
            Consent::Ask | Consent::Given => {}
        }
        let total = self.changes.len();
        let (written, left) = self.write(table).await?;
        print(&format!("{} written to {}{unchanged}\n", were(written), table.name()))?;
        for (shard, trouble) in left.iter().take(MOST_NAMED) {
            say(&format_args!("kinesieve: {} stays as it is: {}", plain(shard), plain(trouble)));
        }
        if left.is_empty() {
            return Ok(ALL_ACKNOWLEDGED);
        }
        say(&format_args!("kinesieve: {} of {total} rows stay as they are: run the command again", left.len()));
        Ok(NOT_ACKNOWLEDGED)
    }

    /// Writes all rows. The result is how many are written, and those that somebody else has changed or has begun to work on.
    async fn write(self, table: &Table) -> Result<(usize, Vec<(String, String)>), CommandError> {
        let progress = ProgressDisplay::waiting_for("writing".to_owned());
        let _cleared = progress.until_the_end();
        let total = self.changes.len();
        let mut writes = futures_util::stream::iter(self.changes)
            .map(async |change: Change| (change.write(table).await, change.wanted.shard_id))
            .buffer_unordered(AT_ONCE);
        let (mut written, mut left) = (0, Vec::new());
        while let Some((outcome, shard)) = writes.next().await {
            match outcome {
                Ok(()) => written += 1,
                Err(trouble @ (CheckpointError::Held { .. } | CheckpointError::Running { .. })) => {
                    left.push((shard, trouble.to_string()));
                }
                Err(CheckpointError::Overtaken { .. }) => left.push((shard, OVERTAKEN.to_owned())),
                Err(trouble) => {
                    let message = format!(
                        "the checkpoint table {}: {trouble}; {} written before that, and the command can be run again",
                        table.name(),
                        were(written)
                    );
                    return Err(CommandError::new(trouble.code(), message));
                }
            }
            progress.update_saying(0, &format!("{written} of {total} rows written"));
        }
        Ok((written, left))
    }
}

/// What became of a row between the look at it and the write.
const OVERTAKEN: &str = "it has changed since it was read: a function or a run is at work on the shard; stop it first";

impl Change {
    fn cells(&self) -> [String; 4] {
        let now = self.seen.as_ref().map_or_else(|| "-".to_owned(), in_words);
        let Wanted { stream_id, shard_id, point } = &self.wanted;
        [plain(stream_id), plain(shard_id), now, point.to_string()]
    }

    /// Writes the row. What may pass is tried again.
    async fn write(&self, table: &Table) -> Result<(), CheckpointError> {
        let Wanted { stream_id, shard_id, point } = &self.wanted;
        let mut backoff = Backoff::default();
        for _ in 1..TRIES {
            match table.place(stream_id, shard_id, point, self.seen.as_ref(), TIME_LIMIT).await {
                Err(trouble) if trouble.kind() == CheckpointErrorKind::Throttled => {
                    tokio::time::sleep(backoff.after_failure(fastrand::f64()).max(Duration::from_millis(1))).await;
                }
                // Of a request whose answer was lost.
                Err(overtaken @ CheckpointError::Overtaken { .. }) => {
                    let row = table.read(stream_id, shard_id).await?;
                    let is_written = row.is_some_and(|row| row.resume_point() == Ok(Some(point.clone())));
                    return if is_written { Ok(()) } else { Err(overtaken) };
                }
                outcome => return outcome,
            }
        }
        table.place(stream_id, shard_id, point, self.seen.as_ref(), TIME_LIMIT).await
    }
}

/// Who has a row, which then stays as it is.
fn who_has(row: &CheckpointRow) -> Option<CheckpointError> {
    if let Some(holder) = &row.held_by {
        return Some(CheckpointError::held(holder));
    }
    let heartbeat = row.heartbeat.as_ref().filter(|heartbeat| !heartbeat.is_long_gone())?;
    Some(CheckpointError::Running { run: heartbeat.run.clone(), beat_at: heartbeat.at.clone() })
}

fn differ(table: &Table, others: &[String]) -> CommandError {
    let mut named = others.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    if let Some(more) = others.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        named += &format!("; and {more} more");
    }
    let message = format!(
        "the checkpoint table {} has other positions: {named}; nothing was written, --overwrite replaces them",
        table.name()
    );
    CommandError::new(ErrorCode::PositionsDiffer, message)
}

fn were(count: usize) -> String {
    let verb = if count == 1 { "was" } else { "were" };
    format!("{} {verb}", counted(count as u64, "row"))
}

fn counted_has(count: usize) -> String {
    let verb = if count == 1 { "has" } else { "have" };
    format!("{} {verb}", counted(count as u64, "row"))
}
