//! The promise under every fault that services can show, with Lambda's replays around it: nothing lost,
//! nothing acknowledged that is not done, each key in its order, and nothing twice that nothing explains.
//!
//! A run is a seed: `SEED=123 cargo test --release --test behaviour a_seed_by_itself` plays one again.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kinesieve::lambda::handle;
use kinesieve::processor::{Deadline, Processor, RetryLimits};
use kinesieve::settings::Order;
use kinesieve::sink::{LineContent, Sink};
use kinesieve::transform::Limits;

use crate::support::event_source_mapping::{EventSourceMapping, Outcome};
use crate::support::events::{Data, event_of, record, sequence_number};
use crate::support::services::{Details, Faults, Put, Stub};
use crate::support::targets::{Kind, arrived, lines};
use crate::support::{Scripted, block_on};

/// What the transform does with an event, and what is to come of it in the end.
#[derive(Debug, Clone)]
struct Planned {
    payload: Data,
    key: String,
    ends: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// These outputs, by the route `side` or not.
    Outputs { data: Vec<String>, is_side: bool },
    /// A dead letter of this kind.
    Dead(&'static str),
}

fn planned(index: usize, luck: &mut fastrand::Rng, keys: usize) -> Planned {
    let outputs = |data: Vec<String>, is_side| End::Outputs { data, is_side };
    let text = |verb: &str| format!("{verb} #{index}");
    let (payload, ends) = match luck.u32(..20) {
        0..9 => (text("keep"), outputs(vec![text("keep")], false)),
        9..12 => (text("drop"), outputs(vec![], false)),
        12..14 => (text("reject"), End::Dead("rejected")),
        14 => (text("panic"), End::Dead("trap")),
        15 => (text("retry"), End::Dead("exhausted")),
        number => {
            let (count, is_side) = (luck.usize(0..4), number > 17);
            let route = if is_side { " route=side" } else { "" };
            let payload = format!("emit {count}{route} note={index}");
            let data = (0..count).map(|number| format!("{payload}#{number}")).collect();
            (payload, outputs(data, is_side))
        }
    };
    let payload = if index % 23 == 22 { Data::Broken(format!("%%{index}")) } else { payload.as_str().into() };
    let ends = if matches!(payload, Data::Broken(_)) { End::Dead("decode") } else { ends };
    Planned { payload, key: format!("k{}", index % keys), ends }
}

/// A target of a run: a service that fails, and what it was told.
struct Failing {
    stub: Stub,
    kind: Kind,
    attempt: Duration,
}

impl Failing {
    fn new(kind: Kind, luck: &mut fastrand::Rng) -> Self {
        let mut chance = |most: f64| if luck.bool() { luck.f64() * most } else { 0.0 };
        let mut faults = Faults {
            refused_record: chance(0.5),
            refused_request: chance(0.3),
            dropped_before: chance(0.2),
            dropped_after: chance(0.2),
            slow: chance(0.1),
            ..Faults::default()
        };
        if luck.u32(..8) == 0 {
            faults.hangs = luck.f64() * 0.3;
        }
        let refusing = Duration::from_millis(if luck.u32(..10) == 0 { luck.u64(1..200) } else { 0 });
        let stub = Stub::start_refusing_for(kind.service(), faults, luck.u64(..), refusing);
        // Where none hangs, only a machine that stands still makes an answer late.
        let attempt = Duration::from_millis(if faults.hangs > 0.0 { 250 } else { 60_000 });
        Self { stub, kind, attempt }
    }

    fn sink(&self, order: Order, lines: LineContent) -> Arc<dyn Sink> {
        self.kind.sink_of_lines(&self.stub.config_with(self.attempt), self.kind.arn(), order, lines)
    }

    /// The data of outputs, in the order in which they were put.
    fn data(&self) -> Vec<String> {
        arrived(&self.stub.puts()).into_iter().map(|arrived| text(arrived.data)).collect()
    }

    /// The position and the kind of dead letters.
    fn letters(&self) -> HashSet<(String, String)> {
        let letters = |put: &Put| match &put.details {
            Details::Object { key, .. } => lines(key, &put.data),
            _ => vec![text(put.data.clone())],
        };
        let letter = |line: String| {
            let letter: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            let of = |field: &str| letter[field].as_str().expect(field).to_owned();
            (of("sequenceNumber"), of("kind"))
        };
        self.stub.puts().iter().flat_map(letters).map(letter).collect()
    }

    /// How often an answer was kept back from whoever put this.
    fn unanswered(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for arrived in arrived(&self.stub.unanswered()) {
            *counts.entry(text(arrived.data)).or_default() += 1;
        }
        counts
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

/// A shard, its function, and the services around it.
struct Run {
    seed: u64,
    luck: fastrand::Rng,
    order: Order,
    events: Vec<Planned>,
    output: Failing,
    side: Failing,
    dead: Failing,
    /// How many batches held each event.
    sent: Vec<usize>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut luck = fastrand::Rng::with_seed(seed);
        let (count, keys) = (luck.usize(1..80), luck.usize(1..8));
        let events: Vec<Planned> = (0..count).map(|index| planned(index, &mut luck, keys)).collect();
        // By turns, so that each kind has its share, whatever the dice say.
        let kind = |turn: u64| Kind::ALL[(turn % Kind::ALL.len() as u64) as usize];
        let [output, side, dead] = [seed, seed / 6, seed / 36].map(|turn| Failing::new(kind(turn), &mut luck));
        let order = if luck.u32(..4) == 0 { Order::None } else { Order::Key };
        Self { seed, luck, order, sent: vec![0; count], events, output, side, dead }
    }

    /// A fresh environment of the function.
    fn processor(&self) -> Processor {
        let output = self.output.sink(self.order, LineContent::Envelopes);
        let side = self.side.sink(self.order, LineContent::Envelopes);
        let dead_letters = self.dead.sink(Order::None, LineContent::Bare);
        Scripted::new(Limits::default())
            .processor_of(output, side, Some(dead_letters))
            .with_retry_limits(RetryLimits { attempts: NonZeroU32::new(2), age: None })
    }

    fn play(mut self) {
        let count = self.events.len();
        let mut mapping = EventSourceMapping::new(count, self.luck.usize(1..=count), self.luck.bool());
        let mut processor = self.processor();
        let mut invocations = 0;
        while let Some(batch) = mapping.next_batch() {
            invocations += 1;
            assert!(invocations < 500, "seed {}: no progress at event {}", self.seed, batch.start);
            self.sent[batch.clone()].iter_mut().for_each(|sent| *sent += 1);
            if self.luck.u32(..20) == 0 {
                processor = self.processor();
            }
            let answer = self.invoke(&processor, batch.clone());
            // A function that is killed, or whose answer is lost.
            let is_lost = self.luck.u32(..16) == 0;
            mapping.came_back(if is_lost { Outcome::Failed } else { Outcome::Answered(&answer) });
            self.check_acknowledged(mapping.position());
        }
        self.check_order();
        self.check_duplicates();
    }

    fn invoke(&mut self, processor: &Processor, batch: Range<usize>) -> String {
        let records = batch.map(|index| record(index, &self.events[index].key, &self.events[index].payload));
        let event = event_of(records);
        let now = Instant::now();
        let time = Duration::from_millis(self.luck.u64(300..3000));
        let deadline = Deadline { interrupt_at: now + time, answer_by: now + time + Duration::from_millis(500) };
        let handled = block_on(handle(processor, &event, Some(deadline))).expect("a Kinesis event");
        serde_json::to_string(&handled.response()).expect("JSON")
    }

    fn target(&self, is_side: bool) -> &Failing {
        if is_side { &self.side } else { &self.output }
    }

    /// What is acknowledged is done, from the first moment on.
    fn check_acknowledged(&self, end: usize) {
        let letters = self.dead.letters();
        let [output, side] = [&self.output, &self.side].map(|target| HashSet::<String>::from_iter(target.data()));
        for (index, event) in self.events.iter().enumerate().take(end) {
            let is_done = match &event.ends {
                End::Dead(kind) => letters.contains(&(sequence_number(index), (*kind).to_owned())),
                // A target that fails takes others again and again: the event has used up its attempts then.
                End::Outputs { data, is_side } => {
                    data.iter().all(|data| if *is_side { &side } else { &output }.contains(data))
                        || letters.contains(&(sequence_number(index), "exhausted".to_owned()))
                }
            };
            assert!(is_done, "seed {}: event {index} is acknowledged, and is not done: {event:?}", self.seed);
        }
    }

    /// The first arrivals of each key are in the order of the shard.
    fn check_order(&self) {
        if self.order == Order::None {
            return;
        }
        for is_side in [false, true] {
            let mut first_seen: HashMap<String, usize> = HashMap::new();
            for (place, data) in self.target(is_side).data().into_iter().enumerate() {
                first_seen.entry(data).or_insert(place);
            }
            let mut last_of_key: HashMap<&str, (usize, usize)> = HashMap::new();
            for (index, event) in self.events.iter().enumerate() {
                let End::Outputs { data, is_side: at_side } = &event.ends else { continue };
                let places = data.iter().filter(|_| *at_side == is_side).filter_map(|data| first_seen.get(data));
                for place in places.copied() {
                    if let Some((earlier, its_place)) = last_of_key.insert(&event.key, (index, place)) {
                        let (seed, key) = (self.seed, &event.key);
                        assert!(its_place < place, "seed {seed}: {key}: event {index} came before event {earlier}");
                    }
                }
            }
        }
    }

    /// An output is there once for each batch that held its event, and once more for each time that it was
    /// applied and nobody was told.
    fn check_duplicates(&self) {
        for is_side in [false, true] {
            let target = self.target(is_side);
            if target.attempt < Duration::from_secs(1) {
                // An answer that is late for the client is none to it.
                continue;
            }
            let unanswered = target.unanswered();
            let mut arrived: HashMap<String, usize> = HashMap::new();
            target.data().into_iter().for_each(|data| *arrived.entry(data).or_default() += 1);
            for (index, event) in self.events.iter().enumerate() {
                let End::Outputs { data, is_side: at_side } = &event.ends else { continue };
                for data in data.iter().filter(|_| *at_side == is_side) {
                    let explained = self.sent[index] + unanswered.get(data).copied().unwrap_or_default();
                    let times = arrived.remove(data).unwrap_or_default();
                    let seed = self.seed;
                    assert!(
                        times <= explained,
                        "seed {seed}: {data:?} arrived {times} times, {explained} are explained"
                    );
                }
            }
            assert!(arrived.is_empty(), "seed {}: nobody sent {arrived:?}", self.seed);
        }
    }
}

/// Plays seeds side by side: they wait most of the time, for a pause to end.
fn play(seeds: Range<u64>) {
    const SIDE_BY_SIDE: usize = 48;

    let next = AtomicU64::new(seeds.start);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < seeds.end) {
                    Run::new(seed).play();
                }
            });
        }
    });
}

#[test]
fn nothing_is_lost_whatever_the_services_do() {
    play(0..2000);
}

/// To look at one that failed.
#[test]
fn a_seed_by_itself() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    Run::new(seed).play();
}

#[test]
fn the_mapping_replays_as_lambda_does() {
    let named =
        |index: usize| format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, sequence_number(index));
    let both = format!(
        r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}},{{"itemIdentifier":"{}"}}]}}"#,
        sequence_number(5),
        sequence_number(3)
    );
    let misspelt = named(3).replace("batchItem", "batchitem");
    let unknown = named(99);
    let (three, empty) = (named(3), r#"{"batchItemFailures":[]}"#);
    let nameless = r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#;
    for (outcome, bisects, next) in [
        (Outcome::Answered(empty), true, 8..10),
        (Outcome::Answered(""), true, 8..10),
        (Outcome::Answered("null"), true, 8..10),
        (Outcome::Answered(&misspelt), true, 8..10),
        (Outcome::Answered(&three), true, 3..8),
        (Outcome::Answered(&both), false, 3..8),
        (Outcome::Answered(&unknown), false, 0..8),
        (Outcome::Answered(nameless), true, 0..4),
        (Outcome::Failed, true, 0..4),
        (Outcome::Failed, false, 0..8),
    ] {
        let mut mapping = EventSourceMapping::new(10, 8, bisects);
        assert_eq!(mapping.next_batch(), Some(0..8));
        mapping.came_back(outcome);
        assert_eq!(mapping.next_batch(), Some(next), "{outcome:?}");
    }
}
