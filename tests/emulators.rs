//! The targets at services that run on this machine: the same suite as at the stubs, which know faults
//! but might share a mistake with us.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kinesieve::lambda::handle;
use kinesieve::processor::Deadline;
use kinesieve::settings::Order;
use kinesieve::sink::Sink;
use kinesieve::transform::Limits;

use crate::support::client::StreamRecord;
use crate::support::conformance::{Place, suite};
use crate::support::event_source_mapping::{EventSourceMapping, Outcome};
use crate::support::events::{event_of, record};
use crate::support::kinesis_local::KinesisLocal;
use crate::support::moto::Moto;
use crate::support::targets::{Arrived, Kind, lines, of_line, unwrapped};
use crate::support::{Scripted, block_on};

/// A target of its own at the server that all share.
struct AtMoto {
    moto: Arc<Moto>,
    kind: Kind,
    name: String,
    arn: String,
}

impl AtMoto {
    fn new(kind: Kind) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let moto = Moto::shared();
        let mut name = format!("suite-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let arn = match kind {
            Kind::Kinesis => moto.create_stream(&name, 2),
            Kind::Firehose => {
                moto.create_bucket(&name);
                moto.create_firehose(&name, &name)
            }
            Kind::Queue => moto.create_queue(&name),
            Kind::FifoQueue => {
                name.push_str(".fifo");
                moto.create_queue(&name)
            }
            Kind::Topic => moto.create_topic(&name),
            Kind::FifoTopic => {
                name.push_str(".fifo");
                moto.create_topic(&name)
            }
            Kind::Bus => moto.create_event_bus(&name),
            Kind::Bucket | Kind::ZippedBucket => {
                moto.create_bucket(&name);
                format!("arn:aws:s3:::{name}/prefix")
            }
        };
        Self { moto, kind, name, arn }
    }

    /// Objects, each with its key.
    fn objects(&self) -> Vec<(String, Vec<u8>)> {
        self.moto.objects(&self.name).into_iter().collect()
    }
}

impl Place for AtMoto {
    fn sink(&self, order: Order) -> Arc<dyn Sink> {
        self.kind.sink(&self.moto.config(), &self.arn, order)
    }

    fn arrived(&self) -> Vec<Arrived> {
        match self.kind {
            Kind::Kinesis => self.moto.stream_records(&self.name).into_iter().map(of_record).collect(),
            // It joins the records of a request, and nothing says where each begins.
            Kind::Firehose => self
                .objects()
                .iter()
                .flat_map(|(_, object)| object.split_inclusive(|byte| *byte == b'\n'))
                .map(|data| Arrived { partition_key: None, data: data.to_vec() })
                .collect(),
            Kind::Queue | Kind::FifoQueue | Kind::Topic | Kind::FifoTopic => {
                self.moto.take_messages(&self.name).iter().map(of_message).collect()
            }
            Kind::Bus => {
                let detail = |message: &aws_sdk_sqs::types::Message| {
                    let event: serde_json::Value = serde_json::from_str(message.body().expect("a body")).expect("JSON");
                    assert_eq!(
                        (event["source"].as_str(), event["detail-type"].as_str()),
                        (Some("kinesieve"), Some("record"))
                    );
                    unwrapped(event["detail"].to_string().as_bytes())
                };
                self.moto.take_messages(&self.name).iter().map(detail).collect()
            }
            Kind::Bucket | Kind::ZippedBucket => {
                let lines = |(key, object): &(String, Vec<u8>)| lines(key, object);
                self.objects().iter().flat_map(lines).map(|line| of_line(&line)).collect()
            }
        }
    }

    fn has_keys(&self) -> bool {
        self.kind != Kind::Firehose
    }

    fn many(&self) -> usize {
        match self.kind {
            // It takes its time with messages.
            Kind::Queue | Kind::FifoQueue | Kind::Topic | Kind::FifoTopic | Kind::Bus => 60,
            // Its streams lose records where two requests come at once. These are one, or one after the other.
            Kind::Kinesis => 450,
            _ => 600,
        }
    }

    /// Its topics take no more than 256 KiB.
    fn large(&self) -> usize {
        if matches!(self.kind, Kind::Topic | Kind::FifoTopic) { 250_000 } else { 300_000 }
    }

    fn largest(&self) -> Option<usize> {
        match self.kind {
            Kind::Kinesis => Some(10 << 20),
            Kind::Firehose | Kind::Queue | Kind::FifoQueue | Kind::Topic | Kind::FifoTopic | Kind::Bus => Some(1 << 20),
            Kind::Bucket | Kind::ZippedBucket => None,
        }
    }
}

fn of_record(record: StreamRecord) -> Arrived {
    Arrived { partition_key: Some(record.partition_key), data: record.data }
}

fn of_message(message: &aws_sdk_sqs::types::Message) -> Arrived {
    let attribute = |name: &str| message.message_attributes()?.get(name)?.string_value();
    let body = message.body().expect("a body");
    let data = match attribute("encoding") {
        Some("base64") => base64_simd::STANDARD.decode_to_vec(body).expect("base64"),
        _ => body.as_bytes().to_vec(),
    };
    Arrived { partition_key: attribute("partitionKey").map(str::to_owned), data }
}

/// A shard through the function, with answers that get lost and batches that are sent again: everything
/// arrives, and the first arrivals of each key are in order.
fn replays_lose_nothing(place: &dyn Place, seed: u64) {
    const COUNT: usize = 40;

    let mut luck = fastrand::Rng::with_seed(seed);
    let payload = |index: usize| format!("{} {index}\n", if index % 7 == 6 { "drop" } else { "keep" });
    let key = |index: usize| format!("key-{}", index % 5);
    let output = place.sink(Order::Key);
    let processor = Scripted::new(Limits::default()).processor_of(Arc::clone(&output), output, None);
    let mut mapping = EventSourceMapping::new(COUNT, luck.usize(5..20), luck.bool());
    while let Some(batch) = mapping.next_batch() {
        let event = event_of(batch.map(|index| record(index, &key(index), &payload(index).as_str().into())));
        let now = Instant::now();
        // Some batches have hardly time for anything.
        let time = Duration::from_millis(if luck.u32(..4) == 0 { luck.u64(1..30) } else { 20_000 });
        let deadline = Deadline { interrupt_at: now + time, answer_by: now + time * 2 };
        let handled = block_on(handle(&processor, &event, Some(deadline))).expect("a Kinesis event");
        let answer = serde_json::to_string(&handled.response()).expect("JSON");
        let is_lost = luck.u32(..4) == 0;
        mapping.came_back(if is_lost { Outcome::Failed } else { Outcome::Answered(&answer) });
    }
    let arrived = place.arrived();
    let mut last_of_key = std::collections::HashMap::new();
    for index in (0..COUNT).filter(|index| payload(*index).starts_with("keep")) {
        let is_it = |arrived: &Arrived| arrived.data == payload(index).as_bytes();
        let at = arrived.iter().position(is_it).unwrap_or_else(|| panic!("seed {seed}: event {index} is lost"));
        if let Some(earlier) = last_of_key.insert(key(index), at)
            && place.has_keys()
        {
            assert!(earlier < at, "seed {seed}: {} is out of order at event {index}", key(index));
        }
    }
}

#[test]
fn each_target_passes_the_suite_at_moto() {
    for kind in Kind::ALL {
        suite(move || Box::new(AtMoto::new(kind)));
        (0..3).for_each(|seed| replays_lose_nothing(&AtMoto::new(kind), seed));
    }
}

/// A stream of a server whose sequence numbers are those of the service.
struct AtKinesisLocal(KinesisLocal);

impl Place for AtKinesisLocal {
    fn sink(&self, order: Order) -> Arc<dyn Sink> {
        Kind::Kinesis.sink(&self.0.config(), &self.0.arn("out"), order)
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.0.records("out").into_iter().map(of_record).collect()
    }

    fn many(&self) -> usize {
        600
    }

    fn largest(&self) -> Option<usize> {
        Some(10 << 20)
    }
}

#[test]
fn a_stream_passes_the_suite_at_kinesis_local() {
    let start = || AtKinesisLocal(KinesisLocal::start(&[("out", 2)]));
    suite(|| Box::new(start()));
    replays_lose_nothing(&start(), 0);
}
