//! A run over streams, from its checks to its last word.

use std::io::{self, IsTerminal};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::flags::StreamFlags;
use super::metrics;
use super::reporter::{ReportFormat, RunReporter};
use super::show::{Show, ShowDelivery, ShowStream};
use super::windows;
use crate::cli::error::CommandError;
use crate::cli::progress::ProgressDisplay;
use crate::cli::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, colours_wanted};
use crate::processor::Observer;
use crate::settings::{Route, Settings, SettingsError, Target};
use crate::sink::OutputSamples;
use crate::source::live::{
    Cancellation, CommitOutcome, LiveError, LiveSource, RunParts, ShardStage, ShardStatuses, StreamPlace,
};
use crate::{assembly, telemetry};

/// More instances than this cost more than they bring.
const MOST_WORKERS: usize = 64;

/// A run over streams, as the command line has it.
pub(super) struct StreamRun<'a> {
    pub(super) places: Vec<StreamPlace>,
    pub(super) flags: &'a StreamFlags,
    pub(super) settings: &'a Settings,
    pub(super) routes: &'a [Route],
    /// Whether records are shown, or so many of the last outputs.
    pub(super) show: Option<Option<NonZeroU32>>,
    pub(super) tumbling_window: Option<Duration>,
}

impl StreamRun<'_> {
    pub(super) fn run(self) -> Result<u8, CommandError> {
        self.flags.check(self.settings)?;
        self.check_targets()?;
        if self.tumbling_window.is_some() {
            self.flags.check_windows()?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.run_on_it())
    }

    async fn run_on_it(self) -> Result<u8, CommandError> {
        let Self { flags, settings, .. } = self;
        let writes_to_stdout = self.writes_to_stdout()?;
        let is_in_the_way = writes_to_stdout && io::stdout().is_terminal();
        let shows_records = self.show == Some(None);
        let progress = ProgressDisplay::lines(is_in_the_way || flags.json || shows_records);
        let show = match shows_records {
            true => Some(self.show_records(writes_to_stdout || flags.json)?),
            false => None,
        };
        telemetry::log_text(settings.log, progress.clone(), colours_wanted());
        // The streams are looked at first: that is the cheaper of two ways to fail.
        let live = LiveSource::open(flags.plan(self.places.clone(), self.tumbling_window).await).await?;
        let listener = match flags.metrics {
            Some(address) => Some(metrics::listen(address).await?),
            None => None,
        };
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
        let processor = assembly::processor_with(settings, self.routes, &Target::Stdout, extras).await?;
        windows::check(&processor, self.tumbling_window)?;
        let on_failure = match flags.on_failure() {
            Some(target) => Some(assembly::on_failure(settings, target).await?),
            None => None,
        };
        let checkpoint_writer = match flags.commits() {
            Some(commits) => assembly::checkpoint_writer(&commits, "kinesieve run", assembly::TABLE_TIME_LIMIT).await?,
            None => None,
        };
        let statuses = Arc::new(ShardStatuses::default());
        let cancellation = Cancellation::default();
        if let Some(listener) = listener {
            tokio::spawn(metrics::serve(listener, Arc::clone(&statuses)));
        }
        let options = if flags.json { ReportFormat::Json } else { ReportFormat::Text };
        let mut reporter = RunReporter::new(options, progress, Arc::clone(&statuses), samples);
        let parts = RunParts {
            processor: &processor,
            checkpoint_writer: checkpoint_writer.as_ref(),
            on_failure: on_failure.as_ref(),
            cancellation: &cancellation,
            statuses: &statuses,
        };
        let outcome = until_it_ends(live, parts, &mut reporter, &cancellation).await;
        reporter.end(flags.commits().is_some(), outcome.as_ref().err());
        outcome?;
        let views = statuses.views();
        let stands_still = views.iter().any(|shard| shard.stage == ShardStage::Stopped && shard.stuck.is_some());
        let is_lost = on_failure.is_none() && views.iter().any(|shard| shard.discarded > 0);
        let is_cut_short = flags.has_end() && views.iter().any(|shard| !shard.stage.is_read());
        // Whoever goes on from the table would process again what is done.
        let is_uncommitted = views.iter().any(|shard| matches!(shard.commit, CommitOutcome::Failed(_)));
        Ok(if stands_still || is_lost || is_cut_short || is_uncommitted { NOT_ACKNOWLEDGED } else { ALL_ACKNOWLEDGED })
    }

    /// Shows each record, where nothing else goes.
    fn show_records(&self, stdout_is_taken: bool) -> Result<Arc<dyn Observer>, SettingsError> {
        let place = if stdout_is_taken { ShowStream::Stderr } else { ShowStream::Stdout };
        let routes = self.settings.routes(self.routes)?;
        Ok(Show::begin(place, None, self.settings, routes.keys().copied(), ShowDelivery::Really))
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

    fn writes_to_stdout(&self) -> Result<bool, SettingsError> {
        let routes = self.settings.routes(self.routes)?;
        Ok(self.flags.on_failure() == Some(&Target::Stdout) || self.settings.writes_to_stdout(&routes))
    }
}

/// Runs, says how it goes, and ends in order when it is interrupted.
async fn until_it_ends(
    live: LiveSource,
    parts: RunParts<'_>,
    reporter: &mut RunReporter,
    cancellation: &Cancellation,
) -> Result<(), LiveError> {
    let mut interrupt = reporter.interrupt();
    let mut ticks = interval(reporter.period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once, and there is nothing to say yet.
    ticks.tick().await;
    let run = live.run(parts);
    tokio::pin!(run);
    loop {
        tokio::select! {
            outcome = &mut run => return outcome,
            _ = ticks.tick() => reporter.tell(),
            () = interrupt.asked(), if !cancellation.is_stopped() => cancellation.stop(),
        }
    }
}

/// As many instances of the transform as there are cores. Where a pace is set an instance sleeps, so that each batch
/// under way needs its own.
fn workers(settings: &Settings, flags: &StreamFlags, shards: usize) -> NonZeroUsize {
    let batches = shards.saturating_mul(usize::from(flags.lanes())).clamp(1, MOST_WORKERS);
    let has_pace =
        settings.max_records_per_shard_per_second.is_some() || settings.max_bytes_per_shard_per_second.is_some();
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = if has_pace { batches } else { cores };
    NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN)
}
