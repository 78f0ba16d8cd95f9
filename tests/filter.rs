//! Without a transform, and with a filter: what goes on, what is dropped, and what can't be judged.

use std::path::Path;
use std::process::Output;
use std::time::Instant;

use serde_json::Value;

use crate::support::emulator::Emulator;
use crate::support::events::{Data, event_of, record, sequence_number};
use crate::support::{guest_file, kinesieve, kinesieve_lambda, stderr, stdout};

const WARM: &str = "json.temperature > 30";

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn data_of(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["data"].as_str().expect("data")).collect()
}

/// What the summary says of a kind of records.
fn count_of(said: &str, kind: &str) -> usize {
    let line = said.lines().find_map(|line| line.trim().strip_prefix(kind)).unwrap_or_default();
    line.trim().split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {kind}: {said}"))
}

fn reading(index: usize, temperature: f64) -> Value {
    record(index, &format!("device-{}", index % 7), &format!(r#"{{"temperature":{temperature}}}"#).as_str().into())
}

fn run(folder: &Path, records: Vec<Value>, flags: &[&str]) -> Output {
    let input = folder.join("event.json");
    std::fs::write(&input, event_of(records)).expect("written");
    kinesieve(&["run", "--input", &input.display().to_string()]).args(flags).output().expect("it runs")
}

#[test]
fn without_a_transform_records_pass_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = || {
        vec![
            record(0, "a", &"one".into()),
            record(1, "b", &Data::Bytes(vec![0xff, 0x00])),
            record(2, "a", &"three".into()),
        ]
    };
    for flags in [&[][..], &["--transform", "none"]] {
        let output = run(folder.path(), records(), flags);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let keys: Vec<&str> = lines.iter().map(|line| line["partitionKey"].as_str().expect("a key")).collect();
        assert_eq!(keys, ["a", "b", "a"]);
        assert_eq!(lines[0]["data"], "one");
        assert_eq!(lines[1]["dataBase64"], "/wA=");
        assert!(stderr(&output).contains("3 records in"), "{}", stderr(&output));
    }
}

#[test]
fn a_filter_keeps_drops_and_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.ndjson");
    let records = vec![
        reading(0, 30.5),
        reading(1, 12.0),
        record(2, "k", &r#"{"humidity":4}"#.into()),
        record(3, "k", &"no JSON".into()),
        record(4, "k", &Data::Broken("%%%".to_owned())),
        reading(5, 31.0),
    ];
    let dead_flag = format!("file:{}", dead.display());
    let output = run(folder.path(), records, &["--filter", WARM, "--dead-letter", &dead_flag]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let kept: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(data_of(&kept), [r#"{"temperature":30.5}"#, r#"{"temperature":31}"#]);
    let letters = lines(&dead);
    let told: Vec<(&str, &str)> = letters
        .iter()
        .map(|letter| (letter["kind"].as_str().expect("a kind"), letter["reason"].as_str().expect("a reason")))
        .collect();
    assert_eq!(told[0].0, "rejected");
    assert_eq!(
        told[0].1,
        "the filter can't judge this record: there is no field \"temperature\", for which has(...) can ask"
    );
    assert!(told[1].1.starts_with("the filter can't judge this record: its payload is no JSON: at line 1"), "{told:?}");
    assert_eq!((told[2].0, told.len()), ("decode", 3));
    assert!(letters.iter().all(|letter| letter.get("transform").is_none()), "there is no transform: {letters:?}");
    let said = stderr(&output);
    assert!(said.contains("6 records in") && count_of(&said, "dropped") == 1, "{said}");
}

/// The filter comes first, and what passes is for the transform.
#[test]
fn a_filter_comes_before_the_transform() {
    let folder = tempfile::tempdir().expect("a folder");
    let records: Vec<Value> = ["panic", "emit 2", "keep", "drop"]
        .into_iter()
        .enumerate()
        .map(|(i, data)| record(i, "k", &data.into()))
        .collect();
    let transform = guest_file("scripted").display().to_string();
    let output = run(folder.path(), records, &["--transform", &transform, "--filter", "text != 'panic'"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let kept: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(data_of(&kept), ["emit 2#0", "emit 2#1", "keep"]);
}

/// Without a dead-letter destination, a record that can't be judged stops its batch and is not lost.
#[test]
fn what_can_not_be_judged_blocks_where_nothing_takes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = vec![reading(0, 40.0), record(1, "k", &"[]".into()), reading(2, 40.0)];
    let output = run(folder.path(), records, &["--filter", WARM]);
    assert_ne!(output.status.code(), Some(0));
    assert_eq!(stdout(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains(&sequence_number(1)), "{}", stderr(&output));
}

#[test]
fn a_bad_filter_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), vec![reading(0, 1.0)], &["--filter", "jsn.temperature > 30"]);
    let said = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).len()), (Some(2), 0), "{said}");
    assert!(said.contains("--filter") && said.contains("did you mean json?"), "{said}");

    let mut function = kinesieve_lambda();
    function
        .env("KINESIEVE_OUTPUT", "none")
        .env("KINESIEVE_FILTER", "json.temperature >")
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
    let said = stderr(&function.output().expect("it runs"));
    assert!(said.contains("\"code\":\"K102\"") && said.contains("KINESIEVE_FILTER"), "{said}");
    assert!(said.contains("it ends where more has to come"), "{said}");
}

/// A transform that was forgotten would let through what it is to take out.
#[test]
fn the_function_and_what_runs_records_again_want_to_be_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.ndjson");
    let dead_flag = format!("file:{}", dead.display());
    let output =
        run(folder.path(), vec![record(0, "k", &"[]".into())], &["--filter", WARM, "--dead-letter", &dead_flag]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let redrive = |flags: &[&str]| {
        kinesieve(&["redrive", "--from", &dead.display().to_string()]).args(flags).output().expect("it runs")
    };
    let refused = redrive(&[]);
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("KINESIEVE_TRANSFORM is required"), "{}", stderr(&refused));
    for flags in [["--transform", "none"], ["--filter", "text == '[]'"]] {
        let redriven = redrive(&flags);
        assert_eq!(redriven.status.code(), Some(0), "{}", stderr(&redriven));
        assert_eq!(data_of(&[serde_json::from_str(&stdout(&redriven)).expect("a line")]), ["[]"]);
    }
}

#[test]
fn a_function_without_a_transform_answers_as_with_one() {
    let emulator = Emulator::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (outputs, dead) = (folder.path().join("outputs.ndjson"), folder.path().join("dead.ndjson"));
    let function = emulator.function(&[
        ("KINESIEVE_TRANSFORM", "none"),
        ("KINESIEVE_FILTER", WARM),
        ("KINESIEVE_OUTPUT", &format!("file:{}", outputs.display())),
        ("KINESIEVE_DEAD_LETTER", &format!("file:{}", dead.display())),
    ]);
    let event = event_of([reading(0, 31.0), reading(1, 3.0), record(2, "k", &"x".into())]);
    assert_eq!(emulator.invoke(&event), (200, r#"{"batchItemFailures":[]}"#.to_owned()));
    assert_eq!((lines(&outputs).len(), lines(&dead).len()), (1, 1));
    let (status, about) = emulator.invoke(br#"{"operation":"health"}"#);
    let about: Value = serde_json::from_str(&about).expect("JSON");
    assert_eq!((status, &about["filter"], &about["transform"]), (200, &Value::from(WARM), &Value::Null));
    drop(function);
}

/// A large batch costs as much a record as a small one, and its order stays, over several workers.
#[test]
fn many_records_pass_in_order() {
    const RECORDS: usize = 100_000;
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("records.ndjson");
    let text: String =
        (0..RECORDS).map(|index| format!("{{\"n\":{index},\"temperature\":{}}}\n", index % 60)).collect();
    std::fs::write(&input, text).expect("written");
    let output = folder.path().join("out.ndjson");
    let begin = Instant::now();
    let done = kinesieve(&["run", "--filter", WARM, "--workers", "4", "--input", &input.display().to_string()])
        .args(["--output", &format!("file:{}", output.display())])
        .output()
        .expect("it runs");
    println!("{RECORDS} records in {:?}", begin.elapsed());
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let mut expected = (0..RECORDS).filter(|index| index % 60 > 30);
    for line in lines(&output) {
        let payload: Value = serde_json::from_str(line["data"].as_str().expect("data")).expect("JSON");
        assert_eq!(payload["n"].as_u64(), expected.next().map(|index| index as u64));
    }
    assert_eq!(expected.next(), None);
}

#[test]
fn windows_see_what_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    let records: Vec<Value> =
        ["a", "b", "a"].into_iter().enumerate().map(|(i, key)| record(i, key, &"add 1".into())).collect();
    let transform = guest_file("folding").display().to_string();
    let said = |flags: &[&str]| {
        let output = run(folder.path(), records.clone(), flags);
        (output.status.code(), stdout(&output), stderr(&output))
    };
    let (code, _, refused) = said(&["--tumbling-window", "60s"]);
    assert_eq!(code, Some(1), "{refused}");
    assert!(refused.contains("there is none: leave it out"), "{refused}");
    let (code, _, all) = said(&["--transform", &transform, "--tumbling-window", "60s"]);
    assert_eq!(code, Some(0), "{all}");
    let (code, _, some) = said(&["--transform", &transform, "--tumbling-window", "60s", "--filter", "key == 'a'"]);
    assert_eq!(code, Some(0), "{some}");
    assert_eq!(count_of(&some, "dropped"), 1, "{some}");
}
