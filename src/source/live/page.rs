//! What a read of a shard gives, however it is read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_kinesis::types::Record;

use super::enhanced::Subscription;
use super::refusal::LiveError;
use super::shared::Polling;

/// Records of a shard, in its order.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// How far its end is behind the end of the shard; zero: this is all that there is for now.
    pub(super) behind: Duration,
    /// The shard was split or merged, and this is its last.
    pub(super) is_last: bool,
}

/// Reads a shard.
#[derive(Debug)]
pub(super) enum Reader {
    /// By reads that all consumers share.
    Shared(Polling),
    /// By a consumer's own subscription.
    Enhanced(Box<Subscription>),
}

impl Reader {
    /// The next page, however long that takes. What may pass is waited for.
    pub(super) async fn next_page(&mut self) -> Result<Page, LiveError> {
        match self {
            Reader::Shared(polling) => polling.next_page().await,
            Reader::Enhanced(subscription) => subscription.next_page().await,
        }
    }
}

/// When a record arrived, in milliseconds since the Unix epoch.
pub(super) fn arrived_at(record: &Record) -> u64 {
    let millis = record.approximate_arrival_timestamp.and_then(|time| time.to_millis().ok());
    millis.and_then(|millis| u64::try_from(millis).ok()).unwrap_or_default()
}

/// Now, in milliseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
