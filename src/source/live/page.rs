//! What a read of a shard gives, however it is read.

use std::time::Duration;

use aws_sdk_kinesis::types::Record;

/// Records of a shard, in its order.
#[derive(Debug, Default)]
pub(super) struct ReadPage {
    pub(super) records: Vec<Record>,
    /// How far its end is behind the end of the shard; zero: this is all that there is for now.
    pub(super) behind: Duration,
    /// The shard was split or merged, and this is its last.
    pub(super) is_last: bool,
}

/// When a record arrived, in milliseconds since the Unix epoch.
pub(in crate::source) fn arrived_at(record: &Record) -> u64 {
    let millis = record.approximate_arrival_timestamp.and_then(|time| time.to_millis().ok());
    millis.and_then(|millis| u64::try_from(millis).ok()).unwrap_or_default()
}
