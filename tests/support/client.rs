//! A client's way to a service on this machine, and what every server of Kinesis is asked.

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_kinesis::types::{HashKeyRange, ShardIteratorType, StreamStatus};
use kinesieve::aws::{self, ExchangeBounds};

use super::block_on;
use super::process::wait_until;

/// The longest answer that is read.
pub const ANSWER_BYTES: u64 = 32 << 20;

/// How long nothing may move: longer than anything takes on a busy machine.
const SILENCE: Duration = Duration::from_secs(20);

/// A client's configuration that leads to the endpoint, by the HTTP client that the targets have.
pub fn config(endpoint: String) -> SdkConfig {
    SdkConfig::builder()
        .http_client(aws::client(ExchangeBounds { silence: SILENCE, answer_bytes: ANSWER_BYTES }))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "test")))
        .build()
}

/// A record as a stream has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    pub shard: String,
    pub sequence_number: String,
    pub partition_key: String,
    pub data: Vec<u8>,
}

/// All records of a stream, shard by shard, each in its order.
pub fn stream_records(config: &SdkConfig, stream: &str) -> Vec<StreamRecord> {
    let client = Client::new(config);
    block_on(async {
        let mut records = Vec::new();
        let shards = client.list_shards().stream_name(stream).send().await.expect("shards");
        for shard in shards.shards() {
            let request = client.get_shard_iterator().stream_name(stream).shard_id(shard.shard_id());
            let from = request.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.expect("an iterator");
            let mut iterator = from.shard_iterator;
            while let Some(from) = iterator {
                let page = client.get_records().shard_iterator(from).send().await.expect("records");
                // One page may be empty, or the last by its clock, while others follow.
                let is_last = page.records().is_empty() && page.millis_behind_latest().unwrap_or(0) == 0;
                iterator = page.next_shard_iterator.filter(|_| !is_last);
                records.extend(page.records.into_iter().map(|record| StreamRecord {
                    shard: shard.shard_id().to_owned(),
                    sequence_number: record.sequence_number,
                    partition_key: record.partition_key.expect("a key"),
                    data: record.data.into_inner(),
                }));
            }
        }
        records
    })
}

/// The first hash key of each shard of a stream, in the order of the shards.
pub fn first_hash_keys(config: &SdkConfig, stream: &str) -> Vec<u128> {
    let shards = block_on(Client::new(config).list_shards().stream_name(stream).send()).expect("shards");
    let first = |range: &HashKeyRange| range.starting_hash_key().parse().expect("a hash key");
    shards.shards().iter().map(|shard| first(shard.hash_key_range().expect("a range"))).collect()
}

/// Waits until a stream takes records, and answers its ARN.
pub fn active_stream(config: &SdkConfig, stream: &str) -> String {
    let client = Client::new(config);
    let mut arn = String::new();
    wait_until(&format!("the stream {stream} is active"), || {
        let request = client.describe_stream_summary().stream_name(stream);
        let Ok(answer) = block_on(request.send()) else { return false };
        let Some(summary) = answer.stream_description_summary else { return false };
        arn = summary.stream_arn;
        summary.stream_status == StreamStatus::Active
    });
    arn
}
