//! `kinesieve compare`: two transforms over the same records, and what differs.

mod change;
mod flags;
mod input;
mod json_line;
mod shown;
mod sides;
mod summary;
mod watch;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

use self::change::{Change, Comparison, VerdictKind, compare};
use self::flags::CompareStreamFlags;
use self::input::{CompareInput, ReadAhead};
use self::shown::{Difference, ShardNaming};
use self::sides::{Answer, LoadedSide, Sides};
use self::summary::CompareSummary;
use super::access::AccessFlags;
use super::error::CommandError;
use super::guest_lines::{self, GuestLines};
use super::interrupt::{INTERRUPTED, Interrupt};
use super::log::{self, LogFormatFlag, RunInput};
use super::place::component;
use super::progress::ProgressDisplay;
use super::run::show::{ShowStream, columns_on};
use super::{ALL_ACKNOWLEDGED, print, print_json};
use crate::event::{Batch, Event, Shard};
use crate::interpolation::looked_up_now;
use crate::settings::{AccessSettings, GuestSettings, SettingsError, check_variables, written_settings};
use crate::source::Format;
use crate::telemetry::LogOptions;
use crate::timestamp::now_millis;
use crate::{stdout, telemetry};

/// The transforms differ on a record.
const DIFFERENT: u8 = 3;

/// Compare two transforms over the same records: what differs, record by record
///
/// Each record goes through both, one after the other, with the same clock and the same randomness: the time is when the
/// record arrived, and random bytes depend on its sequence number alone. Each transform has one instance, which sees all
/// records in order, whatever becomes of them: after retry, the next record follows. Nothing is delivered.
///
/// The records of a stream are read by GetRecords, through splits and merges. Those of a shard come in their order. Those
/// of several shards come in turns, as they are read: both transforms see the same order, which may be another one the
/// next time. Nothing is written: no position, and no consumer is registered.
#[derive(Debug, Args)]
#[command(after_help = "\
What counts as a difference: another verdict, other outputs or another order of them, another key or route, another text of
retry or reject. A fault is compared by its kind (trap, timeout, memory), since its text names lines of the source. JSON of
the same value that is written otherwise (layout, order of fields, escapes) is the same and counted apart; so is a record that
one transform keeps and the other one replaces by itself.

How --input is read: as by `kinesieve run`. - and any path that exists are files. stream:NAME and ARNs are streams. Any other
name is a stream if it has neither a slash nor a file extension.

Permissions on a stream: kinesis:DescribeStreamSummary (unless the ARN is given), kinesis:ListShards,
kinesis:GetShardIterator and kinesis:GetRecords. Its reads count among the five that a shard answers in a second to all of
its consumers together: --reads-per-second 1 leaves four of them to others.

With --json, a difference is an object on a line, with the answers in the form of test cases. The last line is
{\"summary\": {...}}.

Exit codes:
  0    the transforms do the same on all records
  1    a transform can't be built, loaded or started, or the input can't be read
  2    wrong usage
  3    they differ on a record
  130  Ctrl-C: what was compared until then is said

Examples:
  kinesieve compare old.wasm masker --input data.ndjson
  kinesieve compare t.wasm t.wasm --input data.ndjson --old-settings below=10 --new-settings below=12
  kinesieve compare old.wasm new.wasm --input data.ndjson --show all --json
  kinesieve compare old.wasm new.wasm --input readings --from 1h
  kinesieve compare old.wasm new.wasm --input readings:shardId-000000000001 --limit 10000
  kinesieve compare old.wasm new.wasm --input readings --from latest --reads-per-second 1")]
pub(super) struct CompareArguments {
    /// The transform as it was: a component (.wasm), one that `kinesieve build` precompiled (.cwasm), or the folder of a
    /// project (with kinesieve.json), which is built first
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// The transform as it is now
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// The records: a file in any form that `kinesieve run` reads, - for standard input, or streams separated by commas:
    /// NAME, stream:NAME or an ARN, followed by :NUMBER or :shardId-... for a single shard
    #[arg(long, value_name = "INPUT")]
    input: PathBuf,

    /// Format of a file
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Auto)]
    input_format: Format,

    /// End after so many records, as the transforms see them
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// How many differences to show: a number, or all
    #[arg(long, value_name = "COUNT", default_value = "10")]
    show: ShownCount,

    /// Settings for the old transform, in the place of --transform-settings
    #[arg(long, value_name = "SETTINGS")]
    old_settings: Option<String>,

    /// Settings for the new transform, in the place of --transform-settings
    #[arg(long, value_name = "SETTINGS")]
    new_settings: Option<String>,

    /// Count it as a difference too if what is logged about a record differs. It is shown in any case
    #[arg(long)]
    compare_logs: bool,

    /// Print objects, one a line, for programs
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: GuestSettings,

    #[command(flatten)]
    access: AccessSettings,

    #[command(flatten)]
    stream: CompareStreamFlags,
}

impl CompareArguments {
    /// How AWS is reached.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.access, table: None }
    }
}

/// How many differences are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ShownCount(u64);

impl FromStr for ShownCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self(u64::MAX)),
            count => count.parse().map(Self).map_err(|_| format!("invalid number {text:?}: use a number, or all")),
        }
    }
}

pub(super) fn compare_transforms(arguments: &CompareArguments) -> Result<u8, CommandError> {
    check_variables(std::env::vars_os())?;
    let common = arguments.settings.transform_settings()?;
    let settings = |name: &str, own: &Option<String>| match own {
        Some(text) => written_settings(name, Some(text)),
        None => Ok(common.clone()),
    };
    let known = |written| looked_up_now(written).map_err(SettingsError::from);
    let settings = [
        known(settings("--old-settings", &arguments.old_settings)?)?,
        known(settings("--new-settings", &arguments.new_settings)?)?,
    ];
    // Opened first: it is the cheapest of the ways to fail.
    let input = CompareInput::open(&arguments.input, arguments.input_format, &arguments.stream)?;
    let files = [component(&arguments.old)?, component(&arguments.new)?];
    let waiting = ProgressDisplay::waiting_for("compiling both transforms".to_owned());
    let [old_settings, new_settings] = settings;
    let loaded = LoadedSide::load(&files[0], old_settings).and_then(|old| {
        let new = LoadedSide::load(&files[1], new_settings)?;
        Ok([old, new])
    });
    waiting.finish();
    let loaded = loaded?;

    let loaded = [&loaded[0], &loaded[1]];
    let is_live = input.is_live();
    let progress = ProgressDisplay::new(input.bytes(), true);
    let _end = progress.until_the_end();
    let lines = match is_live {
        true => lines_beside_the_log(&progress),
        false => GuestLines::install_from(LevelFilter::INFO),
    };
    if is_live {
        // It may take long until a record comes to start with.
        Sides::start(loaded, arguments.settings.limits(), now_millis(), lines.clone())?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let interrupt = {
        let _inside = runtime.enter();
        Interrupt::listen(&progress, || "ends with what is compared until now".to_owned())
    };
    let input = input.read_ahead(&progress)?;
    let naming = if is_live { ShardNaming::Named } else { ShardNaming::LeftOut };
    let mut comparing = Comparing { arguments, runtime, interrupt, naming, summary: CompareSummary::default() };
    let ending = comparing.all(input, loaded, lines);
    progress.finish();
    let summary = comparing.summary;
    // Also where the input broke off: what came before is compared.
    if ending.is_ok() || summary.records() > 0 {
        if arguments.json {
            print_json(&summary.json()?)?;
        } else {
            print(&summary.text())?;
        }
    }
    Ok(match ending? {
        Ending::Interrupted => INTERRUPTED,
        Ending::Complete | Ending::Unread if summary.different() > 0 => DIFFERENT,
        Ending::Complete | Ending::Unread => ALL_ACKNOWLEDGED,
    })
}

/// How a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// All records are compared.
    Complete,
    Interrupted,
    /// Nobody reads standard output any more.
    Unread,
}

/// What the transforms say, kept for the records that they say it about. What is said of the stream goes to standard error.
fn lines_beside_the_log(progress: &ProgressDisplay) -> GuestLines {
    let lines = GuestLines::from_level(LevelFilter::INFO);
    let format = log::of_run(LogFormatFlag::Text, RunInput::Stream);
    let options = LogOptions { level: LevelFilter::INFO, format, without: &[guest_lines::TARGET] };
    telemetry::log_for_command_beside(lines.clone(), options, progress.clone());
    lines
}

/// A comparison under way.
struct Comparing<'a> {
    arguments: &'a CompareArguments,
    runtime: Runtime,
    interrupt: Interrupt,
    naming: ShardNaming,
    summary: CompareSummary,
}

impl Comparing<'_> {
    /// Compares batch after batch; of all records, those of a few are in memory.
    fn all(
        &mut self,
        mut input: ReadAhead,
        loaded: [&LoadedSide; 2],
        lines: GuestLines,
    ) -> Result<Ending, CommandError> {
        let unpacking = self.arguments.settings.unpacking();
        let mut sides: Option<Sides> = None;
        loop {
            let batch = match self.runtime.block_on(self.interrupt.or(input.next())) {
                None => return Ok(Ending::Interrupted),
                Some(None) => break,
                Some(Some(batch)) => batch,
            };
            let mut rest = Some(Arc::new(batch));
            while let Some(packed) = rest {
                let unpacked = unpacking.unpack(packed);
                rest = unpacked.rest;
                let batch = unpacked.batch;
                let Some(first) = batch.iter().next() else { continue };
                let sides = match &mut sides {
                    Some(sides) => sides,
                    None => {
                        let limits = self.arguments.settings.limits();
                        sides.insert(Sides::start(loaded, limits, first.arrived_at, lines.clone())?)
                    }
                };
                if let Some(ending) = self.batch(sides, &batch, &input)? {
                    return Ok(ending);
                }
                input.show_progress();
            }
        }
        input.end()?;
        if sides.is_none() {
            // Whether they start is worth knowing without any record, too.
            Sides::start(loaded, self.arguments.settings.limits(), 0, lines)?;
        }
        self.summary.complete();
        Ok(Ending::Complete)
    }

    /// Compares the records of a batch; answers how it ended, if it did.
    fn batch(
        &mut self,
        sides: &mut Sides,
        batch: &Arc<Batch>,
        input: &ReadAhead,
    ) -> Result<Option<Ending>, CommandError> {
        let mut at_work = sides.begin(batch);
        for index in 0..batch.len() {
            if self.interrupt.is_asked() {
                return Ok(Some(Ending::Interrupted));
            }
            let event = batch.event(index);
            let (old, new) = at_work.answers(index, event);
            let comparison = self.compared(event, &old, &new);
            self.summary.add(comparison);
            if let Comparison::Different(change) = comparison {
                self.show(batch.shard(), event, change, &old, &new)?;
            }
            input.compared(self.summary.records(), self.summary.different());
            match stdout::failure() {
                None => {}
                Some(failure) if failure.is_closed() => return Ok(Some(Ending::Unread)),
                Some(failure) => return Err(failure.clone().into()),
            }
            // At once: the next record of a stream may never come.
            if self.arguments.limit.is_some_and(|limit| self.summary.records() >= limit) {
                self.summary.complete();
                return Ok(Some(Ending::Complete));
            }
        }
        Ok(None)
    }

    fn compared(&self, event: Event<'_>, old: &Answer, new: &Answer) -> Comparison {
        let comparison = compare(event, &old.verdict, &new.verdict);
        let is_same = !matches!(comparison, Comparison::Different(_));
        // The log of a fault has its backtrace, and that is of the build.
        let is_fault =
            matches!(VerdictKind::of(&old.verdict), VerdictKind::Trap | VerdictKind::Timeout | VerdictKind::Memory);
        if self.arguments.compare_logs && is_same && !is_fault && old.log != new.log {
            return Comparison::Different(Change::Log);
        }
        comparison
    }

    fn show(
        &mut self,
        shard: &Shard,
        event: Event<'_>,
        change: Change,
        old: &Answer,
        new: &Answer,
    ) -> Result<(), CommandError> {
        if self.summary.different() > self.arguments.show.0 {
            self.summary.leave_out();
            return Ok(());
        }
        let number = self.summary.records();
        let difference = Difference { number, shard, event, change: change.name(), old, new };
        if self.arguments.json {
            print_json(&difference.json()?)?;
        } else {
            print(&difference.text(columns_on(ShowStream::Stdout), self.naming))?;
        }
        Ok(())
    }
}
