//! What there is to say of a shard after a batch.

use crate::error_code::ErrorCode;
use crate::event::{Position, SequenceNumber, Shard};

/// What there is to say of a shard after a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardProgress {
    /// The shard.
    pub shard: Shard,
    /// The last event that is acknowledged with all before it; none: the batch began with one that is not.
    pub acknowledged: Option<Acknowledged>,
    /// The first event that is not acknowledged; none: all are.
    pub stuck: Option<BlockedProgress>,
}

/// The last event that is acknowledged with all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Its sequence number.
    pub sequence_number: String,
    /// When it arrived in the stream, in milliseconds since the Unix epoch.
    pub arrived_at: u64,
}

/// The first event that is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedProgress {
    /// Its position. All events of its record before it are acknowledged where `delivered` is there.
    pub position: Position,
    /// How many times it was tried without any progress.
    pub attempts: u32,
    /// What of its outputs was delivered; none: whoever wrote the row did not say, as earlier versions did not.
    pub delivered: Option<DeliveredOutputs>,
    /// By what the record was taken apart and transformed: another deployment's events may be others; empty: unknown.
    pub made_by: String,
    /// The code of what stood in the way; none: it was read from a row, which does not say it.
    pub code: Option<ErrorCode>,
    /// What stood in the way, for a person.
    pub reason: String,
}

/// The outputs of an event that were delivered before the one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveredOutputs {
    /// How many of its first outputs.
    pub outputs: u32,
    /// Their digest (SHA-256), by which it is told whether a transform gives the same ones again; none: unknown, and
    /// they are delivered again.
    pub digest: Option<[u8; 32]>,
}

impl DeliveredOutputs {
    /// Nothing was delivered.
    pub const NONE: Self = Self { outputs: 0, digest: None };
}

impl ShardProgress {
    /// Whether a row would not change by it: the batch was empty.
    pub(super) fn says_nothing(&self) -> bool {
        self.acknowledged.is_none() && self.stuck.is_none()
    }

    /// Whether this is just what a row with this position says.
    pub(super) fn is_at(&self, position: &str) -> bool {
        self.stuck.is_none() && self.acknowledged.as_ref().is_some_and(|last| last.sequence_number == position)
    }

    /// Whether it reaches further than another one of the same shard.
    pub(super) fn is_beyond(&self, other: &Self) -> bool {
        fn position(progress: &ShardProgress) -> Option<SequenceNumber<'_>> {
            let last = progress.acknowledged.as_ref()?;
            SequenceNumber::parse(&last.sequence_number).ok()
        }
        position(self) > position(other)
    }
}
