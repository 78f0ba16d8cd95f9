//! JSON as text: laid out anew and compared without ever turning a number into a machine number, which has fewer
//! digits than a sequence number.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// How deep values are looked into; deeper ones are compared as they are written.
const DEEPEST: usize = 100;

/// The text of a valid JSON value without the layout between its parts.
pub(crate) fn compact(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    for_each_piece(text, |piece| compact.push_str(piece));
    compact
}

/// The text of a valid JSON value, a field or element a line.
pub(crate) fn pretty(text: &str) -> String {
    let mut pretty = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut after_opening = false;
    let new_line = |pretty: &mut String, depth: usize| {
        pretty.push('\n');
        pretty.extend(std::iter::repeat_n("  ", depth));
    };
    for_each_piece(text, |piece| {
        let closes = matches!(piece, "}" | "]");
        if closes {
            depth = depth.saturating_sub(1);
        }
        // What is empty stays on its line.
        if after_opening != closes {
            new_line(&mut pretty, depth);
        }
        after_opening = false;
        pretty.push_str(piece);
        match piece {
            "{" | "[" => {
                depth += 1;
                after_opening = true;
            }
            "," => new_line(&mut pretty, depth),
            ":" => pretty.push(' '),
            _ => {}
        }
    });
    pretty
}

/// Calls for each bracket, comma, colon, string and literal, in order.
fn for_each_piece<'a>(text: &'a str, mut piece: impl FnMut(&'a str)) {
    let mut rest = text.trim_start();
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(rest),
            _ => rest.find([',', ':', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len()).max(1),
        };
        // A literal of valid JSON is ASCII; whatever else comes must not be cut within a character.
        let length = rest.ceil_char_boundary(length);
        piece(&rest[..length]);
        rest = rest[length..].trim_start();
    }
}

/// The length of the string that a text begins with, its quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Whether two texts are valid JSON of the same value: layout, the order of fields and escapes aside. Numbers are the
/// same if they are written the same, or are the same number and short enough for that to be told.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let parse = |text| serde_json::from_str::<&RawValue>(text).ok();
    match (parse(one), parse(other)) {
        (Some(one), Some(other)) => is_same_value(one, other, 0),
        _ => false,
    }
}

fn is_same_value(one: &RawValue, other: &RawValue, depth: usize) -> bool {
    let (one, other) = (one.get(), other.get());
    if one == other {
        return true;
    }
    if depth == DEEPEST || kind(one) != kind(other) {
        return false;
    }
    match kind(one) {
        Some(b'{') => {
            let (Ok(one), Ok(other)) = (fields(one), fields(other)) else { return false };
            one.len() == other.len()
                && one.iter().all(|(name, value)| {
                    other.get(name).is_some_and(|counterpart| is_same_value(value, counterpart, depth + 1))
                })
        }
        Some(b'[') => {
            let (Ok(one), Ok(other)) = (elements(one), elements(other)) else { return false };
            one.len() == other.len()
                && one.iter().zip(&other).all(|(value, counterpart)| is_same_value(value, counterpart, depth + 1))
        }
        Some(b'"') => {
            let text = |json| serde_json::from_str::<String>(json).ok();
            text(one).is_some() && text(one) == text(other)
        }
        Some(b'0') => is_same_number(one, other),
        _ => false,
    }
}

/// What a value begins with; for all numbers the same.
fn kind(json: &str) -> Option<u8> {
    json.bytes().next().map(|first| if first == b'-' || first.is_ascii_digit() { b'0' } else { first })
}

fn fields(json: &str) -> serde_json::Result<BTreeMap<String, &RawValue>> {
    serde_json::from_str(json)
}

fn elements(json: &str) -> serde_json::Result<Vec<&RawValue>> {
    serde_json::from_str(json)
}

fn is_same_number(one: &str, other: &str) -> bool {
    // A double holds any number of 15 digits.
    let is_short = |text: &str| text.bytes().filter(u8::is_ascii_digit).count() <= 15;
    let number = |text: &str| text.parse::<f64>().ok();
    is_short(one) && is_short(other) && number(one).is_some() && number(one) == number(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_changes_and_nothing_else() {
        let text = r#" { "a" : [ 1.50, "x , \" \\" , {} , [ ] ] , "ä" : null } "#;
        assert_eq!(compact(text), r#"{"a":[1.50,"x , \" \\",{},[]],"ä":null}"#);
        assert_eq!(compact(&pretty(text)), compact(text));
        insta::assert_snapshot!(pretty(text), @r#"
        {
          "a": [
            1.50,
            "x , \" \\",
            {},
            []
          ],
          "ä": null
        }
        "#);
    }

    #[test]
    fn what_is_no_json_is_laid_out_without_a_panic() {
        for text in ["", "\"", "\"\\", "é{", "{]}", "]]]", "nul", "é é"] {
            compact(text);
            pretty(text);
        }
    }

    #[test]
    fn values_are_compared_and_not_texts() {
        assert!(is_same(r#"{"a":1,"b":"é"}"#, r#"{ "b": "\u00e9", "a": 1.0 }"#));
        assert!(!is_same(r#"{"a":1}"#, r#"{"a":"1"}"#));
        assert!(!is_same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
        assert!(!is_same("[1,2]", "[2,1]"));
        assert!(!is_same("null", "false"));
        assert!(!is_same("{", "{"));
    }

    #[test]
    fn numbers_of_many_digits_are_not_rounded() {
        let number = "49663180427159280344751027653810273645901442797913634337";
        let next = "49663180427159280344751027653810273645901442797913634338";
        assert!(is_same(number, number));
        assert!(!is_same(number, next));
    }

    #[test]
    fn deep_values_are_compared_as_they_are_written() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(is_same(&deep("1"), &deep("1")));
        assert!(!is_same(&deep("1"), &deep("2")));
    }
}
