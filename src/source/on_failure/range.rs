//! Records that are still in their stream: a range of one shard, read again from its first sequence number to its last.
//!
//! What is read is held against what is described: a range that was given up has as many records as its batch had. Where
//! it has more, the others were in other batches (a parallelization factor above 1), or a filter of the mapping left them
//! out, so it is for a person to say whether they are wanted.

use std::collections::HashMap;
use std::fmt;

use super::RecordRange;
use super::pages::{RangePages, Unread};
use crate::aws::reading_config;
use crate::error_code::ErrorCode;
use crate::event::Batch;
use crate::settings::StreamName;
use crate::source::live::LiveStream;

/// The most data that is held of a range, in bytes. A batch of Lambda has 6 MB, or one record of 10 MiB.
const MOST_BYTES: usize = 64 << 20;

/// The most streams that are remembered.
const MOST_STREAMS: usize = 100;

/// Reads ranges of streams.
#[derive(Debug, Default)]
pub struct RangeReader {
    /// By ARN. One that can't be read stays with the reason: asking again would take its time for each range.
    streams: HashMap<String, Result<LiveStream, String>>,
}

/// All records of a range that there are.
#[derive(Debug)]
pub struct RangeRecords {
    /// The records, in the order of the shard.
    pub batch: Batch,
    /// Those before them that are gone, if some are.
    pub lost: Option<LostRecords>,
}

/// Records that are no longer in their stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRecords {
    /// The first sequence number that is gone.
    pub from: String,
    /// The first one that is still there; none: all of the range is gone.
    pub before: Option<String>,
    /// How many are gone, where that is known.
    pub count: Option<u64>,
}

impl fmt::Display for LostRecords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(1) => formatter.write_str("1 record is lost for good")?,
            Some(count) => write!(formatter, "{count} records are lost for good")?,
            None => formatter.write_str("records are lost for good")?,
        }
        match &self.before {
            Some(before) => write!(formatter, ", from {} to before {before}", self.from),
            None => Ok(()),
        }
    }
}

/// Why the records of a range are not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// None of them is in the stream any more.
    #[error("{lost}: {reason}")]
    Lost {
        /// Which ones.
        lost: LostRecords,
        /// How that shows.
        reason: String,
    },
    /// They can't be read.
    #[error("{0}")]
    NotRead(String),
    /// The range holds other records than are described.
    #[error("{0}")]
    Differs(String),
}

impl RangeError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            RangeError::Lost { .. } => ErrorCode::GivenUpRecordsLost,
            RangeError::NotRead(_) => ErrorCode::GivenUpRecordsNotRead,
            RangeError::Differs(_) => ErrorCode::GivenUpRecordsDiffer,
        }
    }
}

impl RangeReader {
    /// Returns the records of a range, if they are as many as are described. What expired before them is told.
    ///
    /// # Errors
    /// When none is left, they can't be read, or the range holds others. No more is read than shows that.
    pub async fn fetch(&mut self, range: &RecordRange) -> Result<RangeRecords, RangeError> {
        let mut pages = self.open(range).await?;
        let mut batch = Batch::builder(range.stream.to_string(), range.shard_id.as_str());
        loop {
            let still_wanted = range.records.saturating_sub(batch.len() as u64) + 1;
            if !pages.read(&mut batch, still_wanted).await? {
                break;
            }
            if batch.len() as u64 > range.records {
                return Err(more_than_described(range));
            }
            if batch.payload_bytes() > MOST_BYTES {
                return Err(RangeError::Differs(format!(
                    "the range holds more than {} MiB of data, which no batch of Lambda does: `kinesieve rescue \
                     --whole-range` processes all of it",
                    MOST_BYTES >> 20
                )));
            }
        }
        let found = batch.len() as u64;
        let mut lost = pages.lost().cloned();
        match &mut lost {
            Some(lost) if found < range.records => lost.count = Some(range.records - found),
            None if found == range.records => {}
            _ if found >= range.records => return Err(more_than_described(range)),
            _ => {
                return Err(RangeError::Differs(format!(
                    "the range holds {found} of the {} records that are described, and none of it has expired: \
                     `kinesieve rescue --whole-range` processes those that it holds",
                    range.records
                )));
            }
        }
        Ok(RangeRecords { batch: batch.build(), lost })
    }

    /// Opens a range, to be read page by page, however many records it holds.
    ///
    /// # Errors
    /// When its stream or its shard can't be read.
    pub async fn open<'a>(&mut self, range: &'a RecordRange) -> Result<RangePages<'a>, RangeError> {
        let arn = range.stream.to_string();
        let stream = match self.streams.get(&arn) {
            Some(known) => known.clone(),
            None => {
                let config = reading_config(&range.stream).await;
                let found = LiveStream::find(&config, &StreamName::Arn(range.stream.clone())).await;
                let found = found.map_err(|error| error.to_string());
                // Whoever writes the descriptions chooses how many streams they name.
                if self.streams.len() >= MOST_STREAMS {
                    self.streams.clear();
                }
                self.streams.insert(arn.clone(), found.clone());
                found
            }
        };
        let stream = stream.map_err(RangeError::NotRead)?;
        match RangePages::begin(stream, range).await {
            Ok(pages) => Ok(pages),
            Err(Unread::Range(error)) => Err(error),
            Err(Unread::Stream(reason)) => {
                self.streams.insert(arn, Err(reason.clone()));
                Err(RangeError::NotRead(reason))
            }
        }
    }
}

fn more_than_described(range: &RecordRange) -> RangeError {
    let described = match range.records {
        1 => "the 1 record that is".to_owned(),
        count => format!("the {count} records that are"),
    };
    RangeError::Differs(format!(
        "the range holds more than {described} described: others of its records were in other batches \
         (ParallelizationFactor), or excluded by a filter of the mapping; `kinesieve rescue --whole-range` processes all \
         of them"
    ))
}
