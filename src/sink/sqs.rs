//! An SQS queue as a target: SendMessageBatch.
//!
//! The body of a message is the output's data where SQS takes it as text; else its base64, which the
//! attribute `encoding` then says. The attribute `partitionKey` carries the key. In a FIFO queue a message
//! belongs to the group of its partition key, and a replay is told by its deduplication id.

use std::borrow::Cow;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use sha2::{Digest, Sha256};

use super::computed::computed;
use super::queue::{RecordResponse, RequestLimits};
use super::requests::{RequestOutcome, RequestService, deliver};
use super::{Output, Sink, SinkFuture, WarmUp, aws};
use crate::aws::{TraceHeader, queue_url};
use crate::settings::{Arn, Order};

/// Bytes of a message, and of all in a request, attributes included (Amazon SQS, SendMessageBatch).
const BYTES: usize = 1 << 20;

/// Characters of a message group's id.
const GROUP_CHARACTERS: usize = 128;

const ATTRIBUTE_TYPE: &str = "String";
const PARTITION_KEY: &str = "partitionKey";
const ENCODING: &str = "encoding";

/// A queue that outputs are sent to.
#[derive(Debug)]
pub struct SqsSink {
    client: Client,
    url: String,
    is_fifo: bool,
    order: Order,
}

impl SqsSink {
    /// A queue, by a client for its region. The client's own retries are switched off, as for a Kinesis
    /// stream.
    pub fn new(config: &SdkConfig, queue: &Arn, order: Order) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(config).retry_config(RetryConfig::disabled());
        let config = config.interceptor(TraceHeader).build();
        let is_fifo = queue.resource.ends_with(".fifo");
        Self { client: Client::from_conf(config), url: queue_url(queue), is_fifo, order }
    }
}

impl Sink for SqsSink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(deliver(self, outputs, self.order, until))
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        self.weigh(output).err()
    }

    /// A request without messages is refused, by a service that it reached.
    fn warm(&self) -> WarmUp<'_> {
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(Vec::new()));
        Box::pin(async move { drop(request.send().await) })
    }
}

impl RequestService for SqsSink {
    const LIMITS: RequestLimits = RequestLimits { records: 10, bytes: BYTES, alone_above: BYTES };

    /// A request holds few messages, so many have to be on their way.
    const AT_ONCE: usize = 16;

    fn weigh(&self, output: &Output<'_>) -> Result<usize, String> {
        if output.data.is_empty() {
            return Err("it is empty; SQS takes no empty message".to_owned());
        }
        let bytes = message_bytes(output);
        if bytes > BYTES {
            return Err(format!("it has {bytes} bytes as a message, attributes included; SQS takes {BYTES}"));
        }
        Ok(bytes)
    }

    async fn send(&self, outputs: &[&Output<'_>]) -> RequestOutcome {
        let messages: Vec<SqsMessage> = outputs.iter().map(|output| SqsMessage::of(output, self.is_fifo)).collect();
        let bytes = messages.iter().map(|message| message.data.len()).sum();
        let entries = computed(bytes, || messages.into_iter().enumerate().map(SqsMessage::entry).collect()).await;
        let entries: Vec<_> = match entries.and_then(|entries: Result<_, String>| entries) {
            Ok(entries) => entries,
            Err(reason) => return RequestOutcome::Hopeless { code: None, reason },
        };
        match self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await {
            Ok(output) => RequestOutcome::Answered(said(&output, outputs.len())),
            Err(error) => aws::failed(&error),
        }
    }
}

/// What was said of each message: the service answers by their ids, in no order.
fn said(output: &SendMessageBatchOutput, count: usize) -> Vec<RecordResponse> {
    let place = |id: &str| id.parse().ok().filter(|place: &usize| *place < count && place.to_string() == id);
    let taken = output.successful().iter().map(|taken| (taken.id(), said_of(None, None, Some(taken.message_id()))));
    let failed =
        output.failed().iter().map(|failed| (failed.id(), said_of(Some(failed.code()), failed.message(), None)));
    let mut said: Vec<Option<RecordResponse>> = vec![None; count];
    let mut strangers = 0;
    for (id, of_it) in taken.chain(failed) {
        match place(id) {
            None => strangers += 1,
            Some(place) if said[place].is_none() => said[place] = Some(of_it),
            Some(place) => {
                said[place] = Some(RecordResponse::Refused("the service answered more than once for it".to_owned()));
            }
        }
    }
    let unanswered = || match strangers {
        0 => RecordResponse::Refused("the service gave no answer for it".to_owned()),
        _ => {
            RecordResponse::Refused("the service gave no answer for it, but for a message that was not sent".to_owned())
        }
    };
    said.into_iter().map(|said| said.unwrap_or_else(unanswered)).collect()
}

fn said_of(code: Option<&str>, message: Option<&str>, message_id: Option<&str>) -> RecordResponse {
    aws::said(code, message, ("message id", message_id))
}

/// An output on its way to become a message, with all that this takes.
struct SqsMessage {
    data: Vec<u8>,
    partition_key: String,
    /// In a FIFO queue, where it came from, as its deduplication id says it.
    position: Option<String>,
}

impl SqsMessage {
    fn of(output: &Output<'_>, is_fifo: bool) -> Self {
        Self {
            data: output.data.to_vec(),
            partition_key: output.partition_key.to_owned(),
            position: is_fifo.then(|| position(output)),
        }
    }

    /// As it is sent, by its place in the request.
    fn entry(
        (place, Self { data, partition_key, position }): (usize, Self),
    ) -> Result<SendMessageBatchRequestEntry, String> {
        let mut entry = SendMessageBatchRequestEntry::builder().id(place.to_string());
        if let Some(position) = &position {
            entry = entry
                .message_group_id(group(&partition_key))
                .message_deduplication_id(deduplication_id(position, &data));
        }
        let (body, is_encoded) = body(data);
        entry = entry.message_body(body);
        for (name, value) in attributes(&partition_key, is_encoded) {
            let value = MessageAttributeValue::builder().data_type(ATTRIBUTE_TYPE).string_value(value).build();
            entry = entry.message_attributes(name, value.map_err(|error| error.to_string())?);
        }
        entry.build().map_err(|error| error.to_string())
    }
}

/// What an output weighs as a message, in bytes. An attribute counts with its name, its type and its value.
fn message_bytes(output: &Output<'_>) -> usize {
    let is_encoded = !is_message_body(output.data);
    let body = if is_encoded { base64_simd::STANDARD.encoded_length(output.data.len()) } else { output.data.len() };
    let attribute = |(name, value): (&str, &str)| name.len() + ATTRIBUTE_TYPE.len() + value.len();
    body + attributes(output.partition_key, is_encoded).map(attribute).sum::<usize>()
}

/// The body of a message, and whether it is base64.
fn body(data: Vec<u8>) -> (String, bool) {
    match String::from_utf8(data) {
        Ok(text) if is_text(&text) => (text, false),
        Ok(text) => (base64_simd::STANDARD.encode_to_string(text), true),
        Err(error) => (base64_simd::STANDARD.encode_to_string(error.into_bytes()), true),
    }
}

/// Names and values. A key that SQS can't carry is left out: it says where a message belongs, and is none of it.
fn attributes(partition_key: &str, is_encoded: bool) -> impl Iterator<Item = (&'static str, &str)> {
    let key = (!partition_key.is_empty() && is_text(partition_key)).then_some((PARTITION_KEY, partition_key));
    key.into_iter().chain(is_encoded.then_some((ENCODING, "base64")))
}

/// Whether data is sent as it is.
fn is_message_body(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(is_text)
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

/// Where an output came from.
fn position(output: &Output<'_>) -> String {
    format!(
        "{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
        output.shard.stream_arn,
        output.shard.id,
        output.sequence_number.as_str(),
        output.sub_sequence_number,
        output.ordinal,
        output.partition_key.len(),
        output.partition_key,
    )
}

/// Names an output by where it came from and what it is: what a replay brings again is told, and what a
/// mended transform makes of the same event is another one.
fn deduplication_id(position: &str, data: &[u8]) -> String {
    hexadecimal(Sha256::new().chain_update(position).chain_update(data).finalize().as_slice())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchResultEntry};

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
            let (text, is_encoded) = super::body(data.to_vec());
            assert_eq!(text, body);
            assert_eq!(is_encoded, body.as_bytes() != data);
            let attributes: Vec<_> = attributes("key", is_encoded).collect();
            assert_eq!(attributes.contains(&(ENCODING, "base64")), is_encoded);
            // What it is weighed as is what is sent.
            let sent: usize = attributes.iter().map(|(name, value)| name.len() + "String".len() + value.len()).sum();
            assert_eq!(message_bytes(&output(&shard, data, "key", 0)), text.len() + sent);
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
        let id = |data: &'static [u8], key: &'static str, ordinal| {
            deduplication_id(&position(&output(&shard, data, key, ordinal)), data)
        };
        assert_eq!(id(b"a", "k", 0), id(b"a", "k", 0));
        let others = [id(b"a", "k", 0), id(b"b", "k", 0), id(b"a", "l", 0), id(b"a", "k", 1), id(b"", "k\na", 0)];
        for (index, other) in others.iter().enumerate() {
            assert!(!others[..index].contains(other), "{index}");
            assert_eq!(other.len(), 64);
        }
    }

    fn answer(taken: &[(&str, &str)], failed: &[(&str, &str)]) -> SendMessageBatchOutput {
        let taken = taken.iter().map(|(id, message_id)| {
            let entry = SendMessageBatchResultEntry::builder().id(*id).message_id(*message_id).md5_of_message_body("");
            entry.build().expect("an entry")
        });
        let failed = failed.iter().map(|(id, code)| {
            BatchResultErrorEntry::builder().id(*id).code(*code).sender_fault(false).build().expect("an entry")
        });
        let answer = SendMessageBatchOutput::builder().set_successful(Some(taken.collect()));
        answer.set_failed(Some(failed.collect())).build().expect("an answer")
    }

    #[test]
    fn what_is_not_said_once_of_a_message_is_a_refusal() {
        let refused = |reason: &str| RecordResponse::Refused(reason.to_owned());
        let more = || refused("the service answered more than once for it");
        let nothing = || refused("the service gave no answer for it");
        let others = || refused("the service gave no answer for it, but for a message that was not sent");
        let said = |taken: &[(&str, &str)], failed: &[(&str, &str)]| super::said(&answer(taken, failed), 2);
        assert_eq!(said(&[("1", "b"), ("0", "a")], &[]), [RecordResponse::Taken, RecordResponse::Taken]);
        assert_eq!(
            said(&[("1", "b")], &[("0", "InternalFailure")]),
            [refused("InternalFailure"), RecordResponse::Taken]
        );
        assert_eq!(
            said(&[("0", "a"), ("1", "b")], &[("0", "InvalidMessageContents")]),
            [more(), RecordResponse::Taken]
        );
        assert_eq!(said(&[("0", "a"), ("1", "b"), ("0", "a"), ("0", "a")], &[]), [more(), RecordResponse::Taken]);
        assert_eq!(said(&[], &[("0", "A"), ("1", "B"), ("0", "A")]), [more(), refused("B")]);
        assert_eq!(said(&[], &[]), [nothing(), nothing()]);
        for id in ["2", "00", "+0", "", "key"] {
            assert_eq!(said(&[("1", "b"), (id, "a")], &[]), [others(), RecordResponse::Taken], "{id}");
        }
        let neither = refused("the service answered with neither an error nor a message id for it");
        assert_eq!(said(&[("0", ""), ("1", "b")], &[]), [neither.clone(), RecordResponse::Taken]);
        assert_eq!(said(&[("1", "b")], &[("0", "")]), [neither, RecordResponse::Taken]);
    }
}
