//! How a payload is compressed, by what it starts with.

use super::DecodeStep;

/// What gzip starts with.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a frame of zstd starts with.
pub(super) const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a frame of LZ4 starts with.
pub(super) const LZ4: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// What framed Snappy starts with: the chunk that names the format.
pub(super) const SNAPPY: [u8; 10] = *b"\xff\x06\x00\x00sNaPpY";

/// What the blocks of Snappy's Java library start with, behind which two numbers of four bytes follow.
pub(super) const SNAPPY_JAVA: [u8; 8] = *b"\x82SNAPPY\x00";

/// A compression that a payload may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) struct PayloadSignature {
    /// What undoes it.
    pub(in crate::event) step: DecodeStep,
    /// Whether nothing else starts so. A text may start like zlib, and a number too: that a payload is zlib shows when it
    /// unpacks.
    pub(super) is_certain: bool,
}

impl PayloadSignature {
    /// What a payload starts like; none: like no compression.
    pub(in crate::event) fn of(payload: &[u8]) -> Option<Self> {
        let certain = |step| Some(PayloadSignature { step, is_certain: true });
        // By the first byte: most payloads have none of these.
        match payload.first()? {
            0x1f if payload.starts_with(&GZIP) => certain(DecodeStep::Gzip),
            0x28 if payload.starts_with(&ZSTD) => certain(DecodeStep::Zstd),
            0x04 if payload.starts_with(&LZ4) => certain(DecodeStep::Lz4),
            0xff if payload.starts_with(&SNAPPY) => certain(DecodeStep::Snappy),
            0x82 if payload.starts_with(&SNAPPY_JAVA) => certain(DecodeStep::Snappy),
            // With the window that all but a few writers use.
            0x78 if is_zlib(payload) => Some(PayloadSignature { step: DecodeStep::Zlib, is_certain: false }),
            _ => None,
        }
    }
}

/// Whether a payload has a header of zlib (RFC 1950, 2.2): deflate, a window of up to 32 KiB, and a check.
pub(super) fn is_zlib(payload: &[u8]) -> bool {
    let [method, flags, ..] = payload else { return false };
    method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
}

/// Whether a payload starts with a frame that holds no data (RFC 8878, 3.1.2). LZ4 and zstd have the same.
pub(super) fn is_skippable(payload: &[u8]) -> bool {
    matches!(payload, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}
