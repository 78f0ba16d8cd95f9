//! The lines of a text, as those who write several events into one record separate them.

use std::ops::Range;

use memchr::memchr;

/// What some editors and shippers put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where the first line at or behind a place lies, and where the text goes on behind it. A line that is blank is passed
/// over; none: there is no further one. No line holds its line end (`\n` or `\r\n`), nor the text's byte order mark.
pub(super) fn next_line(text: &[u8], from: usize) -> Option<(Range<usize>, usize)> {
    let mut start = from;
    if start == 0 && text.starts_with(BYTE_ORDER_MARK) {
        start = BYTE_ORDER_MARK.len();
    }
    loop {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let (length, behind) = match memchr(b'\n', rest) {
            Some(end) => (end, start + end + 1),
            None => (rest.len(), text.len()),
        };
        let line = rest.get(..length)?;
        if !line.trim_ascii().is_empty() {
            let length = line.strip_suffix(b"\r").unwrap_or(line).len();
            return Some((start..start + length, behind));
        }
        start = behind;
    }
}

/// How many lines there are that are not blank.
pub(super) fn count(text: &[u8]) -> usize {
    let mut from = 0;
    std::iter::from_fn(|| {
        let (_, behind) = next_line(text, from)?;
        from = behind;
        Some(())
    })
    .count()
}

/// Whether a text is one line, and nothing else: then it is its own line.
pub(super) fn is_bare_line(text: &[u8]) -> bool {
    next_line(text, 0).is_some_and(|(line, _)| line == (0..text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &[u8]) -> Vec<&[u8]> {
        let mut from = 0;
        let mut lines = Vec::new();
        while let Some((line, behind)) = next_line(text, from) {
            lines.push(&text[line]);
            from = behind;
        }
        assert_eq!(lines.len(), count(text));
        lines
    }

    #[test]
    fn lines_are_without_what_separates_them() {
        assert_eq!(lines(b"one\ntwo\r\n\n \t\r\nthree"), [&b"one"[..], b"two", b"three"]);
        assert_eq!(lines(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n"), [&b"one"[..], b"\xef\xbb\xbftwo"]);
        assert_eq!(lines(b" one \n"), [b" one "]);
        for blank in [&b""[..], b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b" "] {
            assert!(lines(blank).is_empty(), "{blank:?}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_bare() {
        assert!(is_bare_line(b"one") && is_bare_line(b" one"));
        for other in [&b"one\n"[..], b"one\r", b"", b" ", b"one\ntwo", b"\xef\xbb\xbfone"] {
            assert!(!is_bare_line(other), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn they_are_those_of_the_standard_library(text in "[a\r\n ]{0,40}") {
            let expected: Vec<&[u8]> = text.split('\n').filter(|line| !line.trim_ascii().is_empty())
                .map(|line| line.strip_suffix('\r').unwrap_or(line).as_bytes()).collect();
            prop_assert_eq!(lines(text.as_bytes()), expected);
        }
    }
}
