//! `kinesieve run --show`: each record before and after.

use std::path::Path;
use std::process::Output;

use crate::support::{guest_file, kinesieve, stderr, stdout};

/// Runs the guest that does what a record says.
fn run(folder: &Path, records: &[u8], columns: &str, flags: &[&str]) -> Output {
    run_guest("scripted", folder, records, columns, flags)
}

fn run_guest(guest: &str, folder: &Path, records: &[u8], columns: &str, flags: &[&str]) -> Output {
    let input = folder.join("records.txt");
    std::fs::write(&input, records).expect("written");
    let mut command = kinesieve(&["run", "--workers", "1", "--transform"]);
    command.arg(guest_file(guest)).arg("--input").arg(&input).args(flags).env("COLUMNS", columns);
    command.output().expect("it runs")
}

#[test]
fn records_stand_beside_what_becomes_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let records =
        b"keep\ndrop\nlog warn careful\nemit 2 key=k route=side\n{\"then\":\"keep\",\"a\":[1.50,{}]}\nreject no\n\
        \xff\xfe\x00abc\nemit 0\nretry later\nkeep\n";
    let output = run(folder.path(), records, "80", &["--show"]);
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(stdout(&output));
    let said = stderr(&output);
    assert!(said.contains("nothing of it was delivered: --output says where to"), "{said}");
    // The records say it already: only the summary counts it.
    assert!(said.matches("dead-lettered").count() == 1 && !said.contains("careful"), "{said}");
}

#[test]
fn json_is_laid_out_and_what_differs_is_marked() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = br#"{"owner":{"name":"Ada"},"list":[1.50,[],{}],"text":"a \u001b, and so on until the line is too long","phone":1}"#;
    for columns in ["90", "40"] {
        let flags = ["--show", "--transform-settings", "remove=owner;phone"];
        let output = run_guest("drop_and_redact", folder.path(), record, columns, &flags);
        insta::assert_snapshot!(format!("json_in_{columns}_columns"), stdout(&output));
    }
}

#[test]
fn on_a_narrow_terminal_they_stand_one_below_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), b"emit 1 note=a-text-that-is-too-long-for-one-line\nkeep\n", "30", &["--show"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn so_many_are_shown_and_the_others_are_processed_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let target = format!("file:{}", out.display());
    let output = run(folder.path(), b"keep\nkeep\nlog info hello\n", "80", &["--show", "1", "--output", &target]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "record 1: kept (sequence number 1, key 1)\n  keep\n\n");
    assert!(!stderr(&output).contains("nothing of it"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&out).expect("read").lines().count(), 3);
}

/// What is delivered to standard output can be piped on.
#[test]
fn where_outputs_go_to_standard_output_records_are_shown_on_standard_error() {
    let folder = tempfile::tempdir().expect("a folder");
    for flags in [["--show", "--output", "stdout"], ["--show", "--route", "side=stdout"]] {
        let output = run(folder.path(), b"emit 1 route=side\nkeep\nreject no\nkeep\n", "80", &flags);
        let (out, said) = (stdout(&output), stderr(&output));
        assert!(out.lines().all(|line| line.starts_with('{')), "{out}");
        assert!(said.contains("record 2: kept") || flags[1] == "--output", "{said}");
        // With a target, what can't be processed stops it as ever.
        assert_eq!(output.status.code(), Some(3), "{said}");
    }
}

#[test]
fn a_trap_comes_with_the_functions_that_it_was_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), b"keep\npanic\nkeep\n", "80", &["--show"]);
    let shown = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let records: Vec<&str> = shown.split("\n\n").collect();
    let broken = records[1];
    assert!(broken.starts_with("record 2: the transform broke (trap): trapped: "), "{broken}");
    assert!(broken.contains("scripted::misbehave"), "{broken}");
    assert!(!broken.contains("have no names"), "{broken}");
    assert_eq!(records[2], "record 3: kept (sequence number 3, key 3)\n  keep");
}

#[test]
fn the_level_of_the_log_is_that_of_what_the_transform_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), b"log info hello\nlog error help\n", "80", &["--show", "--log", "warn"]);
    let shown = stdout(&output);
    assert!(!shown.contains("info: hello") && shown.contains("\n  error: help\n"), "{shown}");
    let none = run(folder.path(), b"keep\n", "80", &["--show", "0"]);
    assert_eq!(none.status.code(), Some(2), "{}", stderr(&none));
}
