//! Batches from live streams, delivered as Lambda's event source mapping would: the rules of
//! [`mapping`](super::mapping) over shards that are read, split and merged meanwhile.
//!
//! [`Live::open`] checks everything that can be wrong before a record moves, and [`Live::run`] reads until the streams
//! end, the plan says so, or [`Halt`] does. [`Board`] is what is seen of it.

mod board;
mod bounds;
mod clock;
mod commits;
mod context;
mod end;
mod enhanced;
mod halt;
mod lane;
mod ledger;
mod lineage;
mod on_failure;
mod page;
mod place;
mod plan;
mod reader;
mod refusal;
mod shard;
mod shared;
mod streams;
mod windowed;

use std::cell::Cell;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, interval_at};

pub use board::{Board, Commit, ShardView, Stage};
pub use bounds::{Start, Until};
pub use halt::Halt;
pub use on_failure::OnFailure;
pub use place::{InvalidStream, StreamPlace};
pub use plan::{Checkpoints, Force, Plan, ReadMode};
pub use refusal::LiveError;
pub use shared::Manners;

use commits::Commits;
use context::Context;
use end::End;
use enhanced::Subscription;
use halt::Level;
use lineage::Listed;
use plan::OpenStream;
use reader::Reader;
use shard::follow;
use shared::Polling;
use streams::Stream;

use crate::checkpoint::Mirror;
use crate::event::Shard;
use crate::processor::Processor;

/// How often a stream is asked for the children of a shard that ended.
const LISTINGS: u32 = 5;

/// Between two such questions.
const BETWEEN_LISTINGS: std::time::Duration = std::time::Duration::from_secs(1);

/// Streams that are open, at places from which they can be read.
#[derive(Debug)]
pub struct Live {
    plan: Plan,
    streams: Vec<OpenStream>,
    opened_at: u64,
}

/// What a run takes besides its plan.
pub struct Parts<'a> {
    /// Processes the batches.
    pub processor: &'a Processor,
    /// Where positions are committed, if they are.
    pub mirror: Option<&'a Mirror>,
    /// Where descriptions of records go that are given up.
    pub on_failure: Option<&'a OnFailure>,
    /// Ends it.
    pub halt: &'a Halt,
    /// Shows it.
    pub board: &'a Board,
}

/// What became of one shard: of which stream it is, its id, how it was left, and what the stream lists after its end.
type Left = (usize, String, Result<(Stage, Vec<Listed>), LiveError>);

impl Live {
    /// How many shards are begun at once.
    pub fn shards(&self) -> usize {
        self.streams.iter().map(OpenStream::count).sum()
    }

    /// Reads and delivers until there is an end to it.
    ///
    /// # Errors
    /// When a stream can't be read any further. What was read before is done with by then, as far as it goes.
    pub async fn run(mut self, parts: Parts<'_>) -> Result<(), LiveError> {
        let context = Context {
            processor: parts.processor,
            rules: self.plan.rules,
            limits: self.plan.limits,
            lanes: usize::from(self.plan.lanes.max(1)),
            tumbling_window: self.plan.tumbling_window,
            on_failure: parts.on_failure,
            commits: Commits::new(parts.mirror),
            halt: parts.halt,
            end: match self.plan.until {
                Some(Until::Now) => End::AtTheStart(self.opened_at),
                Some(Until::AtTimestamp(time)) => End::AtTimestamp(time),
                Some(Until::Count(_)) | None => End::Never,
            },
            budget: match self.plan.until {
                Some(Until::Count(count)) => Some(Cell::new(count.get())),
                _ => None,
            },
        };
        let mut running: FuturesUnordered<LocalBoxFuture<'_, Left>> = FuturesUnordered::new();
        for index in 0..self.streams.len() {
            self.begin(index, &context, parts.board, &running);
        }
        let period = parts.mirror.map(Mirror::period).filter(|period| !period.is_zero());
        let pause = period.unwrap_or(std::time::Duration::from_secs(3600));
        let mut flushes = interval_at(Instant::now() + pause, pause);
        let mut failure = None;
        loop {
            let left = tokio::select! {
                left = running.next() => left,
                // A shard that fell quiet has no batch to be written with.
                _ = flushes.tick() => {
                    if let (Some(mirror), Some(_)) = (parts.mirror, period) {
                        mirror.flush(mirror.timeout()).await;
                    }
                    continue;
                }
            };
            let Some((index, shard_id, left)) = left else { break };
            match left {
                Ok((Stage::Ended, listed)) => {
                    let lineage = &mut self.streams[index].lineage;
                    lineage.ended(&shard_id);
                    if self.streams[index].follows_children() {
                        self.streams[index].lineage.learn(listed);
                    }
                    self.begin(index, &context, parts.board, &running);
                }
                Ok(_) => {}
                Err(error) => {
                    failure.get_or_insert(error);
                    parts.halt.stop();
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Begins the shards of a stream that are ready for it.
    fn begin<'f>(
        &mut self,
        index: usize,
        context: &'f Context<'f>,
        board: &Board,
        running: &FuturesUnordered<LocalBoxFuture<'f, Left>>,
    ) {
        let open = &mut self.streams[index];
        for shard_id in open.lineage.take_ready() {
            let start = open.start_of(&shard_id);
            let board = board.add(Shard { stream_arn: open.stream.arn.clone(), id: shard_id.clone() });
            let stream = open.stream.clone();
            let reader = match &open.consumer_arn {
                None => {
                    let manners = self.plan.manners;
                    Reader::Shared(Polling::new(stream.clone(), &shard_id, start, manners, Arc::clone(&board)))
                }
                Some(arn) => {
                    let board = Arc::clone(&board);
                    Reader::Enhanced(Box::new(Subscription::new(stream.clone(), arn, &shard_id, start, board)))
                }
            };
            let follows_children = open.follows_children();
            running.push(Box::pin(async move {
                let left = match follow(context, &board, reader).await {
                    Ok(Stage::Ended) if follows_children => {
                        children(&stream, &shard_id, context.halt).await.map(|listed| (Stage::Ended, listed))
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
async fn children(stream: &Stream, shard_id: &str, halt: &Halt) -> Result<Vec<Listed>, LiveError> {
    let mut listings = 0;
    loop {
        listings += 1;
        match stream.shards().await {
            Ok(listed) => {
                let has_children = listed.iter().any(|shard| shard.parents.iter().any(|parent| parent == shard_id));
                if has_children || listings >= LISTINGS {
                    return Ok(listed);
                }
            }
            Err(error @ LiveError::Refused { .. }) => tracing::warn!("{error}; it is tried again"),
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = halt.reaches(Level::Stop) => return Ok(Vec::new()),
            () = tokio::time::sleep(BETWEEN_LISTINGS) => {}
        }
    }
}
