//! The services as targets: how each is opened, and how what arrived is read back.

use std::io::Read;
use std::sync::Arc;

use aws_config::SdkConfig;
use kinesieve::settings::{Arn, Compression, Order};
use kinesieve::sink::{FirehoseSink, KinesisSink, LineContent, S3Sink, Sink, SqsSink};

use super::services::{Details, Put, Service};

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Kinesis,
    Firehose,
    Queue,
    FifoQueue,
    Bucket,
    ZippedBucket,
}

impl Kind {
    pub const ALL: [Kind; 6] =
        [Kind::Kinesis, Kind::Firehose, Kind::Queue, Kind::FifoQueue, Kind::Bucket, Kind::ZippedBucket];

    /// What it is a target of.
    pub fn service(self) -> Service {
        match self {
            Kind::Kinesis => Service::Kinesis,
            Kind::Firehose => Service::Firehose,
            Kind::Queue | Kind::FifoQueue => Service::Sqs,
            Kind::Bucket | Kind::ZippedBucket => Service::S3,
        }
    }

    /// One of this kind, by the name `out`.
    pub fn arn(self) -> &'static str {
        match self {
            Kind::Kinesis => "arn:aws:kinesis:eu-west-1:123456789012:stream/out",
            Kind::Firehose => "arn:aws:firehose:eu-west-1:123456789012:deliverystream/out",
            Kind::Queue => "arn:aws:sqs:eu-west-1:123456789012:out",
            Kind::FifoQueue => "arn:aws:sqs:eu-west-1:123456789012:out.fifo",
            Kind::Bucket | Kind::ZippedBucket => "arn:aws:s3:::out/some/prefix",
        }
    }

    pub fn sink(self, config: &SdkConfig, arn: &str, order: Order) -> Arc<dyn Sink> {
        self.sink_of_lines(config, arn, order, LineContent::Envelopes)
    }

    /// One that takes dead letters: they are lines already.
    pub fn sink_of_lines(self, config: &SdkConfig, arn: &str, order: Order, lines: LineContent) -> Arc<dyn Sink> {
        let arn: Arn = arn.parse().expect("an ARN");
        match self {
            Kind::Kinesis => Arc::new(KinesisSink::new(config, &arn, order)),
            Kind::Firehose => Arc::new(FirehoseSink::new(config, &arn, order)),
            Kind::Queue | Kind::FifoQueue => Arc::new(SqsSink::new(config, &arn, order)),
            Kind::Bucket => Arc::new(S3Sink::new(config, &arn, lines, Compression::None)),
            Kind::ZippedBucket => Arc::new(S3Sink::new(config, &arn, lines, Compression::Gzip)),
        }
    }
}

/// An output that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// None where the target has no place for it.
    pub partition_key: Option<String>,
    pub data: Vec<u8>,
}

/// The outputs that were put, in the order in which they were; of an object, those of its lines.
pub fn arrived(puts: &[Put]) -> Vec<Arrived> {
    let outputs = |put: &Put| match &put.details {
        Details::Object { key, .. } => lines(key, &put.data).iter().map(|line| of_line(line)).collect(),
        _ => vec![Arrived { partition_key: put.partition_key.clone(), data: put.data.clone() }],
    };
    puts.iter().flat_map(outputs).collect()
}

/// The lines of an object.
pub fn lines(key: &str, object: &[u8]) -> Vec<String> {
    let mut text = String::new();
    if key.ends_with(".gz") {
        flate2::read::GzDecoder::new(object).read_to_string(&mut text).expect("gzip");
    } else {
        text.push_str(std::str::from_utf8(object).expect("text"));
    }
    text.lines().map(str::to_owned).collect()
}

/// An output by its line of NDJSON.
pub fn of_line(line: &str) -> Arrived {
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let data = match (&line["data"], &line["dataBase64"]) {
        (serde_json::Value::String(text), _) => text.clone().into_bytes(),
        (_, encoded) => {
            base64_simd::STANDARD.decode_to_vec(encoded.as_str().expect("data")).expect("base64 of the data")
        }
    };
    Arrived { partition_key: line["partitionKey"].as_str().map(str::to_owned), data }
}
