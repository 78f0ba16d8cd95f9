//! The pages of a range: its records as its shard gives them, from the first sequence number to the last.

use std::time::Duration;

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::types::ShardIteratorType;
use tokio::time::Instant;

use super::RecordRange;
use super::range::{LostRecords, RangeError};
use crate::event::{Batch, BatchBuilder, Record, SequenceNumber};
use crate::source::live::{ITERATOR, LiveError, LiveStream, READ, ShardStart, arrived_at, patiently_within};

/// How long what passes is tried again. A shard gives 2 MB a second to all of its consumers: after a page of 10 MB it
/// gives none for five.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How often, which the time ends first.
const TRIES: u32 = 100;

/// How many pages without a record are looked at behind each other: where the oldest records expire, some are empty.
const MOST_EMPTY_PAGES: u32 = 100;

/// A shard answers five times a second.
const BETWEEN_PAGES: Duration = Duration::from_millis(200);

/// Records of a page at most (GetRecords).
const MOST_OF_A_PAGE: u64 = 10_000;

/// Why a range was not begun.
pub(super) enum Unread {
    /// Nothing of its stream can be read.
    Stream(String),
    /// It alone.
    Range(RangeError),
}

impl From<RangeError> for Unread {
    fn from(error: RangeError) -> Self {
        Unread::Range(error)
    }
}

/// A range while it is read.
#[derive(Debug)]
pub struct RangePages<'a> {
    stream: LiveStream,
    range: &'a RecordRange,
    iterator: Option<String>,
    /// The sequence number that was read last.
    last: Option<String>,
    found_end: bool,
    is_over: bool,
    lost: Option<LostRecords>,
    empty_pages: u32,
    next_read: Instant,
}

impl RangePages<'_> {
    /// The next records, up to 10 MB of them; none at the end of the range.
    ///
    /// # Errors
    /// When they can't be read, or the range does not begin or end as it is described.
    pub async fn next(&mut self) -> Result<Option<Batch>, RangeError> {
        let mut batch = Batch::builder(self.range.stream.to_string(), self.range.shard_id.as_str());
        while batch.is_empty() {
            if !self.read(&mut batch, MOST_OF_A_PAGE).await? {
                return Ok(None);
            }
        }
        Ok(Some(batch.build()))
    }

    /// Records that are gone before those that were read, if some are.
    pub fn lost(&self) -> Option<&LostRecords> {
        self.lost.as_ref()
    }

    /// Finds the place to read from.
    pub(super) async fn begin(stream: LiveStream, range: &RecordRange) -> Result<RangePages<'_>, Unread> {
        let mut pages = RangePages {
            stream,
            range,
            iterator: None,
            last: None,
            found_end: false,
            is_over: false,
            lost: None,
            empty_pages: 0,
            next_read: Instant::now(),
        };
        pages.seek().await?;
        Ok(pages)
    }

    async fn seek(&mut self) -> Result<(), Unread> {
        let RecordRange { shard_id, start, .. } = self.range;
        let request = async || {
            let request = self.stream.client.get_shard_iterator().stream_arn(&self.stream.arn).shard_id(shard_id);
            let request = request.shard_iterator_type(ShardIteratorType::AtSequenceNumber);
            request.starting_sequence_number(start).send().await
        };
        let error = match patiently_within(TRIES, TIME_LIMIT, request).await {
            Ok(answer) => {
                self.iterator = answer.shard_iterator;
                return Ok(());
            }
            Err(error) => error,
        };
        let refused = LiveError::refused(&self.stream.arn, ITERATOR, &error);
        match error.code() {
            Some("ResourceNotFoundException") => Err(self.gone(refused).await),
            // A number that is none of the shard's; or one that was, and has expired.
            Some("InvalidArgumentException" | "ValidationException") => {
                if !self.is_before_the_oldest(start).await? {
                    let reason = format!("its startSequenceNumber is none of the shard's: {refused}");
                    return Err(RangeError::NotRead(reason).into());
                }
                self.iterator = self.oldest_iterator().await?;
                Ok(())
            }
            Some("ProvisionedThroughputExceededException" | "LimitExceededException" | "ThrottlingException") => {
                Err(RangeError::NotRead(refused.to_string()).into())
            }
            _ => Err(Unread::Stream(refused.to_string())),
        }
    }

    /// Whether it is the shard that is gone, with all of its records, or the stream that is not there.
    async fn gone(&self, refused: LiveError) -> Unread {
        let shard_id = &self.range.shard_id;
        match self.stream.shards().await {
            Ok(shards) if shards.iter().any(|shard| shard.id == *shard_id) => {
                RangeError::NotRead(refused.to_string()).into()
            }
            Ok(_) => {
                let reason =
                    format!("the stream has no shard {shard_id}, which may have been split or merged, and expired");
                RangeError::Lost { lost: self.all_lost(), reason }.into()
            }
            Err(LiveError::NoStream { stream }) => Unread::Stream(format!(
                "stream {stream} not found: check its region and the account of your credentials"
            )),
            Err(other) => Unread::Stream(format!("{refused}; {other}")),
        }
    }

    /// Reads a page of the range into a batch, of no more records than are wanted; false: it is over.
    pub(super) async fn read(&mut self, batch: &mut BatchBuilder, wanted: u64) -> Result<bool, RangeError> {
        if self.is_over {
            return Ok(false);
        }
        let Some(iterator) = self.iterator.take() else { return self.finish().await };
        tokio::time::sleep_until(self.next_read).await;
        self.next_read = Instant::now() + BETWEEN_PAGES;
        let limit = i32::try_from(wanted.clamp(1, MOST_OF_A_PAGE)).unwrap_or(i32::MAX);
        let request = async || {
            let request = self.stream.client.get_records().stream_arn(&self.stream.arn).shard_iterator(&iterator);
            request.limit(limit).send().await
        };
        let page = match patiently_within(TRIES, TIME_LIMIT, request).await {
            Ok(page) => page,
            Err(error) if error.code() == Some("ExpiredIteratorException") => {
                let start = match &self.last {
                    Some(last) => ShardStart::After(last.clone()),
                    None => ShardStart::At(self.range.start.clone()),
                };
                self.iterator = self.stream.iterator(&self.range.shard_id, &start).await.map_err(not_read)?;
                return Ok(true);
            }
            Err(error) => return Err(not_read(LiveError::refused(&self.stream.arn, READ, &error))),
        };
        self.take(page, batch).await
    }

    /// Takes what belongs to the range out of a page.
    async fn take(&mut self, page: GetRecordsOutput, batch: &mut BatchBuilder) -> Result<bool, RangeError> {
        let (start, end) = (number(&self.range.start)?, number(&self.range.end)?);
        self.empty_pages = if page.records.is_empty() { self.empty_pages + 1 } else { 0 };
        for record in &page.records {
            let own = number(&record.sequence_number)?;
            // The service and its emulators differ in where they begin.
            if own < start {
                continue;
            }
            if own > end {
                return self.finish().await;
            }
            if self.last.is_none() && own > start {
                self.begins_behind(own.as_str()).await?;
            }
            let wire = Record {
                partition_key: record.partition_key.as_deref().unwrap_or_default(),
                sequence_number: own.as_str(),
                sub_sequence_number: 0,
                arrived_at: arrived_at(record),
            };
            let pushed = batch.push_bytes(wire, record.data.as_ref());
            pushed.map_err(|error| RangeError::NotRead(error.to_string()))?;
            self.last = Some(record.sequence_number.clone());
            if own == end {
                self.found_end = true;
                self.is_over = true;
                return Ok(true);
            }
        }
        let is_at_the_tip = page.records.is_empty() && page.millis_behind_latest.unwrap_or(0) == 0;
        if is_at_the_tip || self.empty_pages >= MOST_EMPTY_PAGES {
            return self.finish().await;
        }
        self.iterator = page.next_shard_iterator;
        Ok(true)
    }

    /// The shard gives no more of the range, and its last record was not among it.
    async fn finish(&mut self) -> Result<bool, RangeError> {
        self.is_over = true;
        if self.found_end {
            return Ok(false);
        }
        let RecordRange { shard_id, start, end, .. } = self.range;
        if self.last.is_some() {
            return Err(RangeError::Differs(format!("its endSequenceNumber {end} is no record of {shard_id}")));
        }
        if self.is_before_the_oldest(end).await? {
            let reason = format!("{shard_id} no longer has them, since they are older than the stream's retention");
            return Err(RangeError::Lost { lost: self.all_lost(), reason });
        }
        Err(RangeError::Differs(format!("{shard_id} holds no record from {start} to {end}, and older ones")))
    }

    /// The first record of the range that there is lies behind its start: what was before has expired, or never was there.
    async fn begins_behind(&mut self, first: &str) -> Result<(), RangeError> {
        let RecordRange { shard_id, start, .. } = self.range;
        if !self.is_before_the_oldest(start).await? {
            return Err(RangeError::Differs(format!("its startSequenceNumber {start} is no record of {shard_id}")));
        }
        self.lost = Some(LostRecords { from: start.clone(), before: Some(first.to_owned()), count: None });
        Ok(())
    }

    /// Whether a sequence number lies before all records that the shard still has.
    async fn is_before_the_oldest(&self, text: &str) -> Result<bool, RangeError> {
        let oldest = self.stream.first_from(&self.range.shard_id, &ShardStart::TrimHorizon).await.map_err(not_read)?;
        match oldest {
            None => Ok(true),
            Some(oldest) => Ok(number(text)? < number(&oldest)?),
        }
    }

    async fn oldest_iterator(&self) -> Result<Option<String>, RangeError> {
        self.stream.iterator(&self.range.shard_id, &ShardStart::TrimHorizon).await.map_err(not_read)
    }

    fn all_lost(&self) -> LostRecords {
        LostRecords { from: self.range.start.clone(), before: None, count: Some(self.range.records) }
    }
}

fn number(text: &str) -> Result<SequenceNumber<'_>, RangeError> {
    SequenceNumber::parse(text).map_err(|error| RangeError::NotRead(error.to_string()))
}

fn not_read(error: LiveError) -> RangeError {
    RangeError::NotRead(error.to_string())
}
