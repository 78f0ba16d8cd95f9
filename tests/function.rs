//! The function, under a Lambda runtime API: bytes in, JSON out.

use std::time::{Duration, Instant};

use crate::support::emulator::Emulator;
use crate::support::events::{Data, event, event_of, record, sequence_number};
use crate::support::runtime_api::RuntimeApi;
use crate::support::services::{Faults, Service, Stub};
use crate::support::targets::Kind;
use crate::support::{guest_file, in_lambda, kinesieve, kinesieve_lambda, stderr};

fn replay_from(index: usize) -> String {
    format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, sequence_number(index))
}

const ALL_DONE: &str = r#"{"batchItemFailures":[]}"#;

fn lines(path: &std::path::Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).expect("written");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn a_batch_is_delivered_dead_lettered_and_answered() {
    let emulator = Emulator::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (outputs, dead) = (folder.path().join("outputs.ndjson"), folder.path().join("dead.ndjson"));
    let function = emulator.function(&[
        ("KINESIEVE_TRANSFORM", &guest_file("scripted").display().to_string()),
        ("KINESIEVE_OUTPUT", &format!("file:{}", outputs.display())),
        ("KINESIEVE_DEAD_LETTER", &format!("file:{}", dead.display())),
        ("KINESIEVE_ROUTE_SIDE_DOOR", &format!("file:{}", outputs.display())),
        // As a template passes what is not chosen.
        ("KINESIEVE_TRANSFORM_SETTINGS", ""),
    ]);

    let whole = event_of([
        record(0, "a", &"keep".into()),
        record(1, "b", &"drop".into()),
        record(2, "c", &"emit 2 key=z route=side-door".into()),
        record(3, "d", &"reject not wanted".into()),
        record(4, "e", &Data::Broken("%%%".to_owned())),
        record(5, "f", &"panic".into()),
        record(6, "g", &"log info hello from the guest".into()),
    ]);
    assert_eq!(emulator.invoke(&whole), (200, ALL_DONE.to_owned()));
    let delivered: Vec<(String, serde_json::Value, serde_json::Value)> = lines(&outputs)
        .into_iter()
        .map(|line| {
            (line["data"].as_str().expect("data").to_owned(), line["partitionKey"].clone(), line["route"].clone())
        })
        .collect();
    let emitted = "emit 2 key=z route=side-door";
    assert_eq!(delivered[0], ("keep".to_owned(), "a".into(), serde_json::Value::Null));
    // A route's outputs are a delivery of their own.
    let routed: Vec<_> = delivered.iter().filter(|(_, key, _)| key == "z").cloned().collect();
    assert_eq!(
        routed,
        [
            (format!("{emitted}#0"), "z".into(), "side-door".into()),
            (format!("{emitted}#1"), "z".into(), "side-door".into())
        ]
    );
    assert_eq!(delivered.len(), 4);
    let letters = lines(&dead);
    let kinds: Vec<&str> = letters.iter().map(|letter| letter["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["rejected", "decode", "trap"]);
    assert_eq!(letters[1]["dataBase64"], base64_simd::STANDARD.encode_to_string("%%%"));

    // A retry: everything before it is delivered, and the answer names it and nothing else.
    assert_eq!(emulator.invoke(&event(&["keep", "retry later", "keep"])), (200, replay_from(1)));
    assert_eq!(lines(&outputs).len(), 5);
    assert_eq!(emulator.invoke(&event(&[])), (200, ALL_DONE.to_owned()));

    let log = function.log();
    let said = |text: &str| log.iter().find(|line| line["message"].as_str().is_some_and(|said| said.contains(text)));
    let guests = said("hello from the guest").expect("the guest's line");
    assert_eq!(guests["sequence_number"], sequence_number(6));
    let dead_lettered = said("not wanted").expect("a line for the rejection");
    assert_eq!((&dead_lettered["level"], &dead_lettered["kind"]), (&"WARN".into(), &"rejected".into()));
    let processed = said("processed a batch").expect("a line for the batch");
    assert_eq!(processed["records"], 7);
    let metrics: Vec<_> = log.iter().filter(|line| line.get("_aws").is_some()).collect();
    assert_eq!(metrics.len(), 3, "a line an invocation");
    let counts = ["Records", "RecordsKept", "RecordsDropped", "RecordsEmitted", "RecordsDeadLettered"];
    assert_eq!(counts.map(|name| metrics[0][name].as_u64().expect(name)), [7, 2, 1, 1, 3]);
    let by_target = ["Outputs.main", "Outputs.side-door", "RecordsDeadLettered.trap"];
    // Both targets are one file, and each route is counted by its own name.
    assert_eq!(by_target.map(|name| metrics[0][name].as_u64()), [Some(2), Some(2), Some(1)]);
    assert_eq!(
        (&metrics[1]["ReplayFrom"], &metrics[1]["RecordsUnacknowledged"]),
        (&sequence_number(1).into(), &2.into())
    );
    let defined = metrics[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().expect("definitions");
    assert!(defined.iter().all(|metric| metrics[0][metric["Name"].as_str().expect("a name")].is_number()));
}

#[test]
fn without_a_dead_letter_target_the_first_failure_is_where_to_replay_from() {
    let emulator = Emulator::start();
    let transform = guest_file("scripted").display().to_string();
    let _function = emulator.function(&[("KINESIEVE_TRANSFORM", &transform), ("KINESIEVE_OUTPUT", "none")]);
    for failing in ["reject no", "panic", "emit 1 route=nowhere"] {
        assert_eq!(emulator.invoke(&event(&["keep", "keep", failing, "keep"])), (200, replay_from(2)), "{failing}");
    }
    let undecodable = event_of([record(0, "a", &Data::Broken("%".to_owned())), record(1, "b", &"keep".into())]);
    assert_eq!(emulator.invoke(&undecodable), (200, replay_from(0)));
}

#[test]
fn an_event_of_another_kind_fails_the_invocation() {
    let emulator = Emulator::start();
    let transform = guest_file("scripted").display().to_string();
    let _function = emulator.function(&[("KINESIEVE_TRANSFORM", &transform), ("KINESIEVE_OUTPUT", "none")]);
    for (body, message) in [
        ("{}", "it has no \\\"Records\\\""),
        ("null", "is not a Kinesis event"),
        (r#"{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"x"}]}"#, "aws:sqs"),
        (r#"{"Records":[{"eventSource":"aws:kinesis"}]}"#, "eventID"),
    ] {
        let (status, answer) = emulator.invoke(body.as_bytes());
        assert_ne!(status, 200, "{body}: {answer}");
        assert!(answer.contains(message) && answer.contains("Kinesieve.NotAKinesisEvent"), "{body}: {answer}");
        assert!(!answer.contains("batchItemFailures"), "{body}: {answer}");
    }
    // And the function lives on.
    assert_eq!(emulator.invoke(&event(&["keep"])), (200, ALL_DONE.to_owned()));
}

#[test]
fn the_answer_comes_before_lambdas_deadline_whatever_the_guest_does() {
    let time_left = Duration::from_secs(4);
    let api = RuntimeApi::with_invocation(event(&["keep", "spin", "keep"]), time_left);
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .env("KINESIEVE_EVENT_TIMEOUT", "1m")
        .env("KINESIEVE_DEADLINE_RESERVE", "2s")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the function starts");
    let posted = api.next_post(Duration::from_secs(30));
    let _ = function.kill();
    let _ = function.wait();
    assert_eq!((posted.path.ends_with("/6b562146/response"), posted.body), (true, replay_from(1)));
    assert!(posted.time_left.is_some_and(|left| left > Duration::ZERO), "it came too late: {:?}", posted.time_left);
}

/// What a target does not answer comes again, and Lambda hears of it in time.
#[test]
fn the_answer_comes_before_lambdas_deadline_whatever_a_target_does() {
    let stub = Stub::start(Service::Kinesis, Faults { hangs: 1.0, ..Faults::default() }, 1);
    let api = RuntimeApi::with_invocation(event(&["drop", "keep", "keep"]), Duration::from_secs(5));
    let mut function = in_lambda(&api)
        .env("AWS_ENDPOINT_URL_KINESIS", stub.endpoint())
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", Kind::Kinesis.arn())
        .env("KINESIEVE_DEADLINE_RESERVE", "2s")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the function starts");
    let posted = api.next_post(Duration::from_secs(30));
    let _ = function.kill();
    let _ = function.wait();
    assert_eq!(posted.body, replay_from(1));
    assert!(posted.time_left.is_some_and(|left| left > Duration::ZERO), "it came too late: {:?}", posted.time_left);
}

#[test]
fn a_start_that_fails_is_reported_with_what_is_wrong() {
    let api = RuntimeApi::with_invocation(Vec::new(), Duration::from_secs(60));
    let started = Instant::now();
    let output = kinesieve_lambda()
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_DEADLETTER", "stdout")
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    assert!(started.elapsed() < Duration::from_secs(20));
    let posted = api.next_post(Duration::from_secs(10));
    assert_eq!(posted.path, "/2018-06-01/runtime/init/error");
    let report: serde_json::Value = serde_json::from_str(&posted.body).expect("JSON");
    let message = "unknown setting KINESIEVE_DEADLETTER: did you mean KINESIEVE_DEAD_LETTER? (K101)";
    assert_eq!(report["errorMessage"], message);
    let log: serde_json::Value = serde_json::from_slice(&output.stderr).expect("one line of JSON");
    assert_eq!(log["level"], "ERROR");
}

/// What is deployed: a precompiled transform with its manifest.
#[test]
fn a_precompiled_transform_runs_in_the_function() {
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("transform.cwasm").display().to_string();
    let built = kinesieve(&["build", &guest_file("scripted").display().to_string()])
        .args(["--target", "host", "--output", &precompiled])
        .output()
        .expect("it runs");
    assert!(built.status.success(), "{}", stderr(&built));
    let emulator = Emulator::start();
    let function = emulator.function(&[
        ("KINESIEVE_TRANSFORM", &precompiled),
        ("KINESIEVE_OUTPUT", "none"),
        ("KINESIEVE_METRICS", "none"),
    ]);
    assert_eq!(emulator.invoke(&event(&["keep", "panic"])), (200, replay_from(1)));
    assert!(function.log().iter().all(|line| line.get("_aws").is_none()), "metrics that nobody wants");
}

/// Before there is an invocation; and what can't be reached keeps no function from starting.
#[test]
fn connections_can_be_made_while_the_function_starts() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 0);
    let start = |endpoint: &str| {
        let api = RuntimeApi::with_invocation(event(&["keep"]), Duration::from_secs(6));
        let mut function = in_lambda(&api)
            .env("KINESIEVE_TRANSFORM", guest_file("keep"))
            .env("KINESIEVE_OUTPUT", "arn:aws:kinesis:eu-west-1:123456789012:stream/out")
            .env("KINESIEVE_WARM_CONNECTIONS", "true")
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "eu-west-1")
            .spawn()
            .expect("it starts");
        let posted = api.next_post(Duration::from_secs(60));
        function.kill().expect("it runs");
        function.wait().expect("it ends");
        posted
    };
    assert_eq!(start(&stub.endpoint()).body, ALL_DONE);
    assert_eq!(stub.requests().iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
    // Nobody answers there; the batch is not delivered then, and comes again.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let started = Instant::now();
    let posted = start(&format!("http://{}", nobody.local_addr().expect("an address")));
    assert_eq!(posted.body, replay_from(0));
    assert!(started.elapsed() < Duration::from_secs(50), "{:?}", started.elapsed());
}
