//! A Kinesis stream as a target: what only streams have.

use std::sync::Arc;
use std::time::Duration;

use kinesieve::event::parse_lambda_event;
use kinesieve::settings::Order;
use kinesieve::sink::KinesisSink;
use kinesieve::transform::Limits;

use crate::support::events::{event, event_of, record, sequence_number};
use crate::support::services::{Details, Faults, Put, Service, Stub};
use crate::support::sinks::Recorder;
use crate::support::{Scripted, block_on, guest_file, kinesieve, stderr};

const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/out";
/// No answer hangs here, and a busy machine is not to look as if one did.
const SILENCE: Duration = Duration::from_secs(5);

fn target(stub: &Stub, order: Order) -> Arc<KinesisSink> {
    Arc::new(KinesisSink::new(&stub.config_with(SILENCE), &STREAM.parse().expect("an ARN"), order))
}

#[test]
fn requests_hold_500_records_and_a_key_once() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 0);
    let output = target(&stub, Order::Key);
    let processor = Scripted::new(Limits::default()).processor(&output, &output, None::<&Arc<Recorder>>);
    let payloads = vec!["keep"; 1100];
    let batch = Arc::new(parse_lambda_event(&event(&payloads)).expect("a batch"));
    assert_eq!(block_on(processor.process(batch, None)).stop, None);
    assert_eq!(stub.puts().len(), 1100);
    for request in stub.requests() {
        assert!(request.len() <= 500);
        let mut keys: Vec<&str> = request.iter().filter_map(|put| put.partition_key.as_deref()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), request.len());
    }
}

#[test]
fn an_output_that_no_stream_takes_is_dead_lettered() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 0);
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
    let stub = Stub::start(Service::Kinesis, Faults::default(), 0);
    let dead_letters = target(&stub, Order::None);
    let output = Arc::<Recorder>::default();
    let transform = Scripted::new(Limits::default());
    let processor = transform.processor_with(&output, &output, Some(dead_letters));
    let mut broken = record(0, "key", &"keep".into());
    broken["kinesis"]["partitionKey"] = serde_json::json!({ "not": "a key" });
    let batch = parse_lambda_event(&event_of([broken, record(1, "key", &"keep".into())])).expect("a batch");
    assert_eq!(block_on(processor.process(Arc::new(batch), None)).stop, None);
    let puts = stub.puts();
    assert_eq!((puts.len(), puts[0].partition_key.clone()), (1, Some(sequence_number(0))));
    let letter: serde_json::Value = serde_json::from_slice(&puts[0].data).expect("JSON");
    assert_eq!((&letter["kind"], &letter["partitionKey"]), (&"decode".into(), &"".into()));
}

#[test]
fn the_command_line_delivers_to_a_stream_by_its_arn() {
    let stub = Stub::start(Service::Kinesis, Faults { refused_record: 0.3, ..Faults::default() }, 7);
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
    let put = |key: &str, data: &str| Put {
        partition_key: Some(key.to_owned()),
        data: data.as_bytes().to_vec(),
        details: Details::Record,
    };
    let mut puts = stub.puts();
    puts.sort_by(|left, right| left.partition_key.cmp(&right.partition_key));
    assert_eq!(puts, [put("1", "keep one"), put("mine", "emit 1 key=mine#0")]);
}
