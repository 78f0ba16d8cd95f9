//! What is seen of a run: how far each shard is, and what became of its records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::refusal::LiveError;
use crate::checkpoint::BlockedProgress;
use crate::event::Shard;
use crate::processor::{Counts, Report};
use crate::timestamp::now_millis;

/// All shards of a run, in the order in which they were begun.
#[derive(Debug, Default)]
pub struct ShardStatuses {
    shards: Mutex<Vec<Arc<ShardBoard>>>,
}

/// One shard of a run.
#[derive(Debug)]
pub struct ShardBoard {
    shard: Shard,
    view: Mutex<ShardView>,
}

/// How far a shard is.
#[derive(Debug, Clone)]
pub struct ShardView {
    /// Which one.
    pub shard: Shard,
    /// What is done with it.
    pub stage: ShardStage,
    /// Reads that were answered, or events that were pushed.
    pub reads: u64,
    /// Bytes that were read.
    pub read_bytes: u64,
    /// Reads that were refused since the shard's consumers read too much together.
    pub throttled: u64,
    /// Why the last read failed, if it did.
    pub trouble: Option<String>,
    /// What became of its records. One that comes again is counted each time.
    pub counts: Counts,
    /// Records that the rules gave up.
    pub discarded: u64,
    /// How far it is behind the end of the shard.
    pub behind: Duration,
    /// The last sequence number that is done with all before it.
    pub position: Option<String>,
    /// The record that it is blocked at.
    pub stuck: Option<BlockedProgress>,
    /// How the position was last committed.
    pub commit: CommitOutcome,
    /// The arrival of the oldest record that was read and is not done.
    oldest_arrival: Option<u64>,
}

impl ShardView {
    /// A shard of which nothing was read yet.
    pub(crate) fn begun(shard: Shard) -> Self {
        Self {
            shard,
            stage: ShardStage::Reading,
            reads: 0,
            read_bytes: 0,
            throttled: 0,
            trouble: None,
            counts: Counts::default(),
            discarded: 0,
            behind: Duration::ZERO,
            position: None,
            stuck: None,
            commit: CommitOutcome::None,
            oldest_arrival: None,
        }
    }
}

/// What is done with a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardStage {
    /// It is being read.
    Reading,
    /// It was read to its end: it was split or merged.
    Ended,
    /// It was read as far as it was wanted.
    Reached,
    /// The run was stopped.
    Stopped,
    /// It was not begun: nothing of it is wanted from the start of the run.
    LeftOut,
    /// It was not begun: all of it is later than the end of the run.
    AfterEnd,
    /// It was not begun: a shard that it came from was not read to its end.
    NotBegun,
}

impl ShardStage {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            ShardStage::Reading => "reading",
            ShardStage::Ended => "ended",
            ShardStage::Reached => "reached",
            ShardStage::Stopped => "stopped",
            ShardStage::LeftOut => "left-out",
            ShardStage::AfterEnd => "after-end",
            ShardStage::NotBegun => "not-begun",
        }
    }

    /// Whether all of the shard that is wanted was read.
    pub fn is_read(self) -> bool {
        match self {
            ShardStage::Ended | ShardStage::Reached | ShardStage::LeftOut | ShardStage::AfterEnd => true,
            ShardStage::Reading | ShardStage::Stopped | ShardStage::NotBegun => false,
        }
    }
}

/// How a position was last committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Nothing is committed: nobody asked for it, or there was nothing yet.
    None,
    /// The table has this position, or a later one.
    At(String),
    /// The table does not have it.
    Failed(&'static str),
}

impl ShardStatuses {
    /// Every shard as it is now.
    pub fn views(&self) -> Vec<ShardView> {
        self.shards().iter().map(|shard| shard.view()).collect()
    }

    pub(super) fn add(&self, shard: Shard) -> Arc<ShardBoard> {
        let view = ShardView::begun(shard.clone());
        let shard = Arc::new(ShardBoard { shard, view: Mutex::new(view) });
        self.shards().push(Arc::clone(&shard));
        shard
    }

    fn shards(&self) -> MutexGuard<'_, Vec<Arc<ShardBoard>>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShardBoard {
    /// The shard as it is now: what was read and is not done yet is behind, too.
    pub fn view(&self) -> ShardView {
        let mut view = self.lock().clone();
        if let Some(arrival) = view.oldest_arrival {
            view.behind = view.behind.max(Duration::from_millis(now_millis().saturating_sub(arrival)));
        }
        view
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    pub(super) fn is_at(&self, stage: ShardStage) {
        self.lock().stage = stage;
    }

    pub(super) fn reads(&self, bytes: usize) {
        let mut view = self.lock();
        view.reads += 1;
        view.read_bytes += bytes as u64;
        if view.trouble.take().is_some() {
            tracing::info!(shard_id = self.shard.id, "reading goes on");
        }
    }

    /// Said once, until a read is answered again.
    pub(super) fn read_failed(&self, is_throttled: bool, error: &LiveError) {
        let mut view = self.lock();
        view.throttled += u64::from(is_throttled);
        if view.trouble.replace(error.to_string()).is_some() {
            return;
        }
        if is_throttled {
            tracing::debug!(shard_id = self.shard.id, "a read is throttled: {error}");
        } else {
            tracing::warn!(shard_id = self.shard.id, "a read failed, and is tried again: {error}");
        }
    }

    pub(super) fn is_behind(&self, behind: Duration) {
        self.lock().behind = behind;
    }

    pub(super) fn came_back(&self, report: &Report) {
        self.lock().counts += &report.counts;
    }

    pub(super) fn discards(&self, records: usize) {
        self.lock().discarded += records as u64;
    }

    pub(super) fn is_done_up_to(
        &self,
        position: Option<&str>,
        stuck: Option<&BlockedProgress>,
        oldest_arrival: Option<u64>,
    ) {
        let mut view = self.lock();
        view.position = position.map(str::to_owned).or_else(|| view.position.take());
        view.stuck = stuck.cloned();
        view.oldest_arrival = oldest_arrival;
    }

    pub(super) fn committed(&self, commit: CommitOutcome) {
        self.lock().commit = commit;
    }

    fn lock(&self) -> MutexGuard<'_, ShardView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
