//! `kinesieve run`: a transform over the records of a file or a stream, through the same processor as in Lambda.

mod batches;
mod condition;
mod ending;
mod flags;
mod fleet;
mod input;
pub(crate) mod metrics;
mod rate;
mod reporter;
mod shards;
pub(super) mod show;
mod stream;
mod totals;
mod view;
mod watch;
mod windows;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use self::batches::BatchFlags;
pub(super) use self::flags::ReadSharing;
use self::flags::StreamFlags;
use self::input::{RecordInput, RecordSource};
use self::show::{Show, ShowDelivery, ShowStream};
use self::stream::StreamRun;
use super::access::AccessFlags;
use super::error::CommandError;
use super::input_name::{not_a_file_either, not_a_stream, refuse_stream_flags};
use super::log::{LogFormatFlag, RunInput};
use super::output_fate::OutputFate;
#[cfg(feature = "compiler")]
use super::place::CaseSettings;
use super::progress::ProgressDisplay;
use super::summary::RunSummary;
use super::{ALL_ACKNOWLEDGED, FAILED, NOT_ACKNOWLEDGED, access, log, place};
use crate::assembly::{AssemblyError, AssemblyOptions};
use crate::processor::{Counts, Observer, Processor, Stop};
use crate::settings::{Route, Settings, SettingsError, Target, TransformPlace, check_variables};
use crate::source::live::StreamPlace;
use crate::source::on_failure::DescribedStream;
use crate::source::{ArrivalField, FileSource, Format};
use crate::telemetry::{LogFormat, LogOptions};
use crate::{assembly, stdout, telemetry};

/// Run a transform over the records of a file or a stream
///
/// Records take the same path as in Lambda. Lines and elements of an array come in batches of up to 10,000 records or
/// 6 MB; an event of a service is a batch. A file that is compressed with gzip or zstd is read as what is inside.
/// The run stops at the first record that is not acknowledged: the transform returns retry for it, its output can't
/// be delivered, or it can't be processed and there is no --dead-letter.
///
/// The records of a stream come as an event source mapping sends them. A batch that is not acknowledged is tried
/// again until it is, or until the rules give it up. The run follows all shards through splits and merges, until
/// Ctrl-C or --until. It then finishes the batches in flight and reports the position of each shard.
#[derive(Debug, Args)]
#[command(after_help = "\
Each setting can also be given as the environment variable that is named with it. A flag wins over a variable.

How --input is read: - and any path that exists are files. stream:NAME and ARNs are streams. Any other name is a stream
if it has neither a slash nor a file extension.

How a file holds its records is told by its content: an event (of Lambda for Kinesis, of Firehose, of EventBridge Pipes),
the output of `aws kinesis get-records`, a JSON array, or lines. --input-format says it where the content does not: with
lines, anything else is taken line by line, and with array, element by element. A single array on a single line is an
array, and several are lines.

The sequence number of a line is its number, and that of an element likewise. Where the records do not say their stream
and shard, the stream is arn:aws:kinesis:local:000000000000:stream/NAME, after the file. Its shard is made of a digest of
the file's path, so that files of one name do not replace each other's objects in S3.

Permissions: kinesis:DescribeStreamSummary (unless the ARN is given), kinesis:ListShards, kinesis:GetShardIterator and
kinesis:GetRecords on the stream. With --mode enhanced also kinesis:DescribeStreamConsumer,
kinesis:RegisterStreamConsumer and kinesis:SubscribeToShard. With a checkpoint table also dynamodb:GetItem and
dynamodb:UpdateItem, and with --balance dynamodb:Query and dynamodb:DeleteItem.

With --show and no destination (--output, --route, --dead-letter), nothing is delivered, and a record that can't be
processed does not stop the run; --to-checkpoint is refused then, since nothing is done. With a destination, outputs are
delivered, and records are shown on standard output, or on standard error if a destination is standard output. COLUMNS
sets the width. NO_COLOR=1 turns colours off.

Exit codes:
  0    all records that were read are acknowledged
  1    the run could not start, the input can't be read, or standard output can't be written
  2    wrong usage
  3    the run stopped at a record that is not acknowledged, gave up records without --on-failure, ended before each
       shard was read as far as --until says, could not commit a position that --to-checkpoint asks for, waited in
       vain for a destination that does not exist or refuses it, or for longer than --patience, or ended before its
       file since nobody reads standard output any more
  130  a second Ctrl-C ended the run

Examples, over files:
  kinesieve run masker --input data.ndjson --case tests/readings.json --show
  kinesieve run --transform t.wasm --input data.ndjson --show
  kinesieve run --transform t.wasm --input event.json
  kinesieve run --transform t.wasm --input readings.json.gz --input-format array
  tail -f app.log | kinesieve run --transform t.wasm --input - --dead-letter file:dead.ndjson
  kinesieve run --transform t.wasm --input data.ndjson --output file:out.ndjson --transform-settings 'remove=email'
  kinesieve run --transform sums.wasm --input event.json --tumbling-window 60s
  kinesieve run --transform sums.wasm --input history.ndjson --tumbling-window 60s --arrived-at /time

Examples, over streams:
  kinesieve run --transform t.wasm --input readings --output none --show 3
  kinesieve run --transform t.wasm --input readings:shardId-000000000001 --from trim-horizon --until count=1000
  kinesieve run --transform t.wasm --input arn:aws:kinesis:eu-west-1:123456789012:stream/readings \\
    --from at-timestamp=2026-11-20T00:00:00Z --until now --batch-size 5000 --output file:out.ndjson
  kinesieve run --transform t.wasm --input readings --from checkpoint --to-checkpoint \\
    --checkpoint-table positions --output arn:aws:kinesis:eu-west-1:123456789012:stream/clean
  kinesieve run --transform t.wasm --input readings --balance --checkpoint-table positions \\
    --output arn:aws:kinesis:eu-west-1:123456789012:stream/clean")]
#[command(mut_arg("transform", |flag| flag
    .default_value_if("project", clap::builder::ArgPredicate::IsPresent, PLACE_OF_PROJECT)))]
pub(super) struct RunArguments {
    /// Folder of a project (with kinesieve.json in it or in a folder above), in the place of --transform: it is built first
    #[arg(value_name = "DIR")]
    project: Option<PathBuf>,

    /// The records: a file (an event, the output of `aws kinesis get-records`, what Lambda wrote to an on-failure
    /// destination, a JSON array of payloads, or lines, each the payload of a record; also compressed), - for standard
    /// input, or streams separated by commas: NAME, stream:NAME or an ARN, followed by :NUMBER or :shardId-... for a single shard
    #[arg(long, value_name = "INPUT")]
    input: String,

    /// Format of a file
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Auto)]
    input_format: Format,

    /// Fetch the records that an event source mapping gave up from their streams, where the file describes them and does
    /// not hold them, as Lambda writes it to an SQS queue or an SNS topic
    #[arg(long)]
    from_stream: bool,

    /// Show each record before and after the transform, side by side, with what the transform logs about it: all
    /// records, or the first COUNT of a file. Over a stream, COUNT is the number of latest outputs in each progress
    /// report
    #[arg(long, value_name = "COUNT")]
    show: Option<Option<NonZeroU32>>,

    /// Process tumbling windows of this length, 1s to 15m, by time of arrival, with a transform of the world
    /// window-transform (TumblingWindowInSeconds)
    #[arg(long, value_name = "DURATION", value_parser = flags::tumbling_window)]
    tumbling_window: Option<Duration>,

    /// Take the time of arrival of each record of a file from this field of it, a JSON pointer as /time: RFC 3339, or
    /// seconds (9 to 11 digits) or milliseconds (12 to 14 digits) since 1970. So history is replayed in tumbling windows
    /// by its own time
    #[arg(long, value_name = "POINTER")]
    arrived_at: Option<ArrivalField>,

    /// Format of log lines on standard error [default: text, and json with --json]
    #[arg(long, value_name = "FORMAT", value_enum)]
    log_format: Option<LogFormatFlag>,

    #[cfg(feature = "compiler")]
    #[command(flatten)]
    case: CaseSettings,

    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    batches: BatchFlags,

    #[command(flatten)]
    stream: StreamFlags,
}

/// What stands for --transform where the folder of a project is given: a path that nobody would give.
const PLACE_OF_PROJECT: &str = "\u{0}";

/// What is said at the end of a look.
const NOTHING_DELIVERED: &str = "nothing of it was delivered: --output says where to";

pub(super) fn run(arguments: &RunArguments) -> Result<u8, CommandError> {
    match run_input(arguments) {
        // Whoever reads the log as JSON finds there why it ended.
        Err(CommandError { message, code: Some(code) }) if arguments.log_format == Some(LogFormatFlag::Json) => {
            telemetry::log_fatal(&message, code);
            Ok(FAILED)
        }
        outcome => outcome,
    }
}

fn run_input(arguments: &RunArguments) -> Result<u8, CommandError> {
    let routes = check_variables(std::env::vars_os())?;
    arguments.batches.refuse_contradictions(arguments.stream.batch_size())?;
    match StreamPlace::in_input(&arguments.input)? {
        Some(_) if arguments.from_stream => Err(SettingsError::Contradiction(format!(
            "--from-stream is for a file that describes given-up records, and --input {} is a stream: leave it out",
            arguments.input
        ))
        .into()),
        Some(_) if arguments.arrived_at.is_some() => Err(SettingsError::Contradiction(format!(
            "--arrived-at is for the records of a file, and --input {} is a stream, whose records arrived when it says: leave \
             it out",
            arguments.input
        ))
        .into()),
        Some(places) => {
            let flags = &arguments.stream;
            let settings = &place::with_component(&arguments.settings()?)?;
            let (show, tumbling_window) = (arguments.show, arguments.tumbling_window);
            let implied = if flags.json { LogFormatFlag::Json } else { LogFormatFlag::Text };
            let log = log::of_run(arguments.log_format.unwrap_or(implied), RunInput::Stream);
            let batches = &arguments.batches;
            let run = StreamRun { places, flags, batches, settings, routes: &routes, show, log, tumbling_window };
            run.run().map_err(|error| not_a_file_either(&arguments.input, error))
        }
        None => run_file(arguments, &routes),
    }
}

impl RunArguments {
    /// How AWS is reached, and how the table is.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.settings.access, table: Some(self.stream.table_access()) }
    }

    /// The settings, for a connector file to add to.
    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// The settings, with the place of the transform and what its cases say.
    fn settings(&self) -> Result<Settings, CommandError> {
        let mut settings = self.settings.clone();
        if let Some(project) = &self.project {
            let is_elsewhere = |transform: &&TransformPlace| {
                // A flag wins over a variable.
                let variable = std::env::var_os("KINESIEVE_TRANSFORM").map(TransformPlace::from);
                transform.path() != Some(Path::new(PLACE_OF_PROJECT)) && variable.as_ref() != Some(transform)
            };
            if let Some(other) = settings.transform.as_ref().filter(is_elsewhere) {
                return Err(SettingsError::Contradiction(format!(
                    "--transform {other} and the project {} are two transforms: leave one out",
                    project.display()
                ))
                .into());
            }
            settings.transform = Some(project.clone().into());
        }
        #[cfg(feature = "compiler")]
        {
            let place = settings.transform_path().unwrap_or(Path::new("")).to_owned();
            settings = self.case.beneath(settings, &place)?;
        }
        Ok(settings)
    }
}

fn run_file(arguments: &RunArguments, routes: &[Route]) -> Result<u8, CommandError> {
    let settings = &arguments.settings()?;
    let input = Path::new(&arguments.input);
    refuse_stream_flags(&arguments.input, arguments.stream.given())?;
    settings.check_input(input, routes)?;
    if arguments.from_stream && arguments.arrived_at.is_some() {
        return Err(SettingsError::Contradiction(
            "--arrived-at is for the records of a file, and --from-stream fetches them from a stream, which says when they \
             arrived: leave one of the two out"
                .to_owned(),
        )
        .into());
    }
    // The input is looked at first: reading it is the cheaper of two ways to fail.
    let open = || match arguments.from_stream {
        true => DescribedStream::open(input).map(RecordSource::Described),
        false => {
            let source = FileSource::open(input, arguments.input_format);
            source.map(|source| RecordSource::File(source.with_arrivals(arguments.arrived_at.clone())))
        }
    };
    let source = open().map_err(|error| not_a_stream(&arguments.input, error))?;
    let check = arguments.batches.check(settings);
    let source = RecordInput::new(source, arguments.batches.bounds(), check.clone());
    let log = log::of_run(arguments.log_format.unwrap_or(LogFormatFlag::Text), RunInput::File);
    let showing = match arguments.show {
        Some(most) => Some(Showing::begin(most, settings, log, routes)?),
        None => None,
    };
    let is_a_look = showing.as_ref().is_some_and(|showing| showing.delivering == ShowDelivery::Nowhere);
    let fate = if is_a_look { OutputFate::NotDelivered } else { OutputFate::of(settings, routes)? };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if !is_a_look {
        runtime.block_on(access::check(&access::written(settings, routes)?))?;
    }
    let settings = &place::with_component(settings)?;
    let waiting = ProgressDisplay::waiting_for(place::loading(settings));
    let processor = runtime.block_on(processor(settings, routes, showing.as_ref()));
    waiting.finish();
    let processor = processor?;
    windows::check(&processor, arguments.tumbling_window)?;
    let on_stdout = settings.output.as_ref().is_none_or(|target| *target == Target::Stdout);
    let progress = match showing {
        Some(_) => ProgressDisplay::hidden(),
        None => ProgressDisplay::new(source.bytes(), on_stdout),
    };
    let progress = progress.beside(log);
    telemetry::log_for_command(LogOptions { level: settings.log, format: log, without: &[] }, progress.clone());
    place::note_that_all_passes(settings);

    let started = Instant::now();
    let mut counts = Counts::default();
    let outcome = runtime.block_on(async {
        match arguments.tumbling_window {
            None => process_all(source, &processor, &progress, &mut counts).await,
            Some(length) => windows::process_all(source, &processor, length, &progress, &mut counts).await,
        }
    });
    if let Some(check) = check {
        check.say_the_rest();
    }
    progress.finish();
    let stop = match &outcome {
        Ok(FileEnd::Stopped(stop)) => Some(stop),
        Ok(FileEnd::Whole | FileEnd::Unread) | Err(_) => None,
    };
    // Also when the input broke off: what came before is done, and should not be done again unawares.
    progress.say(&RunSummary { counts: &counts, stop, fate, elapsed: started.elapsed() });
    if is_a_look {
        progress.say(&NOTHING_DELIVERED);
    }
    match (outcome?, stdout::failure()) {
        (FileEnd::Stopped(_), _) => Ok(NOT_ACKNOWLEDGED),
        (_, Some(failure)) if !failure.is_closed() => Err(failure.clone().into()),
        // Whoever only looks has seen enough.
        (FileEnd::Unread, _) if !is_a_look => {
            progress.say(&"the run ended before its input: nobody reads standard output any more");
            Ok(NOT_ACKNOWLEDGED)
        }
        (FileEnd::Whole | FileEnd::Unread, _) => Ok(ALL_ACKNOWLEDGED),
    }
}

/// How far a run over a file came.
#[derive(Debug)]
enum FileEnd {
    /// To the end of the input.
    Whole,
    /// To the first event that is not acknowledged.
    Stopped(Stop),
    /// All that was read is acknowledged. More may be there, and there is nobody any more to show it to.
    Unread,
}

/// Whether a run over a file ends before its input does. One of a known length comes to its end in any case; a pipe may never
/// give another batch.
fn is_in_vain(source: &RecordInput) -> bool {
    stdout::failure().is_some() && source.bytes().is_none()
}

/// Records that are shown, and whether their outputs go anywhere.
struct Showing {
    show: Arc<Show>,
    delivering: ShowDelivery,
}

impl Showing {
    fn begin(
        most: Option<NonZeroU32>,
        settings: &Settings,
        log: LogFormat,
        routes: &[Route],
    ) -> Result<Self, SettingsError> {
        let delivering = ShowDelivery::of(settings, routes)?;
        let routes = settings.routes(routes)?;
        let place = match delivering {
            ShowDelivery::Really if settings.writes_to_stdout(&routes) => ShowStream::Stderr,
            ShowDelivery::Really | ShowDelivery::Nowhere => ShowStream::Stdout,
        };
        let show = Show::begin(place, most, settings, log, routes.keys().copied(), delivering);
        Ok(Self { show, delivering })
    }
}

async fn processor(
    settings: &Settings,
    routes: &[Route],
    showing: Option<&Showing>,
) -> Result<Processor, AssemblyError> {
    let Some(Showing { show, delivering }) = showing else {
        return assembly::processor(settings, routes, &Target::Stdout).await;
    };
    let observer: Arc<dyn Observer> = Arc::clone(show) as _;
    let extras = AssemblyOptions { observer: Some(observer), ..AssemblyOptions::default() };
    match delivering {
        ShowDelivery::Really => assembly::processor_with(settings, routes, &Target::Stdout, extras).await,
        ShowDelivery::Nowhere => assembly::trial(settings, routes, extras).await,
    }
}

/// Processes batch after batch, up to the first event that is not acknowledged.
async fn process_all(
    mut source: RecordInput,
    processor: &Processor,
    progress: &ProgressDisplay,
    counts: &mut Counts,
) -> Result<FileEnd, CommandError> {
    while let Some(batch) = source.next_batch().await? {
        if stdout::failure().is_some() {
            return Ok(FileEnd::Unread);
        }
        let report = processor.process(Arc::new(batch), None).await;
        *counts += &report.counts;
        progress.update(source.bytes_read(), counts.records);
        if let Some(stop) = report.stop {
            return Ok(FileEnd::Stopped(stop));
        }
        if is_in_vain(&source) {
            return Ok(FileEnd::Unread);
        }
    }
    Ok(FileEnd::Whole)
}
