//! Compressed payloads: gzip and zstd, never further than a bound.

use std::io::Read;

use bytesize::ByteSize;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// What gzip starts with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a frame of zstd starts with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How a payload is compressed, by what it starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CompressionFormat {
    Gzip,
    Zstd,
}

impl CompressionFormat {
    /// The one that a payload starts like; none: it starts like neither.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        if payload.starts_with(&GZIP) {
            Some(CompressionFormat::Gzip)
        } else if payload.starts_with(&ZSTD) {
            Some(CompressionFormat::Zstd)
        } else {
            None
        }
    }
}

/// Why a payload can't be unpacked. No message holds any of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    /// It is something else.
    #[error(
        "the payload is no {0}: set KINESIEVE_DECODE to auto where only some are compressed, and to none where none is"
    )]
    Not(&'static str),
    /// It starts well, and is broken further on.
    #[error("the payload is broken {packing}: {reason}")]
    Broken { packing: &'static str, reason: String },
    /// A bomb, or just more than was foreseen.
    #[error("the record unpacks to more than {} (KINESIEVE_DECODE_LIMIT)", ByteSize::b(*.0 as u64))]
    TooLarge(usize),
}

/// What an event takes besides its payload, in its batch and on its way through the processor, in bytes.
pub(super) const EVENT_BYTES: usize = 200;

/// How much one record may still unpack to.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecodeAllowance {
    limit: usize,
    left: usize,
}

impl DecodeAllowance {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, left: limit }
    }

    /// Takes so many bytes of it.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.left = self.left.checked_sub(bytes).ok_or(DecodeError::TooLarge(self.limit))?;
        Ok(())
    }

    /// Takes an event with so many bytes of payload: it takes memory however short it is.
    pub(super) fn take_event(&mut self, payload: usize) -> Result<(), DecodeError> {
        self.take(payload.saturating_add(EVENT_BYTES))
    }
}

/// Unpacks payload after payload.
#[derive(Default)]
pub(super) struct Decoder {
    /// Its tables are large, and made once.
    zstd: Option<Box<FrameDecoder>>,
}

impl Decoder {
    /// Appends what a payload unpacks to. After an error, nothing is appended.
    pub(super) fn decode(
        &mut self,
        packing: CompressionFormat,
        payload: &[u8],
        allowance: &mut DecodeAllowance,
        to: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let start = to.len();
        let decoded = match packing {
            CompressionFormat::Gzip => gzip(payload, allowance, to),
            CompressionFormat::Zstd => self.zstd(payload, allowance, to),
        };
        if decoded.is_err() {
            to.truncate(start);
        }
        decoded
    }

    /// Frame after frame; those that hold no data are passed over.
    fn zstd(&mut self, payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
        let broken = |reason: String| DecodeError::Broken { packing: "zstd", reason };
        let decoder = self.zstd.get_or_insert_with(Box::default);
        // A window is no larger than what it is a part of.
        decoder.set_max_window_size(allowance.limit.max(1 << 20) as u64);
        let mut rest = payload;
        while !rest.is_empty() {
            let mut frame = match StreamingDecoder::new_with_decoder(&mut rest, &mut **decoder) {
                Ok(frame) => frame,
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    rest = rest.get(length..).ok_or_else(|| broken("it ends within a frame".to_owned()))?;
                    continue;
                }
                Err(error) => return Err(broken(error.to_string())),
            };
            read(&mut frame, allowance, to).map_err(|error| error.or_else(|| broken("it is damaged".to_owned())))?;
            let (said, found) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
            if said.is_some() && said != found {
                return Err(broken("its checksum is another one".to_owned()));
            }
        }
        Ok(())
    }
}

fn gzip(payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
    let broken = || DecodeError::Broken { packing: "gzip", reason: "it is damaged, or cut off".to_owned() };
    read(&mut MultiGzDecoder::new(payload), allowance, to).map_err(|error| error.or_else(broken))
}

/// What went wrong while reading.
enum UnpackError {
    TooLarge(DecodeError),
    Broken,
}

impl UnpackError {
    fn or_else(self, broken: impl FnOnce() -> DecodeError) -> DecodeError {
        match self {
            UnpackError::TooLarge(error) => error,
            UnpackError::Broken => broken(),
        }
    }
}

/// Reads to the end, and no byte more than allowed but one.
fn read(from: &mut impl Read, allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), UnpackError> {
    let most = (allowance.left as u64).saturating_add(1);
    let bytes = from.take(most).read_to_end(to).map_err(|_| UnpackError::Broken)?;
    allowance.take(bytes).map_err(UnpackError::TooLarge)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    pub(in crate::event) fn gzipped(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).expect("into memory");
        encoder.finish().expect("into memory")
    }

    pub(in crate::event) fn zstandard(data: &[u8]) -> Vec<u8> {
        compress_to_vec(data, CompressionLevel::Fastest)
    }

    fn decode(payload: &[u8], limit: usize) -> Result<Vec<u8>, String> {
        let packing = CompressionFormat::of(payload).ok_or("neither")?;
        let mut decoded = b"before".to_vec();
        let result = Decoder::default().decode(packing, payload, &mut DecodeAllowance::new(limit), &mut decoded);
        assert!(result.is_ok() || decoded == b"before", "something is left of what failed");
        result.map(|()| decoded.split_off(6)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_packed_in_several_pieces_is_one() {
        let text = b"reading".repeat(300);
        assert_eq!(decode(&[gzipped(&text), gzipped(b"more")].concat(), 1 << 20), Ok([&text[..], b"more"].concat()));
        // A frame that holds no data: its magic number, and four bytes.
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 9, 9, 9, 9];
        let frames = [&zstandard(&text)[..], &skipped, &zstandard(b"more")].concat();
        assert_eq!(decode(&frames, 1 << 20), Ok([&text[..], b"more"].concat()));
    }

    #[test]
    fn a_bomb_is_unpacked_no_further_than_allowed() {
        let bomb = vec![0; 64 << 20];
        for packed in [gzipped(&bomb), zstandard(&bomb)] {
            assert!(packed.len() < 1 << 20);
            let error = decode(&packed, 3 << 20).expect_err("a bomb");
            assert_eq!(error, "the record unpacks to more than 3.0 MiB (KINESIEVE_DECODE_LIMIT)");
            assert_eq!(decode(&packed, 64 << 20).map(|data| data.len()), Ok(64 << 20));
            assert!(decode(&packed, (64 << 20) - 1).is_err());
        }
    }

    #[test]
    fn what_is_broken_says_so() {
        let text = b"reading".repeat(300);
        for (packed, name) in [(gzipped(&text), "gzip"), (zstandard(&text), "zstd")] {
            for end in 4..packed.len() {
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
            prop_assert_eq!(decode(&gzipped(&data), data.len()), Ok(data.clone()));
            prop_assert_eq!(decode(&zstandard(&data), data.len()), Ok(data));
        }

        /// Damaged in any way, it is unpacked or refused.
        #[test]
        fn no_damage_makes_it_panic(
            data in prop::collection::vec(0u8..20, 0..600),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
            is_gzip: bool,
        ) {
            let mut packed = if is_gzip { gzipped(&data) } else { zstandard(&data) };
            for (place, byte) in changes {
                let place = place.index(packed.len());
                packed[place] = byte;
            }
            if let Ok(data) = decode(&packed, 10_000) {
                prop_assert!(data.len() <= 10_000);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&[&GZIP[..], &[8], &bytes].concat(), 10_000);
            let _ = decode(&[&ZSTD[..], &bytes].concat(), 10_000);
        }
    }
}
