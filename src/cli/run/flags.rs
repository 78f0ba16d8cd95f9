//! The flags of a run over streams, and what they come to.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::batches::BatchFlags;
use super::fleet::{AskedOfFleet, FleetFlags, start_without_row};
use super::shards::ShardChoice;
use crate::checkpoint;
use crate::cli::read_flags::{ReadFlags, duration_within};
use crate::fleet::FleetStart;
use crate::settings::{CheckpointSettings, Settings, SettingsError, TableAccessSettings, TableName, Target};
use crate::source::BatchCheck;
use crate::source::live::{
    Checkpoints, ConsumerName, EndCondition, Force, ReadMode, ReadPlan, StartPosition, StartWithoutRow, StreamPlace,
};
use crate::source::mapping::{BatchLimits, MappingRules, OnError};
use crate::timestamp::now_millis;

/// How long to wait for the checkpoint table before the first record is processed.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// How a stream is read, and the rules by which its batches are delivered.
#[derive(Debug, Args)]
#[command(next_help_heading = "Of a stream")]
pub(super) struct StreamFlags {
    #[command(flatten)]
    pub(super) read: ReadFlags,

    /// Where a shard starts that has no row in --checkpoint-table, with --from checkpoint: trim-horizon, latest or a TIME.
    /// One that came of a shard with a row, by a split or a merge, goes on from there at its oldest record anyway. Without a
    /// table no shard has a row, so all start here; with another --from it has no effect [default: trim-horizon with a
    /// table]
    #[arg(long = "or", value_name = "START")]
    without_row: Option<StartWithoutRow>,

    /// Maximum number of records in a batch, 1 to 10000 [default: 100]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch_size: Option<u16>,

    /// Maximum time to wait for a full batch; for example 5s, up to 5m [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = batch_window)]
    batch_window: Option<Duration>,

    /// Split a batch in two after an error, as BisectBatchOnFunctionError does
    #[arg(long)]
    bisect: bool,

    /// Give up a batch after this number of retries, as MaximumRetryAttempts does. Good records behind the bad one
    /// are given up with it, which --max-attempts avoids [default: retry forever]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    max_retry_attempts: Option<u32>,

    /// Give up records that are older than this, 1m to 7days, as MaximumRecordAgeInSeconds does [default: never]
    #[arg(long, value_name = "DURATION", value_parser = record_age)]
    max_record_age: Option<Duration>,

    /// Destination of a description of each batch that is given up, in the form that Lambda uses. In S3 and files the
    /// records come with it
    #[arg(long, value_name = "TARGET")]
    on_failure: Option<Target>,

    /// How to read: shared (GetRecords, which all consumers of a stream share) or enhanced (SubscribeToShard, with a
    /// --consumer of its own), which some call extended
    #[arg(long, value_name = "MODE", value_enum, default_value_t = ReadSharing::Shared)]
    mode: ReadSharing,

    /// Consumer for --mode enhanced, by name, or one that exists by its ARN. By name, it is registered if it does not
    /// exist, and stays registered: AWS charges for it by the hour. By ARN, nothing is registered, and no permission for
    /// that is needed
    #[arg(long, value_name = "NAME|ARN")]
    consumer: Option<ConsumerName>,

    /// Write the position of each shard to --checkpoint-table, after each batch or each --commit-period
    #[arg(long)]
    to_checkpoint: bool,

    /// Continue although records may be missing, or although another consumer holds a shard, or
    /// although a destination is the stream that is read
    #[arg(long)]
    pub(super) force: bool,

    /// Report progress as JSON on standard output, one object a line
    #[arg(long)]
    pub(super) json: bool,

    /// Shards to show one by one while the run goes on, and at its end: all, blocked, or their ids separated by commas.
    /// What is wrong always comes first, and the counts are those of all shards [default: all]
    #[arg(long, value_name = "all|blocked|SHARD-ID,...")]
    shards: Option<ShardChoice>,

    /// Serve metrics for Prometheus at this address; for example 127.0.0.1:9464
    #[arg(long, visible_alias = "prometheus", value_name = "ADDRESS")]
    pub(super) metrics: Option<std::net::SocketAddr>,

    #[command(flatten)]
    checkpoint: CheckpointSettings,

    #[command(flatten)]
    pub(super) fleet: FleetFlags,
}

/// Who the reads of a shard are shared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ReadSharing {
    Shared,
    #[value(alias = "extended")]
    Enhanced,
}

impl StreamFlags {
    /// How the checkpoint table is reached, and which it is.
    pub(super) fn table_access(&self) -> (&TableAccessSettings, Option<&TableName>) {
        self.checkpoint.access()
    }

    /// The number of records that a batch has at most, where it is given.
    pub(super) fn batch_size(&self) -> Option<u16> {
        self.batch_size
    }

    /// The flags, and whether each is given.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let own = [
            ("--or", self.without_row.is_some()),
            ("--batch-size", self.batch_size.is_some()),
            ("--batch-window", self.batch_window.is_some()),
            ("--bisect", self.bisect),
            ("--max-retry-attempts", self.max_retry_attempts.is_some()),
            ("--max-record-age", self.max_record_age.is_some()),
            ("--on-failure", self.on_failure.is_some()),
            ("--mode", self.mode == ReadSharing::Enhanced),
            ("--consumer", self.consumer.is_some()),
            ("--to-checkpoint", self.to_checkpoint),
            ("--force", self.force),
            ("--json", self.json),
            ("--shards", self.shards.is_some()),
            ("--metrics", self.metrics.is_some()),
        ];
        self.read.given().into_iter().chain(own).chain(self.fleet.given())
    }

    /// Checks the flags against each other.
    pub(super) fn check(
        &self,
        settings: &Settings,
        places: &[StreamPlace],
        tumbling_window: Option<Duration>,
    ) -> Result<(), SettingsError> {
        let contradiction = |message: &str| Err(SettingsError::Contradiction(message.to_owned()));
        let start = self.start();
        if self.checkpoint.table.is_none() && (start == StartPosition::Checkpoint || self.to_checkpoint) {
            return contradiction(
                "--from checkpoint and --to-checkpoint take a table: name it with --checkpoint-table",
            );
        }
        if let Some(StartWithoutRow::AtTimestamp(time)) = self.without_row
            && time > now_millis()
        {
            return contradiction("--or names a time in the future: use --or latest");
        }
        if self.checkpoint.skip_acknowledged {
            return contradiction("--skip-acknowledged is for the function: here, --from checkpoint does it");
        }
        ReadFlags::check(&start, self.read.until)?;
        self.fleet.check(&AskedOfFleet {
            places,
            has_table: self.checkpoint.table.is_some(),
            has_windows: tumbling_window.is_some(),
            commit_period: self.checkpoint.period,
            until: self.read.until,
            from: self.read.from.as_ref(),
        })?;
        match (self.mode, &self.consumer) {
            (ReadSharing::Enhanced, None) => {
                return contradiction("--mode enhanced reads by a consumer: name it with --consumer");
            }
            (ReadSharing::Shared, Some(_)) => {
                return contradiction("--consumer is for --mode enhanced: set that as well, or leave it out");
            }
            _ => {}
        }
        if self.json && self.shards.is_some() {
            return contradiction(
                "--shards says which shards a person sees, and --json reports all of them: leave one of the two out",
            );
        }
        if self.on_failure == Some(Target::Discard) {
            return contradiction("--on-failure discard: without --on-failure, what is given up is described nowhere");
        }
        if let Some(on_failure) = &self.on_failure
            && settings.dead_letter().is_some_and(|dead_letter| dead_letter.is_same_place(on_failure))
        {
            return contradiction(
                "dead letters and the descriptions of --on-failure would mix: give them a place each",
            );
        }
        self.checkpoint.check()
    }

    /// Checks that nothing is asked for which a look, that delivers nothing, can't bear.
    pub(super) fn check_look(&self) -> Result<(), SettingsError> {
        let flag = match (self.fleet.balance, self.to_checkpoint) {
            (true, _) => "--balance",
            (false, true) => "--to-checkpoint",
            (false, false) => return Ok(()),
        };
        Err(SettingsError::Contradiction(format!(
            "--show without a destination delivers nothing, and {flag} would commit positions behind what was not delivered: \
             name a destination, with --output for example, or leave {flag} out"
        )))
    }

    /// Checks that nothing is asked for which windows can't bear.
    pub(super) fn check_windows(&self) -> Result<(), SettingsError> {
        let contradiction = |message: &str| Err(SettingsError::Contradiction(message.to_owned()));
        if self.lanes() > 1 {
            return contradiction(
                "--tumbling-window takes --parallelization-factor 1, as Lambda does: leave one of the two out",
            );
        }
        if self.to_checkpoint {
            return contradiction(
                "--to-checkpoint commits positions to resume from, and one inside a window is none, since the window's \
                 state is not there: leave it out with --tumbling-window",
            );
        }
        Ok(())
    }

    /// What is to be read.
    pub(super) async fn plan(
        &self,
        places: Vec<StreamPlace>,
        batches: &BatchFlags,
        check: Option<BatchCheck>,
        tumbling_window: Option<Duration>,
    ) -> ReadPlan {
        let bounds = batches.bounds();
        let start = self.start();
        let checkpoints = match &self.checkpoint.table {
            Some(name) if start == StartPosition::Checkpoint || self.to_checkpoint || self.fleet.balance => {
                Some(Checkpoints {
                    table: checkpoint::open(name, TIME_LIMIT).await,
                    stream_id: self.checkpoint.stream_id.clone(),
                    without_row: self.without_row.unwrap_or_default(),
                    commits: self.to_checkpoint,
                    create: self.checkpoint.create.then_some(self.checkpoint.capacity),
                })
            }
            _ => None,
        };
        ReadPlan {
            places,
            start,
            until: self.read.until,
            mode: match &self.consumer {
                Some(consumer) if self.mode == ReadSharing::Enhanced => ReadMode::Enhanced(consumer.clone()),
                _ => ReadMode::Shared,
            },
            read_options: self.read.read_options(),
            rules: MappingRules {
                on_error: if self.bisect { OnError::Halve } else { OnError::Repeat },
                retries: self.max_retry_attempts,
                record_age: self.max_record_age,
            },
            limits: BatchLimits {
                records: self.batch_size.map_or(BatchLimits::default().records, usize::from),
                bytes: bounds.bytes,
                in_flight: bounds.records,
                window: self.batch_window.unwrap_or_default(),
            },
            check,
            lanes: self.lanes(),
            tumbling_window,
            checkpoints,
            fleet: self.fleet.plan(self.start_of_fleet(), self.checkpoint.period),
            force: if self.force { Force::Yes } else { Force::No },
        }
    }

    /// Where shards begin that nobody has read, where they are shared out.
    fn start_of_fleet(&self) -> FleetStart {
        let otherwise = match self.without_row.unwrap_or_default() {
            StartWithoutRow::TrimHorizon => FleetStart::TrimHorizon,
            StartWithoutRow::Latest => FleetStart::Latest,
            StartWithoutRow::AtTimestamp(time) => FleetStart::AtTimestamp(time),
        };
        start_without_row(self.read.from.as_ref(), otherwise)
    }

    /// Whether the run ends by itself.
    pub(super) fn has_end(&self) -> bool {
        !matches!(self.read.until, None | Some(EndCondition::Never))
    }

    pub(super) fn lanes(&self) -> u8 {
        self.checkpoint.parallelization_factor
    }

    pub(super) fn on_failure(&self) -> Option<&Target> {
        self.on_failure.as_ref().filter(|target| **target != Target::None)
    }

    /// Which shards are seen.
    pub(super) fn shards(&self) -> ShardChoice {
        self.shards.clone().unwrap_or_default()
    }

    /// How positions are committed, if they are. Whatever is processed side by side, what is committed has everything
    /// before it done, so that anyone can go on from it.
    pub(super) fn commits(&self) -> Option<CheckpointSettings> {
        let in_order = CheckpointSettings { parallelization_factor: 1, ..self.checkpoint.clone() };
        (self.to_checkpoint && !self.fleet.balance).then_some(in_order)
    }

    /// Whether positions are committed, by whatever way.
    pub(super) fn has_commits(&self) -> bool {
        self.to_checkpoint || self.fleet.balance
    }

    /// Who names a table means the positions in it: to start elsewhere and commit over them would leave records out. Without
    /// one, a first look is to be small, and nothing that was processed before is to be delivered again.
    fn start(&self) -> StartPosition {
        if self.fleet.balance {
            return StartPosition::Checkpoint;
        }
        match (&self.read.from, &self.checkpoint.table) {
            (Some(start), _) => start.clone(),
            (None, Some(_)) => StartPosition::Checkpoint,
            (None, None) => self.without_row.map_or(StartPosition::Latest, StartPosition::from),
        }
    }
}

/// As the event source mapping has it.
fn batch_window(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::ZERO, Duration::from_secs(300))
}

/// As the event source mapping has it, whole seconds.
pub(super) fn tumbling_window(text: &str) -> Result<Duration, String> {
    let window = duration_within(text, Duration::from_secs(1), Duration::from_secs(900))?;
    match window.subsec_nanos() {
        0 => Ok(window),
        _ => Err(format!("{text:?} is no whole number of seconds: use for example 60s")),
    }
}

fn record_age(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_secs(60), Duration::from_secs(604_800))
}
