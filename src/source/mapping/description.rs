//! What is told of records that are given up: the description that Lambda sends to an on-failure destination.

use serde_json::{Value, json};

use super::{Answered, DiscardCondition, DiscardedRecords};
use crate::event::{Batch, Event};
use crate::timestamp::rfc3339;

/// Whether the records themselves go along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncludeRecords {
    /// As to a bucket: there is room.
    Included,
    /// As to a queue: the description only says where they are.
    LeftOut,
}

/// The JSON that describes what is given up of a batch, in Lambda's shape, at this time in milliseconds since the Unix
/// epoch. The batch holds the records that are given up and no others. With its records the description has `payload`,
/// the event's JSON as a text.
pub fn describe(
    batch: &Batch,
    discard: &DiscardedRecords,
    request_id: &str,
    now: u64,
    payload: IncludeRecords,
) -> Vec<u8> {
    let (Some(first), Some(last)) = (batch.iter().next(), batch.iter().last()) else { return Vec::new() };
    let mut description = json!({
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn(batch.stream_arn()),
            "condition": discard.condition.as_str(),
            "approximateInvokeCount": discard.invocations,
        },
        "version": "1.0",
        "timestamp": rfc3339(now),
        "KinesisBatchInfo": {
            "shardId": batch.shard_id(),
            "startSequenceNumber": first.sequence_number.as_str(),
            "endSequenceNumber": last.sequence_number.as_str(),
            "approximateArrivalOfFirstRecord": rfc3339(first.arrived_at),
            "approximateArrivalOfLastRecord": rfc3339(last.arrived_at),
            "batchSize": batch.len(),
            "streamArn": batch.stream_arn(),
        },
    });
    if let (DiscardCondition::RetryAttemptsExhausted, Some(answered)) = (discard.condition, discard.last) {
        let error = if answered == Answered::ByAnError { Value::from("Unhandled") } else { Value::Null };
        description["responseContext"] =
            json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": error });
    }
    if payload == IncludeRecords::Included {
        let records: Vec<Value> = batch.iter().map(|event| record(batch, event)).collect();
        description["payload"] = json!({ "Records": records }).to_string().into();
    }
    description.to_string().into_bytes()
}

/// There is no function here: its place in the ARN is named after what runs instead.
fn function_arn(stream_arn: &str) -> String {
    let parts: Vec<&str> = stream_arn.split(':').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    format!("arn:{}:lambda:{}:{}:function:kinesieve-run", part(1), part(3), part(4))
}

/// A record as an event has it.
fn record(batch: &Batch, event: Event<'_>) -> Value {
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": event.partition_key,
            "sequenceNumber": event.sequence_number.as_str(),
            "data": base64_simd::STANDARD.encode_to_string(event.payload.bytes()),
            "approximateArrivalTimestamp": event.arrived_at as f64 / 1000.0,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{}:{}", batch.shard_id(), event.sequence_number),
        "eventName": "aws:kinesis:record",
        "awsRegion": batch.stream_arn().split(':').nth(3).unwrap_or_default(),
        "eventSourceARN": batch.stream_arn(),
    })
}
