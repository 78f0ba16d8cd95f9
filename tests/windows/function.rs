//! Windows through the function, under a Lambda runtime API.

use serde_json::{Value, json};

use super::event;
use crate::support::emulator::Emulator;
use crate::support::events::{self, record, sequence_number};
use crate::support::runtime_api::RuntimeApi;
use crate::support::windows::part;
use crate::support::{guest_file, in_lambda, kinesieve};

fn invoke(emulator: &Emulator, event: &Value) -> (u16, Value) {
    let (status, body) = emulator.invoke(event.to_string().as_bytes());
    (status, serde_json::from_str(&body).expect("JSON"))
}

#[test]
fn counts_and_sums_travel_in_the_state_and_are_delivered_in_the_end() {
    let emulator = Emulator::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (outputs, dead) = (folder.path().join("outputs.ndjson"), folder.path().join("dead.ndjson"));
    let function = emulator.function(&[
        ("KINESIEVE_TRANSFORM", &guest_file("counts_and_sums").display().to_string()),
        ("KINESIEVE_TRANSFORM_SETTINGS", r#"{"key":"device","sum":"[\"watts\"]"}"#),
        ("KINESIEVE_OUTPUT", &format!("file:{}", outputs.display())),
        ("KINESIEVE_DEAD_LETTER", &format!("file:{}", dead.display())),
    ]);
    let reading = |index: usize, device: &str, watts: f64| {
        record(index, "key", &json!({ "device": device, "watts": watts }).to_string().as_str().into())
    };
    let first = part([reading(0, "b", 1.5), reading(1, "a", 4.0), record(2, "key", &"{".into())], &json!({}), false);
    let (status, first) = invoke(&emulator, &first);
    assert_eq!((status, &first["batchItemFailures"]), (200, &json!([])));
    let (kinesieve, form) = (&first["state"]["kinesieve"], &first["state"]["form"]);
    assert_eq!((kinesieve, form), (&"1".into(), &"counts-and-sums/1".into()));
    assert_eq!(first["state"]["sequenceNumber"], sequence_number(2));
    let (status, last) = invoke(&emulator, &part([reading(3, "b", 2.0)], &first["state"], true));
    assert_eq!((status, last), (200, json!({ "state": {}, "batchItemFailures": [] })));
    let lines = std::fs::read_to_string(&outputs).expect("written");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let texts: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["partitionKey"].as_str().expect("a key"), line["data"].as_str().expect("text")))
        .collect();
    let window = r#""start":1795194000000,"end":1795194060000"#;
    assert_eq!(
        texts,
        [
            ("a", format!(r#"{{{window},"key":"a","count":1,"sums":{{"watts":4.0}}}}"#).as_str()),
            ("b", format!(r#"{{{window},"key":"b","count":2,"sums":{{"watts":3.5}}}}"#).as_str()),
        ]
    );
    assert_eq!(std::fs::read_to_string(&dead).expect("written").lines().count(), 1);

    // What fails is told by name, and the function lives on.
    let (status, failed) = invoke(&emulator, &part([], &json!({ "count": 7 }), true));
    assert_ne!(status, 200);
    assert_eq!(failed["errorType"], "Kinesieve.WindowFailed");
    let (status, plain) = emulator.invoke(&events::event(&["{}"]));
    assert!(status != 200 && plain.contains("TumblingWindow in the template"), "{plain}");
    let firehose = r#"{"deliveryStreamArn":"arn","records":[]}"#;
    let (status, refused) = emulator.invoke(firehose.as_bytes());
    assert!(status != 200 && refused.contains("Firehose has none"), "{refused}");
    let (_, health) = emulator.invoke(br#"{"operation":"health"}"#);
    assert!(health.contains(r#""world":"window-transform""#), "{health}");

    let log = function.log();
    let processed: Vec<&Value> = log.iter().filter(|line| line["message"] == "processed a batch").collect();
    assert_eq!((&processed[0]["folded"], &processed[1]["window_outputs"]), (&2.into(), &2.into()));
    let metrics: Vec<&Value> = log.iter().filter(|line| line.get("_aws").is_some()).collect();
    let counts = ["Records", "RecordsFolded", "RecordsDeadLettered"];
    assert_eq!(counts.map(|name| metrics[0][name].as_u64()), [Some(3), Some(2), Some(1)]);
    assert_eq!(metrics[1]["WindowsClosed"], 1);
    assert!(metrics[0]["WindowStateBytes"].as_u64().is_some_and(|bytes| bytes > 50), "{}", metrics[0]);
}

#[test]
fn what_windows_can_not_bear_stops_the_start() {
    for (name, value, expected) in [
        ("KINESIEVE_PARALLELIZATION_FACTOR", "2", "only with a parallelization factor of 1: set ParallelizationFactor"),
        ("KINESIEVE_CHECKPOINT_TABLE", "positions", "leave CheckpointTable in the template out"),
    ] {
        let api = RuntimeApi::with_invocation(Vec::new(), std::time::Duration::from_secs(60));
        let output = in_lambda(&api)
            .env("KINESIEVE_TRANSFORM", guest_file("folding"))
            .env("KINESIEVE_OUTPUT", "none")
            .env(name, value)
            .output()
            .expect("it runs");
        assert!(!output.status.success());
        let posted = api.next_post(std::time::Duration::from_secs(10));
        assert!(posted.path.ends_with("/init/error") && posted.body.contains(expected), "{}", posted.body);
    }
}

#[test]
fn a_precompiled_transform_of_windows_runs_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("transform.cwasm").display().to_string();
    let built = kinesieve(&["build", &guest_file("folding").display().to_string()])
        .args(["--target", "host", "--output", &precompiled])
        .output()
        .expect("it runs");
    assert!(built.status.success(), "{}", crate::support::stderr(&built));
    let emulator = Emulator::start();
    let _function = emulator.function(&[("KINESIEVE_TRANSFORM", &precompiled), ("KINESIEVE_OUTPUT", "none")]);
    let (status, last) = invoke(&emulator, &event(0, &["add 1", "retry later"], &json!({}), true));
    assert_eq!((status, &last["batchItemFailures"][0]["itemIdentifier"]), (200, &sequence_number(1).into()));
    assert_eq!(last["state"]["sequenceNumber"], sequence_number(0));
}
