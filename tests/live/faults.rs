//! Streams that throttle, fail and forget: at stubs, since no emulator does that on purpose.

use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use serde_json::{Value, json};

use super::Run;
use crate::support::events::{STREAM_ARN, arrived_at, sequence_number};
use crate::support::services::{Faults, Service, Stub as Kinesis};
use crate::support::stub::Stub;
use crate::support::{block_on, error_line};

#[test]
fn throttling_errors_and_lost_connections_lose_nothing_and_repeat_nothing() {
    const COUNT: usize = 2500;

    for seed in 0..2 {
        let stub = Kinesis::start(Service::Kinesis, Faults::default(), seed);
        for start in (0..COUNT).step_by(500) {
            let entry = |index: usize| {
                let entry =
                    PutRecordsRequestEntry::builder().partition_key("key").data(Blob::new(format!("keep {index}")));
                entry.build().expect("a record")
            };
            let request = Client::new(&stub.config_with(Duration::from_secs(20))).put_records().stream_name("readings");
            let request = request.set_records(Some((start..start + 500).map(entry).collect()));
            block_on(request.send()).expect("they are put");
        }
        stub.set_faults(Faults {
            refused_request: 0.2,
            dropped_before: 0.05,
            dropped_after: 0.05,
            slow: 0.2,
            ..Faults::default()
        });
        let run = Run::of(stub.endpoint());
        let arguments = ["--from", "trim-horizon", "--until", "now", "--batch-size", "300"];
        let (code, log) = run.end(STREAM_ARN, &arguments);
        assert_eq!(code, Some(0), "{log}");
        assert_eq!(run.delivered(), (0..COUNT).map(|index| format!("keep {index}")).collect::<Vec<_>>());
    }
}

/// A stream of one shard with ten records that answers reads as a test says.
pub fn stream(read: impl Fn(&Value, usize) -> Result<Value, &'static str> + Send + Sync + 'static) -> Stub {
    let reads = Mutex::new(0);
    Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let answer = match operation {
            "ListShards" => Ok(json!({ "Shards": [{
                "ShardId": "shardId-000000000000",
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
                "SequenceNumberRange": { "StartingSequenceNumber": sequence_number(0) },
            }] })),
            // The iterator says where it came from.
            "GetShardIterator" => Ok(json!({ "ShardIterator": format!(
                "{} {}",
                body["ShardIteratorType"].as_str().unwrap_or_default(),
                body["StartingSequenceNumber"].as_str().unwrap_or_default()
            ) })),
            "GetRecords" => {
                let mut reads = reads.lock().expect("unpoisoned");
                *reads += 1;
                read(&body, *reads)
            }
            _ => Err("UnknownOperationException"),
        };
        match answer {
            Ok(answer) => (200, answer.to_string()),
            Err(code) => (400, json!({ "__type": code, "message": "on purpose" }).to_string()),
        }
    })
}

pub fn page(records: std::ops::Range<usize>, next: Option<&str>, behind: u64) -> Value {
    let record = |index: usize| {
        json!({
            "SequenceNumber": sequence_number(index),
            "ApproximateArrivalTimestamp": arrived_at(index) as f64 / 1000.0,
            "Data": base64_simd::STANDARD.encode_to_string(format!("keep {index}")),
            "PartitionKey": "key",
        })
    };
    json!({
        "Records": records.map(record).collect::<Vec<_>>(),
        "NextShardIterator": next,
        "MillisBehindLatest": behind,
    })
}

#[test]
fn an_expired_iterator_is_renewed_behind_what_was_read() {
    let renewed = format!("AFTER_SEQUENCE_NUMBER {}", sequence_number(3));
    let stub = stream(move |body, _| match body["ShardIterator"].as_str().unwrap_or_default() {
        "TRIM_HORIZON " => Ok(page(0..4, Some("expired"), 1000)),
        "LATEST " => Ok(page(0..0, Some("end"), 0)),
        "expired" => Err("ExpiredIteratorException"),
        iterator if iterator == renewed => Ok(page(4..6, Some("end"), 0)),
        _ => Ok(page(0..0, Some("end"), 0)),
    });
    let run = Run::of(stub.endpoint());
    let (code, log) = run.end(STREAM_ARN, &["--from", "trim-horizon", "--until", "now"]);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(run.delivered(), (0..6).map(|index| format!("keep {index}")).collect::<Vec<_>>());
}

/// The service itself goes on at its oldest record, and says nothing.
#[test]
fn a_position_that_is_trimmed_is_refused_unless_forced() {
    let stub = stream(|body, _| match body["ShardIterator"].as_str().unwrap_or_default() {
        "end" | "LATEST " => Ok(page(0..0, Some("end"), 0)),
        _ => Ok(page(7..10, Some("end"), 0)),
    });
    let run = Run::of(stub.endpoint());
    for start in ["at", "after"] {
        let from = format!("{start}-sequence-number={}", sequence_number(2));
        let (code, log) = run.end(STREAM_ARN, &["--from", &from, "--until", "now"]);
        assert_eq!((code, run.delivered().len()), (Some(1), 0), "{log}");
        let log = error_line(&log);
        assert!(log.contains(&sequence_number(2)) && log.contains(&sequence_number(7)), "{log}");
        assert!(log.contains("--from trim-horizon") && log.contains("--force"), "{log}");
    }
    let from = format!("after-sequence-number={}", sequence_number(2));
    let (code, log) = run.end(STREAM_ARN, &["--from", &from, "--until", "now", "--force"]);
    assert_eq!((code, run.delivered().len()), (Some(0), 3), "{log}");
}

#[test]
fn a_permission_that_lacks_is_named_with_its_statement_before_a_record_moves() {
    let stub = stream(|_, _| Err("AccessDeniedException"));
    let run = Run::of(stub.endpoint());
    let (code, log) = run.end(STREAM_ARN, &["--from", "trim-horizon"]);
    assert_eq!((code, run.delivered().len()), (Some(1), 0), "{log}");
    let log = error_line(&log);
    assert!(log.contains("kinesis:GetRecords is not allowed"), "{log}");
    let statement = log.split_once("IAM statement ").expect("a statement").1.trim();
    let statement: Value = serde_json::from_str(statement).expect("JSON");
    assert_eq!((&statement["Effect"], &statement["Resource"]), (&"Allow".into(), &STREAM_ARN.into()));
    let actions = statement["Action"].as_array().expect("actions");
    for action in ["kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"] {
        assert!(actions.contains(&action.into()), "{actions:?}");
    }
}

/// What was read before is done with, and it is said where.
#[test]
fn a_stream_that_goes_away_ends_the_run_in_order() {
    let stub = stream(|body, _| match body["ShardIterator"].as_str().unwrap_or_default() {
        "gone" => Err("ResourceNotFoundException"),
        "LATEST " => Ok(page(0..0, Some("end"), 0)),
        _ => Ok(page(0..4, Some("gone"), 1000)),
    });
    let run = Run::of(stub.endpoint());
    let (code, log) = run.end(STREAM_ARN, &["--from", "trim-horizon"]);
    assert_eq!(code, Some(1));
    assert!(log.contains("not found") && log.contains("4 records"), "{log}");
    assert_eq!(run.delivered().len(), 4);
}

/// Others read too much: that is no reason not to begin, since it says that reading is allowed.
#[test]
fn throttled_reads_before_the_start_do_not_end_a_run() {
    let stub = stream(|body, _| match body["ShardIterator"].as_str().unwrap_or_default() {
        "LATEST " => Err("ProvisionedThroughputExceededException"),
        "TRIM_HORIZON " => Ok(page(0..10, Some("end"), 0)),
        _ => Ok(page(0..0, Some("end"), 0)),
    });
    let run = Run::of(stub.endpoint());
    let (code, log) = run.end(STREAM_ARN, &["--from", "trim-horizon", "--until", "now"]);
    assert_eq!((code, run.delivered().len()), (Some(0), 10), "{log}");
}
