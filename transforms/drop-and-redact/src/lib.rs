//! Drops JSON records by the value of a field, and removes fields from the others.
//!
//! With `drop_field=temperature,drop_below=10,remove=owner;phone`, the record
//! `{"temperature":9.5}` is dropped, and `{"temperature":21.50,"owner":"Ada","x":null}` becomes
//! `{"temperature":21.50,"x":null}`.
//!
//! | setting | is |
//! | --- | --- |
//! | `drop_field` | the field that decides; needs one of the next two |
//! | `drop_value` | drops the records whose field is this text, number or literal, as written |
//! | `drop_below` | drops the records whose field is a number below this one |
//! | `remove` | the fields to remove: names parted by `;`, or a JSON array of names |
//!
//! Only the fields of the record itself are looked at, not those of objects inside it. What stays
//! keeps its order and its bytes: numbers are copied, not parsed and written again. A record from
//! which nothing is to be removed is kept as it came. What is no JSON object is rejected.

mod config;

use std::fmt::{self, Formatter};

use config::{Config, configure};
use kinesieve_sdk::{Error, Event, Outcome, transform};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

#[transform(configure = configure)]
fn process(config: &Config, event: Event) -> Result<Outcome, Error> {
    // Checked once and as a whole: parsing bytes would check each value by itself.
    let record = event.text()?;
    let mut json = serde_json::Deserializer::from_str(record);
    let mut rewrite = Rewrite::new(config, record.len());
    DeserializeSeed::deserialize(&mut rewrite, &mut json).and_then(|()| json.end()).map_err(|error| {
        // Serde's message for another type quotes the value, and payloads stay out of reasons.
        Error::reject(if error.is_data() {
            "not a JSON object, but another JSON value".to_owned()
        } else {
            format!("not JSON: {error}")
        })
    })?;
    Ok(rewrite.outcome())
}

/// One pass over a record's fields. Those that stay are copied as they are met, so that nothing is
/// held but the output.
struct Rewrite<'c> {
    config: &'c Config,
    output: Vec<u8>,
    drop: bool,
    removed: bool,
}

impl<'c> Rewrite<'c> {
    fn new(config: &'c Config, length: usize) -> Self {
        // Nothing to remove, nothing to copy.
        let capacity = if config.remove.is_empty() { 0 } else { length };
        Self { config, output: Vec::with_capacity(capacity), drop: false, removed: false }
    }

    fn field(&mut self, name: &RawValue, value: &RawValue) {
        if let Some(rule) = &self.config.drop {
            self.drop |= is_named(name, &rule.field) && rule.matches(value.get());
        }
        if self.config.remove.is_empty() {
            return;
        }
        if self.config.remove.iter().any(|field| is_named(name, field)) {
            self.removed = true;
            return;
        }
        self.output.push(if self.output.is_empty() { b'{' } else { b',' });
        self.output.extend_from_slice(name.get().as_bytes());
        self.output.push(b':');
        self.output.extend_from_slice(value.get().as_bytes());
    }

    fn outcome(mut self) -> Outcome {
        if self.drop {
            return Outcome::Drop;
        }
        if !self.removed {
            return Outcome::Keep;
        }
        if self.output.is_empty() {
            self.output.push(b'{');
        }
        self.output.push(b'}');
        Outcome::replace(self.output)
    }
}

/// Whether a field's name, as written with its quotes, is this one.
fn is_named(written: &RawValue, name: &str) -> bool {
    let written = written.get();
    let inner = &written[1..written.len() - 1];
    inner == name
        || inner.contains('\\') && serde_json::from_str::<String>(written).is_ok_and(|unescaped| unescaped == name)
}

impl<'de> DeserializeSeed<'de> for &mut Rewrite<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Rewrite<'_> {
    type Value = ();

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some((name, value)) = fields.next_entry::<&RawValue, &RawValue>()? {
            self.field(name, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kinesieve_sdk::Settings;

    use super::*;

    fn run<const N: usize>(settings: [(&str, &str); N], record: &str) -> Result<Outcome, Error> {
        let config = configure(Settings::from(settings)).expect("the settings are right");
        process(&config, Event::new(record))
    }

    fn replaced(record: &str) -> Result<Outcome, Error> {
        Ok(Outcome::replace(record.to_owned()))
    }

    #[test]
    fn what_stays_keeps_its_order_and_its_bytes() {
        let record = r#"{ "z": 1.50, "owner": {"a": [1]}, "a\u0062": 1E400, "a": "\u00e9" }"#;
        assert_eq!(run([("remove", "owner")], record), replaced(r#"{"z":1.50,"a\u0062":1E400,"a":"\u00e9"}"#));
    }

    #[test]
    fn a_record_without_anything_to_remove_is_kept() {
        assert_eq!(run([("remove", "owner")], r#"{ "x": 1 }"#), Ok(Outcome::Keep));
        assert_eq!(run([], r#"{ "x": 1 }"#), Ok(Outcome::Keep));
    }

    #[test]
    fn a_record_can_lose_all_its_fields() {
        assert_eq!(run([("remove", "x")], r#"{"x":1,"x":2}"#), replaced("{}"));
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        assert_eq!(run([("remove", r#"["ä;b"]"#)], r#"{"\u00e4;b":1,"c":2}"#), replaced(r#"{"c":2}"#));
    }

    #[test]
    fn a_number_below_the_threshold_drops() {
        let settings = [("drop_field", "t"), ("drop_below", "10"), ("remove", "owner")];
        assert_eq!(run(settings, r#"{"owner":1,"t":9.99}"#), Ok(Outcome::Drop));
        assert_eq!(run(settings, r#"{"t":-1e3}"#), Ok(Outcome::Drop));
        assert_eq!(run(settings, r#"{"t":10}"#), Ok(Outcome::Keep));
        assert_eq!(run(settings, r#"{"t":"9"}"#), Ok(Outcome::Keep));
        assert_eq!(run(settings, r#"{"in":{"t":9}}"#), Ok(Outcome::Keep));
    }

    #[test]
    fn a_value_drops_as_text_or_as_written() {
        let settings = |value| [("drop_field", "v"), ("drop_value", value)];
        assert_eq!(run(settings("é"), r#"{"v":"\u00e9"}"#), Ok(Outcome::Drop));
        assert_eq!(run(settings("true"), r#"{"v": true }"#), Ok(Outcome::Drop));
        assert_eq!(run(settings("1"), r#"{"v":1.0}"#), Ok(Outcome::Keep));
        assert_eq!(run(settings("1"), r#"{"w":1}"#), Ok(Outcome::Keep));
    }

    #[test]
    fn what_is_no_json_object_is_rejected_without_quoting_it() {
        for (record, why) in [
            ("\"secret\"", "not a JSON object, but another JSON value"),
            ("[1]", "not a JSON object, but another JSON value"),
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("{\"a\":1", "not JSON: EOF while parsing an object at line 1 column 6"),
            ("{} secret", "not JSON: trailing characters at line 1 column 4"),
        ] {
            assert_eq!(run([], record), Err(Error::reject(why)));
        }
    }
}
