//! The promise, where records of the stream hold several events each: a record is acknowledged when all of its events
//! are.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use kinesieve::dead_letter::DeadLetterKind;
use kinesieve::event::{Position, Unpacking, parse_lambda_event};
use kinesieve::processor::{Cause, Processor, Report, RetryLimits};
use kinesieve::sink::{Delivery, Output, Sink, SinkFuture, SinkResponse};
use kinesieve::transform::Limits;
use proptest::prelude::*;

use super::{aggregate, aggregate_of, gzipped};
use crate::support::events::{Data, event_of, record, sequence_number};
use crate::support::sinks::Recorder;
use crate::support::{Scripted, block_on};

/// Remembers what it took by its text; refuses some texts so many times.
#[derive(Default)]
struct Picky {
    taken: Mutex<Vec<String>>,
    refuses: Mutex<HashMap<String, u8>>,
}

impl Picky {
    fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("unpoisoned").clone()
    }
}

impl Sink for Picky {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let mut taken = self.taken.lock().expect("unpoisoned");
        let mut refuses = self.refuses.lock().expect("unpoisoned");
        let deliveries = outputs.iter().map(|output| {
            let text = String::from_utf8_lossy(output.data).into_owned();
            match refuses.get_mut(&text) {
                Some(times) if *times > 0 => {
                    *times -= 1;
                    Delivery::Failed { reason: "refused on purpose".into() }
                }
                _ => {
                    taken.push(text);
                    Delivery::Delivered
                }
            }
        });
        Box::pin(std::future::ready(SinkResponse { deliveries: deliveries.collect(), ..SinkResponse::default() }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Keep,
    /// Kept, and refused so many times.
    Refused(u8),
    Drop,
    Reject,
    /// Asked for again, so many times.
    Retry(u8),
}

impl Step {
    fn is_acknowledged(self) -> bool {
        !matches!(self, Step::Refused(1..) | Step::Retry(1..))
    }

    fn payload(self, name: &str) -> String {
        match self {
            Step::Keep | Step::Refused(_) | Step::Retry(0) => format!("keep {name}"),
            Step::Drop => format!("drop {name}"),
            Step::Reject => format!("reject {name}"),
            Step::Retry(_) => format!("retry {name}"),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Keep),
        2 => Just(Step::Drop),
        1 => (1u8..3).prop_map(Step::Refused),
        1 => Just(Step::Reject),
        1 => (1u8..3).prop_map(Step::Retry),
    ]
}

/// Records, each of so many events; of one, it travels alone.
fn records() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(
        prop_oneof![2 => prop::collection::vec(step(), 1..2), 3 => prop::collection::vec(step(), 2..9)],
        1..10,
    )
}

fn name(record: usize, event: usize) -> String {
    format!("{record}.{event}")
}

fn event(records: &[Vec<Step>], from: usize) -> Vec<u8> {
    let whole = records.iter().enumerate().skip(from).map(|(index, steps)| {
        let texts: Vec<String> = steps.iter().enumerate().map(|(at, step)| step.payload(&name(index, at))).collect();
        let data = match texts.as_slice() {
            [text] => Data::from(text.as_str()),
            texts => Data::Bytes(aggregate(texts.iter().map(|text| ("user", text.as_bytes())))),
        };
        record(index, "key", &data)
    });
    event_of(whole)
}

struct Stage {
    output: Arc<Picky>,
    dead_letters: Arc<Picky>,
    processor: Processor,
}

impl Stage {
    fn new(records: &[Vec<Step>]) -> Self {
        let output = Arc::<Picky>::default();
        for (index, steps) in records.iter().enumerate() {
            for (at, step) in steps.iter().enumerate() {
                if let Step::Refused(times) = step {
                    output.refuses.lock().expect("unpoisoned").insert(step.payload(&name(index, at)), *times);
                }
            }
        }
        let dead_letters = Arc::<Picky>::default();
        let processor = Scripted::new(Limits::default()).processor(&output, &output, Some(&dead_letters));
        Self { output, dead_letters, processor }
    }

    fn process(&self, records: &[Vec<Step>], from: usize) -> Report {
        let batch = parse_lambda_event(&event(records, from)).expect("a batch");
        block_on(self.processor.process(Arc::new(batch), None))
    }

    fn is_dead(&self, payload: &str) -> bool {
        let encoded = base64_simd::STANDARD.encode_to_string(payload);
        self.dead_letters.taken().iter().any(|letter| letter.contains(&encoded))
    }

    fn is_done(&self, step: Step, name: &str) -> bool {
        match step {
            Step::Keep | Step::Refused(_) | Step::Retry(_) => self.output.taken().contains(&step.payload(name)),
            Step::Drop => true,
            Step::Reject => self.is_dead(&step.payload(name)),
        }
    }
}

/// Takes a failure away from an event, as the time that passes does.
fn passes(step: &mut Step) {
    if let Step::Retry(times) = step {
        *times = times.saturating_sub(1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// One pass against the model, and then replays as Lambda would send them, until all is done.
    #[test]
    fn a_record_is_acknowledged_when_all_of_its_events_are(records in records()) {
        let stage = Stage::new(&records);
        let mut records = records;
        let mut from = 0;
        for pass in 0.. {
            prop_assert!(pass < 500, "no progress at record {}", from);
            let report = stage.process(&records, from);
            let left: Vec<(usize, usize, Step)> = records.iter().enumerate().skip(from)
                .flat_map(|(index, steps)| steps.iter().enumerate().map(move |(at, step)| (index, at, *step)))
                .collect();
            let model = left.iter().position(|(_, _, step)| !step.is_acknowledged());
            prop_assert_eq!(report.stop.as_ref().map(|stop| stop.index), model, "{:?}", report);
            for (index, at, step) in &left[..model.unwrap_or(left.len())] {
                prop_assert!(stage.is_done(*step, &name(*index, *at)), "event {}.{} is lost", index, at);
            }
            let counts = &report.counts;
            prop_assert_eq!(counts.records, left.len() as u64);
            let Some(model) = model else {
                prop_assert_eq!(counts.unacknowledged, 0);
                break;
            };
            let (index, at, _) = left[model];
            let stop = report.stop.expect("a stop");
            prop_assert_eq!(stop.position, Position::new(&sequence_number(index), at as u64).expect("a position"));
            prop_assert_eq!(stop.replay_from.to_string(), sequence_number(index));
            // All of its record comes again.
            prop_assert_eq!(counts.unacknowledged, (left.len() - (model - at)) as u64);
            // The sink knows how often it still refuses an output; the guest said retry once.
            let guest_stop = left.iter().position(|(_, _, step)| matches!(step, Step::Retry(1..))).unwrap_or(left.len());
            for (index, at, step) in &left {
                if let Step::Refused(_) = step {
                    let times = stage.output.refuses.lock().expect("unpoisoned")[&step.payload(&name(*index, *at))];
                    records[*index][*at] = Step::Refused(times);
                }
            }
            if let Some((index, at, _)) = left.get(guest_stop) {
                passes(&mut records[*index][*at]);
            }
            from = index;
        }
    }
}

fn processor(output: &Arc<Recorder>, dead_letters: &Arc<Recorder>, attempts: u32) -> Processor {
    let limits = RetryLimits { attempts: NonZeroU32::new(attempts), age: None };
    Scripted::new(Limits::default()).processor(output, output, Some(dead_letters)).with_retry_limits(limits)
}

/// Two events of one aggregate that are asked for again and again: the second has its own attempts, once the first is
/// dead-lettered, and the first does not come again.
#[test]
fn attempts_of_an_aggregate_come_to_an_end() {
    let (output, dead_letters) = (Arc::<Recorder>::default(), Arc::<Recorder>::default());
    let processor = processor(&output, &dead_letters, 3);
    let body = event_of([record(0, "key", &aggregate_of(&["keep a", "retry b", "keep c", "retry d"]))]);
    let attempt = || block_on(processor.process(Arc::new(parse_lambda_event(&body).expect("a batch")), None));
    let stops = (0..4).map(|_| attempt().stop.expect("a stop"));
    let stops: Vec<_> = stops.map(|stop| (stop.cause, stop.position.sub_sequence_number(), stop.attempts)).collect();
    assert_eq!(stops, [(Cause::Retry, 1, 1), (Cause::Retry, 1, 2), (Cause::Retry, 3, 1), (Cause::Retry, 3, 2)]);
    let report = attempt();
    assert_eq!((report.stop, report.counts.skipped), (None, 3));
    assert_eq!(report.counts.dead_lettered, [(DeadLetterKind::Exhausted, 1)].into());
    assert_eq!(dead_letters.taken().len(), 2);
    let kept: Vec<String> = output.texts();
    assert_eq!(kept, ["keep a", "keep c"]);
}

/// Records that unpack to more than fits at once are processed in parts, and what is said of them is of all.
#[test]
fn a_batch_that_unpacks_to_much_is_one_batch_all_the_same() {
    let (output, dead_letters) = (Arc::<Recorder>::default(), Arc::<Recorder>::default());
    let unpacking = Unpacking { decode: kinesieve::event::DecodeStep::Auto.into(), ..Unpacking::default() };
    let processor = processor(&output, &dead_letters, 9).with_unpacking(unpacking);
    let large = |text: &str| Data::Bytes(gzipped(format!("{text} {}", "x".repeat(18 << 20)).as_bytes()));
    let process = |texts: &[&str]| {
        let records = texts.iter().enumerate().map(|(index, text)| record(index, "key", &large(text)));
        let batch = parse_lambda_event(&event_of(records)).expect("a batch");
        block_on(processor.process(Arc::new(batch), None))
    };
    let report = process(&["drop", "reject", "drop", "reject", "drop"]);
    assert_eq!((report.stop, report.counts.records, report.counts.dropped), (None, 5, 3));
    assert_eq!(report.first_dead_letter.map(|failure| failure.index), Some(1));
    assert_eq!(report.counts.bytes, report.counts.records * (18 << 20) + 3 * 5 + 2 * 7);
    for stops_at in [1, 3] {
        let mut texts = ["drop"; 6];
        texts[stops_at] = "retry";
        let report = process(&texts);
        let stop = report.stop.expect("a stop");
        assert_eq!((stop.index, stop.position.to_string()), (stops_at, sequence_number(stops_at)));
        assert_eq!((report.counts.records, report.counts.unacknowledged), (6, 6 - stops_at as u64));
    }
}

#[test]
fn a_failure_in_an_aggregate_is_its_user_records_own() {
    let (output, dead_letters) = (Arc::<Recorder>::default(), Arc::<Recorder>::default());
    let processor = processor(&output, &dead_letters, 3);
    let body = event_of([record(7, "key", &aggregate_of(&["keep a", "reject b", "panic c", "echo d", "keep e"]))]);
    let report = block_on(processor.process(Arc::new(parse_lambda_event(&body).expect("a batch")), None));
    assert_eq!((report.stop, report.counts.records, report.counts.all_dead_lettered()), (None, 5, 2));
    let places: Vec<serde_json::Value> = dead_letters
        .texts()
        .iter()
        .map(|letter| serde_json::from_str::<serde_json::Value>(letter).expect("JSON")["subSequenceNumber"].clone())
        .collect();
    assert_eq!(places, [1, 2]);
    // What the transform sees of it: its own key, and its place in the aggregate.
    let seen: serde_json::Value = serde_json::from_str(&output.texts()[1]).expect("JSON");
    assert_eq!((&seen["partitionKey"], &seen["subSequenceNumber"]), (&"user".into(), &3.into()));
    assert_eq!(seen["sequenceNumber"], sequence_number(7));
}
