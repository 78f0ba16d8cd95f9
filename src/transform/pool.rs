//! A pool of guests of any world, each on a thread of its own, and which of them take part in a batch.
//!
//! Guests are called synchronously: asynchronous calls cost several times more, and WASI's
//! synchronous functions must not block a thread of the asynchronous runtime.

use std::iter;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use super::artifact::Transform;
use super::flow_control::FlowControl;
use super::group::Grouping;
use super::guest::InstanceSlot;
use super::guest_time::GuestTime;
use super::instance::{InstanceTemplate, StartError};
use super::limits::Limits;
use super::log_budget::LogBudget;
use super::memory::MemoryBudget;
use super::prefilter::Prefilter;
use super::run::GuestRun;
use super::shares::{MOST_WORKERS, Shares};
use super::ticker::{TICK, Ticker};
use super::worker::{Assignment, Program, VerdictSender, work};
use crate::event::Batch;
use crate::filter::Filter;

/// What of outputs may be in memory that is not delivered, before the workers of a batch have to wait. A last group
/// comes on top: memory stays bounded, however much a batch fans out.
const BYTES_AHEAD: usize = 8 << 20;

/// What one worker has of it at least: several groups, so that none waits for another to fill one.
const LEAST_AHEAD: usize = 4 << 20;

/// The guest's recursion is bounded by the engine (512 KiB of stack); host calls come on top.
const STACK: usize = 4 << 20;

/// A batch to process.
pub struct Job {
    /// The events.
    pub batch: Arc<Batch>,
    /// The index of the first event to process.
    pub first: usize,
    /// Who leads through it: one for each worker that takes part. Their number is how many do.
    pub flow_controls: Vec<Box<dyn FlowControl>>,
    /// How verdicts are grouped.
    pub grouping: Grouping,
    /// The time that guests have; none: as much as they like.
    pub time: Option<GuestTime>,
    /// What they may write to the log.
    pub log: LogBudget,
}

/// A pool of guests: one worker at least, each an instance of the transform on a thread of its own.
#[derive(Debug)]
pub struct Pool<P> {
    first: Worker<P>,
    others: Vec<Worker<P>>,
    most_for_a_batch: NonZeroUsize,
    /// Held while workers are chosen: two batches that shared several could each wait for what the other has first.
    choosing: Mutex<()>,
    state_form: Option<String>,
}

/// A worker, seen from outside of its thread.
#[derive(Debug)]
struct Worker<P> {
    assignments: std_mpsc::Sender<Assignment<P>>,
    /// Batches that it takes part in, or that wait for it.
    batches: AtomicUsize,
}

/// Workers, while they have a batch; one at least.
#[derive(Debug)]
pub struct WorkerLease<'a, P>(Vec<&'a Worker<P>>);

/// A worker whose start is under way.
struct Starting<P> {
    worker: Worker<P>,
    outcome: std_mpsc::Receiver<Result<Option<String>, StartError>>,
}

impl<P> Pool<P> {
    /// Returns the pool with a limit on the workers of one batch, so that batches side by side each find some.
    #[must_use]
    pub fn with_most_for_a_batch(self, most_for_a_batch: NonZeroUsize) -> Self {
        Self { most_for_a_batch, ..self }
    }

    /// The form of the state that the guests save; none: they save none.
    pub(super) fn state_form(&self) -> Option<&str> {
        self.state_form.as_deref()
    }

    /// Starts all workers at once, and waits until they are configured. Without a transform there is nothing to configure.
    pub(super) fn start_workers(
        transform: Option<&Transform>,
        filter: Option<&Filter>,
        limits: Limits,
        settings: &[(String, String)],
        workers: NonZeroUsize,
    ) -> Result<Self, StartError>
    where
        P: Program,
    {
        let slot: Box<dyn Fn() -> InstanceSlot<P::Exports>> = match transform {
            Some(transform) => {
                let blueprint = InstanceTemplate::new(transform, limits, settings);
                let blueprint = Arc::new(blueprint.map_err(|error| StartError::Broken(format!("{error:#}")))?);
                Box::new(move || InstanceSlot::new(Arc::clone(&blueprint), transform.ticker()))
            }
            None => {
                let ticker = Ticker::start(None, TICK).map_err(|error| StartError::NoThread(error.to_string()))?;
                let ticker = Arc::new(ticker);
                Box::new(move || InstanceSlot::without_transform(Arc::clone(&ticker)))
            }
        };
        let prefilter = Prefilter::new(filter, limits.event_time);
        let log = LogBudget::of_start();
        let begin = |_| Starting::begin(slot(), prefilter.clone(), &log);
        let first = begin(0)?;
        let others = (1..workers.get()).map(begin).collect::<Result<Vec<_>, _>>()?;
        let (first, state_form) = first.end()?;
        let others = others.into_iter().map(|starting| starting.end().map(|(worker, _)| worker));
        Ok(Self {
            first,
            others: others.collect::<Result<_, _>>()?,
            most_for_a_batch: NonZeroUsize::MAX,
            choosing: Mutex::new(()),
            state_form,
        })
    }

    /// Lends as many of those that have nothing to do as are wanted; if all are at work, the one with the fewest batches.
    pub(super) fn lend_workers(&self, wanted: NonZeroUsize) -> WorkerLease<'_, P> {
        // Nothing is behind this lock that could be left half done.
        let _choosing = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = wanted.min(self.most_for_a_batch).get().min(MOST_WORKERS);
        let all = || iter::once(&self.first).chain(&self.others);
        let mut lent: Vec<&Worker<P>> = all().filter(|worker| worker.batches() == 0).take(wanted).collect();
        if lent.is_empty() {
            lent.push(all().min_by_key(|worker| worker.batches()).unwrap_or(&self.first));
        }
        for worker in &lent {
            worker.batches.fetch_add(1, Ordering::Relaxed);
        }
        WorkerLease(lent)
    }
}

impl<P> Worker<P> {
    fn batches(&self) -> usize {
        self.batches.load(Ordering::Relaxed)
    }
}

impl<P: Program> Starting<P> {
    fn begin(mut slot: InstanceSlot<P::Exports>, prefilter: Prefilter, log: &LogBudget) -> Result<Self, StartError> {
        let log = log.clone();
        let (assignments, queue) = std_mpsc::channel();
        let (started, outcome) = std_mpsc::sync_channel(1);
        thread::Builder::new()
            .name("guest".into())
            .stack_size(STACK)
            .spawn(move || {
                let start = slot.start_instance(Duration::MAX, &log);
                drop(log);
                let is_alive = start.is_ok();
                // Whoever waits for the start holds the other end; if it is gone, so are the batches.
                let _ = started.send(start);
                if is_alive {
                    work::<P>(slot, &prefilter, &queue);
                }
            })
            .map_err(|error| StartError::NoThread(error.to_string()))?;
        Ok(Self { worker: Worker { assignments, batches: AtomicUsize::new(0) }, outcome })
    }

    /// Waits until it is configured, and returns the form of its state, too.
    fn end(self) -> Result<(Worker<P>, Option<String>), StartError> {
        match self.outcome.recv() {
            Ok(start) => start.map(|state_form| (self.worker, state_form)),
            Err(_) => Err(StartError::Broken("its thread ended".to_owned())),
        }
    }
}

impl<P> WorkerLease<'_, P> {
    /// How many workers it is of.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Begins with a batch: one program and one conductor for each worker that takes part.
    pub(super) fn begin(&self, job: Job, programs: impl IntoIterator<Item = P>) -> GuestRun {
        let Job { batch, first, flow_controls, grouping, time, log } = job;
        let count = self.0.len().min(flow_controls.len()).max(1);
        let shares = Shares::by_key(&batch, first, count);
        let cancelled = Arc::new(AtomicBool::new(false));
        let last = Arc::new(AtomicUsize::new(usize::MAX));
        let ahead = (BYTES_AHEAD / count).max(LEAST_AHEAD);
        let mut lanes = Vec::with_capacity(count);
        let parts = self.0.iter().zip(flow_controls).zip(programs).take(count);
        for (number, ((worker, flow_control), program)) in parts.enumerate() {
            let (groups, lane) = mpsc::unbounded_channel();
            lanes.push(lane);
            if !shares.has_work(number) {
                continue;
            }
            // If the thread is gone, the sender is dropped here and the run ends before its first
            // verdict: no event is acknowledged.
            let _ = worker.assignments.send(Assignment {
                batch: Arc::clone(&batch),
                first,
                shares: shares.clone(),
                number,
                flow_control,
                grouping,
                time,
                log: log.clone(),
                verdict_sender: VerdictSender { groups, memory: Arc::new(MemoryBudget::new(ahead)) },
                cancelled: Arc::clone(&cancelled),
                last: Arc::clone(&last),
                program,
            });
        }
        GuestRun::new(lanes, shares, grouping, cancelled, last, (first, batch.len()))
    }
}

impl<P> Drop for WorkerLease<'_, P> {
    fn drop(&mut self) {
        for worker in &self.0 {
            worker.batches.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
