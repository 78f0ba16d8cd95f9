//! Guests of windows, each on a thread of its own.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::Window;
use super::bindings::WindowTransformPre;
use super::fold::Fold;
use super::instance::Blueprint;
use super::worker::{Assignment, Worker};
use crate::event::Batch;
use crate::transform::artifact::Transform;
use crate::transform::contract::World;
use crate::transform::guest::{BYTES_AHEAD, Conductor, Grouping, STACK};
use crate::transform::instance::StartError;
use crate::transform::limits::Limits;
use crate::transform::memory::Memory;
use crate::transform::run::Run;
use crate::transform::shares::Shares;
use crate::transform::worker::Outlet;

/// A transform of windows at work.
#[derive(Debug)]
pub struct WindowGuest {
    assignments: std_mpsc::Sender<Assignment>,
    form: String,
}

/// A batch to fold.
pub struct FoldJob {
    /// The events: all of one window.
    pub batch: Arc<Batch>,
    /// The index of the first event to fold.
    pub first: usize,
    /// The window.
    pub window: Window,
    /// What was saved of it; none: it begins.
    pub state: Option<Arc<[u8]>>,
    /// Who leads through the batch.
    pub conductor: Box<dyn Conductor>,
    /// How verdicts are grouped.
    pub grouping: Grouping,
    /// When no further event is begun; none: never.
    pub interrupt_at: Option<Instant>,
}

impl WindowGuest {
    /// Starts so many instances at once, each on a thread of its own: the first, and the others.
    ///
    /// # Errors
    /// When the transform is none of windows, refuses its settings or breaks while it starts.
    pub fn start_several(
        transform: &Transform,
        limits: Limits,
        settings: &[(String, String)],
        count: NonZeroUsize,
    ) -> Result<(Self, Vec<Self>), StartError> {
        if transform.world() != World::Windows {
            return Err(StartError::OtherWorld("it is a transform of records, not of tumbling windows"));
        }
        let begin = |_| begin(transform, limits, settings);
        let first = begin(0)?;
        let others = (1..count.get()).map(begin).collect::<Result<Vec<_>, _>>()?;
        Ok((first.end()?, others.into_iter().map(Starting::end).collect::<Result<_, _>>()?))
    }

    /// The form of its state.
    pub fn form(&self) -> &str {
        &self.form
    }

    /// Begins with a batch. A guest folds batches one after the other.
    pub fn fold(&self, job: FoldJob) -> Fold {
        let FoldJob { batch, first, window, state, conductor, grouping, interrupt_at } = job;
        let (groups, lane) = mpsc::unbounded_channel();
        let (order, orders) = std_mpsc::channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let shares = Shares::by_key(&batch, first, 1);
        let run = Run::new(vec![lane], shares, grouping, Arc::clone(&cancelled), (first, batch.len()));
        let outlet = Outlet { groups, memory: Arc::new(Memory::new(BYTES_AHEAD)) };
        // If the thread is gone, what it would have answered through is dropped here: no event is acknowledged.
        let _ = self.assignments.send(Assignment {
            batch,
            first,
            window,
            state,
            conductor,
            grouping,
            interrupt_at,
            outlet,
            cancelled,
            orders,
        });
        Fold::new(run, order)
    }
}

/// A guest whose start is under way.
struct Starting {
    assignments: std_mpsc::Sender<Assignment>,
    outcome: std_mpsc::Receiver<Result<String, StartError>>,
}

fn begin(transform: &Transform, limits: Limits, settings: &[(String, String)]) -> Result<Starting, StartError> {
    let pre = WindowTransformPre::new(transform.linked())
        .map_err(|error: wasmtime::Error| StartError::Broken(format!("{error:#}")))?;
    let mut worker = Worker::new(Blueprint { pre, limits, settings: settings.into() }, transform.ticker());
    let (assignments, queue) = std_mpsc::channel();
    let (started, outcome) = std_mpsc::sync_channel(1);
    thread::Builder::new()
        .name("window guest".into())
        .stack_size(STACK)
        .spawn(move || {
            let start = worker.start_instance(Duration::MAX);
            let is_alive = start.is_ok();
            // Whoever waits for the start holds the other end; if it is gone, so are the batches.
            let _ = started.send(start);
            if is_alive {
                worker.work(&queue);
            }
        })
        .map_err(|error| StartError::NoThread(error.to_string()))?;
    Ok(Starting { assignments, outcome })
}

impl Starting {
    /// Waits until it is configured.
    fn end(self) -> Result<WindowGuest, StartError> {
        match self.outcome.recv() {
            Ok(start) => start.map(|form| WindowGuest { assignments: self.assignments, form }),
            Err(_) => Err(StartError::Broken("its thread ended".to_owned())),
        }
    }
}
