use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{Event, Payload, Unpacking};

const NOW: u64 = 1_700_000_000_000;

fn event(records: Value) -> Value {
    json!({
        "invocationId": "1",
        "deliveryStreamArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/in",
        "region": "eu-west-1",
        "records": records,
    })
}

fn parse(event: &Value) -> FirehoseRecords {
    parse_firehose_event(event.to_string().as_bytes(), NOW).expect("an event")
}

fn of_record<'a>(records: &'a FirehoseRecords, id: &str) -> Event<'a> {
    let record = records.records.iter().find(|record| record.id == id).expect("a record");
    let batch = &records.batches[record.batch];
    batch.iter().find(|event| Position::of(*event) == record.position).expect("its event")
}

/// The position of a record of each source, as an output names it: shard, sequence and sub-sequence number.
fn place(records: &FirehoseRecords, id: &str) -> (String, String, u64) {
    let record = records.records.iter().find(|record| record.id == id).expect("a record");
    let shard = records.batches[record.batch].shard();
    let stream = shard.stream_arn.rsplit_once(['/', ':']).map_or("", |(_, name)| name);
    let position = &record.position;
    (format!("{stream} {}", shard.id), position.sequence_number().to_string(), position.sub_sequence_number())
}

fn of_stream(id: &str, shard: &str, number: &str, user_record: Value) -> Value {
    json!({ "recordId": id, "approximateArrivalTimestamp": 1, "data": "SGVsbG8=", "kinesisRecordMetadata": {
        "shardId": shard, "partitionKey": "device-7", "sequenceNumber": number, "subsequenceNumber": user_record,
        "approximateArrivalTimestamp": 1 } })
}

#[test]
fn a_record_of_a_stream_is_known_by_its_place_there() {
    let mut event = event(json!([
        of_stream("a", "shardId-000000000003", "4959", 0.into()),
        of_stream("b", "shardId-000000000007", "4959", "".into()),
        of_stream("c", "shardId-000000000003", "4959", 1.into()),
        of_stream("d", "shardId-000000000003", "4960", "2".into()),
    ]));
    event["sourceKinesisStreamArn"] = "arn:aws:kinesis:eu-west-1:123456789012:stream/source".into();
    let records = parse(&event);
    let place = |id| place(&records, id);
    assert_eq!(place("a"), ("source shardId-000000000003".into(), "4959".into(), 0));
    assert_eq!(place("b"), ("source shardId-000000000007".into(), "4959".into(), 0));
    assert_eq!(place("c"), ("source shardId-000000000003".into(), "4959".into(), 1));
    assert_eq!(place("d"), ("source shardId-000000000003".into(), "4960".into(), 2));
    assert_eq!(records.batches.iter().map(Batch::len).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(of_record(&records, "a").partition_key, "device-7");
}

#[test]
fn a_record_of_kafka_is_known_by_its_partition_and_offset() {
    let record = |id: &str, partition: Value, offset: Value| {
        json!({ "recordId": id, "approximateArrivalTimestamp": 1, "kafkaRecordValue": "SGVsbG8=",
            "mskRecordMetadata": { "offset": offset, "partitionId": partition, "approximateArrivalTimestamp": 1 } })
    };
    let mut event = event(json!([record("a", "3".into(), "41".into()), record("b", 4.into(), 41.into())]));
    event["sourceMSKArn"] = "arn:aws:kafka:eu-west-1:123456789012:cluster/demo/0".into();
    let records = parse(&event);
    assert_eq!(place(&records, "a"), ("in partition-3".into(), "41".into(), 0));
    assert_eq!(place(&records, "b"), ("in partition-4".into(), "41".into(), 0));
    assert_eq!(of_record(&records, "a").payload, Payload::Decoded(b"Hello"));
    assert!(records.records.iter().all(|record| record.field == DataField::KafkaRecordValue));
}

/// Two that say the same of themselves still have an answer each.
#[test]
fn a_record_of_nothing_else_is_known_by_its_id() {
    let number = "49640912821178817833517986466168945147170627572855734274000000";
    let direct = |id: &str| json!({ "recordId": id, "approximateArrivalTimestamp": 1, "data": "" });
    let event = event(json!([
        direct(number),
        direct("b"),
        direct("b"),
        of_stream("c", "s", "7", 0.into()),
        of_stream("d", "s", "7", 0.into()),
        of_stream("e", "s", "seven", 0.into()),
        of_stream("f", "s", "8", (1u64 << 32).into())
    ]));
    let records = parse(&event);
    assert_eq!(place(&records, number), ("in shardId-000000000000".into(), number.into(), 0));
    assert_eq!(place(&records, "b").1, "82598573390830456019496045309704909108", "a digest of the id");
    assert_eq!(place(&records, "c"), ("in s".into(), "7".into(), 0));
    for id in ["d", "e", "f"] {
        assert_eq!(place(&records, id).0, "in shardId-000000000000", "{id}");
    }
    let places: HashSet<_> = records.records.iter().map(|record| (record.batch, &record.position)).collect();
    assert_eq!(places.len(), 7);
}

#[test]
fn an_odd_record_is_odd_alone() {
    let good =
        |id: &str| json!({ "recordId": id, "approximateArrivalTimestamp": 1_684_864_917_398u64, "data": "SGVsbG8=" });
    let mut records = vec![good("first")];
    for (name, field, value) in [
        ("text", "approximateArrivalTimestamp", json!("2012-04-23T18:25:43.511Z")),
        ("fraction", "approximateArrivalTimestamp", json!(1_684_864_917_398.5)),
        ("null", "approximateArrivalTimestamp", json!(null)),
        ("yesterday", "approximateArrivalTimestamp", json!(["yesterday"])),
        ("no data", "data", json!(null)),
        ("data of another type", "data", json!({ "a": 1 })),
        ("no base64", "data", json!("%")),
        ("no metadata", "kinesisRecordMetadata", json!(null)),
        ("metadata of another type", "kinesisRecordMetadata", json!([1])),
        ("no id", "recordId", json!(null)),
        ("id of another type", "recordId", json!(7)),
        ("empty id", "recordId", json!("")),
    ] {
        let mut odd = good(name);
        odd[field] = value;
        records.push(odd);
    }
    records.extend([json!("no object"), json!({ "recordId": "no more" }), good("last")]);
    let records = parse(&event(records.into()));
    assert_eq!((records.without_id, records.records.len()), (4, 12));
    let arrivals = ["first", "text", "fraction", "null", "yesterday"].map(|id| {
        let event = of_record(&records, id);
        assert_eq!(event.payload, Payload::Decoded(b"Hello"), "{id}");
        (event.arrived_at, event.is_arrival_assumed)
    });
    let said = |millis| (millis, false);
    assert_eq!(arrivals[..3], [said(1_684_864_917_398), said(1_335_205_543_511), said(1_684_864_917_399)]);
    assert_eq!(arrivals[3..], [(NOW, true), (NOW, true)]);
    let undecodable = |id: &str| matches!(of_record(&records, id).payload, Payload::Undecodable { .. });
    for id in ["no data", "data of another type", "no base64", "metadata of another type", "no more"] {
        assert!(undecodable(id), "{id}");
    }
    for id in ["no metadata", "last"] {
        assert!(!undecodable(id), "{id}");
    }
}

/// Firehose took the aggregate apart; what decoding makes of its user records must not meet.
#[test]
fn parts_of_neighbours_have_numbers_of_their_own() {
    let records: Vec<Value> = (0..3).map(|user| of_stream(&user.to_string(), "s", "4959", user.into())).collect();
    let records = parse(&event(records.into()));
    let mut numbers = HashSet::new();
    let number = SequenceNumber::parse("4959").expect("a number");
    for record in &records.records {
        for place in 0..1000 {
            let part = PartNumbering::BetweenNeighbours.number(record.position.sub_sequence_number(), place);
            assert!(numbers.insert(part));
            assert_eq!(FirehoseRecord::position_of(PartNumbering::BetweenNeighbours, number, part), record.position);
        }
    }
    let batch = records.batches.into_iter().next().expect("a batch");
    let unpacked = Unpacking::default().unpack(batch.into()).batch;
    assert_eq!(unpacked.iter().map(|event| event.sub_sequence_number).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn many_shards_and_records_take_a_look_each() {
    let records: Vec<Value> = (0..10_000)
        .map(|number| of_stream(&number.to_string(), &format!("s{}", number % 1000), &number.to_string(), 0.into()))
        .collect();
    let records = parse(&event(records.into()));
    assert_eq!((records.batches.len(), records.records.len()), (1000, 10_000));
    assert!(records.batches.iter().all(|batch| batch.len() == 10));
}

#[test]
fn no_message_quotes_a_value() {
    let event = json!({ "deliveryStreamArn": "arn", "records": "hunter2" }).to_string();
    let said = parse_firehose_event(event.as_bytes(), NOW).expect_err("no list");
    assert!(said.starts_with("the event is not one of Firehose: at line 1 column "), "{said}");
}

proptest! {
    #[test]
    fn no_damage_makes_it_panic(
        place in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..8),
        cut in 0usize..20,
    ) {
        let records = json!([of_stream("a", "s", "1", 0.into()), { "recordId": "b", "data": "%" }, { "recordId": "c" }]);
        let mut event = event(records).to_string().into_bytes();
        let place = place.index(event.len());
        event.splice(place..(place + cut).min(event.len()), bytes);
        if let Ok(records) = parse_firehose_event(&event, NOW) {
            prop_assert_eq!(records.records.len(), records.batches.iter().map(Batch::len).sum::<usize>());
        }
    }
}
