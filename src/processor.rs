//! The batch algorithm: events through the transform into sinks, and where to replay from.
//!
//! The promise: an event is acknowledged only after it was delivered, dropped by the transform's own
//! word, or dead-lettered; nothing else ever moves the position forward. It holds because a batch is
//! settled front to back, and the first event that fails in a way that counts as a retry ends it. While
//! the guest works on later events, the outputs of earlier ones are on their way. No AWS type appears
//! here.

mod batch_checkpoint;
mod blocked;
mod decision;
mod destinations;
mod flow_control;
mod lanes;
mod ledger;
mod observer;
mod outputs;
mod pace;
mod report;
mod retry_budget;
mod run;
mod settlement;
mod time;
mod unpacking;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

pub use destinations::Destinations;
pub use observer::Observer;
pub use outputs::Outputs;
pub use pace::Pace;
pub use report::{Cause, Counts, Failure, Report, Statistics, Stop, TargetStatistics};
pub use retry_budget::RetryLimits;
pub use time::Deadline;
pub use window::{FoldedBatch, MOST_STATE_BYTES, WindowClosed, WindowError, WindowSlice, WindowState};

use blocked::{BlockedRecord, BlockedRecords};
use pace::Pacing;
use run::BatchRun;
use settlement::Settlement;
use time::within;
use unpacking::unpack;

use crate::checkpoint::CheckpointWriter;
use crate::dead_letter::DeadLetters;
use crate::event::{Batch, Position, Shard, Unpacking};
use crate::sink::{Delivery, Output};
use crate::transform::{FlowControl, Grouping, Guests, Job, RecordPool, World};

/// Takes batches through one transform to its targets.
pub struct Processor {
    transform: String,
    /// The expression that events pass first.
    filter: Option<String>,
    unpacking: Unpacking,
    guests: Guests,
    destinations: Destinations,
    retry_limits: RetryLimits,
    pacing: Pacing,
    blocked_records: Mutex<BlockedRecords>,
    checkpoint_writer: Option<CheckpointWriter>,
    observer: Option<Arc<dyn Observer>>,
    stop_log: StopLog,
}

/// At which attempts the log says why a batch stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopLog {
    /// At each: an invocation has a log of its own.
    Always,
    /// At the first, and each time that their number has doubled.
    Doubling,
}

impl Processor {
    /// A processor for a started transform. Without a dead-letter destination an event that can't be
    /// processed blocks its shard: it is never lost in silence.
    pub fn new(guests: impl Into<Guests>, outputs: Outputs, dead_letters: Option<DeadLetters>) -> Self {
        Self {
            transform: String::new(),
            filter: None,
            unpacking: Unpacking::default(),
            guests: guests.into(),
            destinations: Destinations::new(outputs, dead_letters),
            retry_limits: RetryLimits::default(),
            pacing: Pacing::new(Pace::default()),
            blocked_records: Mutex::default(),
            checkpoint_writer: None,
            observer: None,
            stop_log: StopLog::Always,
        }
    }

    /// Returns the processor with the digest of its transform, which dead letters carry.
    #[must_use]
    pub fn of_transform(self, digest: &str) -> Self {
        Self { transform: digest.to_owned(), ..self }
    }

    /// Returns the processor with the expression of the filter that its guests are behind.
    #[must_use]
    pub fn behind(self, filter: Option<&str>) -> Self {
        Self { filter: filter.map(str::to_owned), ..self }
    }

    /// The transform's digest; empty where nobody said it, or where there is none.
    pub fn transform(&self) -> &str {
        &self.transform
    }

    /// What the transform works on.
    pub fn world(&self) -> World {
        self.guests.world()
    }

    /// Returns the processor with rules for taking records apart and decoding them.
    #[must_use]
    pub fn with_unpacking(self, unpacking: Unpacking) -> Self {
        Self { unpacking, ..self }
    }

    /// Returns the processor with limits on retries of an event.
    #[must_use]
    pub fn with_retry_limits(self, retry_limits: RetryLimits) -> Self {
        Self { retry_limits, ..self }
    }

    /// Returns the processor with a limit on the rate of each shard.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> Self {
        Self { pacing: Pacing::new(pace), ..self }
    }

    /// Returns the processor with a writer of checkpoints, which records the position of each shard.
    #[must_use]
    pub fn with_checkpoint_writer(self, checkpoint_writer: CheckpointWriter) -> Self {
        Self { checkpoint_writer: Some(checkpoint_writer), ..self }
    }

    /// Returns the processor with a log of the first attempt at a record that stops a batch, the second, the fourth, the eighth,
    /// and so on: where one process tries again and again, a line an attempt says nothing more.
    #[must_use]
    pub fn with_doubling_stop_log(self) -> Self {
        Self { stop_log: StopLog::Doubling, ..self }
    }

    /// Returns the processor with an observer, which is told what becomes of each event.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Where what comes of batches ends up.
    pub fn destinations(&self) -> &Destinations {
        &self.destinations
    }

    /// Delivers one output past the transform.
    pub async fn put(&self, output: Output<'_>, until: Option<Instant>) -> Delivery {
        let outputs = [output];
        let delivered =
            within(until, self.destinations.outputs.main().deliver(&outputs, until)).await.unwrap_or_default();
        let unanswered = || Delivery::Failed { reason: "the target gave no answer for it".into() };
        delivered.deliveries.into_iter().next().unwrap_or_else(unanswered)
    }

    /// Makes ready what the first deliveries would have to wait for, as far as that is done in this time.
    pub async fn warm(&self, time_limit: Duration) {
        let outputs = self.destinations.outputs.sinks().into_iter().map(|sink| sink.warm());
        let dead_letters = self.destinations.dead_letters.as_ref().map(DeadLetters::warm);
        let all = futures_util::future::join_all(outputs.chain(dead_letters));
        if tokio::time::timeout(time_limit, all).await.is_err() {
            tracing::debug!("not all connections were made within {time_limit:?}");
        }
    }

    /// Where positions are mirrored, if they are.
    pub fn checkpoint_writer(&self) -> Option<&CheckpointWriter> {
        self.checkpoint_writer.as_ref()
    }

    /// Processes a batch as far as it goes. Its records are taken apart and decoded first, part by part; it costs least
    /// if nobody else holds the batch.
    pub async fn process(&self, batch: Arc<Batch>, deadline: Option<Deadline>) -> Report {
        self.process_records(batch, deadline, &self.destinations, self.checkpoint_writer.as_ref()).await
    }

    /// Processes records that are in no shard: what comes of them ends up elsewhere, and no position is mirrored.
    pub async fn process_into(
        &self,
        destinations: &Destinations,
        batch: Arc<Batch>,
        deadline: Option<Deadline>,
    ) -> Report {
        self.process_records(batch, deadline, destinations, None).await
    }

    async fn process_records(
        &self,
        batch: Arc<Batch>,
        deadline: Option<Deadline>,
        destinations: &Destinations,
        checkpoint_writer: Option<&CheckpointWriter>,
    ) -> Report {
        let started = Instant::now();
        let mut run = BatchRun::begin(self, destinations, checkpoint_writer, &batch, deadline);
        let Guests::Records(pool) = &self.guests else {
            run.refuse(&batch, Cause::TransformDown, &WindowError::OfWindows.to_string());
            return run.finish(started).await;
        };
        run.recall_what_is_done().await;
        let mut rest = Some(batch);
        while let Some(records) = rest {
            if run.stop().is_some() {
                run.leave(&records);
                break;
            }
            let unpacked = unpack(self.unpacking, records).await;
            rest = unpacked.rest;
            self.process_part(&mut run, pool, &unpacked.batch).await;
        }
        run.finish(started).await
    }

    /// Processes a part of a batch as far as it goes.
    async fn process_part(&self, run: &mut BatchRun<'_>, pool: &RecordPool, part: &Arc<Batch>) {
        // What is gathered has to depend on the batch alone.
        let is_prompt = run.destinations.hands_over_dead_letters_promptly();
        let skipped = run.done_at_the_front(part);
        // A pace is kept by one.
        let mut pacer = self.pacing.of(part.shard());
        let guests = pool.lend(if pacer.is_some() { 1 } else { part.len() - skipped });
        let flow_control = |_| -> Box<dyn FlowControl> { Box::new(run.flow_control(pacer.take())) };
        let flow_controls = (0..guests.len()).map(flow_control).collect();
        let mut verdicts = guests.run(Job {
            batch: Arc::clone(part),
            first: skipped,
            flow_controls,
            grouping: if is_prompt { Grouping::Promptly } else { Grouping::ByContent },
            time: run.time.guest_time(),
            log: run.log.clone(),
        });
        if self.retry_limits.depend_on_the_past() {
            // The guest is at work meanwhile.
            run.recall_attempts().await;
        }
        let settle_by = run.time.settle_by();
        let mut settlement = Settlement::begin(run, part, skipped);
        while !settlement.is_over() {
            match within(settle_by, verdicts.next()).await {
                Some(Some(chunk)) => {
                    let mut chunks = vec![chunk];
                    // All that came up while earlier outputs were on their way goes together.
                    while is_prompt && let Some(chunk) = verdicts.next_ready() {
                        chunks.push(chunk);
                    }
                    settlement.settle(chunks).await;
                }
                Some(None) => settlement.no_more_verdicts(),
                None => settlement.stop_here(Cause::Deadline, "the transform gave no answer before the deadline"),
            }
        }
        // The guests need not go on while what was gathered is delivered.
        drop(verdicts);
        drop(guests);
        settlement.finish().await;
        run.end_part(part, skipped);
    }

    /// Returns by what records are taken apart and transformed here: another transform, or other settings, may make other
    /// events of a record.
    fn made_by(&self) -> String {
        let mut made_by = format!("{}\n{:?}", self.transform, self.unpacking);
        if let Some(filter) = &self.filter {
            made_by.push('\n');
            made_by.push_str(filter);
        }
        let digest = Sha256::digest(made_by);
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Learns that another consumer broke off in this shard inside a record: its user records before this one are done, and are
    /// not processed again. That counts only where records are taken apart into user records here as well.
    pub fn goes_on_at(&self, shard: &Shard, at: Position) {
        self.blocked_records().insert(shard, None, BlockedRecord::broken_off(at, self.unpacking));
    }

    /// No code panics while it holds this lock; if some ever does, what is remembered is still whole.
    fn blocked_records(&self) -> MutexGuard<'_, BlockedRecords> {
        self.blocked_records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
