//! Tumbling windows: an event is in the state exactly once, and what a window comes to is delivered.

mod bad_input;
mod cases;
mod function;
mod model;
mod run;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinesieve::event::AggregateWriter;
use kinesieve::processor::{Deadline, Processor};
use kinesieve::transform::Limits;
use serde_json::{Value, json};

use crate::support::events::{Data, SHARD_ID, record, sequence_number};
use crate::support::sinks::{Fault, Recorder};
use crate::support::windows::{Answer, answer, contents, folding, part};

/// A processor with its sinks.
struct Stage {
    output: Arc<Recorder>,
    dead_letters: Arc<Recorder>,
    processor: Processor,
}

impl Stage {
    fn new() -> Self {
        Self::with(Recorder::default(), Some(Recorder::default()))
    }

    fn with(output: Recorder, dead_letters: Option<Recorder>) -> Self {
        let output = Arc::new(output);
        let has_dead_letters = dead_letters.is_some();
        let dead_letters = Arc::new(dead_letters.unwrap_or_default());
        let letters = has_dead_letters.then(|| Arc::clone(&dead_letters) as _);
        let processor = folding(Limits::default(), Arc::clone(&output) as _, letters, &[]);
        Self { output, dead_letters, processor }
    }

    /// Hands over these payloads, of which the first is at `from`.
    fn part(&self, from: usize, payloads: &[&str], state: &Value, is_final: bool) -> Answer {
        answer(&self.processor, &event(from, payloads, state, is_final), None).expect("an answer")
    }

    /// What the windows came to.
    fn windows(&self) -> Vec<Value> {
        self.output.texts().iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
    }

    /// The kind and the payload of each dead letter.
    fn letters(&self) -> Vec<(String, String)> {
        let letters = self.dead_letters.texts();
        let letters = letters.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
        letters
            .map(|letter| {
                let data = letter["dataBase64"].as_str().expect("data");
                let data = base64_simd::STANDARD.decode_to_vec(data).expect("base64");
                (letter["kind"].as_str().expect("a kind").to_owned(), String::from_utf8(data).expect("text"))
            })
            .collect()
    }
}

fn event(from: usize, payloads: &[&str], state: &Value, is_final: bool) -> Value {
    let records = (from..).zip(payloads).map(|(index, payload)| record(index, "key", &(*payload).into()));
    part(records, state, is_final)
}

/// The positions of these events, as the guest notes them.
fn seen(indices: impl IntoIterator<Item = usize>) -> Value {
    indices.into_iter().map(|index| format!("{}.0", sequence_number(index))).collect()
}

fn delivered(sum: i64, indices: impl IntoIterator<Item = usize>) -> Value {
    json!({
        "label": "", "start": 1_795_194_000_000_u64, "end": 1_795_194_060_000_u64, "early": false, "sum": sum,
        "seen": seen(indices),
    })
}

#[test]
fn a_window_is_folded_over_its_batches_and_closes_once() {
    let stage = Stage::new();
    let first = stage.part(0, &["add 1", "add 2"], &json!({}), false);
    assert_eq!(first.replay_from, None);
    assert_eq!(first.handled.report.counts.folded, 2);
    let second = stage.part(2, &["add 4"], &first.state, false);
    assert_eq!(contents(&second.state)["sum"], 7);
    assert_eq!(stage.output.taken(), [], "nothing is delivered before the window closes");
    let last = stage.part(3, &[], &second.state, true);
    assert_eq!((last.replay_from, last.state), (None, json!({})));
    assert_eq!(stage.windows(), [delivered(7, 0..3)]);
    // It has the position of the last event in it, and the shard's id as its key.
    let output = &stage.output.taken()[0];
    assert_eq!((output.sequence_number.clone(), output.partition_key.as_str()), (sequence_number(2), SHARD_ID));
    // The next one begins anew, and may close with records.
    let next = stage.part(3, &["add 8"], &json!({}), true);
    assert_eq!((next.replay_from, next.state), (None, json!({})));
    assert_eq!(stage.windows()[1], delivered(8, 3..4));
    assert_eq!(next.handled.closed.map(|closed| closed.outputs), Some(1));
}

#[test]
fn a_window_without_events_closes_too() {
    let stage = Stage::new();
    let last = stage.part(0, &[], &json!({}), true);
    assert_eq!((last.replay_from, last.state), (None, json!({})));
    assert_eq!(stage.windows(), [delivered(0, [])]);
    assert_eq!(stage.output.taken()[0].sequence_number, "1795194060000", "the end of the window");
    // Nor is there a state where nothing was folded.
    assert_eq!(stage.part(0, &[], &json!({}), false).state, json!({}));
}

#[test]
fn what_fails_leaves_no_trace_in_the_state() {
    let stage = Stage::new();
    let payloads = ["add 1", "reject no", "add 2", "panic on purpose", "nonsense", "add 4", "reject no", "fickle"];
    let first = stage.part(0, &payloads, &json!({}), false);
    assert_eq!(first.replay_from, None);
    assert_eq!(contents(&first.state)["seen"], seen([0, 2, 5, 7]));
    let kinds: Vec<String> = stage.letters().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["rejected", "trap", "rejected", "rejected"]);
    let last = stage.part(8, &["spin", "add 8"], &first.state, true);
    assert_eq!(last.replay_from, None);
    assert_eq!(stage.windows(), [delivered(15, [0, 2, 5, 7, 9])]);
    assert_eq!(stage.letters().last().map(|(kind, _)| kind.as_str()), Some("timeout"));
}

#[test]
fn the_state_ends_where_the_batch_stops() {
    let stage = Stage::new();
    let first = stage.part(0, &["add 1", "reject no", "add 2", "retry later", "add 4"], &json!({}), true);
    assert_eq!(first.replay_from, Some(sequence_number(3)));
    assert_eq!(contents(&first.state)["seen"], seen([0, 2]));
    assert_eq!(stage.output.taken(), [], "a window that is not whole does not close");
    let second = stage.part(3, &["add 8", "add 4"], &first.state, true);
    assert_eq!((second.replay_from, second.state), (None, json!({})));
    assert_eq!(stage.windows(), [delivered(15, [0, 2, 3, 4])]);
}

/// It has one sequence number to replay from.
#[test]
fn an_aggregate_is_in_the_state_as_a_whole_or_not_at_all() {
    let stage = Stage::new();
    let aggregate = |payloads: &[&str]| {
        let mut writer = AggregateWriter::default();
        payloads.iter().for_each(|payload| writer.push("key", payload.as_bytes()));
        record(1, "key", &Data::Bytes(writer.finish()))
    };
    let plain = record(0, "key", &"add 1".into());
    let first = part([plain, aggregate(&["add 2", "retry later", "add 4"])], &json!({}), true);
    let first = answer(&stage.processor, &first, None).expect("an answer");
    assert_eq!(first.replay_from, Some(sequence_number(1)));
    assert_eq!(contents(&first.state)["seen"], seen([0]));
    let again = part([aggregate(&["add 2", "add 8", "reject no", "add 4"])], &first.state, true);
    let again = answer(&stage.processor, &again, None).expect("an answer");
    assert_eq!((again.replay_from, again.state), (None, json!({})));
    assert_eq!(stage.windows()[0]["sum"], 15);
    let of_aggregate = |index: usize| format!("{}.{index}", sequence_number(1));
    assert_eq!(
        stage.windows()[0]["seen"],
        json!([format!("{}.0", sequence_number(0)), of_aggregate(0), of_aggregate(1), of_aggregate(3)])
    );
}

/// As of records: what earlier batches left behind costs no event.
#[test]
fn an_event_that_finds_no_memory_left_is_folded_by_a_fresh_instance() {
    let stage = Stage::new();
    // 128 MiB are 2,048 pages.
    let mut state = json!({});
    for index in 0..4 {
        let part = stage.part(index, &["leak 1200"], &state, false);
        assert_eq!(part.replay_from, None);
        state = part.state;
    }
    let last = stage.part(4, &["leak 3000", "add 1"], &state, true);
    assert_eq!(last.replay_from, None);
    assert_eq!(stage.windows(), [delivered(1, [0, 1, 2, 3, 5])]);
    assert_eq!(stage.letters(), [("memory".to_owned(), "leak 3000".to_owned())]);
}

#[test]
fn without_a_dead_letter_target_a_failure_is_where_to_replay_from() {
    let stage = Stage::with(Recorder::default(), None);
    for failing in ["reject no", "panic on purpose", "nonsense"] {
        let stopped = stage.part(0, &["add 1", "add 2", failing, "add 4"], &json!({}), false);
        assert_eq!(stopped.replay_from, Some(sequence_number(2)), "{failing}");
        assert_eq!(contents(&stopped.state)["seen"], seen([0, 1]), "{failing}");
    }
    let at_once = stage.part(0, &["reject no"], &json!({}), false);
    assert_eq!((at_once.replay_from, at_once.state), (Some(sequence_number(0)), json!({})));
}

/// The guest is far beyond the event by then.
#[test]
fn a_dead_letter_that_fails_takes_back_what_was_folded_behind_it() {
    let plan = HashMap::from([(sequence_number(1), Fault::Fails { place: 0, times: 1 })]);
    let stage = Stage::with(Recorder::default(), Some(Recorder::with_plan(plan)));
    let payloads: Vec<String> =
        (0..600).map(|index| if index % 50 == 1 { "reject no".to_owned() } else { "add 1".to_owned() }).collect();
    let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
    let stopped = stage.part(0, &payloads, &json!({}), true);
    assert_eq!(stopped.replay_from, Some(sequence_number(1)));
    assert_eq!(contents(&stopped.state)["seen"], seen([0]));
    let again = stage.part(1, &payloads[1..], &stopped.state, true);
    assert_eq!((again.replay_from, again.state), (None, json!({})));
    assert_eq!(stage.windows(), [delivered(588, (0..600).filter(|index| index % 50 != 1))]);
}

/// As it does where the answer was lost, or where records come again out of order.
#[test]
fn an_event_that_is_in_the_state_is_not_folded_again() {
    let stage = Stage::new();
    let first = stage.part(0, &["add 1", "reject no", "add 2"], &json!({}), false);
    let again = stage.part(0, &["add 1", "reject no", "add 2", "add 4"], &first.state, false);
    assert_eq!((again.handled.report.counts.skipped, again.handled.report.counts.folded), (3, 1));
    assert_eq!(contents(&again.state)["seen"], seen([0, 2, 3]));
    assert_eq!(stage.letters().len(), 1);
    let behind = stage.part(1, &["reject no"], &again.state, true);
    assert_eq!((behind.replay_from, behind.handled.report.counts.skipped), (None, 1));
    assert_eq!(stage.windows(), [delivered(7, [0, 2, 3])]);
}

#[test]
fn until_the_outputs_of_a_window_are_delivered_nothing_of_its_last_batch_is_acknowledged() {
    let plan = HashMap::from([(sequence_number(2), Fault::Fails { place: 0, times: 2 })]);
    let stage = Stage::with(Recorder::with_plan(plan), Some(Recorder::default()));
    let first = stage.part(0, &["add 1"], &json!({}), false);
    for _ in 0..2 {
        let last = stage.part(1, &["add 2", "add 4"], &first.state, true);
        assert_eq!((last.replay_from, &last.state), (Some(sequence_number(1)), &first.state), "as it came");
        let report = last.handled.report;
        assert_eq!((report.counts.unacknowledged, report.counts.folded), (2, 0));
        assert!(report.stop.is_some_and(|stop| stop.reason.contains("the window can't be closed: refused on purpose")));
    }
    let last = stage.part(1, &["add 2", "add 4"], &first.state, true);
    assert_eq!((last.replay_from, last.state), (None, json!({})));
    assert_eq!(stage.windows(), [delivered(7, 0..3)]);
}

#[test]
fn a_window_that_can_not_close_fails_the_invocation_where_no_record_can_be_named() {
    let plan = HashMap::from([(sequence_number(0), Fault::Fails { place: 0, times: 1 })]);
    let stage = Stage::with(Recorder::with_plan(plan), None);
    let first = stage.part(0, &["add 1"], &json!({}), false);
    let last = event(1, &[], &first.state, true);
    let error = answer(&stage.processor, &last, None).expect_err("not delivered").to_string();
    assert_eq!(error, "the window can't be closed: its output was not delivered: refused on purpose");
    assert_eq!(answer(&stage.processor, &last, None).expect("delivered").state, json!({}));
    assert_eq!(stage.windows(), [delivered(1, 0..1)]);
}

#[test]
fn a_window_that_can_never_close_goes_to_the_dead_letters() {
    for (end, kind) in [
        ("reject no", "rejected"),
        ("panic on purpose", "trap"),
        ("spin", "timeout"),
        ("route nowhere", "undeliverable"),
    ] {
        let verb = format!("end {end}");
        let stage = Stage::new();
        let last = stage.part(0, &["add 1", &verb], &json!({}), true);
        assert_eq!((last.replay_from, last.state), (None, json!({})), "{end}");
        let letters = stage.letters();
        assert_eq!(letters.len(), 1, "{end}");
        let state: Value = serde_json::from_str(&letters[0].1).expect("the state");
        assert_eq!((letters[0].0.as_str(), &state["seen"]), (kind, &seen([0, 1])), "{end}");
        assert_eq!(
            last.handled.closed.and_then(|closed| closed.dead_lettered).map(|why| why.kind.as_str()),
            Some(kind)
        );
        // Without a place for it, it stays where it is.
        let stage = Stage::with(Recorder::default(), None);
        let last = stage.part(0, &["add 1", &verb], &json!({}), true);
        assert_eq!((last.replay_from, last.state), (Some(sequence_number(0)), json!({})), "{end}");
    }
}

#[test]
fn a_window_may_ask_to_be_closed_later() {
    let stage = Stage::new();
    let last = stage.part(0, &["end retry the table is being rebuilt"], &json!({}), true);
    assert_eq!((last.replay_from, last.state), (Some(sequence_number(0)), json!({})));
    let stop = last.handled.report.stop.expect("a stop");
    assert_eq!(stop.reason, "the window can't be closed: the table is being rebuilt");
}

#[test]
fn a_window_that_lambda_closes_early_says_so() {
    let stage = Stage::new();
    let mut early = event(0, &["add 1"], &json!({}), false);
    early["isWindowTerminatedEarly"] = true.into();
    assert_eq!(answer(&stage.processor, &early, None).expect("an answer").state, json!({}));
    assert_eq!((&stage.windows()[0]["early"], &stage.windows()[0]["sum"]), (&true.into(), &1.into()));
}

#[test]
fn a_state_that_lambda_would_not_carry_is_refused() {
    let stage = Stage::new();
    let fits = stage.part(0, &["bloat 690000"], &json!({}), false);
    let carried = fits.state.to_string();
    assert!(carried.len() < 1_000_000, "{}", carried.len());
    let error = answer(&stage.processor, &event(1, &["bloat 20000"], &fits.state, false), None);
    let error = error.expect_err("too large").to_string();
    assert!(error.contains("700000 of them: let the transform fold into less, or make the window shorter"), "{error}");
    // What closes at once has no state to carry.
    let last = stage.part(1, &["bloat 20000"], &fits.state, true);
    assert_eq!((last.replay_from, last.state), (None, json!({})));
}

/// The time to get back to the state is part of the reserve.
#[test]
fn at_the_deadline_the_state_is_that_of_what_was_acknowledged() {
    let stage = Stage::new();
    let payloads = vec!["sleep 20"; 200];
    let mut from = 0;
    let mut state = json!({});
    let mut rounds = 0;
    while from < payloads.len() {
        let now = Instant::now();
        let deadline =
            Deadline { interrupt_at: now + Duration::from_millis(990), answer_by: now + Duration::from_millis(1800) };
        let event = event(from, &payloads[from..], &state, false);
        let part = answer(&stage.processor, &event, Some(deadline)).expect("an answer");
        assert!(now.elapsed() < Duration::from_millis(1900), "{:?}", now.elapsed());
        from = part.handled.report.stop.as_ref().map_or(payloads.len(), |stop| from + stop.index);
        state = part.state;
        assert_eq!(contents(&state)["seen"], seen(0..from));
        rounds += 1;
    }
    assert!((2..20).contains(&rounds), "{rounds}");
}
