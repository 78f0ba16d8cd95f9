//! The state of a window as Lambda carries it from one invocation to the next: a small map of texts around the
//! transform's bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::error_code::ErrorCode;
use crate::event::{Position, WindowPart};
use crate::processor::{MOST_STATE_BYTES, WindowSlice, WindowState};
use crate::transform::{Window, WindowEnding};

/// The version of the map that this build writes, and the only one that it reads.
const VERSION: &str = "1";

/// The name of the version in the map: by it a state of ours is known.
const VERSION_FIELD: &str = "kinesieve";

/// The state in an answer. Empty, the window is closed or begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CarriedState(BTreeMap<&'static str, String>);

/// Why the state in an event can't be read. Nothing of it is quoted: it is made of payloads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is something else.
    #[error("the state of the window is {found}, not a map of texts")]
    NotAMap {
        /// What it is.
        found: &'static str,
    },
    /// It is somebody else's.
    #[error(
        "the state of the window has no \"{VERSION_FIELD}\", so another function wrote it: let that one close the window \
         before this one takes over"
    )]
    NotOurs,
    /// It is of another version.
    #[error(
        "the state of the window is of version {found}, and this build reads version {VERSION}: let the version of \
         kinesieve that wrote it close the window before this one takes over"
    )]
    OtherVersion {
        /// The version that it says.
        found: String,
    },
    /// A part of it is missing or broken.
    #[error("the state of the window is damaged: its \"{field}\" {what}")]
    Damaged {
        /// The part.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

impl StateError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            StateError::NotAMap { .. } | StateError::Damaged { .. } => ErrorCode::WindowStateDamaged,
            StateError::NotOurs => ErrorCode::WindowStateForeign,
            StateError::OtherVersion { .. } => ErrorCode::WindowStateVersion,
        }
    }
}

impl CarriedState {
    /// The map of a state; an empty one for none.
    pub fn new(state: Option<&WindowState>) -> Self {
        let Some(WindowState { form, through, bytes }) = state else { return Self::default() };
        let mut map = BTreeMap::from([(VERSION_FIELD, VERSION.to_owned()), ("form", form.clone())]);
        if let Some(through) = through {
            map.insert("sequenceNumber", through.sequence_number().as_str().to_owned());
            map.insert("subSequenceNumber", through.sub_sequence_number().to_string());
        }
        if let Some(bytes) = bytes {
            map.insert("data", base64_simd::STANDARD.encode_to_string(bytes));
        }
        Self(map)
    }

    /// How much of what Lambda carries it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len() + r#""":"","#.len()).sum()
    }
}

/// What the processor has to know of part of a window.
pub(super) fn slice(part: WindowPart) -> Result<WindowSlice, StateError> {
    let ending = match (part.is_terminated_early, part.is_final) {
        (true, _) => Some(WindowEnding::Early),
        (false, true) => Some(WindowEnding::Complete),
        (false, false) => None,
    };
    let window = Window { start: part.start, end: part.end };
    Ok(WindowSlice { window, shard: part.shard, state: read(&part.state)?, ending })
}

/// The state in an event; none: `null`, or an empty map, as a window begins with.
fn read(json: &str) -> Result<Option<WindowState>, StateError> {
    let map = match serde_json::from_str(json) {
        Ok(Value::Object(map)) => map,
        Ok(Value::Null) => return Ok(None),
        Ok(Value::Bool(_)) => return Err(StateError::NotAMap { found: "true or false" }),
        Ok(Value::Number(_)) => return Err(StateError::NotAMap { found: "a number" }),
        Ok(Value::String(_)) => return Err(StateError::NotAMap { found: "a text" }),
        Ok(Value::Array(_)) => return Err(StateError::NotAMap { found: "a list" }),
        Err(_) => return Err(StateError::NotAMap { found: "no JSON" }),
    };
    if map.is_empty() {
        return Ok(None);
    }
    match map.get(VERSION_FIELD) {
        None => return Err(StateError::NotOurs),
        Some(Value::String(version)) if version == VERSION => {}
        Some(other) => {
            return Err(StateError::OtherVersion { found: other.to_string().chars().take(20).collect() });
        }
    }
    let damaged = |field, what: &str| StateError::Damaged { field, what: what.to_owned() };
    let text = |field| match map.get(field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(damaged(field, "is not a text")),
    };
    let form = text("form")?.ok_or_else(|| damaged("form", "is missing"))?.to_owned();
    let through = match (text("sequenceNumber")?, text("subSequenceNumber")?) {
        (None, _) => None,
        (Some(number), index) => {
            let index = index.ok_or_else(|| damaged("subSequenceNumber", "is missing"))?;
            let index = index.parse().map_err(|_| damaged("subSequenceNumber", "is not a number"))?;
            let position = Position::new(number, index);
            Some(position.map_err(|_| damaged("sequenceNumber", "is not a sequence number"))?)
        }
    };
    let bytes = match text("data")? {
        None => None,
        Some(data) => {
            let bytes = base64_simd::STANDARD.decode_to_vec(data);
            let bytes = bytes.map_err(|_| damaged("data", "is not base64, or was cut off"))?;
            if bytes.len() > MOST_STATE_BYTES {
                let what = format!("has {} bytes, of {MOST_STATE_BYTES} at most", bytes.len());
                return Err(StateError::Damaged { field: "data", what });
            }
            Some(Arc::from(bytes))
        }
    };
    Ok(Some(WindowState { form, through, bytes }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refusal(state: &Value) -> String {
        read(&state.to_string()).expect_err("refused").to_string()
    }

    #[test]
    fn an_empty_state_is_none() {
        assert_eq!(read("{}"), Ok(None));
        assert_eq!(read("null"), Ok(None));
        assert_eq!(serde_json::to_string(&CarriedState::new(None)).expect("JSON"), "{}");
    }

    #[test]
    fn what_is_no_state_of_ours_is_refused() {
        for (state, found) in
            [(json!([]), "a list"), (json!("x"), "a text"), (json!(7), "a number"), (json!(true), "true or false")]
        {
            assert_eq!(refusal(&state), format!("the state of the window is {found}, not a map of texts"));
        }
        assert!(refusal(&json!({ "count": 1 })).contains("another function wrote it"));
        let newer = refusal(&json!({ "kinesieve": "2", "form": "a/1" }));
        assert!(newer.starts_with("the state of the window is of version \"2\", and this build reads version 1"));
        assert!(refusal(&json!({ "kinesieve": 1 })).contains("of version 1,"));
    }

    #[test]
    fn a_damaged_state_says_where() {
        let whole = json!({
            "kinesieve": "1", "form": "a/1", "sequenceNumber": "7", "subSequenceNumber": "0", "data": "YWJj",
        });
        assert!(read(&whole.to_string()).expect("a state").is_some());
        let too_large = base64_simd::STANDARD.encode_to_string(vec![0; MOST_STATE_BYTES + 1]);
        for (field, value, expected) in [
            ("form", Value::Null, "its \"form\" is not a text"),
            ("data", json!("YWJ"), "its \"data\" is not base64, or was cut off"),
            ("data", json!({}), "its \"data\" is not a text"),
            ("data", json!(too_large), "its \"data\" has 700001 bytes, of 700000 at most"),
            ("sequenceNumber", json!("x"), "its \"sequenceNumber\" is not a sequence number"),
            ("subSequenceNumber", json!("-1"), "its \"subSequenceNumber\" is not a number"),
        ] {
            let mut state = whole.clone();
            state[field] = value;
            assert_eq!(refusal(&state), format!("the state of the window is damaged: {expected}"));
        }
        for field in ["form", "subSequenceNumber"] {
            let mut state = whole.clone();
            state.as_object_mut().expect("an object").remove(field);
            assert_eq!(refusal(&state), format!("the state of the window is damaged: its \"{field}\" is missing"));
        }
    }

    #[test]
    fn the_largest_state_fits_into_what_lambda_carries() {
        let state = WindowState {
            form: "x".repeat(256),
            through: Some(Position::new(&"9".repeat(129), u64::MAX).expect("a position")),
            bytes: Some(vec![0xff; MOST_STATE_BYTES].into()),
        };
        let carried = CarriedState::new(Some(&state));
        let json = serde_json::to_string(&carried).expect("JSON");
        assert!(json.len() <= 1_000_000, "{}", json.len());
        assert_eq!(carried.bytes(), json.len() - 1);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            form in ".{1,20}",
            position in prop::option::of(("0|[1-9][0-9]{0,60}", any::<u64>())),
            bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..100)),
        ) {
            let through = position.map(|(number, index)| Position::new(&number, index).expect("a position"));
            let state = WindowState { form, through, bytes: bytes.map(Arc::from) };
            let json = serde_json::to_string(&CarriedState::new(Some(&state))).expect("JSON");
            prop_assert_eq!(read(&json), Ok(Some(state)));
        }

        #[test]
        fn nothing_makes_it_panic(json in r#"\{("(kinesieve|form|data|sequenceNumber|subSequenceNumber)":("1"|"[a-zA-Z0-9+/=]{0,12}"|[0-9]|null|\{\}),?){0,6}\}"#) {
            let _ = read(&json);
        }
    }
}
