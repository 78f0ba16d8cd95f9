//! S3, SQS, SNS, EventBridge, Firehose, Kinesis and DynamoDB by `moto`: one server for all of them.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use aws_config::SdkConfig;
use aws_sdk_firehose::types::{CompressionFormat, ExtendedS3DestinationConfiguration};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};

use super::block_on;
use super::client::{self, StreamRecord};
use super::process::{Process, free_port, installed};

/// The server, empty at first; ends with the value.
pub struct Moto {
    port: u16,
    _process: Process,
}

impl Moto {
    pub fn start() -> Self {
        // By its Python, since moto itself lets two writers at once pass one condition.
        let python = installed("TEST_MOTO", "venv/bin/moto_server", "tools-emulators").with_file_name("python");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/moto_server.py");
        let port = free_port();
        let port_text = port.to_string();
        let process =
            Process::serving(port, Command::new(python).args([script, "--host", "127.0.0.1", "--port", &port_text]));
        Self { port, _process: process }
    }

    /// The server that the tests which run now have in common; ends with the last of them, since a static by
    /// itself would never end. Each test needs names of its own.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Moto>> = Mutex::new(Weak::new());

        // Poisoned where the server did not start for another test: that reason is worth another message.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client's configuration that leads here.
    pub fn config(&self) -> SdkConfig {
        client::config(self.endpoint())
    }

    pub fn create_bucket(&self, bucket: &str) {
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1).build();
        let request =
            aws_sdk_s3::Client::new(&self.config()).create_bucket().bucket(bucket).create_bucket_configuration(place);
        block_on(request.send()).expect("a bucket");
    }

    /// All objects of a bucket, by their keys.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let client = aws_sdk_s3::Client::new(&self.config());
        block_on(async {
            let mut objects = BTreeMap::new();
            let mut pages = client.list_objects_v2().bucket(bucket).into_paginator().send();
            while let Some(page) = pages.next().await {
                for key in page.expect("a page").contents().iter().filter_map(|object| object.key()) {
                    let object = client.get_object().bucket(bucket).key(key).send().await.expect("an object");
                    let content = object.body.collect().await.expect("its content").to_vec();
                    objects.insert(key.to_owned(), content);
                }
            }
            objects
        })
    }

    /// Creates a queue, a FIFO queue where the name ends with `.fifo`, and answers its ARN.
    pub fn create_queue(&self, queue: &str) -> String {
        let client = aws_sdk_sqs::Client::new(&self.config());
        block_on(async {
            let mut request = client.create_queue().queue_name(queue);
            if queue.ends_with(".fifo") {
                request = request.attributes(QueueAttributeName::FifoQueue, "true");
            }
            let url = request.send().await.expect("a queue").queue_url.expect("its URL");
            let name = QueueAttributeName::QueueArn;
            let request = client.get_queue_attributes().queue_url(url).attribute_names(name.clone());
            let attributes = request.send().await.expect("attributes").attributes.expect("attributes");
            attributes[&name].clone()
        })
    }

    /// Creates a topic, a FIFO topic where the name ends with `.fifo`, with a queue of the same name that gets its messages
    /// as they were published, and returns its ARN.
    pub fn create_topic(&self, topic: &str) -> String {
        let queue = self.create_queue(topic);
        let client = aws_sdk_sns::Client::new(&self.config());
        block_on(async {
            let mut request = client.create_topic().name(topic);
            if topic.ends_with(".fifo") {
                request = request.attributes("FifoTopic", "true");
            }
            let arn = request.send().await.expect("a topic").topic_arn.expect("its ARN");
            let request = client.subscribe().topic_arn(&arn).protocol("sqs").endpoint(queue);
            request.attributes("RawMessageDelivery", "true").send().await.expect("a subscription");
            arn
        })
    }

    /// Creates an event bus with a rule that sends all events of the source `kinesieve` to a queue of the same name, and
    /// returns its ARN.
    pub fn create_event_bus(&self, bus: &str) -> String {
        let queue = self.create_queue(bus);
        let client = aws_sdk_eventbridge::Client::new(&self.config());
        block_on(async {
            let arn = client.create_event_bus().name(bus).send().await.expect("a bus").event_bus_arn.expect("its ARN");
            let rule = client.put_rule().name(bus).event_bus_name(bus).event_pattern(r#"{"source":["kinesieve"]}"#);
            rule.send().await.expect("a rule");
            let target =
                aws_sdk_eventbridge::types::Target::builder().id("queue").arn(queue).build().expect("a target");
            let request = client.put_targets().rule(bus).event_bus_name(bus).targets(target);
            assert_eq!(request.send().await.expect("an answer").failed_entry_count, 0);
            arn
        })
    }

    /// Takes all messages out of a queue, in their order.
    pub fn take_messages(&self, queue: &str) -> Vec<Message> {
        let client = aws_sdk_sqs::Client::new(&self.config());
        block_on(async {
            let mut messages = Vec::new();
            let url = client.get_queue_url().queue_name(queue).send().await.expect("the queue").queue_url;
            let url = url.expect("its URL");
            loop {
                let answer = client
                    .receive_message()
                    .queue_url(&url)
                    .max_number_of_messages(10)
                    .message_system_attribute_names(MessageSystemAttributeName::All)
                    .message_attribute_names("All")
                    .send()
                    .await
                    .expect("messages");
                if answer.messages().is_empty() {
                    return messages;
                }
                // A group of a FIFO queue goes on only when what was received of it is deleted.
                for message in answer.messages() {
                    let handle = message.receipt_handle().expect("a handle");
                    client.delete_message().queue_url(&url).receipt_handle(handle).send().await.expect("deleted");
                }
                messages.extend(answer.messages.unwrap_or_default());
            }
        })
    }

    /// Creates a Kinesis stream, waits until it takes records, and answers its ARN.
    pub fn create_stream(&self, stream: &str, shards: i32) -> String {
        let config = self.config();
        let request = aws_sdk_kinesis::Client::new(&config).create_stream().stream_name(stream).shard_count(shards);
        block_on(request.send()).expect("a stream");
        client::active_stream(&config, stream)
    }

    /// All records of a Kinesis stream, shard by shard, each in its order.
    pub fn stream_records(&self, stream: &str) -> Vec<StreamRecord> {
        client::stream_records(&self.config(), stream)
    }

    /// Creates a Firehose stream that leads to a bucket, and answers its ARN. What a request puts is in the bucket
    /// at once, as an object of its own.
    pub fn create_firehose(&self, stream: &str, bucket: &str) -> String {
        let destination = ExtendedS3DestinationConfiguration::builder()
            .role_arn("arn:aws:iam::123456789012:role/firehose")
            .bucket_arn(format!("arn:aws:s3:::{bucket}"))
            // Without it, moto describes the stream in a way that no client can read.
            .compression_format(CompressionFormat::Uncompressed)
            .build()
            .expect("a destination");
        let request = aws_sdk_firehose::Client::new(&self.config())
            .create_delivery_stream()
            .delivery_stream_name(stream)
            .extended_s3_destination_configuration(destination);
        block_on(request.send()).expect("a Firehose stream").delivery_stream_arn.expect("its ARN")
    }
}
