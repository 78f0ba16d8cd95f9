//! Two runs on one checkpoint table: the second is told who is at work, and does not process everything again.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use kinesieve::checkpoint::UNTIL_GONE;
use serde_json::json;

use super::{Run, Running};
use crate::live::faults::page;
use crate::support::block_on;
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::positions::{Positions, STREAM, note, up_to};
use crate::support::process::wait_until;
use crate::support::stub::Stub;

const SHARD: &str = "shardId-000000000000";

/// A stream of one shard with ten records.
fn stream() -> Stub {
    Stub::start(|operation, body| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let answer = match operation {
            "ListShards" => json!({ "Shards": [{
                "ShardId": SHARD,
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
                "SequenceNumberRange": { "StartingSequenceNumber": sequence_number(0) },
            }] }),
            "GetShardIterator" => json!({ "ShardIterator": body["ShardIteratorType"] }),
            "GetRecords" if body["ShardIterator"] == "TRIM_HORIZON" => page(0..10, Some("end"), 0),
            _ => page(0..0, Some("end"), 0),
        };
        (200, answer.to_string())
    })
}

/// A run of its own folder over that stream, on that table.
fn run(stub: &Stub, positions: &Positions) -> Run {
    Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) }
}

fn arguments<'a>(positions: &'a Positions, more: &[&'a str]) -> Vec<&'a str> {
    let table = &positions.name;
    [&["--from", "checkpoint", "--to-checkpoint", "--checkpoint-table", table][..], more].concat()
}

/// Starts a run that has processed and committed what there is.
fn begun(run: &Run, positions: &Positions, more: &[&str]) -> Running {
    let running = run.start(STREAM_ARN, &arguments(positions, more));
    wait_until("the run has a row", || heartbeat_of(positions).is_some());
    running
}

/// Who is at work, as the row says it.
fn heartbeat_of(positions: &Positions) -> Option<String> {
    let row = block_on(positions.table().read(STREAM, SHARD)).expect("an answer")?;
    row.heartbeat.map(|heartbeat| heartbeat.run)
}

#[test]
fn the_second_is_refused_and_told_who_is_at_work() {
    let (stub, positions) = (stream(), Positions::new());
    let (first, second) = (run(&stub, &positions), run(&stub, &positions));
    let mut running = begun(&first, &positions, &[]);
    wait_until("the first delivers", || first.delivered().len() == 10);
    let name = heartbeat_of(&positions).expect("a run");
    assert!(name.contains(&format!("process {}", running.0.id())), "{name}");

    let (code, log) = second.end(STREAM_ARN, &arguments(&positions, &[]));
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&name) && log.contains("is at work on the shard"), "{log}");
    assert!(second.delivered().is_empty() && !running.has_ended());

    running.interrupt();
    assert_eq!(running.end(), Some(0));
    assert_eq!(heartbeat_of(&positions), None, "it has left");
    let row = block_on(positions.table().read(STREAM, SHARD)).expect("an answer").expect("a row");
    assert_eq!((row.written_by, row.position), (Some(name), Some(sequence_number(9))));
}

#[test]
fn a_forced_second_takes_over_and_the_first_ends() {
    let (stub, positions) = (stream(), Positions::new());
    let (first, second) = (run(&stub, &positions), run(&stub, &positions));
    // It has a batch to commit when the other one has come.
    let mut before = begun(&first, &positions, &["--batch-window", "20s", "--batch-size", "1000"]);
    let started = Instant::now();
    let mut after = begun(&second, &positions, &["--force"]);
    wait_until("the second delivers", || second.delivered().len() == 10);
    assert!(started.elapsed() < UNTIL_GONE, "it waited for nobody");
    assert_eq!(before.end(), Some(3));
    let log = first.log();
    assert!(log.contains("another consumer has taken shardId-000000000000 over"), "{log}");
    assert!(!after.has_ended());
}

#[test]
fn what_a_killed_run_left_is_taken_over_once_it_gives_no_sign_of_life() {
    let (stub, positions) = (stream(), Positions::new());
    let (first, second) = (run(&stub, &positions), run(&stub, &positions));
    let mut running = begun(&first, &positions, &[]);
    running.kill();
    let started = Instant::now();
    // On the same machine it is known at once that the process is gone.
    was_elsewhere(&positions);
    let mut running = second.start(STREAM_ARN, &arguments(&positions, &[]));
    let name = heartbeat_of(&positions);
    wait_until("the second is at work", || heartbeat_of(&positions) != name);
    assert!(started.elapsed() > UNTIL_GONE, "{:?}", started.elapsed());
    assert!(second.log().contains("was at work on these shards a short time ago"), "{}", second.log());
    running.interrupt();
    assert_eq!(running.end(), Some(0));
}

/// Lets the row be one of a run on another machine.
fn was_elsewhere(positions: &Positions) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let request = aws_sdk_dynamodb::Client::new(&positions.moto.config())
        .update_item()
        .table_name(&positions.name)
        .key("StreamID", text(STREAM))
        .key("ShardID", text(SHARD))
        .update_expression("SET RunBy = :run")
        .expression_attribute_values(":run", text("kinesieve run on elsewhere, process 1-abcdef-00000000"));
    block_on(request.send()).expect("it is written");
}

#[test]
fn rows_of_a_function_are_not_written_in_silence() {
    let (stub, positions) = (stream(), Positions::new());
    let row = kinesieve::checkpoint::ShardProgress {
        shard: kinesieve::event::Shard { stream_arn: STREAM_ARN.to_owned(), id: SHARD.to_owned() },
        ..up_to(&sequence_number(4))
    };
    note(&positions.checkpoint_writer(), row);
    let run = run(&stub, &positions);
    let (code, log) = run.end(STREAM_ARN, &arguments(&positions, &["--until", "now"]));
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("written by \"readings-function\": this run writes them from now on"), "{log}");
}
