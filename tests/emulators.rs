//! The targets at services that run on this machine: the same suite as at the stubs, which know faults
//! but might share a mistake with us.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kinesieve::settings::Order;
use kinesieve::sink::Sink;

use crate::support::client::StreamRecord;
use crate::support::kinesis_local::KinesisLocal;
use crate::support::moto::Moto;
use crate::support::targets::{Arrived, Kind, lines, of_line};
use crate::targets::{Place, suite};

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
            Kind::Queue | Kind::FifoQueue => self.moto.take_messages(&self.name).iter().map(of_message).collect(),
            Kind::Bucket | Kind::ZippedBucket => {
                let lines = |(key, object): &(String, Vec<u8>)| lines(key, object);
                self.objects().iter().flat_map(lines).map(|line| of_line(&line)).collect()
            }
        }
    }

    fn has_keys(&self) -> bool {
        self.kind != Kind::Firehose
    }

    /// It takes its time with many messages.
    fn many(&self) -> usize {
        match self.kind {
            Kind::Queue | Kind::FifoQueue => 60,
            _ => 600,
        }
    }

    fn largest(&self) -> Option<usize> {
        match self.kind {
            Kind::Kinesis => Some(10 << 20),
            Kind::Firehose | Kind::Queue | Kind::FifoQueue => Some(1 << 20),
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

#[test]
fn each_target_passes_the_suite_at_moto() {
    for kind in Kind::ALL {
        suite(move || Box::new(AtMoto::new(kind)));
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
    suite(|| Box::new(AtKinesisLocal(KinesisLocal::start(&[("out", 2)]))));
}
