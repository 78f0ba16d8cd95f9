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
//! keeps its order and its bytes: all of it is copied, not parsed and written again. A record from
//! which nothing is to be removed is kept as it came. What is no JSON object is rejected.

mod config;

use config::{Config, configure};
use kinesieve_sdk::{Edit, Error, Event, JsonKind, Outcome, transform};

#[transform(configure = configure)]
fn process(config: &Config, event: Event) -> Result<Outcome, Error> {
    let mut drop = false;
    let edited = event.edit_json(|value| {
        let Some(name) = value.name() else {
            return match value.kind() {
                JsonKind::Object => Ok(Edit::Descend),
                _ => Err(Error::reject("not a JSON object, but another JSON value")),
            };
        };
        if let Some(rule) = &config.drop {
            drop |= name == rule.field && rule.matches(value.written());
        }
        let is_to_go = config.remove.iter().any(|field| name == *field);
        Ok(if is_to_go { Edit::Remove } else { Edit::Keep })
    })?;
    Ok(if drop { Outcome::Drop } else { edited })
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
        assert_eq!(run([("remove", "owner")], record), replaced(r#"{ "z": 1.50, "a\u0062": 1E400, "a": "\u00e9" }"#));
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
