//! The pool of a window's guests: each batch has one of them, since the state of its window is in one place.

use std::num::NonZeroUsize;
use std::sync::mpsc as std_mpsc;

use super::WindowOpening;
use super::fold::WindowFold;
use super::folding::Folding;
use crate::transform::artifact::Transform;
use crate::transform::contract::World;
use crate::transform::instance::StartError;
use crate::transform::limits::Limits;
use crate::transform::pool::{Job, Pool, WorkerLease};

impl Pool<Folding> {
    /// Starts so many workers, each with an instance of its own, and waits until all are configured.
    ///
    /// # Errors
    /// When the transform is none of windows, refuses its settings or breaks while it starts.
    pub fn start(
        transform: &Transform,
        limits: Limits,
        settings: &[(String, String)],
        workers: NonZeroUsize,
    ) -> Result<Self, StartError> {
        if transform.world() != World::Windows {
            return Err(StartError::OtherWorld("it is a transform of records, not of tumbling windows"));
        }
        Self::start_workers(Some(transform), None, limits, settings, workers)
    }

    /// The form of a state.
    pub fn form(&self) -> &str {
        self.state_form().unwrap_or_default()
    }

    /// Lends the worker that has the fewest batches.
    pub fn lend(&self) -> WorkerLease<'_, Folding> {
        self.lend_workers(NonZeroUsize::MIN)
    }
}

impl WorkerLease<'_, Folding> {
    /// Begins with a batch, all of whose events are of one window. A worker folds batches one after the other.
    pub fn fold(&self, job: Job, opening: WindowOpening) -> WindowFold {
        let (order, orders) = std_mpsc::channel();
        let folding = Folding::new(opening, job.first, orders);
        WindowFold::new(self.begin(job, [folding]), order)
    }
}
