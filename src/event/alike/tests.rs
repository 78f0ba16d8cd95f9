//! The reading of a layout, held to the general parser.

use proptest::prelude::*;

use super::super::envelope::parse_any;
use super::*;

/// A record with these parts; `order` lays it out.
fn record(index: usize, key: &str, data: &str, arrival: &str, order: usize) -> String {
    let number = format!("4959033827149025660855969253836157109592157598913658{index:04}");
    let mut kinesis = [
        r#""kinesisSchemaVersion":"1.0""#.to_owned(),
        format!(r#""partitionKey":{key}"#),
        format!(r#""sequenceNumber":"{number}""#),
        format!(r#""data":"{data}""#),
        format!(r#""approximateArrivalTimestamp":{arrival}"#),
    ];
    kinesis.rotate_left(order % 5);
    let mut members = [
        format!(r#""kinesis":{{{}}}"#, kinesis.join(",")),
        r#""eventSource":"aws:kinesis""#.to_owned(),
        format!(r#""eventID":"shardId-000000000006:{number}""#),
        r#""eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/readings""#.to_owned(),
    ];
    members.rotate_left(order % 4);
    format!("{{{}}}", members.join(","))
}

fn event(records: &[String]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

fn plain(index: usize) -> String {
    record(index, r#""key""#, "SGVsbG8=", "1545084650.987", 0)
}

#[test]
fn an_event_as_lambda_writes_it_is_taken() {
    let records: Vec<String> = (0..3).map(plain).collect();
    let batch = parse_alike(event(&records).as_bytes()).expect("they are alike");
    assert_eq!((batch.len(), batch.shard_id()), (3, "shardId-000000000006"));
    assert_eq!((batch.event(2).payload.bytes(), batch.event(2).arrived_at), (&b"Hello"[..], 1_545_084_650_987));
    let pretty: serde_json::Value = serde_json::from_str(&event(&records)).expect("JSON");
    let pretty = serde_json::to_vec_pretty(&pretty).expect("JSON");
    assert_eq!(parse_alike(&pretty), parse_any(&pretty).ok().map(|any| any.batch));
    assert!(parse_alike(&pretty).is_some());
}

#[test]
fn what_is_out_of_the_ordinary_is_left_to_the_general_parser() {
    let out_of_order = record(1, r#""key""#, "SGVsbG8=", "1545084650.987", 1);
    let twice = plain(1).replacen("\"kinesis\":", r#""kinesis":{"a":"b"},"kinesis":"#, 1);
    for odd in [
        out_of_order,
        twice,
        record(1, r#""k\u0065y""#, "SGVsbG8=", "1545084650.987", 0),
        record(1, "7", "SGVsbG8=", "1545084650.987", 0),
        record(1, r#""key""#, "SGVs?G8=", "1545084650.987", 0),
        record(1, r#""key""#, "SGVsbG8=", "1.545084650987E9", 0),
        record(1, r#""key""#, "SGVsbG8=", r#""yesterday""#, 0),
        record(1, r#""key""#, "SGVsbG8=", "01", 0),
        plain(1).replace("aws:kinesis\"", "aws:sqs\""),
        plain(1).replace("shardId-000000000006", "shardId-000000000007"),
        plain(1).replace("\"sequenceNumber\":\"4", "\"sequenceNumber\":\"x"),
    ] {
        for records in [[plain(0), odd.clone()], [odd.clone(), plain(0)]] {
            let event = event(&records);
            assert_eq!(parse_alike(event.as_bytes()), None, "{event}");
        }
    }
    for event in ["", "{}", r#"{"Records":[]}"#, r#"{"Records":null}"#, r#"{"Records":[{}]}"#] {
        assert_eq!(parse_alike(event.as_bytes()), None, "{event}");
    }
    for behind in ["x", ",", "}"] {
        assert_eq!(parse_alike((event(&[plain(0)]) + behind).as_bytes()), None, "{behind}");
    }
}

/// Whether the bytes are one large record, or an event that is left to the general parser in the end: in small pieces, they
/// are not looked at from the start with each of them.
#[test]
fn each_byte_is_looked_at_a_few_times_however_small_the_pieces() {
    for length in [10_000, 100_000, 1_000_000] {
        let large = record(1, r#""key""#, &"SGVs".repeat(length / 4), "1545084650.987", 0);
        let odd = record(1, r#""k\u0065y""#, &"SGVs".repeat(length / 4), "1545084650.987", 0);
        for (records, is_taken) in
            [([large.clone(), plain(2)], true), ([plain(0), large], true), ([plain(0), odd], false)]
        {
            let body = event(&records);
            for piece in [100, 1000, 8192] {
                let mut alike = Alike::new(body.len());
                body.as_bytes().chunks(piece).for_each(|piece| alike.read(piece));
                alike.read_rest();
                assert!(alike.looked_at < 8 * body.len(), "{} of {} in {piece}", alike.looked_at, body.len());
                assert_eq!(alike.end().is_some(), is_taken);
            }
        }
    }
}

/// Parses a body that arrives in pieces, which end at the given offsets.
fn parse_pieces(body: &[u8], ends: &[usize]) -> Option<Batch> {
    let mut ends: Vec<usize> = ends.iter().map(|end| end % (body.len() + 1)).collect();
    ends.push(body.len());
    ends.sort_unstable();
    let mut event = Alike::new(body.len());
    let mut start = 0;
    for end in ends {
        event.read(&body[start..end]);
        start = end;
    }
    event.end()
}

#[test]
fn wherever_an_event_is_cut_in_two_it_is_the_same() {
    let short = event(&[plain(0), plain(1), plain(2)]);
    // The second record is far longer than what is joined at first.
    let long = record(1, r#""key""#, &"SGVs".repeat(1_000), "1545084650.987", 0);
    let spaced = event(&[plain(0), plain(1)]).replace("},{", "} ,  {").replace("]}", " ] } \n");
    for event in [short, event(&[plain(0), long, plain(2)]), spaced] {
        let expected = parse_any(event.as_bytes()).expect("an event").batch;
        for cut in 0..event.len() {
            assert_eq!(parse_pieces(event.as_bytes(), &[cut]).as_ref(), Some(&expected), "{cut} of {event}");
        }
        let bytes: Vec<usize> = (0..event.len()).collect();
        assert_eq!(parse_pieces(event.as_bytes(), &bytes), Some(expected), "byte by byte: {event}");
    }
}

#[test]
fn what_is_no_event_of_a_stream_is_not_kept() {
    let mut other = Alike::new(0);
    for _ in 0..100 {
        other.read(&[b'x'; 1_000]);
    }
    assert_eq!((other.rest.capacity(), other.end()), (0, None));
}

proptest! {
    // PROPTEST_CASES asks for more.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(5_000), ..ProptestConfig::default() })]

    #[test]
    fn what_it_takes_is_what_the_general_parser_takes(
        parts in prop::collection::vec(("\\PC{0,12}", prop::collection::vec(any::<u8>(), 0..20)), 1..5),
        seconds in 0u64..300_000_000_000,
        fraction in "|\\.[0-9]{1,4}",
        order in 0usize..20,
    ) {
        let records: Vec<String> = parts.iter().enumerate().map(|(index, (key, data))| {
            let key = serde_json::to_string(key).expect("JSON");
            let data = base64_simd::STANDARD.encode_to_string(data);
            record(index, &key, &data, &format!("{seconds}{fraction}"), order)
        }).collect();
        let event = event(&records);
        let expected = parse_any(event.as_bytes()).expect("an event").batch;
        let is_regular = !event.contains('\\') && fraction.len() < 5 && seconds < 100_000_000_000;
        match parse_alike(event.as_bytes()) {
            Some(batch) => prop_assert_eq!(batch, expected),
            None => prop_assert!(!is_regular, "{}", event),
        }
    }

    #[test]
    fn damage_makes_no_difference_between_the_parsers(
        place in 0usize..2000, with in prop::collection::vec(any::<u8>(), 0..6), cut in 0usize..12,
        pieces in prop::collection::vec(0usize..2000, 0..6),
    ) {
        let mut body = event(&[plain(0), plain(1), plain(2)]).into_bytes();
        let place = place % body.len();
        let end = (place + cut).min(body.len());
        body.splice(place..end, with);
        let whole = parse_alike(&body);
        prop_assert_eq!(&parse_pieces(&body, &pieces), &whole);
        if let Some(batch) = whole {
            prop_assert_eq!(Some(batch), parse_any(&body).ok().map(|any| any.batch));
        }
    }
}
