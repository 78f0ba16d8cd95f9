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
use super::{Emission, Fault, FaultKind, Verdict};
use crate::event::{Batch, Event, Payload};

/// Verdicts are handed over in groups, so that the hand-over costs nothing a record, yet outputs are
/// on their way while the guest works on later events. A group is full at so many events ...
const CHUNK_EVENTS: usize = 512;
/// ... or so many bytes of outputs ...
const CHUNK_BYTES: usize = 1 << 20;
/// ... or when its first event is so old.
const CHUNK_AGE: Duration = Duration::from_millis(100);

/// Groups that wait for delivery while the guest goes on: two, so that memory stays bounded.
const CHUNKS_AHEAD: usize = 2;

/// The guest's recursion is bounded by the engine (512 KiB of stack); host calls come on top.
const STACK: usize = 4 << 20;

/// Verdicts on consecutive events, in shard order.
#[derive(Debug)]
pub struct Chunk {
    /// The index of the first event.
    pub first: usize,
    /// One verdict an event.
    pub verdicts: Vec<Verdict>,
}

/// After which verdicts the rest of a batch is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAt {
    /// Failed events are dead-lettered: only a retry ends the batch.
    Retry,
    /// There is nowhere to put a failed event, so it will come again, and all behind it.
    FirstFailure,
}

/// A batch to process.
#[derive(Debug)]
pub struct Job {
    /// The events.
    pub batch: Arc<Batch>,
    /// Where to stop early.
    pub stop_at: StopAt,
    /// When the guest is interrupted, whatever it does; none: never.
    pub interrupt_at: Option<Instant>,
}

/// The verdicts of one batch, as they come. Dropped, it tells the guest to stop.
#[derive(Debug)]
pub struct Run {
    chunks: mpsc::Receiver<Chunk>,
    cancelled: Arc<AtomicBool>,
}

impl Run {
    /// The next verdicts, in order; none when the batch is done, or the guest stopped early.
    pub async fn next(&mut self) -> Option<Chunk> {
        self.chunks.recv().await
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
    chunks: mpsc::Sender<Chunk>,
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
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
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
        let QueuedJob { job, chunks, cancelled } = queued;
        let _timekeeping = self.ticker.keep_time();
        let mut pending = Pending::new(0);
        for (index, event) in job.batch.iter().enumerate() {
            if cancelled.load(Ordering::Relaxed) {
                break;
            }
            // Looked at once an event: the clock costs a tenth of a call that does little.
            let now = Instant::now();
            let verdict = self.verdict_on(&job, index, event, now);
            let is_last = ends_batch(&verdict, job.stop_at);
            pending.push(verdict);
            if is_last {
                break;
            }
            if pending.is_full(now) {
                let full = std::mem::replace(&mut pending, Pending::new(index + 1));
                if chunks.blocking_send(full.chunk).is_err() {
                    break;
                }
            }
        }
        if let Some(instance) = &mut self.instance {
            instance.rest();
        }
        self.log.end_batch(&job.batch);
        drop(job);
        if !pending.chunk.verdicts.is_empty() {
            // A receiver that is gone wants no more verdicts.
            let _ = chunks.blocking_send(pending.chunk);
        }
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
            Verdict::Interrupted if index == 0 && was_alive => Verdict::Fault(Fault {
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

fn ends_batch(verdict: &Verdict, stop_at: StopAt) -> bool {
    match verdict {
        Verdict::Keep | Verdict::Drop | Verdict::Emit(_) => false,
        Verdict::Retry(_) | Verdict::Interrupted | Verdict::Unavailable(_) => true,
        Verdict::Reject(_) | Verdict::Fault(_) | Verdict::Undecodable => stop_at == StopAt::FirstFailure,
    }
}

/// Verdicts that were not handed over yet.
struct Pending {
    chunk: Chunk,
    bytes: usize,
    since: Instant,
}

impl Pending {
    fn new(first: usize) -> Self {
        Self { chunk: Chunk { first, verdicts: Vec::new() }, bytes: 0, since: Instant::now() }
    }

    fn push(&mut self, verdict: Verdict) {
        self.bytes += match &verdict {
            Verdict::Emit(outputs) => outputs.iter().map(size).sum(),
            Verdict::Retry(reason) | Verdict::Reject(reason) | Verdict::Unavailable(reason) => reason.len(),
            Verdict::Fault(fault) => fault.reason.len(),
            Verdict::Keep | Verdict::Drop | Verdict::Undecodable | Verdict::Interrupted => 0,
        };
        self.chunk.verdicts.push(verdict);
    }

    fn is_full(&self, now: Instant) -> bool {
        self.chunk.verdicts.len() >= CHUNK_EVENTS
            || self.bytes >= CHUNK_BYTES
            || now.saturating_duration_since(self.since) >= CHUNK_AGE
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
