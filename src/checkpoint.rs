//! The mirror of each shard's position in a DynamoDB table, where a person or another consumer can read it.
//!
//! Lambda keeps the position that counts; the mirror follows it, forward only, and never puts a batch at risk:
//! whatever is wrong with the table is logged once, counted, and waited for no longer than a bound. The table is
//! laid out as the `aws_kinesis` input of Redpanda Connect has it, so that each can go on from where the other is.

mod change;
mod creation;
mod error;
mod error_log;
mod heartbeat;
mod kcl;
mod kcl_table;
mod pending;
mod placement;
mod progress;
mod resume_point;
mod row;
mod start_at;
mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use change::{MayStand, RowAnswer, RowChange, RowItem};
pub use creation::{CreationError, KeysError, create_if_missing};
pub use error::{CheckpointError, CheckpointErrorKind};
pub use heartbeat::{BETWEEN_HEARTBEATS, GoneRun, Heartbeat, UNTIL_GONE};
pub(crate) use heartbeat::{RUN_BEAT_AT, RUN_BY};
pub use kcl::{KclCheckpoint, KclItem, KclLease, KclLeaseError};
pub use kcl_table::{KclLeases, KclTable, KclTableError};
pub use progress::{Acknowledged, BlockedProgress, DeliveredOutputs, ShardProgress};
pub use resume_point::ResumePoint;
pub(crate) use row::{CLIENT_ID, SHARD_END, START_AT, STREAM_ID};
pub use row::{CheckpointRow, LeaseHolder, NotSafeToResume};
pub use start_at::StartAt;
pub use table::{Table, open};

use error_log::ErrorLog;
use pending::{CheckpointStep, Pending};

use crate::event::{Position, Shard};
use crate::settings::StreamIdForm;

/// How positions are mirrored.
#[derive(Debug, Clone)]
pub struct CheckpointOptions {
    /// How a stream is written in the table.
    pub stream_id: StreamIdForm,
    /// How long a batch may wait for the table in all.
    pub timeout: Duration,
    /// How often the position of a shard is written at most; zero: for each batch.
    pub period: Duration,
    /// That of the event source mapping. Above 1 there is no position to resume from.
    pub parallelization_factor: u8,
    /// Whether events at or before the mirrored position are not processed again.
    pub skips_acknowledged: bool,
    /// Who writes: the function's name, or the run's.
    pub written_by: String,
    /// The name of the run, whose rows say that it is at work on them; none: it is a function.
    pub run: Option<String>,
}

/// Mirrors positions in one table.
#[derive(Debug)]
pub struct CheckpointWriter {
    table: Table,
    options: CheckpointOptions,
    error_log: ErrorLog,
    pending: Mutex<Pending>,
}

/// What came of mirroring the position that a batch reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointOutcome {
    /// It is in the table.
    Written,
    /// The batch changed nothing that the table says.
    Unchanged,
    /// It is written later: the period is not over.
    Deferred,
    /// It is not in the table.
    Failed(CheckpointErrorKind),
}

/// What the table knows of a shard at the beginning of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// What is before this point is acknowledged, by this function or by one that it follows; none: that is not known, or
    /// nothing to rely on.
    pub acknowledged: Option<ResumePoint>,
    /// The user record of a KPL aggregate at which another consumer broke off: those before it are done.
    pub broken_off_at: Option<Position>,
    /// What the shard stood still at.
    pub stuck: Option<BlockedProgress>,
    /// Why the row could not be read, or not be relied on.
    pub trouble: Option<CheckpointErrorKind>,
}

impl CheckpointWriter {
    /// A mirror in a table that may well not be there.
    pub fn new(table: Table, options: CheckpointOptions) -> Self {
        let pending = Mutex::new(Pending::new(options.period));
        Self { error_log: ErrorLog::new(table.name()), table, options, pending }
    }

    /// How long a batch may wait for the table in all.
    pub fn timeout(&self) -> Duration {
        self.options.timeout
    }

    /// Whether events at or before the mirrored position are not processed again.
    pub fn skips_acknowledged(&self) -> bool {
        self.options.skips_acknowledged
    }

    /// How often the position of a shard is written at most; zero: for each batch.
    pub fn period(&self) -> Duration {
        self.options.period
    }

    /// Whether positions are held back for a while.
    pub fn has_period(&self) -> bool {
        !self.options.period.is_zero()
    }

    /// What the table knows of a shard; nothing, where it does not answer in time.
    pub async fn recall(&self, shard: &Shard, within: Duration) -> StoredCheckpoint {
        let read = self.table.read(self.stream_id(shard), &shard.id);
        let row = match self.in_time(within, read).await {
            Ok(row) => row.unwrap_or_default(),
            Err(trouble) => {
                self.error_log.about(&trouble, &shard.id);
                return StoredCheckpoint { trouble: Some(trouble.kind()), ..StoredCheckpoint::default() };
            }
        };
        let (acknowledged, trouble) = match self.reliable_point(&row) {
            Ok(point) => (point, None),
            Err(trouble) => {
                self.error_log.about(&trouble, &shard.id);
                (None, Some(trouble.kind()))
            }
        };
        let is_ours = row.held_by.is_none() && row.written_by.as_ref() == Some(&self.options.written_by);
        // What another one delivered says nothing of our outputs.
        let stuck = row.stuck.map(|stuck| BlockedProgress { delivered: stuck.delivered.filter(|_| is_ours), ..stuck });
        let broken_off_at = row.broken_off_at.filter(|_| row.held_by.is_none());
        StoredCheckpoint { acknowledged, broken_off_at, stuck, trouble }
    }

    /// Mirrors what came of a batch. It takes no longer than `within`, and never fails more than the mirror.
    pub async fn note(&self, progress: ShardProgress, within: Duration) -> CheckpointOutcome {
        let started = Instant::now();
        if progress.says_nothing() {
            return CheckpointOutcome::Unchanged;
        }
        let shard = progress.shard.clone();
        let step = self.pending().take(progress, started);
        let noted = match step {
            CheckpointStep::Write(progress) => self.write(progress, within).await,
            CheckpointStep::Defer => CheckpointOutcome::Deferred,
        };
        let overdue = self.pending().overdue(&shard, Instant::now());
        self.write_all(overdue, within.saturating_sub(started.elapsed())).await;
        noted
    }

    /// Writes what was held back, for the end of the process say, and answers what came of it, shard by shard.
    pub async fn flush(&self, within: Duration) -> Vec<(Shard, CheckpointOutcome)> {
        let held_back = self.pending().take_all();
        self.write_all(held_back, within).await
    }

    /// Says in the row of a shard that this run is at work on it. `gone` is another run that was at work on
    /// it and is known to be gone, and `is_forced` says that it does not matter who else is at work.
    ///
    /// # Errors
    /// [`CheckpointError::Running`] when another run is at work on it, and whatever else can be wrong with the table.
    pub async fn beat(
        &self,
        shard: &Shard,
        gone: Option<&GoneRun>,
        is_forced: bool,
        within: Duration,
    ) -> Result<(), CheckpointError> {
        let Some(run) = &self.options.run else { return Ok(()) };
        let beat = heartbeat::beat(run, (self.stream_id(shard), &shard.id), gone, is_forced);
        self.in_time(within, self.table.write(beat, within)).await
    }

    /// Says in the row of a shard that this run is no longer at work on it. That it is may stay there if the table does not
    /// answer: then its signs of life end.
    pub async fn leave(&self, shard: &Shard, within: Duration) {
        let Some(run) = &self.options.run else { return };
        let leave = heartbeat::leave(run, (self.stream_id(shard), &shard.id));
        let left = self.in_time(within, self.table.write(leave, within)).await;
        if let Err(trouble) = left {
            tracing::debug!(shard_id = shard.id, "the row still says that this run is at work: {trouble}");
        }
    }

    async fn write_all(&self, all: Vec<ShardProgress>, within: Duration) -> Vec<(Shard, CheckpointOutcome)> {
        let write = async |progress: ShardProgress| (progress.shard.clone(), self.write(progress, within).await);
        futures_util::future::join_all(all.into_iter().map(write)).await
    }

    async fn write(&self, progress: ShardProgress, within: Duration) -> CheckpointOutcome {
        let update = row::update(&progress, self.stream_id(&progress.shard), &self.options);
        match self.in_time(within, self.table.write(update, within)).await {
            Ok(()) => {
                self.pending().written(&progress, Instant::now());
                CheckpointOutcome::Written
            }
            // Of a batch that came again: another attempt wrote just this.
            Err(CheckpointError::Overtaken { position }) if progress.is_at(&position) => {
                self.pending().written(&progress, Instant::now());
                CheckpointOutcome::Unchanged
            }
            Err(trouble) => {
                self.error_log.about(&trouble, &progress.shard.id);
                let kind = trouble.kind();
                if kind.passes() {
                    self.pending().give_back(progress);
                }
                CheckpointOutcome::Failed(kind)
            }
        }
    }

    async fn in_time<T>(
        &self,
        within: Duration,
        request: impl Future<Output = Result<T, CheckpointError>>,
    ) -> Result<T, CheckpointError> {
        if within.is_zero() {
            return Err(CheckpointError::TimedOut { after: within });
        }
        tokio::time::timeout(within, request).await.unwrap_or(Err(CheckpointError::TimedOut { after: within }))
    }

    /// The point up to which a row says that events are acknowledged, if they may be taken for that.
    fn reliable_point(&self, row: &CheckpointRow) -> Result<Option<ResumePoint>, CheckpointError> {
        if !self.options.skips_acknowledged {
            return Ok(None);
        }
        let Some(point) = row.resume_point().ok().flatten() else { return Ok(None) };
        if let Some(holder) = &row.held_by {
            return Err(CheckpointError::held(holder));
        }
        match &row.written_by {
            Some(writer) if *writer != self.options.written_by => {
                Err(CheckpointError::Foreign { writer: writer.clone() })
            }
            // A row of another consumer, who gave it up, has no writer, and neither has one that a person set.
            _ => Ok(Some(point)),
        }
    }

    fn stream_id<'a>(&'a self, shard: &'a Shard) -> &'a str {
        self.options.stream_id.of(&shard.stream_arn)
    }

    /// No code panics while it holds this lock; if some ever does, what is held back is still whole.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
