//! The fields of a protobuf message, as places in it.

use std::ops::Range;

/// Why bytes are no protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProtobuf {
    /// The bytes end too soon.
    #[error("it ends within a number")]
    Truncated,
    /// A number goes on and on.
    #[error("a number is longer than 64 bits")]
    Endless,
    /// A length leads beyond the end.
    #[error("a length leads beyond the end")]
    Beyond,
    /// Proto2 knows groups, but no message of ours has one.
    #[error("it holds a group")]
    Group,
    /// There is no such number.
    #[error("a field has the number 0")]
    NoNumber,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WireField {
    /// A number.
    Number {
        /// The field's own number.
        number: u64,
        value: u64,
    },
    /// A text, bytes or a message.
    Bytes {
        /// The field's own number.
        number: u64,
        /// Where its bytes lie.
        at: Range<usize>,
    },
    /// Of a fixed size: no field of an aggregate is.
    Other,
}

/// Goes through the fields of a message; the first error ends it.
#[derive(Debug)]
pub(super) struct WireFields<'a> {
    bytes: &'a [u8],
    left: Range<usize>,
}

impl<'a> WireFields<'a> {
    /// Those of the message at a place of the bytes.
    pub(super) fn new(bytes: &'a [u8], at: Range<usize>) -> Self {
        Self { bytes, left: at }
    }

    fn field(&mut self) -> Result<WireField, InvalidProtobuf> {
        let tag = self.number()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(InvalidProtobuf::NoNumber);
        }
        match tag & 7 {
            0 => Ok(WireField::Number { number, value: self.number()? }),
            1 => self.take(8).map(|_| WireField::Other),
            2 => {
                let length = self.number()?;
                Ok(WireField::Bytes { number, at: self.take(length)? })
            }
            5 => self.take(4).map(|_| WireField::Other),
            _ => Err(InvalidProtobuf::Group),
        }
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Result<u64, InvalidProtobuf> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let at = self.left.next().ok_or(InvalidProtobuf::Truncated)?;
            let byte = self.bytes[at];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(InvalidProtobuf::Endless);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(InvalidProtobuf::Endless)
    }

    fn take(&mut self, length: u64) -> Result<Range<usize>, InvalidProtobuf> {
        let length = usize::try_from(length).map_err(|_| InvalidProtobuf::Beyond)?;
        if length > self.left.len() {
            return Err(InvalidProtobuf::Beyond);
        }
        let start = self.left.start;
        self.left.start += length;
        Ok(start..self.left.start)
    }
}

impl Iterator for WireFields<'_> {
    type Item = Result<WireField, InvalidProtobuf>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.left.start = self.left.end;
        }
        Some(field)
    }
}
