use super::super::batch::Payload;
use super::*;

fn record(changes: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let mut record = serde_json::json!({
        "eventSource": "aws:kinesis",
        "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/readings",
        "kinesis": {
            "partitionKey": "device-7",
            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "data": "SGVsbG8=",
            "approximateArrivalTimestamp": 1545084650.987,
        },
    });
    for (path, value) in changes {
        match record.pointer_mut(path) {
            Some(place) => *place = value.clone(),
            None => panic!("no {path}"),
        }
    }
    record
}

fn parse(records: &[serde_json::Value]) -> Result<Batch, EnvelopeError> {
    parse_lambda_event(serde_json::json!({ "Records": records }).to_string().as_bytes())
}

#[test]
fn reads_a_record_with_its_shard_and_arrival() {
    let batch = parse(&[record(&[])]).expect("a batch");
    assert_eq!(batch.stream_arn(), "arn:aws:kinesis:eu-west-1:123456789012:stream/readings");
    assert_eq!(batch.shard_id(), "shardId-000000000006");
    let event = batch.event(0);
    assert_eq!(event.payload, Payload::Decoded(b"Hello"));
    assert_eq!((event.partition_key, event.arrived_at), ("device-7", 1_545_084_650_987));
}

#[test]
fn a_consumers_arn_stands_for_its_stream() {
    let consumer = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings/consumer/fast:1545084650".to_owned();
    let batch = parse(&[record(&[]), record(&[("/eventSourceARN", consumer.into())])]).expect("a batch");
    assert_eq!((batch.len(), batch.stream_arn()), (2, "arn:aws:kinesis:eu-west-1:123456789012:stream/readings"));
}

#[test]
fn a_record_of_the_wrong_shape_is_undecodable_alone() {
    let batch = parse(&[
        record(&[]),
        record(&[("/kinesis/data", serde_json::json!({ "not": "text" }))]),
        record(&[("/kinesis/sequenceNumber", "7".into()), ("/kinesis/partitionKey", 7.into())]),
        record(&[]),
    ])
    .expect("a batch");
    let decoded: Vec<bool> = batch.iter().map(|event| matches!(event.payload, Payload::Decoded(_))).collect();
    assert_eq!(decoded, [true, false, false, true]);
    let raw = batch.event(1).payload.bytes();
    assert!(String::from_utf8_lossy(raw).contains("\"not\":\"text\""));
}

/// When a record arrived decides nothing about it.
#[test]
fn a_record_that_does_not_say_when_it_arrived_is_taken() {
    let path = "/kinesis/approximateArrivalTimestamp";
    let before = now_millis();
    let mut without = record(&[]);
    without["kinesis"].as_object_mut().expect("an object").remove("approximateArrivalTimestamp");
    let odd = [serde_json::Value::Null, "yesterday".into(), serde_json::json!({ "at": 1 })];
    let records: Vec<serde_json::Value> =
        odd.map(|value| record(&[(path, value)])).into_iter().chain([without]).collect();
    for event in parse(&records).expect("a batch").iter() {
        assert_eq!((event.payload, event.is_arrival_assumed), (Payload::Decoded(b"Hello"), true));
        assert!(event.arrived_at >= before);
    }
    let said = parse(&[record(&[(path, "2012-04-23T18:25:43.511Z".into())])]).expect("a batch");
    assert_eq!((said.event(0).arrived_at, said.event(0).is_arrival_assumed), (1_335_205_543_511, false));
}

#[test]
fn no_message_quotes_a_value() {
    let secret = "hunter2";
    for path in ["/eventID", "/kinesis/data", "/kinesis/partitionKey", "/kinesis/sequenceNumber"] {
        let of_another_type = serde_json::json!({ secret: secret });
        let said = match parse(&[record(&[(path, of_another_type)])]) {
            Ok(batch) => match batch.event(0).payload {
                Payload::Undecodable { reason, .. } => reason.to_owned(),
                Payload::Decoded(_) => panic!("{path} was taken"),
            },
            Err(error) => error.to_string(),
        };
        assert!(!said.contains(secret), "{said}");
    }
    let said = parse_lambda_event(format!(r#"{{"Records":"{secret}"}}"#).as_bytes()).expect_err("no list");
    assert!(!said.to_string().contains(secret), "{said}");
}

#[test]
fn a_lone_surrogate_in_a_key_fails_its_record_alone() {
    let good = record(&[]).to_string();
    let broken = good.replace("device-7", r"device-\ud800");
    let body = format!(r#"{{"Records":[{good},{broken},{good}]}}"#);
    let batch = parse_lambda_event(body.as_bytes()).expect("a batch");
    let decoded: Vec<bool> = batch.iter().map(|event| matches!(event.payload, Payload::Decoded(_))).collect();
    assert_eq!(decoded, [true, false, true]);
}

#[test]
fn names_the_record_and_the_field_that_is_missing() {
    for (field, path) in [
        ("eventID", "/eventID"),
        ("eventSourceARN", "/eventSourceARN"),
        ("kinesis", "/kinesis"),
        ("kinesis.data", "/kinesis/data"),
        ("kinesis.partitionKey", "/kinesis/partitionKey"),
        ("kinesis.sequenceNumber", "/kinesis/sequenceNumber"),
    ] {
        let error = parse(&[record(&[]), record(&[(path, serde_json::Value::Null)])]).expect_err(field);
        assert_eq!(error.to_string(), format!("record 1 is not a Kinesis record: it has no \"{field}\""));
    }
}

#[test]
fn says_what_is_not_a_kinesis_event() {
    let message = |body: &str| parse_lambda_event(body.as_bytes()).expect_err(body).to_string();
    assert_eq!(message("{}"), "the event is not a Kinesis event: it has no \"Records\"");
    assert_eq!(message(r#"{"Records":null}"#), "the event is not a Kinesis event: it has no \"Records\"");
    assert!(
        message("")
            .starts_with("the event is not a Kinesis event: at line 1 column 0, it ends where a value is expected")
    );
    assert!(message("[1").contains("not a Kinesis event"));
    assert!(message(r#"{"Records":{}}"#).contains("of another type"));
    assert!(message(r#"{"Records":[7]}"#).starts_with("record 0 can't be read"));
    let other = parse(&[record(&[("/eventSource", "aws:sqs".into())])]).expect_err("another source");
    assert!(other.to_string().contains("\"aws:sqs\""));
    let other_shard = record(&[("/eventID", "shardId-000000000007:1".into())]);
    let mixed = parse(&[record(&[]), other_shard]).expect_err("two shards").to_string();
    assert!(mixed.contains("shardId-000000000007") && mixed.contains("shardId-000000000006"), "{mixed}");
    let no_shard = parse(&[record(&[("/eventID", "nonsense".into())])]).expect_err("no shard").to_string();
    assert!(no_shard.contains("\"nonsense\""), "{no_shard}");
    let no_position = parse(&[record(&[("/kinesis/sequenceNumber", "12a".into())])]).expect_err("no position");
    assert!(no_position.to_string().contains("\"12a\""));
}

#[test]
fn an_event_without_records_is_an_empty_batch() {
    assert!(parse(&[]).expect("a batch").is_empty());
}
