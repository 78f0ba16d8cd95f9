//! A Kinesis stream as a target, under every fault that the service can show.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinesieve::event::parse_lambda_event;
use kinesieve::processor::{Cause, Deadline};
use kinesieve::settings::Order;
use kinesieve::sink::Kinesis;
use kinesieve::transform::Limits;

use crate::support::events::{event, event_of, record, sequence_number};
use crate::support::kinesis::{Faults, KinesisStub, Put};
use crate::support::sinks::Recorder;
use crate::support::{Scripted, block_on, guest_file, kinesieve, stderr};

const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/out";

fn target(stub: &KinesisStub, order: Order) -> Arc<Kinesis> {
    Arc::new(Kinesis::new(&stub.config(), &STREAM.parse().expect("an ARN"), order))
}

fn deadline(time: Duration) -> Option<Deadline> {
    let end = Instant::now() + time;
    Some(Deadline { interrupt_at: end, answer_by: end })
}

/// One run against a stream that fails at random, replayed as Lambda would until all is acknowledged.
fn run_with_faults(seed: u64, order: Order) {
    let mut luck = fastrand::Rng::with_seed(seed);
    let mut chance = |most: f64| if luck.bool() { luck.f64() * most } else { 0.0 };
    let faults = Faults {
        refused_record: chance(0.5),
        refused_request: chance(0.3),
        dropped_before: chance(0.2),
        dropped_after: chance(0.2),
        slow: chance(0.1),
        always: None,
    };
    let count = luck.usize(1..60);
    let keys = luck.usize(1..8);
    let verb = |index: usize| if index % 5 == 3 { "drop" } else { "keep" };
    let payloads: Vec<String> = (0..count).map(|index| format!("{} #{index}", verb(index))).collect();
    let stub = KinesisStub::start(faults, seed);
    let output = target(&stub, order);
    let transform = Scripted::new(Limits::default());
    let processor = transform.processor_with(&output, &output, Some(Arc::<Recorder>::default()));

    let (mut from, mut passes) = (0, 0);
    while from < count {
        passes += 1;
        assert!(passes < 100, "seed {seed}: no progress at event {from}");
        let records = (from..count)
            .map(|index| record(index, &format!("key-{}", index % keys), &payloads[index].as_str().into()));
        let batch = parse_lambda_event(&event_of(records)).expect("a batch");
        let report = block_on(processor.process(Arc::new(batch), deadline(Duration::from_secs(2))));
        let put = stub.puts();
        let acknowledged = report.stop.as_ref().map_or(count, |stop| from + stop.index);
        for (index, payload) in payloads.iter().enumerate().take(acknowledged) {
            let is_done = payload.starts_with("drop") || put.iter().any(|put| put.data == payload.as_bytes());
            assert!(is_done, "seed {seed}: event {index} is acknowledged, and was not put");
        }
        if let Some(stop) = &report.stop {
            assert_eq!(stop.replay_from, sequence_number(acknowledged), "seed {seed}");
        }
        from = acknowledged;
    }
    let expected: Vec<&String> = payloads.iter().filter(|payload| payload.starts_with("keep")).collect();
    let mut first_seen: HashMap<Vec<u8>, usize> = HashMap::new();
    for (place, put) in stub.puts().into_iter().enumerate() {
        first_seen.entry(put.data).or_insert(place);
    }
    assert_eq!(first_seen.len(), expected.len(), "seed {seed}");
    if faults.dropped_after == 0.0 && passes == 1 {
        assert_eq!(stub.puts().len(), expected.len(), "seed {seed}: something was put twice, and nothing explains it");
    }
    if order == Order::Key {
        for key in 0..keys {
            let places: Vec<usize> = (0..count)
                .filter(|index| index % keys == key)
                .filter_map(|index| first_seen.get(payloads[index].as_bytes()).copied())
                .collect();
            assert!(places.is_sorted(), "seed {seed}: outputs of key {key} were put out of order: {places:?}");
        }
    }
}

/// Runs many seeds side by side: they wait most of the time, for the backoff to end. A seed that fails is
/// in the message; `run_with_faults` with it shows it again.
fn run_seeds(seeds: std::ops::Range<u64>, order: Order) {
    const SIDE_BY_SIDE: usize = 10;

    let seeds: Vec<u64> = seeds.collect();
    std::thread::scope(|scope| {
        for share in seeds.chunks(seeds.len().div_ceil(SIDE_BY_SIDE)) {
            scope.spawn(move || share.iter().for_each(|&seed| run_with_faults(seed, order)));
        }
    });
}

#[test]
fn nothing_is_lost_and_each_key_stays_in_order_under_faults() {
    run_seeds(0..150, Order::Key);
}

#[test]
fn without_an_order_nothing_is_lost_either() {
    run_seeds(1000..1050, Order::None);
}

#[test]
fn requests_hold_500_records_and_a_key_once() {
    let stub = KinesisStub::start(Faults::default(), 0);
    let output = target(&stub, Order::Key);
    let processor = Scripted::new(Limits::default()).processor(&output, &output, None::<&Arc<Recorder>>);
    let payloads = vec!["keep"; 1100];
    let batch = Arc::new(parse_lambda_event(&event(&payloads)).expect("a batch"));
    assert_eq!(block_on(processor.process(batch, None)).stop, None);
    assert_eq!(stub.puts().len(), 1100);
    for request in stub.requests() {
        assert!(request.len() <= 500);
        let mut keys: Vec<&str> = request.iter().map(|put| put.partition_key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), request.len());
    }
}

#[test]
fn a_permission_that_lacks_is_not_tried_again() {
    let stub = KinesisStub::start(Faults { always: Some("AccessDeniedException"), ..Faults::default() }, 0);
    let output = target(&stub, Order::Key);
    let processor = Scripted::new(Limits::default()).processor(&output, &output, None::<&Arc<Recorder>>);
    let batch = Arc::new(parse_lambda_event(&event(&["keep", "keep"])).expect("a batch"));
    let stop = block_on(processor.process(batch, None)).stop.expect("a stop");
    assert_eq!((stop.index, stop.cause), (0, Cause::NotDelivered));
    assert!(stop.reason.contains("AccessDeniedException"), "{}", stop.reason);
    assert_eq!(stub.requests().len(), 1);
}

#[test]
fn a_stream_that_refuses_everything_is_given_up_before_the_deadline() {
    let stub = KinesisStub::start(Faults { refused_record: 1.0, ..Faults::default() }, 0);
    let output = target(&stub, Order::Key);
    let processor = Scripted::new(Limits::default()).processor(&output, &output, None::<&Arc<Recorder>>);
    let batch = Arc::new(parse_lambda_event(&event(&["keep"])).expect("a batch"));
    let started = Instant::now();
    let stop = block_on(processor.process(batch, deadline(Duration::from_secs(1)))).stop.expect("a stop");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(stop.reason.contains("before the deadline: "), "{}", stop.reason);
    // With backoff, a second has room for a handful of tries; without, for thousands.
    assert!(stub.requests().len() < 100, "{} requests", stub.requests().len());
}

#[test]
fn an_output_that_no_stream_takes_is_dead_lettered() {
    let stub = KinesisStub::start(Faults::default(), 0);
    let output = target(&stub, Order::Key);
    let dead_letters = Arc::<Recorder>::default();
    let transform = Scripted::new(Limits::default());
    let processor = transform.processor_with(&output, &output, Some(dead_letters.clone()));
    let batch = Arc::new(parse_lambda_event(&event(&["keep", "emit 1 size=10485761", "keep"])).expect("a batch"));
    assert_eq!(block_on(processor.process(batch, None)).stop, None);
    assert_eq!(stub.puts().len(), 2);
    let letter: serde_json::Value = serde_json::from_str(&dead_letters.texts()[0]).expect("JSON");
    assert_eq!((&letter["kind"], &letter["sequenceNumber"]), (&"undeliverable".into(), &sequence_number(1).into()));
}

/// A record whose very JSON is broken has no key left, and a stream takes none without.
#[test]
fn a_record_that_lost_its_key_can_be_dead_lettered_to_a_stream() {
    let stub = KinesisStub::start(Faults::default(), 0);
    let dead_letters = target(&stub, Order::None);
    let output = Arc::<Recorder>::default();
    let transform = Scripted::new(Limits::default());
    let processor = transform.processor_with(&output, &output, Some(dead_letters));
    let mut broken = record(0, "key", &"keep".into());
    broken["kinesis"]["partitionKey"] = serde_json::json!({ "not": "a key" });
    let batch = parse_lambda_event(&event_of([broken, record(1, "key", &"keep".into())])).expect("a batch");
    assert_eq!(block_on(processor.process(Arc::new(batch), None)).stop, None);
    let puts = stub.puts();
    assert_eq!((puts.len(), puts[0].partition_key.clone()), (1, sequence_number(0)));
    let letter: serde_json::Value = serde_json::from_slice(&puts[0].data).expect("JSON");
    assert_eq!((&letter["kind"], &letter["partitionKey"]), (&"decode".into(), &"".into()));
}

#[test]
fn the_command_line_delivers_to_a_stream_by_its_arn() {
    let stub = KinesisStub::start(Faults { refused_record: 0.3, ..Faults::default() }, 7);
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("input.txt");
    std::fs::write(&input, "keep one\nemit 1 key=mine\n").expect("written");
    let output = kinesieve(&["run", "--output", STREAM, "--transform"])
        .args([guest_file("scripted").as_os_str(), "--input".as_ref(), input.as_os_str()])
        .env("AWS_ENDPOINT_URL_KINESIS", stub.endpoint())
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let put = |key: &str, data: &str| Put { partition_key: key.to_owned(), data: data.as_bytes().to_vec() };
    let mut puts = stub.puts();
    puts.sort_by(|left, right| left.partition_key.cmp(&right.partition_key));
    assert_eq!(puts, [put("1", "keep one"), put("mine", "emit 1 key=mine#0")]);
}
