//! GetRecords with manners: a shard answers five reads and 2 MB a second, to all of its consumers together.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use tokio::time::Instant;

use super::page::ReadPage;
use super::refusal::{FailureClass, LiveError, READ, meaning};
use super::statuses::ShardBoard;
use super::streams::{LiveStream, ShardStart};
use crate::backoff::Backoff;
use crate::timestamp::now_millis;

/// How a shard is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadOptions {
    /// Between two reads of a shard that is behind.
    pub between_reads: Duration,
    /// Between two reads of a shard that has nothing new. Lambda waits as long.
    pub when_idle: Duration,
    /// Of a shard.
    pub bytes_per_second: f64,
}

impl Default for ReadOptions {
    /// All that one consumer may take.
    fn default() -> Self {
        Self { between_reads: Duration::from_millis(200), when_idle: Duration::from_secs(1), bytes_per_second: 2e6 }
    }
}

impl ReadOptions {
    /// No more than so many of the five reads of a second.
    #[must_use]
    pub fn of_reads_per_second(reads: u32) -> Self {
        let reads = reads.clamp(1, 5);
        Self {
            between_reads: Duration::from_secs(1) / reads,
            bytes_per_second: 4e5 * f64::from(reads),
            ..Self::default()
        }
    }

    /// How long to wait after a read of so many bytes.
    fn pause(&self, bytes: usize, is_idle: bool) -> Duration {
        if is_idle {
            return self.when_idle.max(self.between_reads);
        }
        self.between_reads.max(Duration::from_secs_f64((bytes as f64 / self.bytes_per_second).min(60.0)))
    }
}

/// The most records that a read gives.
const MAX_RECORDS: usize = 10_000;

/// What a read should give: more would only wait in memory.
const PAGE_BYTES: usize = 2_000_000;

/// Of the first read, of which nobody knows how large the records are.
const FIRST_LIMIT: usize = 1_000;

/// Reads one shard, again and again.
#[derive(Debug)]
pub(super) struct Polling {
    stream: LiveStream,
    shard_id: String,
    read_options: ReadOptions,
    statuses: Arc<ShardBoard>,
    /// Where to read on, where there is no iterator.
    position: ShardStart,
    iterator: Option<String>,
    limit: usize,
    next_read: Instant,
    backoff: Backoff,
}

impl Polling {
    pub(super) fn new(
        stream: LiveStream,
        shard_id: &str,
        start: ShardStart,
        read_options: ReadOptions,
        statuses: Arc<ShardBoard>,
    ) -> Self {
        Self {
            stream,
            shard_id: shard_id.to_owned(),
            read_options,
            statuses,
            position: start,
            iterator: None,
            limit: FIRST_LIMIT,
            next_read: Instant::now(),
            backoff: Backoff::default(),
        }
    }

    /// Dropped while it waits, it loses nothing that was read.
    pub(super) async fn next_page(&mut self) -> Result<ReadPage, LiveError> {
        loop {
            if self.iterator.is_none() {
                self.statuses.asks();
                let started = now_millis();
                match self.stream.try_iterator(&self.shard_id, &self.position).await {
                    Ok(None) => return Ok(ReadPage { is_last: true, ..ReadPage::default() }),
                    Ok(iterator) => self.iterator = iterator,
                    Err((FailureClass::Lasting, error)) => return Err(error),
                    Err((meaning, error)) => {
                        self.failed(meaning, &error).await;
                        continue;
                    }
                }
                if self.position == ShardStart::Latest {
                    // Another iterator for the latest would leave out what came in between.
                    self.position = ShardStart::AtTimestamp(started);
                }
            }
            let Some(iterator) = &self.iterator else { continue };
            tokio::time::sleep_until(self.next_read).await;
            // The pause before was ours.
            self.statuses.asks();
            let request = self.stream.client.get_records().stream_arn(&self.stream.arn).shard_iterator(iterator);
            let answer = request.limit(i32::try_from(self.limit).unwrap_or(i32::MAX)).send().await;
            match answer {
                Ok(answer) => {
                    self.iterator = answer.next_shard_iterator;
                    let page = ReadPage {
                        records: answer.records,
                        behind: Duration::from_millis(
                            answer.millis_behind_latest.and_then(|millis| millis.try_into().ok()).unwrap_or(0),
                        ),
                        is_last: self.iterator.is_none(),
                    };
                    self.arrived(&page);
                    return Ok(page);
                }
                Err(error) => {
                    let refusal = LiveError::refused(&self.stream.arn, READ, &error);
                    match meaning(error.code()) {
                        FailureClass::Expired => self.iterator = None,
                        FailureClass::Lasting => return Err(refusal),
                        meaning => self.failed(meaning, &refusal).await,
                    }
                }
            }
        }
    }

    fn arrived(&mut self, page: &ReadPage) {
        let bytes: usize = page
            .records
            .iter()
            .map(|record| record.data.as_ref().len() + record.partition_key().map_or(0, str::len))
            .sum();
        let is_idle = page.records.is_empty() && page.behind.is_zero();
        self.next_read = Instant::now() + self.read_options.pause(bytes, is_idle);
        self.backoff.after_success();
        self.statuses.reads(bytes);
        if let Some(last) = page.records.last() {
            self.position = ShardStart::After(last.sequence_number.clone());
            let average = (bytes / page.records.len()).max(1);
            self.limit = (PAGE_BYTES / average).clamp(100, MAX_RECORDS);
        }
    }

    async fn failed(&mut self, meaning: FailureClass, error: &LiveError) {
        self.statuses.read_failed(meaning == FailureClass::Throttled, error);
        let wait = self.backoff.after_failure(fastrand::f64());
        tokio::time::sleep(wait.max(self.read_options.between_reads)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_read_is_waited_for_as_long_as_the_shard_needs_for_it() {
        let read_options = ReadOptions::default();
        assert_eq!(read_options.pause(100_000, false), Duration::from_millis(200));
        assert_eq!(read_options.pause(10_000_000, false), Duration::from_secs(5));
        assert_eq!(read_options.pause(0, true), Duration::from_secs(1));
        let modest = ReadOptions::of_reads_per_second(1);
        assert_eq!(modest.pause(0, false), Duration::from_secs(1));
        assert_eq!(modest.pause(2_000_000, false), Duration::from_secs(5));
    }
}
