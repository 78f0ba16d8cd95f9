//! What an event of a tumbling window has besides its records: the window, the state that travels with it, and whether
//! it closes.

use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::batch::{Batch, Shard};
use super::layout::stream_of;
use crate::error_code::ErrorCode;

/// A batch, and the part of a window that it is, if it is one.
#[derive(Debug)]
pub struct Invocation {
    /// The records.
    pub batch: Batch,
    /// None: the event source mapping has no windows. What is wrong with one concerns only who works on windows.
    pub window: Option<Result<WindowPart, WindowPartError>>,
}

/// Part of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPart {
    /// Its first millisecond, since the Unix epoch.
    pub start: u64,
    /// The first millisecond that is not part of it.
    pub end: u64,
    /// The JSON that was handed back with the part before; `null` and `{}` where there was none, and `null` where the
    /// event says nothing of it.
    pub state: String,
    /// The shard, which an event without records says, too.
    pub shard: Shard,
    /// Whether this is the last part.
    pub is_final: bool,
    /// Whether Lambda closes the window before its time.
    pub is_terminated_early: bool,
}

/// Why an event is no part of a window, though it has fields of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowPartError {
    /// A field is missing that each such event has.
    #[error("the event has \"{has}\" of a tumbling window, and no \"{missing}\"")]
    Missing {
        /// A field that it has.
        has: &'static str,
        /// The field that it lacks.
        missing: &'static str,
    },
    /// A field is of another type.
    #[error("\"{field}\" of the tumbling window is not {expected}")]
    OfAnotherType {
        /// The field.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// The window ends before it starts.
    #[error("the tumbling window ends at {end}, and starts at {start}")]
    Empty {
        /// When it starts.
        start: String,
        /// When it ends.
        end: String,
    },
    /// Nothing says which shard it is.
    #[error("the event has neither records nor a \"shardId\" with an \"eventSourceARN\": nothing says its shard")]
    NoShard,
}

impl WindowPartError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            WindowPartError::Missing { .. }
            | WindowPartError::OfAnotherType { .. }
            | WindowPartError::Empty { .. }
            | WindowPartError::NoShard => ErrorCode::WindowEventIncomplete,
        }
    }
}

/// The fields of a window as they came: most events have none.
#[derive(Debug, Default)]
pub(super) struct RawWindow<'a> {
    pub(super) window: Option<&'a RawValue>,
    pub(super) state: Option<&'a RawValue>,
    pub(super) shard_id: Option<&'a RawValue>,
    pub(super) event_source_arn: Option<&'a RawValue>,
    pub(super) is_final: Option<&'a RawValue>,
    pub(super) is_terminated_early: Option<&'a RawValue>,
}

impl RawWindow<'_> {
    /// The part of a window that these and a batch make; none: there is no word of a window.
    pub(super) fn read(&self, batch: &Batch) -> Option<Result<WindowPart, WindowPartError>> {
        let fields = [
            ("window", self.window),
            ("state", self.state),
            ("isFinalInvokeForWindow", self.is_final),
            ("isWindowTerminatedEarly", self.is_terminated_early),
        ];
        let (has, _) = fields.into_iter().find(|(_, value)| value.is_some())?;
        Some(self.read_part(has, batch))
    }

    fn read_part(&self, has: &'static str, batch: &Batch) -> Result<WindowPart, WindowPartError> {
        let missing = |missing| WindowPartError::Missing { has, missing };
        let window = self.window.ok_or(missing("window"))?;
        // Lambda hands over an empty one at first. Who plays Lambda leaves it out, or says `null`.
        let state = self.state.map_or("null", RawValue::get);
        let (start_text, start) = time_in(window, "start", "window.start")?;
        let (end_text, end) = time_in(window, "end", "window.end")?;
        if end <= start {
            return Err(WindowPartError::Empty { start: start_text, end: end_text });
        }
        Ok(WindowPart {
            start,
            end,
            state: state.to_owned(),
            shard: self.shard(batch)?,
            is_final: flag(self.is_final, "isFinalInvokeForWindow")?,
            is_terminated_early: flag(self.is_terminated_early, "isWindowTerminatedEarly")?,
        })
    }

    /// That of the records; they have the last word.
    fn shard(&self, batch: &Batch) -> Result<Shard, WindowPartError> {
        if !batch.is_empty() {
            return Ok(batch.shard().clone());
        }
        match (text(self.shard_id, "shardId")?, text(self.event_source_arn, "eventSourceARN")?) {
            (Some(id), Some(arn)) if !id.is_empty() => Ok(Shard { stream_arn: stream_of(&arn).to_owned(), id }),
            _ => Err(WindowPartError::NoShard),
        }
    }
}

/// A time of the window, as it is and in milliseconds since the Unix epoch.
fn time_in(window: &RawValue, name: &str, field: &'static str) -> Result<(String, u64), WindowPartError> {
    let no_object = WindowPartError::OfAnotherType { field: "window", expected: "an object of \"start\" and \"end\"" };
    let times: std::collections::HashMap<String, serde_json::Value> =
        serde_json::from_str(window.get()).map_err(|_| no_object)?;
    let no_time = || WindowPartError::OfAnotherType { field, expected: "a time such as \"2026-11-20T17:00:00Z\"" };
    let text = times.get(name).and_then(serde_json::Value::as_str).ok_or_else(no_time)?;
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| no_time())?;
    let millis = u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| no_time())?;
    Ok((text.to_owned(), millis))
}

fn flag(value: Option<&RawValue>, field: &'static str) -> Result<bool, WindowPartError> {
    match value.map(RawValue::get) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(WindowPartError::OfAnotherType { field, expected: "true or false" }),
    }
}

fn text(value: Option<&RawValue>, field: &'static str) -> Result<Option<String>, WindowPartError> {
    let text = value.map(|value| serde_json::from_str(value.get())).transpose();
    text.map_err(|_| WindowPartError::OfAnotherType { field, expected: "a text" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::event::parse_invocation;

    /// An event of a window without records.
    fn event() -> Value {
        json!({
            "Records": [],
            "window": { "start": "2026-11-20T17:00:00Z", "end": "2026-11-20T17:01:00Z" },
            "state": {},
            "shardId": "shardId-000000000006",
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/in/consumer/c:1",
            "isFinalInvokeForWindow": true,
            "isWindowTerminatedEarly": false,
        })
    }

    /// Reads the window fields of an event after the given changes.
    fn read(changes: &[(&str, Option<Value>)]) -> Option<Result<WindowPart, String>> {
        let mut event = event();
        for (name, value) in changes {
            match value {
                Some(value) => event[*name] = value.clone(),
                None => drop(event.as_object_mut().expect("an object").remove(*name)),
            }
        }
        let invocation = parse_invocation(event.to_string().as_bytes()).expect("an event");
        invocation.window.map(|window| window.map_err(|error| error.to_string()))
    }

    #[test]
    fn a_window_is_read_with_its_shard() {
        let part = read(&[]).expect("a window").expect("a whole one");
        assert_eq!(
            part,
            WindowPart {
                start: 1_795_194_000_000,
                end: 1_795_194_060_000,
                state: "{}".to_owned(),
                shard: Shard {
                    stream_arn: "arn:aws:kinesis:eu-west-1:123456789012:stream/in".to_owned(),
                    id: "shardId-000000000006".to_owned(),
                },
                is_final: true,
                is_terminated_early: false,
            }
        );
        let without_flags = [("isFinalInvokeForWindow", None), ("isWindowTerminatedEarly", None)];
        let part = read(&without_flags).expect("a window").expect("a whole one");
        assert_eq!((part.is_final, part.is_terminated_early), (false, false));
    }

    #[test]
    fn a_first_event_has_no_state_to_hand_over() {
        for state in [None, Some(Value::Null)] {
            let part = read(&[("state", state)]).expect("a window").expect("a whole one");
            assert_eq!(part.state, "null");
        }
        assert_eq!(
            read(&[
                ("window", None),
                ("state", Some(Value::Null)),
                ("isFinalInvokeForWindow", None),
                ("isWindowTerminatedEarly", None)
            ]),
            None
        );
    }

    #[test]
    fn an_event_without_its_fields_is_of_no_window() {
        let without = ["window", "state", "isFinalInvokeForWindow", "isWindowTerminatedEarly"];
        assert_eq!(read(&without.map(|name| (name, None))), None);
    }

    #[test]
    fn half_a_window_is_a_clear_error() {
        let time = "a time such as \"2026-11-20T17:00:00Z\"";
        for (changes, expected) in [
            ([("window", None)], "the event has \"state\" of a tumbling window, and no \"window\"".to_owned()),
            (
                [("window", Some(json!(7)))],
                "\"window\" of the tumbling window is not an object of \"start\" and \"end\"".to_owned(),
            ),
            ([("window", Some(json!({})))], format!("\"window.start\" of the tumbling window is not {time}")),
            (
                [("window", Some(json!({ "start": "1900-01-01T00:00:00Z", "end": "x" })))],
                format!("\"window.start\" of the tumbling window is not {time}"),
            ),
            (
                [("window", Some(json!({ "start": "2026-11-20T17:00:00Z", "end": "soon" })))],
                format!("\"window.end\" of the tumbling window is not {time}"),
            ),
            (
                [("window", Some(json!({ "start": "2026-11-20T17:00:00Z", "end": "2026-11-20T17:00:00Z" })))],
                "the tumbling window ends at 2026-11-20T17:00:00Z, and starts at 2026-11-20T17:00:00Z".to_owned(),
            ),
            (
                [("isFinalInvokeForWindow", Some(json!("yes")))],
                "\"isFinalInvokeForWindow\" of the tumbling window is not true or false".to_owned(),
            ),
            ([("shardId", Some(json!(1)))], "\"shardId\" of the tumbling window is not a text".to_owned()),
            (
                [("shardId", Some(json!("")))],
                "the event has neither records nor a \"shardId\" with an \"eventSourceARN\": nothing says its shard"
                    .to_owned(),
            ),
        ] {
            assert_eq!(read(&changes), Some(Err(expected)), "{changes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(place in 0usize..1000, bytes in prop::collection::vec(any::<u8>(), 0..8), cut in 0usize..20) {
            let mut event = event().to_string().into_bytes();
            let place = place % event.len();
            event.splice(place..(place + cut).min(event.len()), bytes);
            if let Ok(Invocation { window: Some(Ok(part)), .. }) = parse_invocation(&event) {
                prop_assert!(part.start < part.end);
            }
        }
    }
}
