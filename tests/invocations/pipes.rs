//! Records of a stream that EventBridge Pipes brings, and events that are none of ours.

use serde_json::{Value, json};

use super::{answer, base64, invoke, refusal};

fn record(number: u64, payload: &str) -> Value {
    let sequence_number = sequence_number(number);
    json!({
        "kinesisSchemaVersion": "1.0", "partitionKey": "k", "sequenceNumber": sequence_number, "data": base64(payload),
        "approximateArrivalTimestamp": 1545084650.987, "eventSource": "aws:kinesis", "eventVersion": "1.0",
        "eventID": format!("shardId-000000000003:{sequence_number}"), "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/pipe", "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:kinesis:eu-central-1:123456789012:stream/in",
    })
}

fn sequence_number(number: u64) -> String {
    format!("4959033827149025660855969253836157109592157598913658{number:04}")
}

fn named(numbers: impl IntoIterator<Item = u64>) -> Value {
    let failures: Vec<Value> = numbers
        .into_iter()
        .map(|number| json!({ "itemIdentifier": format!("shardId-000000000003:{}", sequence_number(number)) }))
        .collect();
    json!({ "batchItemFailures": failures })
}

#[test]
fn records_of_a_pipe_take_the_path_of_a_mapping() {
    let (posted, out) = invoke(&json!([record(1, "keep one"), record(2, "drop"), record(3, "keep two")]), &[]);
    assert!(posted.path.ends_with("/response"), "{posted:?}");
    assert_eq!(serde_json::from_str::<Value>(&posted.body).expect("JSON"), named([]));
    let outputs: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    let positions: Vec<(&Value, &Value)> =
        outputs.iter().map(|output| (&output["sequenceNumber"], &output["data"])).collect();
    assert_eq!(
        positions,
        [(&sequence_number(1).into(), &"keep one".into()), (&sequence_number(3).into(), &"keep two".into())]
    );
    assert_eq!(answer(&json!([]), &[]), named([]));
}

/// Pipes sends again what the answer names, by `eventID`.
#[test]
fn each_record_from_the_position_to_replay_from_on_is_named() {
    let records = [record(1, "keep"), record(2, "retry later"), record(3, "keep"), record(4, "drop")];
    assert_eq!(answer(&json!(records), &[]), named([2, 3, 4]));
    // In one that is acknowledged as a whole, none is.
    assert_eq!(
        answer(&json!([record(1, "keep"), record(2, "reject no")]), &[("KINESIEVE_DEAD_LETTER", "stdout")]),
        named([])
    );
    let many: Vec<Value> = (0..5000).map(|number| record(number, if number == 1 { "retry" } else { "drop" })).collect();
    assert_eq!(answer(&json!(many), &[]), named(1..5000));
}

#[test]
fn an_odd_record_of_a_pipe_is_dead_lettered_alone() {
    let mut odd = record(2, "keep");
    odd["data"] = json!({ "n": 1 });
    let variables = [("KINESIEVE_DEAD_LETTER", "stdout")];
    assert_eq!(answer(&json!([record(1, "keep"), odd, record(3, "retry")]), &variables), named([3]));
}

#[test]
fn what_is_none_of_ours_is_named() {
    let messages = json!({ "messageId": "1", "body": "hello", "eventSource": "aws:sqs" });
    for (event, name) in [
        (json!({ "Records": [messages] }), "an event of SQS"),
        (json!([messages]), "a record of SQS"),
        (json!({ "Records": [{ "eventSource": "aws:dynamodb", "dynamodb": {} }] }), "an event of a DynamoDB stream"),
        (json!({ "Records": [{ "EventSource": "aws:sns", "Sns": {} }] }), "an event of SNS"),
        (json!({ "Records": [{ "eventSource": "aws:s3", "s3": {} }] }), "an event of S3"),
        (
            json!({ "eventSource": "aws:kafka", "records": { "t-0": [{ "topic": "t", "partition": 0, "offset": 1 }] } }),
            "an event of Amazon MSK",
        ),
        (
            json!({ "httpMethod": "GET", "requestContext": { "resourceId": "1" }, "path": "/" }),
            "a request of a REST API of API Gateway",
        ),
        (json!({ "key1": "value1", "key2": "value2", "key3": "value3" }), "the test event of the Lambda console"),
    ] {
        let said = refusal(&event);
        assert!(said.starts_with("Kinesieve.NotAKinesisEvent: "), "{said}");
        assert!(said.ends_with(&format!("it looks like {name}: this function is for Kinesis streams")), "{said}");
    }
    assert!(!refusal(&json!({ "a": 1 })).contains("looks like"));
}
