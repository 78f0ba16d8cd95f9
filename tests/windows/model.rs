//! Windows against a plain fold, with replays and faults: whatever fails on the way, each event is in what its window
//! comes to exactly once, or in the dead letters, and never in both.

use std::collections::{HashMap, HashSet};

use kinesieve::lambda::HandleError;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Stage, seen};
use crate::support::events::{Data, record, sequence_number};
use crate::support::sinks::{Fault, Recorder};
use crate::support::windows::{Answer, answer, part};

/// What the transform does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Add(i8),
    Reject,
    Panic,
    Undecodable,
    /// It asks for it again, so many times.
    Retry(u8),
}

/// One event of a case.
#[derive(Debug, Clone, Copy)]
struct Planned {
    step: Step,
    /// How often its dead letter is refused.
    dead_letter_fails: usize,
}

impl Planned {
    fn payload(&self, asked: u8) -> Data {
        match self.step {
            Step::Add(number) => format!("add {number}").as_str().into(),
            Step::Reject => "reject on purpose".into(),
            Step::Panic => "panic on purpose".into(),
            Step::Undecodable => Data::Broken("%%%".to_owned()),
            // In life, the transform would take it at last.
            Step::Retry(times) if asked < times => "retry on purpose".into(),
            Step::Retry(_) => "add 0".into(),
        }
    }

    fn is_folded(&self) -> bool {
        matches!(self.step, Step::Add(_) | Step::Retry(_))
    }
}

/// What Lambda makes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lambda {
    /// What it should.
    Heeds,
    /// It never hears of it: all comes again, with the state of before.
    LosesAnswer,
    /// It keeps the state, and sends records again that are in it.
    SendsAgain,
}

#[derive(Debug, Clone)]
struct Case {
    events: Vec<Planned>,
    /// How many records come at once, in turns.
    batches: Vec<usize>,
    lambda: Vec<Lambda>,
    /// How often the outputs of the window are refused.
    output_fails: usize,
    /// Whether the window closes with its last records, or after them.
    closes_with_records: bool,
}

fn planned() -> impl Strategy<Value = Planned> {
    let step = prop_oneof![
        12 => any::<i8>().prop_map(Step::Add),
        2 => Just(Step::Reject),
        1 => Just(Step::Panic),
        1 => Just(Step::Undecodable),
        1 => (1u8..3).prop_map(Step::Retry),
    ];
    let dead_letter_fails = prop_oneof![6 => Just(0usize), 1 => 1usize..3];
    (step, dead_letter_fails).prop_map(|(step, dead_letter_fails)| Planned { step, dead_letter_fails })
}

fn case() -> impl Strategy<Value = Case> {
    let lambda = prop_oneof![6 => Just(Lambda::Heeds), 1 => Just(Lambda::LosesAnswer), 1 => Just(Lambda::SendsAgain)];
    (
        prop::collection::vec(planned(), 0..150),
        prop::collection::vec(1usize..60, 1..5),
        prop::collection::vec(lambda, 1..8),
        0usize..3,
        any::<bool>(),
    )
        .prop_map(|(events, batches, mut lambda, output_fails, closes_with_records)| {
            // It comes to an end.
            lambda.push(Lambda::Heeds);
            Case { events, batches, lambda, output_fails, closes_with_records }
        })
}

/// Plays Lambda until the window is closed, and says how many invocations that took.
fn play(case: &Case, stage: &Stage) -> Result<usize, TestCaseError> {
    let mut asked: HashMap<usize, u8> = HashMap::new();
    let (mut from, mut state, mut invocations) = (0, json!({}), 0);
    let mut came_before = 0;
    loop {
        prop_assert!(invocations < 2000, "no progress at event {}", from);
        let lambda = case.lambda[invocations % case.lambda.len()];
        let size = case.batches[invocations % case.batches.len()];
        invocations += 1;
        let end = (from + size).min(case.events.len());
        let is_last = end == case.events.len() && (case.closes_with_records || from == end);
        // What comes a second time comes before what is new.
        let start = if lambda == Lambda::SendsAgain { came_before } else { from };
        let records = (start..end).map(|index| {
            let times = asked.get(&index).copied().unwrap_or(0);
            record(index, &format!("key-{}", index % 3), &case.events[index].payload(times))
        });
        let came = answer(&stage.processor, &part(records, &state, is_last), None);
        let Answer { replay_from, state: next, handled } = match came {
            Ok(answer) => answer,
            // With no record to name.
            Err(HandleError::Window(_)) if start == end => continue,
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let counts = &handled.report.counts;
        let done = counts.folded + counts.skipped + counts.all_dead_lettered();
        prop_assert_eq!(counts.records, done + counts.unacknowledged);
        let stop = replay_from.map(|number| {
            (start..end).find(|index| sequence_number(*index) == number).expect("a record that was sent")
        });
        if let Some(at) = stop {
            *asked.entry(at).or_default() += 1;
        }
        if lambda == Lambda::LosesAnswer && next != json!({}) {
            continue;
        }
        if is_last && stop.is_none() {
            prop_assert_eq!(next, json!({}));
            return Ok(invocations);
        }
        state = next;
        came_before = from;
        from = stop.unwrap_or(end);
    }
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let letters = case
        .events
        .iter()
        .enumerate()
        .map(|(index, event)| (sequence_number(index), Fault::Fails { place: 0, times: event.dead_letter_fails }));
    let output_fails = Fault::Fails { place: 0, times: case.output_fails };
    let last = case.events.len().checked_sub(1).map_or("1795194060000".to_owned(), sequence_number);
    let stage =
        Stage::with(Recorder::with_plan([(last, output_fails)].into()), Some(Recorder::with_plan(letters.collect())));
    play(case, &stage)?;

    let folded = || case.events.iter().enumerate().filter(|(_, event)| event.is_folded());
    let sum: i64 = folded().map(|(_, event)| if let Step::Add(number) = event.step { number.into() } else { 0 }).sum();
    let windows = stage.windows();
    prop_assert_eq!(windows.len(), 1, "{:?}", windows);
    prop_assert_eq!(&windows[0]["sum"], &Value::from(sum));
    prop_assert_eq!(&windows[0]["seen"], &seen(folded().map(|(index, _)| index)));

    let dead: HashSet<String> = stage.dead_letters.taken().into_iter().map(|letter| letter.sequence_number).collect();
    let failed = case.events.iter().enumerate().filter(|(_, event)| !event.is_folded());
    prop_assert_eq!(dead, failed.map(|(index, _)| sequence_number(index)).collect::<HashSet<String>>());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_a_window_is_a_plain_fold(case in case()) {
        check(&case)?;
    }
}
