//! Reads a shard, in either way that a stream is read.

use super::enhanced::Subscription;
use super::page::ReadPage;
use super::refusal::LiveError;
use super::shared::Polling;

/// Reads a shard.
#[derive(Debug)]
pub(super) enum ShardReader {
    /// By reads that all consumers share.
    Shared(Polling),
    /// By a consumer's own subscription.
    Enhanced(Box<Subscription>),
}

impl ShardReader {
    /// The next page, however long that takes. What may pass is waited for.
    pub(super) async fn next_page(&mut self) -> Result<ReadPage, LiveError> {
        match self {
            ShardReader::Shared(polling) => polling.next_page().await,
            ShardReader::Enhanced(subscription) => subscription.next_page().await,
        }
    }
}
