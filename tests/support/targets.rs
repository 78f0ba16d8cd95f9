//! The services as targets: how each is opened, and how what arrived is read back.

use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

use aws_config::SdkConfig;
use kinesieve::settings::{Arn, Compression, Order};
use kinesieve::sink::{
    EventBridgeSink, EventLabels, FirehoseSink, KinesisSink, LineContent, Output, S3Sink, Sink, SinkFuture, SnsSink,
    SqsSink,
};
use serde_json::{Value, json};

use super::services::{Details, Put, Service};

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Kinesis,
    Firehose,
    Queue,
    FifoQueue,
    Topic,
    FifoTopic,
    Bus,
    Bucket,
    ZippedBucket,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Kinesis,
        Kind::Firehose,
        Kind::Queue,
        Kind::FifoQueue,
        Kind::Bucket,
        Kind::ZippedBucket,
        Kind::Topic,
        Kind::FifoTopic,
        Kind::Bus,
    ];

    /// What it is a target of.
    pub fn service(self) -> Service {
        match self {
            Kind::Kinesis => Service::Kinesis,
            Kind::Firehose => Service::Firehose,
            Kind::Queue | Kind::FifoQueue => Service::Sqs,
            Kind::Topic | Kind::FifoTopic => Service::Sns,
            Kind::Bus => Service::EventBridge,
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
            Kind::Topic => "arn:aws:sns:eu-west-1:123456789012:out",
            Kind::FifoTopic => "arn:aws:sns:eu-west-1:123456789012:out.fifo",
            Kind::Bus => "arn:aws:events:eu-west-1:123456789012:event-bus/out",
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
            Kind::Topic | Kind::FifoTopic => Arc::new(SnsSink::new(config, &arn, order)),
            Kind::Bus => {
                let bus = EventBridgeSink::new(config, &arn, order, EventLabels::default());
                // A dead letter is an object already.
                if lines == LineContent::Bare { Arc::new(bus) } else { Arc::new(Wrapped(bus)) }
            }
            Kind::Bucket => Arc::new(S3Sink::new(config, &arn, lines, Compression::None)),
            Kind::ZippedBucket => Arc::new(S3Sink::new(config, &arn, lines, Compression::Gzip)),
        }
    }
}

/// A bus for outputs of all sorts: it takes objects alone, so each is wrapped into one, with its key.
struct Wrapped(EventBridgeSink);

impl Sink for Wrapped {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(async move {
            let objects: Vec<String> =
                outputs.iter().map(|output| wrapped(output.partition_key, output.data)).collect();
            let wrapped = outputs.iter().zip(&objects);
            let wrapped: Vec<Output<'_>> =
                wrapped.map(|(output, object)| Output { data: object.as_bytes(), ..*output }).collect();
            self.0.deliver(&wrapped, until).await
        })
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        self.0.refuses(&Output { data: wrapped(output.partition_key, output.data).as_bytes(), ..*output })
    }
}

/// An output as a JSON object.
pub fn wrapped(key: &str, data: &[u8]) -> String {
    let data = match std::str::from_utf8(data) {
        Ok(text) => json!({ "wrapped": text, "key": key }),
        Err(_) => json!({ "wrappedBase64": base64_simd::STANDARD.encode_to_string(data), "key": key }),
    };
    data.to_string()
}

/// What was wrapped into the detail of an event; a detail that was none stays as it is.
pub fn unwrapped(detail: &[u8]) -> Arrived {
    let object: Value = serde_json::from_slice(detail).expect("JSON");
    let data = match (object["wrapped"].as_str(), object["wrappedBase64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (_, Some(encoded)) => base64_simd::STANDARD.decode_to_vec(encoded).expect("base64"),
        (None, None) => detail.to_vec(),
    };
    Arrived { partition_key: object["key"].as_str().map(str::to_owned), data }
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
        Details::Event { .. } => vec![unwrapped(&put.data)],
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
