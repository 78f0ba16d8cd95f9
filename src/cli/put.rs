//! `kinesieve put`: lines into a Kinesis stream, through the same sink as outputs.

mod hash_key;
mod input;
mod key;
mod putter;
mod record;
mod remedy;
mod summary;

use std::io::{self, IsTerminal};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use tracing::level_filters::LevelFilter;

use self::hash_key::HashKeyChoice;
use self::input::PutInput;
use self::key::KeyChoice;
use self::putter::{PutCounts, PutStop, Putter};
use self::record::{InputFormat, LineReader};
use self::summary::PutSummary;
use super::access::AccessFlags;
use super::error::CommandError;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::progress::ProgressDisplay;
use super::rate_limit::RateLimit;
use super::{ALL_ACKNOWLEDGED, FAILED, NOT_ACKNOWLEDGED, access, log, say};
use crate::aws::checked_config;
use crate::settings::{AccessSettings, Order, StreamName, check_variables};
use crate::sink::KinesisSink;
use crate::source::FileSource;
use crate::telemetry::{self, LogOptions};

/// Put lines into a Kinesis stream
///
/// Each line is a record, without its line end. Empty lines are skipped. Lines that `kinesieve run` wrote (`stdout`,
/// `file:PATH`) are recognised by the first line, and their data is put under their own partition keys.
///
/// Records that the stream refuses are sent again until the stream takes nothing for a minute. Lines are put in
/// batches, one after the other. At the first line that can't be put, the command stops and says from which line to
/// continue. Lines of a pipe are put as they come, and no more are read than can be put.
#[derive(Debug, Args)]
#[command(after_help = "\
The region is that of the stream's ARN, or AWS_REGION. Permissions: kinesis:PutRecords on the stream, and \
kms:GenerateDataKey if the stream is encrypted with a key of your own. Endpoint and credentials are settings of the AWS \
SDK, such as AWS_ENDPOINT_URL_KINESIS and AWS_PROFILE.

With --order key, two records of a partition key never share a request. With --constant-key, or with few keys, that \
makes ten to a hundred records a second. --order none is much faster. The order holds also where explicit hash keys lead \
them to different shards; records of different partition keys have none, even under one explicit hash key.

Exit codes:
  0    all lines are put
  1    the command could not start, a line is not a record, the input can't be read, or the stream is not there or may
       not be written to
  2    wrong usage
  3    a record was not put
  130  Ctrl-C: the records in flight are put

Examples:
  kinesieve put --stream readings readings.ndjson --key /device/id
  tail -F app.log | kinesieve put --stream logs
  kinesieve put --stream readings readings.ndjson --key /device/id --explicit-hash-key /device/hash
  kinesieve put --stream readings readings.ndjson --rate 200
  kinesieve put --stream readings readings.ndjson --from-line 4711
  kinesieve run --transform t.wasm --input event.json | \\
    kinesieve put --stream arn:aws:kinesis:eu-west-1:123456789012:stream/out")]
pub(super) struct PutArguments {
    /// File of lines; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,

    /// The Kinesis stream, by name or ARN
    #[arg(long, value_name = "STREAM")]
    stream: StreamName,

    /// Partition key of a record: a JSON pointer into its data, such as /device/id, to a string, a number or a
    /// boolean; or random, which spreads records over all shards [default: random; an output keeps its own]
    #[arg(long, value_name = "POINTER|random")]
    key: Option<KeyChoice>,

    /// Put all records under this partition key, which keeps them in one shard
    #[arg(long, value_name = "TEXT", value_parser = key::constant, conflicts_with = "key")]
    constant_key: Option<String>,

    /// Explicit hash key of a record, which decides its shard in the place of the partition key: a JSON pointer into its
    /// data, such as /device/hash, to a whole number from 0 to 2^128 - 1 or a string of its digits; or such a number, for
    /// all records
    #[arg(long, value_name = "POINTER|NUMBER")]
    explicit_hash_key: Option<HashKeyChoice>,

    /// Format of the input
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = InputFormat::Auto)]
    input_format: InputFormat,

    /// Start at this line, counted from 1, to continue where an earlier run stopped
    #[arg(long, value_name = "N", default_value = "1")]
    from_line: NonZeroU64,

    /// The order in which records of one partition key reach the stream: key keeps it, none gives it up for speed
    #[arg(long, env = "KINESIEVE_ORDER", value_name = "ORDER", default_value = "key")]
    order: Order,

    /// Maximum number of records per second
    #[arg(long, value_name = "RECORDS_PER_SECOND")]
    rate: Option<NonZeroU32>,

    #[command(flatten)]
    access: AccessSettings,
}

impl PutArguments {
    /// How AWS is reached.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.access, table: None }
    }
}

pub(super) fn put(arguments: &PutArguments) -> Result<u8, CommandError> {
    check_variables(std::env::vars_os())?;
    let is_stdin = arguments.file.as_os_str() == "-";
    let source = FileSource::open_lines(&arguments.file)?;
    if is_stdin && io::stdin().is_terminal() {
        say(&"reads lines from the terminal: Ctrl-D ends them");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (sink, region) = open(&arguments.stream, arguments.order).await?;
        let progress = ProgressDisplay::new(source.bytes(), false);
        let log = LogOptions { level: LevelFilter::INFO, format: log::text(), without: &[] };
        telemetry::log_for_command(log, progress.clone());
        let key = arguments.constant_key.clone().map(KeyChoice::Constant).or_else(|| arguments.key.clone());
        let hash_key = arguments.explicit_hash_key.clone();
        let mut reader = LineReader::new(arguments.input_format, key, hash_key, arguments.from_line.get());
        let mut putter = Putter {
            sink: &sink,
            rate: arguments.rate.map(RateLimit::new),
            progress: &progress,
            interrupt: Interrupt::listen(&progress, || "ends once what is on its way is put".to_owned()),
            tally: PutCounts::default(),
        };
        let started = Instant::now();
        let stop = putter.put_all(PutInput::read(source), &mut reader).await;
        progress.finish();
        say(&PutSummary {
            tally: &putter.tally,
            stop: stop.as_ref(),
            stream: &arguments.stream,
            region: &region,
            input: &if is_stdin { "standard input".to_owned() } else { arguments.file.display().to_string() },
            from_line: arguments.from_line.get(),
            elapsed: started.elapsed(),
        });
        Ok(exit_code(stop.as_ref(), &putter.tally))
    })
}

fn exit_code(stop: Option<&PutStop>, tally: &PutCounts) -> u8 {
    match stop {
        None => ALL_ACKNOWLEDGED,
        // It never came to put anything: the stream is not there, or may not be written to.
        Some(PutStop::NotPut { lasting_error: Some(_), .. }) if tally.records == 0 => FAILED,
        Some(PutStop::NotPut { .. }) => NOT_ACKNOWLEDGED,
        Some(PutStop::NoRecord { .. } | PutStop::Broken { .. }) => FAILED,
        Some(PutStop::Interrupted) => INTERRUPTED,
    }
}

/// The stream, and its region. That nobody says who asks, or where, is found out at once: it would look like a
/// service that can't be reached.
async fn open(stream: &StreamName, order: Order) -> Result<(KinesisSink, String), CommandError> {
    let config = checked_config(stream.region()).await;
    let config =
        config.map_err(|error| access::error(error, &format!("the stream {stream}"), ", or give the stream's ARN"))?;
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    Ok((KinesisSink::named(&config, stream.clone(), order), region))
}
