//! What an event source mapping gave up is found by its description, and run again.

mod run_input;
mod stream;

use std::ops::RangeInclusive;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::events::{SHARD_ID, STREAM_ARN, arrived_at, event_of, record, sequence_number};
use crate::support::kinesieve;

/// Where nothing listens: no service is asked for anything.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The command line, with services at an endpoint and the stream at another one.
fn at(endpoint: &str, stream: &str, arguments: &[&str]) -> Command {
    let mut command = kinesieve(arguments);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ENDPOINT_URL_KINESIS", stream)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

/// When the record at an index arrived, as Lambda writes it.
fn arrived(index: usize) -> String {
    let millis = arrived_at(index) - 1_545_084_600_000;
    format!("2018-12-17T22:{:02}:{:02}.{:03}Z", 10 + millis / 60_000, millis / 1_000 % 60, millis % 1_000)
}

/// What Lambda writes to a queue about records of the stream, by their indexes.
fn description(records: RangeInclusive<usize>, changes: &[(&str, Value)]) -> Value {
    let (first, last) = (*records.start(), *records.end());
    let mut info = json!({
        "shardId": SHARD_ID,
        "startSequenceNumber": sequence_number(first),
        "endSequenceNumber": sequence_number(last),
        "approximateArrivalOfFirstRecord": arrived(first),
        "approximateArrivalOfLastRecord": arrived(last),
        "batchSize": (last + 1).saturating_sub(first),
        "streamArn": STREAM_ARN,
    });
    for (field, value) in changes {
        info[field] = value.clone();
    }
    json!({
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-4b1c-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:readings",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "version": "1.0",
        "timestamp": "2018-12-17T22:15:00.000Z",
        "KinesisBatchInfo": info,
    })
}

/// The same with the records, as Lambda writes it to a bucket.
fn description_with(first: usize, payloads: &[&str]) -> Value {
    let mut description = description(first..=first + payloads.len() - 1, &[]);
    let records = payloads.iter().zip(first..).map(|(payload, index)| record(index, "key", &(*payload).into()));
    let event = event_of(records);
    description["payload"] = String::from_utf8(event).expect("JSON").into();
    description
}
