//! Conveniences on [`Event`], whose fields are the contract's.

use std::str::Utf8Error;

use crate::{Error, Event};

/// What a transform's function may take: the [`Event`], or what is made of it before.
#[diagnostic::on_unimplemented(
    message = "a transform can't take `{Self}`",
    label = "has to take `Event` or `Json<T>`",
    note = "of `Json<T>`, `T` has to implement `serde::Deserialize` and own what it holds"
)]
pub trait FromEvent: Sized {
    /// Makes it of the event.
    ///
    /// # Errors
    /// What becomes of an event that it can't be made of.
    fn from_event(event: Event) -> Result<Self, Error>;
}

impl FromEvent for Event {
    fn from_event(event: Event) -> Result<Self, Error> {
        Ok(event)
    }
}

impl Event {
    /// An event with this payload and made-up surroundings: the partition key `key`, the sequence
    /// number 1, arrived at the Unix epoch. For the tests of a transform.
    pub fn new(data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: data.into(),
            partition_key: "key".to_owned(),
            sequence_number: "1".to_owned(),
            sub_sequence_number: 0,
            arrived_at: 0,
        }
    }

    /// The payload as text.
    ///
    /// # Errors
    ///
    /// When the payload isn't UTF-8. The error says where, and nothing of the contents.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        str::from_utf8(&self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_borrows_the_payload() {
        assert_eq!(Event::new("grüezi").text(), Ok("grüezi"));
    }

    #[test]
    fn text_refuses_what_is_not_utf_8_without_showing_it() {
        let error = Event::new([b'o', b'k', 0xff]).text().unwrap_err();
        assert_eq!(error.to_string(), "invalid utf-8 sequence of 1 bytes from index 2");
    }
}
