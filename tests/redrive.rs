//! `kinesieve redrive`: what could not be processed is run again, from every place that dead letters go to.

mod large;
mod portions;
mod refusals;
mod services;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::events::{Data, SHARD_ID, STREAM_ARN, event_of, record, sequence_number};
use crate::support::{guest_file, kinesieve, stderr, stdout};

/// The command line, with services at an endpoint.
fn at(endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = kinesieve(arguments);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

/// `redrive` from a place, by a guest, to a file in the folder.
fn redrive(endpoint: &str, from: &str, guest: &str, out: &Path) -> Command {
    let mut command = at(endpoint, &["redrive", "--from", from, "--transform"]);
    command.arg(guest_file(guest)).args(["--output", &format!("file:{}", out.display())]);
    command
}

/// Where nothing listens: no service is asked for anything.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Records of which some fail in the scripted guest, and one can't even be decoded.
fn failing() -> Vec<Value> {
    let data: [Data; 7] = [
        "reject out of range".into(),
        "keep".into(),
        "abort".into(),
        Data::Broken("%broken".to_owned()),
        "emit 1 route=unknown".into(),
        Data::Bytes(vec![0xff, 0x00]),
        "reject the same".into(),
    ];
    (0..).zip(&data).map(|(index, data)| record(index, &format!("key-{index}"), data)).collect()
}

/// What of them a guest that keeps everything delivers, by position.
fn mended() -> BTreeSet<(String, String)> {
    [(0, "reject out of range"), (2, "abort"), (4, "emit 1 route=unknown"), (5, "/wA="), (6, "reject the same")]
        .map(|(index, data)| (sequence_number(index), data.to_owned()))
        .into()
}

/// Dead-letters the failing ones of these records to a target.
fn dead_letter(endpoint: &str, records: Vec<Value>, target: &str, variables: &[(&str, &str)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    std::fs::write(&input, event_of(records)).expect("written");
    let output = at(endpoint, &["run", "--output", "none", "--dead-letter", target, "--transform"])
        .args([guest_file("scripted").as_os_str(), "--input".as_ref(), input.as_os_str()])
        .envs(variables.iter().copied())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// The outputs in a file: position and data.
fn outputs(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).expect("outputs");
    let output = |line: &str| {
        let output: Value = serde_json::from_str(line).expect("JSON");
        let data = output.get("data").or(output.get("dataBase64")).and_then(Value::as_str).expect("data");
        (output["sequenceNumber"].as_str().expect("a position").to_owned(), data.to_owned())
    };
    text.lines().map(output).collect()
}

/// Runs all that failed again; all but the undecodable one succeed, each once.
fn everything_but_the_undecodable_comes_back(endpoint: &str, from: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let output = redrive(endpoint, from, "keep", &out).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{from}: {said}");
    let delivered = outputs(&out);
    assert_eq!((delivered.len(), delivered.into_iter().collect()), (5, mended()), "{from}: {said}");
    let undecodable = format!("{}  {SHARD_ID}  failed again  decode: ", sequence_number(3));
    assert!(said.contains(&undecodable), "{from}: {said}");
    assert!(said.contains("(was: rejected: out of range)"), "{from}: {said}");
    output
}

fn letter(index: usize, changes: &[(&str, Value)]) -> String {
    let mut letter = json!({
        "reason": "reading out of range", "kind": "rejected", "streamArn": STREAM_ARN, "shardId": SHARD_ID,
        "sequenceNumber": sequence_number(index), "subSequenceNumber": 0, "partitionKey": "key",
        "arrivedAt": "2018-12-17T22:10:50.987Z", "attempts": 1, "transform": "sha256:0", "dataBase64": "a2VlcA==",
    });
    for (field, value) in changes {
        letter[field] = value.clone();
    }
    letter.to_string()
}

fn payload(text: &str) -> (&'static str, Value) {
    ("dataBase64", base64_simd::STANDARD.encode_to_string(text).into())
}

fn file_of(folder: &Path, lines: &[String]) -> PathBuf {
    let file = folder.join("dead.ndjson");
    std::fs::write(&file, lines.join("\n")).expect("written");
    file
}

/// What was said, from the summary on, without its figures of time.
fn summary(output: &Output) -> String {
    let text = stderr(output);
    let mut lines = text.lines().skip_while(|line| !line.contains(" dead letters in "));
    let letters = lines.next().and_then(|first| first.split(" in ").next()).expect("a summary");
    let rest: Vec<&str> = lines.collect();
    format!("{letters} in TIME\n{}", rest.join("\n"))
}

#[test]
fn a_file_plain_or_compressed_or_a_pipe_is_redriven() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.ndjson");
    dead_letter(NOWHERE, failing(), &format!("file:{}", dead.display()), &[]);
    let lines = std::fs::read(&dead).expect("letters");
    everything_but_the_undecodable_comes_back(NOWHERE, &dead.display().to_string());
    everything_but_the_undecodable_comes_back(NOWHERE, &format!("file:{}", dead.display()));
    assert_eq!(std::fs::read(&dead).expect("letters"), lines);

    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&lines).expect("written");
    let compressed = folder.path().join("dead.ndjson.gz");
    std::fs::write(&compressed, encoder.finish().expect("compressed")).expect("written");
    let output = everything_but_the_undecodable_comes_back(NOWHERE, &compressed.display().to_string());
    assert!(summary(&output).contains(&format!("all letters are still in {}", compressed.display())));

    let out = folder.path().join("out.ndjson");
    let mut command = redrive(NOWHERE, "-", "keep", &out);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("an input").write_all(&lines).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(outputs(&out).into_iter().collect::<BTreeSet<_>>(), mended(), "{}", stderr(&output));
}

#[test]
fn an_event_is_what_it_was_in_the_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = file_of(
        folder.path(),
        &[letter(1, &[payload("echo"), ("subSequenceNumber", 7.into())]), letter(2, &[payload("shard")])],
    );
    let out = folder.path().join("out");
    let output = redrive(NOWHERE, &dead.display().to_string(), "scripted", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let delivered = outputs(&out);
    let echo: Value = serde_json::from_str(&delivered[0].1).expect("JSON");
    let expected = json!({
        "data": "echo", "partitionKey": "key", "sequenceNumber": sequence_number(1), "subSequenceNumber": 7,
        "arrivedAt": 1_545_084_650_987_u64,
    });
    assert_eq!(echo, expected);
    assert_eq!(delivered[1].1, format!("{STREAM_ARN} {SHARD_ID}"));
}

/// A record of Firehose may not say when it arrived; nobody knows it better by the time of the second try.
#[test]
fn a_letter_that_fails_again_still_says_that_its_arrival_is_assumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let assumed = || ("arrivedAtAssumed", Value::from(true));
    let dead = file_of(
        folder.path(),
        &[
            letter(0, &[payload("reject one"), assumed()]),
            letter(1, &[payload("reject two")]),
            letter(2, &[payload("%broken"), ("kind", "decode".into()), assumed()]),
        ],
    );
    let again = folder.path().join("again.ndjson");
    let target = format!("file:{}", again.display());
    let output = redrive(NOWHERE, &dead.display().to_string(), "scripted", &folder.path().join("out"))
        .args(["--dead-letter", &target])
        .output()
        .expect("it runs");
    let text = std::fs::read_to_string(&again).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let letters: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let arrivals: Vec<_> = letters.iter().map(|letter| (&letter["arrivedAt"], &letter["arrivedAtAssumed"])).collect();
    let arrived_at = Value::from("2018-12-17T22:10:50.987Z");
    assert_eq!(
        arrivals,
        [(&arrived_at, &Value::from(true)), (&arrived_at, &Value::Null), (&arrived_at, &Value::from(true))]
    );
}

#[test]
fn what_became_of_each_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = ["keep", "emit 2", "drop", "reject still \u{1b}[31mwrong", "retry later", "abort"];
    let lines: Vec<String> = (0..).zip(script).map(|(index, text)| letter(index, &[payload(text)])).collect();
    let dead = file_of(folder.path(), &lines);
    let out = folder.path().join("out");
    let from = dead.display().to_string();
    let output = redrive(NOWHERE, &from, "scripted", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output).replace(&sequence_number(0)[..40], "49590338...").replace(&from, "FILE");
    insta::assert_snapshot!(said.split("\n6 dead letters").next().expect("lines"), @r"
    49590338...0000000000000000  shardId-000000000002  delivered  1 output (was: rejected: reading out of range)
    49590338...0000000000000001  shardId-000000000002  delivered  2 outputs (was: rejected: reading out of range)
    49590338...0000000000000002  shardId-000000000002  dropped (was: rejected: reading out of range)
    49590338...0000000000000003  shardId-000000000002  failed again  rejected: still \u{1b}[31mwrong (was: rejected: reading out of range)
    49590338...0000000000000004  shardId-000000000002  asked for again  later (was: rejected: reading out of range)
    49590338...0000000000000005  shardId-000000000002  failed again  trap: trapped: wasm trap: wasm `unreachable` instruction executed (was: rejected: reading out of range)
    ");
    insta::assert_snapshot!(summary(&output).replace(&from, "FILE"), @r"
    6 dead letters in TIME
      delivered            2
      dropped              1
      dead-lettered again  0
      failed again         2 (1 rejected, 1 trap)
      asked for again      1
      not delivered        0
      skipped              0
      malformed            0
    3 outputs delivered, 20 B
    all letters are still in FILE
    ");

    let output = redrive(NOWHERE, &from, "scripted", &out).arg("--json").output().expect("it runs");
    let outcomes: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names: Vec<&str> = outcomes.iter().filter_map(|outcome| outcome["outcome"].as_str()).collect();
    assert_eq!(names, ["delivered", "delivered", "dropped", "failed", "retry", "failed"]);
    let expected = json!({
        "place": format!("{from}:4"), "sequenceNumber": sequence_number(3), "subSequenceNumber": 0,
        "shardId": SHARD_ID, "outcome": "failed", "kind": "rejected", "code": "K611", "reason": "still \u{1b}[31mwrong",
        "dryRun": false, "was": { "kind": "rejected", "reason": "reading out of range" },
    });
    assert_eq!(outcomes[3], expected);
    assert_eq!((&outcomes[0]["dryRun"], &outcomes[0]["outputFate"]), (&false.into(), &"delivered".into()));

    // What would be is not what is.
    let output = redrive(NOWHERE, &from, "scripted", &out).args(["--json", "--dry-run"]).output().expect("it runs");
    let first: Value = serde_json::from_str(stdout(&output).lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["outcome"], "delivered");
    assert_eq!((&first["dryRun"], &first["outputFate"]), (&true.into(), &"notDelivered".into()));
    let said = stderr(&output);
    assert!(said.contains("\n  would be delivered   2\n") && said.contains("\n3 outputs would be delivered"), "{said}");
}

#[test]
fn what_is_malformed_is_named_and_harms_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = [
        letter(0, &[]),
        "START RequestId: 6bc28136 Version: $LATEST".to_owned(),
        letter(1, &[("sequenceNumber", "12a".into())]),
        "\u{0}\u{1}".to_owned(),
        letter(2, &[]),
    ];
    let dead = file_of(folder.path(), &lines);
    let out = folder.path().join("out");
    let output = redrive(NOWHERE, &dead.display().to_string(), "keep", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    let place = |line: usize| format!("{}:{line}  malformed  ", dead.display());
    for expected in [
        place(2) + "it is no dead letter: at line 1 column 1, a value is expected: ",
        place(3) + "it is a dead letter whose sequenceNumber is wrong: \"12a\"",
        place(4) + "it is no dead letter: ",
        "  malformed            3".to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected} is not in\n{said}");
    }
    assert_eq!(outputs(&out).len(), 2);
}

#[test]
fn filters_take_by_kind_and_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |index, kind: &str, time: &str| letter(index, &[("kind", kind.into()), ("arrivedAt", time.into())]);
    let lines = [
        of(0, "trap", "2026-11-20T09:00:00Z"),
        of(1, "rejected", "2026-11-20T10:00:00Z"),
        of(2, "timeout", "2026-11-20T11:00:00+01:00"),
        of(3, "trap", "2026-11-20T12:00:00Z"),
    ];
    let dead = file_of(folder.path(), &lines).display().to_string();
    let taken = |filter: &[&str]| {
        let out = folder.path().join("out");
        let _ = std::fs::remove_file(&out);
        let output = redrive(NOWHERE, &dead, "keep", &out).args(filter).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let taken: Vec<String> = outputs(&out).into_iter().map(|(position, _)| position).collect();
        let skipped = format!("  skipped              {}\n", 4 - taken.len());
        assert!(stderr(&output).contains(&skipped), "{}", stderr(&output));
        (0..4).filter(|index| taken.contains(&sequence_number(*index))).collect::<Vec<_>>()
    };
    assert_eq!(taken(&["--kind", "trap"]), [0, 3]);
    assert_eq!(taken(&["--kind", "trap", "--kind", "timeout"]), [0, 2, 3]);
    assert_eq!(taken(&["--since", "2026-11-20T10:00:00Z"]), [1, 2, 3]);
    assert_eq!(taken(&["--since", "2026-11-20T10:00:00Z", "--until", "2026-11-20T12:00:00Z"]), [1, 2]);
    assert_eq!(taken(&["--until", "2026-11-20T12:00:00Z", "--kind", "rejected"]), [1]);
}

#[test]
fn help_teaches_redrive() {
    let output = kinesieve(&["redrive", "--help"]).output().expect("it runs");
    let text = stdout(&output);
    for taught in ["Exit codes:", "Examples:", "sqs:DeleteMessage", "--dry-run", "KINESIEVE_DEAD_LETTER"] {
        assert!(text.contains(taught), "{taught} is not in\n{text}");
    }
}
