//! Going on from the checkpoint table, whatever ended the run before.

use std::collections::BTreeSet;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use kinesieve::checkpoint::{Acknowledged, ShardProgress};
use kinesieve::event::Shard;

use super::{Run, put};
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::kinesis_local::KinesisLocal;
use crate::support::positions::{Positions, note};
use crate::support::process::wait_until;
use crate::support::services::{Faults, Service, Stub};
use crate::support::{block_on, error_line};

const SHARD: &str = "shardId-000000000000";

fn put_many(stub: &Stub, records: std::ops::Range<usize>) {
    let entry = |index: usize| {
        let entry = PutRecordsRequestEntry::builder().partition_key(format!("key-{}", index % 7));
        entry.data(Blob::new(format!("keep {index}"))).build().expect("a record")
    };
    let request = Client::new(&stub.config_with(std::time::Duration::from_secs(20))).put_records();
    let request = request.stream_name("readings").set_records(Some(records.map(entry).collect()));
    block_on(request.send()).expect("they are put");
}

fn position(positions: &Positions) -> Option<String> {
    let row = block_on(positions.table().read("readings", SHARD)).expect("an answer");
    row.and_then(|row| row.position)
}

/// How many records are committed, from the first on.
fn committed(positions: &Positions) -> usize {
    let Some(position) = position(positions) else { return 0 };
    (0..).position(|index| sequence_number(index) == position).expect("one of ours") + 1
}

/// Killed twenty times in the middle, at a stub, since the emulator would take minutes: whatever is committed was
/// delivered before, and in the end everything is.
fn killed_again_and_again(more: &[&str]) {
    const KILLS: usize = 20;
    const EACH: usize = 40;

    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let positions = Positions::new();
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let table = ["--from", "checkpoint", "--to-checkpoint", "--checkpoint-table", &positions.name];
    let arguments = [&table[..], &["--batch-size", "3"], more].concat();
    let mut luck = fastrand::Rng::with_seed(7);
    for round in 0..KILLS {
        put_many(&stub, round * EACH..(round + 1) * EACH);
        let before = run.delivered().len();
        let wanted = before + luck.usize(1..EACH);
        let mut running = run.start(STREAM_ARN, &arguments);
        wait_until("some is delivered", || run.delivered().len() >= wanted || running.has_ended());
        assert!(!running.has_ended(), "{}", run.log());
        running.kill();
        let delivered: BTreeSet<String> = run.delivered().into_iter().collect();
        let all_before = (0..committed(&positions)).all(|index| delivered.contains(&format!("keep {index}")));
        assert!(all_before, "round {round}: more is committed than was delivered");
    }
    let (code, log) = run.end(STREAM_ARN, &[&arguments[..], &["--until", "now"]].concat());
    assert_eq!(code, Some(0), "{log}");
    let delivered = run.delivered();
    let different: BTreeSet<&String> = delivered.iter().collect();
    let missing: Vec<usize> = (0..KILLS * EACH).filter(|index| !different.contains(&format!("keep {index}"))).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    assert_eq!(committed(&positions), KILLS * EACH);
    // Each time what was under way comes again, and no more than that.
    assert!(delivered.len() < KILLS * EACH * 2, "{} delivered", delivered.len());
}

#[test]
fn killed_twenty_times_in_the_middle_it_loses_nothing() {
    killed_again_and_again(&["--max-records-per-shard-per-second", "400"]);
}

#[test]
fn killed_twenty_times_with_lanes_it_loses_nothing() {
    killed_again_and_again(&["--max-records-per-shard-per-second", "400", "--parallelization-factor", "4"]);
}

/// At the emulator: where the run before ended, the next begins.
#[test]
fn the_next_run_goes_on_from_where_the_last_ended() {
    let server = KinesisLocal::start(&[("readings", 1)]);
    let positions = Positions::new();
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(server.endpoint()) };
    let numbers: Vec<String> =
        (0..9).map(|index| put(&server.config(), "readings", "key", &format!("keep {index}")).1).collect();
    let table = ["--from", "checkpoint", "--to-checkpoint", "--checkpoint-table", &positions.name];
    for (until, end) in [("count=4", 3), ("count=2", 5), ("now", 8)] {
        let (code, log) = run.end("readings", &[&table[..], &["--until", until]].concat());
        assert_eq!(code, Some(0), "{log}");
        assert_eq!(position(&positions).as_deref(), Some(numbers[end].as_str()));
        assert!(log.contains("committed"), "{log}");
    }
    assert_eq!(run.delivered(), (0..9).map(|index| format!("keep {index}")).collect::<Vec<_>>());
    // Held back for an hour, it is written at the end all the same.
    let last = put(&server.config(), "readings", "key", "keep 9").1;
    let (code, log) = run.end("readings", &[&table[..], &["--until", "now", "--commit-period", "1h"]].concat());
    assert_eq!((code, position(&positions)), (Some(0), Some(last)), "{log}");
}

/// What a function or another consumer wrote by a text of its own, a run finds by that text, and goes on in the same row.
#[test]
fn a_row_by_a_text_of_its_own_is_found_and_written_by_it() {
    const TEXT: &str = "arn:aws:kinesis:*:123456789012:stream/readings";

    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    put_many(&stub, 0..10);
    let positions = Positions::new();
    let form = format!("readings={TEXT}");
    let progress = ShardProgress {
        shard: Shard { stream_arn: STREAM_ARN.to_owned(), id: SHARD.to_owned() },
        acknowledged: Some(Acknowledged { sequence_number: sequence_number(6), arrived_at: 0 }),
        stuck: None,
    };
    note(&positions.mirror_with(|options| options.stream_id = form.parse().expect("a form")), progress);
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let table = ["--checkpoint-table", &positions.name, "--to-checkpoint", "--until", "now", "--checkpoint-stream-id"];
    let (code, log) = run.end(STREAM_ARN, &[&table[..], &[&form]].concat());
    assert_eq!((code, run.delivered().len()), (Some(0), 3), "{log}");
    let row = block_on(positions.table().read(TEXT, SHARD)).expect("an answer").expect("a row");
    assert_eq!((row.position, position(&positions)), (Some(sequence_number(9)), None));
    // By its name it has no row.
    run.forget_delivered();
    let (code, log) = run.end(STREAM_ARN, &[&table[..], &["name"]].concat());
    assert_eq!((code, run.delivered().len()), (Some(0), 10), "{log}");
    let (code, log) = run.end(STREAM_ARN, &[&table[..], &["readings"]].concat());
    assert!(code == Some(2) && log.contains("use name, arn, or STREAM=TEXT"), "{log}");
}

#[test]
fn ctrl_c_finishes_what_is_in_flight_commits_and_says_where_it_stopped() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let positions = Positions::new();
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    put_many(&stub, 0..500);
    let table = ["--from", "checkpoint", "--to-checkpoint", "--checkpoint-table", &positions.name];
    let slowly = ["--batch-size", "20", "--commit-period", "1h", "--max-records-per-shard-per-second", "100"];
    let mut running = run.start(STREAM_ARN, &[&table[..], &slowly].concat());
    wait_until("some is delivered", || !run.delivered().is_empty());
    running.interrupt();
    assert_eq!(running.end(), Some(0), "{}", run.log());
    let delivered = run.delivered().len();
    assert!(delivered < 500 && delivered.is_multiple_of(20), "{delivered} delivered");
    assert_eq!(committed(&positions), delivered, "what is delivered is committed");
    let log = run.log();
    let position = sequence_number(delivered - 1);
    assert!(log.contains(&format!("stopped, acknowledged up to {position}, committed")), "{log}");
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let run = Run::of(stub.endpoint());
    put_many(&stub, 0..500);
    let slowly = ["--from", "trim-horizon", "--batch-size", "500", "--max-records-per-shard-per-second", "5"];
    let mut running = run.start(STREAM_ARN, &slowly);
    wait_until("some is delivered", || !run.delivered().is_empty());
    running.interrupt();
    wait_until("it says so", || run.log().contains("again ends at once"));
    assert!(!running.has_ended(), "a batch is in flight");
    running.interrupt();
    assert_eq!(running.end(), Some(130));
}

#[test]
fn a_row_that_nobody_can_rely_on_is_refused_unless_forced() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    put_many(&stub, 0..10);
    let positions = Positions::new();
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let progress = ShardProgress {
        shard: Shard { stream_arn: STREAM_ARN.to_owned(), id: SHARD.to_owned() },
        acknowledged: Some(Acknowledged { sequence_number: sequence_number(6), arrived_at: 0 }),
        stuck: None,
    };
    note(&positions.mirror_with(|options| options.parallelization_factor = 2), progress);
    let arguments = ["--from", "checkpoint", "--checkpoint-table", &positions.name, "--until", "now"];
    let (code, log) = run.end(STREAM_ARN, &arguments);
    assert_eq!((code, run.delivered().len()), (Some(1), 0));
    let error = error_line(&log);
    assert!(error.contains("is not safe to resume from") && error.contains("--force"), "{log}");
    let (code, log) = run.end(STREAM_ARN, &[&arguments[..], &["--force"]].concat());
    assert_eq!((code, run.delivered().len()), (Some(0), 3), "{log}");
}

#[test]
fn a_table_that_is_missing_is_named_before_a_record_moves() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    put_many(&stub, 0..1);
    let positions = Positions::missing();
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let arguments = ["--from", "trim-horizon", "--to-checkpoint", "--checkpoint-table", &positions.name];
    let (code, log) = run.end(STREAM_ARN, &arguments);
    assert_eq!((code, run.delivered().len()), (Some(1), 0));
    assert!(log.contains(&positions.name) && log.contains("the table does not exist"), "{log}");
}

/// The rows are read before the first is written, and nobody has made the table then.
#[test]
fn a_table_is_made_where_that_is_said() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    put_many(&stub, 0..3);
    let positions = Positions::missing();
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let table = ["--from", "checkpoint", "--to-checkpoint", "--checkpoint-table", &positions.name, "--until", "now"];
    // A run that can't begin makes none.
    let nowhere = format!("{STREAM_ARN}:shardId-000000000009");
    let (code, _) = run.end(&nowhere, &[&table[..], &["--checkpoint-create", "true"]].concat());
    assert_eq!(code, Some(1));
    let (code, log) = run.end(STREAM_ARN, &table);
    assert!(code == Some(1) && log.contains("the table does not exist"), "{log}");
    // Again, it is there, and stays as it is.
    for delivered in [3, 3] {
        let (code, log) = run.end(STREAM_ARN, &[&table[..], &["--checkpoint-create", "true"]].concat());
        assert_eq!((code, run.delivered().len()), (Some(0), delivered), "{log}");
    }
    assert_eq!(position(&positions), Some(sequence_number(2)));
}

/// All is delivered, and whoever goes on from the table would deliver it again.
#[test]
fn a_position_that_is_not_committed_shows_in_the_exit_code() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    put_many(&stub, 0..3);
    let positions = Positions::new();
    let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(stub.endpoint()) };
    let table = ["--from", "trim-horizon", "--to-checkpoint", "--checkpoint-table", &positions.name];
    let mut running = run.start(STREAM_ARN, &[&table[..], &["--commit-period", "1h"]].concat());
    wait_until("all is delivered", || run.delivered().len() == 3);
    block_on(positions.client().delete_table().table_name(&positions.name).send()).expect("it is deleted");
    put_many(&stub, 3..6);
    wait_until("the rest is delivered", || run.delivered().len() == 6);
    running.interrupt();
    assert_eq!(running.end(), Some(3), "{}", run.log());
    assert!(run.log().contains("NOT committed"), "{}", run.log());
}
