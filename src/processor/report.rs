//! What came of a batch: the one answer that Lambda's response, a local retry and the checkpoint are
//! all made of.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use crate::checkpoint::{CheckpointErrorKind, CheckpointOutcome, DeliveredOutputs};
use crate::dead_letter::DeadLetterKind;
use crate::error_code::ErrorCode;
use crate::event::{Position, Shard};

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The first event that is not acknowledged; none: all are. Every event before it is delivered,
    /// dropped by the transform's own word, or dead-lettered.
    pub stop: Option<Stop>,
    /// What became of the events.
    pub counts: Counts,
    /// The first event that was dead-lettered, if one was: in a batch of one, why it was.
    pub first_dead_letter: Option<Failure>,
    /// What came of mirroring the position; none: there is no mirror, or there was no event.
    pub checkpoint: Option<CheckpointOutcome>,
    /// What it took.
    pub statistics: Statistics,
}

impl Report {
    /// Returns one report of several batches. Of what there is one of in a report, it has the first.
    pub fn of_all(reports: impl IntoIterator<Item = Report>) -> Self {
        let mut all = Self {
            stop: None,
            counts: Counts::default(),
            first_dead_letter: None,
            checkpoint: None,
            statistics: Statistics::default(),
        };
        for Report { stop, counts, first_dead_letter, checkpoint, statistics } in reports {
            all.stop = all.stop.or(stop);
            all.counts += &counts;
            all.first_dead_letter = all.first_dead_letter.or(first_dead_letter);
            all.checkpoint = all.checkpoint.or(checkpoint);
            all.statistics += statistics;
        }
        all
    }
}

/// Why an event can't be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its index in the batch.
    pub index: usize,
    /// The kind.
    pub kind: DeadLetterKind,
    /// Why, for a person.
    pub reason: String,
}

/// What a batch took: time, and what its targets had to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// From the first event to the report.
    pub total: Duration,
    /// In which the checkpoint table was waited for; the guest may have been at work at the same time.
    pub checkpoint: Duration,
    /// What went wrong with it: when it was read, when it was written.
    pub checkpoint_troubles: Vec<CheckpointErrorKind>,
    /// On the guest's thread, in the transform for the most part.
    pub guest: Duration,
    /// In which outputs or dead letters were on their way; the guest may have worked on at the same time.
    pub delivery: Duration,
    /// Outputs and dead letters that had to go again, each counted as often as it did.
    pub retries: u64,
    /// What each target took, by its name: `main`, or the route's. Also of events that come again.
    pub taken: BTreeMap<String, TargetStatistics>,
}

/// What a target took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetStatistics {
    /// Outputs.
    pub outputs: u64,
    /// Their bytes of data.
    pub bytes: u64,
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Statistics) {
        self.total += other.total;
        self.checkpoint += other.checkpoint;
        self.checkpoint_troubles.extend(other.checkpoint_troubles);
        self.guest += other.guest;
        self.delivery += other.delivery;
        self.retries += other.retries;
        for (target, taken) in other.taken {
            self.took(&target, taken);
        }
    }
}

impl Statistics {
    pub(super) fn took(&mut self, target: &str, taken: TargetStatistics) {
        let sum = self.taken.entry(target.to_owned()).or_default();
        sum.outputs += taken.outputs;
        sum.bytes += taken.bytes;
    }
}

/// The first event that is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Its index in the batch.
    pub index: usize,
    /// Its position.
    pub position: Position,
    /// The position to replay from: that of the record with the lowest sequence number of all that are not acknowledged.
    /// The event's own record, in a batch as the service sends it.
    pub replay_from: Position,
    /// How many times it was tried without any progress, this time included, as far as this process and the checkpoint
    /// table know.
    pub attempts: u32,
    /// What of its outputs was delivered: its next attempt goes on behind them.
    pub delivered: DeliveredOutputs,
    /// What stood in the way.
    pub cause: Cause,
    /// What stood in the way, for a person.
    pub reason: String,
}

impl Stop {
    /// Logs position and reason, never the payload.
    pub(super) fn log(&self, shard: &Shard, unacknowledged: u64) {
        let sub_sequence_number = Some(self.position.sub_sequence_number()).filter(|number| *number > 0);
        tracing::warn!(
            shard_id = shard.id,
            sequence_number = self.position.sequence_number().as_str(),
            sub_sequence_number,
            attempts = self.attempts,
            unacknowledged,
            code = self.cause.code().as_str(),
            "stopped: {}: {}",
            self.cause,
            self.reason,
        );
    }
}

/// What keeps an event from being acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The transform answered `retry`.
    Retry,
    /// The event failed for good, and no dead-letter destination is configured.
    NoDeadLetterTarget(DeadLetterKind),
    /// The event failed for good, and its dead letter could not be written.
    DeadLetterFailed(DeadLetterKind),
    /// An output was not delivered.
    NotDelivered,
    /// Time was up.
    Deadline,
    /// The transform is not running, and would not start again.
    TransformDown,
}

impl Cause {
    /// Returns the code of a stop for this cause.
    pub fn code(&self) -> ErrorCode {
        match self {
            Cause::Retry => ErrorCode::StoppedByRetry,
            Cause::NoDeadLetterTarget(_) => ErrorCode::StoppedWithoutDeadLetters,
            Cause::DeadLetterFailed(_) => ErrorCode::StoppedByDeadLetters,
            Cause::NotDelivered => ErrorCode::StoppedByDestination,
            Cause::Deadline => ErrorCode::StoppedByDeadline,
            Cause::TransformDown => ErrorCode::StoppedByTransform,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Retry => formatter.write_str("the transform asks for it again"),
            Cause::NoDeadLetterTarget(kind) => {
                write!(formatter, "it failed ({}) and no dead-letter destination is configured", kind.as_str())
            }
            Cause::DeadLetterFailed(kind) => {
                write!(formatter, "it failed ({}) and its dead letter could not be written", kind.as_str())
            }
            Cause::NotDelivered => formatter.write_str("its output was not delivered"),
            Cause::Deadline => formatter.write_str("time was up"),
            Cause::TransformDown => formatter.write_str("the transform is not running"),
        }
    }
}

/// What became of the events of a batch, or of several together. Each event is counted once:
/// `records = kept + dropped + folded + emitted + dead-lettered + discarded + control + skipped + unacknowledged`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that came in: an aggregate is as many as it holds.
    pub records: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Acknowledged: delivered as they came.
    pub kept: u64,
    /// Acknowledged: filtered out by the transform.
    pub dropped: u64,
    /// Acknowledged: in the state of their window, or in what came of it.
    pub folded: u64,
    /// Acknowledged: replaced by what the transform emitted.
    pub emitted: u64,
    /// Acknowledged: dead-lettered, by reason.
    pub dead_lettered: BTreeMap<DeadLetterKind, u64>,
    /// Acknowledged: failed for good, and given up, as the settings ask for.
    pub discarded: u64,
    /// Acknowledged: messages that hold nothing for a transform, as control messages of CloudWatch Logs.
    pub control: u64,
    /// Acknowledged when they came before, as the checkpoint table or the state of their window says, and not
    /// processed again.
    pub skipped: u64,
    /// Not acknowledged: they come again.
    pub unacknowledged: u64,
    /// Outputs of acknowledged events that were delivered.
    pub outputs: u64,
    /// The bytes of those outputs.
    pub output_bytes: u64,
}

impl Counts {
    /// Returns how many events are acknowledged, whatever became of them.
    pub fn acknowledged(&self) -> u64 {
        // All fields, so that whoever adds one has to say whether it belongs here.
        let Self {
            records: _,
            bytes: _,
            kept,
            dropped,
            folded,
            emitted,
            dead_lettered: _,
            discarded,
            control,
            skipped,
            unacknowledged: _,
            outputs: _,
            output_bytes: _,
        } = self;
        kept + dropped + folded + emitted + self.all_dead_lettered() + discarded + control + skipped
    }

    /// All dead letters, whatever the reason.
    pub fn all_dead_lettered(&self) -> u64 {
        self.dead_lettered.values().sum()
    }
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.folded += other.folded;
        self.emitted += other.emitted;
        for (kind, count) in &other.dead_lettered {
            *self.dead_lettered.entry(*kind).or_default() += count;
        }
        self.discarded += other.discarded;
        self.control += other.control;
        self.skipped += other.skipped;
        self.unacknowledged += other.unacknowledged;
        self.outputs += other.outputs;
        self.output_bytes += other.output_bytes;
    }
}
