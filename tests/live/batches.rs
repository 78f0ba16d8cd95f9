//! Bounds on batches and on what is in flight, over 100,000 records of a shard: nothing is lost, and order is kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kinesieve::event::Unpacking;
use kinesieve::processor::{Outputs, Processor};
use kinesieve::sink::{Delivery, DeliveryTiming, Output, Sink, SinkFuture, SinkResponse};
use kinesieve::source::BatchCheck;
use kinesieve::source::live::{
    Cancellation, EndCondition, Force, LiveSource, ReadMode, ReadOptions, ReadPlan, RunParts, ShardStatuses,
    StartPosition,
};
use kinesieve::source::mapping::{BatchLimits, MappingRules};
use kinesieve::transform::Limits;
use serde_json::{Value, json};

use crate::support::client::config;
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::stub::Stub;
use crate::support::{Scripted, block_on};

const RECORDS: usize = 100_000;
/// Of one read.
const PAGE: usize = 10_000;
const KEYS: usize = 16;

/// A payload of the record at an index, of 6 to 105 bytes; each thousandth has 3,000.
fn payload(index: usize) -> String {
    let length = if index % 1000 == 999 { 3000 } else { 6 + index * 37 % 100 };
    format!("keep {}", "x".repeat(length - 5))
}

/// A stream of one shard with so many records. With a gate, a page comes once so many are delivered as are before it.
fn stream(gate: Option<Arc<AtomicUsize>>) -> Stub {
    let record = |index: usize| {
        json!({
            "Data": base64_simd::STANDARD.encode_to_string(payload(index)),
            "PartitionKey": (index % KEYS).to_string(),
            "SequenceNumber": sequence_number(index),
            "ApproximateArrivalTimestamp": 1_795_194_000.0,
        })
    };
    Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let answer = match operation {
            "ListShards" => json!({ "Shards": [{
                "ShardId": "shardId-000000000000",
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
                "SequenceNumberRange": { "StartingSequenceNumber": sequence_number(0) },
            }] }),
            "GetShardIterator" => json!({ "ShardIterator": "0" }),
            _ => {
                let start: usize = body["ShardIterator"].as_str().and_then(|at| at.parse().ok()).unwrap_or_default();
                let is_open = gate.as_ref().is_none_or(|delivered| delivered.load(Ordering::Relaxed) >= start);
                let end = if is_open { (start + PAGE).min(RECORDS) } else { start };
                let records: Vec<Value> = (start..end).map(record).collect();
                json!({ "Records": records, "NextShardIterator": end.to_string(), "MillisBehindLatest": RECORDS - end })
            }
        };
        (200, answer.to_string())
    })
}

/// A target that sees whole batches, and refuses one now and then.
#[derive(Default)]
struct BatchWatch {
    seen: Mutex<Seen>,
    refuses_each: Option<usize>,
    pause: Duration,
    /// How many records are delivered, for the stream.
    gate: Option<Arc<AtomicUsize>>,
}

#[derive(Default)]
struct Seen {
    calls: usize,
    /// The records of each batch that was taken.
    batches: Vec<Vec<usize>>,
    /// Whether it is delivered.
    delivered: Vec<bool>,
    first_open: usize,
    /// From the first that is not delivered to the last that came, at most.
    most_in_flight: usize,
}

fn index_of(output: &Output<'_>) -> usize {
    let number = output.sequence_number.as_str();
    number[number.len() - 36..].parse().expect("an index")
}

impl Sink for BatchWatch {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(async move {
            let indices: Vec<usize> = outputs.iter().map(index_of).collect();
            let last = indices.iter().max().copied().unwrap_or_default();
            let is_refused = {
                let mut seen = self.seen.lock().expect("unpoisoned");
                seen.calls += 1;
                seen.most_in_flight = seen.most_in_flight.max(last + 1 - seen.first_open);
                self.refuses_each.is_some_and(|each| seen.calls.is_multiple_of(each))
            };
            tokio::time::sleep(self.pause).await;
            if is_refused {
                return SinkResponse::of_all(outputs.len(), Delivery::Failed { reason: "on purpose".into() });
            }
            let mut seen = self.seen.lock().expect("unpoisoned");
            seen.delivered.resize(RECORDS + 1, false);
            for index in &indices {
                assert!(!std::mem::replace(&mut seen.delivered[*index], true), "{index} came twice");
            }
            while seen.delivered[seen.first_open] {
                seen.first_open += 1;
            }
            if let Some(gate) = &self.gate {
                gate.fetch_add(indices.len(), Ordering::Relaxed);
            }
            seen.batches.push(indices);
            SinkResponse::of_all(outputs.len(), Delivery::Delivered)
        })
    }

    fn hand_over(&self) -> DeliveryTiming {
        DeliveryTiming::Gathered { bytes: usize::MAX }
    }
}

/// Reads all records with these limits, and answers with what the target saw.
fn run(limits: BatchLimits, lanes: u8, watch: BatchWatch) -> Seen {
    run_with(limits, None, lanes, watch)
}

fn run_with(limits: BatchLimits, check: Option<BatchCheck>, lanes: u8, watch: BatchWatch) -> Seen {
    let (stub, watch) = (stream(watch.gate.clone()), Arc::new(watch));
    let config = config(stub.endpoint());
    let plan = ReadPlan {
        places: vec![STREAM_ARN.parse().expect("a stream")],
        start: StartPosition::TrimHorizon,
        until: std::num::NonZeroU64::new(RECORDS as u64).map(EndCondition::Count),
        mode: ReadMode::Shared,
        read_options: ReadOptions { between_reads: Duration::ZERO, when_idle: Duration::ZERO, bytes_per_second: 1e12 },
        rules: MappingRules::default(),
        limits,
        check,
        lanes,
        tumbling_window: None,
        checkpoints: None,
        fleet: None,
        force: Force::No,
    };
    let sink: Arc<dyn Sink> = watch.clone();
    let processor = Processor::new(Scripted::new(Limits::default()).guests(), Outputs::new(sink, []), None);
    let (cancellation, statuses) = (Cancellation::default(), ShardStatuses::default());
    let parts = RunParts {
        processor: &processor,
        checkpoint_writer: None,
        on_failure: None,
        cancellation: &cancellation,
        statuses: &statuses,
    };
    block_on(async {
        let live = LiveSource::open_with(plan, std::slice::from_ref(&config)).await.expect("it opens");
        let ended = tokio::time::timeout(Duration::from_secs(240), live.run(parts)).await;
        ended.expect("nothing is waited for in vain").expect("it ends");
    });
    let done: u64 = statuses.views().iter().map(|shard| shard.counts.kept).sum();
    let seen = std::mem::take(&mut *watch.seen.lock().expect("unpoisoned"));
    assert_eq!(seen.first_open, RECORDS, "all are delivered: {done}");
    let mut last_of_key: BTreeMap<usize, usize> = BTreeMap::new();
    for index in seen.batches.iter().flatten() {
        let before = last_of_key.insert(index % KEYS, *index);
        assert!(before < Some(*index), "{index} came behind {before:?}");
    }
    seen
}

#[test]
fn batches_end_before_the_record_that_exceeds_their_bytes() {
    let limits = BatchLimits { records: 10_000, bytes: Some(2500), ..BatchLimits::default() };
    for lanes in [1, 4] {
        let seen = run(limits, lanes, BatchWatch { refuses_each: Some(300), ..BatchWatch::default() });
        let bytes = |batch: &[usize]| batch.iter().map(|index| payload(*index).len()).sum::<usize>();
        for batch in &seen.batches {
            assert!(batch.len() == 1 || bytes(batch) <= 2500, "{} bytes in {batch:?}", bytes(batch));
        }
        let alone = seen.batches.iter().filter(|batch| batch.len() == 1 && bytes(batch) == 3000).count();
        assert_eq!(alone, RECORDS / 1000, "a larger record is a batch by itself");
        // Not smaller than they have to be: about 45 records each.
        assert!(seen.batches.len() < RECORDS / 20, "{} batches", seen.batches.len());
    }
}

#[test]
fn no_more_of_a_shard_is_in_flight_than_may_be() {
    for (lanes, in_flight) in [(1, 700), (4, 700), (8, 2000)] {
        let limits = BatchLimits {
            records: 500,
            in_flight: Some(in_flight),
            // A lane that waited for it would take hours: more does not come.
            window: Duration::from_secs(300),
            ..BatchLimits::default()
        };
        let pause = Duration::from_millis(1);
        let seen = run(limits, lanes, BatchWatch { refuses_each: Some(400), pause, ..BatchWatch::default() });
        assert!(seen.most_in_flight <= in_flight, "{} with {lanes} lanes", seen.most_in_flight);
        assert!(seen.batches.iter().all(|batch| batch.len() <= 500));
        if lanes > 1 {
            assert!(seen.most_in_flight > 300, "lanes work side by side: {}", seen.most_in_flight);
        }
    }
}

fn check(expression: &str) -> BatchCheck {
    BatchCheck::new(expression.parse().expect("an expression"), Unpacking::default(), Duration::from_secs(1))
}

#[test]
fn batches_end_behind_the_record_of_which_the_check_is_true() {
    let is_last = |index: &usize| index % 1000 == 999;
    // A batch that is ended does not wait for more. With one lane the next page comes only once it is delivered.
    let limits = BatchLimits { records: 10_000, window: Duration::from_secs(300), ..BatchLimits::default() };
    for lanes in [1, 4] {
        let gate = (lanes == 1).then(Arc::default);
        let watch = BatchWatch { refuses_each: Some(30), gate, ..BatchWatch::default() };
        let seen = run_with(limits, Some(check("size == 3000")), lanes, watch);
        for batch in &seen.batches {
            let others = &batch[..batch.len() - 1];
            assert!(!others.iter().any(is_last), "it goes on behind one that ends it: {batch:?}");
        }
        if lanes == 1 {
            assert_eq!(seen.batches.len(), RECORDS / 1000);
        } else {
            // The batch of its lane, and no other. The last of a lane ends with the stream.
            let ended = seen.batches.iter().filter(|batch| batch.last().is_some_and(&is_last)).count();
            assert_eq!(ended, RECORDS / 1000);
        }
    }
}

#[test]
fn a_check_and_a_bound_end_batches_together() {
    let limits = BatchLimits { records: 300, bytes: Some(20_000), ..BatchLimits::default() };
    let seen = run_with(limits, Some(check("sequence_number.endsWith('0')")), 2, BatchWatch::default());
    let is_last = |index: &usize| sequence_number(*index).ends_with('0');
    let bytes = |batch: &[usize]| batch.iter().map(|index| payload(*index).len()).sum::<usize>();
    for batch in &seen.batches {
        assert!(batch.len() <= 300 && bytes(batch) <= 20_000);
        assert!(!batch[..batch.len() - 1].iter().any(is_last), "{batch:?}");
    }
}

#[test]
fn what_a_check_can_not_judge_ends_no_batch() {
    let check = check("json.end");
    let limits = BatchLimits { records: 500, ..BatchLimits::default() };
    let seen = run_with(limits, Some(check.clone()), 1, BatchWatch { refuses_each: Some(20), ..BatchWatch::default() });
    assert_eq!(seen.batches.len(), RECORDS / 500, "as without it");
    assert_eq!(check.unclear(), RECORDS as u64, "each is judged once, however often its batch comes");
}
