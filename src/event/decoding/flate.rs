//! gzip, zlib and deflate.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

use super::allowance::DecodeAllowance;
use super::signature::{GZIP, is_zlib};
use super::{DecodeError, DecodeStep};

/// Member after member. Zeros behind them are padding, as for all readers of gzip, and so are line ends, which shippers
/// put behind whatever they write; between members, they separate what is in them.
pub(super) fn gzip(payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut rest = payload;
    loop {
        read(DecodeStep::Gzip, &mut GzDecoder::new(&mut rest), allowance, to)?;
        let length = rest.iter().take_while(|byte| is_padding(byte)).count();
        let (padding, behind) = rest.split_at(length);
        if behind.is_empty() {
            return Ok(());
        }
        if !behind.starts_with(&GZIP) {
            return Err(broken(DecodeStep::Gzip, "something follows it that is no gzip"));
        }
        let between = padding.iter().copied().filter(|byte| *byte != 0);
        allowance.take(padding.len())?;
        to.extend(between);
        rest = behind;
    }
}

/// One stream, with padding behind it or none.
pub(super) fn zlib(payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut rest = payload;
    read(DecodeStep::Zlib, &mut ZlibDecoder::new(&mut rest), allowance, to)?;
    if rest.iter().all(is_padding) { Ok(()) } else { Err(broken(DecodeStep::Zlib, "something follows it")) }
}

/// Without a header, and else with that of zlib. Nothing tells a payload that is broken from one that is none.
pub(super) fn deflate(payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
    let (start, mut rest) = (to.len(), payload);
    match read(DecodeStep::Deflate, &mut DeflateDecoder::new(&mut rest), allowance, to) {
        Ok(()) if rest.iter().all(is_padding) => return Ok(()),
        Err(error @ DecodeError::TooLarge(_)) => return Err(error),
        Ok(()) | Err(_) => to.truncate(start),
    }
    if !is_zlib(payload) {
        return Err(DecodeError::Not(DecodeStep::Deflate));
    }
    zlib(payload, allowance, to)
}

fn read(
    step: DecodeStep,
    from: &mut impl Read,
    allowance: &mut DecodeAllowance,
    to: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    allowance.read(from, to).map_err(|error| error.or_else(|| broken(step, "it is damaged, or cut off")))
}

fn broken(step: DecodeStep, reason: &str) -> DecodeError {
    DecodeError::Broken { step, reason: reason.to_owned() }
}

fn is_padding(byte: &u8) -> bool {
    matches!(byte, 0 | b'\r' | b'\n')
}
