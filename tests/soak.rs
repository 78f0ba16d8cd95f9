//! Thousands of invocations of one environment in which everything goes wrong, one after the other: it takes no more
//! memory, threads and descriptors at the end than in the middle.
//!
//! `make soak` plays the long one. A run is a seed; what fails when is the same each time, but for what depends on time.

mod level;

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kinesieve::event::AggregateWriter;
use serde_json::Value;

use crate::payloads::gzipped;
use crate::support::events::{Data, SHARD_ID, event_of, record};
use crate::support::runtime_api::RuntimeApi;
use crate::support::services::{Faults, Service, Stub};
use crate::support::targets::Kind;
use crate::support::usage::Usage;
use crate::support::{guest_file, in_lambda};
use level::{Sample, check_level};

/// How long one answer may take, whatever is wrong.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// So many invocations in a row have targets with the same faults.
const INVOCATIONS_OF_A_FAULT: u64 = 20;

/// How often an invocation that failed comes again, at most.
const REPLAYS: u32 = 2;

/// What there is to play.
struct Plan {
    invocations: u64,
    /// It ends then, however many were played.
    time: Duration,
    seed: u64,
}

impl Plan {
    /// Returns what the variables `SOAK_INVOCATIONS`, `SOAK_SECONDS` and `SEED` say.
    fn of_variables() -> Self {
        let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().expect(name));
        Self {
            invocations: number("SOAK_INVOCATIONS", 50_000),
            time: Duration::from_secs(number("SOAK_SECONDS", 1200)),
            seed: number("SEED", 1),
        }
    }
}

/// As many as make every failure happen, and no more than a quick test has time for.
#[test]
fn some_hundred_invocations_leave_threads_and_descriptors_as_they_were() {
    let soaked = soak(&Plan { invocations: 300, time: TIME_LIMIT, seed: 1 });
    check_level(&soaked.samples, None);
    // All that can go wrong did.
    let kinds = ["decode", "exhausted", "memory", "rejected", "timeout", "trap"];
    assert!(kinds.iter().all(|kind| soaked.letters.contains_key(*kind)), "{:?}", soaked.letters);
    assert!(soaked.given_up > 0 && soaked.replays > 0, "no target failed");
}

/// How much more memory there may be at the end, as a part of what it was before the middle. It comes and goes: a large
/// batch leaves room that the next one takes up only in part.
const MEMORY_MARGIN: f64 = 0.1;

#[test]
#[ignore = "it takes minutes: `make soak`"]
fn thousands_of_invocations_leave_memory_as_it_was() {
    let soaked = soak(&Plan::of_variables());
    println!("dead letters: {:?}", soaked.letters);
    check_level(&soaked.samples, Some(MEMORY_MARGIN));
}

/// What came of a plan.
struct Soaked {
    /// One for each invocation that did not come again.
    samples: Vec<Sample>,
    /// Dead letters by kind.
    letters: BTreeMap<String, u64>,
    /// Invocations that ended with something unacknowledged, and did not come again.
    given_up: u64,
    /// How often one came again.
    replays: u64,
}

/// The value that the template gives this variable of the C library.
fn of_template(variable: &str) -> String {
    let template = include_str!("../template.yaml");
    let value = template.lines().find_map(|line| line.trim().strip_prefix(variable)?.strip_prefix(": "));
    value.expect(variable).trim_matches('"').to_owned()
}

/// The function with all that it talks to.
struct Environment {
    function: Child,
    events: mpsc::Sender<(Vec<u8>, Duration)>,
    api: RuntimeApi,
    targets: [Stub; 4],
}

impl Environment {
    fn start(seed: u64) -> Self {
        let services = [Service::Kinesis, Service::S3, Service::Sqs, Service::DynamoDb];
        let targets = services.map(|service| Stub::start(service, Faults::default(), seed));
        let (events, invocations) = mpsc::channel();
        let api = RuntimeApi::from_channel(invocations);
        let mut command = in_lambda(&api);
        for (service, stub) in ["KINESIS", "S3", "SQS", "DYNAMODB"].iter().zip(&targets) {
            command.env(format!("AWS_ENDPOINT_URL_{service}"), stub.endpoint());
        }
        let function = command
            // Two processors, so that events are read aside, too.
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008")
            .env("MALLOC_ARENA_MAX", of_template("MALLOC_ARENA_MAX"))
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "key")
            .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
            .env("KINESIEVE_OUTPUT", Kind::Kinesis.arn())
            .env("KINESIEVE_ROUTE_SIDE", Kind::Bucket.arn())
            .env("KINESIEVE_DEAD_LETTER", Kind::Queue.arn())
            .env("KINESIEVE_CHECKPOINT_TABLE", "positions")
            .env("KINESIEVE_DECODE", "auto")
            .env("KINESIEVE_WORKERS", "2")
            .env("KINESIEVE_MEMORY_LIMIT", "16MiB")
            .env("KINESIEVE_EVENT_TIMEOUT", "30ms")
            .env("KINESIEVE_DEADLINE_RESERVE", "100ms")
            .env("KINESIEVE_MAX_ATTEMPTS", "2")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        Self { function, events, api, targets }
    }

    /// Hands an event over and waits for the answer.
    fn invoke(&self, event: Vec<u8>, time_left: Duration) -> String {
        self.events.send((event, time_left)).expect("the API takes it");
        self.api.next_post(TIME_LIMIT).body
    }

    /// Changes what the targets do wrong, and returns how much time an invocation has then: one whose targets refuse
    /// everything for now takes all of it.
    fn change_faults(&self, luck: &mut fastrand::Rng) -> Duration {
        let mut faults = [Faults::default(); 4];
        let mut time_left = Duration::from_secs(5);
        if luck.u32(..5) == 0 {
            let faulty = &mut faults[luck.usize(..4)];
            match luck.u32(..6) {
                0 => faulty.refused_record = 0.3,
                1 => faulty.refused_request = 0.3,
                2 => (faulty.dropped_before, faulty.dropped_after) = (0.1, 0.1),
                3 => faulty.slow = 0.2,
                4 => faulty.always = Some("AccessDeniedException"),
                // An attempt outlasts the invocation.
                _ => faulty.hangs = 0.02,
            }
            time_left = Duration::from_millis(250);
        }
        for (stub, faults) in self.targets.iter().zip(faults) {
            stub.set_faults(faults);
        }
        time_left
    }

    /// Counts the dead letters since the last call, by kind, and lets the targets forget what they took.
    fn count_letters(&self, letters: &mut BTreeMap<String, u64>) {
        let [_, _, queue, _] = &self.targets;
        for put in queue.puts() {
            let letter: Value = serde_json::from_slice(&put.data).expect("a letter");
            *letters.entry(letter["kind"].as_str().expect("a kind").to_owned()).or_default() += 1;
        }
        self.targets.iter().for_each(Stub::forget);
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        let _ = self.function.kill();
        let _ = self.function.wait();
    }
}

/// Plays it, and prints what is used at its start, at its end, and at each tenth of the way.
fn soak(plan: &Plan) -> Soaked {
    let mut luck = fastrand::Rng::with_seed(plan.seed);
    let environment = Environment::start(plan.seed);
    let mut soaked = Soaked { samples: Vec::new(), letters: BTreeMap::new(), given_up: 0, replays: 0 };
    let mut time_left = Duration::ZERO;
    let started = Instant::now();
    let mut tenths = 0;
    println!("seed {}\n{}", plan.seed, Sample::HEADING);
    for number in 0..plan.invocations {
        if number % INVOCATIONS_OF_A_FAULT == 0 {
            time_left = environment.change_faults(&mut luck);
            environment.count_letters(&mut soaked.letters);
        }
        let event = event(&mut luck);
        let mut answer = environment.invoke(event.clone(), time_left);
        for _ in 0..luck.u32(..=REPLAYS) {
            if is_acknowledged(&answer) {
                break;
            }
            soaked.replays += 1;
            answer = environment.invoke(event.clone(), time_left);
        }
        soaked.given_up += u64::from(!is_acknowledged(&answer));
        let (invocations, elapsed) = (number + 1, started.elapsed());
        let sample = Sample { invocations, elapsed, usage: Usage::of(environment.function.id()) };
        soaked.samples.push(sample);
        let of_invocations = invocations as f64 / plan.invocations as f64;
        let progress = of_invocations.max(elapsed.as_secs_f64() / plan.time.as_secs_f64());
        if number == 0 || progress * 10.0 >= f64::from(tenths + 1) {
            tenths = (progress * 10.0) as u32;
            println!("{sample}");
        }
        if progress >= 1.0 {
            break;
        }
    }
    environment.count_letters(&mut soaked.letters);
    println!("{} invocations came again, {} were given up", soaked.replays, soaked.given_up);
    soaked
}

fn is_acknowledged(answer: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).unwrap_or_else(|_| panic!("an answer is no JSON: {answer}"));
    answer["batchItemFailures"].as_array().unwrap_or_else(|| panic!("no answer to a batch: {answer}")).is_empty()
}

/// An event of one of some shards: a few records for the most part, at times many or a large one.
fn event(luck: &mut fastrand::Rng) -> Vec<u8> {
    let count = if luck.u32(..100) == 0 { luck.usize(500..1500) } else { luck.usize(1..12) };
    let first = luck.usize(..1_000_000_000);
    let records = (first..first + count).map(|index| {
        let data = data(luck, count);
        record(index, &format!("key-{}", luck.u32(..20)), &data)
    });
    let event = String::from_utf8(event_of(records)).expect("text");
    event.replace(SHARD_ID, &format!("shardId-{:012}", luck.u32(..8))).into_bytes()
}

/// What a record of an event of so many holds.
fn data(luck: &mut fastrand::Rng, records: usize) -> Data {
    // Of many records, about as many fail as of a few: each failure may take all the time of an event.
    let fails = luck.usize(..2 * records.max(6)) == 0;
    let text = if fails {
        luck.choice([
            "panic on purpose",
            "abort",
            "spin",
            "bomb",
            "recurse",
            "exit 1",
            "sleep 1000",
            "retry later",
            "reject it",
        ])
        .expect("a choice")
        .to_owned()
    } else {
        match luck.u32(..12) {
            0 => "drop".to_owned(),
            1 => "emit 3 route=side".to_owned(),
            2 => format!("emit 1 size={}", luck.usize(1..4_000)),
            3 => "print stderr 3 some words".to_owned(),
            4 => "log info some words".to_owned(),
            5 => "polite-bomb".to_owned(),
            6 => return Data::Bytes(aggregate(luck)),
            7 => return Data::Bytes(gzipped(b"keep unpacked")),
            8 if luck.u32(..4) == 0 => return Data::Broken("no base64!".to_owned()),
            9 if luck.u32(..200) == 0 => {
                return Data::Bytes(gzipped(format!("drop {}", "x".repeat(10 << 20)).as_bytes()));
            }
            10 if luck.u32(..100) == 0 => format!("keep {}", "x".repeat(luck.usize(1..1_000_000))),
            _ => "keep".to_owned(),
        }
    };
    text.as_str().into()
}

fn aggregate(luck: &mut fastrand::Rng) -> Vec<u8> {
    let mut writer = AggregateWriter::default();
    let texts = ["keep", "drop", "emit 2", "keep", "drop", "drop", "drop", "drop", "drop", "reject it"];
    (0..luck.usize(1..40)).for_each(|_| writer.push("user", texts[luck.usize(..texts.len())].as_bytes()));
    writer.finish()
}
