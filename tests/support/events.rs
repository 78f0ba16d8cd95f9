//! Events as Lambda sends them.

use kinesieve::event::{Batch, parse_lambda_event};
use serde_json::{Value, json};

pub const STREAM_ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings";
pub const SHARD_ID: &str = "shardId-000000000002";

/// What data a record has.
#[derive(Debug, Clone)]
pub enum Data {
    Bytes(Vec<u8>),
    /// Text that stands in the place of base64 and is none.
    Broken(String),
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Data::Bytes(text.as_bytes().to_vec())
    }
}

/// The sequence number of the record at an index: 56 digits, as the service writes them.
pub fn sequence_number(index: usize) -> String {
    format!("49590338271490256608{index:036}")
}

/// The arrival of the record at an index, in milliseconds.
pub fn arrived_at(index: usize) -> u64 {
    1_545_084_650_987 + 13 * index as u64
}

pub fn record(index: usize, partition_key: &str, data: &Data) -> Value {
    let sequence_number = sequence_number(index);
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence_number,
            "data": match data {
                Data::Bytes(bytes) => base64_simd::STANDARD.encode_to_string(bytes),
                Data::Broken(text) => text.clone(),
            },
            "approximateArrivalTimestamp": arrived_at(index) as f64 / 1000.0,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{SHARD_ID}:{sequence_number}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/readings-function",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM_ARN,
    })
}

/// An event of these payloads, a key each.
pub fn event(payloads: &[&str]) -> Vec<u8> {
    event_of(
        payloads.iter().enumerate().map(|(index, payload)| record(index, &format!("key-{index}"), &(*payload).into())),
    )
}

pub fn event_of(records: impl IntoIterator<Item = Value>) -> Vec<u8> {
    json!({ "Records": records.into_iter().collect::<Vec<_>>() }).to_string().into_bytes()
}

pub fn batch(payloads: &[&str]) -> Batch {
    parse_lambda_event(&event(payloads)).expect("a batch")
}
