//! A value that nobody is to see.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::{InvalidText, Text};

/// What a secret looks like wherever it would be shown.
const HIDDEN: &str = "***";

/// A secret, or where it stands: `${env:NAME}`, for example. Its debug form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns what it says, to be looked up.
    ///
    /// # Errors
    /// When it is meant to say where the secret stands, and does not. The message has no value in it.
    pub(crate) fn text(&self) -> Result<Text, InvalidText> {
        self.0.parse()
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text that is given for a secret is the secret itself, and not where it stands.
    pub(crate) fn is_written_out(text: &str) -> bool {
        !text.is_empty() && text.parse::<Text>().is_ok_and(|text| text.is_literal())
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}
