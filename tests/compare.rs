//! `kinesieve compare`: what differs between two transforms, and what does not.

mod streams;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::process::{catches_interrupts, wait_until};
use crate::support::usage::Usage;
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

fn command(folder: &Path, guests: [&str; 2], records: &[u8], flags: &[&str]) -> Command {
    let input = folder.join("records.txt");
    std::fs::write(&input, records).expect("written");
    let mut command = kinesieve(&["compare"]);
    command.args(guests.map(guest_file)).arg("--input").arg(input).args(flags).env("COLUMNS", "80");
    command
}

fn compare(guests: [&str; 2], records: &str, flags: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    command(folder.path(), guests, records.as_bytes(), flags).output().expect("it runs")
}

/// The differences, and the summary behind them.
fn compare_json(guests: [&str; 2], records: &str, flags: &[&str]) -> (Vec<Value>, Value) {
    let output = compare(guests, records, &[flags, &["--json"]].concat());
    let mut lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let summary = lines.pop().unwrap_or_else(|| panic!("no summary: {}", stderr(&output)))["summary"].take();
    let code = if summary["different"] == 0 { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(code), "{summary}");
    (lines, summary)
}

#[test]
fn a_transform_is_the_same_as_itself_whatever_it_does() {
    let records = "keep\ndrop\nemit 3 key=k route=side\necho\ncount\nretry later\nreject no\nabort\nlog warn careful\n\
                   clock\nrandom\nabort\nrandom\ncount\npanic no\npolite-bomb\nexit 1\nrecurse\n";
    let (differences, summary) = compare_json(["scripted", "scripted"], records, &["--compare-logs"]);
    assert_eq!(differences, Vec::<Value>::new());
    assert_eq!((&summary["records"], &summary["same"], &summary["complete"]), (&18.into(), &18.into(), &true.into()));
    let (_, summary) = compare_json(["scripted", "scripted"], "spin\nbomb\n", &["--event-timeout", "200ms"]);
    assert_eq!(summary["same"], 2);
}

/// One breaks now and then, and takes randomness that the other one does not take.
#[test]
fn clock_and_randomness_are_the_records_own() {
    let records = "random\nclock\nrandom\n".repeat(20);
    let (_, summary) = compare_json(["scripted", "scripted"], &records, &[]);
    assert_eq!(summary["same"], 60);
    // What it is shows in a difference from what is kept.
    let (differences, _) = compare_json(["scripted", "keep"], &records, &["--show", "all"]);
    let outputs: Vec<&str> =
        differences.iter().map(|line| line["old"]["outcome"]["emit"][0]["text"].as_str().expect("a text")).collect();
    assert_eq!(outputs.len(), 60);
    for (output, line) in outputs.iter().zip(&differences).skip(1).step_by(3) {
        assert_eq!(*output, format!("ok: {}", line["arrivedAt"]));
    }
    assert!(outputs.iter().all(|output| output.starts_with("ok: ")), "{outputs:?}");
    // A second comparison of the same records gives the same randomness.
    let (again, _) = compare_json(["scripted", "keep"], &records, &["--show", "all"]);
    for (one, other) in differences.iter().zip(&again).step_by(3) {
        assert_eq!(one["old"]["outcome"], other["old"]["outcome"]);
    }
}

#[test]
fn a_person_sees_both_answers_side_by_side() {
    let records = "keep\nemit 2 key=k route=side\nlog warn careful\n{\"then\":\"keep\"}\ndrop\nretry later\nabort\n";
    let output = compare(["scripted", "keep"], records, &[]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(3), ""));
    // Lines of a backtrace are of the build.
    let text = stdout(&output);
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.contains("old:   ") && !line.contains("old:    ")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn json_is_laid_out_and_what_differs_is_marked_on_both_sides() {
    let record = "{\"id\":1,\"owner\":\"Ada\",\"phone\":\"555\"}\n";
    let flags = ["--old-settings", "remove=owner", "--new-settings", "remove=phone"];
    let output = compare(["drop_and_redact", "drop_and_redact"], record, &flags);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn each_way_to_differ_is_counted() {
    let records = "keep\ndrop\nemit 1\nemit 0\nretry a\nreject b\nabort\nsettings\n";
    let (differences, summary) = compare_json(["scripted", "keep"], records, &[]);
    let changes: Vec<&str> = differences.iter().map(|line| line["change"].as_str().expect("a change")).collect();
    let expected =
        ["drop->keep", "emit->keep", "emit->keep", "retry->keep", "reject->keep", "trap->keep", "emit->keep"];
    assert_eq!(changes, expected);
    assert_eq!(summary["changes"]["emit->keep"], 3);
    assert_eq!((&summary["same"], &summary["different"]), (&1.into(), &7.into()));
    assert_eq!(differences[5]["record"], 7);
    assert_eq!(differences[5]["input"], serde_json::json!({"text": "abort"}));
    assert_eq!(differences[5]["old"]["outcome"], serde_json::json!({"fault": "trap"}));
    assert!(differences[5]["old"]["because"].as_str().expect("a reason").contains("unreachable"), "{}", differences[5]);
    assert_eq!(differences[5]["new"], serde_json::json!({"outcome": "keep"}));

    let settings = ["--transform-settings", "a=1", "--new-settings", "a=2"];
    let (differences, _) = compare_json(["scripted", "scripted"], "settings\nkeep\n", &settings);
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0]["change"], "output-data");
    assert_eq!(differences[0]["old"]["outcome"], serde_json::json!({"emit": [{"text": "a=1"}]}));
    assert_eq!(differences[0]["new"]["outcome"], serde_json::json!({"emit": [{"text": "a=2"}]}));

    let timeout = ["--event-timeout", "50ms"];
    let (differences, _) = compare_json(["scripted", "keep"], "spin\nkeep\n", &timeout);
    assert_eq!((differences.len(), &differences[0]["change"]), (1, &"timeout->keep".into()));
}

#[test]
fn what_is_logged_is_shown_and_counts_where_that_is_asked_for() {
    let records = "log warn careful\nlog debug fine\n";
    let (_, summary) = compare_json(["scripted", "keep"], records, &[]);
    assert_eq!(summary["same"], 2);
    let (differences, summary) = compare_json(["scripted", "keep"], records, &["--compare-logs"]);
    // What is finer than info is not looked at.
    assert_eq!((&summary["changes"]["log"], differences.len()), (&1.into(), 1));
    assert_eq!(differences[0]["old"]["log"], serde_json::json!(["warn: careful"]));
}

#[test]
fn so_many_are_shown_and_so_many_compared() {
    let records = "drop\n".repeat(30);
    let shown = |flags: &[&str]| {
        let (differences, summary) = compare_json(["scripted", "keep"], &records, flags);
        (differences.len(), summary["different"].as_u64(), summary["notShown"].as_u64(), summary["records"].as_u64())
    };
    assert_eq!(shown(&[]), (10, Some(30), Some(20), Some(30)));
    assert_eq!(shown(&["--show", "0"]), (0, Some(30), Some(30), Some(30)));
    assert_eq!(shown(&["--show", "all"]), (30, Some(30), Some(0), Some(30)));
    assert_eq!(shown(&["--limit", "7"]), (7, Some(7), Some(0), Some(7)));
    let text = stdout(&compare(["scripted", "keep"], &records, &["--show", "1"]));
    assert!(text.ends_with("30 records: 0 the same, 30 different\n        30  drop->keep\n29 differences not shown: --show all shows them\n"), "{text}");
}

/// Records are decoded as a run decodes them, and what can't be is the same for both.
#[test]
fn records_are_decoded_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = b"ZHJvcA==\n!\nZHJvcA==\n";
    let output = command(folder.path(), ["scripted", "keep"], records, &["--decode", "base64", "--json"])
        .output()
        .expect("it runs");
    let text = stdout(&output);
    assert_eq!(text.matches("\"change\":\"drop->keep\"").count(), 2, "{text}");
    assert!(text.ends_with("\"notShown\":0,\"complete\":true}}\n") && text.contains("\"same\":1"), "{text}");
}

/// The comparison takes its records one batch at a time.
#[test]
fn a_long_input_takes_no_more_memory_than_a_short_one() {
    let mut command = kinesieve(&["compare", "--input", "-", "--json"]);
    command.args(["keep", "keep"].map(guest_file)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut input = child.stdin.take().expect("an input");
    let mut write = |records: usize| {
        let lines = format!("{}\n", "x".repeat(1_000)).repeat(1_000);
        for _ in 0..records / 1_000 {
            input.write_all(lines.as_bytes()).expect("it reads");
        }
    };
    write(10_000);
    let before = Usage::of(child.id()).peak;
    // In memory they would be 60 MB at least.
    write(60_000);
    let after = Usage::of(child.id()).peak;
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(stdout(&output).contains("\"records\":70000,\"same\":70000,"), "{}", stdout(&output));
    assert!(after < before + 30_000, "{before} KiB became {after} KiB");
}

#[test]
fn nobody_who_reads_is_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command =
        command(folder.path(), ["scripted", "keep"], "drop\n".repeat(20_000).as_bytes(), &["--show", "all"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(3), ""));
}

#[test]
fn what_can_not_be_compared_is_refused() {
    let refused = |guests: [&str; 2], flags: &[&str], expected: &str| {
        let output = compare(guests, "x\n", flags);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(error_line(&stderr(&output)).contains(expected), "{expected:?} is not in {}", stderr(&output));
    };
    refused(["keep", "folding"], &[], "kinesieve run --tumbling-window");
    refused(
        ["scripted", "keep"],
        &["--old-settings", "fail=no"],
        "scripted.wasm: the transform rejected its settings: no",
    );
    refused(
        ["keep", "scripted"],
        &["--new-settings", "fail=no"],
        "scripted.wasm: the transform rejected its settings: no",
    );
    refused(["keep", "keep"], &["--old-settings", "a"], "--old-settings: ");
    refused(["keep", "keep"], &["--from", "latest"], "--from is for streams, and --input ");
    let output = compare(["keep", "keep"], "x\n", &["--show", "some"]);
    assert_eq!(output.status.code(), Some(2));
}

/// Terminals obey nothing of what records and transforms hold.
#[test]
fn hostile_text_stays_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = b"reject \x1b[2J\xc2\x9b\nemit 1 note=\x1b]0;title\x07\nlog warn \x1b[31m\n";
    let output = command(folder.path(), ["scripted", "keep"], records, &["--compare-logs"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    let text = stdout(&output);
    assert!(!text.contains('\x1b') && !text.contains('\u{9b}') && !text.contains('\x07'), "{text:?}");
}

#[test]
fn ctrl_c_ends_it_with_what_is_compared() {
    let mut command = kinesieve(&["compare", "--input", "-", "--json"]);
    command.args(["keep", "keep"].map(guest_file));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("an input");
    let pid = child.id().to_string();
    let writer = std::thread::spawn(move || {
        // Until nobody reads any more.
        while input.write_all(&b"x\n".repeat(1000)).is_ok() {}
    });
    wait_until("it listens", || catches_interrupts(child.id()));
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stdout(&output).contains("\"complete\":false"), "{}", stdout(&output));
}
