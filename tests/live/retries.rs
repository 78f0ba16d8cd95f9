//! The rules of a mapping, from end to end: what stands still, what is given up, and what is told of it.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use serde_json::Value;

use super::Run;
use crate::support::block_on;
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::process::wait_until;
use crate::support::services::{Faults, Service, Stub};
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

pub(super) fn stream(payloads: &[&str]) -> Stub {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let entry = |payload: &&str| {
        PutRecordsRequestEntry::builder().partition_key("key").data(Blob::new(*payload)).build().expect("a record")
    };
    let request = Client::new(&stub.config()).put_records().stream_name("readings");
    block_on(request.set_records(Some(payloads.iter().map(entry).collect())).send()).expect("they are put");
    stub
}

#[test]
fn a_batch_that_is_given_up_is_told_and_the_next_goes_on() {
    let stub = stream(&["keep 0", "keep 1", "retry never", "keep 3", "keep 4", "keep 5"]);
    let run = Run::of(stub.endpoint());
    let told = run.path("told.ndjson");
    let target = format!("file:{}", told.display());
    let rules = ["--batch-size", "4", "--max-retry-attempts", "2"];
    let backfill = [&["--from", "trim-horizon", "--until", "now"], &rules[..]].concat();
    let (code, log) = run.end(STREAM_ARN, &[&backfill[..], &["--on-failure", &target]].concat());
    assert_eq!(code, Some(0), "{log}");
    // The good record behind the bad one goes with it, as at Lambda.
    assert_eq!(run.delivered(), ["keep 0", "keep 1", "keep 4", "keep 5"]);
    let told: Value = serde_json::from_str(&std::fs::read_to_string(told).expect("a description")).expect("JSON");
    let batch = &told["KinesisBatchInfo"];
    assert_eq!((&batch["startSequenceNumber"], &batch["batchSize"]), (&sequence_number(2).into(), &2.into()));
    assert_eq!(told["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(told["requestContext"]["approximateInvokeCount"], 3);
    let payload: Value = serde_json::from_str(told["payload"].as_str().expect("the records")).expect("JSON");
    assert_eq!(payload["Records"].as_array().map(Vec::len), Some(2));
    assert!(log.contains("given up          2"), "{log}");
    // With nowhere to tell it, that is no success.
    run.forget_delivered();
    assert_eq!(run.end(STREAM_ARN, &backfill).0, Some(3));
    assert_eq!(run.delivered().len(), 4);
}

#[test]
fn without_limits_a_poison_record_blocks_its_shard_and_is_named() {
    let stub = stream(&["keep 0", "retry the table is being rebuilt", "keep 2"]);
    let run = Run::of(stub.endpoint());
    let mut running = run.start(STREAM_ARN, &["--from", "trim-horizon"]);
    wait_until("it says what blocks the shard", || run.log().contains("blocked at"));
    assert!(run.log().contains("the table is being rebuilt"), "{}", run.log());
    running.interrupt();
    assert_eq!(running.end(), Some(3));
    assert_eq!(run.delivered(), ["keep 0"]);
    let log = run.log();
    assert!(log.contains(&format!("blocked at {}", sequence_number(1))), "{log}");
}

/// The finer tool: the one record goes, and no good one with it.
#[test]
fn attempts_of_the_function_itself_come_before_those_of_the_mapping() {
    let stub = stream(&["keep 0", "retry never", "keep 2"]);
    let run = Run::of(stub.endpoint());
    let dead = format!("file:{}", run.path("dead.ndjson").display());
    let arguments = ["--from", "trim-horizon", "--until", "now", "--max-attempts", "2", "--dead-letter", &dead];
    let (code, log) = run.end(STREAM_ARN, &arguments);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(run.delivered(), ["keep 0", "keep 2"]);
}

/// Seven attempts take some ten seconds, and a night has thousands.
#[test]
fn what_is_tried_again_and_again_is_logged_at_each_doubling() {
    let stub = stream(&["keep 0", "retry the table is being rebuilt"]);
    let run = Run::of(stub.endpoint());
    let mut running = run.start(STREAM_ARN, &["--from", "trim-horizon"]);
    let attempts = || {
        let log = run.log();
        let counts = log.split(" after ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse::<u32>().ok());
        counts.max().unwrap_or_default()
    };
    wait_until("it was tried seven times", || attempts() >= 7);
    running.interrupt();
    assert_eq!(running.end(), Some(3));
    let told = run.log().matches("stopped: the transform asks for it again").count();
    let doublings = (1..=attempts() + 4).filter(|attempt| attempt.is_power_of_two()).count();
    assert!((3..=doublings).contains(&told), "{told} lines: {}", run.log());
}

#[test]
fn a_run_without_patience_ends_and_says_what_it_did_not_wait_for() {
    let stub = stream(&["keep 0", "retry the table is being rebuilt"]);
    let run = Run::of(stub.endpoint());
    let (code, log) = run.end(STREAM_ARN, &["--from", "trim-horizon", "--patience", "5s"]);
    assert_eq!(code, Some(3), "{log}");
    let why = format!(
        "ended, since waiting is in vain: shardId-000000000000 is blocked at {} for longer than --patience 5s",
        sequence_number(1)
    );
    assert!(log.contains(&why), "{log}");
    assert_eq!(run.delivered(), ["keep 0"]);
}
