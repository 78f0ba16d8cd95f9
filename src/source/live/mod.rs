//! Batches from live streams, delivered as Lambda's event source mapping would: the rules of
//! [`mapping`](super::mapping) over shards that are read, split and merged meanwhile.
//!
//! [`LiveSource::open`] checks everything that can be wrong before a record moves, and [`LiveSource::run`] reads until the streams
//! end, the plan says so, or [`Cancellation`] does. [`ShardStatuses`] is what is seen of it. [`LiveSource::read`] reads as far, and
//! delivers nothing.

mod activity;
mod address;
mod balanced;
mod bounds;
mod cancellation;
mod commits;
mod consumer;
mod context;
mod durations;
mod end;
mod enhanced;
mod followed;
mod in_flight;
mod lane;
mod lineage;
mod on_failure;
mod page;
mod plan;
mod position_probe;
mod read_ledger;
mod reader;
mod reading;
mod refusal;
mod run_name;
mod runs;
mod shard;
mod shared;
mod starts;
mod statuses;
mod stream_list;
mod streams;
mod waits;
mod windowed;

use aws_sdk_kinesis::types::Record;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at};

pub use activity::{BatchStage, BatchUnderWay};
pub use address::{InvalidStream, StreamPlace};
pub use balanced::FleetPlan;
pub use bounds::{EndCondition, StartPosition, StartWithoutRow};
pub use cancellation::{Cancellation, GRACE};
pub use commits::LAST_COMMIT;
pub use consumer::ConsumerName;
pub use durations::Durations;
pub use on_failure::OnFailure;
pub use plan::{Checkpoints, Force, ReadMode, ReadPlan};
pub use position_probe::{FoundRecord, NextRecord, PositionProbe};
pub use refusal::LiveError;
pub use run_name::run_name;
pub use shared::ReadOptions;
pub use statuses::{CommitOutcome, ShardStage, ShardStatuses, ShardView};
pub use stream_list::{CapacityMode, Refusal, StreamDetails, StreamProfile, stream_profiles};
pub use waits::{AwaitedPart, RunWatch, Wait, stream_wait};

pub(super) use page::arrived_at;
pub(super) use refusal::{ITERATOR, READ};
pub(super) use streams::{LiveStream, ShardStart, patiently_within};

use balanced::{BalancedParts, ShardNews};
use commits::CheckpointCommits;
use context::{RunContext, RunStopped};
use followed::{FollowedShards, ReadyShard, ShardEnd};
use page::batch_of;
use plan::OpenStream;
use reading::Reading;
use shard::follow;

use crate::checkpoint::CheckpointWriter;
use crate::event::Batch;
use crate::fleet::LeaseTable;
use crate::processor::Processor;
use crate::sink::Target;

/// Streams that are open, at places from which they can be read.
#[derive(Debug)]
pub struct LiveSource {
    plan: ReadPlan,
    streams: Vec<OpenStream>,
    opened_at: u64,
}

/// What a run takes besides its plan.
pub struct RunParts<'a> {
    /// Processes the batches.
    pub processor: &'a Processor,
    /// Where positions are committed, if they are.
    pub checkpoint_writer: Option<&'a CheckpointWriter>,
    /// Where descriptions of records go that are given up.
    pub on_failure: Option<&'a OnFailure>,
    /// Ends it.
    pub cancellation: &'a Cancellation,
    /// Shows it.
    pub statuses: &'a ShardStatuses,
}

impl LiveSource {
    /// How many shards are begun at once.
    pub fn shards(&self) -> usize {
        self.streams.iter().map(OpenStream::count).sum()
    }

    /// Whether a target is one of the streams that are read.
    pub fn reads_from(&self, target: &Target) -> bool {
        self.streams.iter().any(|open| match target {
            Target::Aws(target) => target.arn().to_string() == open.stream.arn,
            Target::Stdout | Target::None | Target::Discard | Target::File(_) => false,
        })
    }

    /// The ids of all shards that the streams had when they were opened, also of those that are begun later or never.
    pub fn shard_ids(&self) -> impl Iterator<Item = &str> {
        self.streams.iter().flat_map(|open| open.lineage.ids())
    }

    /// Reads and delivers until there is an end to it.
    ///
    /// # Errors
    /// When a stream can't be read any further. What was read before is done with by then, as far as it goes.
    pub async fn run(self, parts: RunParts<'_>) -> Result<(), LiveError> {
        let news = &ShardNews::default();
        let context = &RunContext {
            processor: parts.processor,
            rules: self.plan.rules,
            limits: self.plan.limits,
            check: self.plan.check.clone(),
            lanes: usize::from(self.plan.lanes.max(1)),
            tumbling_window: self.plan.tumbling_window,
            on_failure: parts.on_failure,
            commits: match &self.plan.fleet {
                Some(_) => CheckpointCommits::with_leases(news),
                None => CheckpointCommits::new(parts.checkpoint_writer),
            },
            is_forced: self.plan.force == Force::Yes,
            reading: Reading::until(self.plan.until, self.opened_at, parts.cancellation),
        };
        for (shard, at) in self.streams.iter().flat_map(|open| &open.broken_off) {
            parts.processor.goes_on_at(shard, at.clone());
        }
        if let (Some(fleet), Some(checkpoints)) = (&self.plan.fleet, &self.plan.checkpoints) {
            let table = LeaseTable::new(checkpoints.table.clone(), run_name(), fleet.table_timeout);
            let RunParts { statuses, cancellation, .. } = parts;
            let (plan, streams) = (&self.plan, &self.streams[..]);
            let parts = BalancedParts { plan, streams, context, statuses, cancellation, news, fleet, table };
            return balanced::run(parts).await;
        }
        let follow = |ready| -> ShardEnd<'_> { Box::pin(follow(context, ready)) };
        let mut followed = FollowedShards::begin(self, parts.statuses, parts.cancellation, follow);
        let period = parts.checkpoint_writer.map(CheckpointWriter::period).filter(|period| !period.is_zero());
        let pause = period.unwrap_or(std::time::Duration::from_secs(3600));
        let mut flushes = interval_at(Instant::now() + pause, pause);
        let beating = runs::beat(&context.commits, parts.statuses);
        tokio::pin!(beating);
        loop {
            tokio::select! {
                left = followed.one_is_left() => if left.is_none() { break },
                () = &mut beating => {}
                // A shard that fell quiet has no batch to be written with.
                _ = flushes.tick() => {
                    if let (Some(checkpoint_writer), Some(_)) = (parts.checkpoint_writer, period) {
                        checkpoint_writer.flush(checkpoint_writer.timeout()).await;
                    }
                }
            }
        }
        followed.end()
    }

    /// Reads until there is an end to it, and gives the records away: batches of one shard each, in its order. Nothing is
    /// delivered, and no position is written. Of each shard, the next page is read when the one before is taken.
    ///
    /// Without anybody to take them, it ends.
    ///
    /// # Errors
    /// When a stream can't be read any further.
    pub async fn read(
        self,
        batches: &mpsc::Sender<Batch>,
        statuses: &ShardStatuses,
        cancellation: &Cancellation,
    ) -> Result<(), LiveError> {
        let reading = &Reading::until(self.plan.until, self.opened_at, cancellation);
        let follow = |ready| -> ShardEnd<'_> { Box::pin(give_away(reading, batches, ready)) };
        let mut followed = FollowedShards::begin(self, statuses, cancellation, follow);
        loop {
            tokio::select! {
                left = followed.one_is_left() => if left.is_none() { break },
                // A shard that has nothing new would not learn of it.
                () = batches.closed(), if !cancellation.is_stopped() => cancellation.stop(),
            }
        }
        followed.end()
    }
}

/// Gives the records of a shard away until it ends, or reading does.
async fn give_away(
    reading: &Reading<'_>,
    batches: &mpsc::Sender<Batch>,
    ready: ReadyShard,
) -> Result<ShardStage, LiveError> {
    let ReadyShard { statuses, mut reader, cancellation, .. } = ready;
    let give = async |records: Vec<Record>| match records.is_empty() {
        true => Ok(()),
        false => batches.send(batch_of(statuses.shard(), records.iter())).await.map_err(|_| RunStopped),
    };
    let stage = reading.read(&cancellation, &statuses, &mut reader, give).await;
    statuses.is_at(stage.as_ref().map_or(ShardStage::Stopped, |stage| *stage));
    stage
}
