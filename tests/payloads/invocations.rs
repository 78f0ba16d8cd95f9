//! Invocations that bring no records of a stream: by Firehose, and by hand.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::gzipped;
use crate::support::runtime_api::{Posted, RuntimeApi};
use crate::support::{guest_file, in_lambda};

/// What the function posts for one invocation, and what its output holds then.
fn invoke(body: &Value, variables: &[(&str, &str)]) -> (Posted, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let api = RuntimeApi::with_invocation(body.to_string().into_bytes(), Duration::from_secs(60));
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", format!("file:{}", out.display()))
        .env("KINESIEVE_ROUTE_SIDE", format!("file:{}", out.display()))
        .envs(variables.iter().copied())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let posted = api.next_post(Duration::from_secs(60));
    let _ = function.kill();
    let _ = function.wait();
    (posted, std::fs::read_to_string(out).unwrap_or_default())
}

fn answer(body: &Value, variables: &[(&str, &str)]) -> Value {
    let (posted, _) = invoke(body, variables);
    assert!(posted.path.ends_with("/response"), "{posted:?}");
    serde_json::from_str(&posted.body).expect("JSON")
}

fn refusal(body: &Value) -> String {
    let (posted, _) = invoke(body, &[]);
    assert!(posted.path.ends_with("/error"), "{posted:?}");
    let said: Value = serde_json::from_str(&posted.body).expect("JSON");
    format!("{}: {}", said["errorType"].as_str().expect("a type"), said["errorMessage"].as_str().expect("a message"))
}

fn base64(data: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(data)
}

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
}

#[test]
fn what_the_transform_wants_again_fails_the_invocation_of_firehose() {
    let said = refusal(&firehose(&[record("a", "keep"), record("b", "retry later")]));
    assert_eq!(said, "Kinesieve.FirehoseFailed: record 2 of Firehose: the transform asks for it again: later");
    let said = refusal(&json!({ "deliveryStreamArn": "arn", "records": "hunter2" }));
    assert!(said.starts_with("Kinesieve.FirehoseFailed: the event is not one of Firehose"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn one_record_is_put_by_hand() {
    let request = json!({ "operation": "create", "data": { "a": 1 }, "metadata": { "partitionKey": "device-7" } });
    let (posted, out) = invoke(&request, &[]);
    let answer: Value = serde_json::from_str(&posted.body).expect("JSON");
    assert_eq!(answer, json!({ "delivered": 1, "bytes": 7, "partitionKey": "device-7" }));
    let line: Value = serde_json::from_str(&out).expect("a line");
    assert_eq!((&line["data"], &line["partitionKey"]), (&r#"{"a":1}"#.into(), &"device-7".into()));
    let (_, out) = invoke(&json!({ "operation": "create", "data": "text" }), &[]);
    let line: Value = serde_json::from_str(&out).expect("a line");
    assert_eq!((&line["data"], &line["partitionKey"]), (&"text".into(), &"direct".into()));
}

#[test]
fn the_function_says_what_it_is_and_no_secret() {
    let variables = [
        ("KINESIEVE_TRANSFORM_SETTINGS", "token=hunter2"),
        ("KINESIEVE_DEAD_LETTER", "arn:aws:sqs:eu-west-1:123456789012:dead"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "hunter3"),
    ];
    let about = answer(&json!({ "operation": "health" }), &variables);
    assert_eq!((&about["status"], &about["transform"]["settings"]), (&"ready".into(), &json!(["token"])));
    assert_eq!(about["deadLetter"], "arn:aws:sqs:eu-west-1:123456789012:dead");
    assert!(about["transform"]["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{about}");
    assert!(!about.to_string().contains("hunter"), "{about}");
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let said = refusal(&json!({ "operation": "delete" }));
    assert_eq!(said, "Kinesieve.DirectFailed: \"delete\" is no operation: use create or health");
    let said = refusal(&json!({ "operation": "create" }));
    assert_eq!(said, "Kinesieve.DirectFailed: \"create\" puts \"data\" to the output, and there is none");
    assert!(refusal(&json!({ "operation": "create", "key": "k" })).contains("unknown field `key`"));
    assert!(refusal(&json!({ "opration": "create" })).starts_with("Kinesieve.NotAKinesisEvent: "));
}
