//! Snappy, in the three forms in which it travels.

use snap::raw::{Decoder, decompress_len};
use snap::read::FrameDecoder;

use super::allowance::DecodeAllowance;
use super::signature::{SNAPPY, SNAPPY_JAVA};
use super::{DecodeError, DecodeStep};

/// A copy of up to 64 bytes takes 3 (format_description.txt of Snappy, 2.2): nothing unpacks to so many times its size.
const MOST_TIMES: usize = 32;

/// Framed, in the blocks of the Java library, or raw, which nothing tells from what is no Snappy.
pub(super) fn snappy(payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
    if payload.starts_with(&SNAPPY) {
        let read = allowance.read(&mut FrameDecoder::new(payload), to);
        return read.map_err(|error| error.or_else(|| broken("it is damaged, or cut off")));
    }
    match payload.strip_prefix(&SNAPPY_JAVA) {
        Some(behind) => java(behind, allowance, to),
        None => raw(payload, allowance, to, || DecodeError::Not(DecodeStep::Snappy)),
    }
}

/// Two numbers, and then blocks, each behind its length.
fn java(payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
    let cut_off = || broken("it ends within a block");
    let (_versions, mut rest) = payload.split_at_checked(8).ok_or_else(cut_off)?;
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (block, behind) = behind.split_at_checked(length).ok_or_else(cut_off)?;
        raw(block, allowance, to, || broken("a block of it is damaged"))?;
        rest = behind;
    }
    Ok(())
}

fn raw(
    payload: &[u8],
    allowance: &mut DecodeAllowance,
    to: &mut Vec<u8>,
    refused: impl Fn() -> DecodeError,
) -> Result<(), DecodeError> {
    let length = decompress_len(payload).map_err(|_| refused())?;
    // It is made room for all at once, so what it says is believed only as far as it can be true.
    if length > payload.len().saturating_mul(MOST_TIMES) {
        return Err(refused());
    }
    allowance.check(length)?;
    allowance.worked(length);
    let start = to.len();
    to.resize(start + length, 0);
    Decoder::new().decompress(payload, &mut to[start..]).map_err(|_| refused())?;
    allowance.take(length)
}

fn broken(reason: &str) -> DecodeError {
    DecodeError::Broken { step: DecodeStep::Snappy, reason: reason.to_owned() }
}
