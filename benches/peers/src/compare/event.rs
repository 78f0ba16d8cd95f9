//! The events that all peers get.

use serde_json::{Value, json};

/// As many records as fill an event of Lambda's largest size, 6 MB of JSON, at 89 bytes each.
pub const FULL: usize = 9_000;

/// The invocation of a function with so many readings. Every fourth is too cold to be delivered.
pub fn event_of(records: usize) -> Vec<u8> {
    let records: Vec<Value> = (0..records).map(record).collect();
    json!({ "Records": records }).to_string().into_bytes()
}

fn record(index: usize) -> Value {
    let temperature = if index.is_multiple_of(4) { 4 } else { 21 };
    let device = index % 1000;
    let mut payload = format!(
        r#"{{"device":"sensor-{device:04}","temperature":{temperature}.5,"operator":"ines.duarte","seq":{index}"#
    );
    payload.push_str(&format!(r#","pad":"{}"}}"#, "x".repeat(89_usize.saturating_sub(payload.len() + 10))));
    let sequence_number = format!("49590338271490256608{index:036}");
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": format!("sensor-{device:04}"),
            "sequenceNumber": sequence_number,
            "data": base64_simd::STANDARD.encode_to_string(payload),
            "approximateArrivalTimestamp": 1_545_084_650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000006:{sequence_number}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/readings-function",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/readings",
    })
}
