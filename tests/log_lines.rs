//! The log: what each line of the function and of a run has.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::events::{Data, event, event_of, record};
use crate::support::runtime_api::{ApiBehaviour, RuntimeApi};
use crate::support::{guest_file, in_lambda, kinesieve, stderr, stdout};

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// As the stub of the runtime API names every request.
const REQUEST_ID: &str = "6b562146";

/// The lines of a log, each with its time and a level.
fn lines(log: &str) -> Vec<Value> {
    let line = |text: &str| -> Value {
        let line: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let time = line["timestamp"].as_str().unwrap_or_else(|| panic!("no time: {text}"));
        assert!(humantime::parse_rfc3339(time).is_ok(), "{text}");
        let level = line["level"].as_str().unwrap_or_else(|| panic!("no level: {text}"));
        assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{text}");
        line
    };
    log.lines().map(line).collect()
}

fn has_request_id(line: &Value) -> bool {
    match line.get("requestId") {
        None => false,
        Some(id) => {
            assert_eq!(id, REQUEST_ID, "{line}");
            true
        }
    }
}

fn says(line: &Value, text: &str) -> bool {
    line["message"].as_str().is_some_and(|message| message.contains(text))
}

/// Everything that can go wrong in a session, and what the platform's own formats make of it: nothing.
#[test]
fn every_line_of_the_function_has_a_time_a_level_and_the_request_that_is_worked_on() {
    let broken = Data::Broken("no base64".to_owned());
    let events = || {
        vec![
            // The last comes first.
            event(&["log warn careful", "print stderr 1 printed", "panic"]),
            event_of([record(0, "a", &broken), record(1, "b", &"keep".into())]),
            event(&["keep", "reject no", "retry later"]),
            event(&["keep"]),
            br#"{"Records":[{"eventSource":"aws:sqs"}]}"#.to_vec(),
            br#"{"operation":"dance"}"#.to_vec(),
            event(&["print stdout 2000 much"]),
        ]
    };
    for format in ["JSON", "Text"] {
        let api = RuntimeApi::with_behaviour(ApiBehaviour::RefusesAnswers, events(), TIME_LIMIT);
        let mut function = in_lambda(&api)
            .env("AWS_LAMBDA_LOG_FORMAT", format)
            .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
            .env("KINESIEVE_OUTPUT", "none")
            // Below what the instances may take together, which is worth a line before any invocation.
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("KINESIEVE_LOG", "debug")
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        for _ in 0..events().len() {
            let _ = api.next_post(TIME_LIMIT);
        }
        // The line about a refused answer comes after it.
        std::thread::sleep(Duration::from_millis(500));
        function.kill().expect("it runs");
        let log = stderr(&function.wait_with_output().expect("it ends"));
        let lines = lines(&log);
        let (with, without): (Vec<&Value>, Vec<&Value>) = lines.iter().partition(|line| has_request_id(line));
        // Only what was there before the first invocation belongs to none.
        let first = lines.iter().position(has_request_id).expect("an invocation");
        assert_eq!(without.len(), first, "{without:#?}");
        assert!(without.iter().any(|line| says(line, "KINESIEVE_MEMORY_LIMIT is")), "{without:#?}");
        for text in [
            "careful",
            "printed",
            "much",
            "lines that the transform wrote about this batch are left out",
            "trapped",
            "stopped",
            "processed a batch",
            "the invocation failed",
            "Lambda refuses the answer",
        ] {
            assert!(with.iter().any(|line| says(line, text)), "{text}: {log}");
        }
        let metrics: Vec<&&Value> = with.iter().filter(|line| line.get("_aws").is_some()).collect();
        assert_eq!(metrics.len(), 5, "{log}");
        assert!(metrics.iter().all(|line| line["RequestId"] == REQUEST_ID), "{log}");
    }
}

#[test]
fn what_the_function_says_after_its_last_invocation_belongs_to_none() {
    let api = RuntimeApi::with_behaviour(ApiBehaviour::BreaksAtAnswers, vec![event(&["keep"])], TIME_LIMIT);
    let output = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .output()
        .expect("it runs");
    let lines = lines(&stderr(&output));
    assert!(lines.iter().any(|line| says(line, "processed a batch") && has_request_id(line)), "{lines:#?}");
    let last = lines.last().expect("a line");
    assert!(says(last, "the function ends") && !has_request_id(last), "{last}");
}

/// Runs over a file whose records leave lines in the log.
fn run(flags: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("lines"), "log warn careful\nreject no\n").expect("written");
    let mut command = kinesieve(&["run", "--input", "lines", "--output", "none", "--workers", "1", "--transform"]);
    command.arg(guest_file("scripted")).args(flags).current_dir(folder.path()).output().expect("it runs")
}

#[test]
fn a_run_whose_log_goes_to_no_terminal_says_the_time_of_each_line() {
    for flags in [&[][..], &["--log-format", "text"]] {
        let output = run(flags);
        assert_eq!(output.status.code(), Some(3));
        let said = stderr(&output);
        let line = said.lines().find(|line| line.contains("careful")).expect("a line");
        let (time, rest) = line.split_once(' ').expect("a time");
        assert!(humantime::parse_rfc3339(time).is_ok() && rest.starts_with(" WARN careful "), "{line}");
    }
}

#[test]
fn a_run_whose_log_is_json_says_nothing_else() {
    let output = run(&["--log-format", "json"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(3), ""));
    let log = lines(&stderr(&output));
    let careful = log.iter().find(|line| says(line, "careful")).expect("a line");
    // The fields of the function's.
    for field in ["shard_id", "sequence_number", "target", "message"] {
        assert!(careful.get(field).is_some(), "{field}: {careful}");
    }
    assert!(log.iter().any(|line| says(line, "1 output discarded (destination none)")), "{log:#?}");
    let shown = run(&["--log-format", "json", "--show", "--dead-letter", "file:dead.ndjson"]);
    lines(&stderr(&shown));
    assert!(stdout(&shown).contains("warn: careful"), "{}", stdout(&shown));
    // Also why it does not start.
    let refused =
        run(&["--log-format", "json", "--dead-letter", "arn:aws:s3:::bucket/dead", "--s3-compression", "gzip"]).stderr;
    let refused = lines(&String::from_utf8_lossy(&refused));
    assert!(refused.iter().all(|line| line["level"] == "ERROR" && line["code"].is_string()), "{refused:#?}");
    let wrong = run(&["--log-format", "xml"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", stderr(&wrong));
}
