//! A dead letter as it is read back: its event again, and why it was put aside.

use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::dead_letter::{DataFingerprint, DeadLetterKind, Envelope, OptionalText, Undecoded};
use crate::error_code::ErrorCode;
use crate::event::{Batch, BatchContents, Event, Record};
use crate::json_error::explained_without_values;
use crate::source::foreign_parts::{check_shard_id, excerpt};

/// Characters of an ARN (Kinesis Data Streams, `StreamARN`).
const ARN_CHARACTERS: usize = 2048;

/// An event that could not be processed.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Why, as one of a few.
    pub kind: DeadLetterKind,
    /// Why, for a person.
    pub reason: String,
    data: LetterData,
    undecoded: Option<Undecoded>,
    /// Whether the partition key is only the front of a longer one.
    is_key_cut: bool,
    /// The event, without its payload where that is not in the letter as it is.
    batch: Arc<Batch>,
}

/// Where the data of a letter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterData {
    /// In the letter, as it is.
    Whole,
    /// In the letter, compressed by gzip.
    Compressed(Vec<u8>),
    /// In an object.
    At {
        /// The object, as the letter names it: `s3://BUCKET/KEY`.
        address: String,
        /// What is there.
        data: DataFingerprint,
    },
    /// In the stream, if it is still there; the letter has the front of it.
    Cut {
        /// How many bytes the letter has.
        front: usize,
        /// What is in the stream.
        data: DataFingerprint,
    },
}

impl LetterData {
    /// Returns the name of its form for a program; none: it is the one that letters have as a rule.
    pub fn form(&self) -> Option<&'static str> {
        match self {
            LetterData::Whole => None,
            LetterData::Compressed(_) => Some("compressed"),
            LetterData::At { .. } => Some("large"),
            LetterData::Cut { .. } => Some("cut"),
        }
    }
}

/// What is no dead letter, with what is wrong. No message quotes a payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is no JSON, or that of something else.
    #[error("it is no dead letter: {0}")]
    NotALetter(String),
    /// A field holds what it can't.
    #[error("it is a dead letter whose {field} is wrong: {reason}")]
    Field {
        /// The name in the JSON.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// What it lies in can't be taken apart.
    #[error("{0}")]
    Unreadable(String),
}

impl Malformed {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Malformed::NotALetter(_) | Malformed::Field { .. } | Malformed::Unreadable(_) => {
                ErrorCode::DeadLetterMalformed
            }
        }
    }
}

impl Malformed {
    fn field(field: &'static str) -> impl Fn(String) -> Self {
        move |reason| Malformed::Field { field, reason }
    }
}

impl Letter {
    /// Takes the JSON of one letter.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        let envelope = serde_json::from_slice(text).map_err(|error| not_a_letter(&error))?;
        Self::from_envelope(&envelope)
    }

    /// Takes the first letter of several that lie behind each other, and answers with how many bytes it had;
    /// none: there is nothing but space. Behind what is no letter, nothing can be told apart.
    pub(super) fn parse_first(text: &[u8]) -> Option<(Result<Self, Malformed>, usize)> {
        let mut envelopes = serde_json::Deserializer::from_slice(text).into_iter::<Envelope<'_>>();
        Some(match envelopes.next()? {
            Ok(envelope) => (Self::from_envelope(&envelope), envelopes.byte_offset()),
            Err(error) => (Err(not_a_letter(&error)), text.len()),
        })
    }

    /// The event; its payload is empty where the letter's data is not [`LetterData::Whole`].
    pub fn event(&self) -> Event<'_> {
        self.batch.event(0)
    }

    /// The stream that the event came from.
    pub fn stream_arn(&self) -> &str {
        self.batch.stream_arn()
    }

    /// The shard that the event came from.
    pub fn shard_id(&self) -> &str {
        self.batch.shard_id()
    }

    /// Where the data is.
    pub fn data(&self) -> &LetterData {
        &self.data
    }

    /// Whether the partition key is only the front of the event's.
    pub(super) fn is_key_cut(&self) -> bool {
        self.is_key_cut
    }

    /// The event in a batch by itself, where the letter has its data as it is.
    pub(super) fn batch(&self) -> Arc<Batch> {
        Arc::clone(&self.batch)
    }

    /// The event in a batch by itself, with data that was found elsewhere, and the key that was found there if the letter
    /// has only the front of it. `field` is where the data was said to be.
    pub(super) fn with_data(
        &self,
        data: &[u8],
        partition_key: &str,
        field: &'static str,
    ) -> Result<Arc<Batch>, Malformed> {
        let event = self.event();
        let record = Record {
            partition_key: if self.is_key_cut { partition_key } else { event.partition_key },
            sequence_number: event.sequence_number.as_str(),
            sub_sequence_number: event.sub_sequence_number,
            arrived_at: event.arrived_at,
        };
        let record = (record, event.is_arrival_assumed);
        batch_of((self.stream_arn(), self.shard_id()), self.undecoded, record, data, field)
    }

    fn from_envelope(envelope: &Envelope<'_>) -> Result<Self, Malformed> {
        check_stream_arn(&envelope.stream_arn).map_err(Malformed::field("streamArn"))?;
        check_shard_id(&envelope.shard_id).map_err(Malformed::field("shardId"))?;
        let record = Record {
            partition_key: &envelope.partition_key,
            sequence_number: &envelope.sequence_number,
            sub_sequence_number: envelope.sub_sequence_number,
            arrived_at: to_millis(&envelope.arrived_at).map_err(Malformed::field("arrivedAt"))?,
        };
        // It goes on from where it came to: no event is taken apart or decoded a second time.
        let undecoded = match envelope.kind {
            DeadLetterKind::Decode => Some(envelope.undecoded.unwrap_or(Undecoded::Envelope)),
            _ => None,
        };
        let shard = (envelope.stream_arn.as_ref(), envelope.shard_id.as_ref());
        let record = (record, envelope.arrived_at_assumed);
        let (data, batch) = match data_of(envelope)? {
            (LetterData::Whole, payload) => {
                (LetterData::Whole, batch_of(shard, undecoded, record, &payload, "dataBase64")?)
            }
            (data, _) => (data, batch_of(shard, None, record, b"", "dataBase64")?),
        };
        Ok(Self {
            kind: envelope.kind,
            reason: envelope.reason.clone().into_owned(),
            data,
            undecoded,
            is_key_cut: envelope.partition_key_cut,
            batch,
        })
    }
}

/// Where the data of a letter is, and the data if it is there as it is.
fn data_of(envelope: &Envelope<'_>) -> Result<(LetterData, Vec<u8>), Malformed> {
    let decoded = |field: &'static str, text: &OptionalText<'_>| {
        let decoded = base64_simd::STANDARD.decode_to_vec(text.0.as_bytes());
        decoded.map_err(|_| Malformed::field(field)("it is not valid base64 (standard alphabet, padded)".to_owned()))
    };
    match envelope {
        Envelope { data_cut: true, data_base64: front, .. } => {
            let front = front.as_ref().map_or(Ok(Vec::new()), |front| decoded("dataBase64", front))?;
            Ok((LetterData::Cut { front: front.len(), data: fingerprint_of(envelope)? }, Vec::new()))
        }
        Envelope { data_base64: Some(text), .. } => Ok((LetterData::Whole, decoded("dataBase64", text)?)),
        Envelope { data_gzip_base64: Some(text), .. } => {
            Ok((LetterData::Compressed(decoded("dataGzipBase64", text)?), Vec::new()))
        }
        Envelope { data_at: Some(address), .. } => {
            let data = fingerprint_of(envelope)?;
            Ok((LetterData::At { address: address.0.clone().into_owned(), data }, Vec::new()))
        }
        _ => Err(Malformed::NotALetter(
            "it has none of the fields `dataBase64`, `dataGzipBase64` and `dataAt`".to_owned(),
        )),
    }
}

/// What the data is that is not in the letter.
fn fingerprint_of(envelope: &Envelope<'_>) -> Result<DataFingerprint, Malformed> {
    let bytes = envelope
        .data_bytes
        .ok_or_else(|| Malformed::NotALetter("one with dataAt needs the field `dataBytes`".to_owned()))?;
    let sha256 = envelope.data_sha256.as_ref().map(|text| text.0.as_ref()).unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if sha256.len() != 64 || !sha256.bytes().all(is_digit) {
        let reason = "it is no SHA-256, which has 64 hexadecimal digits in lower case".to_owned();
        return Err(Malformed::field("dataSha256")(reason));
    }
    Ok(DataFingerprint { bytes, sha256: sha256.to_owned() })
}

/// A batch of one record, of which is said whether its time of arrival is only assumed.
fn batch_of(
    (stream_arn, shard_id): (&str, &str),
    undecoded: Option<Undecoded>,
    (record, is_arrival_assumed): (Record<'_>, bool),
    payload: &[u8],
    field: &'static str,
) -> Result<Arc<Batch>, Malformed> {
    let mut batch = Batch::builder(stream_arn, shard_id).holding(match undecoded {
        None => BatchContents::Events,
        Some(Undecoded::Payload) => BatchContents::Payloads,
        Some(Undecoded::Envelope | Undecoded::Record) => BatchContents::Records,
    });
    let pushed = match undecoded {
        // The payload is the text that could not be decoded.
        Some(Undecoded::Envelope) => match std::str::from_utf8(payload) {
            Ok(text) => batch.push_base64(record, text),
            Err(_) => return Err(Malformed::field(field)("of the kind decode, it holds no text".to_owned())),
        },
        None | Some(Undecoded::Payload | Undecoded::Record) => batch.push_bytes(record, payload),
    };
    pushed.map_err(|error| Malformed::field("sequenceNumber")(error.to_string()))?;
    if is_arrival_assumed {
        batch.mark_arrival_assumed();
    }
    Ok(Arc::new(batch.build()))
}

/// Runs over a file name their own stream, by the file: what its name may hold, this may.
fn check_stream_arn(text: &str) -> Result<(), String> {
    let is_named = text.rsplit('/').next().is_some_and(|name| !name.is_empty());
    let is_relative = text.split('/').any(|part| matches!(part, "." | ".."));
    if text.chars().count() <= ARN_CHARACTERS && !text.chars().any(char::is_control) && is_named && !is_relative {
        return Ok(());
    }
    Err(format!("{:?} is no stream's ARN: arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME", excerpt(text)))
}

/// RFC 3339 to milliseconds since the Unix epoch.
pub(crate) fn to_millis(text: &str) -> Result<u64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("{:?} is no RFC 3339 time, as 2026-11-21T09:30:00Z: {error}", excerpt(text)))?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| format!("{text:?} is before 1970"))
}

fn not_a_letter(error: &serde_json::Error) -> Malformed {
    Malformed::NotALetter(explained_without_values(error, "a dead letter"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Payload;

    fn letter(changes: &[(&str, serde_json::Value)]) -> serde_json::Value {
        let mut letter = serde_json::json!({
            "reason": "reading out of range",
            "kind": "rejected",
            "streamArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/readings",
            "shardId": "shardId-000000000006",
            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "subSequenceNumber": 3,
            "partitionKey": "device-7",
            "arrivedAt": "2018-12-17T22:10:50.987Z",
            "attempts": 2,
            "transform": "sha256:0",
            "dataBase64": "SGVsbG8=",
            "ofALaterVersion": {},
        });
        for (field, value) in changes {
            letter[field] = value.clone();
        }
        letter
    }

    fn parse(changes: &[(&str, serde_json::Value)]) -> Result<Letter, String> {
        Letter::parse(letter(changes).to_string().as_bytes()).map_err(|malformed| malformed.to_string())
    }

    #[test]
    fn a_letter_becomes_its_event_again() {
        let letter = parse(&[]).expect("a letter");
        let event = letter.event();
        assert_eq!(event.payload, Payload::Decoded(b"Hello"));
        assert_eq!((event.partition_key, event.sub_sequence_number), ("device-7", 3));
        assert_eq!(event.arrived_at, 1_545_084_650_987);
        assert_eq!((letter.kind, letter.reason.as_str()), (DeadLetterKind::Rejected, "reading out of range"));
        assert_eq!(letter.batch().stream_arn(), "arn:aws:kinesis:eu-west-1:123456789012:stream/readings");
    }

    #[test]
    fn an_arrival_that_was_assumed_stays_assumed_in_every_form() {
        let arrived = |changes: &[(&str, serde_json::Value)]| {
            let letter = parse(changes).expect("a letter");
            let found = letter.with_data(b"Hello", "device-7", "dataAt").expect("its event");
            let arrival = |event: Event<'_>| (event.arrived_at, event.is_arrival_assumed);
            assert_eq!(arrival(found.event(0)), arrival(letter.event()));
            arrival(letter.event())
        };
        assert_eq!(arrived(&[]), (1_545_084_650_987, false));
        for changes in [
            &[][..],
            &[("kind", "decode".into())],
            &[("kind", "decode".into()), ("undecoded", "payload".into())],
            &[("dataCut", true.into()), ("dataBytes", 5.into()), ("dataSha256", "0".repeat(64).into())],
        ] {
            let changes = [changes, &[("arrivedAtAssumed", true.into())]].concat();
            assert_eq!(arrived(&changes), (1_545_084_650_987, true), "{changes:?}");
        }
        assert!(parse(&[("arrivedAtAssumed", "yes".into())]).is_err());
    }

    #[test]
    fn what_could_not_be_decoded_is_tried_again() {
        let raw = |text: &str| base64_simd::STANDARD.encode_to_string(text);
        let of = |text: &str| parse(&[("kind", "decode".into()), ("dataBase64", raw(text).into())]).expect("a letter");
        assert!(matches!(of("SGV%").event().payload, Payload::Undecodable { raw: b"SGV%", .. }));
        assert_eq!(of("SGVsbG8=").event().payload, Payload::Decoded(b"Hello"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_field() {
        let said = |field: &str, value: serde_json::Value| parse(&[(field, value)]).expect_err(field);
        assert!(said("sequenceNumber", "12a".into()).contains("sequenceNumber is wrong: \"12a\""));
        assert!(said("arrivedAt", "noon".into()).contains("arrivedAt is wrong: \"noon\""));
        assert!(said("arrivedAt", "1969-12-31T00:00:00Z".into()).contains("before 1970"));
        assert!(said("dataBase64", "%".into()).contains("dataBase64 is wrong"));
        assert!(said("kind", "unheard-of".into()).contains("`unheard-of`"));
        let bytes = base64_simd::STANDARD.encode_to_string([0xff]);
        assert!(parse(&[("kind", "decode".into()), ("dataBase64", bytes.into())]).is_err());
        let mut without = letter(&[]);
        without.as_object_mut().map(|fields| fields.remove("shardId"));
        let said = Letter::parse(without.to_string().as_bytes()).expect_err("no shard").to_string();
        assert!(said.contains("a dead letter needs the field `shardId`"), "{said}");
    }

    /// They become parts of keys, where outputs go to a bucket.
    #[test]
    fn a_stream_or_a_shard_that_would_lead_elsewhere_is_refused() {
        let stream = |name: &str| format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{name}");
        for shard_id in ["../../x", "..", ".", "a/b", "shardId-0\n", "", "shard id", &"x".repeat(129), "a..b"] {
            let said = parse(&[("shardId", shard_id.into())]).expect_err(shard_id);
            assert!(said.contains("whose shardId is wrong: "), "{said}");
        }
        for name in ["..", "a/../b", "", "a\u{1b}[31m", "a\u{85}", "../..", &"x".repeat(2048)] {
            let said = parse(&[("streamArn", stream(name).into())]).expect_err(name);
            assert!(said.contains("whose streamArn is wrong: "), "{said}");
        }
        // As streams and shards have it, and a run over a file.
        for (stream_arn, shard_id) in [
            (stream("a.b_c-d"), "shardId-000000000006"),
            ("arn:aws:kinesis:local:000000000000:stream/my file (1)".to_owned(), "shardId-000000000000"),
            ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/in".to_owned(), "a.b_c-d"),
        ] {
            parse(&[("streamArn", stream_arn.into()), ("shardId", shard_id.into())]).expect(shard_id);
        }
    }

    #[test]
    fn no_message_quotes_a_payload() {
        for text in [
            "\"hunter2\"",
            "[\"hunter2\"]",
            "hunter2",
            r#"{"subSequenceNumber":"hunter2"}"#,
            r#"{"partitionKey":"a","data":"hunter2"}"#,
        ] {
            let said = Letter::parse(text.as_bytes()).expect_err(text).to_string();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn several_may_lie_behind_each_other() {
        let one = letter(&[]).to_string();
        let taken = |line: &str| -> Vec<bool> {
            let mut taken = Vec::new();
            let mut rest = line.as_bytes();
            while let Some((letter, bytes)) = Letter::parse_first(rest) {
                taken.push(letter.is_ok());
                rest = &rest[bytes..];
            }
            taken
        };
        assert_eq!(taken(&format!("{one}{one} {one}")), [true, true, true]);
        assert_eq!(taken(&format!("{one} and more {one}")), [true, false]);
        let wrong = letter(&[("dataBase64", "%".into())]).to_string();
        assert_eq!(taken(&format!("{one}{wrong}{one}")), [true, false, true]);
        assert_eq!(taken("START RequestId: 1"), [false]);
        assert_eq!(taken("  "), [false; 0]);
    }

    proptest! {
        /// Whatever is found: it is a letter or is not, and reading it comes to an end.
        #[test]
        fn no_text_does_harm(place in 0usize..400, bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut text = letter(&[]).to_string().into_bytes();
            let place = place.min(text.len());
            text.splice(place..(place + bytes.len() / 2).min(text.len()), bytes);
            let mut rest = &text[..];
            let mut found = 0;
            while let Some((_, taken)) = Letter::parse_first(rest) {
                prop_assert!(taken > 0);
                rest = &rest[taken..];
                found += 1;
            }
            prop_assert!(found <= 3);
        }
    }
}
