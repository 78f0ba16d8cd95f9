//! Other runs on the same checkpoint table: two that process the same shards would deliver everything twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::commits::CheckpointCommits;
use super::plan::{Checkpoints, Force, ReadPlan};
use super::refusal::LiveError;
use super::run_name::{RUN_NAME, has_ended_here};
use super::statuses::{CommitOutcome, ShardBoard, ShardStatuses};
use crate::checkpoint::{BETWEEN_HEARTBEATS, CheckpointError, CheckpointRow, GoneRun, Heartbeat, UNTIL_GONE};

/// How often is looked whether another run is alive.
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);

/// Signs of life on their way at once: a stream may have thousands of shards.
const BEATS_AT_ONCE: usize = 32;

/// What is known of other runs before this one begins.
#[derive(Debug, Default)]
pub(super) struct OtherRuns {
    /// Runs that are gone, by shard.
    pub(super) gone: BTreeMap<String, GoneRun>,
    /// Whether was waited for any: the rows may say something else by now.
    pub(super) was_waited: bool,
}

impl ReadPlan {
    /// Looks whether other runs are at work on the shards of a stream, for as long as it takes to know that.
    ///
    /// # Errors
    /// When one is.
    pub(super) async fn other_runs(
        &self,
        stream_id: &str,
        rows: &BTreeMap<String, CheckpointRow>,
    ) -> Result<OtherRuns, LiveError> {
        let Some(Checkpoints { table, commits: true, .. }) = &self.checkpoints else { return Ok(OtherRuns::default()) };
        let heartbeats = || rows.iter().filter_map(|(shard, row)| Some((shard, row.heartbeat.as_ref()?)));
        let gone = |heartbeat: &Heartbeat| match has_ended_here(&heartbeat.run) {
            true => GoneRun::Ended(heartbeat.run.clone()),
            false => GoneRun::Silent(heartbeat.clone()),
        };
        let gone = heartbeats().map(|(shard, heartbeat)| (shard.clone(), gone(heartbeat))).collect();
        if self.force == Force::Yes {
            return Ok(OtherRuns { gone, was_waited: false });
        }
        // All rows of one run beat together.
        let mut beating: BTreeMap<&str, (&String, &Heartbeat)> = BTreeMap::new();
        let may_be_alive = |heartbeat: &Heartbeat| !heartbeat.is_long_gone() && !has_ended_here(&heartbeat.run);
        for (shard, heartbeat) in heartbeats().filter(|(_, heartbeat)| may_be_alive(heartbeat)) {
            beating.entry(&heartbeat.run).or_insert((shard, heartbeat));
        }
        if beating.is_empty() {
            return Ok(OtherRuns { gone, was_waited: false });
        }
        let runs: Vec<&str> = beating.keys().copied().collect();
        tracing::warn!(
            "{} was at work on these shards a short time ago; this run looks for up to {} s whether it still is, and \
             does not wait with --force",
            runs.join(", "),
            UNTIL_GONE.as_secs()
        );
        let started = Instant::now();
        while !beating.is_empty() && started.elapsed() < UNTIL_GONE {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let mut left = Vec::new();
            for (run, (shard, before)) in &beating {
                let row = table.read(stream_id, shard).await;
                let row = row.map_err(|trouble| LiveError::Table { table: table.name().to_owned(), trouble })?;
                match row.and_then(|row| row.heartbeat) {
                    None => left.push(*run),
                    Some(now) if now == **before => {}
                    Some(Heartbeat { run, at }) => {
                        let trouble = CheckpointError::Running { run, beat_at: at };
                        return Err(LiveError::Running { shard: (*shard).clone(), trouble });
                    }
                }
            }
            beating.retain(|run, _| !left.contains(run));
        }
        Ok(OtherRuns { gone, was_waited: true })
    }

    /// Warns that rows which others write, functions say, are written by this run from now on.
    pub(super) fn warn_of_functions(&self, rows: &BTreeMap<String, CheckpointRow>) {
        if !matches!(&self.checkpoints, Some(Checkpoints { commits: true, .. })) {
            return;
        }
        let mut writers: BTreeMap<&str, usize> = BTreeMap::new();
        let written_by = rows.values().filter_map(|row| row.written_by.as_deref());
        for writer in written_by.filter(|writer| !writer.starts_with(RUN_NAME)) {
            *writers.entry(writer).or_default() += 1;
        }
        for (writer, count) in writers {
            tracing::warn!(
                rows = count,
                "rows of the checkpoint table were written by {writer:?}: this run writes them from now on, and if that \
                 function is still at work both process the same records"
            );
        }
    }
}

/// Gives a sign of life in the rows of all shards that are read, for as long as the run lasts. A position that is written
/// is one as well, so that rows of busy shards cost nothing more.
pub(super) async fn beat(commits: &CheckpointCommits<'_>, statuses: &ShardStatuses) {
    loop {
        tokio::time::sleep(BETWEEN_HEARTBEATS).await;
        let silent = statuses.boards().into_iter().filter(|board| board.is_silent(BETWEEN_HEARTBEATS));
        let beat = async |board: Arc<ShardBoard>| match commits.beat(&board).await {
            Ok(()) => {}
            // Also where there is nothing to commit just now: whoever took the shard over processes it as well.
            Err(trouble @ CheckpointError::Running { .. }) => {
                tracing::warn!(shard_id = board.shard().id, "{trouble}");
                board.committed(CommitOutcome::Failed(trouble.kind().as_str()));
            }
            Err(trouble) => tracing::debug!(shard_id = board.shard().id, "no sign of life in its row: {trouble}"),
        };
        futures_util::stream::iter(silent).for_each_concurrent(BEATS_AT_ONCE, beat).await;
    }
}
