//! The shards of a source, each followed from where it starts, and those that come of them.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;

use super::LiveSource;
use super::cancellation::{Cancellation, CancellationLevel};
use super::lineage::{ListedShard, NotBegun};
use super::reader::ShardReader;
use super::refusal::LiveError;
use super::statuses::{ShardBoard, ShardStage, ShardStatuses};
use super::streams::LiveStream;
use crate::checkpoint::GoneRun;
use crate::event::Shard;

/// How often a stream is asked for the children of a shard that ended.
const LISTINGS: u32 = 5;

/// Between two such questions.
const BETWEEN_LISTINGS: std::time::Duration = std::time::Duration::from_secs(1);

/// A shard that is ready to be followed.
pub(super) struct ReadyShard {
    pub(super) statuses: Arc<ShardBoard>,
    pub(super) reader: ShardReader,
    /// The run that was at work on it before.
    pub(super) gone: Option<GoneRun>,
    /// Ends the work on it.
    pub(super) cancellation: Cancellation,
}

/// What becomes of a shard that is followed.
pub(super) type ShardEnd<'f> = LocalBoxFuture<'f, Result<ShardStage, LiveError>>;

/// What became of one shard: of which stream it is, its id, how it was left, and what the stream lists after its end.
type ShardLeft = (usize, String, Result<(ShardStage, Vec<ListedShard>), LiveError>);

/// The shards of a source, while they are followed: each by what `follow` makes of it.
pub(super) struct FollowedShards<'f, F> {
    source: LiveSource,
    statuses: &'f ShardStatuses,
    cancellation: &'f Cancellation,
    follow: F,
    running: FuturesUnordered<LocalBoxFuture<'f, ShardLeft>>,
    failure: Option<LiveError>,
}

impl<'f, F: Fn(ReadyShard) -> ShardEnd<'f>> FollowedShards<'f, F> {
    /// Begins those that are ready for it.
    pub(super) fn begin(
        source: LiveSource,
        statuses: &'f ShardStatuses,
        cancellation: &'f Cancellation,
        follow: F,
    ) -> Self {
        let running = FuturesUnordered::new();
        let mut followed = Self { source, statuses, cancellation, follow, running, failure: None };
        for index in 0..followed.source.streams.len() {
            followed.begin_ready(index);
        }
        followed
    }

    /// Waits until one of them is left, and begins those that were waiting for that. Dropped while it waits, it loses nothing.
    /// None: all of them are left.
    pub(super) async fn one_is_left(&mut self) -> Option<()> {
        let (index, shard_id, left) = self.running.next().await?;
        match left {
            Ok((ShardStage::Ended, listed)) => {
                let open = &mut self.source.streams[index];
                open.lineage.ended(&shard_id);
                if open.follows_children() {
                    open.lineage.learn(listed);
                }
                self.begin_ready(index);
            }
            Ok((ShardStage::Reached, _)) => self.source.streams[index].lineage.reached(&shard_id),
            Ok(_) => {}
            Err(error) => {
                self.failure.get_or_insert(error);
                self.cancellation.stop();
            }
        }
        Some(())
    }

    /// Says which shards were never begun.
    ///
    /// # Errors
    /// The first that ended a shard, and all others with it.
    pub(super) fn end(self) -> Result<(), LiveError> {
        self.say_what_was_not_begun();
        self.failure.map_or(Ok(()), Err)
    }

    /// Adds the shards that were never begun to what is seen of the run.
    fn say_what_was_not_begun(&self) {
        for open in &self.source.streams {
            for (id, reason) in open.lineage.not_begun() {
                let stage = match reason {
                    NotBegun::LeftOut => ShardStage::LeftOut,
                    NotBegun::AfterEnd => ShardStage::AfterEnd,
                    NotBegun::Waits => ShardStage::NotBegun,
                };
                self.statuses.add(Shard { stream_arn: open.stream.arn.clone(), id }).is_at(stage);
            }
        }
    }

    /// Begins the shards of a stream that are ready for it.
    fn begin_ready(&mut self, index: usize) {
        for shard_id in self.source.streams[index].lineage.take_ready() {
            let open = &self.source.streams[index];
            let shard = Shard { stream_arn: open.stream.arn.clone(), id: shard_id.clone() };
            let statuses = self.statuses.add(shard);
            let stream = open.stream.clone();
            let gone = open.gone.get(&shard_id).cloned();
            let reader = open.reader(&shard_id, self.source.plan.read_options, &statuses);
            // Of a shard that was closed when it was listed, they are known already.
            let asks_for_children = open.follows_children() && !open.lineage.has_children(&shard_id);
            let end = (self.follow)(ReadyShard { statuses, reader, gone, cancellation: self.cancellation.clone() });
            let cancellation = self.cancellation;
            self.running.push(Box::pin(async move {
                let left = match end.await {
                    Ok(ShardStage::Ended) if asks_for_children => {
                        children(&stream, &shard_id, cancellation).await.map(|listed| (ShardStage::Ended, listed))
                    }
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
