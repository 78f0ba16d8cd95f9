//! `kinesieve redrive`: dead-lettered events through a transform again, and what became of each.

mod counts;
mod filter;
mod outcome;
mod reporter;

use std::time::Instant;

use clap::Args;

use self::counts::RedriveCounts;
use self::filter::LetterFilter;
use self::outcome::LetterOutcome;
use self::reporter::RedriveReporter;
use super::access::AccessFlags;
use super::backlog::{Backlog, RunMode};
use super::error::CommandError;
use super::portion::{PlaceOrder, Portion, PortionFlags, Rest};
use super::progress::ProgressDisplay;
use super::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, access, log, place, say};
use crate::processor::Processor;
use crate::settings::{Arn, Settings, SettingsError, Target, check_variables, s3_prefix};
use crate::source::dead_letters::{DeadLetterLocation, DeadLetterSource, LetterOpener, LetterReadError};
use crate::telemetry::{EVENT_LINES, LogOptions};
use crate::{assembly, stdout, telemetry};

/// Process dead-lettered records again, after the transform is fixed
///
/// Each record goes through the transform by itself, in the order of the dead letters, with the payload, partition
/// key, position and arrival time that it had in the stream. A record that fails again does not stop the records
/// behind it. The outcome of each is reported on standard error, one line a dead letter.
///
/// A message of an SQS queue is deleted once its record is acknowledged: delivered, dropped by the transform, or
/// written to --dead-letter. All other messages stay in the queue. Dead letters in files, objects and streams are
/// never deleted, so redriving them twice delivers their outputs twice.
///
/// The data of a dead letter that was too large for its destination is fetched: from below --large where the letter
/// has a pointer, and from the record's stream, as long as the stream holds it, where the data was cut.
#[derive(Debug, Args)]
#[command(after_help = "\
Each setting can also be given as the environment variable that is named with it. A flag wins over a variable.

Permissions: s3:ListBucket and s3:GetObject for a bucket; sqs:ReceiveMessage, sqs:DeleteMessage and
sqs:ChangeMessageVisibility for a queue; kinesis:ListShards, kinesis:GetShardIterator and kinesis:GetRecords for a
stream. Dead letters that were too large for their destination also need s3:GetObject below --large, or, where their
data was cut, kinesis:GetShardIterator and kinesis:GetRecords on the stream of the record.

Exit codes:
  0  all dead letters that were not filtered out are acknowledged, up to --limit
  1  the command could not start, the dead letters can't be read, or standard output can't be written
  2  wrong usage
  3  a record is not acknowledged: it fails again, its data no longer exists, or its dead letter is malformed; or
     dead letters are left since nobody reads standard output any more

Examples:
  kinesieve redrive --from dead.ndjson --transform mended.wasm --output file:out.ndjson --dry-run
  kinesieve redrive --from arn:aws:sqs:eu-west-1:123456789012:dead --transform mended.wasm \\
    --output arn:aws:kinesis:eu-west-1:123456789012:stream/out --kind trap --kind timeout
  kinesieve redrive --from arn:aws:s3:::bucket/dead --transform mended.wasm --json \\
    --output file:out.ndjson --dead-letter file:still-dead.ndjson --since 2026-11-20T00:00:00Z")]
pub(super) struct RedriveArguments {
    /// Location of the dead letters: a file of lines (gzip or not), - for standard input, or the ARN of an SQS queue,
    /// a Kinesis stream, or an S3 bucket with a prefix (`arn:aws:s3:::BUCKET/PREFIX`), whose objects .ndjson,
    /// .ndjson.gz and without extension are read in the order of their keys
    #[arg(long, value_name = "PLACE")]
    from: DeadLetterLocation,

    /// S3 prefix of whole large dead letters (`arn:aws:s3:::BUCKET/PREFIX`), as KINESIEVE_DEAD_LETTER_LARGE named it
    /// when they were written; defaults to --dead-letter-large. A pointer that leads elsewhere is not followed
    #[arg(long, value_name = "PREFIX", value_parser = s3_prefix)]
    large: Option<Arn>,

    #[command(flatten)]
    portion: PortionFlags,

    /// Report the outcome and the form of each dead letter, but deliver nothing and delete nothing. The transform
    /// runs; refusals by a destination do not show
    #[arg(long)]
    dry_run: bool,

    /// Report the outcome of each dead letter as JSON on standard output, one object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    filter: LetterFilter,

    #[command(flatten)]
    settings: Settings,
}

impl RedriveArguments {
    /// How AWS is reached.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.settings.access, table: None }
    }

    /// The settings, for a connector file to add to.
    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

pub(super) fn redrive(arguments: &RedriveArguments) -> Result<u8, CommandError> {
    let backlog = backlog(arguments);
    let (settings, mode) = (&backlog.settings(), backlog.mode);
    let routes = check_variables(std::env::vars_os())?;
    backlog.check(&routes, |target| arguments.from.overlaps(target))?;
    arguments.filter.check()?;
    let order = match &arguments.from {
        DeadLetterLocation::File(_) | DeadLetterLocation::S3(_) => PlaceOrder::Stays,
        DeadLetterLocation::Sqs(_) => PlaceOrder::TakenAway,
        DeadLetterLocation::Kinesis(_) => PlaceOrder::Expires,
    };
    arguments.portion.check(&backlog.from, order)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut places = match mode {
        RunMode::Really => access::written(settings, &routes)?,
        RunMode::DryRun => Vec::new(),
    };
    places.extend(arguments.from.arn());
    runtime.block_on(access::check(&places))?;
    // The letters are looked at first: reading them is the cheaper of two ways to fail.
    let mut source = runtime.block_on(DeadLetterSource::open(&arguments.from))?;
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
            "{} works on tumbling windows, and dead letters are records by themselves, whose window is over: name a \
             transform of the world record-transform",
            settings.transform.as_ref().map_or_else(String::new, ToString::to_string)
        ))
        .into());
    }
    let progress = ProgressDisplay::new(source.bytes(), arguments.json || backlog.writes_to_stdout(&routes)?);
    let log = LogOptions { level: settings.log, format: log::text(), without: &[EVENT_LINES] };
    telemetry::log_for_command(log, progress.clone());

    let reporter = RedriveReporter { mode, fate: backlog.fate(&routes)?, json: arguments.json, progress: &progress };
    let large = arguments.large.clone().or_else(|| arguments.settings.dead_letter_large.clone());
    let opener = LetterOpener::new(assembly::unpacking(settings), large);
    let portion = arguments.portion.begin();
    let filter = &arguments.filter;
    let mut run = RedriveRun { processor, opener, filter, portion, mode, reporter, counts: RedriveCounts::default() };
    let started = Instant::now();
    let outcome = runtime.block_on(async {
        let outcome = run.all(&mut source, order).await;
        source.release().await;
        outcome
    });
    progress.finish();
    let summary = counts::RedriveSummary {
        counts: &run.counts,
        from: &arguments.from,
        mode,
        fate: run.reporter.fate,
        left_out: source.left_out(),
        passed: run.portion.passed(),
        rest: outcome.as_ref().ok().and_then(Option::as_ref),
        elapsed: started.elapsed(),
    };
    // Also when the letters broke off: what came before is done, and should not be done again unawares.
    if outcome.is_ok() || run.counts.letters() > 0 {
        say(&summary);
    }
    let is_cut_short = outcome?.is_some_and(|rest| rest.is_cut_short());
    match stdout::failure() {
        _ if !run.counts.is_all_acknowledged() => Ok(NOT_ACKNOWLEDGED),
        Some(failure) if !failure.is_closed() => Err(failure.clone().into()),
        _ => Ok(if is_cut_short { NOT_ACKNOWLEDGED } else { ALL_ACKNOWLEDGED }),
    }
}

/// A redrive at work.
struct RedriveRun<'a> {
    processor: Processor,
    opener: LetterOpener,
    filter: &'a LetterFilter,
    portion: Portion,
    mode: RunMode,
    reporter: RedriveReporter<'a>,
    counts: RedriveCounts,
}

impl RedriveRun<'_> {
    /// Runs letter after letter. Some: what was not run in the end.
    async fn all(&mut self, source: &mut DeadLetterSource, order: PlaceOrder) -> Result<Option<Rest>, LetterReadError> {
        loop {
            if let Some(end) = self.portion.next().await {
                let count = count_rest(source, order).await?;
                return Ok(Some(Rest::behind(&self.portion, end, order, count, "dead letter")));
            }
            let Some(found) = source.next().await? else { return Ok(None) };
            if self.portion.passes_over() {
                continue;
            }
            let outcome = match &found.letter {
                Err(malformed) => LetterOutcome::Malformed(malformed.to_string()),
                Ok(letter) if !self.filter.takes(letter) => LetterOutcome::Skipped,
                Ok(letter) => match self.opener.open(letter).await {
                    Ok(batch) => LetterOutcome::of(self.processor.process(batch, None).await),
                    Err(unopened) => unopened.into(),
                },
            };
            self.counts.add(&outcome);
            self.reporter.tell(&found, &outcome);
            if outcome != LetterOutcome::Skipped {
                self.portion.took(1);
            }
            if outcome.is_acknowledged() && self.mode == RunMode::Really {
                source.acknowledge(&found).await?;
                self.counts.add_done();
            }
            self.reporter.progress.update(source.bytes_read(), self.counts.letters());
        }
    }
}

/// How many letters are left, where looking at them costs nothing: in a file.
async fn count_rest(source: &mut DeadLetterSource, order: PlaceOrder) -> Result<Option<u64>, LetterReadError> {
    if order != PlaceOrder::Stays || source.bytes().is_none() {
        return Ok(None);
    }
    let mut count = 0;
    while source.next().await?.is_some() {
        count += 1;
    }
    Ok(Some(count))
}

/// What of the command concerns where the letters are read from, and where else something goes.
fn backlog(arguments: &RedriveArguments) -> Backlog<'_> {
    Backlog {
        from: arguments.from.to_string(),
        noun: "dead letters",
        is_taken_away: matches!(arguments.from, DeadLetterLocation::Sqs(_)),
        mode: if arguments.dry_run { RunMode::DryRun } else { RunMode::Really },
        json: arguments.json,
        settings: &arguments.settings,
    }
}
