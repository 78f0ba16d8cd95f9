//! A run over streams, from its checks to its last word.

use std::io::{self, IsTerminal};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::batches::BatchFlags;
use super::flags::StreamFlags;
use super::metrics;
use super::reporter::{ReportFormat, RunReporter};
use super::show::{Show, ShowDelivery, ShowStream};
use super::watch::Watchman;
use super::windows;
use crate::cli::error::CommandError;
use crate::cli::interrupt::Interrupt;
use crate::cli::output_fate::OutputFate;
use crate::cli::place;
use crate::cli::progress::ProgressDisplay;
use crate::cli::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED};
use crate::error_code::ErrorCode;
use crate::processor::Observer;
use crate::settings::{Route, Settings, SettingsError, Target};
use crate::sink::OutputSamples;
use crate::source::live::{
    Cancellation, CommitOutcome, GRACE, LiveError, LiveSource, RunParts, RunWatch, ShardStage, ShardStatuses,
    StreamPlace, run_name,
};
use crate::telemetry::{EVENT_LINES, LogFormat, LogOptions};
use crate::{assembly, stdout, telemetry};

/// More instances than this cost more than they bring.
const MOST_WORKERS: usize = 64;

/// A run over streams, as the command line has it.
pub(super) struct StreamRun<'a> {
    pub(super) places: Vec<StreamPlace>,
    pub(super) flags: &'a StreamFlags,
    pub(super) batches: &'a BatchFlags,
    pub(super) settings: &'a Settings,
    pub(super) routes: &'a [Route],
    /// Whether records are shown, or so many of the last outputs.
    pub(super) show: Option<Option<NonZeroU32>>,
    /// How log lines are written.
    pub(super) log: LogFormat,
    pub(super) tumbling_window: Option<Duration>,
}

impl StreamRun<'_> {
    pub(super) fn run(self) -> Result<u8, CommandError> {
        self.flags.check(self.settings, &self.places, self.tumbling_window)?;
        if self.is_a_look()? {
            self.flags.check_look()?;
        }
        self.check_targets()?;
        if self.tumbling_window.is_some() {
            self.flags.check_windows()?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(self.run_on_it());
        // A write that hangs, to a pipe that nobody reads say, must not keep the run from its end.
        runtime.shutdown_background();
        outcome
    }

    async fn run_on_it(self) -> Result<u8, CommandError> {
        let Self { flags, batches, settings, .. } = self;
        let is_a_look = self.is_a_look()?;
        let fate = if is_a_look { OutputFate::NotDelivered } else { OutputFate::of(settings, self.routes)? };
        let writes_to_stdout = self.writes_to_stdout()?;
        let is_in_the_way = writes_to_stdout && io::stdout().is_terminal();
        let shows_records = self.show == Some(None);
        let progress = ProgressDisplay::lines(is_in_the_way || flags.json || shows_records).beside(self.log);
        let show = match shows_records {
            true => Some(self.show_records(writes_to_stdout || flags.json)?),
            false => None,
        };
        // Also where it ends before there is anything to report.
        let _cleared = progress.until_the_end();
        let without: &[&str] = if is_a_look { &[EVENT_LINES] } else { &[] };
        telemetry::log_for_command(LogOptions { level: settings.log, format: self.log, without }, progress.clone());
        place::note_that_all_passes(self.settings);
        let cancellation = Cancellation::with_grace(flags.fleet.drain_timeout().unwrap_or(GRACE));
        let looked = metrics::Looked::before(&cancellation);
        if let Some(address) = flags.metrics {
            tokio::spawn(metrics::serve(metrics::listen(address).await?, looked.clone()));
        }
        // The streams are looked at first: that is the cheaper of two ways to fail.
        let check = batches.check(settings);
        let plan = flags.plan(self.places.clone(), batches, check.clone(), self.tumbling_window).await;
        let live = LiveSource::open(plan).await?;
        self.check_for_loops(&live)?;
        let choice = flags.shards();
        choice.check(&live)?;
        let samples = self
            .show
            .flatten()
            .map(|most| Arc::new(OutputSamples::new(usize::try_from(most.get()).unwrap_or(usize::MAX))));
        let extras = assembly::AssemblyOptions {
            workers: workers(settings, flags, live.shards()),
            samples: samples.clone(),
            observer: show,
            ..assembly::AssemblyOptions::default()
        };
        let processor = match is_a_look {
            true => assembly::trial(settings, self.routes, extras).await?,
            false => assembly::processor_with(settings, self.routes, &Target::Stdout, extras).await?,
        };
        let processor = processor.with_doubling_stop_log();
        windows::check(&processor, self.tumbling_window)?;
        let on_failure = match flags.on_failure() {
            Some(target) => Some(assembly::on_failure(settings, target).await?),
            None => None,
        };
        let checkpoint_writer = match flags.commits() {
            Some(commits) => {
                let name = run_name();
                assembly::checkpoint_writer(&commits, &name, Some(&name), assembly::TABLE_TIME_LIMIT).await?
            }
            None => None,
        };
        let statuses = Arc::new(ShardStatuses::default());
        let watch = RunWatch {
            statuses: Arc::clone(&statuses),
            destinations: processor.destinations().clone(),
            on_failure: on_failure.as_ref().map(|on_failure| Arc::clone(&on_failure.sink)),
            has_pace: has_pace(settings),
            grace: cancellation.grace(),
        };
        looked.begins(watch.clone(), fate);
        let options = if flags.json { ReportFormat::Json } else { ReportFormat::Text };
        let mut reporter = RunReporter::new(options, progress.clone(), choice, watch.clone(), samples, fate);
        let commits = flags.has_commits();
        let mut watchman = Watchman::new(watch, flags.read.patience, flags.force);
        let parts = RunParts {
            processor: &processor,
            checkpoint_writer: checkpoint_writer.as_ref(),
            on_failure: on_failure.as_ref(),
            cancellation: &cancellation,
            statuses: &statuses,
        };
        let interrupt = reporter.interrupt(commits);
        let outcome = until_it_ends(live, parts, &mut reporter, &mut watchman, interrupt).await;
        if let Some(check) = check {
            check.say_the_rest();
        }
        let in_vain = outcome.as_ref().ok().and_then(Option::as_deref);
        reporter.end(commits, outcome.as_ref().err(), in_vain);
        let is_in_vain = in_vain.is_some();
        outcome?;
        let views = statuses.views();
        let stands_still = views.iter().any(|shard| shard.stage == ShardStage::Stopped && shard.stuck.is_some());
        let is_lost = on_failure.is_none() && views.iter().any(|shard| shard.discarded > 0);
        let is_cut_short = flags.has_end() && views.iter().any(|shard| !shard.stage.is_read());
        // Whoever goes on from the table would process again what is done.
        let is_uncommitted = views.iter().any(|shard| matches!(shard.commit, CommitOutcome::Failed(_)));
        if let Some(failure) = stdout::failure().filter(|failure| !failure.is_closed() && !stands_still) {
            return Err(failure.clone().into());
        }
        Ok(if is_in_vain || stands_still || is_lost || is_cut_short || is_uncommitted {
            NOT_ACKNOWLEDGED
        } else {
            ALL_ACKNOWLEDGED
        })
    }

    /// Shows each record, where nothing else goes.
    fn show_records(&self, stdout_is_taken: bool) -> Result<Arc<dyn Observer>, SettingsError> {
        let place = if stdout_is_taken { ShowStream::Stderr } else { ShowStream::Stdout };
        let routes = self.settings.routes(self.routes)?;
        let delivering = ShowDelivery::of(self.settings, self.routes)?;
        Ok(Show::begin(place, None, self.settings, self.log, routes.keys().copied(), delivering))
    }

    /// Whether records are only looked at: nothing is delivered.
    fn is_a_look(&self) -> Result<bool, SettingsError> {
        Ok(self.show.is_some() && ShowDelivery::of(self.settings, self.routes)? == ShowDelivery::Nowhere)
    }

    /// Outputs and what is said of the run must not mix on standard output, nor outputs and descriptions of records that
    /// are given up in one file, or under one prefix of S3, where they would replace each other.
    fn check_targets(&self) -> Result<(), SettingsError> {
        if let Some(on_failure) = self.flags.on_failure()
            && on_failure.capabilities().storage.is_some()
        {
            let routes = self.settings.routes(self.routes)?;
            let output = self.settings.output.as_ref().unwrap_or(&Target::Stdout);
            if std::iter::once(output).chain(routes.into_values()).any(|target| target.is_same_place(on_failure)) {
                return Err(SettingsError::Contradiction(format!(
                    "outputs and the descriptions of --on-failure both go to {on_failure}: give each of them a place of its own"
                )));
            }
        }
        if self.flags.json && self.writes_to_stdout()? {
            return Err(SettingsError::Contradiction(
                "--json says on standard output how it goes, and something else goes there as well: name another \
                 target than stdout, with --output for example"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// What goes into the stream that it came from comes out of it again, for ever.
    fn check_for_loops(&self, live: &LiveSource) -> Result<(), CommandError> {
        let routes = self.settings.routes(self.routes)?;
        let output = self.settings.output.iter().map(|target| ("--output".to_owned(), target));
        let routes = routes.into_iter().map(|(name, target)| (format!("--route {name}"), target));
        let dead_letter = self.settings.dead_letter().map(|target| ("--dead-letter".to_owned(), target));
        let on_failure = self.flags.on_failure().map(|target| ("--on-failure".to_owned(), target));
        let mut targets = output.chain(routes).chain(dead_letter).chain(on_failure);
        match targets.find(|(_, target)| live.reads_from(target)) {
            Some((flag, target)) if !self.flags.force => Err(CommandError::new(
                ErrorCode::Loop,
                format!(
                    "{flag} {target} is the stream that is read: what is delivered there would be read, transformed and \
                     delivered again, for ever; name another stream, or say --force if the transform drops what it has \
                     seen"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn writes_to_stdout(&self) -> Result<bool, SettingsError> {
        let routes = self.settings.routes(self.routes)?;
        let delivers_there = !self.is_a_look()? && self.settings.writes_to_stdout(&routes);
        Ok(self.flags.on_failure() == Some(&Target::Stdout) || delivers_there)
    }
}

/// How often is looked whether the run gets on.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Runs, says how it goes, and ends in order when it is interrupted, or when nothing comes of waiting: the answer says why.
async fn until_it_ends(
    live: LiveSource,
    parts: RunParts<'_>,
    reporter: &mut RunReporter,
    watchman: &mut Watchman,
    mut interrupt: Interrupt,
) -> Result<Option<String>, LiveError> {
    let cancellation = parts.cancellation;
    let mut in_vain = None;
    let mut looks = interval(BETWEEN_LOOKS);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resizes = reporter.has_view().then(|| signal(SignalKind::window_change()).ok()).flatten();
    let mut ticks = interval(reporter.period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once, and there is nothing to say yet.
    ticks.tick().await;
    let run = live.run(parts);
    tokio::pin!(run);
    loop {
        tokio::select! {
            outcome = &mut run => return outcome.map(|()| in_vain),
            _ = looks.tick() => {
                if let Some(why) = watchman.look()
                    && !cancellation.is_stopped()
                {
                    in_vain = Some(why);
                    cancellation.stop();
                }
            }
            _ = ticks.tick() => reporter.tell(),
            () = next(&mut resizes) => reporter.tell(),
            // As with a file: outputs, records that are shown or reports have nowhere to go.
            () = stdout::fails(), if !cancellation.is_stopped() => cancellation.stop(),
            () = interrupt.asked(), if !cancellation.is_stopped() => cancellation.stop(),
        }
    }
}

/// Whether records are held back, so that a batch takes its time.
fn has_pace(settings: &Settings) -> bool {
    settings.max_records_per_shard_per_second.is_some() || settings.max_bytes_per_shard_per_second.is_some()
}

/// Waits for the next signal; without a listener, for ever.
async fn next(signals: &mut Option<Signal>) {
    match signals {
        Some(signals) => {
            signals.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// As many instances of the transform as there are cores. Where a pace is set an instance sleeps, so that each batch
/// under way needs its own.
fn workers(settings: &Settings, flags: &StreamFlags, shards: usize) -> NonZeroUsize {
    let batches = shards.saturating_mul(usize::from(flags.lanes())).clamp(1, MOST_WORKERS);
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = if has_pace(settings) { batches } else { cores };
    NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN)
}
