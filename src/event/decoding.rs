//! Payloads that are wrapped, mostly compressed: unwrapped, and never further than a bound.

mod allowance;
mod base64;
mod chain;
mod flate;
mod lz4;
mod signature;
mod snappy;
mod zstd;

use bytesize::ByteSize;
use ruzstd::decoding::FrameDecoder;

pub(super) use allowance::{DecodeAllowance, EVENT_BYTES, RecordAllowance};
pub use chain::{Decode, DecodeChainError, DecodeStep};
pub(super) use signature::PayloadSignature;
use signature::{GZIP, LZ4, ZSTD, is_skippable, is_zlib};

/// Why a payload can't be unpacked. No message holds any of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    /// It is something else.
    #[error(
        "the payload is no {name}: KINESIEVE_DECODE=auto tells compressions by their first bytes, and \
         KINESIEVE_DECODE_OTHER=pass leaves a payload as it is that is something else",
        name = .0.name()
    )]
    Not(DecodeStep),
    /// It starts well, and is broken further on.
    #[error("the payload is broken {name}: {reason}", name = .step.name())]
    Broken { step: DecodeStep, reason: String },
    /// A bomb, or just more than was foreseen.
    #[error("the record unpacks to more than {} (KINESIEVE_DECODE_LIMIT)", ByteSize::b(*.0 as u64))]
    TooLarge(usize),
}

/// Unpacks payload after payload.
#[derive(Default)]
pub(super) struct Decoder {
    /// Its tables are large, and made once.
    zstd: Option<Box<FrameDecoder>>,
}

impl Decoder {
    /// Appends what one step makes of a payload. After an error, nothing is appended.
    ///
    /// # Errors
    /// When it is something else, which is also the case for [`DecodeStep::Auto`] and a payload that is not compressed;
    /// when it is broken; when it is more than allowed. A step that makes several records of one is never right here.
    pub(super) fn decode(
        &mut self,
        step: DecodeStep,
        payload: &[u8],
        allowance: &mut DecodeAllowance,
        to: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let start = to.len();
        let decoded = match step {
            DecodeStep::Auto => return self.decode_compressed(payload, allowance, to),
            DecodeStep::Gzip if payload.starts_with(&GZIP) => flate::gzip(payload, allowance, to),
            DecodeStep::Zlib if is_zlib(payload) => flate::zlib(payload, allowance, to),
            DecodeStep::Deflate => flate::deflate(payload, allowance, to),
            DecodeStep::Zstd if payload.starts_with(&ZSTD) || is_skippable(payload) => {
                zstd::zstd(self.zstd.get_or_insert_with(Box::default), payload, allowance, to)
            }
            DecodeStep::Snappy => snappy::snappy(payload, allowance, to),
            DecodeStep::Lz4 if payload.starts_with(&LZ4) || is_skippable(payload) => lz4::lz4(payload, allowance, to),
            DecodeStep::Base64 => base64::base64(payload, allowance, to),
            DecodeStep::Gzip | DecodeStep::Zlib | DecodeStep::Zstd | DecodeStep::Lz4 => Err(DecodeError::Not(step)),
            DecodeStep::Lines | DecodeStep::CloudWatchLogs | DecodeStep::CloudWatchLogsFull => {
                Err(DecodeError::Not(step))
            }
        };
        if decoded.is_err() {
            to.truncate(start);
        }
        decoded
    }

    /// By what the payload starts with.
    fn decode_compressed(
        &mut self,
        payload: &[u8],
        allowance: &mut DecodeAllowance,
        to: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let signature = PayloadSignature::of(payload).ok_or(DecodeError::Not(DecodeStep::Auto))?;
        self.decode(signature.step, payload, allowance, to).map_err(|error| match error {
            DecodeError::Broken { .. } if !signature.is_certain => DecodeError::Not(DecodeStep::Auto),
            other => other,
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
