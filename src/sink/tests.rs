//! What a sink says beforehand, and what it says when it has it.

use super::*;
use crate::aws::Arn;

const ORDER: Order = Order::None;

/// A service that nobody asks: whoever connects is refused.
fn config() -> aws_config::SdkConfig {
    let credentials = aws_sdk_kinesis::config::Credentials::new("id", "key", None, None, "test");
    aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-west-1"))
        .endpoint_url("http://127.0.0.1:1")
        .credentials_provider(aws_sdk_kinesis::config::SharedCredentialsProvider::new(credentials))
        .build()
}

fn arn(text: &str) -> Arn {
    text.parse().expect("an ARN")
}

fn sinks(folder: &std::path::Path) -> Vec<(&'static str, Arc<dyn Sink>)> {
    let config = config();
    let queue = |name: &str| SqsSink::new(&config, &arn(&format!("arn:aws:sqs:eu-west-1:123456789012:{name}")), ORDER);
    let topic = |name: &str| SnsSink::new(&config, &arn(&format!("arn:aws:sns:eu-west-1:123456789012:{name}")), ORDER);
    let bus = arn("arn:aws:events:eu-west-1:123456789012:event-bus/out");
    let bucket = |lines, compression| S3Sink::new(&config, &arn("arn:aws:s3:::bucket/prefix"), lines, compression);
    let sampled = KinesisSink::new(&config, &arn("arn:aws:kinesis:eu-west-1:123456789012:stream/out"), ORDER);
    vec![
        (
            "kinesis",
            Arc::new(KinesisSink::new(&config, &arn("arn:aws:kinesis:eu-west-1:123456789012:stream/out"), ORDER)),
        ),
        ("sampled", Arc::new(SamplingSink::new(Arc::new(sampled), Arc::new(OutputSamples::new(1))))),
        (
            "firehose",
            Arc::new(FirehoseSink::new(
                &config,
                &arn("arn:aws:firehose:eu-west-1:123456789012:deliverystream/out"),
                ORDER,
            )),
        ),
        ("queue", Arc::new(queue("out"))),
        ("fifo queue", Arc::new(queue("out.fifo"))),
        ("topic", Arc::new(topic("out"))),
        ("fifo topic", Arc::new(topic("out.fifo"))),
        ("bus", Arc::new(EventBridgeSink::new(&config, &bus, ORDER, EventLabels::default()))),
        ("bucket", Arc::new(bucket(LineContent::Envelopes, Compression::None))),
        ("zipped bucket", Arc::new(bucket(LineContent::Elements, Compression::Gzip))),
        ("file", Arc::new(file::FileSink::open(&folder.join("out"), LineContent::Envelopes).expect("a file"))),
        ("none", Arc::new(none::NullSink)),
    ]
}

/// Keys and data at the limits of every service, and beyond.
fn samples() -> Vec<(String, Vec<u8>)> {
    let keys = ["", "key", "caf\u{e9}", "\u{7}bell", &"k".repeat(256), &"\u{e9}".repeat(256), &"k".repeat(257)];
    let mut samples: Vec<(String, Vec<u8>)> = Vec::new();
    for key in keys {
        samples.extend(
            [b"".as_slice(), b"text", &[0xff], "\u{ffff}".as_bytes()].map(|data| (key.to_owned(), data.to_vec())),
        );
    }
    let message = (1 << 20) - "partitionKeyStringkey".len();
    // In base64, and with the attribute that says so.
    let binary = (message - "encodingStringbase64".len()) / 4 * 3;
    // Two objects that just fit on a bus, and that just do not.
    let event = (1 << 20) - 1 - "kinesieverecord".len();
    for bytes in [event, event + 1] {
        samples.push(("key".to_owned(), format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8)).into_bytes()));
    }
    for bytes in [1000 << 10, message, binary, (10 << 20) - "key".len()] {
        for bytes in [bytes, bytes + 1] {
            samples.extend([b'x', 0xff].map(|byte| ("key".to_owned(), vec![byte; bytes])));
        }
    }
    samples
}

/// One rule: what a sink says before anything is sent is what it finds by itself when it is to send it.
#[tokio::test]
async fn a_sink_says_beforehand_what_it_can_never_take() {
    let folder = tempfile::tempdir().expect("a folder");
    let shard = Shard { stream_arn: "arn:aws:kinesis:eu-west-1:123456789012:stream/in".to_owned(), id: "0".to_owned() };
    let samples = samples();
    let mut refused = std::collections::BTreeMap::new();
    for (name, sink) in sinks(folder.path()) {
        // Of the largest ones those that take all would only make lines, for a long while.
        let takes_all = matches!(name, "bucket" | "zipped bucket" | "file" | "none");
        for (partition_key, data) in samples.iter().filter(|(_, data)| !takes_all || data.len() < 1 << 20) {
            let output = Output {
                data,
                partition_key,
                explicit_hash_key: None,
                has_chosen_key: false,
                route: None,
                shard: &shard,
                sequence_number: SequenceNumber::parse("1").expect("a number"),
                sub_sequence_number: 0,
                ordinal: 0,
            };
            let said = sink.refuses(&output);
            // No service has time to answer.
            let answer = sink.deliver(&[output], Some(Instant::now())).await;
            let found = match &answer.deliveries[..] {
                [Delivery::Undeliverable { reason }] => Some(reason.to_string()),
                [_] => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(said, found, "{name}: {} bytes under {partition_key:?}", data.len());
            *refused.entry(name).or_insert(0) += u32::from(said.is_some());
        }
    }
    let refused: Vec<(&str, u32)> = refused.into_iter().collect();
    assert_eq!(
        refused,
        [
            ("bucket", 0),
            // All but one of the samples: it takes objects alone.
            ("bus", 7 * 4 + 1 + 4 * 2 * 2),
            ("fifo queue", 7 + 2 + 10),
            ("fifo topic", 7 + 2 + 10),
            ("file", 0),
            ("firehose", 2 + 2 + 4 + 4),
            ("kinesis", 8 + 2),
            ("none", 0),
            ("queue", 7 + 2 + 10),
            ("sampled", 8 + 2),
            ("topic", 7 + 2 + 10),
            ("zipped bucket", 0),
        ]
    );
    let stdout = stdout::StdoutSink::new(LineContent::Envelopes);
    let output = Output {
        data: b"",
        partition_key: "",
        explicit_hash_key: None,
        has_chosen_key: false,
        route: None,
        shard: &shard,
        sequence_number: SequenceNumber::parse("1").expect("a number"),
        sub_sequence_number: 0,
        ordinal: 0,
    };
    assert_eq!(stdout.refuses(&output), None);
}
