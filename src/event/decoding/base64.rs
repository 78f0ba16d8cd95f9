//! base64, as forgiving as what writes it is careless.

use super::allowance::DecodeAllowance;
use super::{DecodeError, DecodeStep};

/// In either alphabet, with padding, white space and line ends or without.
pub(super) fn base64(payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = to.len();
    to.extend(payload.iter().map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    }));
    let decoded = base64_simd::forgiving_decode_inplace(&mut to[start..]);
    let length = decoded.map_err(|_| DecodeError::Not(DecodeStep::Base64))?.len();
    to.truncate(start + length);
    allowance.take(length)
}
