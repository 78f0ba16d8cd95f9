//! An SQS queue as a target: SendMessageBatch.
//!
//! The body of a message is the output's data where SQS takes it as text; else its base64, which the
//! attribute `encoding` then says. The attribute `partitionKey` carries the key. In a FIFO queue a message
//! belongs to the group of its partition key, and a replay is told by its deduplication id.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use sha2::{Digest, Sha256};

use super::queue::{RequestLimits, Said};
use super::requests::{Sent, Service, deliver};
use super::{Answering, Output, Sink, Warming, aws};
use crate::aws::{TraceHeader, queue_url};
use crate::settings::{Arn, Order};

/// Bytes of a message, and of all in a request, attributes included (Amazon SQS, SendMessageBatch).
const BYTES: usize = 1 << 20;

/// Characters of a message group's id.
const GROUP_CHARACTERS: usize = 128;

const PARTITION_KEY: &str = "partitionKey";
const ENCODING: &str = "encoding";

/// A queue that outputs are sent to.
#[derive(Debug)]
pub struct Sqs {
    client: Client,
    url: String,
    is_fifo: bool,
    order: Order,
}

impl Sqs {
    /// A queue, by a client for its region. The client's own retries are switched off, as for a Kinesis
    /// stream.
    pub fn new(config: &SdkConfig, queue: &Arn, order: Order) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(config).retry_config(RetryConfig::disabled());
        let config = config.interceptor(TraceHeader).build();
        let is_fifo = queue.resource.ends_with(".fifo");
        Self { client: Client::from_conf(config), url: queue_url(queue), is_fifo, order }
    }

    fn entry(&self, place: usize, output: &Output<'_>) -> Result<SendMessageBatchRequestEntry, String> {
        let message = Message::of(output);
        let mut entry =
            SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(message.body.as_ref());
        for (name, value) in message.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            entry = entry.message_attributes(name, value.map_err(|error| error.to_string())?);
        }
        if self.is_fifo {
            entry = entry
                .message_group_id(group(output.partition_key).as_ref())
                .message_deduplication_id(deduplication_id(output));
        }
        entry.build().map_err(|error| error.to_string())
    }
}

impl Sink for Sqs {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> Answering<'a> {
        Box::pin(deliver(self, outputs, self.order, until))
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        self.weigh(output).err()
    }

    /// A request without messages is refused, by a service that it reached.
    fn warm(&self) -> Warming<'_> {
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(Vec::new()));
        Box::pin(async move { drop(request.send().await) })
    }
}

impl Service for Sqs {
    const LIMITS: RequestLimits = RequestLimits { records: 10, bytes: BYTES, alone_above: BYTES };

    /// A request holds few messages, so many have to be on their way.
    const AT_ONCE: usize = 16;

    fn weigh(&self, output: &Output<'_>) -> Result<usize, String> {
        if output.data.is_empty() {
            return Err("it is empty; SQS takes no empty message".to_owned());
        }
        let bytes = Message::of(output).bytes();
        if bytes > BYTES {
            return Err(format!("it has {bytes} bytes as a message, attributes included; SQS takes {BYTES}"));
        }
        Ok(bytes)
    }

    async fn send(&self, outputs: &[&Output<'_>]) -> Sent {
        let entries: Result<Vec<_>, String> =
            outputs.iter().enumerate().map(|(place, output)| self.entry(place, output)).collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(reason) => return Sent::Hopeless { code: None, reason },
        };
        match self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await {
            Ok(output) => Sent::Answered(said(&output, outputs.len())),
            Err(error) => aws::failed(&error),
        }
    }
}

/// What was said of each message: the service answers by their ids, in no order.
fn said(output: &SendMessageBatchOutput, count: usize) -> Vec<Said> {
    let mut by_id: HashMap<&str, Said> =
        output.successful().iter().map(|message| (message.id(), Said::Taken)).collect();
    for failure in output.failed() {
        by_id.insert(failure.id(), aws::said_no(failure.code(), failure.message()));
    }
    let unanswered = || Said::Refused("the service gave no answer for it".to_owned());
    (0..count).map(|place| by_id.remove(place.to_string().as_str()).unwrap_or_else(unanswered)).collect()
}

/// An output as SQS takes it.
struct Message<'a> {
    body: Cow<'a, str>,
    attributes: Vec<(&'static str, &'a str)>,
}

impl<'a> Message<'a> {
    fn of(output: &Output<'a>) -> Self {
        let mut attributes = Vec::with_capacity(2);
        // A key that SQS can't carry is left out: it says where a message belongs, and is none of it.
        if !output.partition_key.is_empty() && is_text(output.partition_key) {
            attributes.push((PARTITION_KEY, output.partition_key));
        }
        let body = match std::str::from_utf8(output.data) {
            Ok(text) if is_text(text) => Cow::Borrowed(text),
            _ => {
                attributes.push((ENCODING, "base64"));
                Cow::Owned(base64_simd::STANDARD.encode_to_string(output.data))
            }
        };
        Self { body, attributes }
    }

    /// An attribute counts with its name, its type and its value.
    fn bytes(&self) -> usize {
        let attribute = |(name, value): &(&str, &str)| name.len() + "String".len() + value.len();
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// Whether SQS takes all of its characters: those of XML 1.0.
fn is_text(text: &str) -> bool {
    text.chars().all(|character| match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    })
}

/// The group of a partition key: the key itself where it can be one (up to 128 ASCII letters, digits and
/// punctuation), else its digest.
fn group(partition_key: &str) -> Cow<'_, str> {
    let is_group = !partition_key.is_empty()
        && partition_key.len() <= GROUP_CHARACTERS
        && partition_key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_group { partition_key.into() } else { hexadecimal(Sha256::digest(partition_key).as_slice()).into() }
}

/// Names an output by where it came from and what it is: what a replay brings again is told, and what a
/// mended transform makes of the same event is another one.
fn deduplication_id(output: &Output<'_>) -> String {
    let position = format!(
        "{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
        output.shard.stream_arn,
        output.shard.id,
        output.sequence_number.as_str(),
        output.sub_sequence_number,
        output.ordinal,
        output.partition_key.len(),
        output.partition_key,
    );
    hexadecimal(Sha256::new().chain_update(position).chain_update(output.data).finalize().as_slice())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SequenceNumber, Shard};

    fn shard() -> Shard {
        Shard { stream_arn: "arn:aws:kinesis:eu-west-1:123456789012:stream/in".to_owned(), id: "shardId-0".to_owned() }
    }

    fn output<'a>(shard: &'a Shard, data: &'a [u8], partition_key: &'a str, ordinal: u32) -> Output<'a> {
        let sequence_number = SequenceNumber::parse("49590338").expect("a sequence number");
        Output { data, partition_key, route: None, shard, sequence_number, sub_sequence_number: 0, ordinal }
    }

    #[test]
    fn what_sqs_does_not_take_as_text_is_base64() {
        let shard = shard();
        for (data, body) in [
            (b"plain \xc3\xa9\n".as_slice(), "plain \u{e9}\n"),
            (b"\xff\x00", "/wA="),
            (b"bell \x07", "YmVsbCAH"),
            ("\u{ffff}".as_bytes(), "77+/"),
        ] {
            let output = output(&shard, data, "key", 0);
            let message = Message::of(&output);
            assert_eq!(message.body, body);
            let is_encoded = message.attributes.contains(&(ENCODING, "base64"));
            assert_eq!(is_encoded, body.as_bytes() != data);
        }
    }

    #[test]
    fn a_group_is_the_key_or_its_digest() {
        assert_eq!(group("sensor-1!"), "sensor-1!");
        for key in ["", "two words", "caf\u{e9}", &"x".repeat(129)] {
            let group = group(key);
            assert_eq!(group.len(), 64, "{key:?}");
            assert!(group.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn a_deduplication_id_is_the_same_on_a_replay_and_on_nothing_else() {
        let shard = shard();
        let id =
            |data: &'static [u8], key: &'static str, ordinal| deduplication_id(&output(&shard, data, key, ordinal));
        assert_eq!(id(b"a", "k", 0), id(b"a", "k", 0));
        let others = [id(b"a", "k", 0), id(b"b", "k", 0), id(b"a", "l", 0), id(b"a", "k", 1), id(b"", "k\na", 0)];
        for (index, other) in others.iter().enumerate() {
            assert!(!others[..index].contains(other), "{index}");
            assert_eq!(other.len(), 64);
        }
    }
}
