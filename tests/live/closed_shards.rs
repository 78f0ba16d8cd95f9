//! Closed shards, which end with an empty page as AWS answers it: at a stub, since emulators end them with their last record.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kinesieve::checkpoint::{Acknowledged, ShardProgress};
use kinesieve::event::Shard;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Run;
use super::faults::page;
use crate::support::block_on;
use crate::support::events::{STREAM_ARN, arrived_at, sequence_number};
use crate::support::positions::{Positions, note};
use crate::support::process::wait_until;
use crate::support::stub::Stub;

/// A shard with the records of a range, and the shards that it came from by their places in the list.
#[derive(Clone)]
pub struct Part {
    parents: &'static [usize],
    records: std::ops::Range<usize>,
    is_closed: bool,
}

pub fn closed(parents: &'static [usize], records: std::ops::Range<usize>) -> Part {
    Part { parents, records, is_closed: true }
}

pub fn open(parents: &'static [usize], records: std::ops::Range<usize>) -> Part {
    Part { parents, records, is_closed: false }
}

fn shard_id(index: usize) -> String {
    format!("shardId-{index:012}")
}

/// A stream that answers as AWS does: each page but the last has an iterator, also the one with the last record of a closed
/// shard. The page behind that is empty, up to date, and has none.
pub fn stream(parts: Vec<Part>) -> Stub {
    counting_stream(parts, Arc::default())
}

/// Counts how often its shards are listed.
fn counting_stream(parts: Vec<Part>, listings: Arc<AtomicUsize>) -> Stub {
    Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let answer = match operation {
            "ListShards" => {
                listings.fetch_add(1, Ordering::Relaxed);
                json!({ "Shards": parts.iter().enumerate().map(listed).collect::<Vec<_>>() })
            }
            "GetShardIterator" => {
                let index: usize = body["ShardId"].as_str().expect("a shard")[8..].parse().expect("a number");
                json!({ "ShardIterator": format!("{index} {}", start(&parts[index].records, &body)) })
            }
            "GetRecords" => {
                let iterator = body["ShardIterator"].as_str().expect("an iterator");
                let (index, from) = iterator.split_once(' ').expect("two numbers");
                let part = &parts[index.parse::<usize>().expect("a shard")];
                let from: usize = from.parse().expect("a record");
                let limit = body["Limit"].as_u64().map_or(7, |limit| limit.min(7)) as usize;
                let until = (from + limit).min(part.records.end.max(from));
                let is_over = part.is_closed && from == until;
                let behind = if until == part.records.end || is_over { 0 } else { 1000 };
                page(from..until, (!is_over).then(|| format!("{index} {until}")).as_deref(), behind)
            }
            _ => return (400, json!({ "__type": "UnknownOperationException" }).to_string()),
        };
        (200, answer.to_string())
    })
}

fn listed((index, part): (usize, &Part)) -> Value {
    let range = |number: usize| sequence_number(number);
    let mut shard = json!({
        "ShardId": shard_id(index),
        "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
        "SequenceNumberRange": { "StartingSequenceNumber": range(part.records.start) },
    });
    if part.is_closed {
        shard["SequenceNumberRange"]["EndingSequenceNumber"] = range(part.records.end).into();
    }
    for (parent, name) in part.parents.iter().zip(["ParentShardId", "AdjacentParentShardId"]) {
        shard[name] = shard_id(*parent).into();
    }
    shard
}

/// The record that an iterator starts at.
fn start(records: &std::ops::Range<usize>, body: &Value) -> usize {
    let number = || body["StartingSequenceNumber"].as_str().expect("a number").to_owned();
    let place = |number: &str| records.clone().find(|index| sequence_number(*index) == number).expect("one of ours");
    match body["ShardIteratorType"].as_str().expect("a type") {
        "TRIM_HORIZON" => records.start,
        "AT_SEQUENCE_NUMBER" => place(&number()),
        "AFTER_SEQUENCE_NUMBER" => place(&number()) + 1,
        "AT_TIMESTAMP" => {
            let time = (body["Timestamp"].as_f64().expect("a time") * 1000.0).round() as u64;
            records.clone().find(|index| arrived_at(*index) >= time).unwrap_or(records.end)
        }
        _ => records.end,
    }
}

/// The numbers of the records that were delivered, sorted.
fn delivered(run: &Run) -> Vec<usize> {
    let number = |data: &String| data.trim_start_matches("keep ").parse().expect("a number");
    let mut numbers: Vec<usize> = run.delivered().iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

fn arrival(index: usize) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(arrived_at(index)) * 1_000_000).expect("a time");
    time.format(&Rfc3339).expect("RFC 3339")
}

#[test]
fn children_are_read_whatever_their_parents_end_with() {
    for parts in [
        // A parent that held nothing, or whose records expired; one with records.
        vec![closed(&[], 0..0), open(&[0], 0..40)],
        vec![closed(&[], 0..30), open(&[0], 30..60)],
        // A split, a split of a child, and a merge of what came of both.
        vec![
            closed(&[], 0..10),
            closed(&[0], 10..14),
            open(&[0], 14..20),
            closed(&[1], 20..20),
            closed(&[1], 20..33),
            open(&[3, 4], 33..50),
        ],
        // A chain of which all but the last are empty.
        vec![closed(&[], 0..0), closed(&[0], 0..0), closed(&[1], 0..0), open(&[2], 0..9)],
    ] {
        let total = parts.iter().map(|part| part.records.len()).sum::<usize>();
        let shards = parts.len();
        let stub = stream(parts);
        for until in ["now".to_owned(), format!("at-timestamp={}", arrival(total))] {
            let run = Run::of(stub.endpoint());
            let (code, log) = run.end(STREAM_ARN, &["--from", "trim-horizon", "--until", &until]);
            assert_eq!((code, delivered(&run)), (Some(0), (0..total).collect()), "{log}");
            assert_eq!(log.matches("readings shardId-").count(), shards, "each shard is named: {log}");
        }
    }
}

/// Where a year of resharding is kept, a question for each closed shard would be thousands, each for all shards.
#[test]
fn shards_that_were_closed_at_the_start_are_listed_once() {
    let listings = Arc::<AtomicUsize>::default();
    let chain = vec![closed(&[], 0..0), closed(&[0], 0..0), closed(&[1], 0..0), open(&[2], 0..9)];
    let stub = counting_stream(chain, Arc::clone(&listings));
    let run = Run::of(stub.endpoint());
    let (code, log) = run.end(STREAM_ARN, &["--from", "trim-horizon", "--until", "now"]);
    assert_eq!((code, delivered(&run).len()), (Some(0), 9), "{log}");
    assert_eq!(listings.load(Ordering::Relaxed), 1);
}

#[test]
fn a_start_behind_the_last_record_of_a_parent_goes_on_in_its_children() {
    let stub = stream(vec![closed(&[], 0..30), open(&[0], 30..60)]);
    let run = Run::of(stub.endpoint());
    let from = format!("at-timestamp={}", arrival(30));
    let (code, log) = run.end(STREAM_ARN, &["--from", &from, "--until", "now"]);
    assert_eq!((code, delivered(&run)), (Some(0), (30..60).collect()), "{log}");
}

/// As a schedule would run it, again and again.
#[test]
fn a_run_from_the_checkpoint_goes_on_over_a_split() {
    let stub = stream(vec![closed(&[], 0..30), open(&[0], 30..60)]);
    let positions = Positions::new();
    let checkpoint_writer = positions.checkpoint_writer();
    let progress = ShardProgress {
        shard: Shard { stream_arn: STREAM_ARN.to_owned(), id: shard_id(0) },
        acknowledged: Some(Acknowledged { sequence_number: sequence_number(29), arrived_at: arrived_at(29) }),
        stuck: None,
    };
    note(&checkpoint_writer, progress);
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let table = ["--from", "checkpoint", "--to-checkpoint", "--checkpoint-table", &positions.name, "--until", "now"];
    let (code, log) = run.end(STREAM_ARN, &table);
    assert_eq!((code, delivered(&run)), (Some(0), (30..60).collect()), "{log}");
    let row = block_on(positions.table().read("readings", &shard_id(1))).expect("an answer").expect("a row");
    assert_eq!(row.position, Some(sequence_number(59)));
    // Nothing is left for the next one.
    run.forget_delivered();
    let (code, log) = run.end(STREAM_ARN, &table);
    assert_eq!((code, delivered(&run)), (Some(0), Vec::new()), "{log}");
}

/// What has a row goes on, what came of it as well, and only what nobody has read starts where that is said.
#[test]
fn a_shard_without_a_row_starts_where_that_is_said() {
    // Two shards that were split into one each, of which the first was read up to its 25th record, and one by itself.
    let stub = stream(vec![
        closed(&[], 0..30),
        closed(&[], 30..60),
        open(&[0], 60..70),
        open(&[1], 70..80),
        open(&[], 80..90),
    ]);
    let positions = Positions::new();
    let progress = ShardProgress {
        shard: Shard { stream_arn: STREAM_ARN.to_owned(), id: shard_id(0) },
        acknowledged: Some(Acknowledged { sequence_number: sequence_number(24), arrived_at: arrived_at(24) }),
        stuck: None,
    };
    note(&positions.checkpoint_writer(), progress);
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let read = |arguments: &[&str]| {
        run.forget_delivered();
        let (code, log) = run.end(STREAM_ARN, &[&["--until", "now"], arguments].concat());
        assert_eq!(code, Some(0), "{log}");
        delivered(&run)
    };
    let table = ["--checkpoint-table", &positions.name];
    let of_the_row = || (25..30).chain(60..70);
    let all: Vec<usize> = (25..90).collect();
    assert_eq!(read(&[&["--from", "checkpoint"], &table[..]].concat()), all);
    assert_eq!(read(&table), all, "who names a table means its positions");
    assert_eq!(read(&[&table[..], &["--or", "latest"]].concat()), of_the_row().collect::<Vec<_>>());
    let after_a_time: Vec<usize> = of_the_row().chain(75..90).collect();
    assert_eq!(read(&[&table[..], &["--or", &arrival(75)]].concat()), after_a_time);
    // Without a table no shard has a row.
    assert_eq!(read(&["--or", "AT_TIMESTAMP=2018-12-17T22:10:52.027Z"]), (80..90).collect::<Vec<_>>());
    assert_eq!(read(&["--or", "TRIM_HORIZON"]), (0..90).collect::<Vec<_>>());
}

/// The parent itself is no longer listed, and its row says that it was read.
#[test]
fn what_came_of_a_shard_that_expired_goes_on_as_well() {
    let stub = stream(vec![closed(&[7], 0..10), open(&[8], 10..20)]);
    let positions = Positions::new();
    let progress = ShardProgress {
        shard: Shard { stream_arn: STREAM_ARN.to_owned(), id: shard_id(7) },
        acknowledged: Some(Acknowledged { sequence_number: sequence_number(0), arrived_at: arrived_at(0) }),
        stuck: None,
    };
    note(&positions.checkpoint_writer(), progress);
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let table = ["--checkpoint-table", &positions.name, "--or", "latest", "--until", "now"];
    let (code, log) = run.end(STREAM_ARN, &table);
    assert_eq!((code, delivered(&run)), (Some(0), (0..10).collect()), "{log}");
}

#[test]
fn what_is_later_than_the_end_is_named_and_not_read() {
    let stub = stream(vec![closed(&[], 0..30), open(&[0], 30..60)]);
    let run = Run::of(stub.endpoint());
    let until = format!("at-timestamp={}", arrival(19));
    let (code, log) = run.end(STREAM_ARN, &["--from", "trim-horizon", "--until", &until]);
    assert_eq!((code, delivered(&run)), (Some(0), (0..20).collect()), "{log}");
    assert!(log.contains(&format!("{}: not begun, all of it is later than --until says", shard_id(1))), "{log}");
}

#[test]
fn a_shard_that_was_not_read_is_named_and_the_run_fails() {
    let stub = stream(vec![closed(&[], 0..30), open(&[0], 30..60)]);
    let run = Run::of(stub.endpoint());
    // At two records a second, the parent takes a while.
    let arguments = ["--from", "trim-horizon", "--until", "now", "--max-records-per-shard-per-second", "2"];
    let mut running = run.start(STREAM_ARN, &[&arguments[..], &["--batch-size", "1"]].concat());
    wait_until("some is delivered", || !run.delivered().is_empty());
    running.interrupt();
    assert_eq!(running.end(), Some(3), "{}", run.log());
    let log = run.log();
    assert!(log.contains(&format!("{}: stopped, acknowledged up to", shard_id(0))), "{log}");
    assert!(log.contains(&format!("{}: NOT read: a shard that it came from", shard_id(1))), "{log}");
}
