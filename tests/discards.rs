//! `--dead-letter discard`: what fails is given up, since somebody asked for that by name. It is counted, and said in few words.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::support::services::{Faults, Service, Stub};
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

fn run(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = kinesieve(&["run", "--input", "input", "--dead-letter", "discard", "--transform"]);
    command.arg(guest_file("scripted")).args(arguments).current_dir(folder);
    command.env("AWS_REGION", "eu-west-1").env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    command
}

/// Lines of the log that say that something was given up, and how many records they speak of together.
fn said(log: &str) -> (usize, u64) {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("discarded: ")).collect();
    let others = |line: &&str| line.split("others=").nth(1)?.split_whitespace().next()?.parse::<u64>().ok();
    (lines.len(), lines.iter().map(|line| others(line).expect(line) + 1).sum())
}

#[test]
fn what_fails_is_given_up_counted_and_said_in_few_lines() {
    const RECORDS: usize = 20_000;
    let folder = tempfile::tempdir().expect("a folder");
    let mut input = String::new();
    for index in 0..RECORDS {
        let verb = ["keep", "reject it is broken", "retry later", "drop"][index % 4];
        writeln!(input, "{verb}").expect("written");
    }
    std::fs::write(folder.path().join("input"), input).expect("written");
    let started = std::time::Instant::now();
    let output = run(folder.path(), &["--max-attempts", "1"]).output().expect("it runs");
    let log = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!(stdout(&output).lines().count(), RECORDS / 4);
    for line in
        ["  kept              5000", "  dropped           5000", "  dead-lettered     0", "  given up          10000"]
    {
        assert!(log.contains(line), "{line}: {log}");
    }
    let (lines, records) = said(&log);
    assert!(lines as u64 <= started.elapsed().as_secs() + 2, "{log}");
    assert!(lines > 0 && records <= 10_000, "{log}");
}

#[test]
fn what_a_destination_never_takes_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("input"), "keep\nemit 1 size=2000000\nkeep\n").expect("written");
    let queue = Stub::start(Service::Sqs, Faults::default(), 0);
    let output = run(folder.path(), &["--output", "arn:aws:sqs:eu-west-1:123456789012:out"])
        .env("AWS_ENDPOINT_URL_SQS", queue.endpoint())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!((queue.puts().len(), said(&stderr(&output))), (2, (1, 1)));
}

#[test]
fn it_is_for_dead_letters_alone_and_not_for_those_that_no_stream_has() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("input"), "keep\n").expect("written");
    let message = |arguments: &[&str]| {
        let output = run(folder.path(), arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
        error_line(&stderr(&output)).to_owned()
    };
    assert!(message(&["--output", "discard"]).contains("outputs that are to go nowhere go to none"));
    assert!(message(&["--route", "a=discard"]).contains("outputs that are to go nowhere go to none"));
    assert!(message(&["--dead-letter-large", "arn:aws:s3:::bucket/large"]).contains("leave one of the two out"));
    for command in ["redrive", "rescue"] {
        let mut command = kinesieve(&[command, "--from", "input", "--dead-letter", "discard", "--transform"]);
        let output = command.arg(guest_file("keep")).current_dir(folder.path()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(error_line(&stderr(&output)).contains("name another destination, or none"), "{}", stderr(&output));
    }
}
