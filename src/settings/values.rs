//! How values are written.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::ValueEnum;
use tracing::level_filters::LevelFilter;

use super::SettingsError;
use crate::sink::{InvalidTarget, Target};

/// More instances of a transform than any vCPUs that Lambda gives.
const MOST_WORKERS: usize = 64;

/// A route's name and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The name, in lower case, with `-` for `_`.
    pub name: String,
    /// Where its outputs go.
    pub target: Target,
}

impl Route {
    pub(super) fn new(name: &str, target: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Err("the route has no name: use NAME=TARGET".to_owned());
        }
        let target = target.parse().map_err(|error: InvalidTarget| error.to_string())?;
        Ok(Self { name: normal_route(name), target })
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, target) = text.split_once('=').ok_or_else(|| format!("invalid route {text:?}: use NAME=TARGET"))?;
        Self::new(name, target)
    }
}

/// Takes the source of events on an event bus (Amazon EventBridge, PutEvents: up to 256 characters, and none of its own).
pub(super) fn event_source(text: &str) -> Result<String, String> {
    if text.starts_with("aws.") {
        return Err(format!("{text:?} is a source of AWS's own: use one that does not start with \"aws.\""));
    }
    label(text, 256)
}

/// Takes the detail type of events on an event bus (Amazon EventBridge, PutEvents: up to 128 characters).
pub(super) fn event_detail_type(text: &str) -> Result<String, String> {
    label(text, 128)
}

fn label(text: &str, most: usize) -> Result<String, String> {
    let characters = text.chars().count();
    if characters == 0 || characters > most || text.chars().any(char::is_control) {
        return Err(format!("{text:?} has {characters} characters: use 1 to {most}, and no control characters"));
    }
    Ok(text.to_owned())
}

/// A route's name as environment variables can spell it: without case, and `-` for `_`.
pub fn normal_route(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// Returns the name of a value, as a setting writes it.
pub fn name_of(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The form of an invocation's metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MetricsFormat {
    /// A line in CloudWatch's embedded metric format
    Emf,
    /// No metrics
    None,
}

/// A Lambda invocation lasts 15 minutes at most; the clock of a guest ticks every 10 ms.
pub(super) fn event_timeout(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_millis(10)..=Duration::from_secs(900))
}

pub(super) fn deadline_reserve(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_millis(100)..=Duration::from_secs(600))
}

/// A stream keeps its records for a year at most.
pub(super) fn max_event_age(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_secs(1)..=Duration::from_secs(365 * 86_400))
}

/// A batch waits for it: an invocation that lasts minutes should not wait for one either.
pub(super) fn checkpoint_timeout(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_millis(10)..=Duration::from_secs(60))
}

/// Lambda keeps an idle instance for minutes, and what is not written ends with it.
pub(super) fn checkpoint_period(text: &str) -> Result<Duration, String> {
    duration(text, Duration::ZERO..=Duration::from_secs(3600))
}

/// Less is less than a way around the earth, and the kernel gives up by itself after some minutes.
pub(super) fn connect_timeout(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_millis(100)..=Duration::from_secs(300))
}

/// The kernel takes whole seconds, up to 32,767 of them (tcp(7)).
pub(super) fn probing(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_secs(1)..=Duration::from_secs(9 * 3600))
}

pub(super) fn user_timeout(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_secs(1)..=Duration::from_secs(3600))
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("invalid value {text:?}: use true or false"))
}

/// A payload that is packed has 10 MiB at most, and all of it has to be in memory.
pub(super) fn decode_limit(text: &str) -> Result<ByteSize, String> {
    let parsed: ByteSize =
        text.parse().map_err(|error| format!("invalid size {text:?} ({error}): use for example 32MiB or 1GiB"))?;
    if (1 << 10..=1 << 30).contains(&parsed.as_u64()) {
        return Ok(parsed);
    }
    Err(format!("{text:?} is out of range: use 1KiB to 1GiB"))
}

/// As base64, with its attributes, it still has to be a message.
pub(super) fn pack_bytes(text: &str) -> Result<ByteSize, String> {
    let parsed: ByteSize =
        text.parse().map_err(|error| format!("invalid size {text:?} ({error}): use for example 64KiB or 256KiB"))?;
    if (1 << 10..=750 << 10).contains(&parsed.as_u64()) {
        return Ok(parsed);
    }
    Err(format!("{text:?} is out of range: use 1KiB to 750KiB"))
}

/// A shard takes 1 MB a second, and gives 2.
pub(super) fn byte_rate(text: &str) -> Result<ByteSize, String> {
    let parsed: ByteSize =
        text.parse().map_err(|error| format!("invalid size {text:?} ({error}): use for example 500KB or 1MiB"))?;
    if parsed.as_u64() == 0 {
        return Err(format!("{text:?} would let nothing through: use 1B or more"));
    }
    Ok(parsed)
}

fn duration(text: &str, allowed: RangeInclusive<Duration>) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("invalid duration {text:?} ({error}): use for example 500ms, 2s or 1m"))?;
    if allowed.contains(&parsed) {
        return Ok(parsed);
    }
    let (least, most) = (humantime::format_duration(*allowed.start()), humantime::format_duration(*allowed.end()));
    Err(format!("{text:?} is out of range: use {least} to {most}"))
}

/// A page of linear memory has 64 KiB, and there can be 4 GiB of them.
pub(super) fn memory_limit(text: &str) -> Result<ByteSize, String> {
    let allowed = ByteSize::kib(64)..=ByteSize::gib(4);
    let parsed: ByteSize =
        text.parse().map_err(|error| format!("invalid size {text:?} ({error}): use for example 64MiB or 1GiB"))?;
    if allowed.contains(&parsed) {
        return Ok(parsed);
    }
    Err(format!("{text:?} is out of range: use 64KiB to 4GiB"))
}

pub(super) fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let parsed: Option<NonZeroUsize> = text.parse().ok();
    parsed
        .filter(|count| count.get() <= MOST_WORKERS)
        .ok_or_else(|| format!("invalid number of workers {text:?}: use 1 to {MOST_WORKERS}"))
}

pub(super) fn log_level(text: &str) -> Result<LevelFilter, String> {
    text.parse().map_err(|_| format!("invalid log level {text:?}: use off, error, warn, info, debug or trace"))
}

/// Returns the settings for a transform that this flag or variable gives; none: there are none.
///
/// # Errors
/// When the text has neither form, or names a key twice. The message holds no value, which may be a secret.
pub fn written_settings(name: &str, text: Option<&str>) -> Result<Vec<(String, String)>, SettingsError> {
    let refused = |reason| SettingsError::Invalid { name: name.to_owned(), reason };
    text.map_or_else(|| Ok(Vec::new()), |text| transform_settings(text).map_err(refused))
}

/// `key=value` separated by commas, or a JSON object. No message quotes a value.
pub fn transform_settings(text: &str) -> Result<Vec<(String, String)>, String> {
    let settings = if text.trim_start().starts_with('{') { from_json(text)? } else { from_pairs(text)? };
    for (index, (key, _)) in settings.iter().enumerate() {
        if settings[..index].iter().any(|(earlier, _)| earlier == key) {
            return Err(format!("the key {key:?} is set twice"));
        }
    }
    Ok(settings)
}

fn from_json(text: &str) -> Result<Vec<(String, String)>, String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)
        // The position alone: serde's message can quote what it found.
        .map_err(|error| format!("it starts like a JSON object, but is none (column {})", error.column()))?;
    let as_text = |value| match value {
        serde_json::Value::String(value) => value,
        other => other.to_string(),
    };
    Ok(object.into_iter().map(|(key, value)| (key, as_text(value))).collect())
}

fn from_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let pair = |(index, pair): (usize, &str)| match pair.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err(format!(
            "part {} is not key=value; values that hold commas need a JSON object: {{\"key\":\"value\"}}",
            index + 1
        )),
    };
    text.split(',').enumerate().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
        transform_settings(text)
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn transform_settings_are_pairs_or_json() {
        assert_eq!(pairs(""), Ok(Vec::new()));
        assert_eq!(pairs("a=1, b=x=y,c="), Ok(owned(&[("a", "1"), ("b", "x=y"), ("c", "")])));
        assert_eq!(
            pairs(r#" {"b":"1,2","a":true,"n":1.50,"list":["x",{"y":null}]}"#),
            Ok(owned(&[("a", "true"), ("b", "1,2"), ("list", r#"["x",{"y":null}]"#), ("n", "1.5")]))
        );
    }

    #[test]
    fn what_is_wrong_with_transform_settings_is_said_without_their_values() {
        for text in
            ["hunter2", "a=1,hunter2", "=hunter2", r#"{"a":"hunter2""#, r#"{"a":hunter2}"#, "a=hunter2,a=hunter2"]
        {
            let message = pairs(text).expect_err(text);
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(pairs("a=1,b").expect_err("no pair").contains("part 2"));
    }

    #[test]
    fn values_out_of_range_come_with_the_range() {
        assert_eq!(event_timeout("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(event_timeout("0s"), Err("\"0s\" is out of range: use 10ms to 15m".to_owned()));
        assert!(event_timeout("1").expect_err("no unit").contains("500ms"));
        assert_eq!(memory_limit("128MiB").map(|size| size.as_u64()), Ok(128 << 20));
        assert!(memory_limit("1KiB").expect_err("too small").contains("64KiB to 4GiB"));
        assert!(memory_limit("lots").expect_err("no size").contains("64MiB"));
        assert!(log_level("loud").expect_err("no level").contains("\"loud\""));
    }

    #[test]
    fn a_route_is_a_name_and_a_target() {
        let route: Route = "Big_Orders=file:big.ndjson".parse().expect("a route");
        assert_eq!((route.name.as_str(), route.target.to_string()), ("big-orders", "file:big.ndjson".to_owned()));
        for text in ["big", "=stdout", "big=nowhere"] {
            assert!(text.parse::<Route>().is_err(), "{text} was taken");
        }
    }
}
