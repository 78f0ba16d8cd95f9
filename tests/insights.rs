//! The queries of CloudWatch Logs Insights on the page about trouble: each finds lines that the function really logs, and names
//! fields that they really have.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::events::{Data, event, event_of, record};
use crate::support::moto::Moto;
use crate::support::runtime_api::RuntimeApi;
use crate::support::services::{Faults, Service, Stub};
use crate::support::{guest_file, in_lambda, kinesieve_lambda, stderr};

const PAGE: &str = include_str!("../docs/how-to/troubleshoot.md");

/// Fewer mean that the page is not understood any more.
const LEAST_QUERIES: usize = 15;

/// The log of a function that gets one event, with what is in its environment besides.
fn log_of(event: Vec<u8>, time_left: Duration, variables: &[(&str, &str)]) -> Vec<Value> {
    let api = RuntimeApi::with_invocation(event, time_left);
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .envs(variables.iter().copied())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    api.next_post(Duration::from_secs(120));
    // The next one is asked for once all is logged.
    crate::support::process::wait_until("it asks again", || api.asks() > 1);
    function.kill().expect("it runs");
    let output = function.wait_with_output().expect("it ends");
    stderr(&output).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What a function logs in all kinds of trouble, and what Lambda says of its invocations.
fn all_lines() -> Vec<Value> {
    let enough = Duration::from_secs(60);
    let folder = tempfile::tempdir().expect("a folder");
    let dead = format!("file:{}", folder.path().join("dead.ndjson").display());
    let to_a_file = [("KINESIEVE_DEAD_LETTER", dead.as_str()), ("KINESIEVE_MEMORY_LIMIT", "8MiB")];
    let mut lines = log_of(event(&["reject not wanted", "panic", "bomb", "log warn careful"]), enough, &to_a_file);
    let nowhere = [("KINESIEVE_CHECKPOINT_TABLE", "positions"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")];
    lines.extend(log_of(event(&["keep", "retry later"]), enough, &nowhere));
    lines.extend(log_of(br#"{"Records":[{"eventSource":"aws:sqs","messageId":"1"}]}"#.to_vec(), enough, &[]));

    let stream = [("KINESIEVE_OUTPUT", "arn:aws:kinesis:eu-west-1:123456789012:stream/out")];
    let throttled = Stub::start(Service::Kinesis, Faults { refused_record: 0.5, ..Faults::default() }, 1);
    let at = throttled.endpoint();
    let many = event(&["keep"; 50]);
    lines.extend(log_of(many.clone(), enough, &[stream[0], ("AWS_ENDPOINT_URL_KINESIS", &at)]));
    let gone = ("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:1");
    lines.extend(log_of(many, Duration::from_secs(6), &[stream[0], gone]));

    let moto = Moto::shared();
    let queue = moto.create_queue("insights");
    let endpoint = moto.endpoint();
    let mut noise = 1_u32;
    let large: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(1 << 20)
    .collect();
    let whole = event_of([record(0, "a", &Data::Bytes(large))]);
    lines.extend(log_of(whole, enough, &[("KINESIEVE_DEAD_LETTER", &queue), ("AWS_ENDPOINT_URL_SQS", &endpoint)]));

    let output = kinesieve_lambda().output().expect("it runs");
    lines.extend(stderr(&output).lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()));
    // As Lambda writes it, with the log format JSON.
    for (status, error_type) in [("success", Value::Null), ("error", "Runtime.ExitError".into())] {
        lines.push(json!({ "time": "2026-11-21T07:30:00.000Z", "type": "platform.report", "record": {
            "requestId": "c9b8fa9f-5a7f-4b1c-af9c-0c604cde93a5", "status": status, "errorType": error_type, "metrics": {
                "durationMs": 12.5, "billedDurationMs": 13, "memorySizeMB": 512, "maxMemoryUsedMB": 87,
        } } }));
    }
    lines
}

/// A field of a line; one with points is within others.
fn field<'a>(line: &'a Value, name: &str) -> Option<&'a Value> {
    let direct = line.get(name);
    direct.or_else(|| name.split('.').try_fold(line, |value, part| value.get(part))).filter(|value| !value.is_null())
}

/// Whether a condition holds for a line.
fn holds(condition: &str, line: &Value) -> bool {
    if let Some((left, right)) = condition.split_once(" or ") {
        return holds(left, line) || holds(right, line);
    }
    if let Some((left, right)) = condition.split_once(" and ") {
        return holds(left, line) && holds(right, line);
    }
    if let Some(name) = condition.strip_prefix("ispresent(").and_then(|rest| rest.strip_suffix(')')) {
        return field(line, name).is_some();
    }
    let (name, rest) = condition.split_once(' ').expect("a field and what it is compared with");
    let Some(value) = field(line, name) else { return false };
    match rest.split_once(' ').expect("a comparison") {
        ("like", pattern) => {
            let start =
                pattern.strip_prefix("/^").and_then(|rest| rest.strip_suffix('/')).expect("the start of a text");
            value.as_str().is_some_and(|text| text.starts_with(start))
        }
        ("=", text) => value.as_str() == Some(text.trim_matches('"')),
        ("!=", text) => value.as_str() != Some(text.trim_matches('"')),
        (">", number) => value.as_f64() > number.parse::<f64>().ok(),
        (other, _) => panic!("{other} is not known here: {condition}"),
    }
}

/// The names of fields in the stages of a query, without those that a stage makes and those of Insights itself.
fn names(stage: &str) -> Vec<&str> {
    let (verb, rest) = stage.split_once(' ').expect("a stage");
    let is_field = |name: &&str| !name.is_empty() && !name.starts_with('@');
    match verb {
        "fields" => rest.split(',').map(str::trim).filter(is_field).collect(),
        "stats" => {
            let (made, by) = rest.split_once(" by ").expect("by something");
            let arguments = made.split("),").filter_map(|call| call.split_once('(')).map(|(_, rest)| rest);
            let arguments = arguments.filter_map(|rest| rest.split(')').next());
            let groups = by.split(',').filter(|group| !group.contains("bin("));
            arguments.chain(groups).map(str::trim).filter(is_field).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn each_query_of_the_page_finds_lines_and_names_fields_of_them() {
    let lines = all_lines();
    let queries: Vec<&str> = PAGE
        .split("```insights\n")
        .skip(1)
        .chain(PAGE.split("query.txt <<'END'\n").skip(1))
        .map(|rest| rest.split("\n```").next().and_then(|rest| rest.split("\nEND").next()).expect("a query"))
        .collect();
    assert!(queries.len() >= LEAST_QUERIES, "{}", queries.len());
    for query in queries {
        let stages: Vec<&str> = query.lines().map(|line| line.trim_start_matches("| ")).collect();
        let filters: Vec<&str> = stages.iter().filter_map(|stage| stage.strip_prefix("filter ")).collect();
        assert!(!filters.is_empty(), "it finds everything: {query}");
        let found: Vec<&Value> =
            lines.iter().filter(|line| filters.iter().all(|condition| holds(condition, line))).collect();
        assert!(!found.is_empty(), "it finds nothing: {query}\n{lines:#?}");
        for name in stages.iter().flat_map(|stage| names(stage)) {
            let is_there = found.iter().any(|line| field(line, name).is_some());
            assert!(is_there, "no line has the field {name}: {query}\n{found:#?}");
        }
    }
}
