//! Positions on their way into the checkpoint table.

use std::time::Duration;

use super::board::{Commit, ShardBoard};
use super::ledger::Ledger;
use crate::checkpoint::{Mirror, Noted, Progress};

/// How long the table is waited for at the end, where nothing else waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// Commits positions, if that is asked for.
#[derive(Debug)]
pub(super) struct Commits<'a> {
    mirror: Option<&'a Mirror>,
}

impl<'a> Commits<'a> {
    pub(super) fn new(mirror: Option<&'a Mirror>) -> Self {
        Self { mirror }
    }

    /// Says where a shard is. It waits no longer than a batch may.
    pub(super) async fn note(&self, board: &ShardBoard, progress: Progress) {
        let Some(mirror) = self.mirror else { return };
        self.write(mirror, board, progress, mirror.timeout()).await;
    }

    /// Says where a shard is when the run leaves it: what could not be written is tried again, for longer, and nothing
    /// is held back.
    pub(super) async fn note_last(&self, board: &ShardBoard, progress: Progress) {
        let (Some(mirror), Some(last)) = (self.mirror, &progress.acknowledged) else { return };
        let position = last.sequence_number.clone();
        if board.view().commit == Commit::At(position.clone()) {
            return;
        }
        self.write(mirror, board, progress, PATIENCE).await;
        for (shard, noted) in mirror.flush(PATIENCE).await {
            if shard == *board.shard() {
                board.committed(commit_of(&noted, &position));
            }
        }
    }

    async fn write(&self, mirror: &Mirror, board: &ShardBoard, progress: Progress, within: Duration) {
        let position = progress.acknowledged.as_ref().map(|last| last.sequence_number.clone());
        let noted = mirror.note(progress, within).await;
        if let (Some(position), true) = (position, noted != Noted::Deferred) {
            board.committed(commit_of(&noted, &position));
        }
    }
}

fn commit_of(noted: &Noted, position: &str) -> Commit {
    match noted {
        Noted::Written | Noted::Unchanged => Commit::At(position.to_owned()),
        Noted::Deferred => Commit::None,
        Noted::Failed(kind) => Commit::Failed(kind.as_str()),
    }
}

/// What there is to say of a shard.
pub(super) fn progress(board: &ShardBoard, ledger: &Ledger) -> Progress {
    Progress { shard: board.shard().clone(), acknowledged: ledger.position().cloned(), stuck: ledger.stuck().cloned() }
}
