//! zstd.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::allowance::DecodeAllowance;
use super::{DecodeError, DecodeStep};

/// Frame after frame; those that hold no data are passed over.
pub(super) fn zstd(
    decoder: &mut FrameDecoder,
    payload: &[u8],
    allowance: &mut DecodeAllowance,
    to: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let broken = |reason: String| DecodeError::Broken { step: DecodeStep::Zstd, reason };
    // A window is no larger than what it is a part of.
    decoder.set_max_window_size(allowance.limit().max(1 << 20) as u64);
    let mut rest = payload;
    while !rest.is_empty() {
        let mut frame = match StreamingDecoder::new_with_decoder(&mut rest, &mut *decoder) {
            Ok(frame) => frame,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                rest = rest.get(length..).ok_or_else(|| broken("it ends within a frame".to_owned()))?;
                continue;
            }
            Err(error) => return Err(broken(error.to_string())),
        };
        allowance.read(&mut frame, to).map_err(|error| error.or_else(|| broken("it is damaged".to_owned())))?;
        let (said, found) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
        if said.is_some() && said != found {
            return Err(broken("its checksum is another one".to_owned()));
        }
    }
    Ok(())
}
