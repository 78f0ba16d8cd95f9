//! Positions that are not written with each batch.

use std::time::Duration;

use kinesieve::checkpoint::Noted;

use super::Stage;
use crate::support::block_on;
use crate::support::events::sequence_number;
use crate::support::positions::{PATIENCE, Positions, note, up_to};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn within_a_period_the_row_stays_and_the_end_of_the_function_brings_the_last_position() {
    let positions = Positions::new();
    let mirror = positions.mirror_with(|manner| manner.period = LONG);
    assert_eq!(note(&mirror, up_to("1")), Noted::Written);
    for number in 2..6 {
        assert_eq!(note(&mirror, up_to(&number.to_string())), Noted::Deferred);
    }
    assert_eq!(positions.position().as_deref(), Some("1"));
    block_on(mirror.flush(PATIENCE));
    assert_eq!(positions.position().as_deref(), Some("5"));
}

#[test]
fn what_stands_still_is_written_at_once() {
    let positions = Positions::new();
    let stage = Stage::new(positions.mirror_with(|manner| manner.period = LONG));
    let noted = |payloads: &[&str]| stage.process(payloads).checkpoint;
    assert_eq!(noted(&["keep"]), Some(Noted::Written));
    assert_eq!(noted(&["keep", "keep"]), Some(Noted::Deferred));
    assert_eq!(noted(&["keep", "keep", "retry later"]), Some(Noted::Written));
    assert_eq!(positions.row().stuck.map(|stuck| stuck.attempts), Some(1));
    assert_eq!(noted(&["keep", "keep", "keep"]), Some(Noted::Written));
    assert_eq!((positions.position(), positions.row().stuck), (Some(sequence_number(2)), None));
}
