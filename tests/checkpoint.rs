//! The mirror of positions, at a DynamoDB table: forward only, whoever else writes, and never in the way.

mod attempts;
mod creation;
mod interoperation;
mod leases;
mod parts;
mod period;
mod placement;
mod replays;
mod taken_over;
mod trouble;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::{join, join_all};
use kinesieve::checkpoint::{CheckpointErrorKind, CheckpointOutcome, CheckpointWriter};
use kinesieve::event::SequenceNumber;
use kinesieve::processor::{Processor, Report};
use kinesieve::settings::StreamIdForm;
use kinesieve::transform::Limits;
use proptest::prelude::*;

use crate::support::events::{SHARD_ID, STREAM_ARN, arrived_at, batch, sequence_number};
use crate::support::positions::{Positions, STREAM, TIME_LIMIT, note, stuck_at, up_to};
use crate::support::sinks::Recorder;
use crate::support::{Scripted, block_on};

/// A processor that mirrors, its output and its dead letters.
struct Stage {
    output: Arc<Recorder>,
    dead_letters: Arc<Recorder>,
    processor: Processor,
}

impl Stage {
    fn new(checkpoint_writer: CheckpointWriter) -> Self {
        let (output, dead_letters) = (Arc::<Recorder>::default(), Arc::<Recorder>::default());
        let processor = Scripted::new(Limits::default()).processor(&output, &output, Some(&dead_letters));
        Self { output, dead_letters, processor: processor.with_checkpoint_writer(checkpoint_writer) }
    }

    fn process(&self, payloads: &[&str]) -> Report {
        block_on(self.processor.process(Arc::new(batch(payloads)), None))
    }
}

#[test]
fn the_row_says_how_far_a_batch_came() {
    let positions = Positions::new();
    let stage = Stage::new(positions.checkpoint_writer());
    let report = stage.process(&["keep", "drop", "reject no", "keep"]);
    assert_eq!(report.checkpoint, Some(CheckpointOutcome::Written));
    let item = positions.item();
    let text = |name: &str| item[name].as_s().expect(name).clone();
    assert_eq!(text("SequenceNumber"), sequence_number(3));
    assert_eq!(text("WrittenBy"), "readings-function");
    assert_eq!(item["ParallelizationFactor"].as_n().expect("a number"), "1");
    let row = positions.row();
    let arrival = row.last_arrival_at.expect("an arrival").unix_timestamp_nanos() / 1_000_000;
    assert_eq!(arrival as u64, arrived_at(3));
    assert!(row.written_at.is_some() && row.behind.is_some());
    assert_eq!((row.stuck, row.held_by), (None, None));
}

#[test]
fn the_row_says_what_a_shard_stands_still_at_and_no_longer_when_it_goes_on() {
    let positions = Positions::new();
    let stage = Stage::new(positions.checkpoint_writer());
    for attempt in 1..3 {
        let report = stage.process(&["keep", "keep", "retry the table is locked", "keep"]);
        assert_eq!(report.checkpoint, Some(CheckpointOutcome::Written));
        let row = positions.row();
        assert_eq!(row.position, Some(sequence_number(1)));
        let stuck = row.stuck.expect("it stands still");
        assert_eq!((stuck.position.to_string(), stuck.attempts), (sequence_number(2), attempt));
        assert_eq!(stuck.reason, "the transform asks for it again: the table is locked");
    }
    stage.process(&["keep", "keep", "keep", "keep"]);
    let row = positions.row();
    assert_eq!((row.position, row.stuck), (Some(sequence_number(3)), None));
}

/// Nothing is acknowledged yet, so there is no position, and still something to say.
#[test]
fn a_shard_that_never_moved_has_a_row_without_a_position() {
    let positions = Positions::new();
    Stage::new(positions.checkpoint_writer()).process(&["retry now", "keep"]);
    let row = positions.row();
    assert_eq!((row.position.clone(), row.resume_after()), (None, Ok(None)));
    assert_eq!(row.stuck.map(|stuck| stuck.position.to_string()), Some(sequence_number(0)));
}

#[test]
fn an_empty_batch_leaves_the_table_alone() {
    let positions = Positions::missing();
    assert_eq!(Stage::new(positions.checkpoint_writer()).process(&[]).checkpoint, None);
}

#[test]
fn the_stream_is_written_as_the_other_consumer_has_it() {
    let positions = Positions::new();
    let checkpoint_writer = positions.mirror_with(|options| options.stream_id = StreamIdForm::Arn);
    assert_eq!(note(&checkpoint_writer, up_to("5")), CheckpointOutcome::Written);
    let row = block_on(positions.table().read(STREAM_ARN, SHARD_ID)).expect("an answer").expect("a row");
    assert_eq!((row.position.as_deref(), positions.position()), (Some("5"), None));
    // As one that leaves the region open, and a row by a text is none of another stream.
    let text = "arn:aws:kinesis:*:123456789012:stream/readings";
    let form: StreamIdForm = format!("others=mine,{STREAM}={text}").parse().expect("aliases");
    let checkpoint_writer = positions.mirror_with(|options| options.stream_id = form);
    assert_eq!(note(&checkpoint_writer, up_to("7")), CheckpointOutcome::Written);
    let row = block_on(positions.table().read(text, SHARD_ID)).expect("an answer").expect("a row");
    assert_eq!((row.position.as_deref(), positions.position()), (Some("7"), None));
    assert_eq!(block_on(positions.table().read("mine", SHARD_ID)).expect("an answer"), None);
}

#[test]
fn an_older_batch_after_a_newer_one_changes_nothing() {
    let positions = Positions::new();
    let checkpoint_writer = positions.checkpoint_writer();
    assert_eq!(note(&checkpoint_writer, up_to("100")), CheckpointOutcome::Written);
    for older in [up_to("99"), up_to("9"), stuck_at("100", 1), stuck_at("7", 1)] {
        assert_eq!(note(&checkpoint_writer, older), CheckpointOutcome::Failed(CheckpointErrorKind::Overtaken));
        let row = positions.row();
        assert_eq!((row.position.as_deref(), row.stuck), (Some("100"), None));
    }
    assert_eq!(note(&checkpoint_writer, up_to("100")), CheckpointOutcome::Unchanged, "the same batch again");
    assert_eq!(note(&checkpoint_writer, stuck_at("101", 1)), CheckpointOutcome::Written);
    assert_eq!(note(&checkpoint_writer, up_to("1000")), CheckpointOutcome::Written);
    assert_eq!((positions.position().as_deref(), positions.row().stuck), (Some("1000"), None));
}

/// Numbers of all lengths, as if every shard had its own.
fn number() -> impl Strategy<Value = String> {
    "[1-9][0-9]{0,3}|[1-9][0-9]{18,22}|[1-9][0-9]{54,55}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_row_is_always_at_the_highest_number_so_far(numbers in prop::collection::vec(number(), 1..8)) {
        let positions = Positions::new();
        let checkpoint_writer = positions.checkpoint_writer();
        let mut highest = String::from("0");
        for number in numbers {
            note(&checkpoint_writer, up_to(&number));
            if parsed(&number) > parsed(&highest) {
                highest = number;
            }
            prop_assert_eq!(positions.position(), Some(highest.clone()));
        }
    }
}

fn parsed(number: &str) -> SequenceNumber<'_> {
    SequenceNumber::parse(number).expect("a sequence number")
}

#[test]
fn many_writers_at_once_never_take_the_row_backwards() {
    let positions = Positions::new();
    let mut luck = fastrand::Rng::with_seed(7);
    // Upward as a shard goes, and longer by and by, but with many that come too late.
    let mut numbers: Vec<String> =
        (1..=120_u64).map(|step| format!("{step}{}", "7".repeat(step as usize / 3))).collect();
    numbers.chunks_mut(15).for_each(|chunk| luck.shuffle(chunk));
    let seen = block_on(async {
        let mirrors: Vec<CheckpointWriter> = (0..6).map(|_| positions.checkpoint_writer()).collect();
        let writers = join_all(mirrors.iter().enumerate().map(async |(index, checkpoint_writer)| {
            for number in numbers.iter().skip(index).step_by(6) {
                let outcome = checkpoint_writer.note(up_to(number), TIME_LIMIT).await;
                let is_known = matches!(
                    outcome,
                    CheckpointOutcome::Written | CheckpointOutcome::Failed(CheckpointErrorKind::Overtaken)
                );
                assert!(is_known, "{number}: {outcome:?}");
            }
        }));
        let table = positions.table();
        let watch = async {
            let mut seen = Vec::new();
            for _ in 0..60 {
                let row = table.read(STREAM, SHARD_ID).await.expect("an answer");
                seen.extend(row.and_then(|row| row.position));
            }
            seen
        };
        join(writers, watch).await.1
    });
    assert!(seen.is_sorted_by(|left, right| parsed(left) <= parsed(right)), "{seen:?}");
    let highest = numbers.iter().max_by_key(|number| parsed(number)).expect("a number");
    assert_eq!(positions.position().as_ref(), Some(highest));
    assert!(seen.iter().collect::<BTreeSet<_>>().len() > 2, "nobody watched while the row moved: {seen:?}");
}

#[test]
fn without_order_across_the_shard_there_is_a_mark_and_no_position() {
    let positions = Positions::new();
    let side_by_side = positions.mirror_with(|options| options.parallelization_factor = 4);
    assert_eq!(note(&side_by_side, up_to("200")), CheckpointOutcome::Written);
    assert_eq!(note(&side_by_side, up_to("100")), CheckpointOutcome::Failed(CheckpointErrorKind::Overtaken));
    // Another key stands still, behind the mark.
    assert_eq!(note(&side_by_side, stuck_at("50", 3)), CheckpointOutcome::Written);
    let row = positions.row();
    assert_eq!((row.position.as_deref(), row.high_water_mark.as_deref()), (None, Some("200")));
    assert!(row.resume_after().is_err());
    assert_eq!(row.stuck.map(|stuck| stuck.attempts), Some(3));
    // Back to a factor of 1.
    assert_eq!(note(&positions.checkpoint_writer(), up_to("300")), CheckpointOutcome::Written);
    assert_eq!(positions.row().resume_after(), Ok(Some("300")));
}
