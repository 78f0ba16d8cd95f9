//! What a read of a shard gives, however it is read.

use std::time::Duration;

use aws_sdk_kinesis::types::Record;

use crate::event::{self, Batch, Shard};

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

/// Records of a shard, as a batch.
pub(super) fn batch_of<'r>(shard: &Shard, records: impl ExactSizeIterator<Item = &'r Record> + Clone) -> Batch {
    let mut batch = Batch::builder(&shard.stream_arn, &shard.id);
    batch.reserve(records.len(), records.clone().map(|record| record.data.as_ref().len()).sum());
    for record in records {
        let position = event::Record {
            partition_key: record.partition_key().unwrap_or_default(),
            sequence_number: &record.sequence_number,
            sub_sequence_number: 0,
            arrived_at: arrived_at(record),
        };
        if let Err(error) = batch.push_bytes(position, record.data.as_ref()) {
            // No service sends this: without a position there is nothing to acknowledge.
            tracing::error!(shard_id = shard.id, "a record is left out: {error}");
        }
    }
    batch.build()
}
