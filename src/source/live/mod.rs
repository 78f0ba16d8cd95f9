//! Batches from live streams, delivered as Lambda's event source mapping would: the rules of
//! [`mapping`](super::mapping) over shards that are read, split and merged meanwhile.
//!
//! [`LiveSource::open`] checks everything that can be wrong before a record moves, and [`LiveSource::run`] reads until the streams
//! end, the plan says so, or [`Cancellation`] does. [`ShardStatuses`] is what is seen of it.

mod activity;
mod address;
mod bounds;
mod cancellation;
mod commits;
mod context;
mod durations;
mod end;
mod enhanced;
mod lane;
mod lineage;
mod on_failure;
mod page;
mod plan;
mod read_ledger;
mod reader;
mod refusal;
mod run_name;
mod runs;
mod shard;
mod shared;
mod statuses;
mod streams;
mod waits;
mod windowed;

use std::cell::Cell;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, interval_at};

pub use activity::{BatchStage, BatchUnderWay};
pub use address::{InvalidStream, StreamPlace};
pub use bounds::{EndCondition, StartPosition};
pub use cancellation::{Cancellation, GRACE};
pub use commits::LAST_COMMIT;
pub use durations::Durations;
pub use on_failure::OnFailure;
pub use plan::{Checkpoints, Force, ReadMode, ReadPlan};
pub use refusal::LiveError;
pub use run_name::run_name;
pub use shared::ReadOptions;
pub use statuses::{CommitOutcome, ShardStage, ShardStatuses, ShardView};
pub use waits::{AwaitedPart, RunWatch, Wait};

pub(super) use page::arrived_at;
pub(super) use refusal::{ITERATOR, READ};
pub(super) use streams::{LiveStream, ShardStart, patiently_within};

use cancellation::CancellationLevel;
use commits::CheckpointCommits;
use context::RunContext;
use end::ReadEnd;
use enhanced::Subscription;
use lineage::{ListedShard, NotBegun};
use plan::OpenStream;
use reader::ShardReader;
use shard::follow;
use shared::Polling;

use crate::checkpoint::CheckpointWriter;
use crate::event::Shard;
use crate::processor::Processor;
use crate::sink::Target;

/// How often a stream is asked for the children of a shard that ended.
const LISTINGS: u32 = 5;

/// Between two such questions.
const BETWEEN_LISTINGS: std::time::Duration = std::time::Duration::from_secs(1);

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

/// What became of one shard: of which stream it is, its id, how it was left, and what the stream lists after its end.
type ShardLeft = (usize, String, Result<(ShardStage, Vec<ListedShard>), LiveError>);

impl LiveSource {
    /// How many shards are begun at once.
    pub fn shards(&self) -> usize {
        self.streams.iter().map(OpenStream::count).sum()
    }

    /// Whether a target is one of the streams that are read.
    pub fn reads_from(&self, target: &Target) -> bool {
        self.streams.iter().any(|open| match target {
            Target::Aws(target) => target.arn().to_string() == open.stream.arn,
            Target::Stdout | Target::None | Target::File(_) => false,
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
    pub async fn run(mut self, parts: RunParts<'_>) -> Result<(), LiveError> {
        let context = RunContext {
            processor: parts.processor,
            rules: self.plan.rules,
            limits: self.plan.limits,
            lanes: usize::from(self.plan.lanes.max(1)),
            tumbling_window: self.plan.tumbling_window,
            on_failure: parts.on_failure,
            commits: CheckpointCommits::new(parts.checkpoint_writer),
            is_forced: self.plan.force == Force::Yes,
            cancellation: parts.cancellation,
            end: match self.plan.until {
                Some(EndCondition::Now) => ReadEnd::AtTheStart(self.opened_at),
                Some(EndCondition::AtTimestamp(time)) => ReadEnd::AtTimestamp(time),
                Some(EndCondition::Count(_)) | None => ReadEnd::Never,
            },
            budget: match self.plan.until {
                Some(EndCondition::Count(count)) => Some(Cell::new(count.get())),
                _ => None,
            },
        };
        let mut running: FuturesUnordered<LocalBoxFuture<'_, ShardLeft>> = FuturesUnordered::new();
        for index in 0..self.streams.len() {
            self.begin(index, &context, parts.statuses, &running);
        }
        let period = parts.checkpoint_writer.map(CheckpointWriter::period).filter(|period| !period.is_zero());
        let pause = period.unwrap_or(std::time::Duration::from_secs(3600));
        let mut flushes = interval_at(Instant::now() + pause, pause);
        let beating = runs::beat(&context.commits, parts.statuses);
        tokio::pin!(beating);
        let mut failure = None;
        loop {
            let left = tokio::select! {
                left = running.next() => left,
                () = &mut beating => continue,
                // A shard that fell quiet has no batch to be written with.
                _ = flushes.tick() => {
                    if let (Some(checkpoint_writer), Some(_)) = (parts.checkpoint_writer, period) {
                        checkpoint_writer.flush(checkpoint_writer.timeout()).await;
                    }
                    continue;
                }
            };
            let Some((index, shard_id, left)) = left else { break };
            match left {
                Ok((ShardStage::Ended, listed)) => {
                    let lineage = &mut self.streams[index].lineage;
                    lineage.ended(&shard_id);
                    if self.streams[index].follows_children() {
                        self.streams[index].lineage.learn(listed);
                    }
                    self.begin(index, &context, parts.statuses, &running);
                }
                Ok((ShardStage::Reached, _)) => self.streams[index].lineage.reached(&shard_id),
                Ok(_) => {}
                Err(error) => {
                    failure.get_or_insert(error);
                    parts.cancellation.stop();
                }
            }
        }
        self.say_what_was_not_begun(parts.statuses);
        failure.map_or(Ok(()), Err)
    }

    /// Adds the shards that were never begun to what is seen of the run.
    fn say_what_was_not_begun(&self, statuses: &ShardStatuses) {
        for open in &self.streams {
            for (id, reason) in open.lineage.not_begun() {
                let stage = match reason {
                    NotBegun::LeftOut => ShardStage::LeftOut,
                    NotBegun::AfterEnd => ShardStage::AfterEnd,
                    NotBegun::Waits => ShardStage::NotBegun,
                };
                statuses.add(Shard { stream_arn: open.stream.arn.clone(), id }).is_at(stage);
            }
        }
    }

    /// Begins the shards of a stream that are ready for it.
    fn begin<'f>(
        &mut self,
        index: usize,
        context: &'f RunContext<'f>,
        statuses: &ShardStatuses,
        running: &FuturesUnordered<LocalBoxFuture<'f, ShardLeft>>,
    ) {
        let open = &mut self.streams[index];
        for shard_id in open.lineage.take_ready() {
            let start = open.start_of(&shard_id);
            let statuses = statuses.add(Shard { stream_arn: open.stream.arn.clone(), id: shard_id.clone() });
            let stream = open.stream.clone();
            let gone = open.gone.get(&shard_id).cloned();
            let reader = match &open.consumer_arn {
                None => {
                    let read_options = self.plan.read_options;
                    ShardReader::Shared(Polling::new(
                        stream.clone(),
                        &shard_id,
                        start,
                        read_options,
                        Arc::clone(&statuses),
                    ))
                }
                Some(arn) => {
                    let statuses = Arc::clone(&statuses);
                    ShardReader::Enhanced(Box::new(Subscription::new(stream.clone(), arn, &shard_id, start, statuses)))
                }
            };
            // Of a shard that was closed when it was listed, they are known already.
            let asks_for_children = open.follows_children() && !open.lineage.has_children(&shard_id);
            running.push(Box::pin(async move {
                let left = match follow(context, &statuses, reader, gone.as_ref()).await {
                    Ok(ShardStage::Ended) if asks_for_children => children(&stream, &shard_id, context.cancellation)
                        .await
                        .map(|listed| (ShardStage::Ended, listed)),
                    Ok(stage) => Ok((stage, Vec::new())),
                    Err(error) => Err(error),
                };
                (index, shard_id, left)
            }));
        }
    }
}

/// What a stream lists once one of its shards has ended: with the children of that one, which are there before it ends.
async fn children(
    stream: &LiveStream,
    shard_id: &str,
    cancellation: &Cancellation,
) -> Result<Vec<ListedShard>, LiveError> {
    let mut listings = 0;
    loop {
        listings += 1;
        let listing = tokio::select! {
            biased;
            () = cancellation.reaches(CancellationLevel::Stop) => return Ok(Vec::new()),
            listing = stream.shards() => listing,
        };
        match listing {
            Ok(listed) => {
                let has_children = listed.iter().any(|shard| shard.parents.iter().any(|parent| parent == shard_id));
                if has_children {
                    return Ok(listed);
                }
                if listings >= LISTINGS {
                    tracing::warn!(shard_id, "the shard is closed, but the stream lists no shard that came of it");
                    return Ok(listed);
                }
            }
            Err(error @ LiveError::Refused { .. }) => tracing::warn!("{error}; it is tried again"),
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = cancellation.reaches(CancellationLevel::Stop) => return Ok(Vec::new()),
            () = tokio::time::sleep(BETWEEN_LISTINGS) => {}
        }
    }
}
