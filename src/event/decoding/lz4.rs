//! LZ4 in frames.

use std::io::{self, Read};

use lz4_flex::frame::FrameDecoder;

use super::allowance::DecodeAllowance;
use super::signature::is_skippable;
use super::{DecodeError, DecodeStep};

/// Frame after frame; those that hold no data are passed over.
pub(super) fn lz4(payload: &[u8], allowance: &mut DecodeAllowance, to: &mut Vec<u8>) -> Result<(), DecodeError> {
    let cut_off = || broken("it is cut off");
    // One for all frames: its buffers are as large as a frame says.
    let mut frames = FrameDecoder::new(Rest { bytes: payload, is_read_beyond: false });
    while !frames.get_ref().bytes.is_empty() {
        let rest = frames.get_mut();
        if is_skippable(rest.bytes) {
            let behind = rest.bytes.get(4..).and_then(|behind| behind.split_first_chunk());
            let (length, behind) = behind.ok_or_else(cut_off)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            rest.bytes = behind.get(length..).ok_or_else(cut_off)?;
            continue;
        }
        allowance.read(&mut frames, to).map_err(|error| error.or_else(|| broken("it is damaged, or cut off")))?;
        // The decoder takes an end between two blocks for the end of the frame, which has a mark of its own.
        if frames.get_ref().is_read_beyond {
            return Err(cut_off());
        }
    }
    Ok(())
}

/// What is left of a payload.
struct Rest<'a> {
    bytes: &'a [u8],
    /// Whether more was wanted than there was.
    is_read_beyond: bool,
}

impl Read for Rest<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(to)?;
        self.is_read_beyond |= read == 0 && !to.is_empty();
        Ok(read)
    }
}

fn broken(reason: &str) -> DecodeError {
    DecodeError::Broken { step: DecodeStep::Lz4, reason: reason.to_owned() }
}
