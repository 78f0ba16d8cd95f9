//! What the parts of a run share: all of its shards, and the lanes of one.

use std::cell::RefCell;
use std::time::Duration;

use super::activity::BatchStage;
use super::cancellation::{Cancellation, CancellationLevel};
use super::commits::CheckpointCommits;
use super::in_flight::InFlight;
use super::on_failure::OnFailure;
use super::read_ledger::ReadLedger;
use super::reading::Reading;
use super::statuses::ShardBoard;
use crate::backoff::Backoff;
use crate::processor::Processor;
use crate::source::BatchCheck;
use crate::source::mapping::{BatchLimits, MappingRules};

/// What all shards of a run have in common.
pub(super) struct RunContext<'a> {
    pub(super) processor: &'a Processor,
    pub(super) rules: MappingRules,
    pub(super) limits: BatchLimits,
    pub(super) check: Option<BatchCheck>,
    /// How many batches of a shard may be under way at once.
    pub(super) lanes: usize,
    pub(super) tumbling_window: Option<Duration>,
    pub(super) on_failure: Option<&'a OnFailure>,
    pub(super) commits: CheckpointCommits<'a>,
    /// Whether it is of no matter who else is at work on a shard.
    pub(super) is_forced: bool,
    pub(super) reading: Reading<'a>,
}

/// A lane's place in a run: which lane, and of which shard.
#[derive(Clone, Copy)]
pub(super) struct LaneContext<'a> {
    /// The lane's number among those of its shard, counted from 0.
    pub(super) index: usize,
    pub(super) run: &'a RunContext<'a>,
    /// Ends the work on the shard.
    pub(super) cancellation: &'a Cancellation,
    pub(super) statuses: &'a ShardBoard,
    pub(super) read_ledger: &'a RefCell<ReadLedger>,
    pub(super) in_flight: &'a InFlight,
}

/// The run was stopped.
#[derive(Debug)]
pub(super) struct RunStopped;

impl LaneContext<'_> {
    /// Shows what is being done with the lane's batch.
    pub(super) fn is_at(&self, stage: BatchStage) {
        self.statuses.lane_is_at(self.index, Some(stage));
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// When the run is stopped meanwhile.
    pub(super) async fn pause(&self, backoff: &mut Backoff) -> Result<(), RunStopped> {
        let wait = backoff.after_failure(0.5 + fastrand::f64() / 2.0);
        tokio::select! {
            biased;
            () = self.cancellation.reaches(CancellationLevel::Stop) => Err(RunStopped),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }
}
