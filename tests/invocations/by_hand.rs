//! Invocations by hand.

use serde_json::{Value, json};

use super::{answer, invoke, refusal};

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
    let said = refusal(&json!({ "operation": "create", "key": "k" }));
    assert!(said.starts_with("Kinesieve.DirectFailed: a request has no field `key`: it has `operation`, "), "{said}");
    let said = refusal(&json!({ "operation": "create", "metadata": 7 }));
    assert!(said.contains("the number `7` stands where an object with a partitionKey is expected: {\""), "{said}");
    assert!(refusal(&json!({ "opration": "create" })).starts_with("Kinesieve.NotAKinesisEvent: "));
}
