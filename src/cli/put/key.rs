//! Under which partition key a record is put.

use std::borrow::Cow;
use std::str::FromStr;

use crate::json_pointer::{Pointer, Sought};

/// Characters of a partition key.
const KEY_CHARACTERS: usize = 256;

const SOUGHT: Sought = Sought { option: "--key", role: "key", kinds: "a string, a number or a boolean" };

/// Under which partition key a record is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyChoice {
    /// Under one of its own: records spread over all shards.
    Random,
    /// All under one.
    Constant(String),
    /// Under what a field of it holds.
    Pointer(Pointer),
}

impl FromStr for KeyChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "random" {
            return Ok(KeyChoice::Random);
        }
        Pointer::parse(text).map(KeyChoice::Pointer).ok_or_else(|| {
            format!(
                "{text:?} is no key: use a JSON pointer, as /device/id for {{\"device\":{{\"id\":\"a\"}}}}, or random; \
                 --constant-key TEXT puts all records under one key"
            )
        })
    }
}

/// A key for all records, from the command line.
pub(super) fn constant(text: &str) -> Result<String, String> {
    checked(text.into()).map(Cow::into_owned)
}

/// A key that a stream takes.
///
/// # Errors
/// What is wrong with it.
pub(super) fn checked(key: Cow<'_, str>) -> Result<Cow<'_, str>, String> {
    let characters = key.chars().count();
    if (1..=KEY_CHARACTERS).contains(&characters) {
        return Ok(key);
    }
    Err(format!("a partition key of {characters} characters; a stream takes 1 to {KEY_CHARACTERS}"))
}

impl KeyChoice {
    /// The key of a record with this payload.
    ///
    /// # Errors
    /// Why it has none. The message holds nothing of the payload.
    pub(super) fn of(&self, payload: &[u8]) -> Result<Cow<'_, str>, String> {
        match self {
            KeyChoice::Random => Ok(format!("{:016x}", fastrand::u64(..)).into()),
            KeyChoice::Constant(key) => Ok(key.as_str().into()),
            KeyChoice::Pointer(pointer) => {
                let key = text_at(pointer, payload)?;
                checked(key.into()).map_err(|wrong| format!("{} is {wrong}", pointer.as_str()))
            }
        }
    }
}

/// What stands there: a string, or a number or a boolean as it is written.
fn text_at(pointer: &Pointer, payload: &[u8]) -> Result<String, String> {
    let value = pointer.find(payload, SOUGHT)?;
    let unfit = |is: &str| Err(format!("{} is {is}; a key is {}", pointer.as_str(), SOUGHT.kinds));
    match value.get().as_bytes().first() {
        Some(b'"') => pointer.text_of(value),
        Some(b'{') => unfit("an object"),
        Some(b'[') => unfit("an array"),
        Some(b'n') => unfit("null"),
        _ => Ok(value.get().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(pointer: &str, payload: &str) -> Result<String, String> {
        pointer.parse::<KeyChoice>()?.of(payload.as_bytes()).map(Cow::into_owned)
    }

    #[test]
    fn a_pointer_finds_strings_numbers_and_booleans_as_they_are_written() {
        let payload = r#"{"device":{"id":"caf\u00e9","n":1.50,"big":12345678901234567890123,"on":true},
            "list":[{"id":"x"},{"id":"y"}],"a/b":"slash","m~n":"tilde","":"empty"}"#;
        for (pointer, key) in [
            ("/device/id", "café"),
            ("/device/n", "1.50"),
            ("/device/big", "12345678901234567890123"),
            ("/device/on", "true"),
            ("/list/1/id", "y"),
            ("/a~1b", "slash"),
            ("/m~0n", "tilde"),
            ("/", "empty"),
        ] {
            assert_eq!(key_of(pointer, payload), Ok(key.to_owned()), "{pointer}");
        }
    }

    #[test]
    fn a_record_without_such_a_key_is_told_by_what_is_wrong_and_not_by_what_it_holds() {
        for (payload, wrong) in [
            ("hunter2", "it is not JSON (it is wrong at column 1), and --key /a/0 asks for"),
            ("{\"a\":[\"hunter2", "it is not JSON (it ends too soon at column 14)"),
            ("{\"b\":\"hunter2\"}", "it has no /a/0, which is to be its key"),
            ("{\"a\":\"hunter2\"}", "it has no /a/0"),
            ("{\"a\":[]}", "it has no /a/0"),
            ("{\"a\":[null]}", "/a/0 is null; a key is a string, a number or a boolean"),
            ("{\"a\":[[\"hunter2\"]]}", "/a/0 is an array"),
            ("{\"a\":[{}]}", "/a/0 is an object"),
            ("{\"a\":[\"\"]}", "/a/0 is a partition key of 0 characters; a stream takes 1 to 256"),
            ("{\"a\":[\"\\ud800\"]}", "/a/0 is a string that is no text"),
        ] {
            let message = key_of("/a/0", payload).expect_err(payload);
            assert!(message.contains(wrong) && !message.contains("hunter2"), "{payload}: {message}");
        }
        assert!(key_of("/list/01", r#"{"list":["a","b"]}"#).is_err(), "no such index");
    }

    #[test]
    fn what_is_no_key_is_refused_with_what_would_be() {
        for text in ["", "device", "=a", "/a~2", "/a~", "Random"] {
            let message = text.parse::<KeyChoice>().expect_err(text);
            assert!(message.contains("/device/id") && message.contains("--constant-key"), "{message}");
        }
        assert!(constant("").is_err() && constant(&"é".repeat(257)).is_err());
        assert_eq!(constant(&"é".repeat(256)).map(|key| key.chars().count()), Ok(256));
    }

    #[test]
    fn random_keys_differ() {
        let keys: std::collections::HashSet<_> = (0..100).filter_map(|_| KeyChoice::Random.of(b"same").ok()).collect();
        assert_eq!(keys.len(), 100);
    }
}
