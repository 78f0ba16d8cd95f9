//! Foreign text, made safe for whoever reads it: what guests, components, records, services and file names say.
//!
//! A terminal obeys control characters: they move the cursor, set the title, clear what stands there. A log's reader takes
//! a line for an event. Bidirectional formatting characters make a line read as something else than it says. All of that
//! goes through here before it is shown, so that one text stays one line, and says what it holds.

use std::borrow::Cow;
use std::fmt::Write;

/// The most characters of a foreign text in a line that says more besides.
const EXCERPT_CHARACTERS: usize = 200;

/// Returns whether a terminal or a log's reader takes a character for more than a sign on the line: control characters
/// (C0, DEL and C1), the line and paragraph separators, and the formatting characters of the Unicode Bidirectional
/// Algorithm (UAX #9: marks, embeddings, overrides and isolates).
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns a text as one line, whole: what is unsafe is written as in Rust (`\n`, `\u{1b}`), all else stays.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |line, character| line.extend(character.escape_default()), is_unsafe)
}

/// Returns a text with its line feeds as they are, and all else as [`one_line`] has it: for a text that is laid out in
/// lines, and whose foreign parts are one line each already.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |lines, character| lines.extend(character.escape_default()),
        |character| character != '\n' && is_unsafe(character),
    )
}

/// Returns the beginning of a text as one line: so much of it as a line can bear that says more besides.
pub(crate) fn excerpt(text: &str) -> String {
    let mut beginning = text;
    if let Some((end, _)) = text.char_indices().nth(EXCERPT_CHARACTERS) {
        beginning = &text[..end];
    }
    let mut line = one_line(beginning).into_owned();
    if beginning.len() < text.len() {
        line.push('…');
    }
    line
}

/// Returns the text of JSON values with what is unsafe in their strings written as JSON escapes it (`\u009b`), which
/// changes no value. JSON itself escapes C0 alone.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    // All of them lie in the Basic Multilingual Plane, so that four digits are enough.
    let escape = |json: &mut String, character: char| {
        // A String takes everything.
        let _ = write!(json, "\\u{:04x}", u32::from(character));
    };
    // C0 stands between values only, as layout.
    escaped(text, escape, |character| character >= '\u{7f}' && is_unsafe(character))
}

fn escaped<'a>(text: &'a str, escape: impl Fn(&mut String, char), is_to_escape: impl Fn(char) -> bool) -> Cow<'a, str> {
    let Some(first) = text.find(&is_to_escape) else { return Cow::Borrowed(text) };
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for character in text[first..].chars() {
        if is_to_escape(character) {
            escape(&mut escaped, character);
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts in which what is unsafe is frequent.
    fn hostile() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            any::<char>(),
            proptest::char::range('\0', '\u{a0}'),
            proptest::char::range('\u{2000}', '\u{2070}'),
            Just('\u{61c}'),
        ];
        proptest::collection::vec(character, 0..40).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn one_line_holds_nothing_unsafe_and_keeps_what_is_printable(text in hostile()) {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(is_unsafe), "{line:?}");
            let printable: String = text.chars().filter(|character| !is_unsafe(*character)).collect();
            prop_assert_eq!(one_line(&printable), printable.as_str());
            // Nothing is lost: each character stands there, or its escape does.
            let by_hand: String = text
                .chars()
                .map(|character| match is_unsafe(character) {
                    true => character.escape_default().to_string(),
                    false => character.to_string(),
                })
                .collect();
            prop_assert_eq!(line, by_hand);
        }

        #[test]
        fn an_excerpt_is_one_line_of_bounded_length(text in hostile(), times in 0_usize..40) {
            let text = text.repeat(times);
            let line = excerpt(&text);
            prop_assert!(!line.chars().any(is_unsafe), "{line:?}");
            prop_assert_eq!(line.ends_with('…') && !text.ends_with('…'), text.chars().count() > EXCERPT_CHARACTERS && !text.ends_with('…'));
        }

        #[test]
        fn lines_keep_their_ends_alone(text in hostile()) {
            let lines = lines(&text);
            prop_assert!(!lines.chars().any(|character| character != '\n' && is_unsafe(character)), "{lines:?}");
            prop_assert_eq!(lines.matches('\n').count(), text.matches('\n').count());
        }

        #[test]
        fn json_holds_the_same_values_and_nothing_unsafe(text in hostile()) {
            let before = serde_json::json!({ text.as_str(): [text.as_str()] });
            let shown = json(&before.to_string()).into_owned();
            prop_assert!(!shown.chars().any(is_unsafe), "{shown:?}");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), before);
        }
    }

    #[test]
    fn what_is_unsafe_becomes_visible() {
        assert_eq!(one_line("out of range: é"), "out of range: é");
        assert_eq!(one_line("\u{1b}[31mred\nline\u{9b}\r"), "\\u{1b}[31mred\\nline\\u{9b}\\r");
        assert_eq!(
            one_line("a\u{202e}b\u{2067}c\u{2028}d\u{200f}e\u{61c}f\u{7f}"),
            "a\\u{202e}b\\u{2067}c\\u{2028}d\\u{200f}e\\u{61c}f\\u{7f}"
        );
        assert_eq!(lines("a\nb\r\n\u{1b}c"), "a\nb\\r\n\\u{1b}c");
        assert_eq!(json("{\n \"a\u{9b}\": \"\u{202e}\u{7f}é\"\n}"), "{\n \"a\\u009b\": \"\\u202e\\u007fé\"\n}");
    }

    #[test]
    fn what_is_safe_is_not_copied() {
        for text in ["", "plain", "日本語", "a\u{301}"] {
            assert!(matches!(one_line(text), Cow::Borrowed(_)) && matches!(json(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn an_excerpt_ends_with_a_sign_of_what_is_left_out() {
        assert_eq!(excerpt(&"x".repeat(EXCERPT_CHARACTERS)), "x".repeat(EXCERPT_CHARACTERS));
        assert_eq!(excerpt(&"x".repeat(1000)).chars().count(), EXCERPT_CHARACTERS + 1);
    }
}
