//! A dead letter as it is read back: its event again, and why it was put aside.

use std::sync::Arc;

use serde_json::error::Category;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::dead_letter::{Envelope, Kind, Undecoded};
use crate::event::{Batch, Contents, Event, Record};

/// As much of a foreign text as a message can bear.
const EXCERPT_CHARACTERS: usize = 200;

/// An event that could not be processed.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Why, as one of a few.
    pub kind: Kind,
    /// Why, for a person.
    pub reason: String,
    batch: Arc<Batch>,
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

    /// The event, in a batch by itself.
    pub fn batch(&self) -> Arc<Batch> {
        Arc::clone(&self.batch)
    }

    /// The event.
    pub fn event(&self) -> Event<'_> {
        self.batch.event(0)
    }

    /// The shard that the event came from.
    pub fn shard_id(&self) -> &str {
        self.batch.shard_id()
    }

    fn from_envelope(envelope: &Envelope<'_>) -> Result<Self, Malformed> {
        let wrong = |field| move |reason: String| Malformed::Field { field, reason };
        let record = Record {
            partition_key: &envelope.partition_key,
            sequence_number: &envelope.sequence_number,
            sub_sequence_number: envelope.sub_sequence_number,
            arrived_at: to_millis(&envelope.arrived_at).map_err(wrong("arrivedAt"))?,
        };
        let payload = base64_simd::STANDARD
            .decode_to_vec(envelope.data_base64.as_bytes())
            .map_err(|_| wrong("dataBase64")("it is not valid base64 (standard alphabet, padded)".to_owned()))?;
        // It goes on from where it came to: no event is taken apart or decoded a second time.
        let contents = match (envelope.kind, envelope.undecoded) {
            (Kind::Decode, Some(Undecoded::Payload)) => Contents::Payloads,
            (Kind::Decode, Some(Undecoded::Envelope | Undecoded::Record) | None) => Contents::Records,
            _ => Contents::Events,
        };
        let batch = Batch::builder(envelope.stream_arn.as_ref(), envelope.shard_id.as_ref());
        let mut batch = batch.holding(contents);
        let pushed = match contents {
            Contents::Records if envelope.undecoded == Some(Undecoded::Record) => batch.push_bytes(record, &payload),
            // The payload is the text that could not be decoded.
            Contents::Records => match std::str::from_utf8(&payload) {
                Ok(text) => batch.push_base64(record, text),
                Err(_) => return Err(wrong("dataBase64")("of the kind decode, it holds no text".to_owned())),
            },
            Contents::Payloads | Contents::Events => batch.push_bytes(record, &payload),
        };
        pushed.map_err(|error| wrong("sequenceNumber")(error.to_string()))?;
        Ok(Self { kind: envelope.kind, reason: envelope.reason.clone().into_owned(), batch: Arc::new(batch.build()) })
    }
}

/// RFC 3339 to milliseconds since the Unix epoch.
pub(crate) fn to_millis(text: &str) -> Result<u64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("{:?} is no RFC 3339 time, as 2026-11-21T09:30:00Z: {error}", excerpt(text)))?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| format!("{text:?} is before 1970"))
}

/// What is wrong, but not with what: the parser quotes values, and those can be payload.
fn not_a_letter(error: &serde_json::Error) -> Malformed {
    /// What the parser says of names alone.
    const OF_NAMES: [&str; 3] = ["missing field", "duplicate field", "unknown variant"];

    let said = error.to_string();
    Malformed::NotALetter(match error.classify() {
        Category::Data if !OF_NAMES.iter().any(|start| said.starts_with(start)) => {
            format!("a part is of another type than in a dead letter, at column {}", error.column())
        }
        Category::Data => excerpt(&said).replace(" at line 1 column", " at column"),
        Category::Io | Category::Syntax | Category::Eof => said.replace(" at line 1 column", " at column"),
    })
}

fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARACTERS).collect()
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
        assert_eq!((letter.kind, letter.reason.as_str()), (Kind::Rejected, "reading out of range"));
        assert_eq!(letter.batch().stream_arn(), "arn:aws:kinesis:eu-west-1:123456789012:stream/readings");
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
        assert!(said.contains("missing field `shardId`"), "{said}");
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
