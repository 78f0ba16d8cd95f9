//! Foreign text in what a person reads.

use std::fmt::Write;

/// As much of a foreign text as a line can bear.
const EXCERPT_CHARACTERS: usize = 200;

/// A foreign text on one line, with nothing that a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len().min(EXCERPT_CHARACTERS));
    for (index, character) in text.chars().enumerate() {
        if index == EXCERPT_CHARACTERS {
            plain.push('…');
            break;
        }
        if character.is_control() {
            // A String takes everything.
            let _ = write!(plain, "{}", character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_is_one_line_of_bounded_length() {
        assert_eq!(plain("out of range: é"), "out of range: é");
        assert_eq!(plain("\u{1b}[31mred\nline\u{9b}"), "\\u{1b}[31mred\\nline\\u{9b}");
        assert_eq!(plain(&"x".repeat(1000)).chars().count(), EXCERPT_CHARACTERS + 1);
    }
}
