//! Liveness: with a target that takes at least something in each invocation, every batch comes to its end, and nothing is
//! delivered twice for want of remembering what was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use kinesieve::event::{Batch, Position, Record};
use kinesieve::processor::{Processor, Report};
use kinesieve::sink::{Delivery, DeliveryTiming, Output, Sink, SinkFuture, SinkResponse};
use kinesieve::transform::Limits;
use proptest::prelude::*;

use crate::support::events::{SHARD_ID, STREAM_ARN};
use crate::support::positions::Positions;
use crate::support::{Scripted, block_on};

/// A target that takes so many outputs an invocation, in their order, and refuses the rest: one that is slow, seen from
/// a function whose time is over.
#[derive(Debug)]
pub struct Slow {
    an_invocation: usize,
    left: Mutex<usize>,
    gathers: Option<usize>,
    /// Position, ordinal and text of what it took.
    taken: Mutex<Vec<Taken>>,
}

type Taken = (String, u32, String);

impl Slow {
    fn new(an_invocation: usize) -> Self {
        Self { an_invocation, left: Mutex::new(0), gathers: None, taken: Mutex::default() }
    }

    fn gathering(self, bytes: usize) -> Self {
        Self { gathers: Some(bytes), ..self }
    }

    fn next_invocation(&self) {
        *self.left.lock().expect("unpoisoned") = self.an_invocation;
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("unpoisoned").clone()
    }
}

impl Sink for Slow {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let mut left = self.left.lock().expect("unpoisoned");
        let mut taken = self.taken.lock().expect("unpoisoned");
        let deliveries = outputs.iter().map(|output| {
            if *left == 0 {
                return Delivery::Failed { reason: "time was up".into() };
            }
            *left -= 1;
            let position = format!("{}.{}", output.sequence_number, output.sub_sequence_number);
            taken.push((position, output.ordinal, String::from_utf8_lossy(output.data).into_owned()));
            Delivery::Delivered
        });
        Box::pin(std::future::ready(SinkResponse { deliveries: deliveries.collect(), ..SinkResponse::default() }))
    }

    fn hand_over(&self) -> DeliveryTiming {
        self.gathers.map_or(DeliveryTiming::Promptly, |bytes| DeliveryTiming::Gathered { bytes })
    }
}

/// A shard: records, each of some events, by their payloads.
fn shard(records: &[Vec<String>], from: usize) -> Batch {
    let mut batch = Batch::builder(STREAM_ARN, SHARD_ID);
    for (index, events) in records.iter().enumerate().skip(from) {
        for (sub_sequence_number, payload) in (0..).zip(events) {
            let sequence_number = (index + 1).to_string();
            let record = Record {
                partition_key: "one key",
                sequence_number: &sequence_number,
                sub_sequence_number,
                arrived_at: 1_545_084_650_987,
            };
            batch.push_bytes(record, payload.as_bytes()).expect("a record");
        }
    }
    batch.build()
}

/// Plays Lambda with a function for each invocation: what comes again begins with the record that it names. Answers with
/// the number of invocations.
fn play(records: &[Vec<String>], slow: &[&Slow], mut function: impl FnMut() -> Arc<Processor>) -> (usize, Report) {
    let mut from = 0;
    let most = 20 + records.iter().flatten().count() * 5;
    for invocation in 1..=most {
        slow.iter().for_each(|slow| slow.next_invocation());
        let report = block_on(function().process(Arc::new(shard(records, from)), None));
        let Some(stop) = &report.stop else { return (invocation, report) };
        let number: usize = stop.replay_from.to_string().parse().expect("a number");
        assert!(number > from, "it goes back from {from} to {number}");
        from = number - 1;
    }
    panic!("no end after {most} invocations: at record {from}");
}

fn texts(slow: &Slow) -> Vec<String> {
    slow.taken().into_iter().map(|(_, _, text)| text).collect()
}

/// 5,000 user records of one key, of which a target takes 660 before the time is over: each invocation goes on behind
/// what the last one delivered.
#[test]
fn an_aggregate_that_takes_longer_than_an_invocation_comes_to_its_end() {
    let records = vec![(0..5000).map(|index| format!("keep {index}")).collect::<Vec<_>>()];
    let slow = Arc::new(Slow::new(660));
    let processor = Arc::new(Scripted::new(Limits::default()).processor(&slow, &slow, Some(&slow)));
    let (invocations, report) = play(&records, &[&slow], || Arc::clone(&processor));
    assert_eq!(invocations, 8);
    assert_eq!(texts(&slow), records[0]);
    assert_eq!((report.counts.skipped, report.counts.kept), (7 * 660, 5000 - 7 * 660));
}

/// The same where one event alone has more outputs than an invocation can deliver.
#[test]
fn an_event_that_fans_out_for_longer_than_an_invocation_comes_to_its_end() {
    let records = vec![vec!["keep before".to_owned()], vec!["emit 2000 note=all".to_owned()], vec!["keep".to_owned()]];
    let slow = Arc::new(Slow::new(300));
    let processor = Arc::new(Scripted::new(Limits::default()).processor(&slow, &slow, Some(&slow)));
    let (invocations, _) = play(&records, &[&slow], || Arc::clone(&processor));
    assert_eq!(invocations, 7);
    let outputs = (0..2000).map(|index| format!("emit 2000 note=all#{index}"));
    let all: Vec<String> =
        std::iter::once("keep before".to_owned()).chain(outputs).chain(["keep".to_owned()]).collect();
    assert_eq!(texts(&slow), all);
}

/// Each invocation may find an environment that knows nothing: what is done stands in the checkpoint row.
#[test]
fn a_new_environment_goes_on_behind_what_the_checkpoint_row_says() {
    let positions = Positions::new();
    let records = vec![
        (0..40).map(|index| format!("keep {index}")).collect::<Vec<_>>(),
        vec!["emit 50 note=all".to_owned()],
        vec!["keep".to_owned()],
    ];
    let slow = Arc::new(Slow::new(12));
    let (invocations, _) = play(&records, &[&slow], || {
        let processor = Scripted::new(Limits::default()).processor(&slow, &slow, Some(&slow));
        Arc::new(processor.with_checkpoint_writer(positions.checkpoint_writer()))
    });
    assert_eq!(invocations, 91usize.div_ceil(12));
    let outputs = (0..50).map(|index| format!("emit 50 note=all#{index}"));
    let all: Vec<String> = records[0].iter().cloned().chain(outputs).chain(["keep".to_owned()]).collect();
    assert_eq!(texts(&slow), all);
    let row = positions.row();
    assert_eq!((row.position.as_deref(), row.stuck), (Some("3"), None));
}

/// What a row says was done counts for nothing where records are taken apart or transformed in another way since.
#[test]
fn another_deployment_begins_the_record_anew() {
    let positions = Positions::new();
    let records = vec![(0..10).map(|index| format!("keep {index}")).collect::<Vec<_>>()];
    let slow = Arc::new(Slow::new(4));
    let process = |digest: &str| {
        slow.next_invocation();
        let processor = Scripted::new(Limits::default()).processor(&slow, &slow, Some(&slow));
        let processor = processor.of_transform(digest).with_checkpoint_writer(positions.checkpoint_writer());
        block_on(processor.process(Arc::new(shard(&records, 0)), None))
    };
    assert_eq!(process("a").stop.map(|stop| stop.position), Position::new("1", 4).ok());
    assert_eq!(process("b").counts.skipped, 0);
    assert_eq!(process("b").counts.skipped, 0, "all of the record is counted as what comes again");
    assert_eq!(texts(&slow)[..8], ["keep 0", "keep 1", "keep 2", "keep 3", "keep 0", "keep 1", "keep 2", "keep 3"]);
    assert_eq!(texts(&slow)[8..], ["keep 4", "keep 5", "keep 6", "keep 7"]);
}

/// A transform that gives other outputs the second time: none of them is taken for delivered.
#[test]
fn outputs_that_are_others_the_second_time_are_delivered_from_the_first_one_on() {
    let slow = Arc::new(Slow::new(2));
    let processor = Scripted::new(Limits::default()).processor(&slow, &slow, Some(&slow));
    let process = |payload: &str| {
        slow.next_invocation();
        block_on(processor.process(Arc::new(shard(&[vec![payload.to_owned()]], 0)), None))
    };
    assert!(process("emit 3 note=a").stop.is_some());
    assert!(process("emit 3 note=b").stop.is_some());
    assert_eq!(process("emit 3 note=b").stop, None);
    let expected = ["emit 3 note=a#0", "emit 3 note=a#1", "emit 3 note=b#0", "emit 3 note=b#1", "emit 3 note=b#2"];
    assert_eq!(texts(&slow), expected);
}

/// What one event of a case does.
#[derive(Debug, Clone, Copy)]
enum Step {
    Keep,
    Drop,
    Emit(usize),
    /// To a target that gathers.
    Aside(usize),
    Reject,
    Panic,
}

impl Step {
    fn payload(self, name: &str) -> String {
        match self {
            Step::Keep => format!("keep {name}"),
            Step::Drop => "drop".to_owned(),
            Step::Emit(count) => format!("emit {count} note={name}"),
            Step::Aside(count) => format!("emit {count} route=side note={name}"),
            Step::Reject => "reject no".to_owned(),
            Step::Panic => "panic".to_owned(),
        }
    }

    /// How many outputs, and whether to the side.
    fn outputs(self) -> (usize, bool) {
        match self {
            Step::Keep => (1, false),
            Step::Emit(count) => (count, false),
            Step::Aside(count) => (count, true),
            Step::Drop | Step::Reject | Step::Panic => (0, false),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Keep),
        2 => Just(Step::Drop),
        3 => (0usize..8).prop_map(Step::Emit),
        3 => (0usize..8).prop_map(Step::Aside),
        2 => Just(Step::Reject),
        1 => Just(Step::Panic),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Targets that take little, prompt and gathering ones together, and dead letters among them: every batch ends, all
    /// arrives in order, and nothing that a target took is given to it a second time.
    #[test]
    fn with_fair_targets_every_batch_ends(
        records in prop::collection::vec(prop::collection::vec(step(), 1..12), 1..12),
        takes in 1usize..10,
        takes_aside in 1usize..10,
        takes_letters in 1usize..4,
        gathers in prop_oneof![Just(1usize), Just(700), Just(100_000)],
    ) {
        let payloads: Vec<Vec<String>> = records
            .iter()
            .enumerate()
            .map(|(at, steps)| steps.iter().enumerate().map(|(n, step)| step.payload(&format!("{at}-{n}"))).collect())
            .collect();
        let output = Arc::new(Slow::new(takes));
        let side = Arc::new(Slow::new(takes_aside).gathering(gathers));
        let letters = Arc::new(Slow::new(takes_letters));
        let transform = Scripted::new(Limits::default());
        let processor = Arc::new(transform.processor_of(output.clone(), side.clone(), Some(letters.clone())));
        play(&payloads, &[&output, &side, &letters], || Arc::clone(&processor));
        for (sink, is_side) in [(&output, false), (&side, true)] {
            let mut expected: HashMap<String, usize> = HashMap::new();
            for (at, steps) in records.iter().enumerate() {
                for (n, step) in steps.iter().enumerate() {
                    let (count, goes_aside) = step.outputs();
                    if count > 0 && goes_aside == is_side {
                        expected.insert(format!("{}.{n}", at + 1), count);
                    }
                }
            }
            let taken = sink.taken();
            let mut next: HashMap<&str, u32> = HashMap::new();
            for (position, ordinal, _) in &taken {
                let due = next.entry(position).or_default();
                prop_assert_eq!(*ordinal, *due, "of {}: {:?}", position, taken);
                *due += 1;
            }
            for (position, count) in &expected {
                prop_assert_eq!(next.get(position.as_str()).copied(), Some(*count as u32), "of {}", position);
            }
            let order: Vec<(usize, usize)> = taken
                .iter()
                .map(|(position, _, _)| {
                    let (record, n) = position.split_once('.').expect("a point");
                    (record.parse().expect("a number"), n.parse().expect("a number"))
                })
                .collect();
            prop_assert!(order.is_sorted(), "{:?}", order);
        }
        let mut letters = letters.taken();
        let count = letters.len();
        letters.dedup_by(|left, right| left.0 == right.0);
        let failing = records.iter().flatten().filter(|step| matches!(step, Step::Reject | Step::Panic)).count();
        prop_assert_eq!((letters.len(), count), (failing, failing), "a letter is written twice");
    }
}

/// Many events at once, in aggregates and alone, with few taken in each invocation: the number of invocations is what the
/// target makes necessary, and nothing is delivered twice.
#[test]
fn a_large_batch_behind_a_slow_target_ends_as_soon_as_that_allows() {
    let sizes = [1, 400, 1, 1, 2000, 1, 700];
    let records: Vec<Vec<String>> =
        (0..42).map(|at| (0..sizes[at % sizes.len()]).map(|n| format!("keep {at}-{n}")).collect()).collect();
    let events = records.iter().flatten().count();
    assert!(events > 18_000, "{events}");
    let slow = Arc::new(Slow::new(1500));
    let processor = Arc::new(Scripted::new(Limits::default()).processor(&slow, &slow, Some(&slow)));
    let (invocations, _) = play(&records, &[&slow], || Arc::clone(&processor));
    assert_eq!(invocations, events.div_ceil(1500));
    assert_eq!(texts(&slow), records.concat());
}
