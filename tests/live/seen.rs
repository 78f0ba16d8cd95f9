//! What is seen of a run: by a program, and by Prometheus.

use std::io::Write;
use std::process::Stdio;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use serde_json::{Value, json};

use super::Run;
use crate::support::block_on;
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::process::{free_port, wait_until};
use crate::support::services::{Faults, Service, Stub};
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

fn stream() -> Stub {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let entry = |index: usize| {
        let payload = if index.is_multiple_of(3) { format!("drop {index}") } else { format!("keep {index}") };
        PutRecordsRequestEntry::builder().partition_key("key").data(Blob::new(payload)).build().expect("a record")
    };
    let request = Client::new(&stub.config()).put_records().stream_name("readings");
    block_on(request.set_records(Some((0..30usize).map(entry).collect())).send()).expect("they are put");
    stub
}

#[test]
fn a_program_reads_how_it_went() {
    let stub = stream();
    let run = Run::of(stub.endpoint());
    let arguments = ["--from", "trim-horizon", "--until", "now", "--json", "--show", "2"];
    let output = run.command(STREAM_ARN, &arguments).stderr(Stdio::null()).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let end: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&end["type"], &end["records"]["acknowledged"]), (&"end".into(), &30.into()));
    assert_eq!((&end["records"]["kept"], &end["records"]["dropped"]), (&20.into(), &10.into()));
    let shard = &end["shards"][0];
    assert_eq!((&shard["stage"], &shard["sequenceNumber"]), (&"reached".into(), &sequence_number(29).into()));
    let samples: Vec<&str> =
        end["samples"].as_array().expect("samples").iter().filter_map(|sample| sample["data"].as_str()).collect();
    assert_eq!(samples, ["keep 28", "keep 29"]);
}

/// A control message is acknowledged as any record is, and whoever reads how it went is told of it.
#[test]
fn messages_that_hold_nothing_are_counted() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let message = |kind: &str, texts: &[&str]| {
        let events = texts.iter().map(|text| json!({ "id": "1", "timestamp": 1_545_084_650_987_u64, "message": text }));
        let message = json!({
            "messageType": kind, "owner": "123456789012", "logGroup": "g", "logStream": "s",
            "subscriptionFilters": ["f"], "logEvents": events.collect::<Vec<_>>(),
        });
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zipped.write_all(message.to_string().as_bytes()).expect("written");
        let data = Blob::new(zipped.finish().expect("gzip"));
        PutRecordsRequestEntry::builder().partition_key("key").data(data).build().expect("a record")
    };
    let control = || message("CONTROL_MESSAGE", &["probe"]);
    let records = vec![control(), message("DATA_MESSAGE", &["a", "b", "c"]), control()];
    let request = Client::new(&stub.config()).put_records().stream_name("readings");
    block_on(request.set_records(Some(records)).send()).expect("they are put");

    let run = Run::of(stub.endpoint());
    let dead = format!("file:{}", run.path("dead.ndjson").display());
    let until_now = ["--from", "trim-horizon", "--until", "now", "--decode", "cloudwatch-logs", "--dead-letter", &dead];
    let (code, text) = run.end(STREAM_ARN, &until_now);
    // The guest understands none of the three.
    assert!(text.contains("5 records in") && text.contains("  control           2\n  dead-lettered     3\n"), "{text}");
    let output = run.command(STREAM_ARN, &[&until_now[..], &["--json"]].concat()).output().expect("it runs");
    assert_eq!((code, output.status.code()), (Some(0), Some(0)));
    let text = String::from_utf8(output.stdout).expect("text");
    let end: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    let counts = ["acknowledged", "control", "deadLettered"].map(|name| end["records"][name].as_u64());
    assert_eq!(counts, [Some(5), Some(2), Some(3)], "{end}");
}

#[test]
fn prometheus_reads_how_it_goes() {
    let stub = stream();
    let run = Run::of(stub.endpoint());
    let address = format!("127.0.0.1:{}", free_port());
    let _running = run.start(STREAM_ARN, &["--from", "trim-horizon", "--metrics", &address]);
    let scrape = || {
        let mut answer = ureq::get(format!("http://{address}/metrics")).call().ok()?;
        answer.body_mut().read_to_string().ok()
    };
    let kept = r#"kinesieve_records_total{stream="readings",shard="shardId-000000000000",outcome="kept"} 20"#;
    wait_until("the records are counted", || scrape().is_some_and(|text| text.contains(kept)));
    let text = scrape().expect("metrics");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').expect("a sample");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(text.contains("# TYPE kinesieve_behind_seconds gauge"), "{text}");
    assert!(ureq::get(format!("http://{address}/")).call().is_err(), "elsewhere there is nothing");
    for path in ["health", "ready"] {
        assert_eq!(ureq::get(format!("http://{address}/{path}")).call().expect("it is well").status(), 200, "{path}");
    }
}

#[test]
fn a_person_without_a_terminal_reads_a_line_every_few_seconds() {
    let stub = stream();
    let run = Run::of(stub.endpoint());
    let mut running = run.start(STREAM_ARN, &["--from", "trim-horizon", "--show", "1"]);
    wait_until("a line comes", || run.log().contains("records/s"));
    let log = run.log();
    assert!(log.contains("1 shard, up to date: 30 records (20 kept, 10 dropped, 0 emitted, 0 dead-lettered)"), "{log}");
    assert!(log.contains("> key: keep 29") && !log.contains('\u{1b}'), "{log}");
    running.interrupt();
    assert_eq!(running.end(), Some(0));
    let log = run.log();
    assert!(log.contains(&format!("stopped, acknowledged up to {}", sequence_number(29))), "{log}");
}

#[test]
fn an_author_sees_each_record_before_and_after() {
    let stub = stream();
    let run = Run::of(stub.endpoint());
    let arguments = ["--from", "trim-horizon", "--until", "now", "--show"];
    let output = run.command(STREAM_ARN, &arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8(output.stdout).expect("text");
    assert_eq!(shown.matches("record ").count(), 30, "{shown}");
    let last = format!("record 30: kept (sequence number {}, key key)\n  keep 29\n", sequence_number(29));
    assert!(shown.contains(&last), "{shown}");
    assert_eq!(run.delivered().len(), 20);
}
