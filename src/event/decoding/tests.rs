use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::signature::{LZ4, SNAPPY, SNAPPY_JAVA};
use super::*;

pub(in crate::event) fn gzipped(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

pub(in crate::event) fn zstandard(data: &[u8]) -> Vec<u8> {
    compress_to_vec(data, CompressionLevel::Fastest)
}

pub(in crate::event) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

fn snappy_framed(data: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(data).expect("into memory");
    // Of nothing it writes nothing.
    let framed = encoder.into_inner().expect("into memory");
    if framed.is_empty() { SNAPPY.to_vec() } else { framed }
}

fn snappy_raw(data: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(data).expect("not too large")
}

/// As `SnappyOutputStream` of snappy-java writes it.
fn snappy_java(data: &[u8]) -> Vec<u8> {
    let mut written = [&SNAPPY_JAVA[..], &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
    for block in data.chunks(300) {
        let block = snappy_raw(block);
        written.extend(u32::try_from(block.len()).expect("small").to_be_bytes());
        written.extend(block);
    }
    written
}

fn lz4(data: &[u8]) -> Vec<u8> {
    let frame = lz4_flex::frame::FrameInfo::new().content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

fn base64(data: &[u8]) -> Vec<u8> {
    base64_simd::STANDARD.encode_to_string(data).into_bytes()
}

type Wrap = fn(&[u8]) -> Vec<u8>;

/// All wrappings, by what undoes them.
const WRAPPINGS: [(DecodeStep, Wrap); 9] = [
    (DecodeStep::Gzip, gzipped),
    (DecodeStep::Zstd, zstandard),
    (DecodeStep::Zlib, zlib),
    (DecodeStep::Deflate, deflated),
    (DecodeStep::Snappy, snappy_framed),
    (DecodeStep::Snappy, snappy_raw),
    (DecodeStep::Snappy, snappy_java),
    (DecodeStep::Lz4, lz4),
    (DecodeStep::Base64, base64),
];

fn decode_by(step: DecodeStep, payload: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut decoded = b"before".to_vec();
    let result = Decoder::default().decode(step, payload, &mut DecodeAllowance::new(limit), &mut decoded);
    assert!(result.is_ok() || decoded == b"before", "something is left of what failed");
    result.map(|()| decoded.split_off(6)).map_err(|error| error.to_string())
}

fn decode(payload: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    decode_by(DecodeStep::Auto, payload, limit)
}

#[test]
fn each_decoder_undoes_what_it_is_named_after() {
    for text in [&b""[..], b"reading", &b"reading".repeat(300_000)] {
        for (step, wrap) in WRAPPINGS {
            let wrapped = wrap(text);
            assert_eq!(decode_by(step, &wrapped, text.len()).as_deref(), Ok(text), "{} of {}", step.name(), text.len());
            if text.len() > 1 {
                let error = decode_by(step, &wrapped, text.len() - 1).expect_err("too large");
                assert!(error.starts_with("the record unpacks to more than"), "{}: {error}", step.name());
            }
        }
    }
}

#[test]
fn what_has_a_mark_of_its_own_is_known_by_it() {
    let text = b"reading".repeat(300);
    let marked: [Wrap; 6] = [gzipped, zstandard, zlib, snappy_framed, snappy_java, lz4];
    for wrap in marked {
        assert_eq!(decode(&wrap(&text), 1 << 20), Ok(text.clone()));
    }
    for other in [&deflated(&text)[..], &snappy_raw(&text), &base64(&text), b"{}", b"", &[0x1f], &[0x78]] {
        assert!(decode(other, 1 << 20).expect_err("not known").starts_with("the payload is no auto"), "{other:?}");
    }
    // At all levels of zlib.
    for level in 0..=9 {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(&text).expect("into memory");
        assert_eq!(decode(&encoder.finish().expect("into memory"), 1 << 20), Ok(text.clone()));
    }
}

/// Both are the first bytes of zlib: a text, and a number in protobuf's field 15.
#[test]
fn what_only_starts_like_zlib_is_left_as_it_is() {
    for other in [&b"x^2 + y^2"[..], &[0x78, 0x01, 0x12, 0x02, b'o', b'k'], &zlib(b"reading")[..9]] {
        assert!(decode(other, 1 << 20).expect_err("no zlib").starts_with("the payload is no auto"));
        let error = decode_by(DecodeStep::Zlib, other, 1 << 20).expect_err("no zlib");
        assert!(error.starts_with("the payload is broken zlib: "), "{error}");
    }
}

#[test]
fn zeros_and_line_ends_behind_it_are_padding_and_nothing_else_is() {
    let text = b"reading".repeat(30);
    for (step, wrapped) in
        [(DecodeStep::Gzip, gzipped(&text)), (DecodeStep::Zlib, zlib(&text)), (DecodeStep::Deflate, deflated(&text))]
    {
        for padding in [&[0; 512][..], b"\n", b"\r\n\0"] {
            let padded = [&wrapped[..], padding].concat();
            assert_eq!(decode_by(step, &padded, 1 << 20), Ok(text.clone()), "{}", step.name());
        }
        let followed = [&wrapped[..], &[0; 5], b"more"].concat();
        assert!(decode_by(step, &followed, 1 << 20).is_err(), "{}", step.name());
    }
    let twice = [gzipped(&text), gzipped(b"more"), vec![0; 3]].concat();
    assert_eq!(decode(&twice, 1 << 20), Ok([&text[..], b"more"].concat()));
    // Each of them was a line.
    let lines = [&gzipped(b"one")[..], b"\n", &gzipped(b"two"), b"\n"].concat();
    assert_eq!(decode(&lines, 1 << 20), Ok(b"one\ntwo".to_vec()));
}

#[test]
fn what_was_packed_in_several_pieces_is_one() {
    let text = b"reading".repeat(300);
    assert_eq!(decode(&[gzipped(&text), gzipped(b"more")].concat(), 1 << 20), Ok([&text[..], b"more"].concat()));
    // A frame that holds no data: its magic number, and four bytes.
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 9, 9, 9, 9];
    for (step, wrap) in [(DecodeStep::Zstd, zstandard as Wrap), (DecodeStep::Lz4, lz4)] {
        let frames = [&wrap(&text)[..], &skipped, &wrap(b"more")].concat();
        assert_eq!(decode(&frames, 1 << 20), Ok([&text[..], b"more"].concat()));
        assert_eq!(decode_by(step, &[&skipped[..], &frames].concat(), 1 << 20), Ok([&text[..], b"more"].concat()));
        for end in 1..skipped.len() {
            assert!(decode(&[&wrap(&text)[..], &skipped[..end]].concat(), 1 << 20).is_err());
        }
    }
    let framed = [snappy_framed(&text), snappy_framed(b"more")].concat();
    assert_eq!(decode(&framed, 1 << 20), Ok([&text[..], b"more"].concat()));
}

#[test]
fn base64_is_read_as_carelessly_as_it_is_written() {
    for text in ["-_-_", "+/+/", "+/+_", " +/\r\n+/\n", "+/+/\n"] {
        assert_eq!(decode_by(DecodeStep::Base64, text.as_bytes(), 10), Ok(vec![0xfb, 0xff, 0xbf]), "{text:?}");
    }
    assert_eq!(decode_by(DecodeStep::Base64, b"QQ", 10), Ok(b"A".to_vec()));
    for other in ["Q", "{}", "QQ==QQ==", "Q\u{e9}=="] {
        assert!(decode_by(DecodeStep::Base64, other.as_bytes(), 10).expect_err(other).contains("is no base64"));
    }
}

#[test]
fn a_bomb_is_unpacked_no_further_than_allowed() {
    let bomb = vec![0; 64 << 20];
    for (step, wrap) in WRAPPINGS {
        let packed = wrap(&bomb);
        let error = decode_by(step, &packed, 3 << 20).expect_err("a bomb");
        assert_eq!(error, "the record unpacks to more than 3.0 MiB (KINESIEVE_DECODE_LIMIT)", "{}", step.name());
        assert_eq!(decode_by(step, &packed, 64 << 20).map(|data| data.len()), Ok(64 << 20));
        assert!(decode_by(step, &packed, (64 << 20) - 1).is_err());
    }
    // What it says of its size is not believed.
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    assert!(decode_by(DecodeStep::Snappy, &claim, usize::MAX).expect_err("a lie").contains("is no snappy"));
}

/// Each of many payloads comes to nothing, after as much as a record may have.
#[test]
fn what_comes_to_nothing_is_work_too() {
    let bomb = vec![0; 4 << 20];
    let mut broken = gzipped(&bomb);
    broken.truncate(broken.len() - 4);
    for payload in [gzipped(&bomb), broken] {
        let (mut decoder, mut allowance) = (Decoder::default(), DecodeAllowance::new(3 << 20));
        let mut peak = 0;
        for _ in 0..1000 {
            let mut to = Vec::new();
            decoder.decode(DecodeStep::Gzip, &payload, &mut allowance, &mut to).expect_err("a bomb");
            peak += to.capacity();
        }
        assert!(peak < 64 << 20, "{peak} bytes");
    }
}

#[test]
fn what_is_broken_says_so() {
    let text = b"reading".repeat(300);
    for (packed, name) in
        [(gzipped(&text), "gzip"), (zstandard(&text), "zstd"), (lz4(&text), "lz4"), (snappy_java(&text), "snappy")]
    {
        let whole = |end: usize| name == "snappy" && decode(&packed[..end], 1 << 20).is_ok();
        // The blocks of the Java library have no end: behind each of them, one can be.
        for end in (10..packed.len()).filter(|end| !whole(*end)) {
            let error = decode(&packed[..end], 1 << 20).expect_err("cut off");
            assert!(error.starts_with(&format!("the payload is broken {name}: ")), "{error}");
        }
        let behind = [&packed[..], b"more"].concat();
        assert!(decode(&behind, 1 << 20).is_err());
    }
    // A window of 3.75 TB.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x01, 0x00, 0x00];
    assert!(decode(&window, 1 << 20).is_err());
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked(data in prop::collection::vec(0u8..20, 0..5000)) {
        for (step, wrap) in WRAPPINGS {
            prop_assert_eq!(decode_by(step, &wrap(&data), data.len()), Ok(data.clone()), "{}", step.name());
        }
    }

    /// Damaged in any way, it is unpacked or refused.
    #[test]
    fn no_damage_makes_it_panic(
        data in prop::collection::vec(0u8..20, 0..600),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        (step, wrap) in prop::sample::select(WRAPPINGS.to_vec()),
    ) {
        let mut packed = wrap(&data);
        for (place, byte) in changes {
            if !packed.is_empty() {
                let place = place.index(packed.len());
                packed[place] = byte;
            }
        }
        for step in [step, DecodeStep::Auto] {
            if let Ok(data) = decode_by(step, &packed, 10_000) {
                prop_assert!(data.len() <= 10_000);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let starts: [&[u8]; 6] = [&[0x1f, 0x8b, 8], &ZSTD, &LZ4, &SNAPPY, &SNAPPY_JAVA, &[0x78, 0x9c]];
        for start in starts {
            let _ = decode(&[start, &bytes].concat(), 10_000);
        }
        for step in [DecodeStep::Deflate, DecodeStep::Snappy, DecodeStep::Base64] {
            let _ = decode_by(step, &bytes, 10_000);
        }
    }
}
