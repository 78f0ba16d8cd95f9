//! Attempts are counted in the row: a function that starts anew goes on counting.

use kinesieve::dead_letter::DeadLetterKind;
use kinesieve::processor::RetryLimits;

use super::Stage;
use crate::support::events::sequence_number;
use crate::support::positions::{Positions, units};

/// A function that has just started.
fn started(positions: &Positions, most: Option<u32>) -> Stage {
    let mut stage = Stage::new(positions.checkpoint_writer());
    let limits = RetryLimits { attempts: most.map(units), age: None };
    stage.processor = stage.processor.with_retry_limits(limits);
    stage
}

#[test]
fn at_the_last_attempt_of_all_functions_together_the_event_is_dead_lettered() {
    let positions = Positions::new();
    let payloads = ["keep", "retry later", "keep"];
    for attempt in 1..4 {
        let report = started(&positions, Some(4)).process(&payloads);
        assert_eq!(report.stop.map(|stop| (stop.index, stop.attempts)), Some((1, attempt)));
    }
    let last = started(&positions, Some(4));
    let report = last.process(&payloads);
    assert_eq!(
        (report.stop, report.first_dead_letter.map(|letter| letter.kind)),
        (None, Some(DeadLetterKind::Exhausted))
    );
    let letter: serde_json::Value = serde_json::from_str(&last.dead_letters.texts()[0]).expect("JSON");
    assert_eq!(letter["attempts"], 4);
    assert_eq!(positions.row().stuck, None);
}

/// The transform may run ahead while the table is asked: what stands behind the event still waits for it.
#[test]
fn nothing_behind_an_event_that_comes_again_is_delivered() {
    let positions = Positions::new();
    let stage = started(&positions, Some(3));
    stage.process(&["keep", "retry later", "keep", "keep"]);
    assert_eq!(stage.output.texts(), ["keep"]);
}

/// Also where nothing depends on the count, the row has it right.
#[test]
fn a_function_that_starts_anew_goes_on_counting() {
    let positions = Positions::new();
    for attempt in 1..4 {
        let report = started(&positions, None).process(&["keep", "retry later"]);
        assert_eq!(report.stop.map(|stop| stop.attempts), Some(attempt));
        assert_eq!(
            positions.row().stuck.map(|stuck| (stuck.position.to_string(), stuck.attempts)),
            Some((sequence_number(1), attempt))
        );
    }
}
