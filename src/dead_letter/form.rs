//! A dead letter in each of its forms, as bytes. No I/O.
//!
//! The first form is the whole data as base64. The others are for targets that refuse that: compressed, a pointer to
//! where the letter is whole, and the front of the data with what is enough to find the rest.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use serde::Serialize;

use super::DeadLetter;
use super::envelope::{DataFingerprint, Envelope, Undecoded};
use crate::event::{Batch, Payload, PayloadError};
use crate::timestamp::rfc3339;

/// Characters of a partition key (Kinesis Data Streams, PutRecord).
pub(super) const KEY_CHARACTERS: usize = 256;

/// Bytes of data that a cut letter holds at most.
const MOST_CUT: usize = 64 << 10;

/// Bytes of data below which a letter is not cut: what refuses so little refuses it for another reason than its size.
const LEAST_CUT: usize = 1 << 10;

/// What a cut letter says to a person.
const CUT_NOTE: &str = "the record itself is in the stream until its retention ends";

/// What a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LetterForm {
    /// With all of the data.
    Whole,
    /// With all of the data, compressed.
    Compressed,
    /// With where the letter is whole.
    Pointer,
    /// With so many bytes of the data's front.
    Cut(usize),
}

impl LetterForm {
    /// Returns the first form of a letter that is cut; none: there is too little data to cut any of it off.
    pub(super) fn first_cut(data_bytes: usize) -> Option<Self> {
        (data_bytes > LEAST_CUT).then(|| LetterForm::Cut(MOST_CUT.min(data_bytes / 2)))
    }

    /// Returns the same with less of the data; none: there is none left.
    pub(super) fn cut_further(front: usize) -> Option<Self> {
        match front {
            0 => None,
            front if front <= LEAST_CUT => Some(LetterForm::Cut(0)),
            front => Some(LetterForm::Cut(front / 4)),
        }
    }
}

/// How much of its partition key a letter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyText {
    /// All of it, however long it is.
    Whole,
    /// No more than a key of Kinesis has.
    Bounded,
}

/// Returns the JSON of a letter without its data and without its end.
pub(super) fn head(batch: &Batch, letter: &DeadLetter<'_>, transform: &str, key: KeyText) -> Vec<u8> {
    let event = letter.event;
    let cut_key = match key {
        KeyText::Whole => None,
        KeyText::Bounded => event.partition_key.char_indices().nth(KEY_CHARACTERS).map(|(end, _)| end),
    };
    let envelope = Envelope {
        reason: letter.reason.into(),
        kind: letter.kind,
        stream_arn: batch.stream_arn().into(),
        shard_id: batch.shard_id().into(),
        sequence_number: event.sequence_number.as_str().into(),
        sub_sequence_number: event.sub_sequence_number,
        partition_key: cut_key.map_or(event.partition_key, |end| &event.partition_key[..end]).into(),
        arrived_at: rfc3339(event.arrived_at).into(),
        arrived_at_assumed: event.is_arrival_assumed,
        attempts: letter.attempts,
        transform: transform.into(),
        undecoded: match event.payload {
            Payload::Decoded(_) => None,
            Payload::Undecodable { flaw: PayloadError::Envelope, .. } => Some(Undecoded::Envelope),
            Payload::Undecodable { flaw: PayloadError::Payload | PayloadError::Nothing, .. } => {
                Some(Undecoded::Payload)
            }
            Payload::Undecodable { flaw: PayloadError::Record, .. } => Some(Undecoded::Record),
        },
        partition_key_cut: cut_key.is_some(),
        data_base64: None,
        data_gzip_base64: None,
        data_at: None,
        data_cut: false,
        data_bytes: None,
        data_sha256: None,
        data_note: None,
    };
    let mut head = json(&envelope);
    head.pop();
    head
}

/// Returns how many bytes [`whole`] has.
pub(super) fn whole_bytes(head: &[u8], data_bytes: usize) -> usize {
    head.len() + FIELD_BYTES + data_bytes.div_ceil(3) * 4
}

/// What `dataBase64` takes besides its text, with the end of the letter.
const FIELD_BYTES: usize = r#","dataBase64":""}"#.len();

/// Returns a letter with all of its data.
pub(super) fn whole(head: &[u8], data: &[u8]) -> Vec<u8> {
    let mut letter = Vec::with_capacity(whole_bytes(head, data.len()));
    letter.extend_from_slice(head);
    push_base64(&mut letter, "dataBase64", data);
    letter.push(b'}');
    letter
}

/// Returns a letter with all of its data, compressed: the same bytes for the same data, since there is neither time nor
/// name in it.
///
/// # Errors
/// When the data can't be compressed, which memory alone can be the reason of.
pub(super) fn compressed(head: &[u8], data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data)?;
    let packed = encoder.finish()?;
    let mut letter = Vec::with_capacity(whole_bytes(head, packed.len()) + FIELD_BYTES);
    letter.extend_from_slice(head);
    push_base64(&mut letter, "dataGzipBase64", &packed);
    letter.push(b'}');
    Ok(letter)
}

/// Returns a letter that says where it is whole.
pub(super) fn pointer(head: &[u8], at: &str, data: &DataFingerprint) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields<'a> {
        data_at: &'a str,
        data_bytes: u64,
        data_sha256: &'a str,
    }

    let mut letter = head.to_vec();
    push_fields(&mut letter, &Fields { data_at: at, data_bytes: data.bytes, data_sha256: &data.sha256 });
    letter
}

/// Returns a letter with the front of its data.
pub(super) fn cut(head: &[u8], front: &[u8], data: &DataFingerprint) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields<'a> {
        data_cut: bool,
        data_bytes: u64,
        data_sha256: &'a str,
        data_note: &'a str,
    }

    let mut letter = Vec::with_capacity(whole_bytes(head, front.len()) + 256);
    letter.extend_from_slice(head);
    push_base64(&mut letter, "dataBase64", front);
    let fields = Fields { data_cut: true, data_bytes: data.bytes, data_sha256: &data.sha256, data_note: CUT_NOTE };
    push_fields(&mut letter, &fields);
    letter
}

/// Base64 has no character that JSON escapes: it need not be looked at, nor copied, once more.
fn push_base64(letter: &mut Vec<u8>, name: &str, data: &[u8]) {
    letter.extend_from_slice(b",\"");
    letter.extend_from_slice(name.as_bytes());
    letter.extend_from_slice(b"\":\"");
    base64_simd::STANDARD.encode_append(data, letter);
    letter.push(b'"');
}

/// Ends a letter with these fields.
fn push_fields(letter: &mut Vec<u8>, fields: &impl Serialize) {
    let object = json(fields);
    letter.push(b',');
    letter.extend_from_slice(&object[1..]);
}

fn json(object: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(object).expect("strings and integers into a Vec: neither side can fail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::DeadLetterKind;
    use crate::event::Record;

    #[test]
    fn arrivals_are_written_in_utc_to_the_millisecond() {
        assert_eq!(rfc3339(1_545_084_650_987), "2018-12-17T22:10:50.987Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
    }

    fn head_of(partition_key: &str, key: KeyText) -> Vec<u8> {
        let mut batch = Batch::builder("arn:aws:kinesis:eu-west-1:123456789012:stream/in", "shardId-000000000006");
        let record = Record { partition_key, sequence_number: "4959", sub_sequence_number: 3, arrived_at: 0 };
        batch.push_bytes(record, b"Hello").expect("pushed");
        let batch = batch.build();
        let letter = DeadLetter {
            event: batch.event(0),
            kind: DeadLetterKind::Rejected,
            reason: "a \"quoted\"\nreason",
            attempts: 2,
        };
        head(&batch, &letter, "sha256:0", key)
    }

    fn text(letter: Vec<u8>) -> String {
        String::from_utf8(letter).expect("UTF-8")
    }

    /// Others read it: not a byte of it may change.
    #[test]
    fn a_whole_letter_is_what_it_always_was() {
        let letter = whole(&head_of("device-7", KeyText::Whole), b"Hello");
        assert_eq!(letter.len(), whole_bytes(&head_of("device-7", KeyText::Whole), 5));
        insta::assert_snapshot!(text(letter), @r#"{"reason":"a \"quoted\"\nreason","kind":"rejected","streamArn":"arn:aws:kinesis:eu-west-1:123456789012:stream/in","shardId":"shardId-000000000006","sequenceNumber":"4959","subSequenceNumber":3,"partitionKey":"device-7","arrivedAt":"1970-01-01T00:00:00Z","attempts":2,"transform":"sha256:0","dataBase64":"SGVsbG8="}"#);
    }

    #[test]
    fn the_other_forms_say_what_is_needed_to_find_the_data() {
        let head = b"{\"reason\":\"\"".as_slice();
        let data = DataFingerprint::of(b"Hello");
        assert_eq!(data.sha256, "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969");
        assert!(data.is_of(b"Hello") && !data.is_of(b"hello") && !data.is_of(b"Hello!"));
        assert_eq!(
            text(pointer(head, "s3://bucket/a \"b\"", &data)),
            format!(r#"{{"reason":"","dataAt":"s3://bucket/a \"b\"","dataBytes":5,"dataSha256":"{}"}}"#, data.sha256)
        );
        assert_eq!(
            text(cut(head, b"Hel", &data)),
            format!(
                r#"{{"reason":"","dataBase64":"SGVs","dataCut":true,"dataBytes":5,"dataSha256":"{}","dataNote":"the record itself is in the stream until its retention ends"}}"#,
                data.sha256
            )
        );
        let zipped = compressed(head, &[b'x'; 1000]).expect("compressed");
        assert_eq!(zipped, compressed(head, &[b'x'; 1000]).expect("compressed"));
        assert!(zipped.len() < 100 && text(zipped).starts_with(r#"{"reason":"","dataGzipBase64":"H4sIA"#));
    }

    #[test]
    fn a_key_that_no_stream_takes_is_bounded_where_the_data_is_elsewhere() {
        let long = "\u{e9}".repeat(KEY_CHARACTERS + 1);
        let has_cut_key = |key: &str, text: KeyText| {
            let head = String::from_utf8(head_of(key, text)).expect("UTF-8");
            (head.contains(r#""partitionKeyCut":true"#), head.matches('\u{e9}').count())
        };
        assert_eq!(has_cut_key(&long, KeyText::Whole), (false, KEY_CHARACTERS + 1));
        assert_eq!(has_cut_key(&long, KeyText::Bounded), (true, KEY_CHARACTERS));
        assert_eq!(has_cut_key(&long[2..], KeyText::Bounded), (false, KEY_CHARACTERS));
    }

    #[test]
    fn cutting_comes_to_an_end() {
        for bytes in [0, 1, 1024, 1025, 5000, 1 << 20, usize::MAX] {
            let mut form = LetterForm::first_cut(bytes);
            assert_eq!(form.is_some(), bytes > LEAST_CUT);
            let mut before = bytes;
            while let Some(LetterForm::Cut(front)) = form {
                assert!(front < before && front <= MOST_CUT);
                before = front;
                form = LetterForm::cut_further(front);
            }
        }
    }
}
