//! The flags by which processes share the shards of streams out, and what they come to.

use std::time::Duration;

use clap::Args;

use crate::assembly;
use crate::cli::read_flags::duration_within;
use crate::fleet::{FleetOptions, FleetStart};
use crate::settings::SettingsError;
use crate::source::live::{EndCondition, FleetPlan, StartPosition, StreamPlace};

/// How shards are shared out with other processes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Of a fleet")]
pub(super) struct FleetFlags {
    /// Share the shards of the streams out with all processes that have the same --checkpoint-table, by leases in its rows:
    /// each shard is read by one of them, and positions are committed. --from says where a shard begins that nobody has read
    /// [default: trim-horizon]. With shards in --input (readings:0), this process claims those, and keeps them
    #[arg(long)]
    pub(super) balance: bool,

    /// How long a lease lasts without a sign of life of its process; of a process that is gone, others take the shards over
    /// after 1.25 times that [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = lease_period)]
    lease_period: Option<Duration>,

    /// How often this process looks whether it has its share of the shards [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = rebalance_period)]
    rebalance_period: Option<Duration>,

    /// How long to wait after the next commit of a client that shards are taken from; only of clients that know no hand-over, as
    /// Redpanda Connect [default: 2s]
    #[arg(long, value_name = "DURATION", value_parser = steal_grace_period)]
    steal_grace_period: Option<Duration>,

    /// Name of this process in the table [default: a random one]
    #[arg(long, value_name = "NAME", value_parser = client_id)]
    client_id: Option<String>,

    /// How long what is in flight may take at the end, and when a shard is handed over, 1s to 15m [default: 15s]
    #[arg(long, value_name = "DURATION", value_parser = drain_timeout)]
    drain_timeout: Option<Duration>,
}

impl FleetFlags {
    /// The flags, and whether each is given.
    pub(super) fn given(&self) -> [(&'static str, bool); 6] {
        [
            ("--balance", self.balance),
            ("--lease-period", self.lease_period.is_some()),
            ("--rebalance-period", self.rebalance_period.is_some()),
            ("--steal-grace-period", self.steal_grace_period.is_some()),
            ("--client-id", self.client_id.is_some()),
            ("--drain-timeout", self.drain_timeout.is_some()),
        ]
    }

    /// How long what is in flight may take at the end; none: nobody says it.
    pub(super) fn drain_timeout(&self) -> Option<Duration> {
        self.drain_timeout
    }

    /// Checks the flags against each other, and against what else is asked of the run.
    pub(super) fn check(&self, run: &AskedOfFleet<'_>) -> Result<(), SettingsError> {
        let contradiction = |message: String| Err(SettingsError::Contradiction(message));
        if !self.balance {
            // The periods have no effect then: a file that has them serves a single run as well.
            return match self.client_id {
                Some(_) => contradiction("--client-id is for --balance: set that as well, or leave it out".to_owned()),
                None => Ok(()),
            };
        }
        if !run.has_table {
            return contradiction(
                "--balance shares shards out by leases in a table: name it with --checkpoint-table".to_owned(),
            );
        }
        if !matches!(run.until, None | Some(EndCondition::Never)) {
            return contradiction(
                "--until ends a run, and shards that one process of a fleet leaves are taken up by another: leave out \
                 --until or --balance"
                    .to_owned(),
            );
        }
        if let Some(StartPosition::AtSequenceNumber(_) | StartPosition::AfterSequenceNumber(_)) = run.from {
            return contradiction(
                "--from says where shards without a row begin, with --balance, and a sequence number is one of a single shard: \
                 use trim-horizon, latest or a time"
                    .to_owned(),
            );
        }
        if run.has_windows {
            return contradiction(
                "--balance commits positions to resume from, and one inside a window is none, since the window's state is not \
                 there: leave it out with --tumbling-window"
                    .to_owned(),
            );
        }
        let named = run.places.iter().filter(|place| place.shard.is_some()).count();
        if named != 0 && named != run.places.len() {
            return contradiction(
                "with --balance, --input names either shards, which this process keeps, or whole streams, which are shared out: \
                 use a process for each"
                    .to_owned(),
            );
        }
        let options = self.options(FleetStart::TrimHorizon, run.commit_period);
        if options.commit_period > options.lease_period / 3 {
            return contradiction(format!(
                "--commit-period {} is more than a third of --lease-period {}: a lease is renewed with each commit",
                humantime::format_duration(options.commit_period),
                humantime::format_duration(options.lease_period),
            ));
        }
        Ok(())
    }

    /// How the streams are shared out; none: they are not.
    pub(super) fn plan(&self, start: FleetStart, commit_period: Duration) -> Option<FleetPlan> {
        let client = self.client_id.clone().unwrap_or_else(random_client_id);
        self.balance.then(|| FleetPlan {
            client,
            options: self.options(start, commit_period),
            // A lease that can't be renewed is tried again in time.
            table_timeout: (self.lease_period.unwrap_or(FleetOptions::default().lease_period) / 4)
                .min(assembly::TABLE_TIME_LIMIT),
        })
    }

    fn options(&self, start: FleetStart, commit_period: Duration) -> FleetOptions {
        let defaults = FleetOptions::default();
        let lease_period = self.lease_period.unwrap_or(defaults.lease_period);
        FleetOptions {
            lease_period,
            rebalance_period: self.rebalance_period.unwrap_or(defaults.rebalance_period),
            steal_grace_period: self.steal_grace_period.unwrap_or(defaults.steal_grace_period),
            commit_period: match commit_period.is_zero() {
                true => defaults.commit_period.min(lease_period / 3),
                false => commit_period,
            },
            drain_timeout: self.drain_timeout.unwrap_or(defaults.drain_timeout),
            start,
        }
    }
}

/// What is asked of a run beside the flags of a fleet.
pub(super) struct AskedOfFleet<'a> {
    pub(super) places: &'a [StreamPlace],
    pub(super) has_table: bool,
    pub(super) has_windows: bool,
    /// Zero: the default of a fleet.
    pub(super) commit_period: Duration,
    pub(super) until: Option<EndCondition>,
    pub(super) from: Option<&'a StartPosition>,
}

/// Where shards without a row begin, by `--from` and `--or`.
pub(super) fn start_without_row(from: Option<&StartPosition>, otherwise: FleetStart) -> FleetStart {
    match from {
        Some(StartPosition::Latest) => FleetStart::Latest,
        Some(StartPosition::AtTimestamp(time)) => FleetStart::AtTimestamp(*time),
        Some(StartPosition::TrimHorizon) => FleetStart::TrimHorizon,
        Some(
            StartPosition::Checkpoint | StartPosition::AtSequenceNumber(_) | StartPosition::AfterSequenceNumber(_),
        )
        | None => otherwise,
    }
}

fn random_client_id() -> String {
    format!("kinesieve-{:016x}", fastrand::u64(..))
}

fn lease_period(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_secs(5), Duration::from_secs(3600))
}

fn rebalance_period(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_secs(1), Duration::from_secs(3600))
}

fn steal_grace_period(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::ZERO, Duration::from_secs(300))
}

fn drain_timeout(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_secs(1), Duration::from_secs(900))
}

/// The most that a name of a client has, in bytes: it is written with each renewal.
const LONGEST_CLIENT_ID: usize = 200;

fn client_id(text: &str) -> Result<String, String> {
    if text.trim() != text || text.is_empty() || text.chars().any(char::is_control) {
        return Err(format!("{text:?} is no name: use letters, digits and signs between them"));
    }
    match text.len() {
        0..=LONGEST_CLIENT_ID => Ok(text.to_owned()),
        length => Err(format!("it has {length} bytes, and may have {LONGEST_CLIENT_ID}")),
    }
}
