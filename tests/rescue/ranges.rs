//! Ranges that the stream holds in part, not at all, or otherwise than described.

use serde_json::{Value, json};

use super::stream::Shard;
use super::{NOWHERE, delivered, description, file_of, outcomes, rescue};
use crate::support::events::{SHARD_ID, sequence_number};
use crate::support::stderr;
use crate::support::stub::Stub;

/// What became of the descriptions, and which records were delivered.
fn rescued(stream: &Stub, descriptions: &[Value], arguments: &[&str]) -> (Vec<Value>, Vec<usize>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, out) = (file_of(folder.path(), descriptions), folder.path().join("out"));
    let mut command = rescue(NOWHERE, &stream.endpoint(), &from, "keep", &out);
    let output = command.arg("--json").args(arguments).output().expect("it runs");
    let outcomes = outcomes(&output);
    let is_good = outcomes.iter().all(|outcome| outcome["outcome"] == "rescued");
    assert_eq!(output.status.code(), Some(if is_good { 0 } else { 3 }), "{}", stderr(&output));
    (outcomes, delivered(&out))
}

fn said(outcome: &Value) -> String {
    let text = |field: &str| outcome[field].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}", text("outcome"), text("code"), text("reason"))
}

#[test]
fn what_expired_is_named_and_the_others_are_processed() {
    for refuses_gone in [false, true] {
        let stream = Shard { oldest: 3, refuses_gone, ..Shard::of(10) }.start();
        let descriptions = [description(1..=4, &[]), description(0..=2, &[]), description(5..=5, &[])];
        let (outcomes, delivered) = rescued(&stream, &descriptions, &[]);
        assert_eq!(delivered, [3, 4, 5]);
        let partly = said(&outcomes[0]);
        assert!(partly.starts_with("partlyLost K545 2 records are lost for good, from "), "{partly}");
        assert_eq!(
            outcomes[0]["lost"],
            json!({ "from": sequence_number(1), "before": sequence_number(3), "records": 2 })
        );
        assert!(said(&outcomes[1]).starts_with("lost K545 3 records are lost for good: "), "{}", said(&outcomes[1]));
        assert!(said(&outcomes[1]).contains("older than the stream's retention"), "{}", said(&outcomes[1]));
        assert_eq!(outcomes[2]["outcome"], "rescued");
    }
}

#[test]
fn a_description_that_lies_harms_no_other_one() {
    let stream = Shard::of(10).start();
    let other = "arn:aws:kinesis:eu-west-1:123456789012:stream/other";
    let lies: [(Value, &str); 8] = [
        (
            description(2..=4, &[("startSequenceNumber", sequence_number(5).into())]),
            "malformed K543 it is a description whose startSequenceNumber",
        ),
        (
            description(0..=1, &[("streamArn", other.into())]),
            "notRead K546 stream arn:aws:kinesis:eu-west-1:123456789012:stream/other not found",
        ),
        (
            description(0..=1, &[("shardId", "shardId-000000000009".into())]),
            "lost K545 2 records are lost for good: the stream has no shard",
        ),
        (description(0..=5, &[("batchSize", 3.into())]), "notProcessed K547 the range holds more than the 3 records"),
        (description(0..=1, &[("batchSize", 9.into())]), "notProcessed K547 the range holds 2 of the 9 records"),
        (description(0..=1, &[("batchSize", 9_000_000.into())]), "malformed K543"),
        (description(8..=20, &[]), "notProcessed K547 its endSequenceNumber"),
        (description(20..=21, &[]), "notRead K546 its startSequenceNumber is none of the shard's"),
    ];
    let mut descriptions: Vec<Value> = lies.iter().map(|(description, _)| description.clone()).collect();
    descriptions.push(description(6..=7, &[]));
    let (outcomes, delivered) = rescued(&stream, &descriptions, &[]);
    for ((_, expected), outcome) in lies.iter().zip(&outcomes) {
        assert!(said(outcome).starts_with(expected), "{expected}\n{outcome}");
    }
    assert_eq!((outcomes.len(), delivered), (9, vec![6, 7]));
}

#[test]
fn a_whole_range_is_processed_where_that_is_said() {
    let stream = Shard { page: 7, ..Shard::of(40) }.start();
    let descriptions = [description(3..=30, &[("batchSize", 2.into())]), description(31..=32, &[])];
    let (outcomes, delivered) = rescued(&stream, &descriptions, &["--whole-range"]);
    assert_eq!(delivered, (3..=32).collect::<Vec<_>>());
    assert_eq!((&outcomes[0]["outcome"], &outcomes[0]["records"]), (&"rescued".into(), &28.into()));
}

/// Such a record fits in no event of Lambda.
#[test]
fn a_record_of_ten_mebibytes_is_rescued() {
    let large = Shard { data: |_| vec![b'x'; (10 << 20) - 10], ..Shard::of(2) };
    let (outcomes, delivered) = rescued(&large.start(), &[description(0..=0, &[])], &[]);
    assert_eq!((&outcomes[0]["outcome"], delivered), (&"rescued".into(), vec![0]));
}

#[test]
fn what_a_stream_refuses_is_named_with_the_permission_and_asked_once() {
    let stream =
        Stub::start(|_, _| (400, r#"{"__type":"AccessDeniedException","message":"not authorized"}"#.to_owned()));
    let descriptions: Vec<Value> = (0..50).map(|index| description(index..=index, &[])).collect();
    let (outcomes, delivered) = rescued(&stream, &descriptions, &[]);
    assert_eq!((outcomes.len(), delivered), (50, vec![]));
    assert!(said(&outcomes[49]).contains("kinesis:GetShardIterator"), "{}", said(&outcomes[49]));
    assert_eq!(stream.operations(), ["GetShardIterator"]);
}

/// Pages without a record, iterators that expire, and an end that never comes.
#[test]
fn a_shard_that_answers_oddly_comes_to_an_end() {
    let full = Shard::of(4);
    let stream = Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let iterator = body["ShardIterator"].as_str().unwrap_or_default();
        let page = |records: Value, next: &str| {
            (200, json!({ "Records": records, "NextShardIterator": next, "MillisBehindLatest": 9000 }).to_string())
        };
        let record =
            |index: usize| json!({ "SequenceNumber": sequence_number(index), "PartitionKey": "k", "Data": "eA==" });
        match (operation, iterator, body["ShardIteratorType"].as_str()) {
            ("GetShardIterator", _, Some("AT_SEQUENCE_NUMBER")) => (200, r#"{"ShardIterator":"at"}"#.to_owned()),
            ("GetShardIterator", _, Some("AFTER_SEQUENCE_NUMBER")) => (200, r#"{"ShardIterator":"after"}"#.to_owned()),
            (_, "at", _) => page(json!([]), "first"),
            (_, "first", _) => page(json!([record(0)]), "expired"),
            (_, "expired", _) => (400, r#"{"__type":"ExpiredIteratorException","message":"old"}"#.to_owned()),
            (_, "after", _) => page(json!([record(1)]), "after"),
            _ => full.answer(operation, &body),
        }
    });
    let (outcomes, delivered) = rescued(&stream, &[description(0..=1, &[])], &[]);
    assert_eq!((&outcomes[0]["outcome"], delivered), (&"rescued".into(), vec![0, 1]), "{SHARD_ID}");
}
