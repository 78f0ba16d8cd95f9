//! `kinesieve positions import`: the positions of an application with the KCL become rows of the checkpoint table.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;

use super::changes::{Changes, Wanted};
use super::consent::{Consent, ConsentFlags};
use super::leases::{at_rest, by_stream, check_dated};
use super::table::{TIME_LIMIT, open};
use crate::aws::{checked_config, checked_reading_config};
use crate::checkpoint::{KclCheckpoint, KclLease, KclTable, ResumePoint, StartAt};
use crate::cli::access::{self, AccessFlags};
use crate::cli::error::CommandError;
use crate::cli::foreign::plain;
use crate::cli::progress::ProgressDisplay;
use crate::cli::read_flags::duration_within;
use crate::cli::status::check_table;
use crate::cli::summary::counted;
use crate::cli::{ALL_ACKNOWLEDGED, print, say};
use crate::settings::{AccessSettings, StreamIdForm, StreamName, TableAccessSettings, TableName};
use crate::source::live::{FoundRecord, LiveError, NextRecord, PositionProbe};
use crate::timestamp::{now_millis, point_in_time, rfc3339};

/// Shards that are looked at at the same time.
const AT_ONCE: usize = 32;

/// Shards that a warning names.
const MOST_NAMED: usize = 5;

/// By how much the mapping starts earlier than the first record that is not done, in milliseconds: times of arrival are
/// approximate, and what is done is skipped.
const MARGIN: u64 = 60_000;

/// Turn the leases of a KCL application into rows of the checkpoint table
///
/// So a function, or a run, goes on where the KCL ended: stop all workers of the application, import its leases, and start the
/// event source mapping at the time that this command says, with KINESIEVE_SKIP_ACKNOWLEDGED. The lease table is only read.
///
/// Leases are read twice, and refused while one of them is still renewed. The stream is asked for the record of each position:
/// whether the KCL was at its end or inside a KPL aggregate, and when it arrived.
#[derive(Debug, Args)]
#[command(after_help = "\
Permissions: dynamodb:Scan on the lease table; dynamodb:Query, dynamodb:GetItem and dynamodb:UpdateItem on the checkpoint table,
and dynamodb:DescribeTable for its keys; kinesis:DescribeStreamSummary, kinesis:ListShards, kinesis:GetShardIterator and
kinesis:GetRecords on the stream.

Exit codes:
  0  all positions are imported, or would be with --dry-run
  1  nothing is written, or not all: the KCL is still running, leases can't be used, a row has another position, or a table or
     the stream can't be read or written
  2  wrong usage
  3  a row changed while the command ran, and stays as it is

Examples:
  kinesieve positions import --from-kcl readings-app --to positions --stream readings --dry-run
  kinesieve positions import --from-kcl readings-app --to positions --stream readings --latest-as now --yes")]
pub(super) struct ImportArguments {
    /// The lease table of the KCL application, by name or ARN
    #[arg(long, value_name = "TABLE")]
    from_kcl: TableName,

    /// The checkpoint table, by name or ARN
    #[arg(long, env = "KINESIEVE_CHECKPOINT_TABLE", value_name = "TABLE")]
    to: TableName,

    /// The stream that the application reads, by name or ARN. Where it reads several, its leases name them, and only this
    /// one's are imported
    #[arg(long, value_name = "STREAM")]
    stream: Option<StreamName>,

    /// How the stream is written in the checkpoint table: name, arn, or STREAM=TEXT, as for the function
    #[arg(
        long,
        env = "KINESIEVE_CHECKPOINT_STREAM_ID",
        value_name = "FORM",
        default_value = "name",
        hide_default_value = true
    )]
    checkpoint_stream_id: StreamIdForm,

    /// Where a shard begins of which the KCL has processed nothing, and whose lease says LATEST or AT_TIMESTAMP, and not when:
    /// trim-horizon, now, or a time (2026-11-20T18:30:00Z, 2026-11-20, seconds or milliseconds since 1970, or 1h for an hour
    /// ago) [default: such a lease is refused]
    #[arg(long, value_name = "START")]
    latest_as: Option<UndatedStart>,

    /// How long leases are watched, 1s to 1h: for longer than the application's failover time, which is 10s by default
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = wait)]
    wait: Duration,

    #[command(flatten)]
    consent: ConsentFlags,

    #[command(flatten)]
    access: AccessSettings,

    #[command(flatten)]
    table_access: TableAccessSettings,
}

impl ImportArguments {
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.access, table: Some((&self.table_access, Some(&self.to))) }
    }
}

/// Where a shard begins whose lease does not say it.
#[derive(Debug, Clone, Copy)]
struct UndatedStart(StartAt);

impl FromStr for UndatedStart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "trim-horizon" | "TRIM_HORIZON" => StartAt::TrimHorizon,
            "now" => StartAt::AtTimestamp(now_millis()),
            time => StartAt::AtTimestamp(point_in_time(time)?),
        }))
    }
}

fn wait(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_secs(1), Duration::from_secs(3600))
}

/// A position, and what the stream has there.
struct Looked {
    wanted: Wanted,
    /// When the first record that is not done arrived, at the earliest.
    begins: NextRecord,
    /// Whether the record of the position has expired.
    is_gone: bool,
}

pub(super) async fn import(arguments: &ImportArguments) -> Result<u8, CommandError> {
    let consent = arguments.consent.consent()?;
    let from = &arguments.from_kcl;
    let config = checked_config(from.region()).await;
    let config =
        config.map_err(|error| access::error(error, &format!("the table {from}"), ", or give the table's ARN"))?;
    let kcl = KclTable::new(&config, from, TIME_LIMIT);
    let table = open(&arguments.to).await?;
    check_table(&table).await?;
    let found = at_rest(&kcl, arguments.wait).await?;
    let streams = by_stream(found.leases, arguments.stream.as_ref())?;
    if arguments.latest_as.is_none() {
        streams.iter().try_for_each(|(_, leases)| check_dated(leases))?;
    }
    if found.others > 0 {
        let others = counted(found.others as u64, "item");
        say(&format_args!("kinesieve: {others} of {} passed over: what the KCL keeps beside leases", kcl.name()));
    }
    let (mut wanted, mut starts, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (stream, leases) in streams {
        let looked = look(arguments, &stream, leases).await?;
        starts.push((stream, start_of(&looked, now_millis())));
        for Looked { wanted: position, is_gone, .. } in looked {
            if is_gone {
                gone.push(position.shard_id.clone());
            }
            wanted.push(position);
        }
    }
    warn_of_gone(&gone);
    let code = Changes::of(&table, wanted, arguments.consent.overwrite).await?.make(&table, consent).await?;
    if code == ALL_ACKNOWLEDGED {
        let then = if consent == Consent::DryRun { "then " } else { "" };
        for (stream, start) in starts {
            print(&format!("{then}start the event source mapping of {stream} at {}\n", in_words(start)))?;
        }
    }
    Ok(code)
}

/// Looks at the record of each position.
async fn look(
    arguments: &ImportArguments,
    stream: &StreamName,
    leases: Vec<KclLease>,
) -> Result<Vec<Looked>, CommandError> {
    let region = stream.region().or(arguments.from_kcl.region());
    let config = checked_reading_config(region).await;
    let config = config.map_err(|error| access::error(error, &format!("the stream {stream}"), ", or give its ARN"))?;
    let probe = PositionProbe::open(&config, stream).await?;
    let stream_id = arguments.checkpoint_stream_id.of(probe.stream_arn()).to_owned();
    let start = arguments.latest_as.map_or(StartAt::TrimHorizon, |UndatedStart(start)| start);
    let progress = ProgressDisplay::waiting_for(format!("looking at the positions in {stream}"));
    let _cleared = progress.until_the_end();
    let total = leases.len();
    let mut looks = futures_util::stream::iter(leases)
        .map(async |lease: KclLease| look_at(&probe, &lease, &stream_id, start).await)
        .buffered(AT_ONCE);
    let mut looked = Vec::with_capacity(total);
    while let Some(look) = looks.next().await {
        looked.push(look?);
        progress.update_saying(0, &format!("{} of {total} shards looked at", looked.len()));
    }
    Ok(looked)
}

async fn look_at(
    probe: &PositionProbe,
    lease: &KclLease,
    stream_id: &str,
    start: StartAt,
) -> Result<Looked, LiveError> {
    let (mut user_records, mut is_gone) = (None, false);
    let mut begins = NextRecord::None;
    if let KclCheckpoint::Done(position) = &lease.checkpoint {
        let number = position.sequence_number().to_string();
        match probe.at(&lease.shard_id, &number).await? {
            FoundRecord::Here { user_records: count, arrived_at } => {
                user_records = Some(count);
                begins = NextRecord::At(arrived_at);
            }
            FoundRecord::Gone(next) => (is_gone, begins) = (true, next),
        }
    }
    let point = lease.checkpoint.resume_point(user_records, start);
    match point {
        ResumePoint::Start(StartAt::TrimHorizon) => begins = probe.oldest(&lease.shard_id).await?,
        ResumePoint::Start(StartAt::AtTimestamp(time)) => begins = NextRecord::At(time),
        ResumePoint::ShardEnd | ResumePoint::After(_) | ResumePoint::Within(_) => {}
    }
    let wanted = Wanted { stream_id: stream_id.to_owned(), shard_id: lease.shard_id.clone(), point };
    Ok(Looked { wanted, begins, is_gone })
}

/// Where a mapping starts so that it misses nothing: in milliseconds since the Unix epoch; none: at the oldest record.
fn start_of(looked: &[Looked], now: u64) -> Option<u64> {
    let mut earliest = now;
    for Looked { begins, .. } in looked {
        match begins {
            // A record without a time of its own.
            NextRecord::NotFound | NextRecord::At(0) => return None,
            NextRecord::At(time) => earliest = earliest.min(*time),
            NextRecord::None => {}
        }
    }
    Some(earliest.saturating_sub(MARGIN) / 1000 * 1000)
}

fn in_words(start: Option<u64>) -> String {
    match start {
        Some(time) => format!(
            "{} (StartingPosition AT_TIMESTAMP, StartingPositionTimestamp {}), with KINESIEVE_SKIP_ACKNOWLEDGED=true: what the \
             KCL had done is skipped",
            rfc3339(time),
            time / 1000
        ),
        None => "TRIM_HORIZON, with KINESIEVE_SKIP_ACKNOWLEDGED=true: what the KCL had done is skipped".to_owned(),
    }
}

fn warn_of_gone(gone: &[String]) {
    if gone.is_empty() {
        return;
    }
    let named: Vec<String> = gone.iter().take(MOST_NAMED).map(|shard| plain(shard)).collect();
    say(&format_args!(
        "kinesieve: the record of the position has expired in {} ({}): records after it may have been lost before the KCL \
         read them",
        counted(gone.len() as u64, "shard"),
        named.join(", ")
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(begins: &[NextRecord]) -> Option<u64> {
        let looked = begins.iter().map(|begins| Looked {
            wanted: Wanted { stream_id: String::new(), shard_id: String::new(), point: ResumePoint::ShardEnd },
            begins: *begins,
            is_gone: false,
        });
        start_of(&looked.collect::<Vec<_>>(), 1_000_000)
    }

    #[test]
    fn the_mapping_starts_before_the_first_record_that_is_not_done() {
        assert_eq!(start(&[]), Some(940_000));
        assert_eq!(start(&[NextRecord::None, NextRecord::At(500_999), NextRecord::At(600_000)]), Some(440_000));
        assert_eq!(start(&[NextRecord::At(2_000_000)]), Some(940_000), "the clock of the service may be ahead");
        assert_eq!(start(&[NextRecord::At(10)]), Some(0));
        assert_eq!(start(&[NextRecord::At(500_000), NextRecord::NotFound]), None);
        assert_eq!(start(&[NextRecord::At(0)]), None);
    }
}
