//! Small records that unpack to much, or of which nothing can be made: what they cost is bounded.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use kinesieve::event::MAGIC;
use md5::{Digest, Md5};
use serde_json::Value;

use super::{aggregate, gzipped};
use crate::support::events::{Data, event, event_of, record, sequence_number};
use crate::support::runtime_api::RuntimeApi;
use crate::support::usage::Usage;
use crate::support::{guest_file, in_lambda, kinesieve, stderr};

const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A message of CloudWatch Logs with so many log events of this text.
fn message(event: &str, count: usize) -> Vec<u8> {
    format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{}]}}"#, vec![event; count].join(",")).into_bytes()
}

/// Runs the guest `keep` over records, and returns the dead letters, and the outputs with their positions.
fn run(folder: &Path, records: &[Vec<u8>], arguments: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let input = folder.join("event.json");
    let records = (0..).zip(records).map(|(index, data)| record(index, "key", &Data::Bytes(data.clone())));
    std::fs::write(&input, event_of(records)).expect("written");
    let [dead, out] = ["dead.ndjson", "out.ndjson"].map(|name| folder.join(name));
    let output = kinesieve(&["run", "--transform"])
        .arg(guest_file("keep"))
        .args(["--input", &input.display().to_string(), "--output", &format!("file:{}", out.display())])
        .args(["--dead-letter", &format!("file:{}", dead.display())])
        .args(arguments)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (lines(&dead), lines(&out))
}

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Runs the dead letters of a folder again, and returns the outputs.
fn run_again(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let out = folder.join("again.ndjson");
    let output = kinesieve(&["redrive", "--from", &folder.join("dead.ndjson").display().to_string(), "--transform"])
        .arg(guest_file("keep"))
        .args(["--output", &format!("file:{}", out.display())])
        .args(arguments)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    lines(&out)
}

#[test]
fn a_record_of_which_most_can_not_be_read_is_one_dead_letter() {
    let folder = tempfile::tempdir().expect("a folder");
    let log_events = gzipped(&message("7", 60_000));
    assert!(log_events.len() < 4000);
    let (letters, outputs) =
        run(folder.path(), &[log_events.clone(), message("{}", 1)], &["--decode", "cloudwatch-logs"]);
    assert_eq!((letters.len(), outputs.len()), (1, 1));
    let letter = &letters[0];
    assert_eq!((&letter["kind"], &letter["undecoded"]), (&"decode".into(), &"payload".into()));
    assert_eq!((&letter["sequenceNumber"], &letter["subSequenceNumber"]), (&sequence_number(0).into(), &0.into()));
    assert_eq!(letter["dataBase64"], base64_simd::STANDARD.encode_to_string(&log_events));
    let reason = letter["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("60000 of its 60000 parts can't be read"), "{reason}");

    // User records that name a key which is not there.
    let folder = tempfile::tempdir().expect("a folder");
    let users = b"\x1a\x04\x08\x07\x1a\x00".repeat(100_000);
    let (letters, _) = run(folder.path(), &[[&MAGIC, &users[..], Md5::digest(&users).as_slice()].concat()], &[]);
    assert_eq!((letters.len(), &letters[0]["undecoded"]), (1, &"record".into()));
}

/// The letter of an aggregate is the aggregate: with what was wrong put right, it is taken apart.
#[test]
fn an_aggregate_that_was_dead_lettered_as_one_is_taken_apart_when_it_is_run_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let payloads: Vec<Vec<u8>> = (0..12).map(|index| gzipped(format!("user record {index}").as_bytes())).collect();
    let record = aggregate(payloads.iter().map(|payload| ("user", payload.as_slice())));
    let (letters, outputs) = run(folder.path(), &[record], &["--decode", "zstd"]);
    assert_eq!((letters.len(), outputs.len(), &letters[0]["undecoded"]), (1, 0, &"record".into()));
    let outputs = run_again(folder.path(), &["--decode", "gzip"]);
    let positions: Vec<_> = outputs.iter().map(|output| output["subSequenceNumber"].as_u64()).collect();
    assert_eq!(positions, (0..12).map(Some).collect::<Vec<_>>());
    assert_eq!((&outputs[7]["data"], &outputs[7]["partitionKey"]), (&"user record 7".into(), &"user".into()));
}

/// Some hundred kB of log events with nothing in them unpack to 32 MB. What is taken of them is bounded by the decode limit, not
/// by what it takes to hold 11 million of them.
#[test]
fn what_a_small_record_unpacks_to_takes_a_bounded_part_of_memory() {
    const MOST_KIB: u64 = 128 << 10;

    let bomb = gzipped(&message("{}", 11_000_000));
    assert!(bomb.len() < 1 << 20);
    let small = event(&["a payload"]);
    let large = event_of([record(0, "key", &Data::Bytes(bomb))]);
    // The last comes first.
    let api = RuntimeApi::with_invocations(vec![large, small], TIME_LIMIT);
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("keep"))
        .env("KINESIEVE_OUTPUT", "none")
        .env("KINESIEVE_DEAD_LETTER", "stdout")
        .env("KINESIEVE_DECODE", "cloudwatch-logs")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut peaks = Vec::new();
    for _ in 0..2 {
        assert_eq!(api.next_post(TIME_LIMIT).body, r#"{"batchItemFailures":[]}"#);
        peaks.push(Usage::of(function.id()).peak);
    }
    function.kill().expect("it runs");
    function.wait().expect("it ends");
    assert!(peaks[1] - peaks[0] < MOST_KIB, "{peaks:?} KiB");
}
