mod chains;

use proptest::prelude::*;

use super::*;
use crate::event::aggregate::{AggregateWriter, MOST_RECORDS};
use crate::event::batch::unpacking::parts::MOST_UNREADABLE;
use crate::event::batch::{Payload, PayloadError, Record};
use crate::event::decoding::tests::{gzipped, zstandard};

fn batch_holding(contents: BatchContents, payloads: &[&[u8]]) -> Arc<Batch> {
    let mut batch = Batch::builder("arn", "shardId-000000000000").holding(contents);
    for (index, payload) in (100..).zip(payloads) {
        let sequence_number = &index.to_string();
        let record = Record { partition_key: "own", sequence_number, sub_sequence_number: 0, arrived_at: 7 };
        batch.push_bytes(record, payload).expect("a number");
    }
    Arc::new(batch.build())
}

fn batch(payloads: &[&[u8]]) -> Arc<Batch> {
    batch_holding(BatchContents::Records, payloads)
}

fn decoding(decode: impl Into<Decode>) -> Unpacking {
    Unpacking { decode: decode.into(), ..Unpacking::default() }
}

/// Positions, keys and payloads; of what is undecodable, the reason.
fn events(batch: &Batch) -> Vec<(String, String, String)> {
    let text = |event: super::super::Event<'_>| match event.payload {
        Payload::Decoded(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Payload::Undecodable { reason, .. } => reason.to_owned(),
    };
    let position = |event: super::super::Event<'_>| format!("{}.{}", event.sequence_number, event.sub_sequence_number);
    batch.iter().map(|event| (position(event), event.partition_key.to_owned(), text(event))).collect()
}

fn expected(events: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    events.iter().map(|(position, key, text)| ((*position).into(), (*key).into(), (*text).into())).collect()
}

fn aggregate(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = AggregateWriter::default();
    records.iter().for_each(|(key, data)| writer.push(key, data));
    writer.finish()
}

#[test]
fn an_aggregate_becomes_its_user_records_where_they_lie() {
    let aggregate = aggregate(&[("a", b"one"), ("b", b"two"), ("a", b"")]);
    let packed = batch(&[b"before", &aggregate, b"behind"]);
    let arena = packed.payloads.as_ptr();
    let batch = Unpacking::default().unpack(packed).batch;
    assert_eq!(batch.payloads.as_ptr(), arena, "the payloads were copied");
    let own = |position, text| (position, "own", text);
    let all = [
        own("100.0", "before"),
        ("101.0", "a", "one"),
        ("101.1", "b", "two"),
        ("101.2", "a", ""),
        own("102.0", "behind"),
    ];
    assert_eq!(events(&batch), expected(&all));
    assert_eq!((batch.payload_bytes(), batch.event(2).arrived_at), (6 + 3 + 3 + 6, 7));
    let starts: Vec<usize> = (0..5).map(|index| batch.start_of_record(index)).collect();
    assert_eq!(starts, [0, 1, 1, 1, 4]);
}

#[test]
fn a_batch_without_anything_packed_is_the_same_one() {
    let packed = batch(&[b"one", b"two"]);
    let unpacked = decoding(DecodeStep::Auto).unpack(Arc::clone(&packed)).batch;
    assert!(Arc::ptr_eq(&packed, &unpacked));
    let aggregate = aggregate(&[("a", b"one")]);
    let packed = batch(&[&aggregate]);
    let off = Unpacking { deaggregate: false, ..Unpacking::default() };
    assert!(Arc::ptr_eq(&packed, &off.unpack(Arc::clone(&packed)).batch));
}

#[test]
fn a_broken_aggregate_is_an_ordinary_record() {
    let mut aggregate = aggregate(&[("a", b"one")]);
    aggregate.push(0);
    let batch = Unpacking::default().unpack(batch(&[&aggregate])).batch;
    assert_eq!(batch.event(0).payload, Payload::Decoded(&aggregate));
}

#[test]
fn a_user_record_without_its_key_is_undecodable_by_itself() {
    // The first names the third of two keys, the second has one that is no text.
    let message =
        b"\x0a\x01k\x0a\x01\xff\x1a\x07\x08\x02\x1a\x03one\x1a\x07\x08\x01\x1a\x03two\x1a\x07\x08\x00\x1a\x03six";
    let batch = Unpacking::default().unpack(batch(&[&sealed(message)])).batch;
    let reasons: Vec<String> = events(&batch).into_iter().map(|(_, _, text)| text).collect();
    assert!(reasons[0].contains("no partition key at the place"), "{reasons:?}");
    assert!(reasons[1].contains("not UTF-8"), "{reasons:?}");
    assert_eq!(reasons[2], "six");
    assert_eq!((batch.event(0).payload.bytes(), batch.event(0).partition_key), (&b"one"[..], "own"));
}

/// An aggregate of this protobuf message.
fn sealed(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, <md5::Md5 as md5::Digest>::digest(message).as_slice()].concat()
}

/// An aggregate of one key, and of as many user records with no data as there are indexes of keys.
fn of_keys(indexes: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut message = b"\x0a\x01k".to_vec();
    indexes.into_iter().for_each(|index| message.extend([0x1a, 4, 8, index, 0x1a, 0]));
    sealed(&message)
}

/// What a batch takes of memory.
fn bytes_of(batch: &Batch) -> usize {
    let reasons: usize = batch
        .iter()
        .map(|event| match event.payload {
            Payload::Decoded(_) => 0,
            Payload::Undecodable { reason, .. } => size_of::<super::super::Undecodable>() + reason.len(),
        })
        .sum();
    batch.payloads.capacity() + batch.texts.capacity() + batch.slots.capacity() * size_of::<RecordSpan>() + reasons
}

/// The only event: its payload as it came, what is wrong with it, and why.
fn only_flaw(batch: &Batch) -> (&[u8], PayloadError, &str) {
    assert_eq!((batch.len(), batch.event(0).sub_sequence_number, batch.event(0).partition_key), (1, 0, "own"));
    match batch.event(0).payload {
        Payload::Undecodable { raw, flaw, reason } => (raw, flaw, reason),
        Payload::Decoded(_) => panic!("it is decoded"),
    }
}

#[test]
fn of_a_few_user_records_that_can_not_be_read_each_fails_by_itself() {
    let few = of_keys((0..20).map(|index| u8::from(index < MOST_UNREADABLE)));
    let batch = Unpacking::default().unpack(batch(&[&few])).batch;
    let decoded = batch.iter().filter(|event| matches!(event.payload, Payload::Decoded(_))).count();
    assert_eq!((batch.len(), decoded), (20, 12));
}

#[test]
fn of_more_the_record_fails_as_one_and_nothing_else_of_it_is_left() {
    for (good_before, bad, good_behind) in [(0, 9, 0), (5, 9, 3), (1000, 100_000, 1000)] {
        let keys = [(good_before, 0), (bad, 1), (good_behind, 0)];
        let aggregate = of_keys(keys.into_iter().flat_map(|(count, key)| std::iter::repeat_n(key, count)));
        let packed = batch(&[b"before", &aggregate, b"behind"]);
        let (payloads, texts) = (packed.payloads.len(), packed.texts.len());
        let unpacked = Unpacking::default().unpack(packed).batch;
        assert_eq!((unpacked.payloads.len(), unpacked.texts.len()), (payloads, texts));
        let all = good_before + bad + good_behind;
        let reason = format!(
            "{bad} of its {all} parts can't be read, and the record is dead-lettered as one: part {good_before}: its KPL \
             aggregate has no partition key at the place that it names; it goes by the key of the whole record",
        );
        let expected = [("100.0", "own", "before"), ("101.0", "own", &*reason), ("102.0", "own", "behind")];
        assert_eq!(events(&unpacked), self::expected(&expected));
        assert_eq!(only_flaw(&unpacked.part(1..2)), (&aggregate[..], PayloadError::Record, &*reason));
        // Run again, it is taken apart again.
        let again = Unpacking::default().unpack(batch(&[unpacked.event(1).payload.bytes()])).batch;
        assert_eq!(only_flaw(&again).2, reason);
    }
}

#[test]
fn whatever_keeps_parts_from_being_read_counts() {
    let message = |events: &str| format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{events}]}}"#);
    let (good, bad) = (["{}"; 20].join(","), ["7"; 9].join(","));
    let data = gzipped(message(&format!("{good},{bad}")).as_bytes());
    let logs = decoding(DecodeStep::CloudWatchLogs);
    let unpacked = logs.unpack(batch(&[&data])).batch;
    let reason = "9 of its 29 parts can't be read, and the record is dead-lettered as one: part 20: the log event is no JSON object";
    assert_eq!(only_flaw(&unpacked), (&data[..], PayloadError::Payload, reason));
    // Those of all messages in an aggregate.
    let (four, five) = (message("7,7,7,7"), message("{},7,7,7,7,7"));
    let in_one = aggregate(&[("k", four.as_bytes()), ("k", &gzipped(five.as_bytes()))]);
    let (raw, flaw, reason) = only_flaw_of(logs, &in_one);
    assert_eq!((raw, flaw), (in_one.clone(), PayloadError::Record));
    assert!(reason.starts_with("9 of its 10 parts can't be read"), "{reason}");
    // Payloads of user records, and what goes beyond the bound.
    let plain = aggregate(&[("k", b"plain".as_slice()); 9]);
    assert!(only_flaw_of(decoding(DecodeStep::Gzip), &plain).2.contains("part 0: the payload is no gzip"));
    let bombs = aggregate(&[("k", gzipped(&[0; 1000]).as_slice()); 12]);
    let limited = Unpacking { limit: 3000, ..decoding(DecodeStep::Gzip) };
    assert!(only_flaw_of(limited, &bombs).2.starts_with("9 of its 12 parts can't be read"));
    // A letter of one of them goes on as itself.
    let letter = logs.unpack(batch_holding(BatchContents::Payloads, &[&data])).batch;
    assert_eq!(only_flaw(&letter).1, PayloadError::Payload);
}

fn only_flaw_of(unpacking: Unpacking, payload: &[u8]) -> (Vec<u8>, PayloadError, String) {
    let batch = unpacking.unpack(batch(&[payload])).batch;
    let (raw, flaw, reason) = only_flaw(&batch);
    (raw.to_vec(), flaw, reason.to_owned())
}

/// What can be read of a record is bounded by what it may unpack to, its events themselves included.
#[test]
fn log_events_take_no_more_memory_than_a_record_may_unpack_to() {
    let message = |head: &str, event: &str, count: usize| {
        gzipped(
            format!(r#"{{"messageType":"DATA_MESSAGE",{head}"logEvents":[{}]}}"#, vec![event; count].join(","))
                .as_bytes(),
        )
    };
    let group = format!(r#""logGroup":"{}","#, "g".repeat(512));
    let unpacking = decoding(DecodeStep::CloudWatchLogs);
    for (head, event, count, is_taken) in [
        // What `PutLogEvents` takes at once, with the longest name of a group.
        (
            &*group,
            r#"{"id":"37101030596018372036854775807000000000000000000001","timestamp":1545084650987,"message":"m"}"#,
            10_000,
            true,
        ),
        ("", "{}", 65_536, true),
        ("", "{}", 65_537, false),
        (&*group, "{}", 60_000, false),
        ("", "{}", 5_000_000, false),
        ("", "7", 262_144, false),
    ] {
        let packed = batch(&[&message(head, event, count)]);
        let unpacked = unpacking.unpack(packed).batch;
        assert_eq!(unpacked.len(), if is_taken { count } else { 1 }, "{count} of {event}");
        // An arena grows by doubling.
        let most = if is_taken { 2 * unpacking.limit } else { 1 << 20 };
        assert!(bytes_of(&unpacked) < most, "{count} of {event}: {} bytes", bytes_of(&unpacked));
    }
}

/// Larger records than Kinesis has are none that a producer could have written.
#[test]
fn a_record_full_of_user_records_is_taken_apart_within_bounds() {
    let most = 10 << 20;
    let user = |data: usize| [&[0x1a, 4 + data as u8, 8, 0, 0x1a, data as u8][..], &vec![b'x'; data]].concat();
    let full = |data: usize| sealed(&[&b"\x0a\x01k"[..], &user(data).repeat(most / (6 + data))].concat());
    // 14 bytes of data each: about as many as are taken.
    let unpacked = Unpacking::default().unpack(batch(&[&full(15)])).batch;
    assert_eq!(unpacked.len(), most / 21);
    assert!(bytes_of(&unpacked) < 3 * most + 2 * MOST_RECORDS * size_of::<RecordSpan>());
    let empty = full(0);
    let unpacked = Unpacking::default().unpack(batch(&[&empty])).batch;
    let (raw, flaw, reason) = only_flaw(&unpacked);
    assert_eq!((raw, flaw), (&empty[..], PayloadError::Record));
    assert!(reason.ends_with("it has more than 524288 user records or partition keys"), "{reason}");
    assert!(bytes_of(&unpacked) < 3 * most);
    // The largest record of the KPL, of user records that hold nothing.
    let aggregate = sealed(&[&b"\x0a\x01k"[..], &user(0).repeat((1 << 20) / 6)].concat());
    assert_eq!(Unpacking::default().unpack(batch(&[&aggregate])).batch.len(), (1 << 20) / 6);
}

#[test]
fn unpacking_looks_at_each_event_a_few_times_at_most() {
    for count in [1_000, 10_000, 100_000] {
        let aggregate = of_keys(std::iter::repeat_n(0, count));
        let unpacked = Unpacking::default().unpack(batch(&[b"before", &aggregate, b"behind"])).batch;
        assert_eq!(unpacked.len(), count + 2);
        let starts: Vec<usize> =
            [0, 1, count / 2, count, count + 1].map(|index| unpacked.start_of_record(index)).into();
        assert_eq!(starts, [0, 1, 1, 1, count + 1]);
        // Cut out, too, where their places do not begin at 0.
        let part = unpacked.part(3..count + 2);
        assert_eq!((part.start_of_record(count - 3), part.start_of_record(count - 2)), (0, count - 2));
        assert_eq!(part.texts.len(), "k".len() * (count - 2) + "own".len() + 2 * "101".len());
    }
}

#[test]
fn payloads_are_decoded_by_what_was_said() {
    let (gzip, zstd) = (gzipped(b"one"), zstandard(b"two"));
    let packed = || batch(&[&gzip, &zstd, b"plain", b""]);
    let texts =
        |decode: DecodeStep| events(&decoding(decode).unpack(packed()).batch).into_iter().map(|(_, _, text)| text);
    assert_eq!(texts(DecodeStep::Auto).collect::<Vec<_>>(), ["one", "two", "plain", ""]);
    let kept: Vec<bool> = texts(DecodeStep::Gzip).map(|text| text.starts_with("the payload is no gzip")).collect();
    assert_eq!(kept, [false, true, true, true]);
    let kept: Vec<bool> = texts(DecodeStep::Zstd).map(|text| text.starts_with("the payload is no zstd")).collect();
    assert_eq!(kept, [true, false, true, true]);
}

#[test]
fn what_is_packed_twice_is_unpacked_once() {
    let inner = gzipped(b"one");
    let batch = decoding(DecodeStep::Auto).unpack(batch(&[&gzipped(&inner)])).batch;
    assert_eq!(batch.event(0).payload, Payload::Decoded(&inner));
    let again = decoding(DecodeStep::Auto).unpack(Arc::clone(&batch)).batch;
    assert!(Arc::ptr_eq(&batch, &again), "events are not unpacked");
}

#[test]
fn user_records_share_what_their_record_may_unpack_to() {
    let packed = gzipped(&[b'x'; 400]);
    let aggregate = aggregate(&[("a", &packed), ("a", &packed), ("a", &packed)]);
    let unpacking = Unpacking { limit: 1000, ..decoding(DecodeStep::Gzip) };
    let batch = unpacking.unpack(batch(&[&aggregate, &packed])).batch;
    let decoded: Vec<bool> = batch.iter().map(|event| matches!(event.payload, Payload::Decoded(_))).collect();
    assert_eq!(decoded, [true, true, false, true]);
    let Payload::Undecodable { raw, flaw, reason } = batch.event(2).payload else { panic!("decoded") };
    assert_eq!((raw, flaw), (&packed[..], PayloadError::Payload));
    assert_eq!(reason, "the record unpacks to more than 1000 B (KINESIEVE_DECODE_LIMIT)");
}

#[test]
fn a_message_of_cloudwatch_logs_becomes_its_log_events() {
    let message = |text: &str| {
        gzipped(
            format!(r#"{{"messageType":"{text}","logGroup":"/app","logEvents":[{{"id":"1"}},7,{{"id":"2"}}]}}"#)
                .as_bytes(),
        )
    };
    let (data, control) = (message("DATA_MESSAGE"), message("CONTROL_MESSAGE"));
    let aggregate = aggregate(&[("k", &data), ("l", &data)]);
    let batch = decoding(DecodeStep::CloudWatchLogs).unpack(batch(&[&data, &control, &aggregate, b"plain"])).batch;
    let (first, last) = (r#"{"id":"1","logGroup":"/app"}"#, r#"{"id":"2","logGroup":"/app"}"#);
    let no_object = "the log event is no JSON object";
    let all = [
        ("100.0", "own", first),
        ("100.1", "own", no_object),
        ("100.2", "own", last),
        ("101.0", "own", "a control message of CloudWatch Logs"),
        ("102.0", "k", first),
        ("102.1", "k", no_object),
        ("102.2", "k", last),
        ("102.3", "l", first),
        ("102.4", "l", no_object),
        ("102.5", "l", last),
        ("103.0", "own", "the payload is no message of CloudWatch Logs: expected value at line 1 column 1"),
    ];
    assert_eq!(events(&batch), expected(&all));
    assert!(matches!(batch.event(3).payload, Payload::Undecodable { flaw: PayloadError::Nothing, .. }));
    assert_eq!(batch.event(1).payload.bytes(), b"7");
}

/// Each log event repeats where it is from: what they come to together is bounded, too.
#[test]
fn log_events_that_come_to_too_much_fail_their_record() {
    let group = "g".repeat(500);
    let events = vec!["{}"; 100].join(",");
    let message = format!(r#"{{"messageType":"DATA_MESSAGE","logGroup":"{group}","logEvents":[{events}]}}"#);
    let unpacking = Unpacking { limit: 10_000, ..decoding(DecodeStep::CloudWatchLogs) };
    let batch = unpacking.unpack(batch(&[&gzipped(message.as_bytes()), message.as_bytes()])).batch;
    assert_eq!(batch.len(), 2);
    assert!(
        batch.iter().all(|event| matches!(event.payload, Payload::Undecodable { flaw: PayloadError::Payload, .. }))
    );
}

#[test]
fn a_letter_goes_on_from_where_it_came_to() {
    let aggregate = aggregate(&[("k", &gzipped(b"one"))]);
    let gzip = gzipped(b"two");
    let payloads: [&[u8]; 2] = [&aggregate, &gzip];
    let unpacked = |contents| decoding(DecodeStep::Auto).unpack(batch_holding(contents, &payloads)).batch;
    let events = |contents| unpacked(contents).iter().map(|event| event.payload.bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(events(BatchContents::Records), [b"one", b"two"]);
    assert_eq!(events(BatchContents::Payloads), [&aggregate[..], b"two"]);
    assert_eq!(events(BatchContents::Events), [&aggregate[..], &gzip]);
}

#[test]
fn what_unpacks_to_much_is_unpacked_in_parts() {
    let bomb = gzipped(&vec![0; 20 << 20]);
    let mut rest = Some(batch(&[&bomb, &bomb, &bomb, b"plain", &bomb, &bomb]));
    let (mut parts, mut positions) = (Vec::new(), Vec::new());
    while let Some(packed) = rest {
        let unpacked = decoding(DecodeStep::Auto).unpack(packed);
        parts.push(unpacked.batch.len());
        positions.extend(events(&unpacked.batch).into_iter().map(|(position, _, _)| position));
        rest = unpacked.rest;
    }
    assert_eq!(parts, [2, 3, 1]);
    assert_eq!(positions, ["100.0", "101.0", "102.0", "103.0", "104.0", "105.0"]);
}

/// Copied for each part, 190 bombs in an event of 6 MB would have it copied as often.
#[test]
fn of_many_parts_none_copies_all_that_follow() {
    let bomb = gzipped(&vec![0; 33 << 20]);
    let plain = vec![b'x'; 1 << 20];
    let payloads: Vec<&[u8]> = (0..8).flat_map(|_| [&bomb[..], &plain]).collect();
    let unpacking = Unpacking { limit: 64 << 20, ..decoding(DecodeStep::Auto) };
    let mut rest = Some(batch(&payloads));
    let (mut arenas, mut lengths) = (Vec::new(), Vec::new());
    while let Some(packed) = rest {
        let unpacked = unpacking.unpack(packed);
        lengths.push(unpacked.batch.payloads.len());
        arenas.extend(unpacked.rest.as_ref().map(|rest| rest.payloads.as_ptr()));
        rest = unpacked.rest;
    }
    arenas.dedup();
    assert_eq!(arenas.len(), 1, "what is left is copied again");
    assert_eq!(lengths.len(), 9);
    // Behind the first, a part holds what it has, and nothing of those that follow.
    assert!(lengths[1..].iter().all(|length| *length < 36 << 20), "{lengths:?}");
}

proptest! {
    /// Whatever records hold, each comes to one event at least, in order, and those of a record are counted up.
    #[test]
    fn no_record_is_lost(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..12),
        how in prop::collection::vec(0u8..10, 12),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 12),
        decode in prop::sample::select(vec![Decode::NONE, DecodeStep::Gzip.into(), DecodeStep::Zstd.into(), DecodeStep::Auto.into(), DecodeStep::CloudWatchLogs.into(), DecodeStep::Lines.into()]),
        chain in prop::sample::select(vec!["none", "auto+lines", "zstd+gzip", "gzip+cloudwatch-logs-full"]),
        pass: bool,
    ) {
        let other = if pass { DecodeOther::Pass } else { DecodeOther::DeadLetter };
        let decode = if chain == "none" { decode } else { chain.parse().expect("a chain") };
        let wrap = |payload: &[u8], how: u8| match how {
            0 => gzipped(payload),
            1 => zstandard(payload),
            2 | 3 => aggregate(&[("k", payload), ("l", &gzipped(payload)), ("k", payload)]),
            4 => gzipped(format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{"m":{payload:?}}},1]}}"#).as_bytes()),
            5 => aggregate(&[("k", &gzipped(br#"{"messageType":"CONTROL_MESSAGE"}"#)), ("l", payload)]),
            6 => aggregate(&[("k", payload); 12]),
            7 => gzipped(format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{}}{}]}}"#, ",1".repeat(payload.len())).as_bytes()),
            _ => payload.to_vec(),
        };
        let wrapped: Vec<Vec<u8>> = payloads.iter().zip(&how).zip(&damage).map(|((payload, how), (place, byte))| {
            let mut wrapped = wrap(payload, *how);
            if byte % 3 == 0 && !wrapped.is_empty() {
                let place = place.index(wrapped.len());
                wrapped[place] = *byte;
            }
            wrapped
        }).collect();
        let slices: Vec<&[u8]> = wrapped.iter().map(Vec::as_slice).collect();
        let packed = batch(&slices);
        let batch = Unpacking { other, ..decoding(decode) }.unpack(Arc::clone(&packed)).batch;
        let mut numbers: Vec<&str> = batch.iter().map(|event| event.sequence_number.as_str()).collect();
        prop_assert!(numbers.is_sorted());
        numbers.dedup();
        prop_assert_eq!(numbers.len(), packed.len());
        let mut unreadable = 0;
        for (index, event) in batch.iter().enumerate() {
            let start = batch.start_of_record(index);
            prop_assert_eq!(event.sub_sequence_number, (index - start) as u64);
            if index == start {
                unreadable = 0;
            }
            // What can't be read of a record comes to a few letters, or to one that holds all of it.
            let Payload::Undecodable { raw, flaw, reason } = event.payload else { continue };
            unreadable += u64::from(flaw != PayloadError::Nothing);
            prop_assert!(unreadable <= MOST_UNREADABLE);
            if reason.contains("parts can't be read") {
                let record = wrapped.iter().find(|record| &record[..] == raw);
                prop_assert!(record.is_some(), "it is not the record as it came");
                prop_assert!(index == start && (index + 1 == batch.len() || batch.start_of_record(index + 1) == index + 1));
            }
        }
    }
}
