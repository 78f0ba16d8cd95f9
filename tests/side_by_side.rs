//! Several instances of the transform on one batch: what comes of it is what one would make of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kinesieve::event::{Batch, parse_lambda_event};
use kinesieve::processor::{Cause, Deadline, Processor};
use kinesieve::transform::Limits;
use proptest::prelude::*;

use crate::support::events::{Data, event_of, record, sequence_number};
use crate::support::runtime_api::RuntimeApi;
use crate::support::sinks::{Gatherer, Recorder};
use crate::support::{Scripted, block_on, guest_file, in_lambda};

/// So many events that three instances are worth it.
const EVENTS: usize = 300;

fn batch_of(payloads: &[String], keys: usize) -> Arc<Batch> {
    let records = payloads.iter().enumerate().map(|(index, payload)| {
        let data = if payload == "broken" { Data::Broken("%".to_owned()) } else { payload.as_str().into() };
        record(index, &format!("key-{}", index % keys), &data)
    });
    Arc::new(parse_lambda_event(&event_of(records)).expect("a batch"))
}

/// What came of a batch: where it stopped and why, the counts, the outputs, and the dead letters.
fn outcome(processor: &Processor, batch: &Arc<Batch>, output: &Recorder, dead: &Recorder) -> (String, Vec<String>) {
    let report = block_on(processor.process(Arc::clone(batch), None));
    let stop = report.stop.map(|stop| (stop.index, stop.cause, stop.reason, stop.replay_from.to_string()));
    let of_dead_letters = |letter: String| {
        let letter: serde_json::Value = serde_json::from_str(&letter).expect("JSON");
        format!("{} {}", letter["sequenceNumber"], letter["kind"])
    };
    let letters: Vec<String> = dead.texts().into_iter().map(of_dead_letters).collect();
    (format!("{stop:?} {:?} {letters:?}", report.counts), output.texts())
}

fn by(guests: usize, batch: &Arc<Batch>) -> (String, Vec<String>) {
    let (output, dead) = (Arc::<Recorder>::default(), Arc::<Recorder>::default());
    let scripted = Scripted::new(Limits::default()).with_workers(guests);
    let processor = scripted.processor(&output, &output, Some(&dead));
    outcome(&processor, batch, &output, &dead)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn several_make_of_a_batch_what_one_makes(
        odd in prop::collection::vec((0..EVENTS, prop::sample::select(vec![
            "drop", "emit 3", "emit 0", "reject not this", "panic", "broken", "retry not now", "emit 1 route=nowhere",
        ])), 0..20),
        keys in 1usize..40,
    ) {
        let mut payloads = vec!["emit 1 note=plain".to_owned(); EVENTS];
        for (place, payload) in odd {
            payloads[place] = payload.to_owned();
        }
        let batch = batch_of(&payloads, keys);
        prop_assert_eq!(by(3, &batch), by(1, &batch));
    }
}

#[test]
fn they_share_the_work() {
    let output = Arc::<Recorder>::default();
    let scripted = Scripted::new(Limits::default()).with_workers(2);
    let processor = scripted.processor(&output, &output, None::<&Arc<Recorder>>);
    block_on(processor.process(batch_of(&vec!["count".to_owned(); EVENTS], 50), None));
    let counts: Vec<usize> = output.texts().iter().map(|count| count.parse().expect("a number")).collect();
    let most = counts.iter().max().copied().unwrap_or_default();
    assert!((EVENTS / 4..EVENTS * 3 / 4 + 1).contains(&most), "one of the two had {most} of {EVENTS}");
    // Each of them sees its events in their order.
    let mut last = [0; 2];
    for count in counts {
        let sees_it = last.iter().position(|last| last + 1 == count).expect("the next of one of the two");
        last[sees_it] = count;
    }
}

#[test]
fn a_small_batch_is_one_instances() {
    let output = Arc::<Recorder>::default();
    let scripted = Scripted::new(Limits::default()).with_workers(2);
    let processor = scripted.processor(&output, &output, None::<&Arc<Recorder>>);
    block_on(processor.process(batch_of(&vec!["count".to_owned(); 50], 50), None));
    assert_eq!(output.texts().last().map(String::as_str), Some("50"));
}

#[test]
fn one_that_hangs_up_to_the_deadline_ends_the_batch_there_and_not_before() {
    let output = Arc::<Recorder>::default();
    let scripted = Scripted::new(Limits { event_time: Duration::from_secs(60), ..Limits::default() }).with_workers(2);
    let processor = scripted.processor(&output, &output, None::<&Arc<Recorder>>);
    let mut payloads = vec!["keep".to_owned(); EVENTS];
    // Of the same key, so that the one that hangs had not all the time, and comes again.
    payloads[160] = "sleep 500".to_owned();
    payloads[200] = "spin".to_owned();
    let now = Instant::now();
    let deadline = Deadline { interrupt_at: now + Duration::from_secs(2), answer_by: now + Duration::from_secs(60) };
    let report = block_on(processor.process(batch_of(&payloads, 40), Some(deadline)));
    let stop = report.stop.expect("a stop");
    assert_eq!((stop.index, stop.cause, stop.replay_from.to_string()), (200, Cause::Deadline, sequence_number(200)));
    assert_eq!(output.texts().len(), 200);
}

/// What comes before a record that has to come again is delivered, and nothing else of the batch is waited for: here the
/// others would take a minute. Which of the two instances has a key is not known, so several are tried.
#[test]
fn a_retry_waits_for_no_other_instance() {
    for key in ["b", "c", "d", "e", "f"] {
        let (output, dead) = (Arc::<Recorder>::default(), Arc::new(Gatherer::new(2_000, Duration::ZERO)));
        let scripted = Scripted::new(Limits { event_time: Duration::from_secs(60), ..Limits::default() });
        let processor = scripted.with_workers(2).processor(&output, &output, Some(&dead));
        let records = (0..EVENTS).map(|index| match index {
            0 => record(index, "a", &"retry later".into()),
            _ => record(index, key, &"sleep 59000".into()),
        });
        let batch = Arc::new(parse_lambda_event(&event_of(records)).expect("a batch"));
        let started = Instant::now();
        let stop = block_on(processor.process(batch, None)).stop.expect("a stop");
        assert_eq!((stop.index, stop.cause), (0, Cause::Retry));
        assert!(started.elapsed() < Duration::from_secs(50), "{:?}", started.elapsed());
    }
}

/// Objects are named by what is in them: a replay must not gather otherwise.
#[test]
fn what_is_gathered_does_not_depend_on_who_is_first() {
    let gatherings = |guests: usize| {
        let (output, dead) = (Arc::<Recorder>::default(), Arc::new(Gatherer::new(2_000, Duration::ZERO)));
        let scripted = Scripted::new(Limits::default()).with_workers(guests);
        let processor = scripted.processor(&output, &output, Some(&dead));
        let payloads: Vec<String> =
            (0..2_000).map(|index| if index % 7 == 0 { "reject it".to_owned() } else { "keep".to_owned() }).collect();
        block_on(processor.process(batch_of(&payloads, 100), None));
        dead.gatherings().len()
    };
    let expected = gatherings(3);
    for _ in 0..5 {
        assert_eq!(gatherings(3), expected);
    }
}

/// As many invocations at once as the environment says, each with an instance of its own.
#[test]
fn an_environment_takes_several_invocations_at_once() {
    let event = event_of([record(0, "a", &"sleep 1500".into())]);
    let api = RuntimeApi::with_invocations(vec![event.clone(), event], Duration::from_secs(60));
    let started = Instant::now();
    let mut function = in_lambda(&api)
        .env("AWS_LAMBDA_MAX_CONCURRENCY", "2")
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .env("KINESIEVE_EVENT_TIMEOUT", "10s")
        .spawn()
        .expect("it starts");
    let first = api.next_post(Duration::from_secs(60));
    let between = Instant::now();
    let second = api.next_post(Duration::from_secs(60));
    let apart = between.elapsed();
    function.kill().expect("it runs");
    function.wait().expect("it ends");
    for posted in [first, second] {
        assert!(posted.path.ends_with("/response"), "{} {}", posted.path, posted.body);
    }
    // One after the other, they would be as far apart as one takes.
    assert!(apart < Duration::from_millis(1_400), "{apart:?} of {:?}", started.elapsed());
}
