//! Outputs that travel together: nothing is lost or out of order, whatever a service refuses, and others can read it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use kinesieve::event::{Aggregate, MAGIC};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{aggregate, gzipped};
use crate::support::events::{Data, event_of, record, sequence_number};
use crate::support::process::installed;
use crate::support::services::{Details, Faults, Service, Stub};
use crate::support::targets::Kind;
use crate::support::{guest_file, kinesieve, stderr};

const RECORDS: usize = 400;

fn data_of(index: usize) -> String {
    format!("{{\"number\":{index}}}")
}

fn key_of(index: usize) -> String {
    format!("key-{}", index % 7)
}

/// Delivers records of a few keys as they are to a stub.
fn run(stub: &Stub, kind: Kind, arguments: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    let records = (0..RECORDS).map(|index| record(index, &key_of(index), &data_of(index).as_str().into()));
    std::fs::write(&input, event_of(records)).expect("written");
    let output = kinesieve(&["run", "--transform"])
        .arg(guest_file("keep"))
        .arg("--input")
        .arg(&input)
        .args(["--output", kind.arn()])
        .args(arguments)
        .envs([("AWS_ENDPOINT_URL", stub.endpoint()), ("AWS_REGION", "eu-west-1".to_owned())])
        .envs([("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "key")])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains(&format!("{RECORDS} outputs delivered")), "{}", stderr(&output));
}

/// Faults of a service that are over at some time.
fn faults() -> Faults {
    Faults {
        refused_record: 0.2,
        refused_request: 0.1,
        dropped_before: 0.05,
        dropped_after: 0.05,
        slow: 0.1,
        ..Faults::default()
    }
}

fn numbers(all: &[(String, String)]) -> BTreeMap<String, Vec<usize>> {
    let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (key, data) in all {
        let number: Value = serde_json::from_str(data).expect("JSON");
        let number = number["number"].as_u64().and_then(|number| usize::try_from(number).ok()).expect("a number");
        let seen = by_key.entry(key.clone()).or_default();
        // A connection that broke after the service had it brings it again.
        if !seen.contains(&number) {
            seen.push(number);
        }
    }
    by_key
}

fn expected() -> BTreeMap<String, Vec<usize>> {
    let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    (0..RECORDS).for_each(|index| by_key.entry(key_of(index)).or_default().push(index));
    by_key
}

#[test]
fn aggregates_keep_the_order_of_each_key_under_faults() {
    for seed in 0..3 {
        let stub = Stub::start(Service::Kinesis, faults(), seed);
        run(&stub, Kind::Kinesis, &["--aggregate", "true"]);
        let mut all = Vec::new();
        for put in stub.puts() {
            assert!(put.data.starts_with(&MAGIC));
            let aggregate = Aggregate::find(&put.data).expect("an aggregate");
            let text = |at: &std::ops::Range<usize>| String::from_utf8_lossy(&put.data[at.clone()]).into_owned();
            let key = |index: u64| text(&aggregate.partition_keys[usize::try_from(index).expect("small")]);
            assert_eq!(Some(key(0)), put.partition_key);
            all.extend(aggregate.records.iter().map(|record| (key(record.partition_key), text(&record.data))));
        }
        assert_eq!(numbers(&all), expected());
        // One aggregate for the only shard, or one for each key where the stream did not say its shards; and again where
        // nobody heard that it arrived.
        assert!(stub.puts().len() < 20, "{} records", stub.puts().len());
    }
}

#[test]
fn packs_arrive_whole_and_in_order_under_faults() {
    for kind in [Kind::Kinesis, Kind::FifoQueue, Kind::Queue, Kind::FifoTopic, Kind::Topic, Kind::Firehose] {
        for (form, encode) in [("lines", "none"), ("array", "gzip"), ("concatenate", "none")] {
            let stub = Stub::start(kind.service(), faults(), 7);
            run(&stub, kind, &["--pack", form, "--pack-records", "30", "--encode", encode]);
            let mut all = Vec::new();
            for put in stub.puts() {
                let mut text = Vec::new();
                if encode == "gzip" {
                    let mut decoder = flate2::read::MultiGzDecoder::new(put.data.as_slice());
                    std::io::Read::read_to_end(&mut decoder, &mut text).expect("gzip");
                } else {
                    text.clone_from(&put.data);
                }
                let text = String::from_utf8(text).expect("text");
                let elements: Vec<String> = match form {
                    "lines" => text.lines().map(str::to_owned).collect(),
                    "concatenate" => text.split_inclusive('}').map(str::to_owned).collect(),
                    _ => {
                        let array: Vec<Value> = serde_json::from_str(&text).expect("an array");
                        array.iter().map(Value::to_string).collect()
                    }
                };
                assert!((1..=30).contains(&elements.len()));
                let key = |data: &str| {
                    let number: Value = serde_json::from_str(data).expect("JSON");
                    key_of(usize::try_from(number["number"].as_u64().expect("a number")).expect("small"))
                };
                if matches!(put.details, Details::Message { .. }) || matches!(kind, Kind::Kinesis) {
                    assert!(elements.iter().all(|data| Some(key(data)) == put.partition_key));
                }
                all.extend(elements.into_iter().map(|data| (key(&data), data)));
            }
            assert_eq!(numbers(&all), expected(), "{kind:?} {form} {encode}");
        }
    }
}

#[test]
fn an_object_holds_the_data_alone() {
    for (form, ending) in [("lines", ".ndjson"), ("json_array", ".json"), ("concatenate", ".bin")] {
        let stub = Stub::start(Service::S3, Faults::default(), 1);
        run(&stub, Kind::Bucket, &["--pack", form]);
        let objects = stub.objects();
        let (key, text) = objects.iter().next().expect("an object");
        assert!(key.ends_with(ending) && objects.len() == 1, "{key}");
        let expected: Vec<Value> = (0..RECORDS).map(|index| json!({ "number": index })).collect();
        let found: Vec<Value> = match form {
            "lines" => {
                String::from_utf8_lossy(text).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
            }
            "concatenate" => {
                assert!(!text.contains(&b'\n'));
                serde_json::Deserializer::from_slice(text).into_iter().map(|value| value.expect("JSON")).collect()
            }
            _ => serde_json::from_slice(text).expect("an array"),
        };
        assert_eq!(found, expected);
    }
}

/// A file of packs is of the data alone, whatever the batches are, and standard output has the same.
#[test]
fn a_file_holds_the_data_alone() {
    const MANY: usize = 100_000;
    let folder = tempfile::tempdir().expect("a folder");
    let (input, file) = (folder.path().join("in.ndjson"), folder.path().join("out"));
    let lines: String = (0..MANY).map(|index| data_of(index) + "\n").collect();
    std::fs::write(&input, &lines).expect("written");
    for (form, target) in [("none", "file"), ("lines", "file"), ("array", "file"), ("concatenate", "file")]
        .into_iter()
        .chain([("lines", "stdout"), ("json_array", "stdout"), ("concatenate", "stdout")])
    {
        let target = if target == "file" { format!("file:{}", file.display()) } else { target.to_owned() };
        let _ = std::fs::remove_file(&file);
        let output = kinesieve(&["run", "--output", &target, "--pack", form, "--pack-records", "70", "--input"])
            .arg(&input)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = if target == "stdout" { output.stdout } else { std::fs::read(&file).expect("a file") };
        let text = String::from_utf8(text).expect("text");
        match form {
            "none" => assert!(text.lines().all(|line| line.starts_with("{\"partitionKey\":"))),
            "lines" => assert!(text == lines, "{form} {target}"),
            "concatenate" => assert!(text == lines.replace('\n', ""), "{form} {target}"),
            _ => {
                let arrays: Vec<Vec<Value>> =
                    text.lines().map(|line| serde_json::from_str(line).expect("an array")).collect();
                assert!(arrays.iter().all(|array| (1..=70).contains(&array.len())));
                let numbers = arrays.concat().into_iter().map(|number| number["number"].as_u64());
                assert!(numbers.eq((0..MANY as u64).map(Some)), "{target}");
            }
        }
    }
}

#[test]
fn an_output_that_fits_into_no_pack_is_dead_lettered() {
    let stub = Stub::start(Service::Firehose, Faults::default(), 1);
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    let records =
        [record(0, "key", &"{}".into()), record(1, "key", &"no JSON".into()), record(2, "key", &"[1]".into())];
    std::fs::write(&input, event_of(records)).expect("written");
    let output = kinesieve(&["run", "--dead-letter", "stdout", "--pack", "array", "--transform"])
        .arg(guest_file("keep"))
        .arg("--input")
        .arg(&input)
        .args(["--output", Kind::Firehose.arn()])
        .envs([("AWS_ENDPOINT_URL", stub.endpoint()), ("AWS_REGION", "eu-west-1".to_owned())])
        .envs([("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "key")])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let letter: Value = serde_json::from_slice(&output.stdout).expect("a letter");
    assert_eq!((&letter["kind"], &letter["sequenceNumber"]), (&"undeliverable".into(), &sequence_number(1).into()));
    assert_eq!(letter["reason"], "it is no JSON, and is to be packed into a JSON array (KINESIEVE_PACK)");
    // What is behind the letter goes out behind it.
    let packs: Vec<Vec<u8>> = stub.puts().into_iter().map(|put| put.data).collect();
    assert_eq!(packs, [b"[{}]".to_vec(), b"[[1]]".to_vec()]);
}

/// The answers of the public library to these lines.
fn kpl(verb: &str, lines: &[String]) -> Vec<String> {
    let python = installed("TEST_PYTHON", "venv/bin/python", "tools-emulators");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/payloads/kpl.py");
    let mut child = Command::new(python)
        .args([script, verb])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("its input");
    let text = lines.join("\n");
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("its output");
    writer.join().expect("the writer").expect("written");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn generated() -> Vec<Vec<(String, Vec<u8>)>> {
    let records = prop::collection::vec(("[a-zé]{1,8}", prop::collection::vec(any::<u8>(), 0..300)), 1..80);
    let mut runner = TestRunner::deterministic();
    (0..60).map(|_| records.new_tree(&mut runner).expect("records").current()).collect()
}

#[test]
fn others_read_our_aggregates_and_we_read_theirs() {
    let base64 = |data: &[u8]| base64_simd::STANDARD.encode_to_string(data);
    let cases = generated();
    let lists: Vec<Value> =
        cases.iter().map(|case| case.iter().map(|(key, data)| json!([key, base64(data)])).collect()).collect();
    let ours: Vec<String> = cases
        .iter()
        .map(|case| base64(&aggregate(case.iter().map(|(key, data)| (key.as_str(), data.as_slice())))))
        .collect();
    for (read, list) in kpl("read", &ours).iter().zip(&lists) {
        assert_eq!(serde_json::from_str::<Value>(read).expect("JSON"), *list);
    }
    let theirs = kpl("write", &lists.iter().map(Value::to_string).collect::<Vec<_>>());
    assert_eq!(theirs.len(), cases.len());
    for (theirs, case) in theirs.iter().zip(&cases) {
        let payload = base64_simd::STANDARD.decode_to_vec(theirs).expect("base64");
        let found = Aggregate::find(&payload).expect("an aggregate");
        let text = |at: &std::ops::Range<usize>| payload[at.clone()].to_vec();
        let key = |index: u64| text(&found.partition_keys[usize::try_from(index).expect("small")]);
        let records: Vec<(Vec<u8>, Vec<u8>)> =
            found.records.iter().map(|record| (key(record.partition_key), text(&record.data))).collect();
        let expected: Vec<(Vec<u8>, Vec<u8>)> =
            case.iter().map(|(key, data)| (key.clone().into_bytes(), data.clone())).collect();
        assert_eq!(records, expected);
    }
}

/// What comes in packed goes out packed, and the same program reads it again.
#[test]
fn what_goes_out_comes_in_again() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    run(&stub, Kind::Kinesis, &["--aggregate", "true", "--encode", "zstd"]);
    let records: Vec<Value> = stub
        .puts()
        .into_iter()
        .enumerate()
        .map(|(index, put)| record(index, "key", &Data::Bytes(put.data)))
        .chain([record(1000, "key", &Data::Bytes(gzipped(b"last")))])
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    std::fs::write(&input, event_of(records)).expect("written");
    let output = kinesieve(&["run", "--decode", "auto", "--transform"])
        .arg(guest_file("keep"))
        .arg("--input")
        .arg(&input)
        .output()
        .expect("it runs");
    let lines: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), RECORDS + 1, "{}", stderr(&output));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let all: Vec<(String, String)> =
        lines[..RECORDS].iter().map(|line| (text(&line["partitionKey"]), text(&line["data"]))).collect();
    assert_eq!(numbers(&all), expected());
    assert_eq!(lines[RECORDS]["data"], "last");
}
