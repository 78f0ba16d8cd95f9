//! Strings of JSON: what they say, and how a part of one is replaced while the rest stays as it is written.

use std::borrow::Cow;
use std::ops::Range;
use std::str::CharIndices;

/// What a string says, given what stands between its quotes.
pub(crate) fn decoded(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    Cow::Owned(Characters::new(inner).map(|character| character.is).collect())
}

/// Whether half of a surrogate pair stands alone in it. No text can say that: it decodes to the replacement character.
pub(crate) fn is_lossy(inner: &str) -> bool {
    inner.contains('\\') && Characters::new(inner).any(|character| character.is_lossy)
}

/// The string with some parts of its text replaced, in quotes. The parts are ranges of bytes of the decoded text, in
/// ascending order; all else is copied as it is written.
pub(crate) fn spliced<S: AsRef<str>>(inner: &str, parts: impl IntoIterator<Item = (Range<usize>, S)>) -> String {
    let mut string = String::with_capacity(inner.len() + 2);
    string.push('"');
    let mut characters = Characters::new(inner).peekable();
    // The end, in the decoded text, of what was read.
    let mut end = 0;
    for (part, replacement) in parts {
        while let Some(character) = characters.next_if(|character| end + character.is.len_utf8() <= part.start) {
            end += character.is.len_utf8();
            string.push_str(inner.get(character.written).unwrap_or_default());
        }
        push_escaped(&mut string, replacement.as_ref());
        while let Some(character) = characters.next_if(|_| !part.is_empty() && end < part.end) {
            end += character.is.len_utf8();
        }
    }
    if let Some(character) = characters.peek() {
        string.push_str(inner.get(character.written.start..).unwrap_or_default());
    }
    string.push('"');
    string
}

/// A text as JSON, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    push_escaped(&mut string, text);
    string.push('"');
    string
}

/// As serde_json writes it, since that is what goes into pseudonyms.
fn push_escaped(string: &mut String, text: &str) {
    // A text can always be written.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    string.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
}

struct Character {
    is: char,
    /// Where it is written, between the quotes.
    written: Range<usize>,
    is_lossy: bool,
}

/// The characters of a string that is valid JSON.
struct Characters<'a> {
    rest: CharIndices<'a>,
}

impl<'a> Characters<'a> {
    fn new(inner: &'a str) -> Self {
        Self { rest: inner.char_indices() }
    }

    /// The four digits of `\u`, which come next.
    fn digits(&mut self) -> u32 {
        self.rest.by_ref().take(4).fold(0, |unit, (_, digit)| unit << 4 | digit.to_digit(16).unwrap_or(0))
    }

    /// The second half of a surrogate pair, if it comes next.
    fn low_surrogate(&mut self) -> Option<u32> {
        let mut ahead = Self { rest: self.rest.clone() };
        let is_unit = ahead.rest.next()?.1 == '\\' && ahead.rest.next()?.1 == 'u';
        let low = ahead.digits().wrapping_sub(0xdc00);
        (is_unit && low < 0x400).then(|| {
            self.rest = ahead.rest;
            low
        })
    }
}

impl Iterator for Characters<'_> {
    type Item = Character;

    fn next(&mut self) -> Option<Character> {
        let (start, first) = self.rest.next()?;
        let is = match first {
            '\\' => match self.rest.next()?.1 {
                'b' => Some('\u{8}'),
                'f' => Some('\u{c}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'u' => match self.digits() {
                    high @ 0xd800..0xdc00 => {
                        self.low_surrogate().and_then(|low| char::from_u32(0x1_0000 + ((high - 0xd800) << 10 | low)))
                    }
                    unit => char::from_u32(unit),
                },
                itself => Some(itself),
            },
            itself => Some(itself),
        };
        Some(Character {
            is: is.unwrap_or(char::REPLACEMENT_CHARACTER),
            written: start..self.rest.offset(),
            is_lossy: is.is_none(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_string_says_what_serde_json_reads() {
        for inner in ["", "a", r#"\"\\\/\b\f\n\r\t"#, r"\u00e9é\ud83d\ude00", r"\u0000x", "\u{10ffff}\\u000a"] {
            let read: String = serde_json::from_str(&format!("\"{inner}\"")).unwrap();
            assert_eq!((decoded(inner), is_lossy(inner)), (Cow::Borrowed(read.as_str()), false));
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_a_replacement_character() {
        for (inner, says) in [
            (r"\ud83d", "\u{fffd}"),
            (r"\ud83dx", "\u{fffd}x"),
            (r"\ud83d\n", "\u{fffd}\n"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (r"\ude00", "\u{fffd}"),
        ] {
            assert_eq!((decoded(inner), is_lossy(inner)), (Cow::Borrowed(says), true), "{inner}");
        }
    }

    #[test]
    fn what_is_not_replaced_stays_as_it_is_written() {
        let splice = |inner, parts: &[(Range<usize>, &'static str)]| spliced(inner, parts.iter().cloned());
        let tel = splice(r"\u00e9\/ tel 1234567 \ud83d.", &[(8..15, "\"#\"")]);
        assert_eq!(tel, r##""\u00e9\/ tel \"#\" \ud83d.""##);
        assert_eq!(splice("abc", &[(0..1, "x"), (2..3, "")]), "\"xb\"");
        assert_eq!(splice("abc", &[(1..1, "-"), (3..3, "!")]), "\"a-bc!\"");
        // Half a character is all of it, and what lies outside or comes too late is clipped.
        assert_eq!(splice("aéb", &[(2..3, "x")]), "\"axb\"");
        assert_eq!(splice("abc", &[(1..2, "x"), (0..2, "y"), (7..9, "z")]), "\"axycz\"");
    }

    proptest! {
        #[test]
        fn a_replaced_part_is_replaced_in_the_text_too(
            pieces in prop::collection::vec(r#"[a-zé😀]|\\n|\\u00e9|\\ud83d\\ude00|\\\\"#, 0..12),
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let inner = pieces.concat();
            let text = decoded(&inner);
            let edges: Vec<usize> = text.char_indices().map(|(index, _)| index).chain([text.len()]).collect();
            let (one, other) = (*cut.0.get(&edges), *cut.1.get(&edges));
            let part = one.min(other)..one.max(other);
            let expected = format!("{}\"#\"{}", &text[..part.start], &text[part.end..]);
            let spliced = spliced(&inner, [(part, "\"#\"")]);
            prop_assert_eq!(serde_json::from_str::<String>(&spliced).unwrap(), expected);
        }

        #[test]
        fn no_string_makes_it_panic(inner in any::<String>(), parts in any::<Vec<(Range<usize>, String)>>()) {
            decoded(&inner);
            is_lossy(&inner);
            spliced(&inner, parts);
        }
    }
}
