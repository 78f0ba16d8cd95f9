//! Every source gives the same events: what a payload is packed into is taken off behind all of them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::{aggregate, aggregate_of, gzipped};
use crate::support::events::{Data, SHARD_ID, STREAM_ARN, arrived_at, event_of, record, sequence_number};
use crate::support::runtime_api::RuntimeApi;
use crate::support::{guest_file, in_lambda, kinesieve, stderr};

/// Runs the scripted guest over an input: exit code, standard error, and the outputs with their positions.
pub fn run(input: &Path, arguments: &[&str]) -> (Option<i32>, String, Vec<(String, String)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let output = kinesieve(&["run", "--transform"])
        .arg(guest_file("scripted"))
        .arg("--input")
        .arg(input)
        .args(["--output", &format!("file:{}", out.display())])
        .args(arguments)
        .output()
        .expect("it runs");
    (output.status.code(), stderr(&output), outputs(&out))
}

pub fn outputs(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let output = |line: &str| {
        let output: Value = serde_json::from_str(line).expect("JSON");
        let position =
            format!("{}.{}", output["sequenceNumber"].as_str().expect("a number"), output["subSequenceNumber"]);
        (position, output["data"].as_str().unwrap_or("no text").to_owned())
    };
    text.lines().map(output).collect()
}

pub fn at(index: usize, sub_sequence_number: usize) -> String {
    format!("{}.{sub_sequence_number}", sequence_number(index))
}

fn records() -> Vec<Value> {
    vec![
        record(0, "key", &"keep plain".into()),
        record(1, "key", &aggregate_of(&["keep one", "drop two", "keep three"])),
    ]
}

fn expected() -> Vec<(String, String)> {
    vec![(at(0, 0), "keep plain".into()), (at(1, 0), "keep one".into()), (at(1, 2), "keep three".into())]
}

#[test]
fn an_event_and_an_answer_of_get_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let event = folder.path().join("event.json");
    std::fs::write(&event, event_of(records())).expect("written");
    let answer = folder.path().join("answer.json");
    let as_answer = |record: &Value| {
        json!({
            "SequenceNumber": record["kinesis"]["sequenceNumber"], "PartitionKey": "key",
            "Data": record["kinesis"]["data"], "ApproximateArrivalTimestamp": arrived_at(0) as f64 / 1000.0,
        })
    };
    let answers: Vec<Value> = records().iter().map(as_answer).collect();
    std::fs::write(&answer, json!({ "Records": answers }).to_string()).expect("written");
    for input in [&event, &answer] {
        let (code, said, outputs) = run(input, &[]);
        assert_eq!((code, outputs), (Some(0), expected()), "{said}");
        assert!(said.contains("4 records in"), "{said}");
    }
    // Off, the aggregate is one payload, that the guest makes nothing of.
    let (code, said, outputs) = run(&event, &["--deaggregate", "false"]);
    assert_eq!((code, outputs.len()), (Some(3), 1), "{said}");
}

#[test]
fn the_function_names_the_record_that_a_failing_event_came_in() {
    let body = event_of([
        record(0, "key", &"keep plain".into()),
        record(1, "key", &aggregate_of(&["keep one", "retry two", "keep three"])),
    ]);
    let api = RuntimeApi::with_invocation(body, Duration::from_secs(60));
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let posted = api.next_post(Duration::from_secs(60));
    let _ = function.kill();
    let _ = function.wait();
    assert_eq!(posted.body, format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, sequence_number(1)));
}

#[test]
fn payloads_are_decoded() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    let packed = gzipped(b"keep two");
    let nested = aggregate([("user", packed.as_slice()), ("user", b"keep three")]);
    let bomb = gzipped(&vec![b'x'; 1 << 20]);
    let data = [Data::Bytes(gzipped(b"keep one")), Data::Bytes(nested), Data::Bytes(bomb), "keep four".into()];
    let records = (0..).zip(&data).map(|(index, data)| record(index, "key", data));
    std::fs::write(&input, event_of(records)).expect("written");
    let dead = folder.path().join("dead.ndjson");
    let target = format!("file:{}", dead.display());
    let (code, said, outputs) = run(&input, &["--decode", "auto", "--decode-limit", "64KiB", "--dead-letter", &target]);
    let expected = [(at(0, 0), "keep one"), (at(1, 0), "keep two"), (at(1, 1), "keep three"), (at(3, 0), "keep four")];
    assert_eq!((code, outputs), (Some(0), expected.map(|(at, text)| (at, text.to_owned())).into()), "{said}");
    let letter: Value = serde_json::from_str(&std::fs::read_to_string(&dead).expect("a letter")).expect("JSON");
    assert_eq!((&letter["kind"], &letter["undecoded"]), (&"decode".into(), &"payload".into()));
    assert_eq!(letter["reason"], "the record unpacks to more than 64.0 KiB (KINESIEVE_DECODE_LIMIT)");

    // With a larger bound, what was a bomb is a payload.
    let again = folder.path().join("again.ndjson");
    let redriven = kinesieve(&["redrive", "--from", &dead.display().to_string(), "--transform"])
        .arg(guest_file("keep"))
        .args(["--decode", "auto", "--output", &format!("file:{}", again.display())])
        .output()
        .expect("it runs");
    assert_eq!(redriven.status.code(), Some(0), "{}", stderr(&redriven));
    assert_eq!(self::outputs(&again), [(at(2, 0), "x".repeat(1 << 20))]);
}

/// A user record that failed is run again as what it is: its place is kept, and it is not taken apart once more.
#[test]
fn a_user_record_is_run_again_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    let inner = aggregate([("user", b"keep inner".as_slice())]);
    let outer = aggregate([("user", b"keep".as_slice()), ("user", b"reject two"), ("user", &inner)]);
    std::fs::write(&input, event_of([record(5, "key", &Data::Bytes(outer))])).expect("written");
    let dead = folder.path().join("dead.ndjson");
    let (code, said, _) = run(&input, &["--dead-letter", &format!("file:{}", dead.display())]);
    assert_eq!(code, Some(0), "{said}");
    let again = folder.path().join("again.ndjson");
    let redriven = kinesieve(&["redrive", "--from", &dead.display().to_string(), "--transform"])
        .arg(guest_file("keep"))
        .args(["--output", &format!("file:{}", again.display())])
        .output()
        .expect("it runs");
    let said = stderr(&redriven);
    assert_eq!(redriven.status.code(), Some(0), "{said}");
    assert_eq!(outputs(&again), [(at(5, 1), "reject two".to_owned()), (at(5, 2), "no text".to_owned())]);
    assert!(said.contains(&format!("{}.1  {SHARD_ID}  delivered", sequence_number(5))), "{said}");
}

#[test]
fn log_events_of_a_subscription() {
    let message = |kind: &str, events: &[&str]| {
        let log_events: Vec<Value> = (0..).zip(events).map(|(id, text)| json!({ "id": id, "message": text })).collect();
        let message = json!({
            "messageType": kind, "owner": "123456789012", "logGroup": "/app", "logStream": "i-1", "logEvents": log_events,
        });
        Data::Bytes(gzipped(message.to_string().as_bytes()))
    };
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    let data = [message("CONTROL_MESSAGE", &["probe"]), message("DATA_MESSAGE", &["a", "b"]), "no message".into()];
    let records = (0..).zip(&data).map(|(index, data)| record(index, "key", data));
    std::fs::write(&input, event_of(records)).expect("written");
    // The sample redacts fields of a JSON object.
    let out = folder.path().join("out.ndjson");
    let output = kinesieve(&["run", "--transform"])
        .arg(guest_file("drop_and_redact"))
        .args(["--transform-settings", "remove=owner", "--decode", "cloudwatch-logs", "--dead-letter", "stdout"])
        .arg("--input")
        .arg(&input)
        .args(["--output", &format!("file:{}", out.display())])
        .output()
        .expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let outputs = outputs(&out);
    assert_eq!(outputs.len(), 2, "{said}");
    assert_eq!((&outputs[0].0, &outputs[1].0), (&at(1, 0), &at(1, 1)));
    let event: Value = serde_json::from_str(&outputs[1].1).expect("JSON");
    assert_eq!(
        (&event["message"], &event["logGroup"], &event["logStream"]),
        (&"b".into(), &"/app".into(), &"i-1".into())
    );
    assert!(said.contains("control           1"), "{said}");
    let letter: Value = serde_json::from_slice(&output.stdout).expect("a letter");
    assert_eq!((&letter["sequenceNumber"], &letter["streamArn"]), (&sequence_number(2).into(), &STREAM_ARN.into()));
}
