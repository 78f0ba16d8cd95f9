//! Takes personal data out of JSON records, at any depth, and keeps what is needed to count and join them.
//!
//! With `pseudonyms=["customer"],salt=pepper`, the record
//!
//! ```json
//! {"customer": "ada", "note": "call +41 44 668 18 00 or mail ada@example.com", "total": 12}
//! ```
//!
//! becomes `{"customer": "c401afac074d00f4", "note": "call [number] or mail [email]", "total": 12}`. All else stays as it is
//! written, byte for byte, and a record without personal data is kept as it came.

use std::fmt::Write;
use std::ops::Range;

use kinesieve_sdk::{
    Edit, Error, Event, JsonKind, JsonValue, Outcome, SettingError, Settings, canonical_json, transform,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A telephone number or a card's has at least so many digits; a year or a price has fewer.
const FEWEST_DIGITS: usize = 7;

/// Hexadecimal digits of a pseudonym: 64 bits, so that two in a billion don't meet.
const PSEUDONYM_BYTES: usize = 8;

#[derive(Deserialize)]
struct Config {
    /// Fields whose value becomes a pseudonym: the same for the same value.
    #[serde(default)]
    pseudonyms: Vec<String>,
    /// Goes into each pseudonym, so that nobody finds a value by trying all of them.
    #[serde(default)]
    salt: String,
}

fn configure(settings: Settings) -> Result<Config, SettingError> {
    let config: Config = settings.read()?;
    if !config.pseudonyms.is_empty() && config.salt.is_empty() {
        return Err(SettingError::Missing { name: "salt".to_owned() });
    }
    Ok(config)
}

#[transform(configure = configure)]
fn process(config: &Config, event: Event) -> Result<Outcome, Error> {
    event.edit_json(|value| redact(config, value))
}

fn redact(config: &Config, value: &mut JsonValue<'_, '_>) -> Result<Edit, Error> {
    let is_named = |name: &str| config.pseudonyms.iter().any(|pseudonym| pseudonym == name);
    if value.kind() != JsonKind::Null && value.name().is_some_and(|name| is_named(&name)) {
        return Ok(Edit::text(pseudonym(&config.salt, &canonical_json(value.written())?)));
    }
    let Some(text) = value.text() else { return Ok(Edit::Descend) };
    let masks = masks(&text);
    Ok(if masks.is_empty() { Edit::Keep } else { value.splice(masks) })
}

/// The pseudonym of a value, from its one spelling.
fn pseudonym(salt: &str, value: &str) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update([0]).chain_update(value).finalize();
    digest.iter().take(PSEUDONYM_BYTES).fold(String::new(), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A part of a text, and what stands in its place.
type Mask = (Range<usize>, &'static str);

/// Where addresses and long numbers are, in order. Where two begin at one place, it is the address.
fn masks(text: &str) -> Vec<Mask> {
    let (mut email_ahead, mut number_ahead) = (email(text, 0), number(text, 0));
    let mut masks: Vec<Mask> = Vec::new();
    loop {
        let mask = match (&email_ahead, &number_ahead) {
            (Some(email), Some(number)) if number.start < email.start => (number.clone(), "[number]"),
            (Some(email), _) => (email.clone(), "[email]"),
            (None, Some(number)) => (number.clone(), "[number]"),
            (None, None) => return masks,
        };
        // What was found further on is still there, unless a part of it is masked now. So a text is read about twice,
        // however many masks it gets.
        let from = mask.0.end;
        masks.push(mask);
        if email_ahead.as_ref().is_some_and(|email| email.start < from) {
            email_ahead = email(text, from);
        }
        if number_ahead.as_ref().is_some_and(|number| number.start < from) {
            number_ahead = number(text, from);
        }
    }
}

/// The first address that begins at this place or behind.
fn email(text: &str, from: usize) -> Option<Range<usize>> {
    let is_local = |character: char| character.is_alphanumeric() || "._%+-".contains(character);
    let is_domain = |character: char| character.is_alphanumeric() || ".-".contains(character);
    let text = text.get(from..)?;
    for (at, _) in text.match_indices('@') {
        let start = text[..at].trim_end_matches(is_local).len();
        let domain = &text[at + 1..];
        let length = domain.len() - domain.trim_start_matches(is_domain).len();
        // The full stop that ends a sentence belongs to no address.
        let domain = domain[..length].trim_end_matches(['.', '-']);
        if start < at && domain.contains('.') {
            return Some(from + start..from + at + 1 + domain.len());
        }
    }
    None
}

/// The first number that begins at this place or behind: digits with nothing between them but what people put there.
fn number(text: &str, from: usize) -> Option<Range<usize>> {
    let mut run: Option<(Range<usize>, usize)> = None;
    for (index, byte) in text.bytes().enumerate().skip(from).chain([(text.len(), b'\n')]) {
        run = match (run, byte) {
            (None, b'+') => Some((index..index + 1, 0)),
            (None, b'0'..=b'9') => Some((index..index + 1, 1)),
            (Some((found, digits)), b'0'..=b'9') => Some((found.start..index + 1, digits + 1)),
            (run, b' ' | b'-' | b'/' | b'(' | b')') => run,
            (Some((found, digits)), _) if digits >= FEWEST_DIGITS => return Some(found),
            _ => None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut masked = text.to_owned();
        for (part, mask) in masks(text).into_iter().rev() {
            masked.replace_range(part, mask);
        }
        masked
    }

    #[test]
    fn addresses_and_long_numbers_are_masked_and_nothing_else() {
        for (text, expected) in [
            ("mail ada@example.com.", "mail [email]."),
            ("a@b.c,d.e+f@g-h.i", "[email],[email]"),
            ("call +41 44 668-18-00 now", "call [number] now"),
            ("4111111111111111", "[number]"),
            ("4111111111111111@example.com", "[email]"),
            ("12 34567@b.c, 7654321 a@b.c", "[number]@b.c, [number] [email]"),
            ("a@b.c1234567 1234567", "[email] [number]"),
            ("é@ü.ch", "[email]"),
        ] {
            assert_eq!(masked(text), expected);
        }
        for text in ["", "@", "a@b", "@example.com", "in 2026, 12.50 each", "+", "1 2 3", "é"] {
            assert_eq!(masks(text), [], "{text}");
        }
    }

    /// Read from the start for each mask, this would take minutes.
    #[test]
    fn a_text_with_many_numbers_is_read_about_once() {
        assert_eq!(masks(&"1234567,".repeat(200_000)).len(), 200_000);
        assert_eq!(masks(&"a@b.c,".repeat(200_000)).len(), 200_000);
        assert_eq!(masks(&"a@b,".repeat(200_000)), []);
        assert_eq!(masks(&"12345671a@b.c,".repeat(100_000)).len(), 100_000);
    }

    /// A pseudonym of before, however the value is spelled now; and two numbers that an `f64` can't tell apart.
    #[test]
    fn the_same_value_has_the_same_pseudonym() {
        let of = |json: &str| pseudonym("pepper", &canonical_json(json).expect("JSON"));
        assert_eq!([of("\"ada\""), of(r#""\u0061da""#)], ["c401afac074d00f4"; 2]);
        assert_eq!([of("1.0"), of("1.00"), of("1e0")], [of("1.0"), of("1.0"), of("1.0")]);
        assert_ne!(of("1"), of("1.0"));
        assert_ne!(of("12345678901234567890123"), of("12345678901234567890124"));
    }
}
