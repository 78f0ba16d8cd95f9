//! An output as a line of NDJSON: the format of `stdout` and `file:`.

use std::borrow::Cow;

use serde::Serialize;

use super::{Lines, Output};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    partition_key: &'a str,
    #[serde(flatten)]
    data: Data<'a>,
    route: Option<&'a str>,
    sequence_number: &'a str,
    sub_sequence_number: u64,
}

/// `data` as text where the bytes are UTF-8, else `dataBase64`.
#[derive(Serialize)]
enum Data<'a> {
    #[serde(rename = "data")]
    Text(&'a str),
    #[serde(rename = "dataBase64")]
    Base64(Cow<'a, str>),
}

/// The outputs as lines, each with its end, or as one array.
pub(super) fn encode(outputs: &[Output<'_>], lines: Lines) -> Vec<u8> {
    // An envelope adds some 150 bytes to the data.
    let expected = outputs.iter().map(|output| output.data.len() + 160).sum();
    let mut text = Vec::with_capacity(expected);
    for output in outputs {
        match lines {
            Lines::Bare => text.extend_from_slice(output.data),
            Lines::Envelopes => write_envelope(&mut text, output),
            Lines::Elements => {
                text.push(if text.is_empty() { b'[' } else { b',' });
                text.extend_from_slice(output.data);
                continue;
            }
        }
        text.push(b'\n');
    }
    if lines == Lines::Elements && !text.is_empty() {
        text.push(b']');
    }
    text
}

fn write_envelope(text: &mut Vec<u8>, output: &Output<'_>) {
    let data = match std::str::from_utf8(output.data) {
        Ok(data) => Data::Text(data),
        Err(_) => Data::Base64(base64_simd::STANDARD.encode_to_string(output.data).into()),
    };
    let envelope = Envelope {
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
            route,
            shard: &shard,
            sequence_number,
            sub_sequence_number: 2,
            ordinal: 0,
        };
        String::from_utf8(encode(&[output], Lines::Envelopes)).expect("UTF-8")
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
