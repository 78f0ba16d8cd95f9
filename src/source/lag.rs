//! How far a position is behind the end of its shard, asked of the stream itself.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;
use tokio::time::Instant;

use crate::aws::{InvalidStreamName, StreamAddress, StreamName, causes};

/// A shard answers five reads a second, to all of its consumers together: we take one of them.
const BETWEEN_READS: Duration = Duration::from_secs(1);

/// Reads of one shard at most. A read has up to 10,000 records, or 10 MB.
const MOST_READS: u32 = 5;

/// How far a position is behind the end of its shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The age of the oldest record behind the position; zero: there is none.
    pub time: Duration,
    /// How many records there are behind it.
    pub records: u64,
    /// Whether those are all: else there are more than were counted.
    pub is_complete: bool,
}

/// Asks streams.
#[derive(Debug, Clone)]
pub struct LagMeter {
    client: Client,
}

impl LagMeter {
    /// One with the SDK's own credentials, endpoint and region.
    pub async fn new(region: Option<&str>) -> Self {
        Self { client: Client::new(&crate::aws::reading_config_in(region).await) }
    }

    /// One with a configuration at hand.
    pub fn with_config(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Counts the records behind a position of a shard; the stream by its name or ARN.
    ///
    /// # Errors
    /// A message that names what was refused.
    pub async fn lag(&self, stream_id: &str, shard_id: &str, position: &str) -> Result<Lag, String> {
        let name: StreamName = stream_id.parse().map_err(|error: InvalidStreamName| error.to_string())?;
        let (stream_arn, stream_name) = match name.address(self.client.config().region().map(AsRef::as_ref)) {
            StreamAddress::Arn(arn) => (Some(arn.to_string()), None),
            StreamAddress::Name(name) => (None, Some(name)),
        };
        let request = self
            .client
            .get_shard_iterator()
            .set_stream_arn(stream_arn.clone())
            .set_stream_name(stream_name)
            .shard_id(shard_id)
            .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
            .starting_sequence_number(position);
        let answer = request.send().await.map_err(|error| refused("kinesis:GetShardIterator", &error))?;
        let mut iterator = answer.shard_iterator;
        let mut lag = Lag { time: Duration::ZERO, records: 0, is_complete: false };
        for _ in 0..MOST_READS {
            let Some(from) = iterator else { break };
            let next_read = Instant::now() + BETWEEN_READS;
            let request = self.client.get_records().shard_iterator(from).set_stream_arn(stream_arn.clone());
            let page = request.send().await.map_err(|error| refused("kinesis:GetRecords", &error))?;
            if lag.records == 0
                && let Some(arrived) = page.records.first().and_then(|record| record.approximate_arrival_timestamp)
            {
                let arrived = SystemTime::try_from(arrived).unwrap_or(SystemTime::UNIX_EPOCH);
                lag.time = SystemTime::now().duration_since(arrived).unwrap_or_default();
            }
            lag.records += page.records.len() as u64;
            iterator = page.next_shard_iterator;
            // A shard that was split or merged ends.
            if page.millis_behind_latest.unwrap_or(0) == 0 || iterator.is_none() {
                lag.is_complete = true;
                break;
            }
            tokio::time::sleep_until(next_read).await;
        }
        Ok(lag)
    }
}

fn refused(permission: &str, error: &(dyn Error + 'static)) -> String {
    format!("{permission}: {}", causes(error))
}
