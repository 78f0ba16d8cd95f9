//! What there is to say of a shard after a batch.

use crate::event::{SequenceNumber, Shard};

/// What there is to say of a shard after a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The shard.
    pub shard: Shard,
    /// The last event that is acknowledged with all before it; none: the batch began with one that is not.
    pub acknowledged: Option<Acknowledged>,
    /// The first event that is not acknowledged; none: all are.
    pub stuck: Option<Stuck>,
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
pub struct Stuck {
    /// Its sequence number.
    pub sequence_number: String,
    /// Its index inside its KPL aggregate.
    pub sub_sequence_number: u64,
    /// How many times it was tried.
    pub attempts: u32,
    /// What stood in the way, for a person.
    pub reason: String,
}

impl Progress {
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
        fn position(progress: &Progress) -> Option<SequenceNumber<'_>> {
            let last = progress.acknowledged.as_ref()?;
            SequenceNumber::parse(&last.sequence_number).ok()
        }
        position(self) > position(other)
    }
}
