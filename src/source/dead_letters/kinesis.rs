//! Dead letters in a Kinesis stream: its shards one after the other, each from its oldest record on.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use tokio::time::Instant;

use super::{FoundLetter, Letter, LetterReadError};
use crate::aws::reading_config;
use crate::settings::Arn;
use crate::source::storage::ReadRefusal;

/// A shard answers five times a second.
const BETWEEN_READS: Duration = Duration::from_millis(200);

/// Records of a read. An iterator lasts five minutes, in which they should be processed.
const RECORDS: i32 = 500;

/// How far our clock and the stream's may be apart: reading ends at what came this much later than the start.
const CLOCKS_APART: Duration = Duration::from_secs(5 * 60);

/// Reads the letters of a stream.
#[derive(Debug)]
pub(super) struct KinesisLetters {
    client: Client,
    stream_arn: String,
    started: SystemTime,
    /// Not read yet.
    shards: VecDeque<String>,
    shard: Option<OpenShard>,
    waiting: VecDeque<FoundLetter>,
    bytes_read: u64,
}

/// The shard that is read.
#[derive(Debug)]
struct OpenShard {
    id: String,
    iterator: String,
    /// The position that was read last.
    last: Option<String>,
    next_read: Instant,
}

impl KinesisLetters {
    pub(super) async fn open(stream: &Arn) -> Result<Self, LetterReadError> {
        let client = Client::new(&reading_config(stream).await);
        let stream_arn = stream.to_string();
        let mut shards = VecDeque::new();
        let mut token = None;
        loop {
            let request = match &token {
                None => client.list_shards().stream_arn(&stream_arn),
                // It stands for the stream as well.
                Some(token) => client.list_shards().next_token(token),
            };
            let page = request
                .send()
                .await
                .map_err(|error| ReadRefusal::refused(&stream_arn, "kinesis:ListShards", &error))?;
            shards.extend(page.shards.unwrap_or_default().into_iter().map(|shard| shard.shard_id));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        let started = SystemTime::now();
        Ok(Self { client, stream_arn, started, shards, shard: None, waiting: VecDeque::new(), bytes_read: 0 })
    }

    pub(super) async fn next(&mut self) -> Result<Option<FoundLetter>, LetterReadError> {
        loop {
            if let Some(found) = self.waiting.pop_front() {
                return Ok(Some(found));
            }
            if let Some(shard) = self.shard.take() {
                self.shard = self.read(shard).await?;
                continue;
            }
            let Some(id) = self.shards.pop_front() else { return Ok(None) };
            let iterator = self.iterator(&id, None).await?;
            self.shard = iterator.map(|iterator| OpenShard { id, iterator, last: None, next_read: Instant::now() });
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Reads records of a shard, and answers with where it goes on, if it does.
    async fn read(&mut self, mut shard: OpenShard) -> Result<Option<OpenShard>, LetterReadError> {
        tokio::time::sleep_until(shard.next_read).await;
        shard.next_read = Instant::now() + BETWEEN_READS;
        let request = self.client.get_records().stream_arn(&self.stream_arn).shard_iterator(&shard.iterator);
        let page = match request.limit(RECORDS).send().await {
            Ok(page) => page,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_expired_iterator_exception()) => {
                let iterator = self.iterator(&shard.id, shard.last.as_deref()).await?;
                return Ok(iterator.map(|iterator| OpenShard { iterator, ..shard }));
            }
            Err(error) => return Err(ReadRefusal::refused(&self.stream_arn, "kinesis:GetRecords", &error).into()),
        };
        // A page may be empty while others follow.
        let is_last = page.records.is_empty() && page.millis_behind_latest.unwrap_or(0) == 0;
        for record in page.records {
            if self.came_later(&record) {
                return Ok(None);
            }
            let data = record.data.into_inner();
            self.bytes_read += data.len() as u64;
            let place = format!("{} {}", shard.id, record.sequence_number);
            self.waiting.push_back(FoundLetter { place, letter: Letter::parse(&data), message: None });
            shard.last = Some(record.sequence_number);
        }
        // A shard that was split or merged ends.
        let next = page.next_shard_iterator.filter(|_| !is_last);
        Ok(next.map(|iterator| OpenShard { iterator, ..shard }))
    }

    /// Where to read on behind a position, or from the oldest record on.
    async fn iterator(&self, shard_id: &str, behind: Option<&str>) -> Result<Option<String>, LetterReadError> {
        let request = self.client.get_shard_iterator().stream_arn(&self.stream_arn).shard_id(shard_id);
        let request = match behind {
            None => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Some(position) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(position)
            }
        };
        let answer = request.send().await;
        let answer =
            answer.map_err(|error| ReadRefusal::refused(&self.stream_arn, "kinesis:GetShardIterator", &error))?;
        Ok(answer.shard_iterator)
    }

    fn came_later(&self, record: &Record) -> bool {
        let arrived = record.approximate_arrival_timestamp.and_then(|time| SystemTime::try_from(time).ok());
        arrived.is_some_and(|arrived| arrived > self.started + CLOCKS_APART)
    }
}
