//! Positions on their way into the checkpoint table.

use std::time::{Duration, Instant};

use super::balanced::ShardNews;
use super::read_ledger::ReadLedger;
use super::refusal::LiveError;
use super::statuses::{CommitOutcome, ShardBoard};
use crate::checkpoint::{CheckpointError, CheckpointOutcome, CheckpointWriter, GoneRun, ShardProgress};
use crate::event::Shard;

/// How long the table is waited for at the end, where nothing else waits.
pub const LAST_COMMIT: Duration = Duration::from_secs(10);

/// Commits positions, if that is asked for.
#[derive(Debug)]
pub(super) struct CheckpointCommits<'a> {
    checkpoint_writer: Option<&'a CheckpointWriter>,
    /// Where streams are shared out: positions go into the table with the leases.
    news: Option<&'a ShardNews>,
}

impl<'a> CheckpointCommits<'a> {
    pub(super) fn new(checkpoint_writer: Option<&'a CheckpointWriter>) -> Self {
        Self { checkpoint_writer, news: None }
    }

    /// Tells how far shards are to whoever writes it down with their leases.
    pub(super) fn with_leases(news: &'a ShardNews) -> Self {
        Self { checkpoint_writer: None, news: Some(news) }
    }

    /// Begins with a shard: says in its row that this run is at work on it.
    ///
    /// # Errors
    /// When another run is. Whatever else is wrong with the table shows when positions are written.
    pub(super) async fn begin(&self, shard: &Shard, gone: Option<&GoneRun>, is_forced: bool) -> Result<(), LiveError> {
        let Some(checkpoint_writer) = self.checkpoint_writer else { return Ok(()) };
        match checkpoint_writer.beat(shard, gone, is_forced, checkpoint_writer.timeout()).await {
            Err(trouble @ CheckpointError::Running { .. }) => {
                Err(LiveError::Running { shard: shard.id.clone(), trouble })
            }
            Err(_) | Ok(()) => Ok(()),
        }
    }

    /// Gives a sign of life in the row of a shard, if positions are committed.
    ///
    /// # Errors
    /// When another run has taken the shard over, or whatever else is wrong with the table.
    pub(super) async fn beat(&self, statuses: &ShardBoard) -> Result<(), CheckpointError> {
        let Some(checkpoint_writer) = self.checkpoint_writer else { return Ok(()) };
        checkpoint_writer.beat(statuses.shard(), None, false, checkpoint_writer.timeout()).await?;
        statuses.row_is_written();
        Ok(())
    }

    /// Says where a shard is. It waits no longer than a batch may.
    pub(super) async fn note(&self, statuses: &ShardBoard, progress: ShardProgress) {
        if let Some(news) = self.news {
            return news.tell(progress);
        }
        let Some(checkpoint_writer) = self.checkpoint_writer else { return };
        self.write(checkpoint_writer, statuses, progress, checkpoint_writer.timeout()).await;
    }

    /// Says where a shard is when the run leaves it, and that it does: what could not be written is tried again, for
    /// longer, and nothing is held back.
    pub(super) async fn leave(&self, statuses: &ShardBoard, progress: ShardProgress) {
        if let Some(news) = self.news {
            return news.tell(progress);
        }
        self.note_last(statuses, progress).await;
        if let Some(checkpoint_writer) = self.checkpoint_writer {
            checkpoint_writer.leave(statuses.shard(), checkpoint_writer.timeout()).await;
        }
    }

    async fn note_last(&self, statuses: &ShardBoard, progress: ShardProgress) {
        let (Some(checkpoint_writer), Some(last)) = (self.checkpoint_writer, &progress.acknowledged) else { return };
        let position = last.sequence_number.clone();
        if statuses.view().commit == CommitOutcome::At(position.clone()) {
            return;
        }
        let started = Instant::now();
        self.write(checkpoint_writer, statuses, progress, LAST_COMMIT).await;
        for (shard, noted) in checkpoint_writer.flush(LAST_COMMIT.saturating_sub(started.elapsed())).await {
            if shard == *statuses.shard() {
                statuses.committed(commit_of(&noted, &position));
            }
        }
    }

    async fn write(
        &self,
        checkpoint_writer: &CheckpointWriter,
        statuses: &ShardBoard,
        progress: ShardProgress,
        within: Duration,
    ) {
        let position = progress.acknowledged.as_ref().map(|last| last.sequence_number.clone());
        let noted = checkpoint_writer.note(progress, within).await;
        if noted == CheckpointOutcome::Written {
            statuses.row_is_written();
        }
        if let (Some(position), true) = (position, noted != CheckpointOutcome::Deferred) {
            statuses.committed(commit_of(&noted, &position));
        }
    }
}

fn commit_of(noted: &CheckpointOutcome, position: &str) -> CommitOutcome {
    match noted {
        CheckpointOutcome::Written | CheckpointOutcome::Unchanged => CommitOutcome::At(position.to_owned()),
        CheckpointOutcome::Deferred => CommitOutcome::None,
        CheckpointOutcome::Failed(kind) => CommitOutcome::Failed(kind.as_str()),
    }
}

/// What there is to say of a shard.
pub(super) fn progress(statuses: &ShardBoard, read_ledger: &ReadLedger) -> ShardProgress {
    ShardProgress {
        shard: statuses.shard().clone(),
        acknowledged: read_ledger.position().cloned(),
        stuck: read_ledger.stuck().cloned(),
    }
}
