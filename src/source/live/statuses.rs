//! What is seen of a run: how far each shard is, and what became of its records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::activity::{Activity, BatchStage, BatchUnderWay};
use super::durations::Durations;
use super::refusal::LiveError;
use crate::checkpoint::BlockedProgress;
use crate::event::Shard;
use crate::processor::{Counts, Report};
use crate::timestamp::now_millis;

/// A shard that is read answers about once a second, and by enhanced fan-out every few: after this, that it had nothing
/// more at the last answer says nothing of now.
const STALE: Duration = Duration::from_secs(15);

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
    /// Reads that failed, throttled ones included.
    pub failed_reads: u64,
    /// Why the last read failed, if it did.
    pub trouble: Option<String>,
    /// How long the stream has owed the answer to a read; none: it owes none, since the batches at hand come first.
    pub asking: Option<Duration>,
    /// The batches that are under way.
    pub under_way: Vec<BatchUnderWay>,
    /// What became of its records. One that comes again is counted each time.
    pub counts: Counts,
    /// Records that the rules gave up.
    pub discarded: u64,
    /// Outputs and dead letters that had to go again, each counted as often as it did.
    pub retries: u64,
    /// How long batches took, from the first try of each on.
    pub batches: Durations,
    /// How far what is acknowledged is behind the end of the shard: the age of the oldest record that is not, or what the
    /// stream said of those that are not read yet. None: it has not answered yet.
    pub behind: Option<Duration>,
    /// How far what is read is behind the end of the shard, as the stream said at its last answer; none: it has not answered
    /// yet.
    pub reader_behind: Option<Duration>,
    /// The last sequence number that is done with all before it.
    pub position: Option<String>,
    /// The record that it is blocked at.
    pub stuck: Option<BlockedProgress>,
    /// How long it has been blocked at that one.
    pub blocked: Option<Duration>,
    /// How the position was last committed.
    pub commit: CommitOutcome,
    /// How often a position was committed.
    pub commits: u64,
    /// How often it could not be.
    pub failed_commits: u64,
    /// When the row was last written.
    pub(super) written_at: Option<Instant>,
    activity: Activity,
    answered_at: Option<Instant>,
    blocked_at: Option<Instant>,
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
            failed_reads: 0,
            trouble: None,
            asking: None,
            under_way: Vec::new(),
            counts: Counts::default(),
            discarded: 0,
            retries: 0,
            batches: Durations::default(),
            behind: None,
            reader_behind: None,
            position: None,
            stuck: None,
            blocked: None,
            commit: CommitOutcome::None,
            commits: 0,
            failed_commits: 0,
            written_at: None,
            activity: Activity::default(),
            answered_at: None,
            blocked_at: None,
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
    /// Another process reads it, or may: this one shares shards out with others.
    Elsewhere,
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
            ShardStage::Elsewhere => "elsewhere",
            ShardStage::LeftOut => "left-out",
            ShardStage::AfterEnd => "after-end",
            ShardStage::NotBegun => "not-begun",
        }
    }

    /// Whether all of the shard that is wanted was read.
    pub fn is_read(self) -> bool {
        match self {
            ShardStage::Ended
            | ShardStage::Reached
            | ShardStage::Elsewhere
            | ShardStage::LeftOut
            | ShardStage::AfterEnd => true,
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

    /// Every shard.
    pub(super) fn boards(&self) -> Vec<Arc<ShardBoard>> {
        self.shards().clone()
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
    /// The shard as it is now.
    pub fn view(&self) -> ShardView {
        let mut view = self.lock().clone();
        view.asking = view.activity.asking();
        view.under_way = view.activity.batches();
        view.blocked = view.blocked_at.map(|at| at.elapsed());
        if view.stage == ShardStage::Reading {
            view.reader_behind =
                view.answered_at.zip(view.reader_behind).map(|(at, behind)| grown(behind, at.elapsed()));
        }
        let waits_since = |arrival| Duration::from_millis(now_millis().saturating_sub(arrival));
        view.behind = view.oldest_arrival.map(waits_since).or(view.reader_behind);
        view
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    pub(super) fn is_at(&self, stage: ShardStage) {
        self.lock().stage = stage;
    }

    /// It is read again, after another process may have read it.
    pub(super) fn begins_again(&self) {
        let mut view = self.lock();
        view.stage = ShardStage::Reading;
        view.trouble = None;
        view.stuck = None;
        view.blocked_at = None;
        view.oldest_arrival = None;
        view.reader_behind = None;
        view.answered_at = None;
        view.commit = CommitOutcome::None;
        view.activity = Activity::default();
    }

    /// The stream is asked for the next records.
    pub(super) fn asks(&self) {
        self.lock().activity.asks(true);
    }

    /// It has answered, and this is how far it is behind.
    pub(super) fn is_answered(&self, behind: Duration) {
        let mut view = self.lock();
        view.activity.asks(false);
        view.answered_at = Some(Instant::now());
        view.reader_behind = Some(behind);
    }

    /// What was read waits for its turn; `oldest_arrival` is that of the oldest record that is not done.
    pub(super) fn holds(&self, oldest_arrival: Option<u64>) {
        self.lock().oldest_arrival = oldest_arrival;
    }

    /// A lane begins to do this with its batch; none: it is done with it.
    pub(super) fn lane_is_at(&self, lane: usize, stage: Option<BatchStage>) {
        self.lock().activity.lane_is_at(lane, stage);
    }

    /// A batch is done with.
    pub(super) fn batch_took(&self, time: Duration) {
        self.lock().batches.add(time);
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
        view.failed_reads += 1;
        if view.trouble.replace(error.to_string()).is_some() {
            return;
        }
        if is_throttled {
            tracing::debug!(shard_id = self.shard.id, "a read is throttled: {error}");
        } else {
            tracing::warn!(shard_id = self.shard.id, "a read failed, and is tried again: {error}");
        }
    }

    pub(super) fn came_back(&self, report: &Report) {
        let mut view = self.lock();
        view.counts += &report.counts;
        view.retries += report.statistics.retries;
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
        let is_where_it_was = view.stuck.as_ref().map(|stuck| &stuck.position) == stuck.map(|stuck| &stuck.position);
        if !is_where_it_was {
            view.blocked_at = stuck.map(|_| Instant::now());
        }
        view.stuck = stuck.cloned();
        view.oldest_arrival = oldest_arrival;
    }

    /// The row was written, whatever for.
    pub(super) fn row_is_written(&self) {
        self.lock().written_at = Some(Instant::now());
    }

    /// Whether the shard is read, and its row was not written for so long.
    pub(super) fn is_silent(&self, for_so_long: Duration) -> bool {
        let view = self.lock();
        let was_just_written = view.written_at.is_some_and(|at| at.elapsed() < for_so_long);
        view.stage == ShardStage::Reading && !was_just_written
    }

    pub(super) fn committed(&self, commit: CommitOutcome) {
        let mut view = self.lock();
        match &commit {
            CommitOutcome::At(_) => view.commits += 1,
            CommitOutcome::Failed(_) => view.failed_commits += 1,
            CommitOutcome::None => {}
        }
        view.commit = commit;
    }

    fn lock(&self) -> MutexGuard<'_, ShardView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far something is behind that the stream said was so far behind, so long ago.
fn grown(behind: Duration, since: Duration) -> Duration {
    if behind.is_zero() && since < STALE { behind } else { behind + since }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_up_to_date_long_ago_is_not_up_to_date_now() {
        let seconds = Duration::from_secs;
        assert_eq!(grown(Duration::ZERO, seconds(1)), Duration::ZERO);
        assert_eq!(grown(Duration::ZERO, seconds(60)), seconds(60));
        assert_eq!(grown(seconds(5), seconds(1)), seconds(6));
    }

    #[test]
    fn until_the_stream_answers_nobody_knows_how_far_a_shard_is_behind() {
        let shard = Shard { stream_arn: "arn".to_owned(), id: "shardId-000000000000".to_owned() };
        let board = ShardBoard { shard: shard.clone(), view: Mutex::new(ShardView::begun(shard)) };
        assert_eq!(board.view().behind, None);
        board.asks();
        assert!(board.view().asking.is_some());
        board.is_answered(Duration::ZERO);
        assert_eq!((board.view().behind, board.view().asking), (Some(Duration::ZERO), None));
        // Read, and not acknowledged: that the reader is at the end is of no help.
        board.holds(Some(now_millis() - 60_000));
        assert!(board.view().behind.is_some_and(|behind| behind >= Duration::from_secs(60)));
        assert_eq!(board.view().reader_behind, Some(Duration::ZERO));
    }

    #[test]
    fn a_shard_that_is_read_to_its_end_falls_no_further_behind() {
        let shard = Shard { stream_arn: "arn".to_owned(), id: "shardId-000000000000".to_owned() };
        let board = ShardBoard { shard: shard.clone(), view: Mutex::new(ShardView::begun(shard)) };
        board.is_answered(Duration::ZERO);
        board.lock().answered_at = Instant::now().checked_sub(Duration::from_secs(3600));
        assert!(board.view().behind.is_some_and(|behind| behind >= Duration::from_secs(3600)));
        for stage in [ShardStage::Ended, ShardStage::Reached] {
            board.is_at(stage);
            assert_eq!((board.view().behind, board.view().reader_behind), (Some(Duration::ZERO), Some(Duration::ZERO)));
        }
    }
}
