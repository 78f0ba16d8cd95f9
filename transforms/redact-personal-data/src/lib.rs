//! Takes personal data out of JSON records, at any depth, and keeps what is needed to count and join them.
//!
//! With `pseudonyms=["customer"],salt=pepper`, the record
//!
//! ```json
//! {"customer": "ada", "note": "call +41 44 668 18 00 or mail ada@example.com", "total": 12}
//! ```
//!
//! becomes `{"customer":"c401afac074d00f4","note":"call [number] or mail [email]","total":12}`.

use std::fmt::Write;

use kinesieve_sdk::{Error, Json, SettingError, Settings, transform};
use serde::Deserialize;
use serde_json::Value;
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
fn process(config: &Config, Json(mut record): Json<Value>) -> Result<Json<Value>, Error> {
    redact(config, &mut record);
    Ok(Json(record))
}

fn redact(config: &Config, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if config.pseudonyms.contains(name) && !value.is_null() {
                    *value = pseudonym(&config.salt, value).into();
                } else {
                    redact(config, value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| redact(config, value)),
        Value::String(text) => {
            if let Some(masked) = masked(text) {
                *text = masked;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn pseudonym(salt: &str, value: &Value) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update([0]).chain_update(value.to_string()).finalize();
    digest.iter().take(PSEUDONYM_BYTES).fold(String::new(), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The text without addresses and long numbers; none: there are none.
fn masked(text: &str) -> Option<String> {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = next(rest) {
        masked.push_str(&rest[..found.start]);
        masked.push_str(found.mask);
        rest = &rest[found.end..];
    }
    if rest.len() == text.len() {
        return None;
    }
    masked.push_str(rest);
    Some(masked)
}

struct Found {
    start: usize,
    end: usize,
    mask: &'static str,
}

fn next(text: &str) -> Option<Found> {
    [email(text), number(text)].into_iter().flatten().min_by_key(|found| found.start)
}

fn email(text: &str) -> Option<Found> {
    let is_local = |character: char| character.is_alphanumeric() || "._%+-".contains(character);
    let is_domain = |character: char| character.is_alphanumeric() || ".-".contains(character);
    for (at, _) in text.match_indices('@') {
        let start = text[..at].trim_end_matches(is_local).len();
        let domain = &text[at + 1..];
        let length = domain.len() - domain.trim_start_matches(is_domain).len();
        // The full stop that ends a sentence belongs to no address.
        let domain = domain[..length].trim_end_matches(['.', '-']);
        if start < at && domain.contains('.') {
            return Some(Found { start, end: at + 1 + domain.len(), mask: "[email]" });
        }
    }
    None
}

/// Digits with nothing between them but what people put between digits.
fn number(text: &str) -> Option<Found> {
    let mut run: Option<(usize, usize, usize)> = None;
    let mut best = None;
    for (index, character) in text.char_indices().chain([(text.len(), '\n')]) {
        run = match (run, character) {
            (None, '+' | '0'..='9') => Some((index, index + 1, usize::from(character != '+'))),
            (Some((start, _, digits)), '0'..='9') => Some((start, index + 1, digits + 1)),
            (Some(run), ' ' | '-' | '/' | '(' | ')') => Some(run),
            (Some((start, end, digits)), _) if digits >= FEWEST_DIGITS => {
                best = Some(Found { start, end, mask: "[number]" });
                None
            }
            (_, _) => None,
        };
        if best.is_some() {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_long_numbers_are_masked_and_nothing_else() {
        for (text, expected) in [
            ("mail ada@example.com.", "mail [email]."),
            ("a@b.c,d.e+f@g-h.i", "[email],[email]"),
            ("call +41 44 668-18-00 now", "call [number] now"),
            ("4111111111111111", "[number]"),
            ("é@ü.ch", "[email]"),
        ] {
            assert_eq!(masked(text).as_deref(), Some(expected));
        }
        for text in ["", "@", "a@b", "@example.com", "in 2026, 12.50 each", "+", "1 2 3", "é"] {
            assert_eq!(masked(text), None, "{text}");
        }
    }
}
