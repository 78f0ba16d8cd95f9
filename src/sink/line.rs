//! An output as a line of NDJSON: the format of `stdout` and `file:`.

use std::borrow::Cow;

use serde::Serialize;

use super::computed::Yielder;
use super::{LineContent, Output};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineFields<'a> {
    partition_key: &'a str,
    #[serde(flatten)]
    data: LineData<'a>,
    route: Option<&'a str>,
    sequence_number: &'a str,
    sub_sequence_number: u64,
}

/// `data` as text where the bytes are UTF-8, else `dataBase64`.
#[derive(Serialize)]
enum LineData<'a> {
    #[serde(rename = "data")]
    Text(&'a str),
    #[serde(rename = "dataBase64")]
    Base64(Cow<'a, str>),
}

/// Writes outputs as lines, each with its end, as one array or one behind the other, piece by piece.
#[derive(Debug)]
pub(super) struct LineWriter {
    lines: LineContent,
    is_first: bool,
}

impl LineWriter {
    pub(super) fn new(lines: LineContent) -> Self {
        Self { lines, is_first: true }
    }

    /// The next output, behind those before.
    pub(super) fn write(&mut self, text: &mut Vec<u8>, output: &Output<'_>) {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.lines {
            LineContent::Bare => text.extend_from_slice(output.data),
            LineContent::Joined => return text.extend_from_slice(output.data),
            LineContent::Envelopes => write_envelope(text, output),
            LineContent::Elements => {
                text.push(if is_first { b'[' } else { b',' });
                return text.extend_from_slice(output.data);
            }
        }
        text.push(b'\n');
    }

    /// What stands behind the last one.
    pub(super) fn end(self, text: &mut Vec<u8>) {
        if self.lines == LineContent::Elements && !self.is_first {
            text.push(b']');
        }
    }
}

/// All of the outputs. Others go on meanwhile.
pub(super) async fn encode(outputs: &[Output<'_>], lines: LineContent) -> Vec<u8> {
    let mut text = Vec::with_capacity(expected_bytes(outputs));
    let mut writer = LineWriter::new(lines);
    let mut breather = Yielder::default();
    for output in outputs {
        writer.write(&mut text, output);
        breather.after(output.data.len()).await;
    }
    writer.end(&mut text);
    text
}

/// What the lines will have, about: an envelope adds some 150 bytes to the data.
pub(super) fn expected_bytes(outputs: &[Output<'_>]) -> usize {
    outputs.iter().map(|output| output.data.len() + 160).sum()
}

fn write_envelope(text: &mut Vec<u8>, output: &Output<'_>) {
    let data = match std::str::from_utf8(output.data) {
        Ok(data) => LineData::Text(data),
        Err(_) => LineData::Base64(base64_simd::STANDARD.encode_to_string(output.data).into()),
    };
    let envelope = LineFields {
        partition_key: output.partition_key,
        data,
        route: output.route,
        sequence_number: output.sequence_number.as_str(),
        sub_sequence_number: output.sub_sequence_number,
    };
    serde_json::to_writer(text, &envelope).expect("strings and integers into a Vec: neither side can fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SequenceNumber, Shard};

    fn line(data: &[u8], route: Option<&str>) -> String {
        let sequence_number = SequenceNumber::parse("49590338").expect("a sequence number");
        let shard = Shard { stream_arn: String::new(), id: String::new() };
        let output = Output {
            data,
            partition_key: "key",
            explicit_hash_key: None,
            has_chosen_key: false,
            route,
            shard: &shard,
            sequence_number,
            sub_sequence_number: 2,
            ordinal: 0,
        };
        let mut text = Vec::new();
        LineWriter::new(LineContent::Envelopes).write(&mut text, &output);
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn an_output_is_one_line_of_json() {
        assert_eq!(
            line(b"{\"a\":\"b\nc\"}", None),
            r#"{"partitionKey":"key","data":"{\"a\":\"b\nc\"}","route":null,"sequenceNumber":"49590338","subSequenceNumber":2}"#
                .to_owned()
                + "\n"
        );
        assert!(line(b"x", Some("errors")).contains(r#""route":"errors""#));
    }

    #[test]
    fn what_is_not_text_is_base64() {
        assert_eq!(
            line(&[0xff, 0x00], None),
            "{\"partitionKey\":\"key\",\"dataBase64\":\"/wA=\",\"route\":null,\"sequenceNumber\":\"49590338\",\"subSequenceNumber\":2}\n"
        );
    }
}
