//! Letters that were too large for their target: each is an object below a prefix, which a pointer names.

use std::io::{Cursor, Read};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use flate2::read::MultiGzDecoder;

use crate::aws::{Streamed, reading_config, s3_config};
use crate::dead_letter::{DataFingerprint, Envelope};
use crate::settings::Arn;
use crate::source::storage::{self, body, object_key};

/// What a letter has besides its data, in bytes: far more than that.
const ENVELOPE_BYTES: usize = 16 << 20;

const GZIP: &[u8] = &[0x1f, 0x8b];

/// The prefix that pointers are followed to, and to nowhere else.
#[derive(Debug)]
pub(super) struct LargeObjects {
    place: Arn,
    client: Option<Client>,
}

/// Which event a letter is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LetterOrigin<'a> {
    pub(super) stream_arn: &'a str,
    pub(super) shard_id: &'a str,
    pub(super) sequence_number: &'a str,
    pub(super) sub_sequence_number: u64,
}

/// What was found of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recovered {
    pub(super) data: Vec<u8>,
    pub(super) partition_key: String,
}

impl LargeObjects {
    pub(super) fn new(place: Arn) -> Self {
        Self { place, client: None }
    }

    /// Returns what the object at an address holds of an event.
    ///
    /// # Errors
    /// Why it is not to be had, for a person.
    pub(super) async fn fetch(
        &mut self,
        address: &str,
        origin: LetterOrigin<'_>,
        data: &DataFingerprint,
        most_bytes: usize,
    ) -> Result<Recovered, String> {
        let key = object_key::below(address, &self.place).map_err(|why| {
            let place = &self.place;
            format!("its pointer is not followed, since it is not below {place} ({why}): name its prefix with --large")
        })?;
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(open(&self.place).await?),
        };
        let bucket = self.place.resource.split('/').next().unwrap_or_default();
        let answer =
            client.get_object().bucket(bucket).key(key).customize().interceptor(Streamed).send().await.map_err(
                |error| {
                    if error.code() == Some("NoSuchKey") {
                        return "the object that it points to is not there".to_owned();
                    }
                    format!("s3:GetObject: {}", storage::reason("s3:GetObject", &error))
                },
            )?;
        let most_letter = most_bytes.div_ceil(3).saturating_mul(4).saturating_add(ENVELOPE_BYTES);
        let content = body::read(answer.body, most_letter)
            .await
            .map_err(|error| format!("the object that it points to: {error}"))?;
        recovered(&content, most_letter, origin, data).map_err(|why| format!("the object that it points to: {why}"))
    }
}

async fn open(place: &Arn) -> Result<Client, String> {
    let config = reading_config(place).await;
    if config.region().is_none() {
        return Err("the ARN of a bucket has no region: set AWS_REGION to the one of the bucket".to_owned());
    }
    Ok(Client::from_conf(s3_config(&config).build()))
}

/// What the content of an object holds of an event.
pub(super) fn recovered(
    content: &[u8],
    most_letter: usize,
    origin: LetterOrigin<'_>,
    data: &DataFingerprint,
) -> Result<Recovered, &'static str> {
    let mut unpacked = Vec::new();
    let text = if content.starts_with(GZIP) {
        let decoder = MultiGzDecoder::new(Cursor::new(content));
        let read = decoder.take(most_letter as u64 + 1).read_to_end(&mut unpacked);
        if read.map_err(|_| "its gzip is broken")? > most_letter {
            return Err("it unpacks to more than a letter has");
        }
        &unpacked[..]
    } else {
        content
    };
    // What is in it is not quoted: it may be payload.
    let envelope: Envelope<'_> = serde_json::from_slice(text).map_err(|_| "it is no dead letter")?;
    let is_same = LetterOrigin {
        stream_arn: &envelope.stream_arn,
        shard_id: &envelope.shard_id,
        sequence_number: &envelope.sequence_number,
        sub_sequence_number: envelope.sub_sequence_number,
    } == origin;
    if !is_same {
        return Err("it is the dead letter of another record");
    }
    let encoded =
        envelope.data_base64.filter(|_| !envelope.data_cut).ok_or("it does not hold all of the data either")?;
    let found = base64_simd::STANDARD.decode_to_vec(encoded.0.as_bytes()).map_err(|_| "its dataBase64 is no base64")?;
    if !data.is_of(&found) {
        return Err("its data is other data: the letter says another SHA-256 or another size");
    }
    Ok(Recovered { data: found, partition_key: envelope.partition_key.into_owned() })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const ORIGIN: LetterOrigin<'_> =
        LetterOrigin { stream_arn: "arn", shard_id: "shardId-0", sequence_number: "1", sub_sequence_number: 2 };

    fn object(data: &str, cut: bool) -> Vec<u8> {
        let letter = serde_json::json!({
            "reason": "r", "kind": "trap", "streamArn": "arn", "shardId": "shardId-0", "sequenceNumber": "1",
            "subSequenceNumber": 2, "partitionKey": "k", "arrivedAt": "2018-12-17T22:10:50Z",
            "dataBase64": base64_simd::STANDARD.encode_to_string(data), "dataCut": cut,
        });
        format!("{letter}\n").into_bytes()
    }

    #[test]
    fn an_object_is_taken_for_what_its_letter_says_and_for_nothing_else() {
        let data = DataFingerprint::of(b"payload");
        let found = |content: &[u8], origin| recovered(content, 10_000, origin, &data);
        let whole = object("payload", false);
        let expected = Recovered { data: b"payload".to_vec(), partition_key: "k".to_owned() };
        assert_eq!(found(&whole, ORIGIN), Ok(expected.clone()));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&whole).expect("written");
        let packed = encoder.finish().expect("compressed");
        assert_eq!(found(&packed, ORIGIN), Ok(expected));
        for (content, origin, said) in [
            (object("another", false), ORIGIN, "other data"),
            (object("payload", true), ORIGIN, "all of the data"),
            (whole.clone(), LetterOrigin { sub_sequence_number: 3, ..ORIGIN }, "another record"),
            (whole.clone(), LetterOrigin { shard_id: "shardId-1", ..ORIGIN }, "another record"),
            (b"payload".to_vec(), ORIGIN, "no dead letter"),
            (packed[..packed.len() - 4].to_vec(), ORIGIN, "gzip is broken"),
        ] {
            assert!(found(&content, origin).expect_err(said).contains(said));
        }
        // A bomb is unpacked no further than a letter can be.
        assert_eq!(recovered(&packed, 20, ORIGIN, &data), Err("it unpacks to more than a letter has"));
    }
}
