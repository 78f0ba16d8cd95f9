//! Several decoders behind each other, lines, and payloads that a decoder is not for.

use super::*;
use crate::event::decoding::tests::zlib;

fn chain(decode: &str) -> Unpacking {
    decoding(decode.parse::<Decode>().expect(decode))
}

fn passing(decode: &str) -> Unpacking {
    Unpacking { other: DecodeOther::Pass, ..chain(decode) }
}

fn base64(data: &[u8]) -> Vec<u8> {
    base64_simd::STANDARD.encode_to_string(data).into_bytes()
}

/// Positions and payloads of what one payload, or several, come to.
fn come_to(unpacking: Unpacking, payloads: &[&[u8]]) -> Vec<(String, String)> {
    let unpacked = unpacking.unpack(batch(payloads)).batch;
    events(&unpacked).into_iter().map(|(position, _, text)| (position, text)).collect()
}

fn texts(events: &[(&str, &str)]) -> Vec<(String, String)> {
    events.iter().map(|(position, text)| ((*position).into(), (*text).into())).collect()
}

const LOGS: &str = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["a","b"],
    "policyLevel":"ACCOUNT_LEVEL_POLICY","logEvents":[{"id":"3"}]}"#;

#[test]
fn each_line_is_an_event_of_its_records_position() {
    let lines = b"\xef\xbb\xbf{\"n\":1}\r\n\n{\"n\":2}\n{\"n\":3}";
    let found = come_to(chain("lines"), &[lines, b"{}", b"{}\n"]);
    let expected =
        [("100.0", r#"{"n":1}"#), ("100.1", r#"{"n":2}"#), ("100.2", r#"{"n":3}"#), ("101.0", "{}"), ("102.0", "{}")];
    assert_eq!(found, texts(&expected));
    let batch = chain("lines").unpack(batch(&[lines, b"{}"])).batch;
    assert_eq!((0..4).map(|index| batch.start_of_record(index)).collect::<Vec<_>>(), [0, 0, 0, 3]);
}

#[test]
fn lines_are_not_copied_and_one_alone_is_not_touched() {
    let bare = batch(&[b"{}", b"text"]);
    assert!(!chain("lines").is_work(&bare));
    assert!(Arc::ptr_eq(&bare, &chain("lines").unpack(Arc::clone(&bare)).batch));
    let several = batch(&[b"one\ntwo\n", b"three"]);
    let (arena, bytes) = (several.payloads.as_ptr(), several.payloads.len());
    let unpacked = chain("lines").unpack(several).batch;
    assert_eq!((unpacked.payloads.as_ptr(), unpacked.payloads.len()), (arena, bytes));
}

#[test]
fn a_payload_without_a_line_is_nothing_for_anybody() {
    let gzip = gzipped(b"\n \r\n");
    for (decode, payload) in [("lines", &b""[..]), ("lines", b"\r\n\n"), ("gzip+lines", &gzip)] {
        let packed = batch(&[payload, b"{}"]);
        let unpacked = chain(decode).unpack(packed).batch;
        let Payload::Undecodable { raw, flaw, reason } = unpacked.event(0).payload else { panic!("decoded") };
        assert_eq!((raw, flaw, reason), (payload, PayloadError::Nothing, "a payload without a line"));
        assert_eq!(unpacked.payloads.len(), payload.len() + 2, "something is left of it");
    }
}

#[test]
fn decoders_are_applied_in_the_order_written() {
    let lines = b"one\ntwo\n";
    let expected = texts(&[("100.0", "one"), ("100.1", "two")]);
    assert_eq!(come_to(chain("gzip+lines"), &[&gzipped(lines)]), expected);
    assert_eq!(come_to(chain("base64+gzip+lines"), &[&base64(&gzipped(lines))]), expected);
    assert_eq!(come_to(chain("gzip+base64+lines"), &[&gzipped(&base64(lines))]), expected);
    assert_eq!(come_to(chain("auto+auto+auto+lines"), &[&zlib(&zstandard(&gzipped(lines)))]), expected);
    let wrong = come_to(chain("gzip+base64+lines"), &[&base64(&gzipped(lines))]);
    assert!(wrong[0].1.starts_with("the payload is no gzip"), "{wrong:?}");
    // User records are decoded each by itself, and numbered through.
    let aggregate = aggregate(&[("a", &gzipped(lines)), ("b", &gzipped(b"three"))]);
    let unpacked = chain("gzip+lines").unpack(batch(&[&aggregate])).batch;
    assert_eq!(
        events(&unpacked),
        expected_of(&[("100.0", "a", "one"), ("100.1", "a", "two"), ("100.2", "b", "three")])
    );
}

fn expected_of(events: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    expected(events)
}

/// Some are compressed, some are not, and each may hold several lines.
#[test]
fn what_auto_leaves_as_it_is_goes_to_the_next_decoder() {
    let found = come_to(chain("auto+lines"), &[&gzipped(b"one\ntwo"), b"three\nfour", b"x^2\n", b"five"]);
    let expected = [
        ("100.0", "one"),
        ("100.1", "two"),
        ("101.0", "three"),
        ("101.1", "four"),
        ("102.0", "x^2"),
        ("103.0", "five"),
    ];
    assert_eq!(found, texts(&expected));
    // The last of several is not for it.
    let found = come_to(chain("base64+auto"), &[&base64(b"plain"), &base64(&gzipped(b"packed"))]);
    assert_eq!(found, texts(&[("100.0", "plain"), ("101.0", "packed")]));
}

#[test]
fn a_payload_that_a_decoder_is_not_for_passes_where_that_is_wanted() {
    let mut broken = gzipped(b"broken");
    broken.truncate(15);
    let payloads = [&gzipped(b"packed")[..], b"plain", &broken];
    let found = come_to(passing("gzip"), &payloads);
    assert_eq!(found[..2], texts(&[("100.0", "packed"), ("101.0", "plain")]));
    assert!(found[2].1.starts_with("the payload is broken gzip"), "{found:?}");
    assert!(come_to(chain("gzip"), &payloads)[1].1.starts_with("the payload is no gzip"));
    // The others of a chain are applied.
    let found = come_to(passing("base64+gzip+lines"), &[b"{\"n\":1}\n{}", &base64(b"a\nb"), &gzipped(b"c\nd")]);
    let expected =
        [("100.0", r#"{"n":1}"#), ("100.1", "{}"), ("101.0", "a"), ("101.1", "b"), ("102.0", "c"), ("102.1", "d")];
    assert_eq!(found, texts(&expected));
}

#[test]
fn what_is_no_message_of_cloudwatch_logs_passes_as_it_came() {
    let event = r#"{"id":"3","logGroup":"g","logStream":"s","owner":"1"}"#;
    let packed = gzipped(b"{}");
    for (decode, wrap) in [("cloudwatch-logs", false), ("base64+cloudwatch-logs", true)] {
        let wrapped = |payload: &[u8]| if wrap { base64(payload) } else { payload.to_vec() };
        let payloads =
            [wrapped(&gzipped(LOGS.as_bytes())), wrapped(LOGS.as_bytes()), wrapped(b"{\"a\":1}"), wrapped(&packed)];
        let unpacked = passing(decode).unpack(batch(&payloads.each_ref().map(Vec::as_slice))).batch;
        let found: Vec<&[u8]> = unpacked.iter().map(|event| event.payload.bytes()).collect();
        assert_eq!(found, [event.as_bytes(), event.as_bytes(), b"{\"a\":1}", &packed], "{decode}");
        assert!(unpacked.iter().all(|event| matches!(event.payload, Payload::Decoded(_))));
    }
    // One with too many log events is a message.
    let many = gzipped(
        format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{}]}}"#, vec!["{}"; 70_000].join(",")).as_bytes(),
    );
    assert!(come_to(passing("cloudwatch-logs"), &[&many])[0].1.contains("more than 65536 log events"));
}

#[test]
fn all_that_a_message_says_is_there_for_who_wants_it() {
    let full = r#"{"id":"3","logGroup":"g","logStream":"s","owner":"1","subscriptionFilters":["a","b"],"policyLevel":"ACCOUNT_LEVEL_POLICY"}"#;
    assert_eq!(come_to(chain("cloudwatch-logs-full"), &[LOGS.as_bytes()]), texts(&[("100.0", full)]));
}

/// A line may have one byte, and takes 200 on its way.
#[test]
fn lines_take_no_more_memory_than_a_record_may_unpack_to() {
    for count in [1_000, 10_000, 100_000, 1_000_000] {
        let text = b"x\n".repeat(count);
        for (decode, payload) in [("lines", text.clone()), ("gzip+lines", gzipped(&text))] {
            let unpacking = chain(decode);
            let unpacked = unpacking.unpack(batch(&[&payload])).batch;
            let is_taken = count <= 100_000;
            assert_eq!(unpacked.len(), if is_taken { count } else { 1 }, "{count}");
            let most = if is_taken { 2 * unpacking.limit } else { 2 * text.len() + (1 << 20) };
            assert!(bytes_of(&unpacked) < most, "{count}: {} bytes", bytes_of(&unpacked));
            if !is_taken {
                let (raw, flaw, reason) = only_flaw(&unpacked);
                assert_eq!((raw, flaw), (&payload[..], PayloadError::Payload));
                assert_eq!(reason, "the record unpacks to more than 32.0 MiB (KINESIEVE_DECODE_LIMIT)");
            }
        }
    }
}

#[test]
fn what_is_made_on_the_way_is_bounded_too() {
    let bomb = gzipped(&zstandard(&vec![0; 20 << 20]));
    let limited = Unpacking { limit: 8 << 20, ..chain("gzip+zstd") };
    let reason = "the record unpacks to more than 8.0 MiB (KINESIEVE_DECODE_LIMIT)";
    assert_eq!(only_flaw(&limited.unpack(batch(&[&bomb])).batch).2, reason);
    // Large on the way, and small in the end.
    let bomb = gzipped(&gzipped(&vec![0; 64 << 20]));
    let limited = Unpacking { limit: 8 << 20, ..chain("gzip+gzip+gzip") };
    assert_eq!(only_flaw(&limited.unpack(batch(&[&bomb])).batch).2, reason);
    // Of many user records, each of which comes to nothing, few are tried.
    let bomb = gzipped(&vec![0; 64 << 20]);
    let aggregate = aggregate(&vec![("k", &bomb[..]); 12]);
    let unpacked = Unpacking { limit: 8 << 20, ..chain("gzip+lines") }.unpack(batch(&[&aggregate])).batch;
    assert_eq!(unpacked.payloads.len(), aggregate.len());
    assert!(only_flaw(&unpacked).2.starts_with("12 of its 12 parts can't be read"));
}
