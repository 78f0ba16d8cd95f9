//! An event that is read while it arrives.
//!
//! The body of an invocation comes in pieces, and what came is still in the processor's cache. Read there and then, an
//! event of 6 MB takes a tenth of an invocation less than one that is gathered first.

use bytes::{Bytes, BytesMut};

use super::alike::Alike;
use super::batch::Batch;

/// The body of an invocation, as far as it arrived.
#[derive(Debug)]
pub struct Arriving {
    alike: Alike,
    pieces: Vec<Bytes>,
}

/// What arrived.
#[derive(Debug)]
pub enum Arrived {
    /// An event as Lambda writes it for a stream: its records.
    Batch(Batch),
    /// The body of something else, or of an event out of the ordinary.
    Body(Bytes),
}

impl Arriving {
    /// Nothing of a body that says to be so many bytes long.
    pub fn new(expected: usize) -> Self {
        Self { alike: Alike::new(expected), pieces: Vec::new() }
    }

    /// Takes what comes next.
    pub fn push(&mut self, piece: Bytes) {
        self.alike.read(&piece);
        // Kept without a copy: another parser may have to begin again.
        self.pieces.push(piece);
    }

    /// All of it is there.
    pub fn end(self) -> Arrived {
        match self.alike.end() {
            Some(batch) => Arrived::Batch(batch),
            None => Arrived::Body(joined(self.pieces)),
        }
    }
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() == 1
        && let Some(piece) = pieces.pop()
    {
        return piece;
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
    whole.freeze()
}
