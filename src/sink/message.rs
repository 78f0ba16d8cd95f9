//! An output as a message of SQS or SNS, which have their messages in common.
//!
//! The body of a message is the output's data where the services take it as text; else its base64, which the
//! attribute `encoding` then says. The attribute `partitionKey` carries the key. In a FIFO queue or topic a message
//! belongs to the group of its partition key, and a replay is told by its deduplication id.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::queue::RecordResponse;
use super::{Output, aws};

/// The type of all attributes.
pub(super) const ATTRIBUTE_TYPE: &str = "String";

const PARTITION_KEY: &str = "partitionKey";
const ENCODING: &str = "encoding";

/// Characters of a message group's id.
const GROUP_CHARACTERS: usize = 128;

/// What the name of a FIFO queue or topic ends with.
pub(super) const FIFO: &str = ".fifo";

/// An output on its way to become a message, with all that this takes.
pub(super) struct OutputMessage {
    data: Vec<u8>,
    partition_key: String,
    /// In a FIFO queue or topic, where it came from, as its deduplication id says it.
    position: Option<String>,
}

/// A message as it is sent.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) body: String,
    /// Names and values.
    pub(super) attributes: Vec<(&'static str, String)>,
    /// In a FIFO queue or topic, its group and its deduplication id.
    pub(super) group: Option<(String, String)>,
}

impl OutputMessage {
    pub(super) fn of(output: &Output<'_>, is_fifo: bool) -> Self {
        Self {
            data: output.data.to_vec(),
            partition_key: output.partition_key.to_owned(),
            position: is_fifo.then(|| position(output)),
        }
    }

    /// Bytes of its data.
    pub(super) fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Returns the message. To encode and to hash it may take a while.
    pub(super) fn encode(self) -> Message {
        let Self { data, partition_key, position } = self;
        let group = position.map(|position| (group(&partition_key).into_owned(), deduplication_id(&position, &data)));
        let (body, is_encoded) = body(data);
        let attributes = attributes(&partition_key, is_encoded).map(|(name, value)| (name, value.to_owned())).collect();
        Message { body, attributes, group }
    }
}

/// Returns what an output weighs as a message, in bytes. An attribute counts with its name, its type and its value.
///
/// # Errors
/// When it has no data, or more than `most` bytes; `service` is who takes no more.
pub(super) fn weigh(output: &Output<'_>, service: &str, most: usize) -> Result<usize, String> {
    if output.data.is_empty() {
        return Err(format!("it is empty; {service} takes no empty message"));
    }
    let bytes = message_bytes(output);
    if bytes > most {
        return Err(format!("it has {bytes} bytes as a message, attributes included; {service} takes {most}"));
    }
    Ok(bytes)
}

/// Returns what was said of each message: the services answer by ids, which are places in the request, in no order.
/// `taken` are ids with the service's own ids of messages, `failed` are ids with an error's code and message.
pub(super) fn responses<'a>(
    count: usize,
    taken: impl Iterator<Item = (&'a str, &'a str)>,
    failed: impl Iterator<Item = (&'a str, &'a str, Option<&'a str>)>,
) -> Vec<RecordResponse> {
    let place = |id: &str| id.parse().ok().filter(|place: &usize| *place < count && place.to_string() == id);
    let taken = taken.map(|(id, message_id)| (id, said_of(None, None, Some(message_id))));
    let failed = failed.map(|(id, code, message)| (id, said_of(Some(code), message, None)));
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

/// Names and values. A key that they can't carry is left out: it says where a message belongs, and is none of it.
fn attributes(partition_key: &str, is_encoded: bool) -> impl Iterator<Item = (&'static str, &str)> {
    let key = (!partition_key.is_empty() && is_text(partition_key)).then_some((PARTITION_KEY, partition_key));
    key.into_iter().chain(is_encoded.then_some((ENCODING, "base64")))
}

/// Whether data is sent as it is.
fn is_message_body(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(is_text)
}

/// Whether the services take all of its characters: those of XML 1.0.
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
    use super::*;
    use crate::event::{SequenceNumber, Shard};

    fn shard() -> Shard {
        Shard { stream_arn: "arn:aws:kinesis:eu-west-1:123456789012:stream/in".to_owned(), id: "shardId-0".to_owned() }
    }

    fn output<'a>(shard: &'a Shard, data: &'a [u8], partition_key: &'a str, ordinal: u32) -> Output<'a> {
        let sequence_number = SequenceNumber::parse("49590338").expect("a sequence number");
        Output {
            data,
            partition_key,
            explicit_hash_key: None,
            has_chosen_key: false,
            route: None,
            shard,
            sequence_number,
            sub_sequence_number: 0,
            ordinal,
        }
    }

    #[test]
    fn what_is_not_taken_as_text_is_base64() {
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

    #[test]
    fn what_is_not_said_once_of_a_message_is_a_refusal() {
        let refused = |reason: &str| RecordResponse::Refused(reason.to_owned());
        let more = || refused("the service answered more than once for it");
        let nothing = || refused("the service gave no answer for it");
        let others = || refused("the service gave no answer for it, but for a message that was not sent");
        let said = |taken: &[(&str, &str)], failed: &[(&str, &str)]| {
            let failed = failed.iter().map(|(id, code)| (*id, *code, None));
            responses(2, taken.iter().copied(), failed)
        };
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
