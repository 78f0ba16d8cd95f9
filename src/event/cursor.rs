//! A place in a piece of JSON, and the few steps from it that an event as Lambda writes it needs.
//!
//! A step answers none where something else stands there than it knows; the place is then of no use any more.

use std::ops::Range;

use memchr::{memchr, memchr2};

/// A place in an event.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.body[self.at..]
    }

    /// Goes past these bytes; none: something else is there.
    #[inline]
    pub(super) fn expect(&mut self, bytes: &[u8]) -> Option<()> {
        self.rest().starts_with(bytes).then(|| self.at += bytes.len())
    }

    /// Goes past these bytes and the whitespace behind them.
    pub(super) fn spaced(&mut self, bytes: &[u8]) -> Option<()> {
        // Before the first of them there may be some, too.
        self.skip_whitespace();
        self.expect(bytes)?;
        self.skip_whitespace();
        Some(())
    }

    #[inline]
    pub(super) fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.body.get(self.at) {
            self.at += 1;
        }
    }

    /// What stands up to the next quote; none: an escape stands there.
    #[inline]
    pub(super) fn unescaped(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let length = memchr2(b'"', b'\\', rest)?;
        self.at += length;
        (rest[length] == b'"').then_some(&rest[..length])
    }

    /// Returns a string that holds no escape.
    #[inline]
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let bytes = self.unescaped()?;
        if bytes.iter().any(|byte| *byte < b' ') {
            return None;
        }
        std::str::from_utf8(bytes).ok()
    }

    /// A sequence number, which a quote ends. The batch looks at its digits.
    #[inline]
    pub(super) fn sequence_number(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let length = memchr(b'"', rest)?;
        self.at += length;
        std::str::from_utf8(&rest[..length]).ok()
    }

    /// Seconds with up to three digits of a fraction, in milliseconds; what is longer is not for here.
    #[inline]
    pub(super) fn milliseconds(&mut self) -> Option<u64> {
        let rest = self.rest();
        let (seconds, whole) = number(rest);
        // JSON knows no leading zeros.
        if !(1..12).contains(&whole) || (whole > 1 && rest[0] == b'0') {
            return None;
        }
        let (mut length, mut milliseconds) = (whole, 0);
        if rest.get(whole) == Some(&b'.') {
            let (fraction, digits) = number(&rest[whole + 1..]);
            if !(1..4).contains(&digits) {
                return None;
            }
            length += 1 + digits;
            milliseconds = fraction * [1000, 100, 10, 1][digits];
        }
        self.at += length;
        // An exponent may follow.
        let ends = matches!(rest.get(length), Some(b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
        ends.then_some(seconds * 1000 + milliseconds)
    }

    /// Goes through the members of an object, whose names hold no escapes.
    pub(super) fn members(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.expect(b"{")?;
        loop {
            self.skip_whitespace();
            self.expect(b"\"")?;
            let name = self.text()?;
            self.expect(b"\"")?;
            self.spaced(b":")?;
            member(self, name)?;
            self.skip_whitespace();
            if self.expect(b",").is_none() {
                return self.expect(b"}");
            }
        }
    }

    /// Goes past a text or a time. What else there may be in JSON is not for here.
    pub(super) fn member(&mut self) -> Option<Member> {
        if self.expect(b"\"").is_none() {
            let start = self.at;
            self.milliseconds()?;
            return Some(Member::Number(start..self.at));
        }
        let start = self.at;
        self.text()?;
        let span = start..self.at;
        self.expect(b"\"")?;
        Some(Member::Text(span))
    }
}

/// A member of an object that is no object itself.
pub(super) enum Member {
    Text(Range<usize>),
    Number(Range<usize>),
}

/// The number that stands at the front, and how many digits it has; of more than 12, those.
#[inline]
fn number(bytes: &[u8]) -> (u64, usize) {
    let (mut number, mut digits) = (0, 0);
    for byte in bytes.iter().take(12) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number * 10 + u64::from(digit);
        digits += 1;
    }
    (number, digits)
}
