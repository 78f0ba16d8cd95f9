//! What a record costs on its way, in nanoseconds a record: `make bench`.
//!
//! Each measurement runs over a whole batch and is divided by its records, so that the times that are
//! printed are times a record.

mod answering;
mod checkpoint;
mod delivery;
mod live;
mod payloads;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lambda_events::kinesis::KinesisEvent;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use kinesieve::event::{Batch, parse_lambda_event};
use kinesieve::lambda::handle;
use kinesieve::processor::{Outputs, Processor};
use kinesieve::settings::{Compression, Order, Target};
use kinesieve::sink::{self, LineContent, Sink, SinkOptions};
use kinesieve::transform::{Grouping, Job, Limits, LogBudget, RecordPool, Transform, UpToRetry, Verdict};

/// An event of Lambda's largest size, 6 MB of JSON, of readings with 89 bytes of payload each.
fn full_event() -> Vec<u8> {
    event_of(9_000)
}

fn event_of(records: usize) -> Vec<u8> {
    let records: Vec<serde_json::Value> = (0..records).map(record).collect();
    serde_json::json!({ "Records": records }).to_string().into_bytes()
}

/// An event of records with these payloads.
fn event_with(payloads: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let records: Vec<serde_json::Value> = payloads
        .enumerate()
        .map(|(index, payload)| {
            let mut record = record(index);
            record["kinesis"]["data"] = base64_simd::STANDARD.encode_to_string(payload).into();
            record
        })
        .collect();
    serde_json::json!({ "Records": records }).to_string().into_bytes()
}

/// A reading: every fourth is colder than the threshold of the rewriting transform.
fn record(index: usize) -> serde_json::Value {
    let temperature = if index.is_multiple_of(4) { 4 } else { 21 };
    let mut payload = format!(
        r#"{{"device":"sensor-{:04}","temperature":{temperature}.5,"operator":"ines.duarte","seq":{index}"#,
        index % 1000
    );
    payload.push_str(&format!(r#","pad":"{}"}}"#, "x".repeat(89_usize.saturating_sub(payload.len() + 10))));
    let sequence_number = format!("49590338271490256608{index:036}");
    serde_json::json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": format!("sensor-{:04}", index % 1000),
            "sequenceNumber": sequence_number,
            "data": base64_simd::STANDARD.encode_to_string(payload),
            "approximateArrivalTimestamp": 1_545_084_650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000006:{sequence_number}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/readings-function",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/readings",
    })
}

/// Measures work on a batch, and reports the time for each of its records.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, records: usize, mut work: impl FnMut()) {
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let started = Instant::now();
            for _ in 0..iterations {
                work();
            }
            started.elapsed() / records
        });
    });
}

fn parsing(criterion: &mut Criterion) {
    let event = full_event();
    let records = parse_lambda_event(&event).expect("an event").len();
    let mut group = criterion.benchmark_group("parse");
    measure(&mut group, "kinesieve", records, || {
        black_box(parse_lambda_event(black_box(&event)).expect("an event"));
    });
    measure(&mut group, "aws_lambda_events", records, || {
        black_box(serde_json::from_slice::<KinesisEvent>(black_box(&event)).expect("an event"));
    });
    group.finish();
}

fn guests(name: &str, settings: &[(&str, &str)], workers: usize) -> RecordPool {
    let folder = std::env::var_os("TEST_GUESTS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("transforms/target/wasm32-wasip2/release"),
        PathBuf::from,
    );
    let transform = Transform::load(&folder.join(name).with_extension("wasm")).expect("`make guests` builds it");
    let settings: Vec<(String, String)> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let workers = NonZeroUsize::new(workers).expect("a worker");
    RecordPool::start(&transform, Limits::default(), &settings, workers).expect("it starts")
}

/// Parse the JSON, drop below a threshold, remove a field, write it anew.
const REWRITE: [(&str, &str); 3] = [("drop_field", "temperature"), ("drop_below", "10"), ("remove", "operator")];

/// The guest with all that it takes to call it: the thread, the clock, the hand-over of verdicts.
fn calls(criterion: &mut Criterion) {
    let runtime = runtime();
    let batch = Arc::new(parse_lambda_event(&full_event()).expect("an event"));
    let mut group = criterion.benchmark_group("guest");
    for (name, guests) in [("keep", guests("keep", &[], 1)), ("rewrite", guests("drop_and_redact", &REWRITE, 1))] {
        measure(&mut group, name, batch.len(), || runtime.block_on(run(&guests, &batch)));
    }
    group.finish();
}

async fn run(guests: &RecordPool, batch: &Arc<Batch>) {
    let job = Job {
        batch: Arc::clone(batch),
        first: 0,
        flow_controls: vec![Box::new(UpToRetry)],
        grouping: Grouping::Promptly,
        time: None,
        log: LogBudget::of(batch),
    };
    let mut run = guests.lend(1).run(job);
    let mut verdicts = 0;
    while let Some(chunk) = run.next().await {
        let chunk = black_box(chunk);
        assert!(!matches!(chunk.verdicts[0], Verdict::Reject(_) | Verdict::Fault(_)), "the guest does not do its work");
        verdicts += chunk.verdicts.len();
    }
    assert_eq!(verdicts, batch.len());
}

/// From the invocation's bytes to the response, with `none` as output.
fn handler(criterion: &mut Criterion) {
    let runtime = runtime();
    let event = full_event();
    let records = parse_lambda_event(&event).expect("an event").len();
    let mut group = criterion.benchmark_group("handler");
    let mut handling = |name: &str, guests: RecordPool, event: &[u8], records: usize| {
        let processor = Processor::new(guests, Outputs::new(nowhere(&runtime), []), None);
        measure(&mut group, name, records, || {
            let handled = runtime.block_on(handle(&processor, black_box(event), None)).expect("an answer");
            assert!(black_box(handled.response()).batch_item_failures.is_empty());
        });
    };
    handling("keep", guests("keep", &[], 1), &event, records);
    handling("rewrite", guests("drop_and_redact", &REWRITE, 1), &event, records);
    // How the cost of a record grows with the batch, and with the record: a nanosecond a byte is 1 GB/s.
    for records in [1_000, 10_000] {
        handling(&format!("keep, of {records} records"), guests("keep", &[], 1), &event_of(records), records);
    }
    let large = event_with((0..4).map(|_| vec![b'x'; 1_000_000]));
    handling("keep, of 1 MB, a byte", guests("keep", &[], 1), &large, 4 * 1_000_000);
    group.finish();
}

fn nowhere(runtime: &tokio::runtime::Runtime) -> Arc<dyn Sink> {
    let options = SinkOptions { lines: LineContent::Envelopes, order: Order::Key, compression: Compression::None };
    runtime.block_on(sink::open(&Target::None, options)).expect("nowhere is always open")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn settings() -> Criterion {
    Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3))
}

criterion_group!(name = costs; config = settings(); targets = parsing, calls, handler, delivery::delivery, checkpoint::checkpoint, live::live, payloads::incoming, payloads::outgoing);
criterion_main!(costs);
