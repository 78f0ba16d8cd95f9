//! `kinesieve status`: where the function is in each shard, as the checkpoint table says it.

mod listing;
mod object;
mod survey;

use std::io::{self, IsTerminal};
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use time::OffsetDateTime;

use super::access::AccessFlags;
use super::error::CommandError;
use super::foreign::one_line;
use super::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, access, print, print_coloured, print_json, say as say_beside};
use crate::aws::checked_table_config;
use crate::checkpoint::{CheckpointError, CheckpointRow, KeysError, Table};
use crate::settings::{AccessSettings, Arn, StreamIdForm, TableAccessSettings, TableName, check_variables};
use crate::source::{Lag, LagMeter, StreamShard};
use crate::stdout;
use listing::{Listing, MOST_REFUSALS};
use survey::{Survey, SurveyQuery};

/// How long the table is waited for.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Show the position of the function in each shard, from the checkpoint table
///
/// For each shard: the sequence number up to which all records are acknowledged, how far behind that was when it was
/// written, and the record that blocks the shard, if one does, with attempts and reason. A shard of the stream that has no
/// row yet is shown, too, where the stream says which shards it has.
#[derive(Debug, Args)]
#[command(after_help = "\
The table holds how far a shard was behind when its row was written. Only the stream knows how far it is behind now, in
time and in records: --lag asks it.

Permissions: dynamodb:Query with --stream, else dynamodb:Scan. kinesis:ListShards for the shards without a row, and
dynamodb:DescribeTable for the keys of the table: without them, what the rows say is shown. With --lag also
kinesis:GetShardIterator and kinesis:GetRecords.

Exit codes:
  0  no shard is blocked
  1  the table can't be read, or is one of something else
  2  wrong usage
  3  a shard is blocked by a record that is not acknowledged

Examples:
  kinesieve status --checkpoint-table positions
  kinesieve status --checkpoint-table positions --stream readings --lag --watch
  kinesieve status --checkpoint-table positions --json | jq 'select(.stuck)'")]
pub(super) struct StatusArguments {
    /// The DynamoDB table, by name or ARN
    #[arg(long, env = "KINESIEVE_CHECKPOINT_TABLE", value_name = "TABLE")]
    checkpoint_table: TableName,

    /// Which streams are written in the table by a text of your own, as STREAM=TEXT: the streams are asked for their shards
    /// and for --lag
    #[arg(
        long,
        env = "KINESIEVE_CHECKPOINT_STREAM_ID",
        value_name = "FORM",
        default_value = "name",
        hide_default_value = true
    )]
    checkpoint_stream_id: StreamIdForm,

    /// Show only this stream, by name or ARN as the table has it [default: all streams in the table]
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,

    /// Ask the stream how far each position is behind its end. This uses some of the reads that all consumers share
    #[arg(long)]
    lag: bool,

    /// Repeat every SECONDS seconds, until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5")]
    watch: Option<NonZeroU32>,

    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    access: AccessSettings,

    #[command(flatten)]
    table_access: TableAccessSettings,
}

impl StatusArguments {
    /// How AWS is reached, and how the table is.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.access, table: Some((&self.table_access, Some(&self.checkpoint_table))) }
    }
}

/// A shard, as the table and perhaps the stream have it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ShardStatus {
    /// Empty but for the names, where the table has none.
    row: CheckpointRow,
    has_row: bool,
    /// Whether it was split or merged; of a shard with a row that is not asked.
    is_closed: bool,
    /// None: nobody asked, or there is no position to ask about.
    lag: Option<Result<Lag, String>>,
}

impl ShardStatus {
    fn of(row: CheckpointRow) -> Self {
        Self { row, has_row: true, is_closed: false, lag: None }
    }

    fn without_row(stream_id: &str, shard: &StreamShard) -> Self {
        let names =
            CheckpointRow { stream_id: stream_id.to_owned(), shard_id: shard.id.clone(), ..CheckpointRow::default() };
        Self { row: names, has_row: false, is_closed: shard.is_closed, lag: None }
    }
}

pub(super) fn status(arguments: &StatusArguments) -> Result<u8, CommandError> {
    check_variables(std::env::vars_os())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let name = &arguments.checkpoint_table;
        let config = checked_table_config(name.region()).await;
        let config =
            config.map_err(|error| access::error(error, &format!("the table {name}"), ", or give the table's ARN"))?;
        let table = Table::new(&config, name, TIME_LIMIT);
        let region = region(arguments);
        let region = region.as_deref();
        let meter = if arguments.lag { Some(LagMeter::new(region).await) } else { None };
        let form = &arguments.checkpoint_stream_id;
        let stream = arguments.stream.as_deref().map(|stream| form.written(stream));
        let query = SurveyQuery { table: &table, form, stream: stream.as_deref(), region, meter: meter.as_ref() };
        check_table(&table).await?;
        let Some(seconds) = arguments.watch else {
            let survey = Survey::of(&query).await.map_err(|error| about(&table, &error))?;
            say(&survey, arguments)?;
            if arguments.json {
                say_unlisted(&survey.unlisted);
            }
            let stands_still = survey.shards.iter().any(|shard| shard.row.stuck.is_some());
            return Ok(if stands_still { NOT_ACKNOWLEDGED } else { ALL_ACKNOWLEDGED });
        };
        let mut said = Vec::new();
        loop {
            let survey = Survey::of(&query).await.map_err(|error| about(&table, &error))?;
            if !arguments.json && io::stdout().is_terminal() {
                // Home, and nothing below.
                print("\x1b[H\x1b[2J\x1b[3J")?;
            }
            say(&survey, arguments)?;
            if arguments.json && survey.unlisted != said {
                say_unlisted(&survey.unlisted);
                said = survey.unlisted;
            }
            if stdout::failure().is_some() {
                return Ok(ALL_ACKNOWLEDGED);
            }
            tokio::time::sleep(Duration::from_secs(seconds.get().into())).await;
        }
    })
}

/// Ends the command where the table is one of something else. Whoever may not look at it may still read its rows.
pub(super) async fn check_table(table: &Table) -> Result<(), CommandError> {
    match table.check_keys().await {
        Err(error @ (KeysError::Other { .. } | KeysError::Trouble(CheckpointError::Missing))) => {
            Err(about(table, &error))
        }
        _ => Ok(()),
    }
}

pub(super) fn about(table: &Table, error: &KeysError) -> CommandError {
    CommandError::new(error.code(), format!("the checkpoint table {}: {error}", table.name()))
}

/// The region of the stream, where its ARN says it, or else the table's.
fn region(arguments: &StatusArguments) -> Option<String> {
    let of_stream = arguments.stream.as_deref().and_then(|stream| stream.parse::<Arn>().ok()).map(|arn| arn.region);
    of_stream.or_else(|| arguments.checkpoint_table.region().map(str::to_owned))
}

fn say(survey: &Survey, arguments: &StatusArguments) -> Result<(), CommandError> {
    let now = OffsetDateTime::now_utc();
    if !arguments.json {
        let listing = Listing { survey, now, table: arguments.checkpoint_table.as_str() };
        return Ok(print_coloured(&listing)?);
    }
    for shard in &survey.shards {
        print_json(&(serde_json::to_string(&object::ShardJson::of(shard, now))? + "\n"))?;
    }
    Ok(())
}

/// Says beside the lines of JSON that shards may be missing among them.
fn say_unlisted(unlisted: &[(String, String)]) {
    for (stream, refusal) in unlisted.iter().take(MOST_REFUSALS) {
        let (stream, refusal) = (one_line(stream), one_line(refusal));
        say_beside(&format_args!("kinesieve: the stream {stream} does not say which shards it has: {refusal}"));
    }
    if let Some(more) = unlisted.len().checked_sub(MOST_REFUSALS).filter(|more| *more > 0) {
        say_beside(&format_args!("kinesieve: and so do not {more} other streams"));
    }
}
