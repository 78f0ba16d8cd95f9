//! `kinesieve status`: where the function is in each shard, as the checkpoint table says it.

mod listing;
mod object;

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use time::OffsetDateTime;

use super::error::CommandError;
use super::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, access, print_json};
use crate::aws::checked_config;
use crate::checkpoint::{CheckpointRow, Table};
use crate::settings::{Arn, TableName, check_variables};
use crate::source::{Lag, LagMeter};
use listing::Listing;

/// How long the table is waited for.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Show the position of the function in each shard, from the checkpoint table
///
/// For each shard: the sequence number up to which all records are acknowledged, how far behind that was when it was
/// written, and the record that blocks the shard, if one does, with attempts and reason.
#[derive(Debug, Args)]
#[command(after_help = "\
The table holds how far a shard was behind when its row was written. Only the stream knows how far it is behind now, in
time and in records: --lag asks it.

Exit codes:
  0  no shard is blocked
  1  the table can't be read
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
}

/// A shard, as the table and perhaps the stream have it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ShardStatus {
    row: CheckpointRow,
    /// None: nobody asked, or there is no position to ask about.
    lag: Option<Result<Lag, String>>,
}

pub(super) fn status(arguments: &StatusArguments) -> Result<u8, CommandError> {
    check_variables(std::env::vars_os())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let name = &arguments.checkpoint_table;
        let config = checked_config(name.region()).await;
        let config =
            config.map_err(|error| access::error(error, &format!("the table {name}"), ", or give the table's ARN"))?;
        let table = Table::new(&config, name, TIME_LIMIT);
        let meter = if arguments.lag { Some(LagMeter::new(region(arguments).as_deref()).await) } else { None };
        let Some(seconds) = arguments.watch else {
            let shards = look(&table, meter.as_ref(), arguments).await?;
            say(&shards, arguments)?;
            let stands_still = shards.iter().any(|shard| shard.row.stuck.is_some());
            return Ok(if stands_still { NOT_ACKNOWLEDGED } else { ALL_ACKNOWLEDGED });
        };
        loop {
            let shards = look(&table, meter.as_ref(), arguments).await?;
            if !arguments.json && io::stdout().is_terminal() {
                // Home, and nothing below.
                write!(io::stdout(), "\x1b[H\x1b[2J\x1b[3J")?;
            }
            say(&shards, arguments)?;
            tokio::time::sleep(Duration::from_secs(seconds.get().into())).await;
        }
    })
}

/// The region of the stream, where its ARN says it, or else the table's.
fn region(arguments: &StatusArguments) -> Option<String> {
    let of_stream = arguments.stream.as_deref().and_then(|stream| stream.parse::<Arn>().ok()).map(|arn| arn.region);
    of_stream.or_else(|| arguments.checkpoint_table.region().map(str::to_owned))
}

async fn look(
    table: &Table,
    meter: Option<&LagMeter>,
    arguments: &StatusArguments,
) -> Result<Vec<ShardStatus>, CommandError> {
    let rows = table.rows(arguments.stream.as_deref()).await;
    let rows = rows.map_err(|trouble| {
        CommandError::new(trouble.code(), format!("the checkpoint table {}: {trouble}", table.name()))
    })?;
    let look = async |row: CheckpointRow| {
        let position = row.position.as_ref().or(row.high_water_mark.as_ref());
        let lag = match (meter, position) {
            (Some(meter), Some(position)) => Some(meter.lag(&row.stream_id, &row.shard_id, position).await),
            _ => None,
        };
        ShardStatus { row, lag }
    };
    Ok(join_all(rows.into_iter().map(look)).await)
}

fn say(shards: &[ShardStatus], arguments: &StatusArguments) -> io::Result<()> {
    if !arguments.json {
        let listing = Listing { shards, now: OffsetDateTime::now_utc(), table: arguments.checkpoint_table.as_str() };
        let mut stdout = anstream::stdout().lock();
        write!(stdout, "{listing}")?;
        return stdout.flush();
    }
    for shard in shards {
        print_json(&(serde_json::to_string(&object::ShardJson::of(shard))? + "\n"))?;
    }
    Ok(())
}
