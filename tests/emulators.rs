//! The services that run on this machine: what is put by a client can be read back.

use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName, SendMessageBatchRequestEntry};

use crate::support::block_on;
use crate::support::client::StreamRecord;
use crate::support::kinesis_local::KinesisLocal;
use crate::support::moto::Moto;

/// Puts records of these keys, each with its key as its data.
fn put_records(config: &aws_config::SdkConfig, arn: &str, keys: &[&str]) {
    let entries = keys
        .iter()
        .map(|&key| PutRecordsRequestEntry::builder().partition_key(key).data(key.as_bytes().into()).build())
        .collect::<Result<Vec<_>, _>>()
        .expect("entries");
    let request = aws_sdk_kinesis::Client::new(config).put_records().stream_arn(arn).set_records(Some(entries));
    assert_eq!(block_on(request.send()).expect("put").failed_record_count(), Some(0));
}

/// The keys of records that each have their key as their data, and how many shards have them.
fn keys_and_shards(mut records: Vec<StreamRecord>) -> (Vec<String>, usize) {
    assert!(records.iter().all(|record| record.data == record.partition_key.as_bytes()), "{records:?}");
    let mut shards: Vec<String> = records.iter().map(|record| record.shard.clone()).collect();
    shards.dedup();
    records.sort_by(|left, right| left.partition_key.cmp(&right.partition_key));
    (records.into_iter().map(|record| record.partition_key).collect(), shards.len())
}

#[test]
fn moto_keeps_objects() {
    let moto = Moto::shared();
    moto.create_bucket("objects");
    let client = aws_sdk_s3::Client::new(&moto.config());
    for (key, content) in [("b/1", "one"), ("a", "two")] {
        let body = content.as_bytes().to_vec().into();
        block_on(client.put_object().bucket("objects").key(key).body(body).send()).expect("put");
    }
    let expected = [("a".to_owned(), b"two".to_vec()), ("b/1".to_owned(), b"one".to_vec())];
    assert_eq!(moto.objects("objects"), expected.into());
}

#[test]
fn moto_keeps_messages_in_their_order() {
    let moto = Moto::shared();
    let client = aws_sdk_sqs::Client::new(&moto.config());
    for queue in ["messages", "messages.fifo"] {
        let arn = moto.create_queue(queue);
        assert_eq!(arn, format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"));
        let url = format!("{}/123456789012/{queue}", moto.endpoint());
        let is_fifo = queue.ends_with(".fifo");
        for ids in [0..10, 10..15] {
            let entries = ids.map(|id| {
                let text = id.to_string();
                let kind = MessageAttributeValue::builder().data_type("String").string_value(&text).build();
                SendMessageBatchRequestEntry::builder()
                    .id(&text)
                    .message_body(&text)
                    .message_attributes("name", kind.expect("a value"))
                    .set_message_group_id(is_fifo.then(|| "group".to_owned()))
                    .set_message_deduplication_id(is_fifo.then_some(text))
                    .build()
                    .expect("an entry")
            });
            let request = client.send_message_batch().queue_url(&url).set_entries(Some(entries.collect()));
            assert_eq!(block_on(request.send()).expect("sent").failed(), []);
        }
        let messages = moto.take_messages(queue);
        assert_eq!(messages.len(), 15);
        for (index, message) in messages.iter().enumerate() {
            let text = index.to_string();
            assert_eq!(message.body(), Some(text.as_str()));
            let named = message.message_attributes().and_then(|attributes| attributes["name"].string_value());
            assert_eq!(named, Some(text.as_str()));
            let group = message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::MessageGroupId));
            assert_eq!(group.is_some(), is_fifo);
        }
    }
}

#[test]
fn moto_keeps_records_of_kinesis() {
    let moto = Moto::shared();
    let arn = moto.create_stream("records", 2);
    put_records(&moto.config(), &arn, &["a", "b", "c", "d", "e", "f"]);
    let expected = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
    assert_eq!(keys_and_shards(moto.stream_records("records")), (expected, 2));
}

#[test]
fn moto_delivers_from_firehose_to_a_bucket() {
    let moto = Moto::shared();
    moto.create_bucket("delivered");
    let arn = moto.create_firehose("firehose", "delivered");
    assert_eq!(arn, "arn:aws:firehose:eu-west-1:123456789012:deliverystream/firehose");
    let records = ["one\n", "two\n"]
        .map(|line| aws_sdk_firehose::types::Record::builder().data(line.as_bytes().into()).build().expect("a record"));
    let request = aws_sdk_firehose::Client::new(&moto.config())
        .put_record_batch()
        .delivery_stream_name("firehose")
        .set_records(Some(records.to_vec()));
    assert_eq!(block_on(request.send()).expect("put").failed_put_count(), 0);
    let delivered: Vec<Vec<u8>> = moto.objects("delivered").into_values().collect();
    assert_eq!(delivered, [b"one\ntwo\n".to_vec()]);
}

#[test]
fn kinesis_local_keeps_records() {
    let server = KinesisLocal::start(&[("in", 1), ("out", 2)]);
    let arn = server.arn("out");
    assert_eq!(arn, "arn:aws:kinesis:eu-west-1:123456789012:stream/out");
    put_records(&server.config(), &arn, &["a", "b", "c", "d", "e", "f"]);
    let records = server.records("out");
    assert!(records.iter().all(|record| record.sequence_number.len() == 56), "{records:?}");
    let expected = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
    assert_eq!(keys_and_shards(records), (expected, 2));
    assert_eq!(server.records("in"), []);
}
