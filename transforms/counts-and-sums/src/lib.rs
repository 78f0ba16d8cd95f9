//! Counts and sums of a tumbling window: how many events each key had, and what their fields come to.
//!
//! What its settings mean is in the README beside this. The state has a bound: no window of many keys can outgrow what
//! Lambda carries.

use std::collections::BTreeMap;

use kinesieve_sdk::{Error, Event, Fold, OrElse, Output, Settings, Window, canonical_json, window};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// So many keys have sums of their own, unless the settings say otherwise.
const KEYS: usize = 1000;

/// The fields of a record, their values as they are written.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The most characters that a partition key may have.
const KEY_CHARACTERS: usize = 256;

#[derive(Deserialize)]
struct Config {
    /// The field that is the key; none: the partition key.
    key: Option<String>,
    /// The fields that are summed up.
    #[serde(default)]
    sum: Vec<String>,
    /// So many keys have sums of their own; all others share one.
    #[serde(default = "keys")]
    keys: usize,
}

fn keys() -> usize {
    KEYS
}

/// Of all keys.
#[derive(Default, Serialize, Deserialize)]
struct Sums {
    by_key: BTreeMap<String, Sum>,
    others: Sum,
}

/// What is delivered of a key.
#[derive(Serialize)]
struct Line<'a> {
    start: u64,
    end: u64,
    /// None: of all keys that have no line of their own.
    key: Option<&'a str>,
    count: u64,
    sums: BTreeMap<&'a str, f64>,
}

/// Of one key: how many events, and the sum of each field, in the order of the settings.
#[derive(Default, Serialize, Deserialize)]
struct Sum {
    count: u64,
    sums: Vec<f64>,
}

impl Fold for Sums {
    const FORM: &str = "counts-and-sums/1";
    type Config = Config;

    fn configure(settings: Settings) -> Result<Config, Error> {
        Ok(settings.read()?)
    }

    fn accumulate(&mut self, config: &Config, event: Event) -> Result<(), Error> {
        let fields: Fields<'_> = event.json()?;
        let key = match &config.key {
            None => event.partition_key.clone(),
            Some(name) => key_of(&fields, name)?,
        };
        let is_known = self.by_key.contains_key(&key);
        let sum = match is_known || self.by_key.len() < config.keys {
            true => self.by_key.entry(key).or_default(),
            false => &mut self.others,
        };
        sum.count += 1;
        sum.sums.resize(config.sum.len(), 0.0);
        for (sum, name) in sum.sums.iter_mut().zip(&config.sum) {
            *sum += number_of(&fields, name)?;
            if !sum.is_finite() {
                return Err(Error::reject(format!("with its field `{name}`, the sum is too large")));
            }
        }
        Ok(())
    }

    fn finish(self, config: &Config, window: Window) -> Result<Vec<Output>, Error> {
        let line = |key, sum: &Sum| {
            let sums = config.sum.iter().map(String::as_str).zip(sum.sums.iter().copied()).collect();
            Output::json(&Line { start: window.start, end: window.end, key, count: sum.count, sums })
        };
        let by_key = self.by_key.iter().map(|(key, sum)| {
            let output = line(Some(key.as_str()), sum)?;
            // Kinesis takes 1 to 256 characters; a key out of a field may have none, or more.
            Ok(match key.chars().take(KEY_CHARACTERS).collect::<String>() {
                partition_key if partition_key.is_empty() => output,
                partition_key => output.partition_key(partition_key),
            })
        });
        let others = (self.others.count > 0).then(|| line(None, &self.others));
        by_key.chain(others).collect()
    }
}

/// A field as a key. What has none is no event to count.
fn key_of(fields: &Fields<'_>, name: &str) -> Result<String, Error> {
    let written = fields.get(name).ok_or_else(|| format!("it has no field `{name}`")).or_reject()?.get();
    match written.as_bytes().first() {
        Some(b'"') => serde_json::from_str(written)
            .map_err(|_| format!("its field `{name}` is a text with half of a surrogate pair"))
            .or_reject(),
        // All digits count: rounded, two identifiers could be one.
        Some(b'-' | b'0'..=b'9' | b't' | b'f') => canonical_json(written),
        _ => Err(Error::reject(format!("its field `{name}` is neither a text nor a number"))),
    }
}

/// A field as a number; one that is missing or null adds nothing.
fn number_of(fields: &Fields<'_>, name: &str) -> Result<f64, Error> {
    let Some(value) = fields.get(name) else { return Ok(0.0) };
    match value.get() {
        "null" => Ok(0.0),
        // Only a number of JSON parses: its other values never look like one to Rust.
        written => written.parse().map_err(|_| format!("its field `{name}` is not a number")).or_reject(),
    }
}

window!(Sums);

#[cfg(test)]
mod tests {
    use kinesieve_sdk::{Ending, Rehearsal};

    use super::*;

    fn rehearsal<const N: usize>(settings: [(&str, &str); N]) -> Rehearsal<Sums> {
        Rehearsal::new(settings).unwrap()
    }

    /// Each output as its partition key and its text.
    fn finished(rehearsal: &mut Rehearsal<Sums>) -> Vec<(Option<String>, String)> {
        let outputs = rehearsal.finish().unwrap();
        outputs.into_iter().map(|output| (output.partition_key, String::from_utf8(output.data).unwrap())).collect()
    }

    #[test]
    fn each_key_has_its_count_and_its_sums() {
        let minute = Window { start: 60_000, end: 120_000, ending: Ending::Complete };
        let mut rehearsal = rehearsal([("key", "device"), ("sum", r#"["watts","errors"]"#)]).in_window(minute);
        for event in [
            r#"{"device":"b","watts":2.5}"#,
            r#"{"device":"a","watts":1,"errors":2}"#,
            r#"{"device":"b","watts":4,"errors":null}"#,
        ] {
            rehearsal.fold(Event::new(event)).unwrap();
        }
        assert_eq!(
            finished(&mut rehearsal),
            [
                (
                    Some("a".to_owned()),
                    r#"{"start":60000,"end":120000,"key":"a","count":1,"sums":{"errors":2.0,"watts":1.0}}"#.to_owned()
                ),
                (
                    Some("b".to_owned()),
                    r#"{"start":60000,"end":120000,"key":"b","count":2,"sums":{"errors":0.0,"watts":6.5}}"#.to_owned()
                ),
            ]
        );
        assert_eq!(finished(&mut rehearsal), [], "a window without events has nothing to say");
    }

    #[test]
    fn without_a_field_the_partition_key_is_the_key() {
        let mut rehearsal = rehearsal([]);
        rehearsal.fold(Event::new("{}")).unwrap();
        let [(key, text)] = &finished(&mut rehearsal)[..] else { panic!("one output") };
        assert_eq!(key.as_deref(), Some("key"));
        assert!(text.contains(r#""key":"key","count":1,"sums":{}"#), "{text}");
    }

    #[test]
    fn all_digits_of_a_key_count_and_other_fields_do_not_matter() {
        let mut rehearsal = rehearsal([("key", "id"), ("sum", r#"["watts"]"#)]);
        for event in [
            r#"{"id":12345678901234567890123,"watts":0.5}"#,
            r#"{"id":12345678901234567890124,"other":1e400}"#,
            "\u{feff}{\"id\":12345678901234567890123}",
            r#"{"id":1.50}"#,
            r#"{"id":1.5}"#,
        ] {
            rehearsal.fold(Event::new(event)).unwrap();
        }
        let lines = finished(&mut rehearsal);
        let keys: Vec<&str> = lines.iter().filter_map(|(key, _)| key.as_deref()).collect();
        assert_eq!(keys, ["1.5", "12345678901234567890123", "12345678901234567890124"]);
        assert!(lines[1].1.contains(r#""count":2,"sums":{"watts":0.5}"#), "{lines:?}");
    }

    #[test]
    fn too_many_keys_share_what_is_left() {
        let mut rehearsal = rehearsal([("key", "id"), ("keys", "2")]);
        for id in 0..10 {
            rehearsal.fold(Event::new(format!(r#"{{"id":{}}}"#, id % 5))).unwrap();
        }
        let texts: Vec<String> = finished(&mut rehearsal).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts.len(), 3);
        assert!(texts[2].contains(r#""key":null,"count":6"#), "{texts:?}");
    }

    #[test]
    fn what_can_not_be_counted_is_rejected_and_counts_for_nothing() {
        let mut rehearsal = rehearsal([("key", "device"), ("sum", r#"["watts"]"#)]);
        for (event, why) in [
            ("[]", "a JSON value of another type at line 1 column 0"),
            (r#"{"watts":1}"#, "it has no field `device`"),
            (r#"{"device":[1]}"#, "its field `device` is neither a text nor a number"),
            (r#"{"device":"a","watts":"1"}"#, "its field `watts` is not a number"),
            (r#"{"device":"a","watts":true}"#, "its field `watts` is not a number"),
            (r#"{"device":"a","watts":1e400}"#, "with its field `watts`, the sum is too large"),
            (r#"{"device":"\ud800"}"#, "its field `device` is a text with half of a surrogate pair"),
        ] {
            assert_eq!(rehearsal.fold(Event::new(event)), Err(Error::reject(why)), "{event}");
        }
        assert_eq!(finished(&mut rehearsal), []);
    }
}
