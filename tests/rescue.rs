//! `kinesieve rescue`: what an event source mapping gave up is found by its description, and run again.

mod bucket;
mod queue;
mod ranges;
mod run_input;
mod stream;

use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::events::{SHARD_ID, STREAM_ARN, arrived_at, event_of, record, sequence_number};
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

/// Where nothing listens: no service is asked for anything.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The command line, with services at an endpoint and the stream at another one.
fn at(endpoint: &str, stream: &str, arguments: &[&str]) -> Command {
    let mut command = kinesieve(arguments);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ENDPOINT_URL_KINESIS", stream)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

/// `rescue` from a place, by a guest, to a file.
fn rescue(endpoint: &str, stream: &str, from: &str, guest: &str, out: &Path) -> Command {
    let mut command = at(endpoint, stream, &["rescue", "--from", from, "--transform"]);
    command.arg(guest_file(guest)).args(["--output", &format!("file:{}", out.display())]);
    command
}

/// When the record at an index arrived, as Lambda writes it.
fn arrived(index: usize) -> String {
    let millis = arrived_at(index) - 1_545_084_600_000;
    format!("2018-12-17T22:{:02}:{:02}.{:03}Z", 10 + millis / 60_000, millis / 1_000 % 60, millis % 1_000)
}

/// What Lambda writes to a queue about records of the stream, by their indexes.
fn description(records: RangeInclusive<usize>, changes: &[(&str, Value)]) -> Value {
    let (first, last) = (*records.start(), *records.end());
    let mut info = json!({
        "shardId": SHARD_ID,
        "startSequenceNumber": sequence_number(first),
        "endSequenceNumber": sequence_number(last),
        "approximateArrivalOfFirstRecord": arrived(first),
        "approximateArrivalOfLastRecord": arrived(last),
        "batchSize": (last + 1).saturating_sub(first),
        "streamArn": STREAM_ARN,
    });
    for (field, value) in changes {
        info[field] = value.clone();
    }
    json!({
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-4b1c-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:readings",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "version": "1.0",
        "timestamp": "2018-12-17T22:15:00.000Z",
        "KinesisBatchInfo": info,
    })
}

/// The same with the records, as Lambda writes it to a bucket.
pub(crate) fn description_with(first: usize, payloads: &[&str]) -> Value {
    let mut description = description(first..=first + payloads.len() - 1, &[]);
    let records = payloads.iter().zip(first..).map(|(payload, index)| record(index, "key", &(*payload).into()));
    let event = event_of(records);
    description["payload"] = String::from_utf8(event).expect("JSON").into();
    description
}

/// The indexes of the records whose outputs are in a file, in the order of the file.
fn delivered(file: &Path) -> Vec<usize> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let index = |line: &str| {
        let output: Value = serde_json::from_str(line).expect("JSON");
        let number = output["sequenceNumber"].as_str().expect("a position").to_owned();
        (0..10_000).find(|&index| sequence_number(index) == number).expect("a record of the stream")
    };
    text.lines().map(index).collect()
}

/// What became of each description, by `--json`.
fn outcomes(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What was said, from the summary on, without its figures of time.
fn summary(output: &Output) -> String {
    let text = stderr(output);
    let is_first = |line: &&str| line.contains(" description") && line.contains(" in ");
    let mut lines = text.lines().skip_while(|line| !is_first(line) || line.starts_with(' ') || line.contains("  "));
    let first = lines.next().and_then(|first| first.split(" in ").next()).expect("a summary");
    let rest: Vec<&str> = lines.collect();
    format!("{first} in TIME\n{}", rest.join("\n"))
}

/// Descriptions in a file, a line each.
fn file_of(folder: &Path, descriptions: &[Value]) -> String {
    let file = folder.join("given-up.ndjson");
    let lines: Vec<String> = descriptions.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n")).expect("written");
    file.display().to_string()
}

#[test]
fn help_teaches_rescue() {
    let output = kinesieve(&["rescue", "--help"]).output().expect("it runs");
    let text = stdout(&output);
    for taught in
        ["Exit codes:", "Examples:", "sqs:DeleteMessage", "--dry-run", "--whole-range", "KINESIEVE_DEAD_LETTER"]
    {
        assert!(text.contains(taught), "{taught} is not in\n{text}");
    }
}

#[test]
fn what_became_of_each_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut malformed = description_with(9, &["keep"]);
    malformed["KinesisBatchInfo"]["batchSize"] = 2.into();
    let from = file_of(
        folder.path(),
        &[
            description_with(0, &["keep", "emit 2", "drop"]),
            description_with(3, &["keep", "retry later \u{1b}[31m", "keep"]),
            description_with(6, &["reject wrong"]),
            malformed,
        ],
    );
    let out = folder.path().join("out");
    let output = rescue(NOWHERE, NOWHERE, &from, "scripted", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output).replace(&sequence_number(0)[..40], "49590338...").replace(&from, "FILE");
    insta::assert_snapshot!(said.split("\n4 descriptions").next().expect("lines"), @r"
    49590338...0000000000000000..49590338...0000000000000002  shardId-000000000002  rescued  3 records: 1 kept, 1 dropped, 1 emitted; 3 outputs (was: RetryAttemptsExhausted after 3 invocations)
    49590338...0000000000000003..49590338...0000000000000005  shardId-000000000002  not acknowledged  3 records: 1 kept, 2 not acknowledged; 1 output; stopped at 49590338...0000000000000004: the transform asks for it again: later \u{1b}[31m (was: RetryAttemptsExhausted after 3 invocations)
    49590338...0000000000000006  shardId-000000000002  not acknowledged  1 record: 1 not acknowledged; 0 outputs; stopped at 49590338...0000000000000006: it failed (rejected) and no dead-letter destination is configured: wrong (was: RetryAttemptsExhausted after 3 invocations)
    FILE:4  malformed  it is a description whose batchSize is wrong: 2 records don't have one sequence number, 49590338...0000000000000009
    ");
    insta::assert_snapshot!(summary(&output).replace(&from, "FILE"), @r"
    4 descriptions in TIME
      rescued           1
      not acknowledged  2
      lost              0
      partly lost       0
      not read          0
      not processed     0
      skipped           0
      malformed         1
    7 records: 2 kept, 1 dropped, 1 emitted, 3 not acknowledged
    4 outputs delivered, 24 B
    all descriptions are still in FILE
    ");
    let output = rescue(NOWHERE, NOWHERE, &from, "scripted", &out).arg("--json").output().expect("it runs");
    let outcomes = outcomes(&output);
    let names: Vec<&str> = outcomes.iter().filter_map(|outcome| outcome["outcome"].as_str()).collect();
    assert_eq!(names, ["rescued", "notAcknowledged", "notAcknowledged", "malformed"]);
    let expected = json!({
        "place": format!("{from}:2"), "streamArn": STREAM_ARN, "shardId": SHARD_ID,
        "startSequenceNumber": sequence_number(3), "endSequenceNumber": sequence_number(5), "batchSize": 3,
        "outcome": "notAcknowledged", "records": 3, "acknowledged": 1, "deadLettered": 0, "outputs": 1,
        "outputFate": "delivered", "dryRun": false,
        "stoppedAt": sequence_number(4), "code": "K601", "reason": outcomes[1]["reason"],
        "was": { "condition": "RetryAttemptsExhausted", "invocations": 3 },
    });
    assert_eq!(outcomes[1], expected);
}

#[test]
fn filters_take_by_stream_condition_and_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut too_old = description_with(2, &["keep"]);
    too_old["requestContext"]["condition"] = "RecordAgeExceeded".into();
    let mut other = description_with(4, &["keep"]);
    other["KinesisBatchInfo"]["streamArn"] = "arn:aws:kinesis:eu-west-1:123456789012:stream/other".into();
    let from = file_of(folder.path(), &[description_with(0, &["keep"]), too_old, other]);
    let taken = |filter: &[&str]| {
        let out = folder.path().join("out");
        let _ = std::fs::remove_file(&out);
        let output = rescue(NOWHERE, NOWHERE, &from, "keep", &out).args(filter).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        delivered(&out)
    };
    assert_eq!(taken(&[]), [0, 2, 4]);
    assert_eq!(taken(&["--stream", "other"]), [4]);
    assert_eq!(taken(&["--stream", STREAM_ARN]), [0, 2]);
    assert_eq!(taken(&["--condition", "RecordAgeExceeded"]), [2]);
    let (first, last) = (arrived(1), arrived(3));
    assert_eq!(taken(&["--since", &first]), [2, 4]);
    assert_eq!(taken(&["--since", &first, "--until", &last]), [2]);
}

/// As they are downloaded from a bucket, with something else in between.
#[test]
fn a_folder_is_read_with_the_folders_in_it_and_a_broken_file_harms_no_other_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("given-up");
    let inner = own.join("2018/12/17");
    std::fs::create_dir_all(&inner).expect("made");
    let name = |second: usize| inner.join(format!("2018-12-17T22.15.0{second}-c9b8fa9f-5a7f-4b1c-af9c-0c604cde93a5"));
    std::fs::write(name(1), description_with(0, &["a"]).to_string()).expect("written");
    std::fs::write(name(2), [0x1f, 0x8b, 0x08, 0x00]).expect("written");
    std::fs::write(name(3), format!("{:#}", description_with(1, &["b"]))).expect("written");
    std::fs::write(own.join("notes.txt"), "none").expect("written");
    std::os::unix::fs::symlink(&own, own.join("loop")).expect("a link");
    let out = folder.path().join("out");
    let from = own.display().to_string();
    let output = rescue(NOWHERE, NOWHERE, &from, "keep", &out).output().expect("it runs");
    assert_eq!((output.status.code(), delivered(&out)), (Some(3), vec![0, 1]), "{}", stderr(&output));
    assert!(stderr(&output).contains("its gzip is broken"), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 file was left out"), "{}", stderr(&output));
    // Outputs would be read again, in this run or the next one.
    let inside = own.join("out.ndjson");
    let output = rescue(NOWHERE, NOWHERE, &from, "keep", &inside).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("name another place to write to"), "{}", stderr(&output));
    let missing = folder.path().join("missing").display().to_string();
    let output = rescue(NOWHERE, NOWHERE, &missing, "keep", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(error_line(&stderr(&output)).contains("No such file"), "{}", stderr(&output));
}

#[test]
fn settings_that_would_mix_or_never_end_are_refused() {
    let queue = "arn:aws:sqs:eu-west-1:123456789012:rescue-loop";
    let bucket = "s3://rescue-loop/given-up";
    let out = Path::new("out");
    for (from, flags, said) in [
        (queue, &["--dead-letter", queue][..], "name another place to write to"),
        (bucket, &["--dead-letter", "arn:aws:s3:::rescue-loop/given-up/dead"], "name another place to write to"),
        (queue, &["--delete"], "--delete is for the objects of an S3 location"),
        (queue, &["--since", "2026-11-20T00:00:00Z", "--until", "2026-11-19T00:00:00Z"], "--since is not before"),
    ] {
        let output = rescue(NOWHERE, NOWHERE, from, "keep", out).args(flags).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    for (from, said) in [
        ("arn:aws:sns:eu-west-1:123456789012:given-up", "name a queue that is subscribed to the topic"),
        ("arn:aws:kinesis:eu-west-1:123456789012:stream/s", "name an S3 bucket or an SQS queue"),
        ("http://localhost:4566/000000000000/q", "or the queue's ARN"),
    ] {
        let output = rescue(NOWHERE, NOWHERE, from, "keep", out).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    let output =
        kinesieve(&["rescue", "--from", queue, "--transform"]).arg(guest_file("keep")).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("say with --output where it is to go"), "{}", stderr(&output));
}
