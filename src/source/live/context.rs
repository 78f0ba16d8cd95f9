//! What the parts of a run share: all of its shards, and the lanes of one.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::board::ShardBoard;
use super::commits::Commits;
use super::end::End;
use super::halt::{Halt, Level};
use super::ledger::Ledger;
use super::on_failure::OnFailure;
use crate::backoff::Backoff;
use crate::processor::Processor;
use crate::source::mapping::{BatchLimits, Rules};

/// What all shards of a run have in common.
pub(super) struct Context<'a> {
    pub(super) processor: &'a Processor,
    pub(super) rules: Rules,
    pub(super) limits: BatchLimits,
    /// How many batches of a shard may be under way at once.
    pub(super) lanes: usize,
    pub(super) tumbling_window: Option<Duration>,
    pub(super) on_failure: Option<&'a OnFailure>,
    pub(super) commits: Commits<'a>,
    pub(super) halt: &'a Halt,
    pub(super) end: End,
    /// How many records may still be read, if that is bounded.
    pub(super) budget: Option<Cell<u64>>,
}

/// A lane's place in a run: which lane, and of which shard.
#[derive(Clone, Copy)]
pub(super) struct LaneContext<'a> {
    /// The lane's number among those of its shard, counted from 0.
    pub(super) index: usize,
    pub(super) run: &'a Context<'a>,
    pub(super) board: &'a ShardBoard,
    pub(super) ledger: &'a RefCell<Ledger>,
}

/// The run was stopped.
#[derive(Debug)]
pub(super) struct Stopped;

impl LaneContext<'_> {
    /// Waits before the next try.
    ///
    /// # Errors
    /// When the run is stopped meanwhile.
    pub(super) async fn pause(&self, backoff: &mut Backoff) -> Result<(), Stopped> {
        let wait = backoff.after_failure(0.5 + fastrand::f64() / 2.0);
        tokio::select! {
            biased;
            () = self.run.halt.reaches(Level::Stop) => Err(Stopped),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }
}
