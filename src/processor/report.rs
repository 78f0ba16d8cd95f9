//! What came of a batch: the one answer that Lambda's response, a local retry and the checkpoint are
//! all made of.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use crate::dead_letter::Kind;

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The first event that is not acknowledged; none: all are. Every event before it is delivered,
    /// dropped by the transform's own word, or dead-lettered.
    pub stop: Option<Stop>,
    /// What became of the events.
    pub counts: Counts,
}

/// The first event that is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Its index in the batch.
    pub index: usize,
    /// Its sequence number.
    pub sequence_number: String,
    /// Its index inside its KPL aggregate.
    pub sub_sequence_number: u64,
    /// The position to replay from: the lowest sequence number that is not acknowledged. The event's
    /// own, in a batch as the service sends it.
    pub replay_from: String,
    /// How many times it was tried, this one included, as far as this process knows.
    pub attempts: u32,
    /// What stood in the way.
    pub cause: Cause,
    /// What stood in the way, for a person.
    pub reason: String,
}

/// What keeps an event from being acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The transform answered `retry`.
    Retry,
    /// The event failed for good, and no dead-letter target is configured.
    NoDeadLetterTarget(Kind),
    /// The event failed for good, and its dead letter could not be written.
    DeadLetterFailed(Kind),
    /// An output was not delivered.
    NotDelivered,
    /// Time was up.
    Deadline,
    /// The transform is not running, and would not start again.
    TransformDown,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Retry => formatter.write_str("the transform asks for it again"),
            Cause::NoDeadLetterTarget(kind) => {
                write!(formatter, "it failed ({}) and no dead-letter target is configured", kind.as_str())
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
/// `records = kept + dropped + emitted + dead-lettered + unacknowledged`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that came in.
    pub records: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Acknowledged: delivered as they came.
    pub kept: u64,
    /// Acknowledged: filtered out by the transform.
    pub dropped: u64,
    /// Acknowledged: replaced by what the transform emitted.
    pub emitted: u64,
    /// Acknowledged: dead-lettered, by reason.
    pub dead_lettered: BTreeMap<Kind, u64>,
    /// Not acknowledged: they come again.
    pub unacknowledged: u64,
    /// Outputs of acknowledged events that were delivered.
    pub outputs: u64,
    /// The bytes of those outputs.
    pub output_bytes: u64,
}

impl Counts {
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
        self.emitted += other.emitted;
        for (kind, count) in &other.dead_lettered {
            *self.dead_lettered.entry(*kind).or_default() += count;
        }
        self.unacknowledged += other.unacknowledged;
        self.outputs += other.outputs;
        self.output_bytes += other.output_bytes;
    }
}
