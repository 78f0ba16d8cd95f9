//! The stub of the services, through the services' own clients: what a client is told has to be what
//! happened, or tests that rely on it show nothing.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_firehose::types::Record;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sns::types::PublishBatchRequestEntry;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageAttributeValue, SendMessageBatchRequestEntry};

use crate::support::block_on;
use crate::support::services::{Details, Faults, Put, Service, Stub};

const SERVICES: [Service; 6] =
    [Service::Kinesis, Service::Firehose, Service::Sqs, Service::Sns, Service::EventBridge, Service::S3];
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:out";
const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/out";
const FIFO_QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/out.fifo";

/// What a client is told of something that it put.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Taken,
    Refused(String),
    Nothing,
}

fn told<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Told {
    match error {
        SdkError::ServiceError(error) => Told::Refused(error.err().code().expect("a code").to_owned()),
        _ => Told::Nothing,
    }
}

fn told_of_record(code: Option<&str>) -> Told {
    code.map_or(Told::Taken, |code| Told::Refused(code.to_owned()))
}

/// A client of each service; all of them lead to the one stub.
struct Clients {
    kinesis: aws_sdk_kinesis::Client,
    firehose: aws_sdk_firehose::Client,
    sqs: aws_sdk_sqs::Client,
    sns: aws_sdk_sns::Client,
    events: aws_sdk_eventbridge::Client,
    s3: aws_sdk_s3::Client,
}

impl Clients {
    /// With so much time that a busy machine changes nothing.
    fn of(stub: &Stub) -> Self {
        Self::with(&stub.config_with(Duration::from_secs(5)))
    }

    fn with(config: &SdkConfig) -> Self {
        let config = config.to_builder().retry_config(RetryConfig::disabled()).build();
        Self {
            kinesis: aws_sdk_kinesis::Client::new(&config),
            firehose: aws_sdk_firehose::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
        }
    }

    async fn put(&self, service: Service, text: &str) -> Told {
        match service {
            Service::Kinesis => self.put_record("key", text.as_bytes()).await,
            Service::Firehose => {
                let record = Record::builder().data(Blob::new(text)).build().expect("a record");
                match self.firehose.put_record_batch().delivery_stream_name("out").records(record).send().await {
                    Ok(output) => told_of_record(output.request_responses()[0].error_code()),
                    Err(error) => told(&error),
                }
            }
            Service::Sqs => self.send_message(QUEUE, message(text)).await,
            Service::Sns => {
                let message = PublishBatchRequestEntry::builder().id("0").message(text).build().expect("a message");
                let call = self.sns.publish_batch().topic_arn(TOPIC).publish_batch_request_entries(message);
                match call.send().await {
                    Ok(output) => told_of_record(output.failed().first().map(|failed| failed.code())),
                    Err(error) => told(&error),
                }
            }
            Service::EventBridge => {
                let event = PutEventsRequestEntry::builder().source("s").detail_type("t").event_bus_name("out");
                let event = event.detail(format!("{{\"text\":\"{text}\"}}")).build();
                match self.events.put_events().entries(event).send().await {
                    Ok(output) => told_of_record(output.entries()[0].error_code()),
                    Err(error) => told(&error),
                }
            }
            Service::S3 => {
                let body = ByteStream::from(text.as_bytes().to_vec());
                let result = self.s3.put_object().bucket("bucket").key(format!("a b/{text}")).body(body).send().await;
                result.map_or_else(|error| told(&error), |_| Told::Taken)
            }
            Service::DynamoDb => unreachable!("it is no target"),
        }
    }

    async fn put_record(&self, key: &str, data: &[u8]) -> Told {
        let record = PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data)).build();
        let call = self.kinesis.put_records().stream_name("out").records(record.expect("a record"));
        match call.send().await {
            Ok(output) => told_of_record(output.records()[0].error_code()),
            Err(error) => told(&error),
        }
    }

    async fn send_message(&self, queue: &str, message: SendMessageBatchRequestEntry) -> Told {
        match self.sqs.send_message_batch().queue_url(queue).entries(message).send().await {
            Ok(output) => told_of_record(output.failed().first().map(|failed| failed.code())),
            Err(error) => told(&error),
        }
    }
}

fn message(body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id("0").message_body(body).build().expect("a message")
}

fn attribute(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().expect("an attribute")
}

/// What `Clients::put` puts.
fn expected(service: Service, text: &str) -> Put {
    let (partition_key, details) = match service {
        Service::Kinesis => (Some("key".to_owned()), Details::Record),
        Service::Firehose => (None, Details::Record),
        Service::EventBridge => {
            let own = str::to_owned;
            let details = Details::Event { source: own("s"), detail_type: own("t"), bus: own("out") };
            let data = format!("{{\"text\":\"{text}\"}}").into_bytes();
            return Put { partition_key: None, data, details };
        }
        Service::Sqs | Service::Sns => (None, Details::Message { group_id: None, deduplication_id: None }),
        Service::S3 => {
            let content_type = Some("application/octet-stream".to_owned());
            (None, Details::Object { key: format!("a b/{text}"), content_type, content_encoding: None })
        }
        Service::DynamoDb => unreachable!("it is no target"),
    };
    Put { partition_key, data: text.as_bytes().to_vec(), details }
}

#[test]
fn what_is_put_arrives() {
    for service in SERVICES {
        let stub = Stub::start(service, Faults::default(), 0);
        assert_eq!(block_on(Clients::of(&stub).put(service, "hello")), Told::Taken, "{service:?}");
        assert_eq!(stub.puts(), [expected(service, "hello")]);
        assert_eq!(stub.requests(), [stub.puts()]);
    }
}

#[test]
fn each_fault_is_what_it_says() {
    for service in SERVICES {
        let stub = Stub::start(service, Faults::default(), 0);
        let clients = Clients::of(&stub);
        let put_with = |faults| {
            stub.set_faults(faults);
            let before = stub.puts().len();
            let told = block_on(clients.put(service, "hello"));
            (told, stub.puts().len() - before)
        };
        let refused = |(told, puts): (Told, usize)| matches!(told, Told::Refused(_)) && puts == 0;
        assert!(refused(put_with(Faults { refused_request: 1.0, ..Faults::default() })), "{service:?}");
        if service != Service::S3 {
            assert!(refused(put_with(Faults { refused_record: 1.0, ..Faults::default() })), "{service:?}");
        }
        let denied = put_with(Faults { always: Some("AccessDenied"), ..Faults::default() });
        assert_eq!(denied, (Told::Refused("AccessDenied".to_owned()), 0), "{service:?}");
        let dropped = put_with(Faults { dropped_before: 1.0, ..Faults::default() });
        assert_eq!(dropped, (Told::Nothing, 0), "{service:?}");
        let dropped = put_with(Faults { dropped_after: 1.0, ..Faults::default() });
        assert_eq!(dropped, (Told::Nothing, 1), "{service:?}");
        let started = Instant::now();
        assert_eq!(put_with(Faults { slow: 1.0, ..Faults::default() }), (Told::Taken, 1), "{service:?}");
        assert!(started.elapsed() >= Duration::from_millis(30), "{service:?}");
    }
}

#[test]
fn a_hanging_answer_ends_with_the_clients_time_limit_and_may_have_been_applied() {
    let stub = Stub::start(Service::Sqs, Faults { hangs: 1.0, ..Faults::default() }, 0);
    let clients = Clients::with(&stub.config());
    for index in 0..8 {
        assert_eq!(block_on(clients.put(Service::Sqs, &index.to_string())), Told::Nothing);
    }
    assert!((1..8).contains(&stub.puts().len()), "{} of 8 were applied", stub.puts().len());
}

#[test]
fn connections_are_refused_until_it_listens() {
    let stub = Stub::start_refusing_for(Service::Kinesis, Faults::default(), 0, Duration::from_millis(300));
    let address = stub.endpoint().replace("http://", "");
    let early = TcpStream::connect(&address).expect_err("nobody listens");
    assert_eq!(early.kind(), ErrorKind::ConnectionRefused);
    let started = Instant::now();
    while TcpStream::connect(&address).is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "it never listens");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(block_on(Clients::of(&stub).put(Service::Kinesis, "late")), Told::Taken);
}

#[test]
fn a_stream_refuses_what_is_too_large() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 0);
    let clients = Clients::of(&stub);
    let large = vec![0; 1 << 20];
    assert_eq!(block_on(clients.put_record("key", &large)), Told::Taken);
    stub.set_record_limit(1 << 20);
    assert_eq!(block_on(clients.put_record("key", &large)), Told::Refused("InvalidArgumentException".to_owned()));
    assert_eq!(block_on(clients.put_record("", b"")), Told::Refused("ValidationException".to_owned()));
}

#[test]
fn a_queue_refuses_what_it_can_not_hold() {
    let stub = Stub::start(Service::Sqs, Faults::default(), 0);
    let clients = Clients::of(&stub);
    let send = |message| block_on(clients.send_message(QUEUE, message));
    assert_eq!(send(message("")), Told::Refused("InvalidMessageContents".to_owned()));
    assert_eq!(send(message("\u{1}")), Told::Refused("InvalidMessageContents".to_owned()));
    let batch = |entries| {
        let call = clients.sqs.send_message_batch().queue_url(QUEUE).set_entries(Some(entries));
        block_on(call.send()).map_or_else(|error| told(&error), |_| Told::Taken)
    };
    let name = |code: &str| Told::Refused(format!("AWS.SimpleQueueService.{code}"));
    assert_eq!(batch(vec![message("a"); 11]), name("TooManyEntriesInBatchRequest"));
    assert_eq!(batch(vec![message("a"); 2]), name("BatchEntryIdsNotDistinct"));
    assert_eq!(batch(vec![message(&"a".repeat((1 << 20) + 1))]), name("BatchRequestTooLong"));
    assert_eq!(stub.puts(), []);
}

#[test]
fn a_topic_refuses_what_it_can_not_hold() {
    let stub = Stub::start(Service::Sns, Faults::default(), 0);
    let clients = Clients::of(&stub);
    let publish = |messages: Vec<(&str, usize)>| {
        let entry = |(id, bytes): (&str, usize)| {
            PublishBatchRequestEntry::builder().id(id).message("a".repeat(bytes)).build().expect("a message")
        };
        let call = clients.sns.publish_batch().topic_arn(TOPIC);
        let call = call.set_publish_batch_request_entries(Some(messages.into_iter().map(entry).collect()));
        block_on(call.send()).map_or_else(
            |error| told(&error),
            |output| told_of_record(output.failed().first().map(|failed| failed.code())),
        )
    };
    let refused = |code: &str| Told::Refused(code.to_owned());
    assert_eq!(publish(vec![("0", 1), ("0", 1)]), refused("BatchEntryIdsNotDistinct"));
    assert_eq!(publish(vec![]), refused("EmptyBatchRequest"));
    assert_eq!(publish(vec![("0", 0)]), refused("InvalidParameter"));
    stub.set_record_limit(256 << 10);
    assert_eq!(publish(vec![("0", (256 << 10) + 1)]), refused("InvalidParameter"));
    assert_eq!(publish(vec![("0", 1), ("1", 256 << 10)]), refused("BatchRequestTooLong"));
    assert_eq!(stub.puts(), []);
    assert_eq!(publish(vec![("0", 256 << 10)]), Told::Taken);
}

#[test]
fn a_message_is_taken_once_by_its_deduplication_id() {
    let stub = Stub::start(Service::Sqs, Faults::default(), 0);
    let clients = Clients::of(&stub);
    let send = |body: &str, id: &str| {
        let mut message = message(body);
        message.message_group_id = Some("group".to_owned());
        message.message_deduplication_id = Some(id.to_owned());
        let attributes = [("partitionKey", "key"), ("encoding", "base64")];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), attribute(value)));
        message.message_attributes = Some(attributes.into());
        block_on(clients.send_message(FIFO_QUEUE, message))
    };
    assert_eq!([send("YQ==", "1"), send("YQ==", "1"), send("YQ==", "2")], [Told::Taken, Told::Taken, Told::Taken]);
    assert_eq!(send("YQ==", "an id with spaces"), Told::Refused("InvalidParameterValue".to_owned()));
    let lacks = block_on(clients.send_message(FIFO_QUEUE, message("a")));
    assert_eq!(lacks, Told::Refused("MissingParameter".to_owned()));
    let put = |id: &str| Put {
        partition_key: Some("key".to_owned()),
        data: b"a".to_vec(),
        details: Details::Message { group_id: Some("group".to_owned()), deduplication_id: Some(id.to_owned()) },
    };
    assert_eq!(stub.puts(), [put("1"), put("2")]);
}

#[test]
fn a_received_message_is_invisible_until_it_returns_or_is_deleted() {
    let stub = Stub::start(Service::Sqs, Faults::default(), 0);
    let clients = Clients::of(&stub);
    for body in ["one", "two"] {
        let mut message = message(body);
        message.message_attributes = Some([("partitionKey".to_owned(), attribute("key"))].into());
        assert_eq!(block_on(clients.send_message(QUEUE, message)), Told::Taken);
    }
    let receive = |most| {
        let call = clients.sqs.receive_message().queue_url(QUEUE).max_number_of_messages(most);
        block_on(call.message_attribute_names("All").send()).expect("an answer").messages.unwrap_or_default()
    };
    let first = receive(1).remove(0);
    let key = first.message_attributes.as_ref().and_then(|attributes| attributes.get("partitionKey")).cloned();
    assert_eq!((first.body(), key), (Some("one"), Some(attribute("key"))));
    assert_eq!(receive(10).len(), 1);
    assert_eq!(receive(10).len(), 0);
    let handle = first.receipt_handle().expect("a handle");
    let entry = DeleteMessageBatchRequestEntry::builder().id("0").receipt_handle(handle).build().expect("an entry");
    let deleted = block_on(clients.sqs.delete_message_batch().queue_url(QUEUE).entries(entry).send());
    assert_eq!(deleted.expect("an answer").successful().len(), 1);
    stub.return_messages();
    let rest = receive(10);
    assert_eq!(rest.iter().map(|message| message.body()).collect::<Vec<_>>(), [Some("two")]);
    let handle = rest[0].receipt_handle().expect("a handle");
    block_on(clients.sqs.delete_message().queue_url(QUEUE).receipt_handle(handle).send()).expect("deleted");
    stub.return_messages();
    assert_eq!(receive(10).len(), 0);
}

#[test]
fn a_stream_is_read_page_by_page() {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 0);
    let kinesis = Clients::of(&stub).kinesis;
    block_on(async {
        let shards = kinesis.list_shards().stream_name("out").send().await.expect("shards");
        let shard = shards.shards()[0].shard_id();
        let clients = Clients::of(&stub);
        for text in ["one", "two", "three"] {
            assert_eq!(clients.put_record(text, text.as_bytes()).await, Told::Taken);
        }
        let horizon = ShardIteratorType::TrimHorizon;
        let call = kinesis.get_shard_iterator().stream_name("out").shard_id(shard).shard_iterator_type(horizon);
        let mut iterator = call.send().await.expect("an iterator").shard_iterator;
        let mut read = Vec::new();
        for expected_behind in [true, false, false] {
            let page = kinesis.get_records().set_shard_iterator(iterator).limit(2).send().await.expect("a page");
            assert_eq!(page.millis_behind_latest().is_some_and(|behind| behind > 0), expected_behind);
            read.extend(page.records().iter().filter_map(|record| record.partition_key().map(str::to_owned)));
            iterator = page.next_shard_iterator;
        }
        assert_eq!(read, ["one", "two", "three"]);
    });
}

/// A body that the client streams comes in chunks, with its checksum behind it.
#[test]
fn objects_come_back_as_they_were_put() {
    let stub = Stub::start(Service::S3, Faults::default(), 0);
    let s3 = Clients::of(&stub).s3;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("body");
    let large: Vec<u8> = (0..50_000_u32).flat_map(u32::to_be_bytes).collect();
    std::fs::write(&file, &large).expect("written");
    block_on(async {
        let body = ByteStream::from_path(&file).await.expect("a body");
        let call = s3.put_object().bucket("bucket").key("in/large & <odd>").content_encoding("gzip").body(body);
        call.send().await.expect("put");
        for key in ["in/b", "in/a", "out"] {
            s3.put_object().bucket("bucket").key(key).body(ByteStream::from_static(b"x")).send().await.expect("put");
        }
        let mut pages = s3.list_objects_v2().bucket("bucket").prefix("in/").max_keys(2).into_paginator().send();
        let mut read = BTreeMap::new();
        let mut sizes = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.expect("a page");
            sizes.push(page.contents().len());
            for object in page.contents() {
                let key = object.key().expect("a key");
                let object = s3.get_object().bucket("bucket").key(key).send().await.expect("an object");
                let coding = object.content_encoding().map(str::to_owned);
                read.insert(key.to_owned(), (coding, object.body.collect().await.expect("a body").to_vec()));
            }
        }
        assert_eq!(sizes, [2, 1]);
        let plain = |key: &str| (key.to_owned(), (None, b"x".to_vec()));
        let gzip = ("in/large & <odd>".to_owned(), (Some("gzip".to_owned()), large.clone()));
        // Not `assert_eq!`, which would print hundreds of kilobytes.
        assert!(read == [plain("in/a"), plain("in/b"), gzip].into(), "an object came back otherwise");
        assert!(stub.objects().get("in/large & <odd>") == Some(&large), "the object is not the file");
        let missing = s3.get_object().bucket("bucket").key("nothing").send().await.expect_err("there is none");
        assert_eq!(told(&missing), Told::Refused("NoSuchKey".to_owned()));
    });
}
