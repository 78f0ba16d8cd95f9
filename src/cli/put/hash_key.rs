//! Under which explicit hash key a record is put: it decides the shard, in the place of the partition key's hash.

use std::str::FromStr;

use crate::json_pointer::{Pointer, Sought};

/// What an explicit hash key can be (Kinesis Data Streams, `ExplicitHashKey`).
const RANGE: &str = "a whole number from 0 to 340282366920938463463374607431768211455 (2^128 - 1)";

const SOUGHT: Sought = Sought {
    option: "--explicit-hash-key",
    role: "explicit hash key",
    kinds: "a whole number from 0 to 2^128 - 1, or a string of its digits",
};

/// Where the explicit hash key of a record comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HashKeyChoice {
    /// One for all records.
    Constant(u128),
    /// What a field of the record holds.
    Pointer(Pointer),
}

impl FromStr for HashKeyChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Pointer::parse(text) {
            Some(pointer) => Ok(HashKeyChoice::Pointer(pointer)),
            None => parsed(text).map(HashKeyChoice::Constant).map_err(|wrong| {
                format!(
                    "{text:?} is {wrong}: use a JSON pointer, as /device/hash for {{\"device\":{{\"hash\":\"1\"}}}}, \
                     or {RANGE} for all records"
                )
            }),
        }
    }
}

impl HashKeyChoice {
    /// The explicit hash key of a record with this payload.
    ///
    /// # Errors
    /// Why it has none. The message holds nothing of the payload.
    pub(super) fn of(&self, payload: &[u8]) -> Result<u128, String> {
        let pointer = match self {
            HashKeyChoice::Constant(hash_key) => return Ok(*hash_key),
            HashKeyChoice::Pointer(pointer) => pointer,
        };
        let value = pointer.find(payload, SOUGHT)?;
        let text = value.get();
        let found = match text.as_bytes().first() {
            Some(b'"') => parsed(&pointer.text_of(value)?),
            Some(b'{') => Err("an object"),
            Some(b'[') => Err("an array"),
            Some(b'n') => Err("null"),
            Some(b't' | b'f') => Err("a boolean"),
            // No number of 64 bits or of floating point comes between: the digits decide.
            _ => parsed(text),
        };
        found.map_err(|wrong| {
            format!("{} is {wrong}; an explicit hash key is {RANGE}, or a string of its digits", pointer.as_str())
        })
    }
}

/// A hash key from its decimal digits.
///
/// # Errors
/// What the text is instead.
fn parsed(text: &str) -> Result<u128, &'static str> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_of_numbers = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if is_digits(text) {
        return text.parse().map_err(|_| "a number beyond 2^128 - 1");
    }
    Err(if text.strip_prefix('-').is_some_and(is_digits) {
        "a negative number"
    } else if text.starts_with(|first: char| first.is_ascii_digit() || first == '-') && text.bytes().all(is_of_numbers)
    {
        "a number with a fraction or an exponent"
    } else {
        "no number"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_key_of(choice: &str, payload: &str) -> Result<u128, String> {
        choice.parse::<HashKeyChoice>()?.of(payload.as_bytes())
    }

    #[test]
    fn a_pointer_finds_numbers_and_strings_of_digits_to_the_last_digit() {
        for (value, hash_key) in [
            ("0", 0),
            ("\"0\"", 0),
            ("\"0007\"", 7),
            ("\"\\u0037\"", 7),
            ("9007199254740993", 9_007_199_254_740_993),
            ("18446744073709551617", (1 << 64) + 1),
            ("170141183460469231731687303715884105727", (1 << 127) - 1),
            ("340282366920938463463374607431768211455", u128::MAX),
            ("\"340282366920938463463374607431768211455\"", u128::MAX),
        ] {
            assert_eq!(hash_key_of("/a/h", &format!("{{\"a\":{{\"h\":{value}}}}}")), Ok(hash_key), "{value}");
        }
        assert_eq!(hash_key_of("340282366920938463463374607431768211455", "not JSON"), Ok(u128::MAX));
    }

    #[test]
    fn what_is_no_hash_key_is_told_by_what_is_wrong_and_not_by_what_it_holds() {
        let large = format!("{{\"h\":{}}}", "9".repeat(100_000));
        for (payload, wrong) in [
            ("hunter2", "it is not JSON (it is wrong at column 1), and --explicit-hash-key /h asks for"),
            ("{\"g\":31337}", "it has no /h, which is to be its explicit hash key: a whole number from 0 to 2^128 - 1"),
            ("{\"h\":\"hunter2\"}", "/h is no number; an explicit hash key is a whole number from 0 to 3402"),
            ("{\"h\":\"\"}", "/h is no number"),
            ("{\"h\":\" 31337\"}", "/h is no number"),
            ("{\"h\":\"+31337\"}", "/h is no number"),
            ("{\"h\":\"\u{663}\"}", "/h is no number"),
            ("{\"h\":-31337}", "/h is a negative number; an explicit hash key is"),
            ("{\"h\":\"-31337\"}", "/h is a negative number"),
            ("{\"h\":31337.5}", "/h is a number with a fraction or an exponent"),
            ("{\"h\":31337e2}", "/h is a number with a fraction or an exponent"),
            ("{\"h\":\"31337.0\"}", "/h is a number with a fraction or an exponent"),
            ("{\"h\":340282366920938463463374607431768211456}", "/h is a number beyond 2^128 - 1"),
            ("{\"h\":\"340282366920938463463374607431768211456\"}", "/h is a number beyond 2^128 - 1"),
            (&large, "/h is a number beyond 2^128 - 1"),
            ("{\"h\":null}", "/h is null"),
            ("{\"h\":true}", "/h is a boolean"),
            ("{\"h\":[31337]}", "/h is an array"),
            ("{\"h\":{}}", "/h is an object"),
            ("{\"h\":\"\\ud800\"}", "/h is a string that is no text"),
        ] {
            let message = hash_key_of("/h", payload).expect_err(payload);
            let quotes = ["hunter2", "31337", "99999"].iter().any(|value| message.contains(value));
            assert!(message.contains(wrong) && !quotes, "{payload}: {message}");
        }
    }

    #[test]
    fn what_is_neither_a_pointer_nor_a_hash_key_is_refused_with_what_would_be() {
        for (text, wrong) in [
            ("", "\"\" is no number"),
            ("device", "\"device\" is no number"),
            ("/a~2", "\"/a~2\" is no number"),
            ("-1", "\"-1\" is a negative number"),
            ("1.5", "a fraction"),
            ("340282366920938463463374607431768211456", "is a number beyond 2^128 - 1"),
        ] {
            let message = text.parse::<HashKeyChoice>().expect_err(text);
            assert!(message.contains(wrong) && message.contains("use a JSON pointer, as /device/hash"), "{message}");
        }
    }
}
