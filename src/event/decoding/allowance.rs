//! How much one record may unpack to, and how much work it may be.

use std::io::Read;

use super::DecodeError;

/// What an event takes besides its payload, in its batch and on its way through the processor, in bytes.
pub(in crate::event) const EVENT_BYTES: usize = 200;

/// A record may be unpacked as often as its limit, counting what comes to nothing: many payloads that each break late, or
/// are each too large, would otherwise take time without end.
const ATTEMPTS: usize = 4;

/// How much one record may still unpack to.
#[derive(Debug, Clone, Copy)]
pub(in crate::event) struct DecodeAllowance {
    limit: usize,
    left: usize,
    /// How much may still be unpacked, whatever becomes of it.
    work: usize,
}

/// What one record is allowed.
#[derive(Debug, Clone, Copy)]
pub(in crate::event) struct RecordAllowance {
    /// For its events.
    pub(in crate::event) events: DecodeAllowance,
    /// For all that is made of it on the way to them, where several decoders follow each other.
    pub(in crate::event) steps: DecodeAllowance,
}

/// What went wrong while reading.
pub(super) enum UnpackError {
    TooLarge(DecodeError),
    Broken,
}

impl UnpackError {
    pub(super) fn or_else(self, broken: impl FnOnce() -> DecodeError) -> DecodeError {
        match self {
            UnpackError::TooLarge(error) => error,
            UnpackError::Broken => broken(),
        }
    }
}

impl RecordAllowance {
    pub(in crate::event) fn new(limit: usize) -> Self {
        Self { events: DecodeAllowance::new(limit), steps: DecodeAllowance::new(limit) }
    }
}

impl DecodeAllowance {
    pub(in crate::event) fn new(limit: usize) -> Self {
        Self { limit, left: limit, work: limit.saturating_mul(ATTEMPTS) }
    }

    /// The most that a record may unpack to.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Takes so many bytes of it.
    pub(in crate::event) fn take(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.left = self.left.checked_sub(bytes).ok_or(DecodeError::TooLarge(self.limit))?;
        Ok(())
    }

    /// Takes an event with so many bytes of payload: it takes memory however short it is.
    pub(in crate::event) fn take_event(&mut self, payload: usize) -> Result<(), DecodeError> {
        self.take(payload.saturating_add(EVENT_BYTES))
    }

    /// Whether so much can still be unpacked.
    pub(super) fn check(&self, bytes: usize) -> Result<(), DecodeError> {
        if bytes > self.left.min(self.work) { Err(DecodeError::TooLarge(self.limit)) } else { Ok(()) }
    }

    /// Counts what was unpacked, whatever becomes of it.
    pub(super) fn worked(&mut self, bytes: usize) {
        self.work = self.work.saturating_sub(bytes);
    }

    /// Reads to the end, and no byte more than allowed but one.
    pub(super) fn read(&mut self, from: &mut impl Read, to: &mut Vec<u8>) -> Result<(), UnpackError> {
        let start = to.len();
        let most = self.left.min(self.work);
        let end = from.take((most as u64).saturating_add(1)).read_to_end(to);
        let bytes = to.len() - start;
        self.worked(bytes);
        end.map_err(|_| UnpackError::Broken)?;
        if bytes > most {
            return Err(UnpackError::TooLarge(DecodeError::TooLarge(self.limit)));
        }
        self.take(bytes).map_err(UnpackError::TooLarge)
    }
}
