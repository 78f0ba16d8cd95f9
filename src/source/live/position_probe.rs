//! What a stream has at a position that another consumer left: how many user records the record there has, and when it
//! arrived.

use std::collections::HashSet;

use aws_config::SdkConfig;
use aws_sdk_kinesis::types::Record;

use super::arrived_at;
use super::refusal::{LiveError, READ};
use super::streams::{LiveStream, ShardStart, patiently};
use crate::event::Aggregate;
use crate::settings::StreamName;

/// Pages at most in which one record is looked for: a shard has one for each five minutes of a quiet time, or so, and a
/// stream keeps its records for a year at most.
const MOST_PAGES: u32 = 2_000;

/// Looks at records of one stream.
#[derive(Debug)]
pub struct PositionProbe {
    stream: LiveStream,
    shards: HashSet<String>,
}

/// What is at a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundRecord {
    /// The record.
    Here {
        /// How many user records it has: 1, if it is no KPL aggregate.
        user_records: u64,
        /// When it arrived, in milliseconds since the Unix epoch.
        arrived_at: u64,
    },
    /// It has expired, or its shard has.
    Gone(NextRecord),
}

/// When the first record from a place on arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextRecord {
    /// Then, in milliseconds since the Unix epoch.
    At(u64),
    /// There is none yet.
    None,
    /// It was not found in a long shard that is nearly empty.
    NotFound,
}

impl PositionProbe {
    /// Opens a stream, and learns which shards it has.
    ///
    /// # Errors
    /// With one line that says what the stream refuses, and what to do about it.
    pub async fn open(config: &SdkConfig, name: &StreamName) -> Result<Self, LiveError> {
        let stream = LiveStream::find(config, name).await?;
        let shards = stream.shards().await?.into_iter().map(|shard| shard.id).collect();
        Ok(Self { stream, shards })
    }

    /// The stream's ARN.
    pub fn stream_arn(&self) -> &str {
        &self.stream.arn
    }

    /// Looks at the record of a sequence number.
    ///
    /// # Errors
    /// When the stream refuses it, since the number is of another shard for instance.
    pub async fn at(&self, shard_id: &str, number: &str) -> Result<FoundRecord, LiveError> {
        Ok(match self.first(shard_id, &ShardStart::At(number.to_owned())).await? {
            Ok(record) if record.sequence_number == number => {
                let aggregate = Aggregate::find(record.data.as_ref());
                FoundRecord::Here {
                    user_records: aggregate.map_or(1, |aggregate| aggregate.records.len() as u64),
                    arrived_at: arrived_at(&record),
                }
            }
            Ok(record) => FoundRecord::Gone(NextRecord::At(arrived_at(&record))),
            Err(none) => FoundRecord::Gone(none),
        })
    }

    /// Says when the oldest record of a shard arrived.
    ///
    /// # Errors
    /// When the stream refuses it.
    pub async fn oldest(&self, shard_id: &str) -> Result<NextRecord, LiveError> {
        let first = self.first(shard_id, &ShardStart::TrimHorizon).await?;
        Ok(first.map_or_else(|none| none, |record| NextRecord::At(arrived_at(&record))))
    }

    /// The first record from a place on, or why there is none.
    async fn first(&self, shard_id: &str, start: &ShardStart) -> Result<Result<Record, NextRecord>, LiveError> {
        if !self.shards.contains(shard_id) {
            return Ok(Err(NextRecord::None));
        }
        let mut iterator = self.stream.iterator(shard_id, start).await?;
        for _ in 0..MOST_PAGES {
            let Some(from) = iterator else { return Ok(Err(NextRecord::None)) };
            let answer = patiently(async || {
                let request = self.stream.client.get_records().stream_arn(&self.stream.arn);
                request.shard_iterator(&from).limit(1).send().await
            });
            let page = answer.await.map_err(|error| LiveError::refused(&self.stream.arn, READ, &error))?;
            if let Some(record) = page.records.into_iter().next() {
                return Ok(Ok(record));
            }
            if page.millis_behind_latest.unwrap_or(0) == 0 {
                return Ok(Err(NextRecord::None));
            }
            iterator = page.next_shard_iterator;
        }
        Ok(Err(NextRecord::NotFound))
    }
}
