//! `kinesieve rescue`: records that an event source mapping gave up, through a transform again, and what became of them.

mod counts;
mod filter;
mod outcome;
mod reporter;

use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use self::counts::{RescueCounts, RescueSummary};
use self::filter::RescueFilter;
use self::outcome::{RescueEnd, RescueOutcome};
use self::reporter::RescueReporter;
use super::access::AccessFlags;
use super::backlog::{Backlog, RunMode};
use super::error::CommandError;
use super::portion::{PlaceOrder, Portion, PortionFlags, Rest};
use super::progress::ProgressDisplay;
use super::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, access, log, place, say};
use crate::event::Batch;
use crate::processor::Processor;
use crate::settings::{Settings, SettingsError, Target, check_variables};
use crate::source::on_failure::{
    Description, DescriptionReadError, DescriptionSource, FoundDescription, ObjectFate, OnFailureLocation, RangeReader,
    RecordRange,
};
use crate::telemetry::{LogOptions, STOP_LINES};
use crate::{assembly, stdout, telemetry};

/// Process the records that an event source mapping gave up
///
/// When an event source mapping gives up records, Lambda writes a description of them to the on-failure destination of
/// the mapping. In an S3 bucket the records come with it. In an SQS queue, or behind an SNS topic, only their positions
/// do: the records are fetched from the stream, as long as the stream holds them.
///
/// The records of each description are one batch, and take the same path as in Lambda. A record that is not
/// acknowledged stops the records behind it in its batch, but no other batch. The outcome of each description is reported
/// on standard error, one line each.
///
/// A message of an SQS queue is deleted once all of its records are acknowledged: delivered, dropped by the transform, or
/// written to --dead-letter. All other messages stay in the queue. Objects in S3 are deleted only with --delete, and files
/// never are, so rescuing them twice delivers their outputs twice.
#[derive(Debug, Args)]
#[command(after_help = "\
Each setting can also be given as the environment variable that is named with it. A flag wins over a variable.

Permissions: s3:ListBucket and s3:GetObject for a bucket, with --delete also s3:DeleteObject; sqs:ReceiveMessage,
sqs:DeleteMessage and sqs:ChangeMessageVisibility for a queue. Where the records do not come with their descriptions,
kinesis:ListShards, kinesis:GetShardIterator and kinesis:GetRecords on each stream that they name: --stream says which
ones may be read, where others can write into the queue.

Exit codes:
  0  the records of all descriptions that were not filtered out are acknowledged, up to --limit
  1  the command could not start, the descriptions can't be read, or standard output can't be written
  2  wrong usage
  3  a record is not acknowledged: it fails again, the stream no longer has it or does not give it, or its description
     is malformed; or descriptions are left since nobody reads standard output any more

Examples:
  kinesieve rescue --from arn:aws:sqs:eu-west-1:123456789012:given-up --transform mended.wasm \\
    --output arn:aws:kinesis:eu-west-1:123456789012:stream/out --dry-run
  kinesieve rescue --from s3://bucket/given-up --transform mended.wasm --delete \\
    --output file:out.ndjson --dead-letter file:dead.ndjson
  kinesieve rescue --from given-up.json --transform mended.wasm --output file:out.ndjson --json")]
pub(super) struct RescueArguments {
    /// On-failure destination: an S3 location (`s3://BUCKET/PREFIX` or `arn:aws:s3:::BUCKET/PREFIX`), whose objects are
    /// read in the order of their keys; the URL or ARN of an SQS queue, which may be subscribed to an SNS topic; or a
    /// file, a folder or - for standard input, with descriptions in JSON (gzip or not)
    #[arg(long, value_name = "PLACE")]
    from: OnFailureLocation,

    /// Delete each object of an S3 location once all records that it describes are acknowledged
    #[arg(long)]
    delete: bool,

    /// Process all records that the stream holds from the first to the last sequence number of a description, also where
    /// they are more or fewer than were given up. Others of them were in other batches (ParallelizationFactor), or
    /// excluded by a filter of the mapping
    #[arg(long)]
    whole_range: bool,

    #[command(flatten)]
    portion: PortionFlags,

    /// Report the outcome of each description, but deliver nothing and delete nothing. The transform runs; refusals by a
    /// destination do not show
    #[arg(long)]
    dry_run: bool,

    /// Report the outcome of each description as JSON on standard output, one object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    filter: RescueFilter,

    #[command(flatten)]
    settings: Settings,
}

impl RescueArguments {
    /// How AWS is reached.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.settings.access, table: None }
    }

    /// The settings, for a connector file to add to.
    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

pub(super) fn rescue(arguments: &RescueArguments) -> Result<u8, CommandError> {
    let backlog = backlog(arguments);
    let (settings, mode) = (&backlog.settings(), backlog.mode);
    let routes = check_variables(std::env::vars_os())?;
    backlog.check(&routes, |target| arguments.from.overlaps(target))?;
    arguments.filter.check()?;
    if arguments.delete && !matches!(arguments.from, OnFailureLocation::S3(_)) {
        return Err(SettingsError::Contradiction(format!(
            "--delete is for the objects of an S3 location, and --from {} is none: messages of a queue are deleted in any \
             case, and files never are",
            arguments.from
        ))
        .into());
    }
    let order = if backlog.is_taken_away { PlaceOrder::TakenAway } else { PlaceOrder::Stays };
    arguments.portion.check(&backlog.from, order)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut places = match mode {
        RunMode::Really => access::written(settings, &routes)?,
        RunMode::DryRun => Vec::new(),
    };
    places.extend(arguments.from.arn());
    runtime.block_on(access::check(&places))?;
    // The descriptions are looked at first: reading them is the cheaper of two ways to fail.
    let fate = if arguments.delete && mode == RunMode::Really { ObjectFate::Delete } else { ObjectFate::Keep };
    let mut source = runtime.block_on(DescriptionSource::open(&arguments.from, fate))?;
    settings.insist_on_transform()?;
    let settings = &place::with_component(settings)?;
    let waiting = ProgressDisplay::waiting_for(place::loading(settings));
    let processor = runtime.block_on(async {
        match mode {
            RunMode::Really => assembly::processor(settings, &routes, &Target::Stdout).await,
            RunMode::DryRun => assembly::rehearsal(settings, &routes).await,
        }
    });
    waiting.finish();
    let processor = processor?;
    if processor.works_on_windows() {
        return Err(SettingsError::Contradiction(format!(
            "{} works on tumbling windows, and the window of records that were given up is over: name a transform of the \
             world record-transform",
            settings.transform.as_ref().map_or_else(String::new, ToString::to_string)
        ))
        .into());
    }
    let progress = ProgressDisplay::new(source.bytes(), arguments.json || backlog.writes_to_stdout(&routes)?);
    let log = LogOptions { level: settings.log, format: log::text(), without: &[STOP_LINES] };
    telemetry::log_for_command(log, progress.clone());

    let reporter = RescueReporter { mode, fate: backlog.fate(&routes)?, json: arguments.json, progress: &progress };
    let scope = if arguments.whole_range { RangeScope::Whole } else { RangeScope::AsDescribed };
    let mut run = RescueRun {
        processor,
        ranges: RangeReader::default(),
        scope,
        filter: &arguments.filter,
        portion: arguments.portion.begin(),
        mode,
        reporter,
        counts: RescueCounts::default(),
    };
    let started = Instant::now();
    let outcome = runtime.block_on(async {
        let outcome = run.all(&mut source, order).await;
        source.release().await;
        outcome
    });
    progress.finish();
    let summary = RescueSummary {
        counts: &run.counts,
        from: &arguments.from,
        mode,
        output_fate: run.reporter.fate,
        fate,
        deleted_objects: source.deleted_objects(),
        left_out: source.left_out(),
        passed: run.portion.passed(),
        rest: outcome.as_ref().ok().and_then(Option::as_ref),
        elapsed: started.elapsed(),
    };
    // Also when the descriptions broke off: what came before is done, and should not be done again unawares.
    if outcome.is_ok() || run.counts.descriptions() > 0 {
        say(&summary);
    }
    let is_cut_short = outcome?.is_some_and(|rest| rest.is_cut_short());
    match stdout::failure() {
        _ if !run.counts.is_all_acknowledged() => Ok(NOT_ACKNOWLEDGED),
        Some(failure) if !failure.is_closed() => Err(failure.clone().into()),
        _ => Ok(if is_cut_short { NOT_ACKNOWLEDGED } else { ALL_ACKNOWLEDGED }),
    }
}

/// What of the command concerns where the descriptions are read from, and where else something goes.
fn backlog(arguments: &RescueArguments) -> Backlog<'_> {
    Backlog {
        from: arguments.from.to_string(),
        noun: "descriptions",
        is_taken_away: arguments.delete || matches!(arguments.from, OnFailureLocation::Sqs(_)),
        mode: if arguments.dry_run { RunMode::DryRun } else { RunMode::Really },
        json: arguments.json,
        settings: &arguments.settings,
    }
}

/// How many descriptions are left, where looking at them costs nothing: in files. An object that is done is deleted once
/// it is known that nothing more is in it.
async fn count_rest(source: &mut DescriptionSource) -> Result<Option<u64>, DescriptionReadError> {
    if source.bytes().is_none() {
        source.settle().await?;
        return Ok(None);
    }
    let mut count = 0;
    while source.next().await?.is_some() {
        count += 1;
    }
    Ok(Some(count))
}

/// What of a range in a stream is processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeScope {
    /// All of it, if it holds as many records as are described.
    AsDescribed,
    /// All of it, however many records it holds.
    Whole,
}

/// A rescue at work.
struct RescueRun<'a> {
    processor: Processor,
    ranges: RangeReader,
    scope: RangeScope,
    filter: &'a RescueFilter,
    portion: Portion,
    mode: RunMode,
    reporter: RescueReporter<'a>,
    counts: RescueCounts,
}

impl RescueRun<'_> {
    /// Processes description after description. Some: what was not processed in the end.
    async fn all(
        &mut self,
        source: &mut DescriptionSource,
        order: PlaceOrder,
    ) -> Result<Option<Rest>, DescriptionReadError> {
        loop {
            if let Some(end) = self.portion.next().await {
                let count = count_rest(source).await?;
                return Ok(Some(Rest::behind(&self.portion, end, order, count, "description")));
            }
            let Some(found) = source.next().await? else { return Ok(None) };
            if self.portion.passes_over() {
                continue;
            }
            let outcome = source.hold_while(&found, self.outcome_of(&found)).await;
            self.counts.add(&outcome);
            self.reporter.tell(&found, &outcome);
            if outcome.end != RescueEnd::Skipped {
                self.portion.took(outcome.records);
            }
            if outcome.is_acknowledged() && self.mode == RunMode::Really {
                source.acknowledge(&found).await?;
                self.counts.add_done();
            }
            self.reporter.progress.update(source.bytes_read(), self.counts.records());
        }
    }

    async fn outcome_of(&mut self, found: &FoundDescription) -> RescueOutcome {
        let description = match &found.description {
            Ok(description) => description,
            Err(malformed) => return RescueEnd::Malformed(malformed.to_string()).into(),
        };
        match self.filter.takes(description) {
            Ok(true) => {}
            Ok(false) => return RescueEnd::Skipped.into(),
            Err(reason) => return RescueEnd::Malformed(reason).into(),
        }
        let Description { range, records, .. } = description;
        let mut outcome = RescueOutcome::from(RescueEnd::Rescued);
        match (records, self.scope) {
            (Some(records), _) => self.process(Arc::clone(records), &mut outcome).await,
            (None, RangeScope::AsDescribed) => match self.ranges.fetch(range).await {
                Ok(fetched) => {
                    outcome.lost = fetched.lost;
                    self.process(Arc::new(fetched.batch), &mut outcome).await;
                }
                Err(error) => outcome.fail(error),
            },
            (None, RangeScope::Whole) => self.process_pages(range, &mut outcome).await,
        }
        outcome.with_loss()
    }

    /// Processes a range page by page, up to the first record that is not acknowledged.
    async fn process_pages(&mut self, range: &RecordRange, outcome: &mut RescueOutcome) {
        let mut pages = match self.ranges.open(range).await {
            Ok(pages) => pages,
            Err(error) => return outcome.fail(error),
        };
        while outcome.end == RescueEnd::Rescued {
            match pages.next().await {
                Ok(Some(batch)) => self.process(Arc::new(batch), outcome).await,
                Ok(None) => break,
                Err(error) => outcome.fail(error),
            }
        }
        if let Some(lost) = pages.lost() {
            outcome.lost = Some(lost.clone());
        }
    }

    async fn process(&self, batch: Arc<Batch>, outcome: &mut RescueOutcome) {
        let records = batch.len() as u64;
        outcome.take(records, self.processor.process(batch, None).await);
    }
}
