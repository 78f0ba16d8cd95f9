//! Turns one JSON record that holds an array into one output for each element.
//!
//! With `path=readings,key_field=sensor`, the record
//!
//! ```json
//! {"site": "north", "readings": [{"sensor": "a", "value": 1}, {"sensor": "b", "value": 2}]}
//! ```
//!
//! becomes `{"sensor": "a", "value": 1}` under the key `a`, and `{"sensor": "b", "value": 2}`
//! under the key `b`. An element's bytes are those of the record.
//!
//! | setting | is | default |
//! | --- | --- | --- |
//! | `path` | the field that holds the array | `records` |
//! | `key_field` | the field of an element that becomes its partition key | the record's own key |
//! | `route_field` | the field of an element that names its route | the main output |
//!
//! An empty array drops the record. A record without the array, and one with an element that lacks
//! a field named here, is rejected as a whole.

use std::collections::BTreeMap;

use kinesieve_sdk::{Error, Event, OrElse, Outcome, Output, SettingError, Settings, transform};
use serde_json::value::RawValue;

struct Config {
    path: String,
    key_field: Option<String>,
    route_field: Option<String>,
}

fn configure(settings: Settings) -> Result<Config, SettingError> {
    settings.only(&["path", "key_field", "route_field"])?;
    Ok(Config {
        path: settings.get("path").unwrap_or("records").to_owned(),
        key_field: settings.get("key_field").map(str::to_owned),
        route_field: settings.get("route_field").map(str::to_owned),
    })
}

#[transform(configure = configure)]
fn process(config: &Config, event: Event) -> Result<Outcome, Error> {
    let record = fields(event.json_text()?, "the record")?;
    let array =
        record.get(&config.path).ok_or_else(|| format!("the record has no field `{}`", config.path)).or_reject()?;
    // Serde's own message is not for the dead letter: it quotes what it found.
    let elements: Vec<&RawValue> = serde_json::from_str(array.get())
        .map_err(|_| format!("the field `{}` is not an array", config.path))
        .or_reject()?;

    if elements.is_empty() {
        return Ok(Outcome::Drop);
    }
    elements
        .into_iter()
        .enumerate()
        .map(|(index, element)| output(config, index, element.get()))
        .collect::<Result<_, _>>()
        .map(Outcome::Emit)
}

fn output(config: &Config, index: usize, element: &str) -> Result<Output, Error> {
    let mut output = Output::new(element);
    if config.key_field.is_none() && config.route_field.is_none() {
        return Ok(output);
    }
    let what = format!("element {index} of `{}`", config.path);
    let fields = fields(element, &what)?;
    if let Some(name) = &config.key_field {
        let key = text(&fields, name, &what)?;
        // Kinesis' own limits. The sink would find out as well, but not which element it was.
        if !(1..=256).contains(&key.chars().count()) {
            let message = format!("{what}: `{name}` does not have 1 to 256 characters");
            return Err(Error::reject(message));
        }
        output = output.partition_key(key);
    }
    if let Some(name) = &config.route_field {
        output = output.route(text(&fields, name, &what)?);
    }
    Ok(output)
}

/// The fields of a JSON object, their values as they are written.
fn fields<'a>(json: &'a str, what: &str) -> Result<BTreeMap<String, &'a RawValue>, Error> {
    serde_json::from_str(json).map_err(|error| {
        Error::reject(if error.is_data() {
            format!("{what} is not a JSON object")
        } else {
            format!("{what} is not JSON: {error}")
        })
    })
}

/// A field as text: what a string says, and a number or a boolean as it is written.
fn text(fields: &BTreeMap<String, &RawValue>, name: &str, what: &str) -> Result<String, Error> {
    let unusable = || Error::reject(format!("{what} has no text in `{name}`"));
    let raw = fields.get(name).ok_or_else(unusable)?.get();
    match raw.as_bytes()[0] {
        b'"' => serde_json::from_str(raw).map_err(|_| unusable()),
        b'{' | b'[' | b'n' => Err(unusable()),
        _ => Ok(raw.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<const N: usize>(settings: [(&str, &str); N], record: &str) -> Result<Outcome, Error> {
        let config = configure(Settings::from(settings)).expect("the settings are right");
        process(&config, Event::new(record))
    }

    #[test]
    fn an_element_is_an_output_with_its_bytes_unchanged() {
        assert_eq!(
            run([], r#"{"records":[{"a": 1.50},"x" , 2]}"#),
            Ok(Outcome::emit([Output::new(r#"{"a": 1.50}"#), Output::new(r#""x""#), Output::new("2"),]))
        );
    }

    #[test]
    fn fields_of_an_element_name_its_key_and_route() {
        let settings = [("path", "r"), ("key_field", "k"), ("route_field", "to")];
        assert_eq!(
            run(settings, r#"{"r":[{"k":7,"to":"audit"},{"k":"\u00e9","to":"x"}]}"#),
            Ok(Outcome::emit([
                Output::new(r#"{"k":7,"to":"audit"}"#).partition_key("7").route("audit"),
                Output::new(r#"{"k":"\u00e9","to":"x"}"#).partition_key("é").route("x"),
            ]))
        );
    }

    #[test]
    fn an_empty_array_drops_the_record() {
        assert_eq!(run([], r#"{"records":[]}"#), Ok(Outcome::Drop));
    }

    #[test]
    fn what_holds_no_array_is_rejected_without_quoting_it() {
        for (record, why) in [
            ("\"secret\"", "the record is not a JSON object"),
            ("{", "the record is not JSON: EOF while parsing an object at line 1 column 1"),
            ("{}", "the record has no field `records`"),
            (r#"{"records":"secret"}"#, "the field `records` is not an array"),
        ] {
            assert_eq!(run([], record), Err(Error::reject(why)));
        }
    }

    #[test]
    fn an_element_that_lacks_its_key_rejects_the_record() {
        for (element, why) in [
            ("1", "element 1 of `records` is not a JSON object"),
            ("{}", "element 1 of `records` has no text in `k`"),
            (r#"{"k":[]}"#, "element 1 of `records` has no text in `k`"),
            (r#"{"k":""}"#, "element 1 of `records`: `k` does not have 1 to 256 characters"),
        ] {
            let record = format!(r#"{{"records":[{{"k":"a"}},{element}]}}"#);
            assert_eq!(run([("key_field", "k")], &record), Err(Error::reject(why)));
        }
    }
}
