//! The fold of one batch into a window, as it is seen from outside of the worker's thread.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::WindowEnding;
use crate::error_code::ErrorCode;
use crate::transform::run::{GuestRun, VerdictChunk};
use crate::transform::verdict::Verdict;

/// A batch on its way into a window. Dropped, it tells the guest to stop, and nothing of it counts.
#[derive(Debug)]
pub struct WindowFold {
    run: GuestRun,
    orders: std_mpsc::Sender<FoldOrder>,
}

/// How a fold ends.
#[derive(Debug, Clone, Copy)]
pub struct FoldClose {
    /// The index behind the last event that is acknowledged.
    pub end: usize,
    /// Whether, and how, the window closes with it.
    pub ending: Option<WindowEnding>,
    /// When the answer has to be there; none: it may take its time.
    pub by: Option<Instant>,
}

/// An order to the worker's thread, and the way of its answer.
#[derive(Debug)]
pub(super) struct FoldOrder {
    pub(super) close: FoldClose,
    pub(super) answer: oneshot::Sender<Result<ClosedFold, StateRefused>>,
}

/// What is left of a fold.
#[derive(Debug)]
pub struct ClosedFold {
    /// The state is that of the events before this one: fewer than was wanted, where `why_not` says why.
    pub end: usize,
    /// The state; none: there is none.
    pub state: Option<Arc<[u8]>>,
    /// Why it is not that of all events that were wanted: what stands in the way of those behind.
    pub why_not: Option<Verdict>,
    /// What became of the window, if it was to close and the state is that of all events.
    pub conclusion: Option<Verdict>,
}

/// The transform can't read a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the transform can't read the state: {0}")]
pub struct StateRefused(pub String);

impl StateRefused {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::WindowStateRefused
    }
}

impl WindowFold {
    pub(super) fn new(run: GuestRun, orders: std_mpsc::Sender<FoldOrder>) -> Self {
        Self { run, orders }
    }

    /// The next verdicts, in order; none when the batch is done, or the guest stopped early.
    pub async fn next(&mut self) -> Option<VerdictChunk> {
        self.run.next().await
    }

    /// Verdicts that are there without waiting for them.
    pub fn next_ready(&mut self) -> Option<VerdictChunk> {
        self.run.next_ready()
    }

    /// Ends it, and answers with the state of the events that are acknowledged; none: the worker's thread ended.
    ///
    /// # Errors
    /// When the transform refused the state that it was to go on from.
    pub async fn close(self, close: FoldClose) -> Result<Option<ClosedFold>, StateRefused> {
        let Self { run, orders } = self;
        // The guest need not go on with events of which nobody wants to know.
        drop(run);
        let (answer, closed) = oneshot::channel();
        // If the thread is gone, so is the other end of the answer.
        let _ = orders.send(FoldOrder { close, answer });
        closed.await.ok().transpose()
    }
}
