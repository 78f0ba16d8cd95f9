use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::dead_letter::{DeadLetterKind, LargeLetters, StoreFuture};
use crate::event::Record;
use crate::sink::{Sink, SinkFuture};

/// What was done, in its order.
#[derive(Debug, Default)]
struct Done {
    /// The letters of each delivery, with their keys.
    deliveries: Vec<Vec<(String, Vec<u8>)>>,
    objects: BTreeMap<String, Vec<u8>>,
    /// `letter` or `object`, for each that was taken.
    order: Vec<&'static str>,
}

/// A target, and a place for large letters, that remember what they were given.
struct Memory {
    done: Mutex<Done>,
    /// Bytes of a letter that are refused beforehand, from this number on.
    refuses_from: usize,
    /// Bytes of a letter that are refused by the answer, from this number on.
    answers_no_from: usize,
    /// The sequence number of the letter that fails.
    fails: Option<&'static str>,
    stores: bool,
    hand_over: DeliveryTiming,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            done: Mutex::default(),
            refuses_from: usize::MAX,
            answers_no_from: usize::MAX,
            fails: None,
            stores: true,
            hand_over: DeliveryTiming::Promptly,
        }
    }
}

impl Memory {
    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().expect("unpoisoned")
    }

    /// The letters that were taken.
    fn letters(&self) -> Vec<Value> {
        let letter = |(_, bytes): &(String, Vec<u8>)| serde_json::from_slice(bytes).expect("JSON");
        self.done()
            .deliveries
            .iter()
            .flatten()
            .filter(|(_, bytes)| bytes.len() < self.answers_no_from)
            .map(letter)
            .collect()
    }
}

impl Sink for Memory {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let mut done = self.done();
        let letters = outputs.iter().map(|output| (output.partition_key.to_owned(), output.data.to_vec()));
        done.deliveries.push(letters.collect());
        let delivery = |output: &Output<'_>| {
            if self.fails == Some(output.sequence_number.as_str()) {
                Delivery::Failed { reason: "not now".into() }
            } else if output.data.len() >= self.answers_no_from {
                Delivery::Undeliverable { reason: "the service takes less".into() }
            } else {
                done.order.push("letter");
                Delivery::Delivered
            }
        };
        let deliveries = outputs.iter().map(delivery).collect();
        Box::pin(std::future::ready(SinkResponse { deliveries, retries: 1, ..SinkResponse::default() }))
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        (output.data.len() >= self.refuses_from).then(|| "it is too large".to_owned())
    }

    fn hand_over(&self) -> DeliveryTiming {
        self.hand_over
    }
}

impl LargeLetters for Memory {
    fn store<'a>(&'a self, name: &'a str, letter: Output<'a>, _until: Option<Instant>) -> StoreFuture<'a> {
        let stored = if self.stores {
            let mut done = self.done();
            done.objects.insert(name.to_owned(), letter.data.to_vec());
            done.order.push("object");
            Delivery::Delivered
        } else {
            Delivery::Failed { reason: "no bucket".into() }
        };
        Box::pin(std::future::ready(stored))
    }

    fn address(&self, name: &str) -> String {
        format!("s3://bucket/{name}")
    }
}

fn batch(records: &[(&str, &[u8])]) -> Batch {
    let mut batch = Batch::builder("arn:aws:kinesis:eu-west-1:123456789012:stream/in", "shardId-000000000006");
    for (index, (partition_key, data)) in records.iter().enumerate() {
        let sequence_number = &(100 + index).to_string();
        batch
            .push_bytes(Record { partition_key, sequence_number, sub_sequence_number: 0, arrived_at: 0 }, data)
            .expect("pushed");
    }
    batch.build()
}

/// What does not become shorter by compressing it.
fn noise(bytes: usize) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(7);
    (0..bytes).map(|_| dice.u8(..)).collect()
}

async fn write_all(letters: &DeadLetters, batch: &Batch, until: Option<Instant>) -> SinkResponse {
    let all: Vec<DeadLetter<'_>> = batch
        .iter()
        .map(|event| DeadLetter { event, kind: DeadLetterKind::Rejected, reason: "out of range", attempts: 1 })
        .collect();
    letters.write(batch, &all, until).await
}

fn of(memory: &Arc<Memory>) -> DeadLetters {
    DeadLetters::new(Arc::clone(memory) as Arc<dyn Sink>, "sha256:0")
}

fn reason(delivery: &Delivery) -> &str {
    match delivery {
        Delivery::Delivered => "delivered",
        Delivery::Failed { reason } | Delivery::Undeliverable { reason } => reason,
    }
}

#[tokio::test]
async fn what_fits_is_written_as_it_always_was() {
    let memory = Arc::new(Memory { refuses_from: 300, ..Memory::default() });
    let answer = write_all(&of(&memory), &batch(&[("a", b"one"), ("b", b"two")]), None).await;
    assert_eq!(answer, SinkResponse { retries: 1, ..SinkResponse::of_all(2, Delivery::Delivered) });
    let done = memory.done();
    assert_eq!(done.deliveries.len(), 1);
    let (key, letter) = &done.deliveries[0][1];
    assert_eq!(key, "b");
    assert!(letter.ends_with(br#""transform":"sha256:0","dataBase64":"dHdv"}"#));
}

#[tokio::test]
async fn what_is_refused_is_compressed_where_that_is_enough() {
    let memory = Arc::new(Memory { refuses_from: 3000, ..Memory::default() });
    // With more data than is put together on the caller's thread, too.
    let (little, much) = (b"reading ".repeat(1000), b"reading ".repeat(10_000));
    let answer = write_all(&of(&memory), &batch(&[("a", &little), ("b", b"small"), ("c", &much)]), None).await;
    assert_eq!(answer.deliveries, vec![Delivery::Delivered; 3]);
    let letters = memory.letters();
    let forms: Vec<(bool, bool)> =
        letters.iter().map(|letter| (letter["dataBase64"].is_string(), letter["dataGzipBase64"].is_string())).collect();
    assert_eq!(forms, [(false, true), (true, false), (false, true)]);
}

#[tokio::test]
async fn what_still_does_not_fit_goes_whole_elsewhere_before_its_pointer() {
    let memory = Arc::new(Memory { refuses_from: 1000, ..Memory::default() });
    let (little, much) = (noise(5000), noise(100_000));
    let batch = batch(&[("a", &little), ("b", &much)]);
    let letters = of(&memory).with_large(Arc::clone(&memory) as Arc<dyn LargeLetters>);
    for replay in 1..=2 {
        let answer = write_all(&letters, &batch, None).await;
        assert_eq!(answer.deliveries, vec![Delivery::Delivered; 2]);
        // The same objects again.
        assert_eq!(memory.letters().len(), 2 * replay);
        assert_eq!(memory.done().objects.len(), 2);
    }
    assert_eq!(memory.done().order[..4], ["object", "object", "letter", "letter"]);
    for (letter, data) in memory.letters().iter().zip([&little, &much]) {
        let fingerprint = DataFingerprint::of(data);
        assert_eq!((&letter["dataBytes"], &letter["dataSha256"]), (&data.len().into(), &fingerprint.sha256.into()));
        let address = letter["dataAt"].as_str().expect("an address");
        let name = address.strip_prefix("s3://bucket/").expect("in the bucket");
        assert!(name.starts_with("in/shardId-000000000006/0000"), "{name}");
        let whole: Value = serde_json::from_slice(&memory.done().objects[name]).expect("JSON");
        assert_eq!(whole["dataBase64"], base64_simd::STANDARD.encode_to_string(data));
        assert_eq!(whole["sequenceNumber"], letter["sequenceNumber"]);
    }
}

#[tokio::test]
async fn where_the_other_place_fails_no_pointer_is_written_and_nothing_behind() {
    let memory = Arc::new(Memory { refuses_from: 1000, stores: false, ..Memory::default() });
    let large = noise(5000);
    let letters = of(&memory).with_large(Arc::clone(&memory) as Arc<dyn LargeLetters>);
    let answer = write_all(&letters, &batch(&[("a", b"before"), ("b", &large), ("c", b"behind")]), None).await;
    let reasons: Vec<&str> = answer.deliveries.iter().map(reason).collect();
    let not_sent = "it was not sent, since an earlier letter was not taken";
    assert_eq!(reasons, ["delivered", "KINESIEVE_DEAD_LETTER_LARGE: no bucket", not_sent]);
    assert!(answer.deliveries.iter().all(|delivery| !matches!(delivery, Delivery::Undeliverable { .. })));
    assert_eq!(memory.letters().len(), 1);
}

#[tokio::test]
async fn without_another_place_the_data_is_cut_and_says_so() {
    let memory = Arc::new(Memory { refuses_from: 100_000, ..Memory::default() });
    let data = noise(200_000);
    let answer = write_all(&of(&memory), &batch(&[("a", &data)]), None).await;
    assert_eq!(answer.deliveries, [Delivery::Delivered]);
    let letter = &memory.letters()[0];
    assert_eq!(letter["dataBase64"], base64_simd::STANDARD.encode_to_string(&data[..64 << 10]));
    assert_eq!((&letter["dataCut"], &letter["dataBytes"]), (&true.into(), &200_000.into()));
    assert_eq!(letter["dataSha256"], DataFingerprint::of(&data).sha256);
    assert_eq!(letter["dataNote"], "the record itself is in the stream until its retention ends");
    // Less where that is too much.
    for limit in [40_000, 10_000, 2000, 700] {
        let memory = Arc::new(Memory { refuses_from: limit, ..Memory::default() });
        assert_eq!(write_all(&of(&memory), &batch(&[("a", &data)]), None).await.deliveries, [Delivery::Delivered]);
        let letter = &memory.letters()[0];
        let front = base64_simd::STANDARD.decode_to_vec(letter["dataBase64"].as_str().expect("data")).expect("base64");
        assert!(data.starts_with(&front) && letter["dataCut"] == true, "{limit}");
    }
}

#[tokio::test]
async fn what_may_not_be_cut_is_refused_with_the_remedy() {
    let data = noise(5000);
    for (cutting, said) in
        [(Cutting::Forbidden, "KINESIEVE_DEAD_LETTER_CUT=false"), (Cutting::NowhereElse, "(no stream has it)")]
    {
        let memory = Arc::new(Memory { refuses_from: 1000, ..Memory::default() });
        let letters = of(&memory).with_cutting(cutting);
        let answer = write_all(&letters, &batch(&[("a", b"small"), ("b", &data)]), None).await;
        assert_eq!(answer.deliveries[0], Delivery::Delivered);
        let Delivery::Undeliverable { reason } = &answer.deliveries[1] else { panic!("{:?}", answer.deliveries) };
        for part in ["it is too large", said, "set KINESIEVE_DEAD_LETTER_LARGE to an S3 prefix"] {
            assert!(reason.contains(part), "{reason}");
        }
        // Where there is a place for it, there is nothing to cut.
        let letters = letters.with_large(Arc::clone(&memory) as Arc<dyn LargeLetters>);
        assert_eq!(write_all(&letters, &batch(&[("b", &data)]), None).await.deliveries, [Delivery::Delivered]);
    }
}

/// A stream takes records of 1 MiB by default: only its answer says so.
#[tokio::test]
async fn what_the_service_can_never_take_goes_in_another_form() {
    let memory = Arc::new(Memory { answers_no_from: 1000, ..Memory::default() });
    let (packable, noise) = (b"reading ".repeat(1000), noise(5000));
    let records: [(&str, &[u8]); 4] = [("a", b"small"), ("b", &packable), ("c", &noise), ("d", b"small")];
    let answer = write_all(&of(&memory), &batch(&records), None).await;
    assert_eq!(answer.deliveries, vec![Delivery::Delivered; 4]);
    let mut forms: Vec<(String, bool, bool)> = memory
        .letters()
        .iter()
        .map(|letter| {
            let key = letter["partitionKey"].as_str().expect("a key").to_owned();
            (key, letter["dataGzipBase64"].is_string(), letter["dataCut"] == true)
        })
        .collect();
    forms.sort();
    let expected = [("a", false, false), ("b", true, false), ("c", false, true), ("d", false, false)];
    assert_eq!(forms, expected.map(|(key, gzip, cut)| (key.to_owned(), gzip, cut)));
}

/// For another reason than its size: nothing is cut off in vain.
#[tokio::test]
async fn what_is_refused_in_every_form_says_why_and_comes_to_an_end() {
    let memory = Arc::new(Memory { answers_no_from: 0, ..Memory::default() });
    let answer = write_all(&of(&memory), &batch(&[("a", b"small")]), None).await;
    assert_eq!(answer.deliveries, [Delivery::Undeliverable { reason: "the service takes less".into() }]);
    assert_eq!(memory.done().deliveries.len(), 1);
    let data = noise(100_000);
    for large in [false, true] {
        let memory = Arc::new(Memory { refuses_from: 0, ..Memory::default() });
        let mut letters = of(&memory);
        if large {
            letters = letters.with_large(Arc::clone(&memory) as Arc<dyn LargeLetters>);
        }
        let answer = write_all(&letters, &batch(&[("a", &data)]), None).await;
        assert_eq!(answer.deliveries, [Delivery::Undeliverable { reason: "it is too large".into() }]);
        assert!(memory.done().deliveries.is_empty());
    }
}

/// A batch may fail as a whole, and 32 MiB of it may be unpacked.
#[tokio::test]
async fn no_more_than_some_megabytes_of_letters_are_in_memory_at_once() {
    let data = noise(900_000);
    let records: Vec<(&str, &[u8])> = vec![("a", &data); 24];
    let batch = batch(&records);
    let memory = Arc::new(Memory::default());
    let answer = write_all(&of(&memory), &batch, None).await;
    assert_eq!(answer, SinkResponse { retries: 8, ..SinkResponse::of_all(24, Delivery::Delivered) });
    let bytes = |letters: &Vec<(String, Vec<u8>)>| letters.iter().map(|(_, letter)| letter.len()).sum::<usize>();
    assert!(memory.done().deliveries.iter().all(|letters| bytes(letters) <= CHUNK_BYTES));
    let positions: Vec<String> =
        memory.letters().iter().map(|letter| letter["sequenceNumber"].as_str().expect("text").to_owned()).collect();
    assert_eq!(positions, (100..124).map(|position| position.to_string()).collect::<Vec<_>>());

    // Where objects are made of what comes together, it is as much as an object takes.
    let gathering = Arc::new(Memory { hand_over: DeliveryTiming::Gathered { bytes: 16 << 20 }, ..Memory::default() });
    write_all(&of(&gathering), &batch, None).await;
    let counts: Vec<usize> = gathering.done().deliveries.iter().map(Vec::len).collect();
    assert_eq!(counts, [13, 11]);
}

#[tokio::test]
async fn behind_a_chunk_with_a_failure_nothing_is_sent() {
    let data = noise(1_500_000);
    let memory = Arc::new(Memory { fails: Some("103"), ..Memory::default() });
    let records: Vec<(&str, &[u8])> = vec![("a", &data); 8];
    let answer = write_all(&of(&memory), &batch(&records), None).await;
    let reasons: Vec<&str> = answer.deliveries.iter().map(reason).collect();
    let not_sent = "it was not sent, since an earlier letter was not taken";
    assert_eq!(reasons, [["delivered", "delivered"], ["delivered", "not now"], [not_sent; 2], [not_sent; 2]].concat());
    assert_eq!(memory.done().deliveries.len(), 2);
}

#[tokio::test]
async fn once_the_time_is_up_no_letter_is_put_together() {
    let memory = Arc::new(Memory::default());
    let past = Instant::now() - Duration::from_millis(1);
    let answer = write_all(&of(&memory), &batch(&[("a", b"one"), ("b", b"two")]), Some(past)).await;
    assert_eq!(reason(&answer.deliveries[0]), "it was not sent before the deadline");
    assert_eq!(answer.deliveries.len(), 2);
    assert!(memory.done().deliveries.is_empty());
}

/// A user record of an aggregate can have a key that Kinesis itself takes from nobody.
#[tokio::test]
async fn a_key_that_is_none_stands_in_no_letters_way() {
    let long = "k".repeat(100_000);
    let memory = Arc::new(Memory { refuses_from: 5000, ..Memory::default() });
    let batch = batch(&[("", b"one"), (&long[..256], b"two"), (&long[..257], b"three"), (&long, &noise(5000))]);
    let answer = write_all(&of(&memory), &batch, None).await;
    assert_eq!(answer.deliveries, vec![Delivery::Delivered; 4]);
    let keys: Vec<String> = memory.done().deliveries[0].iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, ["100", &long[..256], "102", "103"]);
    let letters = memory.letters();
    assert_eq!(letters[2]["partitionKey"].as_str().map(str::len), Some(257));
    assert_eq!(letters[3]["partitionKey"].as_str().map(str::len), Some(256));
    assert_eq!((&letters[3]["partitionKeyCut"], &letters[3]["dataCut"]), (&true.into(), &true.into()));
}

/// A sink that breaks the rules, and answers for none.
#[tokio::test]
async fn a_letter_without_an_answer_has_failed() {
    struct Silent;

    impl Sink for Silent {
        fn deliver<'a>(&'a self, _: &'a [Output<'a>], _: Option<Instant>) -> SinkFuture<'a> {
            Box::pin(std::future::ready(SinkResponse::default()))
        }
    }

    let letters = DeadLetters::new(Arc::new(Silent), "");
    let answer = write_all(&letters, &batch(&[("a", b"one"), ("b", b"two")]), None).await;
    assert_eq!(answer.deliveries.iter().map(reason).collect::<Vec<_>>(), ["the target gave no answer for it"; 2]);
}
