use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::dead_letter::{DataFingerprint, DeadLetter, DeadLetterKind, DeadLetters, LargeLetters, StoreFuture};
use crate::event::{Payload, Record};
use crate::sink::{Delivery, Output, Sink, SinkFuture, SinkResponse};
use crate::source::dead_letters::{objects, records};

const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/in";
const SHARD: &str = "shardId-000000000006";

/// A target that takes letters up to a size, and a place for larger ones.
#[derive(Default)]
struct SizedTarget {
    most_bytes: usize,
    letters: Mutex<Vec<Vec<u8>>>,
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Sink for SizedTarget {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        self.letters.lock().expect("unpoisoned").extend(outputs.iter().map(|output| output.data.to_vec()));
        Box::pin(std::future::ready(SinkResponse::of_all(outputs.len(), Delivery::Delivered)))
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        (output.data.len() > self.most_bytes).then(|| "it is too large".to_owned())
    }
}

impl LargeLetters for SizedTarget {
    fn store<'a>(&'a self, name: &'a str, letter: Output<'a>, _until: Option<Instant>) -> StoreFuture<'a> {
        self.objects.lock().expect("unpoisoned").insert(self.address(name), letter.data.to_vec());
        Box::pin(std::future::ready(Delivery::Delivered))
    }

    fn address(&self, name: &str) -> String {
        format!("s3://bucket/large/{name}")
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The event of a letter, with what services would have given from memory.
fn opened(letter: &Letter, target: &SizedTarget, record: &Batch) -> Arc<Batch> {
    let event = letter.event();
    let origin = LetterOrigin {
        stream_arn: letter.stream_arn(),
        shard_id: letter.shard_id(),
        sequence_number: event.sequence_number.as_str(),
        sub_sequence_number: event.sub_sequence_number,
    };
    let found = match letter.data() {
        LetterData::Whole | LetterData::Compressed(_) => {
            let mut opener = LetterOpener::new(Unpacking::default(), None);
            return runtime().block_on(opener.open(letter)).expect("its event");
        }
        LetterData::At { address, data } => {
            objects::recovered(&target.objects.lock().expect("unpoisoned")[address], 1 << 20, origin, data).expect("it")
        }
        LetterData::Cut { data, .. } => {
            records::recovered(record, origin, Unpacking::default(), data).expect("its record")
        }
    };
    letter.with_data(&found.data, &found.partition_key, "dataAt").expect("its event")
}

fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let noise = (0usize..4000, any::<u64>()).prop_map(|(bytes, seed)| {
        let mut dice = fastrand::Rng::with_seed(seed);
        (0..bytes).map(|_| dice.u8(..)).collect()
    });
    let text = (0usize..600).prop_map(|times| b"{\"reading\":17.5}".repeat(times));
    prop_oneof![noise, text, prop::collection::vec(any::<u8>(), 0..20)]
}

proptest! {
    /// With everything scaled down: whatever the target takes, the event comes back as it was.
    #[test]
    fn what_is_dead_lettered_in_any_form_comes_back(
        payload in payloads(),
        partition_key in "[a-z]{1,8}|\\PC{1,80}",
        most_bytes in 2400usize..9000,
        has_large: bool,
    ) {
        let mut batch = Batch::builder(STREAM, SHARD);
        let record =
            Record { partition_key: &partition_key, sequence_number: "4959", sub_sequence_number: 0, arrived_at: 1_545_084_650_987 };
        batch.push_bytes(record, &payload).expect("pushed");
        let batch = batch.build();
        let target = Arc::new(SizedTarget { most_bytes, ..SizedTarget::default() });
        let mut letters = DeadLetters::new(Arc::clone(&target) as Arc<dyn Sink>, "sha256:0");
        if has_large {
            letters = letters.with_large(Arc::clone(&target) as Arc<dyn LargeLetters>);
        }
        let letter = DeadLetter { event: batch.event(0), kind: DeadLetterKind::Trap, reason: "trapped", attempts: 1 };
        let answer = runtime().block_on(letters.write(&batch, &[letter], None));
        prop_assert_eq!(&answer.deliveries, &[Delivery::Delivered]);
        let written = target.letters.lock().expect("unpoisoned").clone();
        prop_assert_eq!(written.len(), 1);
        prop_assert!(written[0].len() <= most_bytes);
        let letter = Letter::parse(&written[0]).expect("a letter");
        let form = letter.data().form();
        prop_assert!(form != Some("cut") || !has_large);
        prop_assert!(form != Some("large") || has_large);
        prop_assert_eq!(form.is_none(), written[0].windows(14).any(|part| part == b"\"dataBase64\":\"") && form != Some("cut"));
        let opened = opened(&letter, &target, &batch);
        let (event, before) = (opened.event(0), batch.event(0));
        prop_assert_eq!(event.payload, Payload::Decoded(&payload));
        prop_assert_eq!((event.partition_key, event.arrived_at), (before.partition_key, before.arrived_at));
        prop_assert_eq!(event.sequence_number, before.sequence_number);
    }
}

fn letter(data: serde_json::Value) -> Result<Letter, String> {
    let mut letter = serde_json::json!({
        "reason": "r", "kind": "trap", "streamArn": STREAM, "shardId": SHARD, "sequenceNumber": "1",
        "partitionKey": "k", "arrivedAt": "2018-12-17T22:10:50Z",
    });
    letter.as_object_mut().expect("an object").extend(data.as_object().expect("an object").clone());
    Letter::parse(letter.to_string().as_bytes()).map_err(|malformed| malformed.to_string())
}

#[test]
fn a_bomb_is_unpacked_no_further_than_an_event_can_be() {
    use std::io::Write;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&vec![0; 40 << 20]).expect("written");
    let packed = encoder.finish().expect("compressed");
    let bomb = letter(serde_json::json!({ "dataGzipBase64": base64_simd::STANDARD.encode_to_string(&packed) }));
    let bomb = bomb.expect("a letter");
    let open = |limit: usize| {
        let unpacking = Unpacking { limit, ..Unpacking::default() };
        runtime().block_on(LetterOpener::new(unpacking, None).open(&bomb))
    };
    // A small limit for what is decoded is none for what was dead-lettered.
    for (limit, said) in [(1 << 10, "16.0 MiB"), (32 << 20, "32.0 MiB")] {
        let refusal = open(limit).expect_err("a bomb").to_string();
        assert!(refusal.ends_with(&format!("it unpacks to more than {said} (KINESIEVE_DECODE_LIMIT)")), "{refusal}");
    }
    assert_eq!(open(40 << 20).map(|batch| batch.payload_bytes()), Ok(40 << 20));
    let no_gzip = letter(serde_json::json!({ "dataGzipBase64": "SGVsbG8=" })).expect("a letter");
    let refusal =
        runtime().block_on(LetterOpener::new(Unpacking::default(), None).open(&no_gzip)).expect_err("no gzip");
    assert_eq!(refusal.to_string(), "it is a dead letter whose dataGzipBase64 is wrong: it is no gzip, or broken");
}

/// A letter can be anybody's: what it names is not fetched for that.
#[test]
fn a_pointer_is_followed_nowhere_but_below_the_prefix_that_was_named() {
    let sha256 = DataFingerprint::of(b"x").sha256;
    let refusal = |at: &str, large: Option<&str>| {
        let letter =
            letter(serde_json::json!({ "dataAt": at, "dataBytes": 1, "dataSha256": sha256 })).expect("a letter");
        let large = large.map(|arn| arn.parse().expect("an ARN"));
        let opened = runtime().block_on(LetterOpener::new(Unpacking::default(), large).open(&letter));
        match opened {
            Err(Unopened::NotFetched(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    assert!(refusal("s3://bucket/large/1", None).contains("name with --large the prefix"));
    for at in ["s3://other/large/1", "s3://bucket/large/../dead/1", "s3://bucket/dead/1", "https://host/1", ""] {
        let why = refusal(at, Some("arn:aws:s3:::bucket/large"));
        assert!(why.contains("its pointer is not followed, since it is not below arn:aws:s3:::bucket/large"), "{why}");
    }
}

#[test]
fn a_form_that_lacks_something_is_malformed() {
    let sha256 = DataFingerprint::of(b"x").sha256;
    for (data, said) in [
        (serde_json::json!({}), "none of the fields `dataBase64`, `dataGzipBase64` and `dataAt`"),
        (serde_json::json!({ "dataBase64": null }), "none of the fields"),
        (serde_json::json!({ "dataBase64": "%" }), "dataBase64 is wrong"),
        (serde_json::json!({ "dataGzipBase64": "%" }), "dataGzipBase64 is wrong"),
        (
            serde_json::json!({ "dataAt": "s3://a/b", "dataSha256": sha256 }),
            "one with dataAt needs the field `dataBytes`",
        ),
        (serde_json::json!({ "dataAt": "s3://a/b", "dataBytes": 1 }), "dataSha256 is wrong"),
        (serde_json::json!({ "dataCut": true, "dataBytes": 1, "dataSha256": "00" }), "dataSha256 is wrong"),
        (serde_json::json!({ "dataCut": true, "dataBase64": "%", "dataBytes": 1, "dataSha256": sha256 }), "dataBase64"),
    ] {
        let refusal = letter(data).expect_err(said);
        assert!(refusal.contains(said), "{refusal}");
    }
}
