//! Comparisons over live streams.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use serde_json::{Value, json};

use crate::live::closed_shards;
use crate::live::faults::{page, stream};
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::kinesis_local::KinesisLocal;
use crate::support::process::{catches_interrupts, wait_until};
use crate::support::services::{Faults, Service, Stub as Kinesis};
use crate::support::stub::Stub;
use crate::support::{block_on, error_line, guest_file, kinesieve, stderr, stdout};

/// All that a comparison may ask a stream for.
const READS: [&str; 4] = ["DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords"];

fn command(endpoint: &str, guests: [&str; 2], input: &str, flags: &[&str]) -> Command {
    let mut command = kinesieve(&["compare"]);
    command
        .args(guests.map(guest_file))
        .args(["--input", input])
        .args(flags)
        .env("AWS_ENDPOINT_URL_KINESIS", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

fn compare(endpoint: &str, guests: [&str; 2], input: &str, flags: &[&str]) -> Output {
    command(endpoint, guests, input, flags).output().expect("it runs")
}

/// The differences, and the summary behind them.
fn lines(output: &Output) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> = stdout(output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let summary = lines.pop().unwrap_or_else(|| panic!("no summary: {}", stderr(output)))["summary"].take();
    (lines, summary)
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// As Ctrl-C.
fn interrupted(child: Child) -> Output {
    wait_until("it listens", || catches_interrupts(child.id()));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    child.wait_with_output().expect("it ends")
}

fn entry(key: &str, data: String) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data)).build().expect("a record")
}

fn put(client: &Client, stream: &str, entries: &[PutRecordsRequestEntry]) {
    for entries in entries.chunks(500) {
        let request = client.put_records().stream_name(stream).set_records(Some(entries.to_vec()));
        block_on(request.send()).expect("they are put");
    }
}

#[test]
fn all_records_of_all_shards_are_compared_and_what_differs_is_named_by_shard_and_number() {
    let server = KinesisLocal::start(&[("in", 2)]);
    let data = |index: usize| if index.is_multiple_of(10) { "drop".to_owned() } else { format!("keep {index}") };
    let entries: Vec<_> = (0..300).map(|index| entry(&format!("key-{index}"), data(index))).collect();
    put(&Client::new(&server.config()), "in", &entries);
    let records = server.records("in");

    // A name that is no file's, and all that is there: without any flag, it ends.
    let output = compare(&server.endpoint(), ["scripted", "scripted"], "in", &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (_, summary) = lines(&output);
    assert_eq!((&summary["records"], &summary["same"], &summary["complete"]), (&300.into(), &300.into(), &true.into()));

    let output = compare(&server.endpoint(), ["scripted", "keep"], "in", &["--json", "--show", "all"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let (differences, summary) = lines(&output);
    assert_eq!((&summary["records"], &summary["different"]), (&300.into(), &30.into()));
    let stream_arn = server.arn("in");
    let place = |line: &Value| {
        let text = |name: &str| line[name].as_str().expect(name).to_owned();
        assert_eq!((text("streamArn"), text("change")), (stream_arn.clone(), "drop->keep".to_owned()));
        (text("shardId"), text("sequenceNumber"), text("partitionKey"))
    };
    let places: Vec<(String, String, String)> = differences.iter().map(place).collect();
    for shard in ["shardId-000000000000", "shardId-000000000001"] {
        let dropped = records.iter().filter(|record| record.shard == shard && record.data == b"drop");
        let expected: Vec<(String, String, String)> = dropped
            .map(|record| (record.shard.clone(), record.sequence_number.clone(), record.partition_key.clone()))
            .collect();
        assert!(!expected.is_empty(), "{shard} has nothing");
        // In its order.
        let found: Vec<_> = places.iter().filter(|place| place.0 == shard).cloned().collect();
        assert_eq!(found, expected, "{shard}");
    }

    // One shard, and a person.
    let output = compare(&server.endpoint(), ["scripted", "keep"], "in:shardId-000000000001", &["--show", "1"]);
    let first = places.iter().find(|place| place.0 == "shardId-000000000001").expect("one");
    let heading = format!("(sequence number {}, key {}, shardId-000000000001)", first.1, first.2);
    assert!(stdout(&output).contains(&heading), "{heading} is not in {}", stdout(&output));
}

/// One that has compared enough must not wait for a record that never comes.
#[test]
fn it_ends_where_it_is_to_end_and_writes_nothing() {
    let stub = stream(|body, _| match body["ShardIterator"].as_str().unwrap_or_default() {
        "TRIM_HORIZON " => Ok(page(0..4, Some("end"), 0)),
        _ => Ok(page(0..0, Some("end"), 0)),
    });
    for (flags, records) in [
        (&["--until", "never", "--limit", "4"][..], 4),
        (&["--until", "never", "--limit", "3"], 3),
        (&["--until", "count=2"], 2),
        (&["--until", "now"], 4),
        (&["--from", "trim-horizon", "--until", "now", "--limit", "9"], 4),
    ] {
        let output = compare(&stub.endpoint(), ["keep", "keep"], STREAM_ARN, &[flags, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let (_, summary) = lines(&output);
        assert_eq!((&summary["records"], &summary["complete"]), (&records.into(), &true.into()), "{flags:?}");
    }
    // No position is written, and no consumer registers.
    let operations = stub.operations();
    assert!(operations.contains(&"GetRecords".to_owned()));
    assert!(operations.iter().all(|operation| READS.contains(&operation.as_str())), "{operations:?}");
}

#[test]
fn it_goes_on_through_closed_shards() {
    let stub = closed_shards::stream(vec![
        closed_shards::closed(&[], 0..10),
        closed_shards::closed(&[0], 10..15),
        closed_shards::open(&[0], 15..20),
        closed_shards::open(&[1], 20..25),
    ]);
    // Whose answers differ on every record.
    let output = compare(&stub.endpoint(), ["scripted", "drop_and_redact"], STREAM_ARN, &["--json", "--show", "all"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let (differences, summary) = lines(&output);
    assert_eq!((&summary["records"], &summary["complete"]), (&25.into(), &true.into()));
    let place = |number: usize| {
        let number = sequence_number(number);
        differences.iter().position(|line| line["sequenceNumber"] == *number).expect("it is there")
    };
    // A child comes behind the end of its parent.
    assert!((10..25).all(|child| place(9) < place(child)) && place(14) < place(20));
}

/// Each is tried again until it succeeds.
#[test]
fn throttled_and_failing_reads_lose_nothing() {
    const COUNT: usize = 2500;

    let stub = Kinesis::start(Service::Kinesis, Faults::default(), 7);
    let data = |index: usize| if index % 100 == 7 { "drop".to_owned() } else { format!("keep {index}") };
    let entries: Vec<_> = (0..COUNT).map(|index| entry("key", data(index))).collect();
    put(&Client::new(&stub.config_with(Duration::from_secs(20))), "readings", &entries);
    stub.set_faults(Faults {
        refused_request: 0.2,
        dropped_before: 0.05,
        dropped_after: 0.05,
        slow: 0.2,
        ..Faults::default()
    });
    let output = compare(&stub.endpoint(), ["scripted", "keep"], STREAM_ARN, &["--json", "--show", "all"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let (differences, summary) = lines(&output);
    assert_eq!((&summary["records"], &summary["different"]), (&COUNT.into(), &25.into()));
    let numbers: Vec<&str> = differences.iter().map(|line| line["sequenceNumber"].as_str().expect("one")).collect();
    let expected: Vec<String> = (7..COUNT).step_by(100).map(sequence_number).collect();
    assert_eq!(numbers, expected);
}

/// What was compared before is said.
#[test]
fn a_stream_that_goes_away_or_does_not_answer_ends_it_with_an_error() {
    let stub = stream(|body, _| match body["ShardIterator"].as_str().unwrap_or_default() {
        "gone" => Err("ResourceNotFoundException"),
        "LATEST " => Ok(page(0..0, Some("end"), 0)),
        _ => Ok(page(0..4, Some("gone"), 1000)),
    });
    let output = compare(&stub.endpoint(), ["keep", "keep"], STREAM_ARN, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error_line(&stderr(&output)).contains("not found"), "{}", stderr(&output));
    let (_, summary) = lines(&output);
    assert_eq!((&summary["records"], &summary["complete"]), (&4.into(), &false.into()));

    let stub = stream(|body, _| match body["ShardIterator"].as_str().unwrap_or_default() {
        "LATEST " => Ok(page(0..0, Some("end"), 0)),
        _ => Err("ProvisionedThroughputExceededException"),
    });
    let output = compare(&stub.endpoint(), ["keep", "keep"], STREAM_ARN, &["--patience", "5s"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    let error = stderr(&output);
    let error = error_line(&error);
    assert!(error.contains("waiting for the stream for ") && error.contains("longer than --patience 5s"), "{error}");
}

#[test]
fn ctrl_c_while_nothing_comes_ends_it_at_once() {
    let stub = stream(|_, _| Ok(page(0..0, Some("end"), 0)));
    for flags in [&["--from", "latest", "--json"][..], &["--until", "never", "--json"]] {
        let output = interrupted(start(&mut command(&stub.endpoint(), ["keep", "keep"], STREAM_ARN, flags)));
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(stderr(&output).contains("ends with what is compared until now"), "{}", stderr(&output));
        let (_, summary) = lines(&output);
        assert_eq!((&summary["records"], &summary["complete"]), (&0.into(), &false.into()));
    }
}

/// Also where nothing can be drawn.
#[test]
fn it_says_how_far_it_is_and_that_a_read_fails() {
    let stub = stream(|body, reads| match body["ShardIterator"].as_str().unwrap_or_default() {
        "LATEST " => Ok(page(0..0, Some("end"), 0)),
        "TRIM_HORIZON " => Ok(page(0..3, Some("end"), 0)),
        _ if reads == 4 => Err("InternalFailure"),
        _ => Ok(page(0..0, Some("end"), 0)),
    });
    let flags = ["--until", "never"];
    let child = start(command(&stub.endpoint(), ["scripted", "keep"], STREAM_ARN, &flags).env("NO_COLOR", "1"));
    std::thread::sleep(Duration::from_secs(8));
    let output = interrupted(child);
    let log = stderr(&output);
    assert!(log.contains("3 records compared, 0 different, up to date"), "{log}");
    assert!(log.contains("a read failed, and is tried again") && log.contains("reading goes on"), "{log}");
    let text = stdout(&output);
    assert!(text.starts_with("3 records: 3 the same, 0 different\n"), "{text}");
}

#[test]
fn what_can_not_be_compared_is_refused_before_anything_is_read() {
    let stub = Stub::start(|_, _| (400, json!({ "__type": "ResourceNotFoundException" }).to_string()));
    let refused = |input: &str, flags: &[&str], expected: &str| {
        let output = compare(&stub.endpoint(), ["keep", "keep"], input, flags);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let error = stderr(&output);
        assert!(error_line(&error).contains(expected), "{expected:?} is not in {error}");
    };
    refused("nowhere", &[], "stream nowhere not found: check its name");
    refused("nowhere", &[], "there is no file of this name either");
    refused("stream:no where", &[], "invalid stream");
    refused("in", &["--from", "checkpoint"], "`kinesieve compare` neither reads nor writes positions");
    refused("in", &["--from", "latest", "--until", "now"], "--from latest starts behind it");
    // It registers no consumer, and has no flag that would.
    let output = compare(&stub.endpoint(), ["keep", "keep"], "in", &["--mode", "enhanced"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("unexpected argument '--mode'"), "{}", stderr(&output));

    let stub = stream(|_, _| Ok(page(0..0, Some("end"), 0)));
    let output = compare(&stub.endpoint(), ["keep", "folding"], STREAM_ARN, &["--from", "latest"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error_line(&stderr(&output)).contains("kinesieve run --tumbling-window"), "{}", stderr(&output));
}

/// The reader waits for the transforms.
#[test]
fn a_long_stream_takes_no_more_memory_than_a_short_one() {
    let data = base64_simd::STANDARD.encode_to_string("x".repeat(100));
    let record = move |index: u64| {
        json!({
            "SequenceNumber": sequence_number(usize::try_from(index).expect("a small number")),
            "ApproximateArrivalTimestamp": 1_545_084_650.987,
            "Data": data,
            "PartitionKey": "key",
        })
    };
    let stub = stream(move |body, _| {
        let next = match body["ShardIterator"].as_str().unwrap_or_default() {
            "LATEST " => return Ok(page(0..0, Some("end"), 0)),
            "TRIM_HORIZON " => 0,
            iterator => iterator.parse().expect("a number"),
        };
        let end = next + body["Limit"].as_u64().expect("a limit");
        let records: Vec<Value> = (next..end).map(&record).collect();
        Ok(json!({ "Records": records, "NextShardIterator": end.to_string(), "MillisBehindLatest": 60_000 }))
    });
    let peak = |records: u64| {
        let flags = ["--until", "never", "--json", "--limit", &records.to_string()];
        let mut child = start(&mut command(&stub.endpoint(), ["keep", "keep"], STREAM_ARN, &flags));
        let mut peak = 0;
        while child.try_wait().expect("its state").is_none() {
            peak = peak_of(child.id()).unwrap_or_default().max(peak);
            std::thread::sleep(Duration::from_millis(50));
        }
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let (_, summary) = lines(&output);
        assert_eq!(summary["same"], records);
        peak
    };
    let (short, long) = (peak(25_000), peak(150_000));
    // In memory they would be 40 MB at least.
    assert!(short > 0 && long < short + 15_000, "{short} KiB became {long} KiB");
}

/// The most memory that a process had, in KiB; none: it has ended.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
