//! Values that stand elsewhere: `${env:NAME}`, `${file:PATH}`, `${ssm:NAME}` and `${secretsmanager:ID#FIELD}` in a text stand for
//! what a variable, a file, a parameter of Systems Manager or a secret of Secrets Manager holds.
//!
//! A text is read first ([`Text`]), which tells what is malformed, and looked up later ([`looked_up`]): what stands in the file
//! system is at hand, what a service holds takes a request. Nothing that was looked up is in any message.

mod access_key;
mod lookup;
mod place;
mod secret;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

pub(crate) use self::access_key::AccessKey;
pub(crate) use self::lookup::{LookupError, Lookups, looked_up, looked_up_now};
use self::place::Place;
pub use self::secret::Secret;

/// What a place begins with ...
const OPENING: &str = "${";

/// ... and ends with.
const CLOSING: char = '}';

/// A text, read: what stands in it, and what stands elsewhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(Vec<Piece>);

/// A part of a text.
#[derive(Clone, PartialEq, Eq)]
enum Piece {
    /// It stands there.
    Literal(String),
    /// It stands elsewhere.
    Elsewhere(Place),
}

/// Why a text can't be read. It quotes no more than what names a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidText {
    /// The end of a place is missing.
    #[error("{opening} has no }} behind it: close it, or write ${opening} where the text is to have these characters")]
    Unclosed {
        /// What it begins with, up to the colon.
        opening: String,
    },
    /// It does not say which.
    #[error("${{{kind}:}} names nothing: use it as {example}")]
    Nameless {
        /// Where the value would be.
        kind: &'static str,
        /// How it is written.
        example: &'static str,
    },
    /// Most likely one of ours, misspelt.
    #[error(
        "${{{found}:...}} is no place: did you mean ${{{nearest}:...}}? Write $${{ where the text is to have these characters"
    )]
    UnknownKind {
        /// What it says.
        found: String,
        /// What is most like it.
        nearest: &'static str,
    },
}

impl Text {
    /// Whether all of it stands there.
    pub(crate) fn is_literal(&self) -> bool {
        self.places().next().is_none()
    }

    /// A text that stands there, whatever is in it.
    pub(crate) fn literal(text: String) -> Self {
        Self(if text.is_empty() { Vec::new() } else { vec![Piece::Literal(text)] })
    }

    /// The same with another behind it.
    pub(crate) fn followed_by(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether some of it takes a request to a service.
    pub(crate) fn is_remote(&self) -> bool {
        self.places().any(Place::is_remote)
    }

    /// The places that it refers to.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Elsewhere(place) => Some(place),
        })
    }

    /// The same, with the files that it refers to counted from a folder.
    pub(crate) fn in_folder(self, folder: &Path) -> Self {
        let piece = |piece| match piece {
            Piece::Elsewhere(Place::File(path)) => Piece::Elsewhere(Place::File(folder.join(path))),
            piece => piece,
        };
        Self(self.0.into_iter().map(piece).collect())
    }

    /// What it says, of what is at hand.
    ///
    /// # Errors
    /// When a place holds nothing of use, or is a service's.
    pub(crate) fn local(&self) -> Result<String, LookupError> {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => Ok(text.clone()),
                Piece::Elsewhere(place) => place.local(),
            })
            .collect()
    }

    /// What it says.
    ///
    /// # Errors
    /// When a place holds nothing of use, or a service does not say.
    pub(crate) async fn resolved(&self, lookups: &Lookups) -> Result<String, LookupError> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Elsewhere(place) => text.push_str(&lookups.value(place).await?),
            }
        }
        Ok(text)
    }
}

impl FromStr for Text {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(OPENING) {
            let (before, opening) = rest.split_at(start);
            let inside = &opening[OPENING.len()..];
            literal.push_str(before);
            let Some(kind) = place::kind(inside)? else {
                // Of no concern here, as `${VARIABLE}` of a shell.
                literal.push_str(OPENING);
                rest = inside;
                continue;
            };
            if literal.ends_with('$') {
                // Doubled, it stands for itself, and so does what it would begin.
                literal.pop();
                literal.push_str(OPENING);
                rest = inside;
                continue;
            }
            let unclosed = || InvalidText::Unclosed { opening: format!("{OPENING}{}:", kind.word) };
            let (name, behind) = inside[kind.word.len() + 1..].split_once(CLOSING).ok_or_else(unclosed)?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Elsewhere(kind.place(name)?));
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }
}

// As it would be written. What stands there may be secret as well, so debugging output has the places alone.
impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => {
                    let mut rest = text.as_str();
                    while let Some(start) = rest.find(OPENING) {
                        let inside = &rest[start + OPENING.len()..];
                        let is_kind = !matches!(place::kind(inside), Ok(None));
                        formatter.write_str(&rest[..start])?;
                        formatter.write_str(if is_kind { "$${" } else { OPENING })?;
                        rest = inside;
                    }
                    formatter.write_str(rest)?;
                }
                Piece::Elsewhere(place) => place.fmt(formatter)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.places()).finish()
    }
}
