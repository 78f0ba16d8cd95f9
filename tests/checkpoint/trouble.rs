//! A table that is missing, refuses, throttles or hangs: the batch goes on, in time, and the log says why once.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinesieve::checkpoint::{CheckpointErrorKind, CheckpointOutcome, CheckpointWriter};
use kinesieve::processor::{Deadline, RetryLimits};
use kinesieve::transform::Limits;
use serde_json::Value;

use super::Stage;
use crate::support::emulator::Emulator;
use crate::support::events::{batch, event, sequence_number};
use crate::support::guest_file;
use crate::support::positions::{Positions, options, table_at, units};
use crate::support::process::wait_until;
use crate::support::runtime_api::RuntimeApi;
use crate::support::services::{Faults, Service, Stub};
use crate::support::sinks::{Hanging, Recorder};
use crate::support::{Scripted, block_on, in_lambda, positions};

const ALL_DONE: &str = r#"{"batchItemFailures":[]}"#;

/// A mirror in a table with these faults.
fn checkpoint_writer(faults: Faults, timeout: Duration) -> (Stub, CheckpointWriter) {
    let stub = Stub::start(Service::DynamoDb, faults, 1);
    let mut options = options();
    options.timeout = timeout;
    let checkpoint_writer = CheckpointWriter::new(table_at(stub.endpoint(), timeout), options);
    (stub, checkpoint_writer)
}

#[test]
fn whatever_the_table_answers_the_batch_is_acknowledged() {
    for (code, kind) in [
        ("ResourceNotFoundException", CheckpointErrorKind::Missing),
        ("AccessDeniedException", CheckpointErrorKind::Denied),
        ("UnrecognizedClientException", CheckpointErrorKind::Denied),
        ("ProvisionedThroughputExceededException", CheckpointErrorKind::Throttled),
        ("ValidationException", CheckpointErrorKind::Refused),
        ("InternalServerError", CheckpointErrorKind::Unreachable),
    ] {
        let (_stub, checkpoint_writer) =
            checkpoint_writer(Faults { always: Some(code), ..Faults::default() }, positions::TIME_LIMIT);
        let stage = Stage::new(checkpoint_writer);
        let report = stage.process(&["keep", "keep"]);
        assert_eq!((report.stop, report.checkpoint), (None, Some(CheckpointOutcome::Failed(kind))), "{code}");
        assert_eq!(stage.output.texts().len(), 2);
    }
    let nowhere =
        Stage::new(CheckpointWriter::new(table_at("http://127.0.0.1:1".to_owned(), positions::TIME_LIMIT), options()));
    assert_eq!(
        nowhere.process(&["keep"]).checkpoint,
        Some(CheckpointOutcome::Failed(CheckpointErrorKind::Unreachable))
    );
}

#[test]
fn what_passes_within_the_time_that_there_is_is_tried_again() {
    let (_stub, checkpoint_writer) =
        checkpoint_writer(Faults { refused_request: 0.5, ..Faults::default() }, positions::TIME_LIMIT);
    let stage = Stage::new(checkpoint_writer);
    let noted: Vec<_> = (0..20).filter_map(|_| stage.process(&["keep"]).checkpoint).collect();
    let written = noted.iter().filter(|noted| **noted == CheckpointOutcome::Written).count();
    assert!(written > 14, "half of the requests are refused, and each is tried three times: {noted:?}");
}

/// Also where it is asked before and told after.
#[test]
fn a_table_that_hangs_costs_a_batch_no_more_than_the_bound() {
    let bound = Duration::from_millis(500);
    // What the machine may be late by, and far less than a client waits by itself.
    let slack = Duration::from_millis(1500);
    for (asks_before, payloads) in
        [(false, ["keep", "keep"]), (true, ["keep", "keep"]), (true, ["keep", "retry later"])]
    {
        let (_stub, checkpoint_writer) = checkpoint_writer(Faults { hangs: 1.0, ..Faults::default() }, bound);
        let mut stage = Stage::new(checkpoint_writer);
        if asks_before {
            let limits = RetryLimits { attempts: Some(units(3)), age: None };
            stage.processor = stage.processor.with_retry_limits(limits);
        }
        let started = Instant::now();
        let report = stage.process(&payloads);
        let elapsed = started.elapsed();
        assert_eq!(report.checkpoint, Some(CheckpointOutcome::Failed(CheckpointErrorKind::Timeout)));
        assert!(elapsed < bound + slack, "{elapsed:?}");
        // It was given the time that it may take.
        assert!(
            report.statistics.checkpoint >= bound && report.statistics.checkpoint <= elapsed,
            "{:?}",
            report.statistics
        );
        assert_eq!(report.counts.kept as usize, stage.output.texts().len());
    }
}

fn checkpoint_variables<'a>(endpoint: &'a str, table: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
        ("KINESIEVE_OUTPUT", "none"),
        ("KINESIEVE_CHECKPOINT_TABLE", table),
    ]
}

/// The deadline of the invocation rules over the bound of the table.
#[test]
fn the_answer_comes_before_lambdas_deadline_whatever_the_table_does() {
    let stub = Stub::start(Service::DynamoDb, Faults { hangs: 1.0, ..Faults::default() }, 1);
    let api = RuntimeApi::with_invocation(event(&["keep", "spin", "keep"]), Duration::from_secs(5));
    let mut function = in_lambda(&api)
        .envs(checkpoint_variables(&stub.endpoint(), "positions"))
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_EVENT_TIMEOUT", "1m")
        .env("KINESIEVE_CHECKPOINT_TIMEOUT", "1m")
        .env("KINESIEVE_DEADLINE_RESERVE", "3s")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the function starts");
    let posted = api.next_post(Duration::from_secs(30));
    let _ = function.kill();
    let _ = function.wait();
    assert!(posted.body.contains(&sequence_number(1)), "{}", posted.body);
    assert!(posted.time_left.is_some_and(|left| left > Duration::ZERO), "it came too late: {:?}", posted.time_left);
}

/// Of the time between interruption and answer, a part is the table's, however long a target takes.
#[test]
fn a_target_that_hangs_up_to_the_deadline_leaves_time_for_the_position() {
    let positions = Positions::new();
    let (output, side) = (Arc::new(Hanging), Arc::<Recorder>::default());
    let processor = Scripted::new(Limits::default())
        .processor_of(output, side, None)
        .with_checkpoint_writer(positions.checkpoint_writer());
    let now = Instant::now();
    let deadline = Deadline { interrupt_at: now + Duration::from_millis(300), answer_by: now + Duration::from_secs(6) };
    let report = block_on(processor.process(Arc::new(batch(&["drop", "keep"])), Some(deadline)));
    assert_eq!((report.stop.map(|stop| stop.index), report.checkpoint), (Some(1), Some(CheckpointOutcome::Written)));
    assert_eq!(positions.position(), Some(sequence_number(0)));
}

#[test]
fn the_log_says_once_what_is_wrong_and_the_metrics_count_it() {
    let stub = Stub::start(Service::DynamoDb, Faults { always: Some("AccessDeniedException"), ..Faults::default() }, 1);
    let emulator = Emulator::start();
    let transform = guest_file("scripted").display().to_string();
    let endpoint = stub.endpoint();
    let mut variables = checkpoint_variables(&endpoint, "positions");
    variables.push(("KINESIEVE_TRANSFORM", &transform));
    let function = emulator.function(&variables);
    for _ in 0..3 {
        assert_eq!(emulator.invoke(&event(&["keep"])), (200, ALL_DONE.to_owned()));
    }
    let log = function.log();
    let complaints: Vec<&Value> = log
        .iter()
        .filter(|line| line["message"].as_str().is_some_and(|text| text.contains("checkpoint table")))
        .collect();
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let message = complaints[0]["message"].as_str().expect("text");
    assert!(message.contains("grant the function dynamodb:UpdateItem"), "{message}");
    let metrics: Vec<&Value> = log.iter().filter(|line| line.get("_aws").is_some()).collect();
    let failures = |line: &&Value| (line["CheckpointFailures"].as_u64(), line["CheckpointFailures.denied"].as_u64());
    // The first batch of a shard is read for, too.
    let expected = [(Some(2), Some(2)), (Some(1), Some(1)), (Some(1), Some(1))];
    assert_eq!(metrics.iter().map(failures).collect::<Vec<_>>(), expected);
}

/// Under the runtime API, with a table that it makes; and told to end, it writes what it held back.
#[test]
fn the_function_makes_its_table_and_leaves_nothing_unwritten_when_it_ends() {
    let table = Positions::missing();
    let emulator = Emulator::start();
    let transform = guest_file("scripted").display().to_string();
    let endpoint = table.moto.endpoint();
    let mut variables = checkpoint_variables(&endpoint, &table.name);
    variables.extend([
        ("KINESIEVE_TRANSFORM", transform.as_str()),
        ("KINESIEVE_CHECKPOINT_CREATE", "true"),
        ("KINESIEVE_CHECKPOINT_PERIOD", "1h"),
        ("KINESIEVE_CHECKPOINT_TIMEOUT", "20s"),
    ]);
    let function = emulator.function(&variables);
    for payloads in [vec!["keep"], vec!["keep", "keep"], vec!["keep", "keep", "keep"]] {
        assert_eq!(emulator.invoke(&event(&payloads)), (200, ALL_DONE.to_owned()));
    }
    assert_eq!(table.position(), Some(sequence_number(0)));
    assert_eq!(table.row().written_by.as_deref(), Some("_"));
    let told = Command::new("kill").args(["-TERM", &function.pid().to_string()]).status();
    assert!(told.expect("kill runs").success());
    wait_until("the last position is written", || table.position() == Some(sequence_number(2)));
}
