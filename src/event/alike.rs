//! Events whose records are all laid out alike, which is how Lambda writes them, read as they arrive.
//!
//! Where anything is out of the ordinary there is no answer here, and the general parser has the word; where there is
//! one, it is that parser's, which a property test holds it to.

use super::batch::{Batch, BatchBuilder};
use super::cursor::Cursor;
use super::layout::Layout;

/// An event longer than this is none of Lambda's, whatever is said of its length beforehand.
const MOST_BYTES: usize = 16 << 20;

/// The start of an event is no longer than this, before its first record.
const START_BYTES: usize = 64;

/// The part of an event that was read so far.
#[derive(Debug)]
pub(super) struct Alike {
    /// How long the event is, as far as is known.
    expected: usize,
    /// What could not be read without what follows it.
    rest: Vec<u8>,
    /// How long that was when it was last tried.
    tried: usize,
    place: ExpectedMember,
    records: Option<(Layout, BatchBuilder)>,
    /// How many bytes were looked at, again and again if need be.
    #[cfg(test)]
    looked_at: usize,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExpectedMember {
    Start,
    Record,
    BehindRecord,
    BehindRecords,
    End,
    /// It is not for here.
    Elsewhere,
}

impl Alike {
    /// Nothing of an event of so many bytes.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            expected: expected.min(MOST_BYTES),
            rest: Vec::new(),
            tried: 0,
            place: ExpectedMember::Start,
            records: None,
            #[cfg(test)]
            looked_at: 0,
        }
    }

    /// Reads what arrived, as far as it goes.
    pub(super) fn read(&mut self, mut piece: &[u8]) {
        if !self.rest.is_empty() {
            // Most of it is read where it lies: only as much of it is copied as ends the record before it.
            let mut joined = std::mem::take(&mut self.rest);
            if joined.len() + piece.len() < 2 * self.tried {
                // A record of many pieces is looked at from its start: only when it may have become twice as long, or
                // it would be with each of them.
                joined.extend_from_slice(piece);
                self.rest = joined;
                return;
            }
            let before = joined.len();
            let length = self.records.as_ref().map_or(0, |(layout, _)| layout.record_length());
            let more = piece.len().min((2 * length).max(4 * START_BYTES));
            joined.extend_from_slice(&piece[..more]);
            let done = self.read_whole(&joined);
            if done < before {
                // It is longer than others, or something else.
                joined.extend_from_slice(&piece[more..]);
                let done = done + self.read_whole(&joined[done..]);
                joined.drain(..done);
                self.keep(joined);
                return;
            }
            piece = &piece[done - before..];
        }
        let done = self.read_whole(piece);
        self.keep(piece[done..].to_vec());
    }

    /// The batch, if all of the event was read.
    pub(super) fn end(mut self) -> Option<Batch> {
        self.read_rest();
        let (_, batch) = self.records?;
        (self.place == ExpectedMember::End && self.rest.is_empty()).then(|| batch.build())
    }

    /// Reads what came since it was last tried.
    fn read_rest(&mut self) {
        if self.rest.len() > self.tried {
            let mut rest = std::mem::take(&mut self.rest);
            let done = self.read_whole(&rest);
            rest.drain(..done);
            self.keep(rest);
        }
    }

    fn keep(&mut self, rest: Vec<u8>) {
        if self.place != ExpectedMember::Elsewhere {
            self.tried = rest.len();
            self.rest = rest;
        }
    }

    /// Reads what is there as a whole, and says how many bytes that is.
    fn read_whole(&mut self, bytes: &[u8]) -> usize {
        #[cfg(test)]
        {
            self.looked_at += bytes.len();
        }
        let mut cursor = Cursor { body: bytes, at: 0 };
        let mut done = 0;
        while self.step(&mut cursor).is_some() {
            done = cursor.at;
        }
        done
    }

    /// Goes one part on; none: the rest of it is missing, or something else is there.
    #[inline]
    fn step(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        self.place = match (self.place, &mut self.records) {
            (ExpectedMember::Start, _) => {
                let started = start(cursor);
                if started.is_none() && cursor.body.len() > START_BYTES {
                    self.place = ExpectedMember::Elsewhere;
                }
                started?;
                let layout = Layout::learn(*cursor)?;
                let mut batch = layout.batch();
                // The first record is about as long as any; base64 holds three bytes in four characters.
                batch.reserve(self.expected / layout.record_length() + 1, self.expected / 4 * 3);
                self.records = Some((layout, batch));
                ExpectedMember::Record
            }
            (ExpectedMember::Record, Some((layout, batch))) => {
                layout.read(cursor, batch)?;
                ExpectedMember::BehindRecord
            }
            (ExpectedMember::BehindRecord, _) => {
                cursor.skip_whitespace();
                if cursor.expect(b",").is_some() {
                    cursor.skip_whitespace();
                    // What is to come may begin with whitespace, too, which no record does.
                    cursor.body.get(cursor.at)?;
                    ExpectedMember::Record
                } else {
                    cursor.expect(b"]")?;
                    ExpectedMember::BehindRecords
                }
            }
            (ExpectedMember::BehindRecords, _) => {
                cursor.spaced(b"}")?;
                ExpectedMember::End
            }
            (ExpectedMember::End, _) if cursor.at < cursor.body.len() => {
                let before = cursor.at;
                cursor.skip_whitespace();
                (cursor.at > before).then_some(ExpectedMember::End)?
            }
            _ => return None,
        };
        Some(())
    }
}

/// Goes to the first record.
fn start(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.spaced(b"{")?;
    cursor.spaced(b"\"Records\"")?;
    cursor.spaced(b":")?;
    cursor.spaced(b"[")
}

/// Takes an event whose records are laid out alike; none: it has to be parsed as any other.
pub(super) fn parse_alike(body: &[u8]) -> Option<Batch> {
    let mut event = Alike::new(body.len());
    event.read(body);
    event.end()
}

#[cfg(test)]
mod tests;
