//! Records of a delivery stream: an answer for each of them, whatever Firehose reads.

use serde_json::{Value, json};

use super::{answer, base64, invoke, refusal};
use crate::payloads::{aggregate, gzipped};

fn firehose(records: &[Value]) -> Value {
    json!({
        "invocationId": "1",
        "deliveryStreamArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/in",
        "region": "eu-west-1",
        "records": records,
    })
}

fn record(id: &str, payload: &str) -> Value {
    json!({ "recordId": id, "approximateArrivalTimestamp": 1_545_084_650_987u64, "data": base64(payload) })
}

#[test]
fn firehose_has_an_answer_for_each_of_its_records() {
    let records = [
        record("kept", "keep"),
        record("dropped", "drop"),
        record("emitted", "emit 2 key=site-7"),
        record("two-keys", "emit 0"),
        record("rejected", "reject no"),
        record("trapped", "panic"),
        json!({ "recordId": "broken", "data": "%" }),
        json!({ "data": base64("keep") }),
        record("routed", "emit 1 route=side"),
    ];
    let (posted, side) = invoke(&firehose(&records), &[]);
    let answer: Value = serde_json::from_str(&posted.body).expect("JSON");
    let failed = |id: &str| json!({ "recordId": id, "result": "ProcessingFailed" });
    let dropped = |id: &str| json!({ "recordId": id, "result": "Dropped" });
    let emitted = json!({
        "recordId": "emitted", "result": "Ok", "data": base64("emit 2 key=site-7#0emit 2 key=site-7#1"),
        "metadata": { "partitionKeys": { "partitionKey": "site-7" } },
    });
    let expected = [
        json!({ "recordId": "kept", "result": "Ok", "data": base64("keep") }),
        dropped("dropped"),
        emitted,
        dropped("two-keys"),
        failed("rejected"),
        failed("trapped"),
        failed("broken"),
        dropped("routed"),
    ];
    assert_eq!(answer["records"], Value::from(expected.to_vec()));
    assert!(side.contains("emit 1 route=side#0"), "{side}");
}

#[test]
fn firehose_gets_lines_and_decoded_records_where_asked() {
    let packed = json!({ "recordId": "packed", "data": base64(gzipped(b"emit 2")) });
    let variables = [("KINESIEVE_DECODE", "gzip"), ("KINESIEVE_LOG", "error")];
    let data = |answer: Value| answer["records"][0]["data"].as_str().map(str::to_owned);
    assert_eq!(data(answer(&firehose(&[packed]), &variables)), Some(base64("emit 2#0emit 2#1")));
    let variables = [("KINESIEVE_PACK", "lines"), ("KINESIEVE_OUTPUT", "none")];
    assert_eq!(data(answer(&firehose(&[record("a", "emit 2")]), &variables)), Some(base64("emit 2#0\nemit 2#1\n")));
    let variables = [("KINESIEVE_DECODE", "lines"), ("KINESIEVE_PACK", "lines"), ("KINESIEVE_OUTPUT", "none")];
    let lines = record("a", "keep one\r\ndrop two\nkeep three");
    assert_eq!(data(answer(&firehose(&[lines]), &variables)), Some(base64("keep one\nkeep three\n")));
}

#[test]
fn what_the_transform_wants_again_fails_the_invocation_of_firehose() {
    let said = refusal(&firehose(&[record("a", "keep"), record("b", "retry later")]));
    assert_eq!(said, "Kinesieve.FirehoseFailed: record \"b\" of Firehose: the transform asks for it again: later");
    let said = refusal(&json!({ "deliveryStreamArn": "arn", "records": "hunter2" }));
    assert!(said.starts_with("Kinesieve.FirehoseFailed: the event is not one of Firehose"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Names of objects and deduplication ids are made of it: two invocations have nothing in common, and one that comes
/// again is the same.
#[test]
fn a_record_of_a_stream_keeps_its_place_over_invocations() {
    let of_stream = |shard: u32, number: u32| {
        let mut record = record(&format!("{shard}-{number}"), "emit 1 route=side");
        record["kinesisRecordMetadata"] = json!({
            "shardId": format!("shardId-00000000000{shard}"), "partitionKey": "device-7",
            "sequenceNumber": (49_590 + number).to_string(), "subsequenceNumber": 0,
        });
        record
    };
    let places = |records: &[Value]| {
        let mut event = firehose(records);
        event["sourceKinesisStreamArn"] = "arn:aws:kinesis:eu-west-1:123456789012:stream/source".into();
        let (posted, side) = invoke(&event, &[]);
        assert!(posted.path.ends_with("/response"), "{posted:?}");
        let lines = side.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let mut places: Vec<(String, String)> =
            lines.map(|line| (line["sequenceNumber"].to_string(), line["partitionKey"].to_string())).collect();
        places.sort();
        places
    };
    let place = |number: u32| (format!("\"{}\"", 49_590 + number), "\"device-7\"".to_owned());
    let first = [of_stream(3, 1), of_stream(7, 4), of_stream(3, 2)];
    assert_eq!(places(&first), [place(1), place(2), place(4)]);
    assert_eq!(places(&first), places(&first));
    assert_eq!(places(&[of_stream(3, 3), of_stream(7, 5)]), [place(3), place(5)]);
}

#[test]
fn records_of_kafka_are_answered_as_they_came() {
    let record = |id: &str, offset: u32, payload: &str| {
        json!({ "recordId": id, "approximateArrivalTimestamp": 1_764_321_000_000u64, "kafkaRecordValue": base64(payload),
            "mskRecordMetadata": { "offset": offset.to_string(), "partitionId": "3",
                "approximateArrivalTimestamp": 1_764_321_000_000u64 } })
    };
    let mut event = firehose(&[
        record("a", 41, "keep"),
        record("b", 42, "drop"),
        record("c", 43, "echo"),
        json!({ "recordId": "d", "mskRecordMetadata": { "offset": "44", "partitionId": "3" }, "kafkaRecordValue": null }),
    ]);
    event["sourceMSKArn"] = "arn:aws:kafka:eu-west-1:123456789012:cluster/demo/0".into();
    let answer = answer(&event, &[]);
    assert_eq!(answer["records"][0], json!({ "recordId": "a", "result": "Ok", "kafkaRecordValue": base64("keep") }));
    assert_eq!(answer["records"][1], json!({ "recordId": "b", "result": "Dropped" }));
    let text = answer["records"][2]["kafkaRecordValue"].as_str().expect("a value");
    let seen = base64_simd::STANDARD.decode_to_vec(text).expect("base64");
    let seen: Value = serde_json::from_slice(&seen).expect("JSON");
    assert_eq!(seen["sequenceNumber"], "43", "{seen}");
    assert_eq!(answer["records"][3], json!({ "recordId": "d", "result": "ProcessingFailed" }));
}

/// Its user records have keys that the transform did not set.
#[test]
fn an_aggregate_is_one_record_of_firehose() {
    let packed = |keys: [&str; 2]| {
        let records = keys.map(|key| (key, &b"keep"[..]));
        json!({ "recordId": keys.concat(), "approximateArrivalTimestamp": 1, "data": base64(aggregate(records)) })
    };
    let answer = answer(
        &firehose(&[packed(["a", "a"]), packed(["a", "b"])]),
        &[("KINESIEVE_PACK", "lines"), ("KINESIEVE_OUTPUT", "none")],
    );
    let ok = |id: &str| json!({ "recordId": id, "result": "Ok", "data": base64("keep\nkeep\n") });
    assert_eq!(answer["records"], json!([ok("aa"), ok("ab")]));
}

#[test]
fn one_odd_record_is_no_trouble_for_the_others() {
    let odd = |id: &str, field: &str, value: Value| {
        let mut record = record(id, "keep");
        record[field] = value;
        record
    };
    let records = [
        record("first", "keep"),
        odd("text", "approximateArrivalTimestamp", json!("2012-04-23T18:25:43.511Z")),
        odd("fraction", "approximateArrivalTimestamp", json!(1_684_864_917_398.5)),
        odd("null", "approximateArrivalTimestamp", Value::Null),
        odd("number", "data", json!(7)),
        odd("list", "kinesisRecordMetadata", json!([])),
        record("last", "keep"),
    ];
    let answer = answer(&firehose(&records), &[]);
    let results: Vec<&str> = answer["records"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|record| record["result"].as_str().expect("a result"))
        .collect();
    assert_eq!(results, ["Ok", "Ok", "Ok", "Ok", "ProcessingFailed", "ProcessingFailed", "Ok"]);
}

#[test]
fn outputs_of_a_record_become_an_array_where_asked() {
    let variables = [("KINESIEVE_PACK", "array"), ("KINESIEVE_OUTPUT", "none")];
    let records = [record("json", "7"), record("no json", "emit 2"), record("dropped", "drop"), record("keep", "keep")];
    let answer = answer(&firehose(&records[1..]), &variables);
    let failed = |id: &str| json!({ "recordId": id, "result": "ProcessingFailed" });
    assert_eq!(
        answer["records"],
        json!([failed("no json"), { "recordId": "dropped", "result": "Dropped" }, failed("keep")])
    );
    let seen = super::answer(&firehose(&[record("a", "echo")]), &variables);
    let text = base64_simd::STANDARD.decode_to_vec(seen["records"][0]["data"].as_str().expect("data")).expect("base64");
    let array: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(array.as_array().map(Vec::len), Some(1), "{array}");
}

#[test]
fn ten_thousand_records_of_a_thousand_shards_have_an_answer_each() {
    let records: Vec<Value> = (0..10_000u32)
        .map(|number| {
            let mut record = record(&number.to_string(), "keep");
            record["kinesisRecordMetadata"] = json!({ "shardId": format!("shardId-{:012}", number % 1000),
                "partitionKey": "k", "sequenceNumber": (number + 1).to_string(), "subsequenceNumber": 0 });
            record
        })
        .collect();
    let answer = answer(&firehose(&records), &[("KINESIEVE_OUTPUT", "none")]);
    let answers = answer["records"].as_array().expect("a list");
    assert_eq!(answers.len(), 10_000);
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!((&answer["recordId"], &answer["result"]), (&number.to_string().into(), &"Ok".into()));
    }
}
