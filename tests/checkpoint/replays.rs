//! What the mirrored position spares when a batch comes again.

use kinesieve::checkpoint::{CheckpointErrorKind, CheckpointOutcome, CheckpointWriter};
use kinesieve::lambda::handle;

use super::Stage;
use crate::support::block_on;
use crate::support::event_source_mapping::{EventSourceMapping, Outcome};
use crate::support::events::{event_of, record, sequence_number};
use crate::support::positions::{Positions, note, up_to};

fn skipping(positions: &Positions) -> CheckpointWriter {
    positions.mirror_with(|options| options.skips_acknowledged = true)
}

#[test]
fn a_batch_whose_answer_was_lost_makes_no_duplicates() {
    let positions = Positions::new();
    let (first, again) = (Stage::new(skipping(&positions)), Stage::new(skipping(&positions)));
    first.process(&["keep", "reject no", "retry later", "keep"]);
    let report = again.process(&["keep", "reject no", "keep", "keep"]);
    assert_eq!((report.counts.skipped, report.counts.kept, report.counts.records), (2, 2, 4));
    assert_eq!((again.output.texts().len(), again.dead_letters.texts().len()), (2, 0));
    let whole = again.process(&["keep", "reject no", "keep", "keep"]);
    assert_eq!((whole.counts.skipped, whole.stop, whole.checkpoint), (4, None, Some(CheckpointOutcome::Unchanged)));
}

#[test]
fn without_the_setting_a_batch_that_comes_again_is_processed_again() {
    let positions = Positions::new();
    let stage = Stage::new(positions.checkpoint_writer());
    for _ in 0..2 {
        assert_eq!(stage.process(&["keep", "keep"]).counts.skipped, 0);
    }
    assert_eq!(stage.output.texts().len(), 4);
}

/// What another function has done with an event says nothing about this one.
#[test]
fn nothing_is_skipped_by_a_row_that_another_function_wrote() {
    let positions = Positions::new();
    note(&positions.mirror_with(|options| options.written_by = "another".to_owned()), up_to(&sequence_number(1)));
    let stage = Stage::new(skipping(&positions));
    let report = stage.process(&["keep", "keep", "keep"]);
    assert_eq!((report.counts.skipped, report.statistics.checkpoint_troubles), (0, vec![CheckpointErrorKind::Foreign]));
    assert_eq!(stage.process(&["keep", "keep", "keep"]).counts.skipped, 3, "the row is ours now");
}

/// Answers are lost, environments come and go, batches are halved: each event is delivered once.
#[test]
fn under_lambdas_replays_each_event_is_delivered_once() {
    for seed in 0..12 {
        let mut luck = fastrand::Rng::with_seed(seed);
        let positions = Positions::new();
        let records = luck.usize(1..40);
        let mut mapping = EventSourceMapping::new(records, luck.usize(1..12), luck.bool());
        let mut stage = Stage::new(skipping(&positions));
        let mut delivered = Vec::new();
        let mut asked_again = 0;
        while let Some(batch) = mapping.next_batch() {
            let payload = |index: usize| {
                let again = asked_again < 5 && luck.u32(..9) == 0;
                asked_again += u32::from(again);
                if again { "retry later".to_owned() } else { format!("keep #{index}") }
            };
            let payloads: Vec<String> = batch.clone().map(payload).collect();
            let event =
                event_of(batch.zip(&payloads).map(|(index, payload)| record(index, "key", &payload.as_str().into())));
            let handled = block_on(handle(&stage.processor, &event, None)).expect("a batch");
            let answer = serde_json::to_string(&handled.response()).expect("JSON");
            let is_lost = luck.u32(..3) == 0;
            mapping.came_back(if is_lost { Outcome::Failed } else { Outcome::Answered(&answer) });
            if luck.u32(..4) == 0 {
                delivered.append(&mut stage.output.texts());
                stage = Stage::new(skipping(&positions));
            }
        }
        delivered.append(&mut stage.output.texts());
        let expected: Vec<String> = (0..records).map(|index| format!("keep #{index}")).collect();
        assert_eq!(delivered, expected, "seed {seed}");
        assert_eq!(positions.position(), Some(sequence_number(records - 1)), "seed {seed}");
    }
}

#[test]
fn a_table_that_is_missing_skips_nothing() {
    let stage = Stage::new(skipping(&Positions::missing()));
    let report = stage.process(&["keep", "keep"]);
    assert_eq!((report.counts.skipped, report.counts.kept, report.stop), (0, 2, None));
}
