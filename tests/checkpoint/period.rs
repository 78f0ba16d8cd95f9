//! Positions that are not written with each batch.

use std::time::Duration;

use kinesieve::checkpoint::CheckpointOutcome;

use super::Stage;
use crate::support::block_on;
use crate::support::events::sequence_number;
use crate::support::positions::{Positions, TIME_LIMIT, note, up_to};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn within_a_period_the_row_stays_and_the_end_of_the_function_brings_the_last_position() {
    let positions = Positions::new();
    let checkpoint_writer = positions.mirror_with(|options| options.period = LONG);
    assert_eq!(note(&checkpoint_writer, up_to("1")), CheckpointOutcome::Written);
    for number in 2..6 {
        assert_eq!(note(&checkpoint_writer, up_to(&number.to_string())), CheckpointOutcome::Deferred);
    }
    assert_eq!(positions.position().as_deref(), Some("1"));
    block_on(checkpoint_writer.flush(TIME_LIMIT));
    assert_eq!(positions.position().as_deref(), Some("5"));
}

#[test]
fn what_stands_still_is_written_at_once() {
    let positions = Positions::new();
    let stage = Stage::new(positions.mirror_with(|options| options.period = LONG));
    let noted = |payloads: &[&str]| stage.process(payloads).checkpoint;
    assert_eq!(noted(&["keep"]), Some(CheckpointOutcome::Written));
    assert_eq!(noted(&["keep", "keep"]), Some(CheckpointOutcome::Deferred));
    assert_eq!(noted(&["keep", "keep", "retry later"]), Some(CheckpointOutcome::Written));
    assert_eq!(positions.row().stuck.map(|stuck| stuck.attempts), Some(1));
    assert_eq!(noted(&["keep", "keep", "keep"]), Some(CheckpointOutcome::Written));
    assert_eq!((positions.position(), positions.row().stuck), (Some(sequence_number(2)), None));
}
