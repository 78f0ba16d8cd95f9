use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::Record;
use crate::source::mapping::{Answered, DiscardCondition, DiscardedRecords, IncludeRecords, describe};

const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings";

fn batch(records: u64) -> Batch {
    let mut batch = Batch::builder(STREAM, "shardId-000000000007");
    for index in 0..records {
        let sequence_number = (100 + index).to_string();
        let record = Record {
            partition_key: "key",
            sequence_number: &sequence_number,
            sub_sequence_number: 0,
            arrived_at: 1_545_084_650_987 + index,
        };
        batch.push_bytes(record, format!("payload {index}").as_bytes()).expect("pushed");
    }
    batch.build()
}

/// As `kinesieve run --on-failure` writes it.
fn described(records: u64, payload: IncludeRecords) -> Value {
    let discard = DiscardedRecords {
        range: 0..records as usize,
        condition: DiscardCondition::RetryAttemptsExhausted,
        invocations: 3,
        last: Some(Answered::ByAnError),
    };
    let text = describe(&batch(records), &discard, "request", 1_545_084_651_000, payload);
    serde_json::from_slice(&text).expect("JSON")
}

fn changed(path: &[&str], value: Value) -> Value {
    let mut description = described(2, IncludeRecords::Included);
    let mut place = &mut description;
    for name in path {
        place = &mut place[*name];
    }
    *place = value;
    description
}

fn parse(value: &Value) -> Result<Description, String> {
    Description::parse(value.to_string().as_bytes()).map_err(|malformed| malformed.to_string())
}

#[test]
fn what_our_own_mapping_writes_is_read_back() {
    let with_records = parse(&described(2, IncludeRecords::Included)).expect("a description");
    let records = with_records.records.clone().expect("records");
    let payloads: Vec<&[u8]> = records.iter().map(|event| event.payload.bytes()).collect();
    assert_eq!(payloads, [b"payload 0", b"payload 1"]);
    assert_eq!((records.stream_arn(), records.shard_id()), (STREAM, "shardId-000000000007"));
    assert_eq!((with_records.condition.as_str(), with_records.invocations), ("RetryAttemptsExhausted", Some(3)));
    let alone = parse(&described(2, IncludeRecords::LeftOut)).expect("a description");
    assert!(alone.records.is_none());
    assert_eq!(alone.range, with_records.range);
    assert_eq!(
        alone.range.to_string(),
        format!(
            "2 records of {STREAM}, shardId-000000000007, sequence numbers 100 to 101, arrived from \
             2018-12-17T22:10:50.987Z to 2018-12-17T22:10:50.988Z"
        )
    );
    assert!(parse(&described(1, IncludeRecords::LeftOut)).expect("one").range.to_string().starts_with("1 record of"));
}

#[test]
fn a_notification_of_a_topic_is_unwrapped_and_an_event_may_be_no_text() {
    let own = described(2, IncludeRecords::LeftOut);
    let notification = json!({ "Type": "Notification", "TopicArn": "arn", "Message": own.to_string() });
    assert_eq!(parse(&notification).map(|description| description.range), parse(&own).map(|own| own.range));
    // Once: nothing is unwrapped again and again.
    let twice = json!({ "Type": "Notification", "Message": notification.to_string() });
    assert!(parse(&twice).is_err());
    let text = described(2, IncludeRecords::Included)["payload"].as_str().expect("a text").to_owned();
    let object = changed(&["payload"], serde_json::from_str(&text).expect("JSON"));
    assert_eq!(parse(&object).expect("a description").records.expect("records").len(), 2);
    let consumer = changed(&["KinesisBatchInfo", "streamArn"], format!("{STREAM}/consumer/app:1545084650").into());
    assert_eq!(parse(&consumer).expect("a description").range.stream.to_string(), STREAM);
}

#[test]
fn what_lies_or_is_none_is_said() {
    let said = |path: &[&str], value: Value| parse(&changed(path, value)).expect_err("malformed");
    let of_range = |field: &str, value: Value| said(&["KinesisBatchInfo", field], value);
    assert!(of_range("startSequenceNumber", "102".into()).contains("102 is behind the endSequenceNumber 101"));
    assert!(of_range("startSequenceNumber", "x1".into()).contains("startSequenceNumber is wrong: \"x1\""));
    assert!(of_range("endSequenceNumber", "103".into()).contains("100 to 101, where 100 to 103 are described"));
    assert!(of_range("endSequenceNumber", "100".into()).contains("don't have one sequence number"));
    assert!(of_range("batchSize", 3.into()).contains("it holds 2 records, where batchSize says 3"));
    for size in [0_u64, 10_001, u64::MAX] {
        assert!(of_range("batchSize", size.into()).contains("a batch has 1 to 10000 records"), "{size}");
    }
    assert!(of_range("batchSize", (-1).into()).contains("another type"));
    assert!(of_range("shardId", "../0".into()).contains("no shard's id"));
    for stream in ["readings", "arn:aws:sqs:eu-west-1:123456789012:q", "arn:aws:kinesis:::stream/x", ""] {
        assert!(of_range("streamArn", stream.into()).contains("no stream's ARN"), "{stream}");
    }
    assert!(of_range("approximateArrivalOfLastRecord", "noon".into()).contains("RFC 3339"));
    assert!(said(&["payload"], "{}".into()).contains("payload is wrong"));
    assert!(said(&["payload"], r#"{"Records":[]}"#.into()).contains("it holds no record"));
    assert!(said(&["KinesisBatchInfo"], Value::Null).contains("needs the field `KinesisBatchInfo`"));
    let secret = said(&["payload"], "secret".into());
    assert!(!secret.contains("secret"), "{secret}");
    let of_dynamodb = json!({ "requestContext": {}, "DDBStreamBatchInfo": {} });
    assert!(parse(&of_dynamodb).expect_err("another source's").contains("a DynamoDB stream"));
    assert_eq!(parse(&changed(&["payload"], Value::Null)).map(|described| described.records.is_none()), Ok(true));
}

#[test]
fn a_description_is_told_from_other_json() {
    for text in [
        described(2, IncludeRecords::LeftOut).to_string(),
        format!("{:#}\n{{}}", described(2, IncludeRecords::Included)),
        json!({ "Type": "Notification", "Message": r#"{"KinesisBatchInfo":{}}"# }).to_string(),
        r#"{"KinesisBatchInfo":1}"#.to_owned(),
    ] {
        assert!(is_description(text.as_bytes()), "{text}");
    }
    for text in [
        r#"{"Records":[]}"#,
        r#"{"payload":{"KinesisBatchInfo":{}}}"#,
        r#"{"Type":"Notification","Message":"hello"}"#,
        r#"{"Message":"{\"KinesisBatchInfo\":{}}"}"#,
        "{",
        "",
        "[1]",
        "line",
    ] {
        assert!(!is_description(text.as_bytes()), "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(position in 0_usize..2000, byte in any::<u8>(), length in 0_usize..2000) {
        let mut text = described(3, IncludeRecords::Included).to_string().into_bytes();
        let place = position % text.len();
        text[place] = byte;
        let _ = Description::parse(&text);
        text.truncate(length);
        let _ = Description::parse(&text);
        is_description(&text);
    }
}

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dlq.html>
#[test]
fn what_a_pipe_gives_up_is_described_alike() {
    let mut description = described(2, IncludeRecords::LeftOut);
    let fields = description.as_object_mut().expect("an object");
    fields.remove("requestContext");
    fields.remove("responseContext");
    for (context, condition) in [
        (
            json!({ "partnerResourceArn": "arn:aws:pipes:eu-west-1:1:pipe/p", "condition": "RetryAttemptsExhausted" }),
            "RetryAttemptsExhausted",
        ),
        (json!("odd"), ""),
    ] {
        description["context"] = context;
        let parsed = parse(&description).expect("a description");
        assert_eq!((&*parsed.condition, &*parsed.range.stream.to_string()), (condition, STREAM));
    }
}
