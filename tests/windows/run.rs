//! Windows on a laptop: over a file, and over a live stream.

use std::process::{Command, Output};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use serde_json::Value;

use crate::support::events::{STREAM_ARN, event_of, record};
use crate::support::services::{Faults, Service, Stub};
use crate::support::{block_on, guest_file, kinesieve, stderr, stdout};

fn run(guest: &str, arguments: &[&str]) -> Command {
    let mut command = kinesieve(&["run", "--transform"]);
    command.arg(guest_file(guest)).args(arguments);
    command
}

/// The windows on standard output.
fn windows(output: &Output) -> Vec<Value> {
    let window = |line: &str| {
        let line: Value = serde_json::from_str(line).expect(line);
        serde_json::from_str(line["data"].as_str().expect("text")).expect("JSON")
    };
    stdout(output).lines().map(window).collect()
}

/// Records that arrived at these seconds.
fn file(folder: &tempfile::TempDir, records: &[(f64, &str)]) -> String {
    let records = records.iter().enumerate().map(|(index, (second, payload))| {
        let mut record = record(index, "key", &(*payload).into());
        record["kinesis"]["approximateArrivalTimestamp"] = (1_795_194_000.0 + second).into();
        record
    });
    let path = folder.path().join("event.json");
    std::fs::write(&path, event_of(records)).expect("written");
    path.display().to_string()
}

#[test]
fn where_a_window_broke_is_in_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = file(&folder, &[(1.0, "panic so"), (2.0, "add 1")]);
    let arguments = ["--input", &input, "--tumbling-window", "1m", "--dead-letter", "none", "--log", "debug"];
    let output = run("folding", &arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let log = stderr(&output);
    let frames: Vec<&str> = log.lines().filter(|line| line.contains("backtrace")).collect();
    assert!(frames.iter().any(|line| line.contains("sequence_number")), "{log}");
}

#[test]
fn each_shard_of_a_file_has_windows_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    // "add 1" and "add 2" of one shard, "add 4" of another, in the same minute.
    let records: Vec<Value> = [("a", "1", "YWRkIDE="), ("a", "2", "YWRkIDI="), ("b", "3", "YWRkIDQ=")]
        .into_iter()
        .map(|(shard, number, data)| {
            serde_json::json!({
                "kinesisSchemaVersion": "1.0", "partitionKey": "k", "sequenceNumber": number, "data": data,
                "approximateArrivalTimestamp": 1_795_194_001.0, "eventSource": "aws:kinesis",
                "eventID": format!("shardId-{shard}:{number}"), "eventSourceARN": STREAM_ARN,
            })
        })
        .collect();
    let path = folder.path().join("pipes.json");
    std::fs::write(&path, serde_json::to_string(&records).expect("JSON")).expect("written");
    let arguments = ["--input", &path.display().to_string(), "--tumbling-window", "1m", "--dead-letter", "none"];
    let output = run("folding", &arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let sums: Vec<i64> = windows(&output).iter().map(|window| window["sum"].as_i64().expect("a sum")).collect();
    assert_eq!(sums, [3, 4]);
}

#[test]
fn a_file_is_played_in_windows_by_the_time_of_arrival() {
    let folder = tempfile::tempdir().expect("a folder");
    let records =
        [(1.0, "add 1"), (59.9, "add 2"), (58.0, "add 4"), (60.0, "add 8"), (59.0, "reject late"), (250.0, "add 16")];
    let input = file(&folder, &records);
    let dead = format!("file:{}", folder.path().join("dead.ndjson").display());
    let arguments = ["--input", &input, "--tumbling-window", "1m", "--dead-letter", &dead];
    let output = run("folding", &arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let sums: Vec<(u64, i64)> = windows(&output)
        .iter()
        .map(|window| (window["start"].as_u64().expect("a time"), window["sum"].as_i64().expect("a sum")))
        .collect();
    let minute = |minute: u64| 1_795_194_000_000 + 60_000 * minute;
    assert_eq!(sums, [(minute(0), 7), (minute(1), 8), (minute(4), 16)]);
    assert!(stderr(&output).contains("folded            5"), "{}", stderr(&output));

    // It stops where the transform asks for a record again, and says where.
    let input = file(&folder, &[(1.0, "add 1"), (2.0, "retry later"), (70.0, "add 2")]);
    let output = run("folding", &["--input", &input, "--tumbling-window", "60s"]).output().expect("it runs");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(3), ""), "{}", stderr(&output));
    // A window that can't close is an error of its own.
    let input = file(&folder, &[(1.0, "end retry later")]);
    let output = run("folding", &["--input", &input, "--tumbling-window", "60s"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the window can't be closed: the transform asks for it again: later"));
}

#[test]
fn windows_and_the_transform_have_to_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = file(&folder, &[(1.0, "keep")]);
    for (guest, arguments, expected) in [
        ("folding", &[][..], "say how long they are, as with --tumbling-window 60s"),
        ("keep", &["--tumbling-window", "60s"][..], "and this one works on records: leave it out"),
        ("folding", &["--tumbling-window", "20m"][..], "\"20m\" is out of range: use 1s to 15m"),
        ("folding", &["--tumbling-window", "1500ms"][..], "\"1500ms\" is no whole number of seconds"),
    ] {
        let output = run(guest, &["--input", &input]).args(arguments).output().expect("it runs");
        assert!(!output.status.success());
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    for (flag, value, expected) in [
        ("--parallelization-factor", "2", "--tumbling-window takes --parallelization-factor 1"),
        ("--checkpoint-table", "positions", "--to-checkpoint commits positions to resume from"),
    ] {
        let mut command = run("folding", &["--input", STREAM_ARN, "--tumbling-window", "60s", flag, value]);
        if flag == "--checkpoint-table" {
            command.arg("--to-checkpoint");
        }
        let output = command.output().expect("it runs");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let letters = folder.path().join("dead.ndjson");
    std::fs::write(&letters, "").expect("written");
    let from = format!("file:{}", letters.display());
    let redrive = kinesieve(&["redrive", "--from", &from, "--transform"]).arg(guest_file("folding")).output();
    let redrive = stderr(&redrive.expect("it runs"));
    assert!(redrive.contains("works on tumbling windows, and dead letters are records by themselves"), "{redrive}");
}

#[test]
fn a_live_stream_is_played_in_windows() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let entry = |index: usize| {
        let payload = if index % 10 == 3 { "reject no".to_owned() } else { "add 1".to_owned() };
        PutRecordsRequestEntry::builder().partition_key("key").data(Blob::new(payload)).build().expect("a record")
    };
    let request = Client::new(&stub.config()).put_records().stream_name("readings");
    block_on(request.set_records(Some((0..100).map(entry).collect())).send()).expect("they are put");
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.ndjson");
    let arguments = [
        "--input",
        STREAM_ARN,
        "--from",
        "trim-horizon",
        "--until",
        "now",
        "--batch-size",
        "7",
        "--tumbling-window",
        "15m",
    ];
    let output = run("folding", &arguments)
        .args(["--dead-letter", &format!("file:{}", dead.display())])
        .env("AWS_ENDPOINT_URL_KINESIS", stub.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // A quarter of an hour may just have begun.
    let sum: i64 = windows(&output).iter().map(|window| window["sum"].as_i64().expect("a sum")).sum();
    assert_eq!((sum, windows(&output).len() < 3), (90, true), "{}", stdout(&output));
    assert_eq!(std::fs::read_to_string(dead).expect("written").lines().count(), 10);
    assert!(stderr(&output).contains("folded            90"), "{}", stderr(&output));
}

#[test]
fn history_is_replayed_by_its_own_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("readings.ndjson");
    // Three minutes of January, one of them a minute late.
    let times = ["00:00:01Z", "00:00:59.999Z", "00:01:00Z", "00:00:30Z", "00:03:00Z"];
    let lines = times.map(|time| format!("{{\"device\":\"pump\",\"watts\":1,\"at\":\"2026-01-01T{time}\"}}\n"));
    std::fs::write(&path, lines.concat()).expect("written");
    let path = path.display().to_string();
    let arguments = ["--input", &path, "--tumbling-window", "1m", "--arrived-at", "/at", "--dead-letter", "none"];
    let settings = ["--transform-settings", r#"{"key":"device","sum":["watts"]}"#];
    let output = run("counts_and_sums", &[&arguments[..], &settings].concat()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let counted: Vec<(u64, u64)> = windows(&output)
        .iter()
        .map(|window| (window["start"].as_u64().expect("a time"), window["count"].as_u64().expect("a count")))
        .collect();
    let minute = |minute: u64| 1_767_225_600_000 + 60_000 * minute;
    assert_eq!(counted, [(minute(0), 2), (minute(1), 2), (minute(3), 1)]);
}
