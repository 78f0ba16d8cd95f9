//! `kinesieve run` as a person or a script uses it.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use crate::support::events::{Data, event_of, record};
use crate::support::{guest_file, kinesieve, stderr, stdout};

fn run(guest: &str) -> Command {
    let mut command = kinesieve(&["run", "--transform"]);
    command.arg(guest_file(guest));
    command
}

/// Starts it with all three streams in our hands.
fn piped(command: &mut Command) -> Child {
    command
        .args(["--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs")
}

/// Feeds standard input.
fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = piped(command);
    // A run that stops early does not read to the end.
    let _ = child.stdin.take().expect("an input").write_all(input);
    child.wait_with_output().expect("it ends")
}

/// The summary, with the figures that are never the same taken out.
fn summary(output: &Output) -> String {
    let text = stderr(output);
    let mut lines = text.lines().skip_while(|line| !line.contains(" records/s, "));
    let records = lines.next().and_then(|first| first.split(" in ").next()).expect("a summary");
    let rest: Vec<&str> = lines.collect();
    format!("{records} in TIME\n{}", rest.join("\n"))
}

#[test]
fn a_sample_transform_over_lines() {
    let input = concat!(
        "{\"device\":\"a\",\"temperature\":21.50,\"email\":\"a@example.com\"}\n",
        "{\"device\":\"b\",\"temperature\":3,\"email\":\"b@example.com\"}\n",
        "not json\n",
        "{\"device\":\"c\",\"temperature\":12}\n",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.ndjson");
    let output = with_input(
        run("drop_and_redact")
            .args(["--transform-settings", "drop_field=temperature,drop_below=10,remove=email"])
            .args(["--dead-letter", &format!("file:{}", dead.display())]),
        input.as_bytes(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output), @r#"
    {"partitionKey":"1","data":"{\"device\":\"a\",\"temperature\":21.50}","route":null,"sequenceNumber":"1","subSequenceNumber":0}
    {"partitionKey":"4","data":"{\"device\":\"c\",\"temperature\":12}","route":null,"sequenceNumber":"4","subSequenceNumber":0}
    "#);
    insta::assert_snapshot!(summary(&output), @r"
    4 records in TIME
      kept              1
      dropped           1
      emitted           1
      dead-lettered     1 (1 rejected)
      not acknowledged  0
    2 outputs delivered, 65 B
    ");
    let letter: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dead).expect("a dead letter")).expect("JSON");
    assert_eq!((&letter["sequenceNumber"], &letter["kind"]), (&"3".into(), &"rejected".into()));
    assert!(letter["reason"].as_str().is_some_and(|reason| !reason.contains("not json")), "{letter}");
}

#[test]
fn one_record_into_many() {
    let output = with_input(
        run("fan_out").args(["--transform-settings", "path=items,key_field=id"]),
        b"{\"items\":[{\"id\":\"x\"},{\"id\":\"y\"}]}\n{\"items\":[]}\n",
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output), @r#"
    {"partitionKey":"x","data":"{\"id\":\"x\"}","route":null,"sequenceNumber":"1","subSequenceNumber":0}
    {"partitionKey":"y","data":"{\"id\":\"y\"}","route":null,"sequenceNumber":"1","subSequenceNumber":0}
    "#);
}

#[test]
fn it_stops_at_a_record_that_is_not_acknowledged_and_says_so() {
    let output = with_input(&mut run("scripted"), b"keep\nretry the table is being rebuilt\nkeep\n");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stdout(&output).lines().count(), 1);
    insta::assert_snapshot!(summary(&output), @r"
    3 records in TIME
      kept              1
      dropped           0
      emitted           0
      dead-lettered     0
      not acknowledged  2
    1 output delivered, 4 B
    stopped at sequence number 2: the transform asks for it again: the table is being rebuilt
    records from there on are not acknowledged
    for more: kinesieve explain K601
    ");
    let output = with_input(&mut run("scripted"), b"keep\nreject not wanted\n");
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("no dead-letter destination is configured: not wanted"), "{}", stderr(&output));
}

#[test]
fn a_lambda_event_and_the_output_of_get_records_are_told_by_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let lambda_event = folder.path().join("event.json");
    let records = [record(0, "a", &"keep".into()), record(1, "b", &Data::Broken("%".to_owned()))];
    std::fs::write(&lambda_event, event_of(records)).expect("written");
    let get_records = folder.path().join("records.json");
    std::fs::write(
        &get_records,
        r#"{
    "Records": [
        {"SequenceNumber": "49590338", "ApproximateArrivalTimestamp": "2018-12-17T22:10:50.987000+00:00",
         "Data": "a2VlcA==", "PartitionKey": "a", "EncryptionType": "NONE"},
        {"SequenceNumber": "49590339", "ApproximateArrivalTimestamp": 1545084650.987, "Data": "%", "PartitionKey": "b"}
    ],
    "NextShardIterator": "AAAAAAAA", "MillisBehindLatest": 0
}"#,
    )
    .expect("written");
    for (input, shard) in
        [(&lambda_event, "shardId-000000000002"), (&get_records, "stream/records\",\"shardId\":\"shardId-")]
    {
        let dead = input.with_extension("dead");
        let output = run("scripted")
            .args(["--input", &input.display().to_string(), "--dead-letter", &format!("file:{}", dead.display())])
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(r#""partitionKey":"a","data":"keep""#), "{}", stdout(&output));
        let letter = std::fs::read_to_string(&dead).expect("a dead letter");
        assert!(letter.contains(r#""kind":"decode""#) && letter.contains(shard), "{letter}");
        assert!(letter.contains(r#""arrivedAt":"2018-12-17T22:10:5"#), "{letter}");
    }
}

#[test]
fn settings_come_from_the_environment_and_a_flag_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let (by_variable, by_flag) = (folder.path().join("variable"), folder.path().join("flag"));
    let mut command = kinesieve(&["run"]);
    command
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", format!("file:{}", by_variable.display()))
        .env("KINESIEVE_ROUTE_BIG_ORDERS", format!("file:{}", by_variable.display()))
        .env("KINESIEVE_DEAD_LETTER", "");
    let output = with_input(
        command.args(["--output", &format!("file:{}", by_flag.display())]),
        b"keep\nemit 1 route=Big_Orders\n",
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let count = |path: &std::path::Path| std::fs::read_to_string(path).expect("written").lines().count();
    assert_eq!((count(&by_flag), count(&by_variable)), (1, 1));
}

#[test]
fn outputs_are_appended_and_a_full_disk_leaves_no_half_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let target = format!("file:{}", out.display());
    let first = with_input(run("scripted").args(["--output", &target]), b"keep\n");
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));

    // The shell's limit for file sizes is in blocks of 1,024 bytes: 2 MiB, which is less than the outputs
    // have, so that a write is cut in the middle of a line.
    let script = r#"trap "" XFSZ; ulimit -f 2048; exec "$0" "$@""#;
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_kinesieve"), "run", "--transform"]);
    command.arg(guest_file("scripted")).args(["--output", &target, "--log", "off"]);
    let output = with_input(&mut command, "keep\n".repeat(60_000).as_bytes());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("out.ndjson: File too large"), "{}", stderr(&output));
    let text = std::fs::read_to_string(&out).expect("written");
    assert!(text.ends_with("}\n"), "it ends in half a line");
    // What is there is what is acknowledged, and the line of the first run.
    let kept =
        summary(&output).lines().find_map(|line| line.trim().strip_prefix("kept").map(|count| count.trim().to_owned()));
    assert_eq!(Some((text.lines().count() - 1).to_string()), kept);
}

#[test]
fn a_reader_that_goes_away_ends_the_run_without_a_panic() {
    let mut child = piped(&mut run("scripted"));
    drop(child.stdout.take());
    child.stdin.take().expect("an input").write_all(b"keep\n").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3));
    let errors = stderr(&output);
    assert!(errors.contains("standard output: Broken pipe") && !errors.contains("panicked"), "{errors}");
}

/// Whoever pipes the summary away still gets the right exit code.
#[test]
fn a_reader_of_the_summary_that_goes_away_changes_nothing() {
    let mut child = piped(run("scripted").args(["--output", "none"]));
    drop(child.stderr.take());
    child.stdin.take().expect("an input").write_all(b"keep\n").expect("it reads");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn an_input_that_breaks_off_does_not_hide_what_was_done() {
    let mut input = b"keep\nkeep\n".to_vec();
    input.resize(input.len() + (10 << 20) + 10, b'x');
    let output = with_input(run("scripted").args(["--output", "none"]), &input);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("  kept              2"), "{}", stderr(&output));
    assert!(stderr(&output).contains("line 3 is longer than"), "{}", stderr(&output));
}

#[test]
fn help_teaches() {
    let output = kinesieve(&["run", "--help"]).output().expect("it runs");
    let text = stdout(&output);
    for taught in ["KINESIEVE_TRANSFORM", "get-records", "Exit codes:", "Examples, over streams:", "[default: 128MiB]"]
    {
        assert!(text.contains(taught), "{taught} is not in\n{text}");
    }
    let output = kinesieve(&["build", "--help"]).output().expect("it runs");
    assert!(stdout(&output).contains("arm64"), "{}", stdout(&output));
    assert_eq!(kinesieve(&["run", "--no-such-flag"]).output().expect("it runs").status.code(), Some(2));
}
