//! A guest on a thread of its own, fed batch by batch.
//!
//! Guests are called synchronously: asynchronous calls cost several times more, and WASI's
//! synchronous functions must not block a thread of the asynchronous runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::artifact::Transform;
use super::engine::Ticker;
use super::instance::{Blueprint, Called, Instance, StartError};
use super::limits::Limits;
use super::log::GuestLines;
use super::memory::{Memory, Room};
use super::{Emission, Fault, FaultKind, Verdict};
use crate::event::{Batch, Event, Payload};

/// Verdicts are handed over in groups, so that the hand-over costs nothing a record, yet outputs are
/// on their way while the guest works on later events. A group is full at so many events ...
const CHUNK_EVENTS: usize = 512;
/// ... or so many bytes of outputs ...
const CHUNK_BYTES: usize = 1 << 20;
/// ... or, if it is wanted promptly, when its first event is so old.
const CHUNK_AGE: Duration = Duration::from_millis(100);

/// What of outputs may be in memory that is not delivered, before the guest has to wait. A last group comes
/// on top: memory stays bounded, however much a batch fans out.
const BYTES_AHEAD: usize = 8 << 20;

/// How long the thread sleeps before it looks again whether it is still wanted.
const NAP: Duration = Duration::from_millis(20);

/// The guest's recursion is bounded by the engine (512 KiB of stack); host calls come on top.
const STACK: usize = 4 << 20;

/// Verdicts on consecutive events, in shard order.
#[derive(Debug)]
pub struct Chunk {
    /// The index of the first event.
    pub first: usize,
    /// One verdict an event.
    pub verdicts: Vec<Verdict>,
    /// Time that went into them on the guest's thread: not what it waited for.
    pub busy: Duration,
    /// Their share of what may be in memory.
    room: Option<Room>,
}

/// Who leads the guest through a batch.
pub trait Conductor: Send {
    /// How long to wait before this event may begin.
    fn wait_before(&mut self, event: Event<'_>, now: Instant) -> Duration;

    /// Whether the rest of the batch is of no use after this verdict.
    fn is_last(&self, event: Event<'_>, verdict: &Verdict) -> bool;
}

/// Goes through a batch up to the first event that has to come again.
#[derive(Debug, Clone, Copy)]
pub struct UpToRetry;

impl Conductor for UpToRetry {
    fn wait_before(&mut self, _event: Event<'_>, _now: Instant) -> Duration {
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
    /// Who leads through it.
    pub conductor: Box<dyn Conductor>,
    /// How verdicts are grouped.
    pub grouping: Grouping,
    /// When the guest is interrupted, whatever it does; none: never.
    pub interrupt_at: Option<Instant>,
}

/// The verdicts of one batch, as they come. Dropped, it tells the guest to stop.
#[derive(Debug)]
pub struct Run {
    chunks: mpsc::UnboundedReceiver<Chunk>,
    cancelled: Arc<AtomicBool>,
}

impl Run {
    /// The next verdicts, in order; none when the batch is done, or the guest stopped early.
    pub async fn next(&mut self) -> Option<Chunk> {
        self.chunks.recv().await
    }

    /// Verdicts that are there without waiting for them.
    pub fn next_ready(&mut self) -> Option<Chunk> {
        self.chunks.try_recv().ok()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// A transform at work.
#[derive(Debug)]
pub struct Guest {
    jobs: std_mpsc::Sender<QueuedJob>,
}

struct QueuedJob {
    job: Job,
    chunks: mpsc::UnboundedSender<Chunk>,
    cancelled: Arc<AtomicBool>,
}

impl Guest {
    /// Starts an instance on a thread of its own and waits until it is configured.
    ///
    /// # Errors
    /// When the guest refuses its settings or breaks while it starts.
    pub fn start(transform: &Transform, limits: Limits, settings: &[(String, String)]) -> Result<Self, StartError> {
        let broken = |error: wasmtime::Error| StartError::Broken(format!("{error:#}"));
        let blueprint = Blueprint::new(transform.linked(), limits, settings.into()).map_err(broken)?;
        let ticker = transform.ticker();
        let (jobs, queue) = std_mpsc::channel();
        let (started, outcome) = std_mpsc::sync_channel(1);
        thread::Builder::new()
            .name("guest".into())
            .stack_size(STACK)
            .spawn(move || {
                let mut worker = Worker { blueprint, ticker, instance: None, log: GuestLines::default() };
                let start = worker.start_instance(Duration::MAX);
                let is_alive = start.is_ok();
                // Whoever waits for the start holds the other end; if it is gone, so are the jobs.
                let _ = started.send(start);
                if is_alive {
                    worker.work(&queue);
                }
            })
            .map_err(|error| StartError::NoThread(error.to_string()))?;
        match outcome.recv() {
            Ok(start) => start.map(|()| Self { jobs }),
            Err(_) => Err(StartError::Broken("its thread ended".to_owned())),
        }
    }

    /// Begins with a batch; batches are worked on one after the other.
    pub fn run(&self, job: Job) -> Run {
        let (sender, chunks) = mpsc::unbounded_channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        // If the thread is gone, the sender is dropped here and the run ends before its first
        // verdict: no event is acknowledged.
        let _ = self.jobs.send(QueuedJob { job, chunks: sender, cancelled: Arc::clone(&cancelled) });
        Run { chunks, cancelled }
    }
}

/// What lives on the guest's thread.
struct Worker {
    blueprint: Blueprint,
    ticker: Arc<Ticker>,
    /// None after a fault, until the next event needs one.
    instance: Option<Instance>,
    log: GuestLines,
}

impl Worker {
    fn work(&mut self, queue: &std_mpsc::Receiver<QueuedJob>) {
        while let Ok(queued) = queue.recv() {
            self.run(queued);
        }
    }

    fn start_instance(&mut self, time_left: Duration) -> Result<(), StartError> {
        let _timekeeping = self.ticker.keep_time();
        let (start, written) = Instance::start(&self.blueprint, time_left);
        self.log.write(&written, None);
        self.instance = Some(start?);
        Ok(())
    }

    fn run(&mut self, queued: QueuedJob) {
        let QueuedJob { mut job, chunks, cancelled } = queued;
        let _timekeeping = self.ticker.keep_time();
        let queue = Queue { chunks, memory: Arc::new(Memory::new(BYTES_AHEAD)) };
        let batch = Arc::clone(&job.batch);
        let mut pending = Pending::new(job.first);
        for (index, event) in batch.iter().enumerate().skip(job.first) {
            if cancelled.load(Ordering::Relaxed) {
                break;
            }
            // Looked at once an event: the clock costs a tenth of a call that does little.
            let mut now = Instant::now();
            let wait = job.conductor.wait_before(event, now);
            if !wait.is_zero() {
                if job.grouping == Grouping::Promptly && !queue.hand_over(&mut pending, index, now) {
                    break;
                }
                let woken = sleep(wait, now, job.interrupt_at, &cancelled);
                pending.waited += woken - now;
                now = woken;
            }
            let verdict = self.verdict_on(&job, index, event, now);
            let is_last = ends_batch(&verdict) || job.conductor.is_last(event, &verdict);
            pending.push(verdict);
            if is_last {
                break;
            }
            if pending.is_full(now, job.grouping) && !queue.hand_over(&mut pending, index + 1, now) {
                break;
            }
        }
        if let Some(instance) = &mut self.instance {
            instance.rest();
        }
        self.log.end_batch(&batch);
        // Before the last verdicts: whoever has them may begin with the next batch, and its conductor.
        drop(job);
        queue.hand_over(&mut pending, batch.len(), Instant::now());
    }

    fn verdict_on(&mut self, job: &Job, index: usize, event: Event<'_>, mut now: Instant) -> Verdict {
        if let Payload::Undecodable { .. } = event.payload {
            return Verdict::Undecodable;
        }
        let is_over = |now: Instant| job.interrupt_at.is_some_and(|at| now >= at);
        if is_over(now) {
            return Verdict::Interrupted;
        }
        let was_alive = self.instance.is_some();
        if !was_alive {
            let start = self.start_instance(time_until(job.interrupt_at, now));
            // A start takes its time, which is not the event's.
            now = Instant::now();
            if is_over(now) {
                return Verdict::Interrupted;
            }
            if let Err(error) = start {
                return Verdict::Unavailable(error.to_string());
            }
        }
        let Some(instance) = self.instance.take() else {
            return Verdict::Unavailable("there is no instance of the transform".to_owned());
        };
        let time_left = time_until(job.interrupt_at, now);
        let Called { verdict, survivor, written } =
            instance.process(&job.batch, event, self.blueprint.limits, now, time_left);
        self.instance = survivor;
        self.log.write(&written, Some((&job.batch, event)));
        match verdict {
            // The first event had all the time that a batch has: it would be interrupted for ever.
            Verdict::Interrupted if index == job.first && was_alive => Verdict::Fault(Fault {
                kind: FaultKind::Timeout,
                reason: format!(
                    "took longer than all the time that there is for a batch, {time_left:?}: give the function a \
                     longer timeout, or the transform less (KINESIEVE_EVENT_TIMEOUT)"
                ),
            }),
            verdict => verdict,
        }
    }
}

/// Whether there can be no further verdict.
fn ends_batch(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Interrupted | Verdict::Unavailable(_))
}

/// The way of verdicts to whoever waits for them.
struct Queue {
    chunks: mpsc::UnboundedSender<Chunk>,
    memory: Arc<Memory>,
}

impl Queue {
    /// Hands over what is pending, once there is room for it, and begins anew; false: nobody wants it.
    fn hand_over(&self, pending: &mut Pending, next: usize, now: Instant) -> bool {
        if pending.chunk.verdicts.is_empty() {
            return true;
        }
        let mut full = std::mem::replace(pending, Pending::new(next));
        full.chunk.busy = now.saturating_duration_since(full.since).saturating_sub(full.waited);
        full.chunk.room = Some(self.memory.take(full.bytes));
        let is_wanted = self.chunks.send(full.chunk).is_ok();
        // Waiting for room is no work of the next group.
        pending.since = Instant::now();
        is_wanted
    }
}

/// Sleeps so long, unless there is no need to any more, and answers what time it is then.
fn sleep(wait: Duration, now: Instant, interrupt_at: Option<Instant>, cancelled: &AtomicBool) -> Instant {
    let end = now + wait;
    let end = interrupt_at.map_or(end, |at| end.min(at));
    let mut now = now;
    while now < end && !cancelled.load(Ordering::Relaxed) {
        thread::sleep((end - now).min(NAP));
        now = Instant::now();
    }
    now
}

/// Verdicts that were not handed over yet.
struct Pending {
    chunk: Chunk,
    bytes: usize,
    since: Instant,
    waited: Duration,
}

impl Pending {
    fn new(first: usize) -> Self {
        let chunk = Chunk { first, verdicts: Vec::new(), busy: Duration::ZERO, room: None };
        Self { chunk, bytes: 0, since: Instant::now(), waited: Duration::ZERO }
    }

    fn push(&mut self, verdict: Verdict) {
        self.bytes += match &verdict {
            Verdict::Emit(outputs) => outputs.iter().map(size).sum(),
            Verdict::Retry(reason) | Verdict::Reject(reason) | Verdict::Unavailable(reason) => reason.len(),
            Verdict::Fault(fault) => fault.reason.len(),
            Verdict::Keep | Verdict::Drop | Verdict::Undecodable | Verdict::Interrupted => 0,
        } + size_of::<Verdict>();
        self.chunk.verdicts.push(verdict);
    }

    fn is_full(&self, now: Instant, grouping: Grouping) -> bool {
        self.chunk.verdicts.len() >= CHUNK_EVENTS
            || self.bytes >= CHUNK_BYTES
            || (grouping == Grouping::Promptly && now.saturating_duration_since(self.since) >= CHUNK_AGE)
    }
}

/// What an output takes of memory: many empty ones are not nothing.
fn size(output: &Emission) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    size_of::<Emission>() + output.data.len() + text(&output.partition_key) + text(&output.route)
}

fn time_until(end: Option<Instant>, now: Instant) -> Duration {
    end.map_or(Duration::MAX, |end| end.saturating_duration_since(now))
}
