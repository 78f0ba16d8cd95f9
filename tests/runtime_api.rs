//! The function and the runtime API of Lambda: how events arrive, and what becomes of it when the API fails.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::events::{event, event_of, record, sequence_number};
use crate::support::runtime_api::{ApiBehaviour, Posted, RuntimeApi};
use crate::support::services::{Faults, Service, Stub};
use crate::support::targets::Kind;
use crate::support::{guest_file, in_lambda, stderr};

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Where a piece ends, a record does not.
#[test]
fn an_event_is_the_same_in_however_many_pieces_it_arrives() {
    let scripts: Vec<_> = (0..300).map(|index| if index == 250 { "retry" } else { "keep" }).collect();
    let events = vec![event(&scripts), br#"{"Records":[{"eventSource":"aws:sqs"}]}"#.to_vec()];
    for pieces in [1, 7, 40] {
        // The last comes first.
        let api = RuntimeApi::with_behaviour(ApiBehaviour::InPieces(pieces), events.clone(), TIME_LIMIT);
        let mut function = in_lambda(&api)
            .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
            .env("KINESIEVE_OUTPUT", "none")
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut posted =
            [api.next_post(TIME_LIMIT), api.next_post(TIME_LIMIT)].map(|posted| (posted.path, posted.body));
        function.kill().expect("it runs");
        function.wait().expect("it ends");
        posted.sort();
        let [(error, why), (response, answer)] = posted;
        assert!(error.ends_with("/error") && why.contains("Kinesieve.NotAKinesisEvent"), "{error}: {why}");
        assert!(response.ends_with("/response") && answer.contains(&sequence_number(250)), "{response}: {answer}");
    }
}

/// Nothing is known of the rest, and Lambda gives the batch to another environment.
#[test]
fn where_the_api_fails_the_function_ends_and_says_why() {
    for (options, why) in [(ApiBehaviour::CutShort, "does not answer"), (ApiBehaviour::Broken, "answers status 500")] {
        let api = RuntimeApi::with_behaviour(options, vec![event(&["keep", "keep"])], TIME_LIMIT);
        let done = in_lambda(&api)
            .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
            .env("KINESIEVE_OUTPUT", "none")
            .output()
            .expect("it runs");
        let log = stderr(&done);
        assert!(!done.status.success() && log.contains(why), "{options:?}: {log}");
        assert!(!log.contains("processed a batch"), "{options:?}: {log}");
    }
}

#[test]
fn an_answer_that_is_refused_is_told_and_the_next_invocation_is_taken() {
    let events = vec![event(&["keep"]), event(&["retry"])];
    let api = RuntimeApi::with_behaviour(ApiBehaviour::RefusesAnswers, events, TIME_LIMIT);
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    for _ in 0..2 {
        assert!(api.next_post(TIME_LIMIT).path.ends_with("/response"));
    }
    function.kill().expect("it runs");
    let log = stderr(&function.wait_with_output().expect("it ends"));
    assert!(log.contains("Lambda refuses the answer with status 413 Payload Too Large: too large"), "{log}");
}

/// Lambda tells by it that functions invoke each other for ever.
#[test]
fn targets_are_told_the_trace_of_the_invocation() {
    let stub = Stub::start(Service::Sqs, Faults::default(), 1);
    let api = RuntimeApi::with_invocation(event_of([record(0, "a", &"keep".into())]), TIME_LIMIT);
    let mut function = in_lambda(&api)
        .env("AWS_ENDPOINT_URL_SQS", stub.endpoint())
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", Kind::Queue.arn())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let posted = api.next_post(TIME_LIMIT);
    function.kill().expect("it runs");
    function.wait().expect("it ends");
    assert_eq!(posted.body, r#"{"batchItemFailures":[]}"#);
    assert_eq!(stub.trace_ids(), [Some("Root=1".to_owned())]);
}

/// Lambda tells failures apart by a header, and shows the body to whoever invoked the function.
#[test]
fn a_failure_names_its_kind_in_a_header_and_in_its_body() {
    let firehose = json!({
        "invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/d",
        "region": "eu-west-1",
        "records": [{ "recordId": "1", "approximateArrivalTimestamp": 1_545_084_650_987_u64, "data": "cmV0cnk=" }],
    });
    let window = json!({
        "Records": [], "window": { "start": "2018-12-17T22:10:00Z", "end": "2018-12-17T22:11:00Z" }, "state": {},
        "shardId": "shardId-000000000006", "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/s",
        "isFinalInvokeForWindow": false, "isWindowTerminatedEarly": false,
    });
    let invocations = [
        (json!({ "Records": [{ "eventSource": "aws:sqs" }] }), "Kinesieve.NotAKinesisEvent"),
        (window, "Kinesieve.WindowFailed"),
        (firehose, "Kinesieve.FirehoseFailed"),
        (json!({ "operation": "dance" }), "Kinesieve.DirectFailed"),
    ];
    // The last comes first.
    let events = invocations.iter().rev().map(|(event, _)| event.to_string().into_bytes()).collect();
    let api = RuntimeApi::with_invocations(events, TIME_LIMIT);
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let posts = invocations.each_ref().map(|_| api.next_post(TIME_LIMIT));
    function.kill().expect("it runs");
    function.wait().expect("it ends");
    for ((_, kind), posted) in invocations.iter().zip(&posts) {
        assert!(posted.path.ends_with("/runtime/invocation/6b562146/error"), "{posted:?}");
        assert_failure(posted, kind);
    }
}

/// The same header, and the same body, where it is the start that fails.
#[test]
fn a_start_that_fails_names_its_kind_likewise() {
    let api = RuntimeApi::with_invocations(Vec::new(), TIME_LIMIT);
    let done = in_lambda(&api).env("KINESIEVE_TRANSFORM", "/nowhere/t.wasm").output().expect("it runs");
    assert!(!done.status.success());
    let posted = api.next_post(TIME_LIMIT);
    assert_eq!(posted.path, "/2018-06-01/runtime/init/error");
    assert_failure(&posted, "Kinesieve.InitError");
}

fn assert_failure(posted: &Posted, kind: &str) {
    assert_eq!(posted.error_type.as_deref(), Some(kind), "{posted:?}");
    let body: Value = serde_json::from_str(&posted.body).expect("JSON");
    assert_eq!(body["errorType"], kind);
    assert!(body["errorMessage"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    assert_eq!(body["stackTrace"], json!([]));
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{body}");
}

/// "Container error. Non-recoverable state. Runtime should exit promptly."
#[test]
fn where_the_environment_is_broken_the_function_ends() {
    for event in [event(&["keep"]), b"{}".to_vec()] {
        let api = RuntimeApi::with_behaviour(ApiBehaviour::BreaksAtAnswers, vec![event.clone(), event], TIME_LIMIT);
        let done = in_lambda(&api)
            .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
            .env("KINESIEVE_OUTPUT", "none")
            .output()
            .expect("it runs");
        let log = stderr(&done);
        assert!(!done.status.success() && log.contains("this environment can't go on"), "{log}");
        api.next_post(TIME_LIMIT);
        assert_eq!(api.asks(), 1, "it asks for nothing more");
    }
}

/// Whatever hangs that a start can do without, the first invocation is asked for before that is given up: Lambda would
/// give the start up sooner.
#[test]
fn a_start_waits_for_nothing_that_it_can_do_without() {
    // Whoever connects waits in a queue, for ever.
    let hangs = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", hangs.local_addr().expect("an address"));
    let api = RuntimeApi::with_invocation(event(&["drop"]), TIME_LIMIT);
    let mut function = in_lambda(&api)
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", Kind::Queue.arn())
        .env("KINESIEVE_DEAD_LETTER", Kind::Bucket.arn())
        .env("KINESIEVE_WARM_CONNECTIONS", "true")
        .env("KINESIEVE_CHECKPOINT_TABLE", "positions")
        .env("KINESIEVE_CHECKPOINT_CREATE", "true")
        .env("KINESIEVE_CHECKPOINT_TIMEOUT", "100ms")
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let posted = api.next_post(TIME_LIMIT);
    assert_eq!(posted.body, r#"{"batchItemFailures":[]}"#);
    function.kill().expect("it runs");
    let log = stderr(&function.wait_with_output().expect("it ends"));
    let goes_on = log.find("the checkpoint table is not ready; the start continues");
    let gives_up = log.find("\"checkpoint table: ");
    assert!(goes_on.is_some_and(|goes_on| gives_up.is_none_or(|gives_up| goes_on < gives_up)), "{log}");
}
