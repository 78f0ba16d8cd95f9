use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::event::{Aggregate, MAGIC, SequenceNumber, Shard};

/// Keeps what it was given, and refuses what a rule says.
struct TestTarget {
    given: Mutex<Vec<(String, Vec<u8>)>>,
    refuses: fn(usize) -> Delivery,
}

impl Sink for TestTarget {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let mut given = self.given.lock().expect("unpoisoned");
        given.extend(outputs.iter().map(|output| (output.partition_key.to_owned(), output.data.to_vec())));
        let deliveries = (0..outputs.len()).map(self.refuses).collect();
        Box::pin(std::future::ready(SinkResponse { deliveries, ..SinkResponse::default() }))
    }
}

const KINESIS: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/out";
const FIREHOSE: &str = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/out";
const SQS: &str = "arn:aws:sqs:eu-west-1:123456789012:out";
const S3: &str = "arn:aws:s3:::bucket/prefix";
const FILE: &str = "file:out";

/// What the target is given, with keys, and what becomes of each output.
fn deliver(
    packing: Packing,
    target: &str,
    records: &[(String, Vec<u8>)],
    refuses: fn(usize) -> Delivery,
) -> (Vec<(String, Vec<u8>)>, Vec<Delivery>) {
    let shard = Shard { stream_arn: String::new(), id: String::new() };
    let sequence_number = SequenceNumber::parse("1").expect("a number");
    let output = |(key, data): &'_ (String, Vec<u8>)| (key.clone(), data.clone());
    let owned: Vec<(String, Vec<u8>)> = records.iter().map(output).collect();
    let outputs: Vec<Output<'_>> = owned
        .iter()
        .map(|(partition_key, data)| Output {
            data,
            partition_key,
            explicit_hash_key: None,
            has_chosen_key: false,
            route: None,
            shard: &shard,
            sequence_number,
            sub_sequence_number: 0,
            ordinal: 0,
        })
        .collect();
    let test_target = Arc::new(TestTarget { given: Mutex::default(), refuses });
    let sink = packing.wrap(Arc::clone(&test_target) as Arc<dyn Sink>, &target.parse().expect("a target"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let answer = runtime.block_on(sink.deliver(&outputs, None));
    let given = test_target.given.lock().expect("unpoisoned").clone();
    (given, answer.deliveries)
}

fn takes(_: usize) -> Delivery {
    Delivery::Delivered
}

fn records(records: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    records.iter().map(|(key, data)| ((*key).to_owned(), data.as_bytes().to_vec())).collect()
}

fn texts(given: &[(String, Vec<u8>)]) -> Vec<(&str, String)> {
    given.iter().map(|(key, data)| (key.as_str(), String::from_utf8_lossy(data).into_owned())).collect()
}

const LINES: Packing =
    Packing { aggregate: false, pack: Pack::Lines, pack_records: 3, pack_bytes: 30, encode: Encode::None };

#[test]
fn packs_are_formed_by_count_bytes_and_key() {
    let outputs = records(&[
        ("a", "1"),
        ("b", "2\n"),
        ("a", " 3"),
        ("a", "4"),
        ("a", "5"),
        ("b", "\"a long text that fills it\""),
    ]);
    let (given, _) = deliver(LINES, SQS, &outputs, takes);
    let expected = [("a", "1\n 3\n4\n"), ("b", "2\n"), ("a", "5\n"), ("b", "\"a long text that fills it\"\n")];
    assert_eq!(texts(&given), expected.map(|(key, text)| (key, text.to_owned())));
    let (given, _) = deliver(LINES, FIREHOSE, &outputs, takes);
    let expected = ["1\n2\n 3\n", "4\n5\n", "\"a long text that fills it\"\n"];
    assert_eq!(texts(&given), expected.map(|text| ("", text.to_owned())));
    let arrays = Packing { pack: Pack::Array, ..LINES };
    let (given, _) = deliver(arrays, FIREHOSE, &outputs, takes);
    let expected = ["[1,2,3]", "[4,5]", "[\"a long text that fills it\"]"];
    assert_eq!(texts(&given), expected.map(|text| ("", text.to_owned())));
    let joined = Packing { pack: Pack::Concatenate, ..LINES };
    let (given, _) = deliver(joined, FIREHOSE, &outputs, takes);
    let expected = ["12\n 3", "45", "\"a long text that fills it\""];
    assert_eq!(texts(&given), expected.map(|text| ("", text.to_owned())));
    let (given, _) = deliver(LINES, KINESIS, &outputs, takes);
    let expected = [("a", "1\n 3\n4\n"), ("b", "2\n"), ("a", "5\n"), ("b", "\"a long text that fills it\"\n")];
    assert_eq!(texts(&given), expected.map(|(key, text)| (key, text.to_owned())));
    // A file takes arrays as lines, and what is no array by itself; compression is for others.
    let (given, _) = deliver(Packing { encode: Encode::Gzip, ..arrays }, FILE, &outputs, takes);
    let expected = ["[1,2,3]", "[4,5]", "[\"a long text that fills it\"]"];
    assert_eq!(texts(&given), expected.map(|text| ("", text.to_owned())));
    for packing in [LINES, joined] {
        assert_eq!(deliver(packing, FILE, &outputs, takes).0.len(), 6);
    }
    let (given, _) = deliver(arrays, S3, &outputs[..3], takes);
    assert_eq!(texts(&given), [("a", "1".to_owned()), ("b", "2".to_owned()), ("a", "3".to_owned())]);
}

#[test]
fn what_becomes_of_a_pack_becomes_of_each_output_in_it() {
    let outputs = records(&[("a", "1"), ("b", "2"), ("a", "two\nlines"), ("a", "4"), ("b", "5"), ("c", "6")]);
    let refused = |index| match index {
        0 => Delivery::Failed { reason: "later".into() },
        1 => Delivery::Delivered,
        _ => Delivery::Undeliverable { reason: "never".into() },
    };
    let (given, deliveries) = deliver(LINES, SQS, &outputs, refused);
    assert_eq!(given[0], ("a".to_owned(), b"1\ntwo\nlines\n4\n".to_vec()));
    let failed = Delivery::Failed { reason: "later".into() };
    let never = Delivery::Undeliverable { reason: "never".into() };
    let expected = [&failed, &Delivery::Delivered, &failed, &failed, &Delivery::Delivered, &never];
    assert_eq!(deliveries.iter().collect::<Vec<_>>(), expected);
    let (_, deliveries) =
        deliver(Packing { pack: Pack::Array, ..LINES }, S3, &records(&[("a", "{\"a\":"), ("a", "{}")]), takes);
    assert!(matches!(&deliveries[0], Delivery::Undeliverable { reason } if reason.contains("no JSON")));
    assert_eq!(deliveries[1], Delivery::Delivered);
}

#[test]
fn outputs_of_a_key_share_an_aggregate_and_a_single_one_stays_as_it_is() {
    let packing = Packing { aggregate: true, ..Packing::default() };
    let (given, _) = deliver(packing, KINESIS, &records(&[("a", "1"), ("b", "2"), ("a", "3")]), takes);
    assert_eq!(given[1], ("b".to_owned(), b"2".to_vec()));
    assert!(given[0].1.starts_with(&MAGIC) && given.len() == 2);
    // To what is no stream, each goes alone.
    assert_eq!(deliver(packing, SQS, &records(&[("a", "1"), ("a", "3")]), takes).0.len(), 2);
}

#[test]
fn a_large_output_is_no_part_of_an_aggregate() {
    let packing = Packing { aggregate: true, ..Packing::default() };
    let large = "x".repeat(300 << 10);
    let (given, _) = deliver(packing, KINESIS, &records(&[("a", "1"), ("a", &large), ("a", "3"), ("a", "4")]), takes);
    assert_eq!((given.len(), given[1].1.len()), (3, 300 << 10));
}

/// Takes apart what a target was given: the data by key, in order.
fn unpack(packing: Packing, given: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let decode = |data: &[u8]| -> Vec<u8> {
        let mut decoded = Vec::new();
        match packing.encode {
            Encode::None => decoded.extend_from_slice(data),
            Encode::Gzip => {
                std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(data), &mut decoded).expect("gzip");
            }
            Encode::Zlib => {
                std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(data), &mut decoded).expect("zlib");
            }
            Encode::Zstd => {
                let mut decoder = ruzstd::decoding::StreamingDecoder::new(data).expect("zstd");
                std::io::Read::read_to_end(&mut decoder, &mut decoded).expect("zstd");
            }
        }
        decoded
    };
    let mut all = Vec::new();
    for (key, data) in given {
        let aggregate = if packing.aggregate { Aggregate::find(data).ok() } else { None };
        match (aggregate, packing.pack) {
            (Some(aggregate), _) => {
                for record in aggregate.records {
                    let at = aggregate.partition_keys[usize::try_from(record.partition_key).expect("small")].clone();
                    assert_eq!(&data[at], key.as_bytes());
                    all.push((key.clone(), decode(&data[record.data])));
                }
            }
            (None, Pack::None) => all.push((key.clone(), decode(data))),
            (None, Pack::Lines) => {
                let text = decode(data);
                let lines = text.strip_suffix(b"\n").expect("a line end").split(|byte| *byte == b'\n');
                all.extend(lines.map(|line| (key.clone(), line.to_vec())));
            }
            // What the outputs of these tests bring as their ends.
            (None, Pack::Concatenate) => {
                let text = String::from_utf8(decode(data)).expect("text");
                all.extend(
                    text.split_inclusive('"')
                        .collect::<Vec<_>>()
                        .chunks(2)
                        .map(|value| (key.clone(), value.concat().into_bytes())),
                );
            }
            (None, Pack::Array) => {
                let array: Vec<Box<RawValue>> = serde_json::from_slice(&decode(data)).expect("an array");
                all.extend(array.iter().map(|value| (key.clone(), value.get().as_bytes().to_vec())));
            }
        }
    }
    all
}

proptest! {
    /// Whatever outputs travel as, and however they are compressed: taken apart, they are the same, and those of a key
    /// are in their order.
    #[test]
    fn what_is_packed_is_unpacked(
        outputs in prop::collection::vec(("[a-d]", "[a-z0-9]{0,40}"), 1..120),
        aggregate: bool,
        pack in prop::sample::select(vec![Pack::None, Pack::Lines, Pack::Array, Pack::Concatenate]),
        encode in prop::sample::select(vec![Encode::None, Encode::Gzip, Encode::Zlib, Encode::Zstd]),
        pack_records in 1usize..20,
        pack_bytes in 1usize..300,
    ) {
        let packing = Packing { aggregate, pack, pack_records, pack_bytes, encode };
        let outputs: Vec<(String, Vec<u8>)> =
            outputs.into_iter().map(|(key, text)| (key, format!("\"{text}\"").into_bytes())).collect();
        for target in [KINESIS, FIREHOSE, SQS] {
            let (given, deliveries) = deliver(packing, target, &outputs, takes);
            prop_assert!(deliveries.iter().all(|delivery| *delivery == Delivery::Delivered));
            prop_assert_eq!(deliveries.len(), outputs.len());
            let is_aggregate = target == KINESIS && aggregate;
            let packs = if is_aggregate { Packing { pack: Pack::None, ..packing } } else { Packing { aggregate: false, ..packing } };
            let unpacked = unpack(packs, &given);
            prop_assert_eq!(unpacked.len(), outputs.len());
            let of = |all: &[(String, Vec<u8>)], key: &str| -> Vec<Vec<u8>> {
                all.iter().filter(|(own, _)| own == key).map(|(_, data)| data.clone()).collect()
            };
            if target == FIREHOSE && pack != Pack::None {
                let data = |all: &[(String, Vec<u8>)]| -> Vec<Vec<u8>> { all.iter().map(|(_, data)| data.clone()).collect() };
                prop_assert_eq!(data(&unpacked), data(&outputs));
            } else {
                for key in ["a", "b", "c", "d"] {
                    prop_assert_eq!(of(&unpacked, key), of(&outputs, key));
                }
            }
        }
    }
}

proptest! {
    /// By shards: each user record is there once, in the order of its key, in a parcel whose key leads to its own shard;
    /// and what goes by itself goes by its own key.
    #[test]
    fn aggregates_of_a_shard_lie_where_their_outputs_would(
        outputs in prop::collection::vec(("[a-z]{1,3}", 0usize..120_000), 1..60), shards in 1u128..6,
    ) {
        let map = shards::ShardMap::even(shards);
        let outputs: Vec<(String, Vec<u8>)> = (0u32..)
            .zip(outputs)
            .map(|(number, (key, size))| (key, [&number.to_be_bytes()[..], &vec![0; size]].concat()))
            .collect();
        let shard = Shard { stream_arn: String::new(), id: String::new() };
        let sequence_number = SequenceNumber::parse("1").expect("a number");
        let views: Vec<Output<'_>> = outputs
            .iter()
            .map(|(partition_key, data)| Output {
                data, partition_key, explicit_hash_key: None, has_chosen_key: false, route: None, shard: &shard, sequence_number, sub_sequence_number: 0, ordinal: 0,
            })
            .collect();
        let shape = ParcelShape { how: PackMethod::Aggregate, encode: Encode::None, pack_records: 1, pack_bytes: 1 };
        let pieces: Vec<ParcelPiece<'_>> = views.iter().map(ParcelPiece::of).collect();
        let Parcels { parcels, refused } = Parcels::of(shape, Some(&map), &pieces);
        prop_assert!(refused.is_empty());
        let mut order_keys: std::collections::HashMap<usize, &str> = std::collections::HashMap::new();
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        for parcel in &parcels {
            let partition_key = views[parcel.key_of.expect("a key")].partition_key;
            let place = map.shard_of(partition_key).expect("a shard");
            prop_assert_eq!(*order_keys.entry(place).or_insert(partition_key), partition_key);
            match Aggregate::find(&parcel.data) {
                Ok(aggregate) => {
                    for record in aggregate.records {
                        let at = aggregate.partition_keys[usize::try_from(record.partition_key).expect("small")].clone();
                        let key = String::from_utf8_lossy(&parcel.data[at]).into_owned();
                        prop_assert_eq!(map.shard_of(&key), Some(place));
                        found.push((key, parcel.data[record.data].to_vec()));
                    }
                }
                Err(_) => found.push((partition_key.to_owned(), parcel.data.clone())),
            }
        }
        let of = |all: &[(String, Vec<u8>)], key: &str| -> Vec<Vec<u8>> {
            all.iter().filter(|(own, _)| own == key).map(|(_, data)| data.clone()).collect()
        };
        prop_assert_eq!(found.len(), outputs.len());
        for (key, _) in &outputs {
            prop_assert_eq!(of(&found, key), of(&outputs, key));
        }
    }
}

/// Takes what is not too large, has a key and is not empty, as services do.
struct Ruled;

impl Ruled {
    const MOST: usize = SMALL_BYTES + 1000;
}

impl Sink for Ruled {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let delivery = |output| match self.refuses(output) {
            Some(reason) => Delivery::Undeliverable { reason: reason.into() },
            None => Delivery::Delivered,
        };
        let deliveries = outputs.iter().map(delivery).collect();
        Box::pin(std::future::ready(SinkResponse { deliveries, ..SinkResponse::default() }))
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        let Output { data, partition_key, .. } = output;
        (data.is_empty() || data.len() > Self::MOST || partition_key.len() > 256).then(|| "never".to_owned())
    }
}

/// What is not compressed is known to fit or not before it is packed; of what is, the key is.
#[test]
fn what_never_fits_is_known_before_it_is_packed() {
    let shard = Shard { stream_arn: String::new(), id: String::new() };
    let sequence_number = SequenceNumber::parse("1").expect("a number");
    let mut data: Vec<Vec<u8>> =
        ["", "\n", "[1]\n", "no\nline", "{\"a\":1}", "{"].map(|text| text.as_bytes().to_vec()).into();
    for bytes in [SMALL_BYTES, Ruled::MOST] {
        data.extend((bytes - 3..bytes + 3).map(|bytes| vec![b'1'; bytes]));
    }
    for target in [KINESIS, FIREHOSE, SQS, S3] {
        for (aggregate, pack) in [
            (false, Pack::None),
            (true, Pack::None),
            (false, Pack::Lines),
            (false, Pack::Array),
            (false, Pack::Concatenate),
        ] {
            for encode in [Encode::None, Encode::Gzip] {
                let packing = Packing { aggregate, pack, encode, ..Packing::default() };
                let sink = packing.wrap(Arc::new(Ruled), &target.parse().expect("a target"));
                for (data, key) in data.iter().flat_map(|data| [(data, "key".to_owned()), (data, "k".repeat(257))]) {
                    let partition_key = key.as_str();
                    let output = Output {
                        data,
                        partition_key,
                        explicit_hash_key: None,
                        has_chosen_key: false,
                        route: None,
                        shard: &shard,
                        sequence_number,
                        sub_sequence_number: 0,
                        ordinal: 0,
                    };
                    let said = sink.refuses(&output);
                    let outputs = [output];
                    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                    let answer = runtime.block_on(sink.deliver(&outputs, None));
                    let found = match &answer.deliveries[..] {
                        [Delivery::Undeliverable { reason }] => Some(reason.to_string()),
                        [_] => None,
                        other => panic!("{other:?}"),
                    };
                    let what = format!("{target}, {packing:?}: {} bytes, key of {}", data.len(), key.len());
                    assert_eq!(said, found, "{what}");
                }
            }
        }
    }
}

/// PackMethod often something else got its turn until a delivery ended, and on how many threads of their own its work was done.
fn turns_and_threads(packing: Packing, target: &str, data: &[u8], count: usize) -> (u32, u32) {
    let shard = Shard { stream_arn: String::new(), id: String::new() };
    let sequence_number = SequenceNumber::parse("1").expect("a number");
    let output = Output {
        data,
        partition_key: "key",
        explicit_hash_key: None,
        has_chosen_key: false,
        route: None,
        shard: &shard,
        sequence_number,
        sub_sequence_number: 0,
        ordinal: 0,
    };
    let outputs = vec![output; count];
    let test_target = Arc::new(TestTarget { given: Mutex::default(), refuses: takes });
    let sink = packing.wrap(test_target, &target.parse().expect("a target"));
    let threads = Arc::new(AtomicU32::new(0));
    let started = Arc::clone(&threads);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_start(move || {
            started.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .expect("a runtime");
    let turns = AtomicU32::new(0);
    let others = async {
        loop {
            turns.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    };
    let answer = runtime.block_on(async {
        tokio::select! {
            biased;
            () = others => unreachable!("it has no end"),
            answer = sink.deliver(&outputs, None) => answer,
        }
    });
    assert!(answer.deliveries.iter().all(|delivery| *delivery == Delivery::Delivered));
    (turns.into_inner(), threads.load(Ordering::Relaxed))
}

/// What takes a while, to compress, to hash or to read, holds up nothing else; what does not, is done at once.
#[test]
fn others_go_on_while_much_is_packed() {
    let text = format!("{{\"text\":\"{}\"}}", "a b c ".repeat(1000));
    let none = Packing::default();
    for (packing, target) in [
        (Packing { encode: Encode::Gzip, ..none }, KINESIS),
        (Packing { encode: Encode::Zstd, ..none }, KINESIS),
        (Packing { aggregate: true, ..none }, KINESIS),
        (Packing { pack: Pack::Lines, encode: Encode::Gzip, ..none }, SQS),
        (Packing { pack: Pack::Array, ..none }, FIREHOSE),
        (Packing { pack: Pack::Array, ..none }, S3),
        (Packing { pack: Pack::Concatenate, encode: Encode::Gzip, ..none }, SQS),
        (Packing { pack: Pack::Concatenate, ..none }, S3),
    ] {
        let (turns, threads) = turns_and_threads(packing, target, text.as_bytes(), 300);
        assert!(threads > 0 || turns > 10, "{target}, {packing:?}: {turns} turns, {threads} threads");
        let few = turns_and_threads(packing, target, text.as_bytes(), 3);
        assert_eq!(few, (1, 0), "{target}, {packing:?}");
    }
}
