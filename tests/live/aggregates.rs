//! A live stream of KPL aggregates: by the rules of a mapping, its records are what the stream has.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use kinesieve::event::{Aggregate, AggregateWriter};
use serde_json::Value;

use super::Run;
use crate::support::block_on;
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::services::{Faults, Service, Stub};

/// Puts texts as one aggregate.
fn put(stub: &Stub, texts: &[&str]) {
    let mut writer = AggregateWriter::default();
    texts.iter().for_each(|text| writer.push("user", text.as_bytes()));
    let entry = PutRecordsRequestEntry::builder().partition_key("key").data(Blob::new(writer.finish()));
    let request = Client::new(&stub.config()).put_records().stream_name("readings");
    block_on(request.records(entry.build().expect("a record")).send()).expect("it is put");
}

/// One user record that is asked for again brings its record again, of which what is done is not delivered again; and what
/// is given up is the record.
#[test]
fn an_aggregate_comes_again_and_is_given_up_as_a_whole() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    put(&stub, &["keep a", "keep b"]);
    put(&stub, &["keep c", "retry d", "keep e"]);
    put(&stub, &["keep f"]);
    let run = Run::of(stub.endpoint());
    let told = run.path("told.ndjson");
    let target = format!("file:{}", told.display());
    let rules = ["--from", "trim-horizon", "--until", "now", "--batch-size", "2", "--max-retry-attempts", "1"];
    let (code, log) = run.end(STREAM_ARN, &[&rules[..], &["--on-failure", &target]].concat());
    assert_eq!(code, Some(0), "{log}");
    // It came once with the record before it, and twice by itself.
    assert_eq!(run.delivered(), ["keep a", "keep b", "keep c", "keep f"]);
    let told: Value = serde_json::from_str(&std::fs::read_to_string(told).expect("a description")).expect("JSON");
    let batch = &told["KinesisBatchInfo"];
    assert_eq!((&batch["startSequenceNumber"], &batch["batchSize"]), (&sequence_number(1).into(), &1.into()));
    // Whoever runs it again gets what was in the stream.
    let payload: Value = serde_json::from_str(told["payload"].as_str().expect("the records")).expect("JSON");
    let data = payload["Records"][0]["kinesis"]["data"].as_str().expect("data");
    let data = base64_simd::STANDARD.decode_to_vec(data).expect("base64");
    assert_eq!(Aggregate::find(&data).map(|aggregate| aggregate.records.len()), Ok(3));
}
