//! The promise: an event is acknowledged only after it was delivered, dropped by the transform's own
//! word, or dead-lettered; nothing else ever moves the position forward.
//!
//! Held against a small model, for generated batches, outcomes and faults of the sinks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinesieve::event::parse_lambda_event;
use kinesieve::processor::{Cause, Deadline, Processor, Report};
use kinesieve::transform::Limits;
use proptest::prelude::*;

use crate::support::events::{Data, batch, event_of, record, sequence_number};
use crate::support::sinks::{Delivered, Fault, Gatherer, Hanging, Recorder, Taciturn};
use crate::support::{Scripted, block_on};

/// What the transform does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Keep,
    Drop,
    /// So many outputs, to the main output or the route `side`.
    Emit(usize, Route),
    Reject,
    Panic,
    Undecodable,
    Retry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Main,
    Side,
    Unknown,
}

/// One event of a case.
#[derive(Debug, Clone, Copy)]
struct Planned {
    step: Step,
    key: u8,
    /// What its sink does to one of its outputs.
    fault: Option<Fault>,
    /// How often its dead letter is refused.
    dead_letter_fails: usize,
}

impl Planned {
    fn payload(&self) -> Data {
        match self.step {
            Step::Keep => "keep".into(),
            Step::Drop => "drop".into(),
            Step::Emit(count, Route::Main) => format!("emit {count}").as_str().into(),
            Step::Emit(count, Route::Side) => format!("emit {count} route=side").as_str().into(),
            Step::Emit(count, Route::Unknown) => format!("emit {count} route=nowhere").as_str().into(),
            Step::Reject => "reject on purpose".into(),
            Step::Panic => "panic on purpose".into(),
            Step::Undecodable => Data::Broken("%%%".to_owned()),
            Step::Retry => "retry on purpose".into(),
        }
    }

    fn outputs(&self) -> usize {
        match self.step {
            Step::Keep => 1,
            Step::Emit(_, Route::Unknown) => 0,
            Step::Emit(count, _) => count,
            _ => 0,
        }
    }

    /// Whether the fault meets one of its outputs.
    fn meets(&self, is_kind: impl Fn(&Fault) -> bool) -> bool {
        self.fault.is_some_and(|fault| {
            let place = match fault {
                Fault::Fails { place, .. } | Fault::Undeliverable { place } => place,
            };
            is_kind(&fault) && place < self.outputs()
        })
    }

    fn fails_for_good(&self) -> bool {
        match self.step {
            Step::Reject | Step::Panic | Step::Undecodable => true,
            // No output names a route where there is none to name it.
            Step::Emit(count, Route::Unknown) => count > 0,
            _ => self.meets(|fault| matches!(fault, Fault::Undeliverable { .. })),
        }
    }

    /// The model: whether this event is acknowledged, the first time that it is seen.
    fn is_acknowledged(&self, has_dead_letters: bool) -> bool {
        let is_delivered = !self.meets(|fault| matches!(fault, Fault::Fails { times, .. } if *times > 0));
        let is_put_away = !self.fails_for_good() || (has_dead_letters && self.dead_letter_fails == 0);
        self.step != Step::Retry && is_delivered && is_put_away
    }
}

fn step(benign: u32) -> impl Strategy<Value = Step> {
    let route = prop_oneof![4 => Just(Route::Main), 2 => Just(Route::Side), 1 => Just(Route::Unknown)];
    prop_oneof![
        benign => Just(Step::Keep),
        benign / 2 => Just(Step::Drop),
        benign / 2 => (0usize..4, prop_oneof![Just(Route::Main), Just(Route::Side)]).prop_map(|(n, route)| Step::Emit(n, route)),
        2 => (0usize..4, route).prop_map(|(count, route)| Step::Emit(count, route)),
        2 => Just(Step::Reject),
        2 => Just(Step::Panic),
        2 => Just(Step::Undecodable),
        1 => Just(Step::Retry),
    ]
}

fn planned(benign: u32) -> impl Strategy<Value = Planned> {
    let fault = prop_oneof![
        benign => Just(None),
        1 => (0usize..4, 1usize..3).prop_map(|(place, times)| Some(Fault::Fails { place, times })),
        1 => (0usize..4).prop_map(|place| Some(Fault::Undeliverable { place })),
    ];
    let dead_letter_fails = prop_oneof![8 => Just(0usize), 1 => 1usize..3];
    (step(benign), 0u8..4, fault, dead_letter_fails).prop_map(|(step, key, fault, dead_letter_fails)| Planned {
        step,
        key,
        fault,
        dead_letter_fails,
    })
}

/// A case at work: the sinks, and the processor between them.
struct Stage {
    output: Arc<Recorder>,
    side: Arc<Recorder>,
    dead_letters: Arc<Recorder>,
    processor: Processor,
}

impl Stage {
    fn new(case: &[Planned], has_dead_letters: bool) -> Self {
        let plan = || case.iter().enumerate().filter_map(|(index, event)| Some((sequence_number(index), event.fault?)));
        let dead_letter_plan = case
            .iter()
            .enumerate()
            .map(|(index, event)| (sequence_number(index), Fault::Fails { place: 0, times: event.dead_letter_fails }));
        let output = Arc::new(Recorder::with_plan(plan().collect()));
        let side = Arc::new(Recorder::with_plan(plan().collect()));
        let dead_letters = Arc::new(Recorder::with_plan(dead_letter_plan.collect()));
        let processor =
            Scripted::new(Limits::default()).processor(&output, &side, has_dead_letters.then_some(&dead_letters));
        Self { output, side, dead_letters, processor }
    }

    /// Processes the case from an index on, as a replay would.
    fn process(&self, case: &[Planned], from: usize) -> Report {
        let records = case
            .iter()
            .enumerate()
            .skip(from)
            .map(|(index, event)| record(index, &format!("key-{}", event.key), &event.payload()));
        let batch = parse_lambda_event(&event_of(records)).expect("a batch");
        block_on(self.processor.process(Arc::new(batch), None))
    }

    fn delivered(&self) -> Vec<Delivered> {
        [self.output.taken(), self.side.taken()].concat()
    }
}

/// The outputs that an event has in the end, in order.
fn expected_outputs(event: &Planned) -> Vec<String> {
    let Data::Bytes(payload) = event.payload() else { return Vec::new() };
    let payload = String::from_utf8(payload).expect("text");
    match event.step {
        Step::Keep => vec![payload],
        Step::Emit(count, Route::Main | Route::Side) => {
            (0..count).map(|number| format!("{payload}#{number}")).collect()
        }
        _ => Vec::new(),
    }
}

fn check_one_pass(case: &[Planned], has_dead_letters: bool) -> Result<(), TestCaseError> {
    let stage = Stage::new(case, has_dead_letters);
    let report = stage.process(case, 0);
    let model = case.iter().position(|event| !event.is_acknowledged(has_dead_letters));
    prop_assert_eq!(report.stop.as_ref().map(|stop| stop.index), model, "{:?}", report);
    if let Some(stop) = &report.stop {
        prop_assert_eq!(stop.position.to_string(), sequence_number(stop.index));
    }

    let end = model.unwrap_or(case.len());
    let delivered = stage.delivered();
    let dead: Vec<String> = stage.dead_letters.taken().into_iter().map(|letter| letter.sequence_number).collect();
    for (index, event) in case[..end].iter().enumerate() {
        let number = sequence_number(index);
        let texts: Vec<String> =
            delivered.iter().filter(|output| output.sequence_number == number).map(Delivered::text).collect();
        if event.fails_for_good() {
            prop_assert_eq!(dead.iter().filter(|letter| **letter == number).count(), 1, "event {}", index);
        } else {
            prop_assert_eq!(texts, expected_outputs(event), "event {}", index);
            prop_assert!(!dead.contains(&number), "event {} is dead-lettered", index);
        }
    }
    // Where the position is known before anything is delivered, nothing behind it is.
    if matches!(report.stop.as_ref().map(|stop| stop.cause), Some(Cause::Retry | Cause::NoDeadLetterTarget(_)))
        && case[end].fault.is_none()
    {
        let acknowledged: HashSet<String> = (0..end).map(sequence_number).collect();
        prop_assert!(delivered.iter().all(|output| acknowledged.contains(&output.sequence_number)));
    }

    let counts = &report.counts;
    prop_assert_eq!(counts.records, case.len() as u64);
    prop_assert_eq!(counts.unacknowledged, (case.len() - end) as u64);
    let acknowledged = counts.kept + counts.dropped + counts.emitted + counts.all_dead_lettered();
    prop_assert_eq!(acknowledged, end as u64, "{:?}", counts);
    let outputs: usize = case[..end].iter().filter(|event| !event.fails_for_good()).map(Planned::outputs).sum();
    prop_assert_eq!(counts.outputs, outputs as u64);
    Ok(())
}

/// Plays Lambda: everything from the position on comes again, until all is acknowledged. An event that
/// the transform asks for again is skipped once it has been asked for (in life, the transform would
/// take it at last).
fn check_replays(case: &[Planned]) -> Result<(), TestCaseError> {
    let stage = Stage::new(case, true);
    let mut case = case.to_vec();
    let mut from = 0;
    let (mut last_stop, mut attempts) = (None, 0);
    let mut passes = 0;
    while from < case.len() {
        passes += 1;
        prop_assert!(passes < 10_000, "no progress at event {}", from);
        match stage.process(&case, from).stop {
            None => from = case.len(),
            Some(stop) => {
                let at = from + stop.index;
                attempts = if last_stop == Some(at) { attempts + 1 } else { 1 };
                prop_assert_eq!(stop.attempts, attempts, "{:?}", stop);
                last_stop = Some(at);
                if case[at].step == Step::Retry {
                    case[at].step = Step::Keep;
                }
                from = at;
            }
        }
    }
    let delivered = stage.delivered();
    let dead: HashSet<String> = stage.dead_letters.taken().into_iter().map(|letter| letter.sequence_number).collect();
    for (index, event) in case.iter().enumerate() {
        let number = sequence_number(index);
        if event.fails_for_good() {
            prop_assert!(dead.contains(&number), "event {} is lost", index);
            continue;
        }
        let mut missing: Vec<String> = expected_outputs(event);
        missing
            .retain(|text| !delivered.iter().any(|output| output.sequence_number == number && output.text() == *text));
        prop_assert!(missing.is_empty(), "outputs {:?} of event {} are lost", missing, index);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acknowledged_is_what_was_done(
        case in prop::collection::vec(planned(6), 0..40), has_dead_letters: bool,
    ) {
        check_one_pass(&case, has_dead_letters)?;
    }

    #[test]
    fn replays_from_the_position_lose_nothing(case in prop::collection::vec(planned(6), 0..40)) {
        check_replays(&case)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Batches of several chunks, in which few events fail.
    #[test]
    fn large_batches_keep_the_promise(
        case in prop::collection::vec(planned(2000), 400..2000), has_dead_letters: bool,
    ) {
        check_one_pass(&case, has_dead_letters)?;
    }

    /// The order in which outputs reach a target is the order of their events, by whichever route.
    #[test]
    fn outputs_arrive_in_shard_order(case in prop::collection::vec(planned(500), 0..1500), one_target: bool) {
        let output = Arc::<Recorder>::default();
        let side = if one_target { Arc::clone(&output) } else { Arc::default() };
        let processor = Scripted::new(Limits::default()).processor(&output, &side, Some(&Arc::<Recorder>::default()));
        let records = case.iter().enumerate().map(|(index, event)| record(index, "key", &event.payload()));
        let batch = parse_lambda_event(&event_of(records)).expect("a batch");
        block_on(processor.process(Arc::new(batch), None));
        for sink in [&output, &side] {
            let numbers: Vec<String> = sink.taken().into_iter().map(|output| output.sequence_number).collect();
            prop_assert!(numbers.is_sorted(), "{:?}", numbers);
        }
    }
}

#[test]
fn a_target_that_hangs_is_given_up_before_the_deadline() {
    let hanging = Arc::new(Hanging);
    let processor = Scripted::new(Limits::default()).processor(&hanging, &hanging, Some(&hanging));
    for payloads in [["keep", "keep"], ["reject no", "keep"]] {
        let started = Instant::now();
        let deadline =
            Deadline { interrupt_at: started + Duration::from_secs(1), answer_by: started + Duration::from_secs(2) };
        let report = block_on(processor.process(Arc::new(batch(&payloads)), Some(deadline)));
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let stop = report.stop.expect("a stop");
        assert_eq!(stop.index, 0);
        assert!(stop.reason.contains("did not answer before the deadline"), "{}", stop.reason);
    }
}

/// The service sends none such; if one came, everything that is not acknowledged would come again.
#[test]
fn in_a_batch_out_of_order_the_position_is_the_lowest_that_is_left() {
    let output = Arc::<Recorder>::default();
    let processor = Scripted::new(Limits::default()).processor(&output, &output, Some(&output));
    let records = [(3, "keep"), (5, "retry later"), (1, "keep"), (9, "keep")];
    let records = records.map(|(index, payload)| record(index, "key", &payload.into()));
    let batch = parse_lambda_event(&event_of(records)).expect("a batch");
    let stop = block_on(processor.process(Arc::new(batch), None)).stop.expect("a stop");
    assert_eq!((stop.index, stop.replay_from.to_string()), (1, sequence_number(1)));
}

/// What was done before the failed event is not done in vain.
#[test]
fn a_dead_letter_target_that_hangs_leaves_time_for_the_outputs_before() {
    let output = Arc::<Recorder>::default();
    let transform = Scripted::new(Limits::default());
    let processor = transform.processor_with(&output, &output, Some(Arc::new(Hanging)));
    let started = Instant::now();
    let deadline =
        Deadline { interrupt_at: started + Duration::from_secs(1), answer_by: started + Duration::from_secs(2) };
    let report = block_on(processor.process(Arc::new(batch(&["keep", "reject no", "keep"])), Some(deadline)));
    assert_eq!(report.stop.map(|stop| stop.index), Some(1));
    assert_eq!(output.texts(), ["keep"]);
}

/// While the guest works on later events, the outputs of earlier ones are on their way.
#[test]
fn outputs_are_on_their_way_while_the_guest_works_on() {
    let output = Arc::<Recorder>::default();
    let processor = Scripted::new(Limits::default()).processor(&output, &output, Some(&output));
    let processing = std::thread::spawn(move || {
        block_on(processor.process(Arc::new(batch(&["keep", "sleep 500", "sleep 500", "sleep 500", "keep"])), None))
    });
    let first_arrived = loop {
        if !output.texts().is_empty() {
            break output.texts();
        }
        assert!(!processing.is_finished(), "nothing arrived before the end");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(first_arrived.len() < 5, "everything came at once");
    assert_eq!(processing.join().expect("it ends").stop, None);
    assert_eq!(output.texts().len(), 5);
}

/// However fast the guest and the targets are, the same batch is gathered in the same way, and an event is
/// never taken apart: what is made of it, and its name, are the same when it comes again.
#[test]
fn what_is_gathered_depends_on_the_batch_alone() {
    let case = |pause: &str, slow: Duration| {
        let mut payloads: Vec<String> = (0..1500).map(|index| format!("emit {} note={index}", index % 4)).collect();
        payloads.insert(100, pause.to_owned());
        payloads.insert(900, pause.to_owned());
        let gatherer = Arc::new(Gatherer::new(4000, slow));
        let dead_letters = Arc::new(Gatherer::new(4000, slow));
        let processor = Scripted::new(Limits::default()).processor(&gatherer, &gatherer, Some(&dead_letters));
        let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
        assert_eq!(block_on(processor.process(Arc::new(batch(&payloads)), None)).stop, None);
        gatherer.gatherings()
    };
    let is_of_the_case = |text: &String| text.starts_with("emit");
    let of_the_case = |gatherings: Vec<Vec<String>>| -> Vec<Vec<String>> {
        gatherings.into_iter().map(|texts| texts.into_iter().filter(is_of_the_case).collect()).collect()
    };
    let quick = of_the_case(case("sleep 000", Duration::ZERO));
    let slow = of_the_case(case("sleep 150", Duration::from_millis(2)));
    assert_eq!(quick, slow);
    assert!(quick.len() > 3, "{} gatherings", quick.len());
    let event_of = |text: &String| text.split('#').next().map(str::to_owned);
    for pair in quick.windows(2) {
        assert_ne!(pair[0].last().and_then(event_of), pair[1].first().and_then(event_of));
    }
}

/// What is gathered later must not arrive before it.
#[test]
fn behind_a_gathering_that_is_refused_none_goes_out() {
    let gatherer = Arc::new(Gatherer::refusing(10));
    let processor = Scripted::new(Limits::default()).processor(&gatherer, &gatherer, Some(&gatherer));
    let stop = block_on(processor.process(Arc::new(batch(&["keep a gathering"; 300])), None)).stop.expect("a stop");
    assert_eq!((stop.index, stop.cause), (0, Cause::NotDelivered));
    assert_eq!(gatherer.gatherings(), [["keep a gathering"]]);
}

#[test]
fn an_output_without_an_answer_counts_as_not_delivered() {
    let taciturn = Arc::new(Taciturn);
    let processor = Scripted::new(Limits::default()).processor(&taciturn, &taciturn, Some(&taciturn));
    let report = block_on(processor.process(Arc::new(batch(&["keep", "drop", "keep"])), None));
    let stop = report.stop.expect("a stop");
    assert_eq!((stop.index, stop.cause), (2, Cause::NotDelivered));
    let report = block_on(processor.process(Arc::new(batch(&["reject no"])), None));
    assert!(matches!(report.stop.expect("a stop").cause, Cause::DeadLetterFailed(_)));
}

#[test]
fn attempts_at_the_event_that_blocks_a_shard_are_counted() {
    let output = Arc::<Recorder>::default();
    let plan = HashMap::from([(sequence_number(1), Fault::Fails { place: 0, times: 2 })]);
    let failing = Arc::new(Recorder::with_plan(plan));
    let processor = Scripted::new(Limits::default()).processor(&output, &output, Some(&failing));
    let payloads = ["keep", "reject no", "keep"];
    let attempts: Vec<Option<u32>> = (0..3)
        .map(|_| block_on(processor.process(Arc::new(batch(&payloads)), None)).stop.map(|stop| stop.attempts))
        .collect();
    assert_eq!(attempts, [Some(1), Some(2), None]);
    let letter: serde_json::Value = serde_json::from_str(&failing.texts()[0]).expect("JSON");
    assert_eq!(letter["attempts"], 3);
}
