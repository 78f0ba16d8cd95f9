//! What is wrong with the flags or the streams, in one line and before a record moves.

use super::Run;
use crate::support::events::STREAM_ARN;
use crate::support::kinesis_local::KinesisLocal;
use crate::support::services::{Faults, Service, Stub};
use crate::support::{error_line, guest_file, kinesieve, stderr};

#[test]
fn a_stream_or_a_start_that_is_not_there_is_said_in_one_line() {
    let server = KinesisLocal::start(&[("in", 2)]);
    let run = Run::of(server.endpoint());
    let later = "at-timestamp=2100-01-01T00:00:00Z";
    for (input, start, reason) in [
        ("nowhere", "latest", "stream nowhere not found"),
        ("nowhere", "latest", "; there is no file of this name either"),
        ("in:shardId-000000000007", "latest", "has no shard shardId-000000000007"),
        ("in:7", "latest", "has no shard shardId-000000000007"),
        ("in:x", "latest", "invalid stream \"in:x\": \"x\" is neither the number of a shard nor its id"),
        ("in:-1", "latest", "invalid stream \"in:-1\""),
        ("in:99999999999999", "latest", "there is no shard 99999999999999"),
        ("in:0,in:shardId-000000000000", "latest", "in:shardId-000000000000 is named twice"),
        ("in", later, "is in the future"),
        ("in", "at-sequence-number=42", "name the shard, as in --input in:shardId-000000000000"),
        ("in:shardId-000000000001", "after-sequence-number=42", "is not in shardId-000000000001"),
        ("in,stream:in:shardId-000000000001", "latest", "in:shardId-000000000001 is named twice"),
    ] {
        let (code, log) = run.end(input, &["--from", start]);
        assert_eq!(code, Some(1), "{log}");
        assert!(error_line(&log).contains(reason), "{log}");
    }
}

#[test]
fn flags_that_contradict_each_other_are_named() {
    let refusal = |input: &str, arguments: &[&str]| {
        let mut command = kinesieve(&["run", "--input", input, "--transform"]);
        let output = command.arg(guest_file("scripted")).args(arguments).output().expect("it runs");
        assert!(!output.status.success());
        stderr(&output)
    };
    for (arguments, named) in [
        (&["--from", "checkpoint"][..], "--checkpoint-table"),
        (&["--to-checkpoint"], "--checkpoint-table"),
        (&["--until", "now"], "name another start"),
        (&["--mode", "enhanced"], "--consumer"),
        (&["--consumer", "c"], "--mode enhanced"),
        (&["--consumer", "a b", "--mode", "enhanced"], "is no consumer: use its name"),
        (&["--json"], "another target than stdout"),
        (&["--from", "yesterday"], "trim-horizon"),
        (&["--or", "checkpoint"], "use trim-horizon, latest or a time"),
        (&["--or", "2100-01-01"], "use --or latest"),
        (&["--or", "latest", "--until", "now"], "name another start"),
        (&["--batch-size", "10001"], "10001 is not in 1..=10000"),
        (&["--batch-bytes", "0"], "use 1B to 1GiB"),
        (&["--batch-bytes", "many"], "use for example 5000 or 1MiB"),
        (&["--max-in-flight", "0"], "--max-in-flight"),
        (&["--batch-check", "json.end ==="], "at line 1 column 12"),
        (&["--batch-check", "jsn.end"], "jsn"),
        (&["--batch-check", "size"], "has to give true or false"),
        (&["--batch-check", "json.end", "--batch-size", "1"], "with --batch-size 1 each is one record already"),
        (&["--batch-check", "json.end", "--max-in-flight", "1"], "with --max-in-flight 1 each is one record already"),
        (&["--batch-window", "6m"], "use 0s to 5m"),
        (&["--max-record-age", "1s"], "use 1m to 7days"),
        (&["--balance"], "name it with --checkpoint-table"),
        (&["--client-id", "a"], "is for --balance"),
        (
            &["--balance", "--checkpoint-table", "positions", "--until", "now", "--from", "latest"],
            "leave out --until or --balance",
        ),
        (
            &["--balance", "--checkpoint-table", "positions", "--from", "at-sequence-number=1"],
            "use trim-horizon, latest or a time",
        ),
        (
            &["--balance", "--checkpoint-table", "positions", "--commit-period", "11s"],
            "more than a third of --lease-period 30s",
        ),
        (&["--balance", "--checkpoint-table", "positions", "--client-id", " a"], "is no name"),
        (&["--balance", "--checkpoint-table", "positions", "--lease-period", "1s"], "use 5s to 1h"),
        (
            &["--balance", "--checkpoint-table", "positions", "--tumbling-window", "60s"],
            "leave it out with --tumbling-window",
        ),
        (&["--balance", "--checkpoint-table", "positions", "--show"], "--balance would commit positions"),
        (
            &["--from", "at-timestamp=2020-01-02T00:00:00Z", "--until", "at-timestamp=2020-01-01T00:00:00Z"],
            "nothing between",
        ),
    ] {
        let message = refusal(STREAM_ARN, arguments);
        assert!(message.contains(named), "{message}");
    }
    let both = format!("{STREAM_ARN}:0,stream:other");
    let message = refusal(&both, &["--balance", "--checkpoint-table", "positions"]);
    assert!(message.contains("use a process for each"), "{message}");
    let message = refusal("Cargo.toml", &["--from", "latest"]);
    assert!(message.contains("--from is for streams") && message.contains("stream:NAME"), "{message}");
    let message = refusal("stream:a b", &[]);
    assert!(message.contains("invalid stream"), "{message}");
}

/// What comes out goes in again: each output would become an input, for ever.
#[test]
fn a_destination_that_is_the_stream_that_is_read_is_refused_unless_forced() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let run = Run::of(stub.endpoint());
    for flags in [["--dead-letter", STREAM_ARN], ["--route", &format!("again={STREAM_ARN}")]] {
        let arguments = [&["--from", "trim-horizon", "--until", "now"][..], &flags].concat();
        let (code, log) = run.end(STREAM_ARN, &arguments);
        assert_eq!(code, Some(1), "{log}");
        assert!(error_line(&log).contains("is the stream that is read") && log.contains("K305"), "{log}");
        let (code, log) = run.end(STREAM_ARN, &[&arguments[..], &["--force"]].concat());
        assert_eq!(code, Some(0), "{log}");
    }
}
