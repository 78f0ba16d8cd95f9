//! How fast streams are read, batched, processed and acknowledged, from a service that does nothing but serve
//! records, and as fast as they are asked for: of one shard and of sixteen. The memory that it takes is printed.

use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::time::Duration;

use criterion::Criterion;
use kinesieve::processor::{Outputs, Processor};
use kinesieve::source::live::{
    Cancellation, EndCondition, Force, LiveSource, ReadMode, ReadOptions, ReadPlan, RunParts, ShardStatuses,
    StartPosition, StreamPlace,
};
use kinesieve::source::mapping::{BatchLimits, MappingRules};

use crate::answering::answering;
use crate::{guests, measure, nowhere, runtime};

/// Of one run.
const RECORDS: u64 = 400_000;

/// Of one read: with 100 bytes each, about as much as a shard gives in a second.
const PAGE: usize = 10_000;

/// The time of a record, all shards together.
pub fn live(criterion: &mut Criterion) {
    let runtime = runtime();
    let config = answering(answer);
    let mut group = criterion.benchmark_group("live");
    group.sample_size(10);
    for shards in [1, 16] {
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(shards);
        let processor = Processor::new(guests("keep", &[], workers), Outputs::new(nowhere(&runtime), []), None);
        forget_peak();
        measure(&mut group, &format!("{shards} shards, keep"), RECORDS as usize, || {
            let (cancellation, statuses) = (Cancellation::default(), ShardStatuses::default());
            let parts = RunParts {
                processor: &processor,
                checkpoint_writer: None,
                on_failure: None,
                cancellation: &cancellation,
                statuses: &statuses,
            };
            runtime.block_on(async {
                let live = LiveSource::open_with(plan(shards), std::slice::from_ref(&config)).await.expect("it opens");
                live.run(parts).await.expect("it ends");
            });
            let done: u64 = statuses.views().iter().map(|shard| shard.counts.kept).sum();
            assert_eq!(done, RECORDS);
        });
        eprintln!("live/{shards} shards: {} MB of memory at most, the service's included", peak_megabytes());
    }
    group.finish();
}

fn plan(shards: usize) -> ReadPlan {
    let place: StreamPlace =
        format!("arn:aws:kinesis:eu-west-1:123456789012:stream/shards-{shards}").parse().expect("a stream");
    ReadPlan {
        places: vec![place],
        start: StartPosition::TrimHorizon,
        until: NonZeroU64::new(RECORDS).map(EndCondition::Count),
        mode: ReadMode::Shared,
        read_options: ReadOptions { between_reads: Duration::ZERO, when_idle: Duration::ZERO, bytes_per_second: 1e12 },
        rules: MappingRules::default(),
        limits: BatchLimits { records: 10_000, ..BatchLimits::default() },
        check: None,
        lanes: 1,
        tumbling_window: None,
        checkpoints: None,
        fleet: None,
        force: Force::No,
    }
}

/// What a stream answers that always has more. The name of the stream says how many shards it has.
fn answer(request: &str) -> String {
    static RECORDS: LazyLock<String> = LazyLock::new(page);

    let request: serde_json::Value = serde_json::from_str(request).expect("a request");
    if request["ShardIterator"].is_string() {
        return RECORDS.clone();
    }
    if request["ShardIteratorType"].is_string() {
        return r#"{"ShardIterator":"next"}"#.to_owned();
    }
    let arn = request["StreamARN"].as_str().unwrap_or_default();
    let shards = arn.rsplit_once('-').and_then(|(_, count)| count.parse::<usize>().ok()).unwrap_or(1);
    let shard = |index: usize| {
        serde_json::json!({
            "ShardId": format!("shardId-{index:012}"),
            "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
            "SequenceNumberRange": { "StartingSequenceNumber": "0" },
        })
    };
    serde_json::json!({ "Shards": (0..shards).map(shard).collect::<Vec<_>>() }).to_string()
}

fn page() -> String {
    let record = |index: usize| {
        serde_json::json!({
            "SequenceNumber": format!("49590338271490256608{index:036}"),
            "ApproximateArrivalTimestamp": 1_545_084_650.987,
            "Data": base64_simd::STANDARD.encode_to_string([b'x'; 100]),
            "PartitionKey": format!("sensor-{:04}", index % 1000),
        })
    };
    let records: Vec<serde_json::Value> = (0..PAGE).map(record).collect();
    serde_json::json!({ "Records": records, "NextShardIterator": "next", "MillisBehindLatest": 1000 }).to_string()
}

/// From here on, the peak is a new one.
fn forget_peak() {
    // Where there is no /proc, the figure is missing below.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1000
}
