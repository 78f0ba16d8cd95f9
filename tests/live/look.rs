//! A run over a stream that only shows records: nothing is delivered, and nothing is said to be.

use std::process::{Command, Output};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use serde_json::Value;

use crate::support::events::STREAM_ARN;
use crate::support::process::{free_port, wait_until};
use crate::support::services::{Faults, Service, Stub};
use crate::support::{block_on, guest_file, kinesieve, stderr, stdout};

fn stream(payloads: &[&str]) -> Stub {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let entry = |payload: &&str| {
        PutRecordsRequestEntry::builder().partition_key("key").data(Blob::new(*payload)).build().expect("a record")
    };
    let request = Client::new(&stub.config()).put_records().stream_name("readings");
    block_on(request.set_records(Some(payloads.iter().map(entry).collect())).send()).expect("they are put");
    stub
}

fn command(stub: &Stub, arguments: &[&str]) -> Command {
    let mut command = kinesieve(&["run", "--input", STREAM_ARN, "--from", "trim-horizon", "--transform"]);
    command
        .arg(guest_file("scripted"))
        .args(arguments)
        .env("AWS_ENDPOINT_URL_KINESIS", stub.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

fn run(stub: &Stub, arguments: &[&str]) -> Output {
    command(stub, arguments).args(["--until", "now"]).output().expect("it runs")
}

/// As over a file.
#[test]
fn without_a_destination_nothing_is_delivered_and_no_record_stops_it() {
    let stub = stream(&["keep", "reject no", "panic", "emit 2", "drop", "keep last"]);
    let output = run(&stub, &["--show"]);
    let (shown, said) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(shown.matches("record ").count(), 6, "{shown}");
    assert!(shown.contains("record 2: rejected: no") && shown.contains("record 6: kept"), "{shown}");
    assert!(!shown.lines().any(|line| line.starts_with('{')), "an output was delivered: {shown}");
    assert!(said.contains("6 records in") && said.contains("4 outputs, not delivered, "), "{said}");
    assert!(said.contains("nothing of it was delivered: --output says where to"), "{said}");
    assert!(!said.contains("outputs delivered"), "{said}");

    // The last outputs, and no more.
    let output = run(&stub, &["--show", "2"]);
    let (shown, said) = (stdout(&output), stderr(&output));
    assert_eq!((output.status.code(), shown.as_str()), (Some(0), ""), "{said}");
    assert!(said.contains("4 outputs, not delivered"), "{said}");
}

/// With a destination, it is as ever.
#[test]
fn with_a_destination_outputs_are_delivered_while_records_are_shown() {
    let stub = stream(&["keep", "keep"]);
    let output = run(&stub, &["--show", "--output", "stdout"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output).lines().filter(|line| line.starts_with('{')).count(), 2);
    assert!(stderr(&output).contains("2 outputs delivered"), "{}", stderr(&output));

    let output = run(&stub, &["--output", "none"]);
    assert!(stderr(&output).contains("2 outputs discarded (destination none)"), "{}", stderr(&output));
    let output = run(&stub, &["--show", "--route", "side=none"]);
    let said = stderr(&output);
    assert!(said.contains("2 outputs delivered, or discarded (destination none)"), "{said}");
}

#[test]
fn a_program_reads_what_became_of_outputs() {
    let stub = stream(&["keep", "reject no"]);
    let fate = |arguments: &[&str]| {
        let output = run(&stub, &[arguments, &["--json"]].concat());
        let text = stdout(&output);
        let end: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
        assert_eq!(end["records"]["outputs"], 1, "{end}");
        end["outputFate"].as_str().expect("a fate").to_owned()
    };
    assert_eq!(fate(&["--show"]), "notDelivered");
    assert_eq!(fate(&["--show", "1"]), "notDelivered");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| format!("file:{}", folder.path().join(name).display());
    assert_eq!(fate(&["--output", "none", "--dead-letter", &file("dead")]), "discarded");
    assert_eq!(fate(&["--output", &file("out"), "--dead-letter", &file("dead")]), "delivered");

    let address = format!("127.0.0.1:{}", free_port());
    let mut running = command(&stub, &["--show", "--metrics", &address]);
    let mut running =
        running.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("it starts");
    let scrape = || {
        let mut answer = ureq::get(format!("http://{address}/metrics")).call().ok()?;
        answer.body_mut().read_to_string().ok()
    };
    let discarded = "kinesieve_discarded_outputs_total{stream=\"readings\",shard=\"shardId-000000000000\"} 1";
    wait_until("the output is counted", || scrape().is_some_and(|text| text.contains(discarded)));
    let delivered = "kinesieve_outputs_total{stream=\"readings\",shard=\"shardId-000000000000\"} 0";
    assert!(scrape().is_some_and(|text| text.contains(delivered)));
    let _ = running.kill();
    let _ = running.wait();
}

/// What nobody got is not done.
#[test]
fn positions_behind_what_is_only_shown_are_not_committed() {
    let stub = stream(&["keep"]);
    let output = run(&stub, &["--show", "--to-checkpoint", "--checkpoint-table", "positions"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("--show without a destination delivers nothing"), "{said}");
    assert!(said.contains("leave --to-checkpoint out"), "{said}");
}

/// Whoever reads a log hours later looks for the time.
#[test]
fn log_lines_over_a_stream_have_their_time_and_are_json_beside_json() {
    let stub = stream(&["log warn careful"]);
    let output = run(&stub, &["--output", "none"]);
    let said = stderr(&output);
    let line = said.lines().find(|line| line.contains("careful")).expect("a line");
    let (time, rest) = line.split_once(' ').expect("a time");
    assert!(humantime::parse_rfc3339(time).is_ok() && rest.starts_with(" WARN careful"), "{line}");

    for (flags, is_json) in
        [(&["--json"][..], true), (&["--json", "--log-format", "text"], false), (&["--log-format", "json"], true)]
    {
        let output = run(&stub, &[&["--output", "none"], flags].concat());
        let said = stderr(&output);
        if is_json {
            for line in said.lines() {
                let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {said}"));
                assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
            }
        }
        assert_eq!(said.contains(" WARN careful"), !is_json, "{said}");
        assert_eq!(said.contains("\"message\":\"careful\""), is_json, "{said}");
    }
}
