//! Foreign text in what a person reads: safe for a terminal, and without credentials.

use crate::foreign;
use crate::redaction::redacted;

/// Returns the beginning of a foreign text, on one line: as much as a line can bear that says more besides.
pub(super) fn plain(text: &str) -> String {
    foreign::excerpt(&redacted(text))
}

/// Returns a foreign text on one line, whole.
pub(super) fn one_line(text: &str) -> String {
    foreign::one_line(&redacted(text)).into_owned()
}

/// Returns a text that is laid out in lines, with nothing else in it that a terminal would obey.
pub(super) fn lines(text: &str) -> String {
    foreign::lines(&redacted(text)).into_owned()
}
