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

use super::Verdict;
use super::artifact::Transform;
use super::engine::Ticker;
use super::instance::{Blueprint, Called, Instance, StartError};
use super::limits::Limits;
use super::log::Written;
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
        let blueprint = Blueprint::new(transform.linked().map_err(broken)?, limits, settings.into()).map_err(broken)?;
        let ticker = Ticker::start(transform.engine()).map_err(|error| StartError::NoThread(error.to_string()))?;
        let (jobs, queue) = std_mpsc::channel();
        let (started, outcome) = std_mpsc::sync_channel(1);
        thread::Builder::new()
            .name("guest".into())
            .stack_size(STACK)
            .spawn(move || {
                let mut worker = Worker { blueprint, ticker, instance: None };
                let start = worker.start_instance(None);
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
    ticker: Ticker,
    /// None after a fault, until the next event needs one.
    instance: Option<Instance>,
}

impl Worker {
    fn work(&mut self, queue: &std_mpsc::Receiver<QueuedJob>) {
        while let Ok(queued) = queue.recv() {
            self.run(queued);
        }
    }

    fn start_instance(&mut self, ends: Option<Instant>) -> Result<(), StartError> {
        let _timekeeping = self.ticker.keep_time();
        let time_left = ends.map_or(Duration::MAX, |ends| ends.saturating_duration_since(Instant::now()));
        match Instance::start(&self.blueprint, time_left) {
            Ok((instance, written)) => {
                write_log(&written, None);
                self.instance = Some(instance);
                Ok(())
            }
            Err((error, written)) => {
                write_log(&written, None);
                Err(error)
            }
        }
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
            let verdict = self.verdict_on(&job, event, now);
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
        drop(job);
        if !pending.chunk.verdicts.is_empty() {
            // A receiver that is gone wants no more verdicts.
            let _ = chunks.blocking_send(pending.chunk);
        }
    }

    fn verdict_on(&mut self, job: &Job, event: Event<'_>, now: Instant) -> Verdict {
        if let Payload::Undecodable { .. } = event.payload {
            return Verdict::Undecodable;
        }
        if job.interrupt_at.is_some_and(|at| now >= at) {
            return Verdict::Interrupted;
        }
        if self.instance.is_none()
            && let Err(error) = self.start_instance(job.interrupt_at)
        {
            return Verdict::Unavailable(error.to_string());
        }
        let Some(instance) = self.instance.take() else {
            return Verdict::Unavailable("there is no instance of the transform".to_owned());
        };
        let time_left = job.interrupt_at.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
        let Called { verdict, survivor, written } =
            instance.process(&job.batch, event, self.blueprint.limits, now, time_left);
        self.instance = survivor;
        write_log(&written, Some((&job.batch, event)));
        verdict
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
        if let Verdict::Emit(outputs) = &verdict {
            self.bytes += outputs.iter().map(|output| output.data.len()).sum::<usize>();
        }
        self.chunk.verdicts.push(verdict);
    }

    fn is_full(&self, now: Instant) -> bool {
        self.chunk.verdicts.len() >= CHUNK_EVENTS
            || self.bytes >= CHUNK_BYTES
            || now.saturating_duration_since(self.since) >= CHUNK_AGE
    }
}

/// Passes on what the guest said, with the position of the event that it said it about.
fn write_log(written: &Written, about: Option<(&Batch, Event<'_>)>) {
    if written.lines.is_empty() {
        return;
    }
    let shard_id = about.map(|(batch, _)| batch.shard_id());
    let sequence_number = about.map(|(_, event)| event.sequence_number.as_str());
    macro_rules! write_at {
        ($level:expr, $source:expr, $text:expr) => {
            tracing::event!(
                target: "kinesieve::guest",
                $level,
                source = $source,
                shard_id,
                sequence_number,
                "{}",
                $text
            )
        };
    }
    for line in &written.lines {
        match line.level {
            tracing::Level::ERROR => write_at!(tracing::Level::ERROR, line.source, line.text),
            tracing::Level::WARN => write_at!(tracing::Level::WARN, line.source, line.text),
            tracing::Level::INFO => write_at!(tracing::Level::INFO, line.source, line.text),
            tracing::Level::DEBUG => write_at!(tracing::Level::DEBUG, line.source, line.text),
            tracing::Level::TRACE => write_at!(tracing::Level::TRACE, line.source, line.text),
        }
    }
    if written.left_out > 0 {
        let text = format!("{} more lines of this event are left out", written.left_out);
        write_at!(tracing::Level::WARN, "kinesieve", text);
    }
}
