//! Guests, each on a thread of its own, fed batch by batch.
//!
//! Guests are called synchronously: asynchronous calls cost several times more, and WASI's
//! synchronous functions must not block a thread of the asynchronous runtime.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::Verdict;
use super::artifact::Transform;
use super::contract::World;
use super::instance::{Blueprint, StartError};
use super::limits::Limits;
use super::memory::Memory;
use super::run::Run;
use super::shares::Shares;
use super::worker::{Assignment, Outlet, Worker};
use crate::event::{Batch, Event};

/// What of outputs may be in memory that is not delivered, before the guests of a batch have to wait. A last group
/// comes on top: memory stays bounded, however much a batch fans out.
pub(super) const BYTES_AHEAD: usize = 8 << 20;

/// What one guest has of it at least: several groups, so that none waits for another to fill one.
const LEAST_AHEAD: usize = 4 << 20;

/// The guest's recursion is bounded by the engine (512 KiB of stack); host calls come on top.
pub(super) const STACK: usize = 4 << 20;

/// Who leads a guest through a batch.
pub trait Conductor: Send {
    /// How long to wait before this event may begin.
    fn wait_before(&mut self, event: Event<'_>) -> Duration;

    /// Whether the rest of the batch is of no use after this verdict. It is not asked of outputs.
    fn is_last(&self, event: Event<'_>, verdict: &Verdict) -> bool;
}

/// Goes through a batch up to the first event that has to come again.
#[derive(Debug, Clone, Copy)]
pub struct UpToRetry;

impl Conductor for UpToRetry {
    fn wait_before(&mut self, _event: Event<'_>) -> Duration {
        Duration::ZERO
    }

    fn is_last(&self, _event: Event<'_>, verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Retry(_))
    }
}

/// When verdicts are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// As soon as that is worth it.
    Promptly,
    /// In groups that depend on the batch alone, never on time.
    ByContent,
}

/// A batch to process.
pub struct Job {
    /// The events.
    pub batch: Arc<Batch>,
    /// The index of the first event to process.
    pub first: usize,
    /// Who leads through it: one for each guest that takes part. Their number is how many do.
    pub conductors: Vec<Box<dyn Conductor>>,
    /// How verdicts are grouped.
    pub grouping: Grouping,
    /// When guests are interrupted, whatever they do; none: never.
    pub interrupt_at: Option<Instant>,
}

/// A transform at work.
#[derive(Debug)]
pub struct Guest {
    assignments: std_mpsc::Sender<Assignment>,
}

/// A guest whose start is under way.
struct Starting {
    guest: Guest,
    outcome: std_mpsc::Receiver<Result<(), StartError>>,
}

impl Guest {
    /// Starts an instance on a thread of its own and waits until it is configured.
    ///
    /// # Errors
    /// When the guest refuses its settings or breaks while it starts.
    pub fn start(transform: &Transform, limits: Limits, settings: &[(String, String)]) -> Result<Self, StartError> {
        Starting::begin(transform, limits, settings)?.end()
    }

    /// Starts so many instances at once, each on a thread of its own: the first, and the others.
    ///
    /// # Errors
    /// When the guest refuses its settings or breaks while it starts.
    pub fn start_several(
        transform: &Transform,
        limits: Limits,
        settings: &[(String, String)],
        count: NonZeroUsize,
    ) -> Result<(Self, Vec<Self>), StartError> {
        let begin = |_| Starting::begin(transform, limits, settings);
        let first = begin(0)?;
        let others = (1..count.get()).map(begin).collect::<Result<Vec<_>, _>>()?;
        Ok((first.end()?, others.into_iter().map(Starting::end).collect::<Result<_, _>>()?))
    }

    /// Begins with a batch, which these guests share; a guest works on batches one after the other.
    ///
    /// Guests without a conductor have no part in it, nor have those beyond the first [`super::MOST_GUESTS`].
    pub fn run(guests: &[&Self], job: Job) -> Run {
        let Job { batch, first, conductors, grouping, interrupt_at } = job;
        let count = guests.len().min(conductors.len()).clamp(1, super::MOST_GUESTS);
        let shares = Shares::by_key(&batch, first, count);
        let cancelled = Arc::new(AtomicBool::new(false));
        let last = Arc::new(AtomicUsize::new(usize::MAX));
        let ahead = (BYTES_AHEAD / count).max(LEAST_AHEAD);
        let mut lanes = Vec::with_capacity(count);
        for (number, (guest, conductor)) in guests.iter().zip(conductors).take(count).enumerate() {
            let (groups, lane) = mpsc::unbounded_channel();
            lanes.push(lane);
            // If the thread is gone, the sender is dropped here and the run ends before its first
            // verdict: no event is acknowledged.
            let _ = guest.assignments.send(Assignment {
                batch: Arc::clone(&batch),
                first,
                shares: shares.clone(),
                number,
                conductor,
                grouping,
                interrupt_at,
                outlet: Outlet { groups, memory: Arc::new(Memory::new(ahead)) },
                cancelled: Arc::clone(&cancelled),
                last: Arc::clone(&last),
            });
        }
        Run::new(lanes, shares, grouping, cancelled, (first, batch.len()))
    }
}

impl Starting {
    fn begin(transform: &Transform, limits: Limits, settings: &[(String, String)]) -> Result<Self, StartError> {
        if transform.world() != World::Records {
            return Err(StartError::OtherWorld(
                "it is a transform of tumbling windows, and what comes here is in none: `kinesieve run \
                 --tumbling-window 60s` plays windows over a file or a stream",
            ));
        }
        let broken = |error: wasmtime::Error| StartError::Broken(format!("{error:#}"));
        let blueprint = Blueprint::new(transform.linked(), limits, settings.into()).map_err(broken)?;
        let mut worker = Worker::new(blueprint, transform.ticker());
        let (assignments, queue) = std_mpsc::channel();
        let (started, outcome) = std_mpsc::sync_channel(1);
        thread::Builder::new()
            .name("guest".into())
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
        Ok(Self { guest: Guest { assignments }, outcome })
    }

    /// Waits until it is configured.
    fn end(self) -> Result<Guest, StartError> {
        match self.outcome.recv() {
            Ok(start) => start.map(|()| self.guest),
            Err(_) => Err(StartError::Broken("its thread ended".to_owned())),
        }
    }
}
