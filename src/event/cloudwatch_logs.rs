//! What a subscription of CloudWatch Logs puts into a stream: JSON with the events of one log stream.
//!
//! Each log event becomes an event of its own: the JSON object that it is, with `logGroup`, `logStream` and `owner`
//! behind its own fields, and all that is said of where it is from where that is wanted. What it holds is passed on as it
//! was written.

mod message;

use serde_json::error::Category;
use serde_json::value::RawValue;

use super::decoding::DecodeAllowance;
use message::{MessageType, SubscriptionMessage};

/// What a message holds.
pub(super) enum MessageContents<'a> {
    /// Log events, one at least.
    Events(LogEvents<'a>),
    /// Nothing for anybody: CloudWatch Logs looks whether the stream takes what it sends.
    Nothing(&'static str),
}

/// The log events of a message.
pub(super) struct LogEvents<'a> {
    events: Vec<&'a RawValue>,
    /// The fields that all of them get.
    origin: String,
}

/// What each log event gets of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogOrigin {
    /// `logGroup`, `logStream` and `owner`.
    Short,
    /// `subscriptionFilters` and `policyLevel`, too.
    Full,
}

/// Why there are no log events. No reason holds anything of the payload.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MessageError {
    /// It is something else.
    #[error("the payload is no message of CloudWatch Logs: {0}")]
    None(String),
    /// It has too many log events, or they come to too much.
    #[error("{0}")]
    TooMuch(String),
}

/// Reads a message. Its log events, with all that each of them gets, are taken from the allowance while they are read:
/// of more than that, none is held.
///
/// # Errors
/// When it is none, or has too many log events.
pub(super) fn read<'a>(
    text: &'a [u8],
    origin: LogOrigin,
    allowance: &mut DecodeAllowance,
) -> Result<MessageContents<'a>, MessageError> {
    let refused = |reason: &str| MessageError::None(reason.to_owned());
    let mut excess = None;
    let message = SubscriptionMessage::parse(text, allowance, &mut excess);
    if let Some(excess) = excess {
        return Err(MessageError::TooMuch(excess));
    }
    let message = message.map_err(|error| match error.classify() {
        // The parser quotes values.
        Category::Data => refused("a part of it is missing, or of another type"),
        _ => refused(&error.to_string()),
    })?;
    match message.message_type {
        MessageType::Control => Ok(MessageContents::Nothing("a control message of CloudWatch Logs")),
        MessageType::Data if message.log_events.is_empty() => {
            Ok(MessageContents::Nothing("a message of CloudWatch Logs without log events"))
        }
        MessageType::Data => {
            let mut fields =
                vec![("logGroup", message.log_group), ("logStream", message.log_stream), ("owner", message.owner)];
            if origin == LogOrigin::Full {
                fields.push(("subscriptionFilters", message.subscription_filters));
                fields.push(("policyLevel", message.policy_level));
            }
            let fields =
                fields.iter().filter_map(|(name, value)| Some(format!("\"{name}\":{}", value.as_ref()?.get())));
            let origin = fields.collect::<Vec<_>>().join(",");
            let repeated = origin.len().saturating_mul(message.log_events.len());
            allowance.take(repeated).map_err(|error| MessageError::TooMuch(error.to_string()))?;
            Ok(MessageContents::Events(LogEvents { events: message.log_events, origin }))
        }
        MessageType::Other => Err(refused("its messageType is neither DATA_MESSAGE nor CONTROL_MESSAGE")),
    }
}

/// One log event.
pub(super) struct LogEvent<'a> {
    text: &'a str,
    origin: &'a str,
}

impl LogEvents<'_> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = LogEvent<'_>> {
        self.events.iter().map(|event| LogEvent { text: event.get(), origin: &self.origin })
    }
}

impl LogEvent<'_> {
    /// As it came.
    pub(super) fn text(&self) -> &str {
        self.text
    }

    /// Appends it.
    ///
    /// # Errors
    /// When it is no JSON object: then nothing is appended.
    pub(super) fn write(&self, to: &mut Vec<u8>) -> Result<(), &'static str> {
        let fields = self.text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let fields = fields.ok_or("the log event is no JSON object")?.trim();
        to.push(b'{');
        to.extend_from_slice(fields.as_bytes());
        if !fields.is_empty() && !self.origin.is_empty() {
            to.push(b',');
        }
        to.extend_from_slice(self.origin.as_bytes());
        to.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn events(message: &str) -> Result<Vec<Result<String, &'static str>>, String> {
        let read = read(message.as_bytes(), LogOrigin::Short, &mut DecodeAllowance::new(1 << 20));
        match read.map_err(|error| error.to_string())? {
            MessageContents::Nothing(what) => Err(what.to_owned()),
            MessageContents::Events(events) => Ok(events
                .iter()
                .map(|event| {
                    let mut text = Vec::new();
                    event.write(&mut text)?;
                    Ok(String::from_utf8(text).expect("text"))
                })
                .collect()),
        }
    }

    #[test]
    fn each_log_event_gets_where_it_is_from() {
        let message = r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/app","logStream":"i-1",
            "subscriptionFilters":["all"],"logEvents":[
            {"id":"3710","timestamp":1545084650987,"message":"a \"b\" \u00e9"}, { } ,7]}"#;
        let expected = [
            Ok(r#"{"id":"3710","timestamp":1545084650987,"message":"a \"b\" \u00e9","logGroup":"/app","logStream":"i-1","owner":"123456789012"}"#.to_owned()),
            Ok(r#"{"logGroup":"/app","logStream":"i-1","owner":"123456789012"}"#.to_owned()),
            Err("the log event is no JSON object"),
        ];
        assert_eq!(events(message), Ok(expected.to_vec()));
        let bare = r#"{"messageType":"DATA_MESSAGE","logEvents":[{"message":"m"},{}]}"#;
        assert_eq!(events(bare), Ok(vec![Ok(r#"{"message":"m"}"#.to_owned()), Ok("{}".to_owned())]));
    }

    #[test]
    fn what_is_for_nobody_or_no_message_is_said() {
        let said = |message: &str| events(message).expect_err(message);
        assert_eq!(
            said(r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{}]}"#),
            "a control message of CloudWatch Logs"
        );
        assert_eq!(said(r#"{"messageType":"DATA_MESSAGE"}"#), "a message of CloudWatch Logs without log events");
        assert!(said(r#"{"messageType":"hunter2"}"#).ends_with("neither DATA_MESSAGE nor CONTROL_MESSAGE"));
        for other in [r#""hunter2""#, r#"{"messageType":["hunter2"]}"#, r#"{"hunter2":1}"#, "hunter2", "", "\u{1}"] {
            let said = said(other);
            assert!(said.starts_with("the payload is no message of CloudWatch Logs: "), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    proptest! {
        #[test]
        fn log_events_keep_their_fields(messages in prop::collection::vec("\\PC{0,30}", 1..20), group in "\\PC{0,20}") {
            let log_events: Vec<Value> = messages.iter().map(|message| json!({"id": "1", "message": message})).collect();
            let message = json!({"messageType": "DATA_MESSAGE", "logGroup": group, "logEvents": log_events});
            for (text, message) in events(&message.to_string()).expect("events").into_iter().zip(messages) {
                let event: Value = serde_json::from_str(&text.expect("an object")).expect("JSON");
                prop_assert_eq!(event, json!({"id": "1", "message": message, "logGroup": &group}));
            }
        }

        #[test]
        fn no_damage_makes_it_panic(place in 0usize..200, bytes in prop::collection::vec(any::<u8>(), 0..8), cut in 0usize..20) {
            let mut message = br#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{"id":"3","timestamp":15,"message":"m"}]}"#.to_vec();
            let place = place % message.len();
            message.splice(place..(place + cut).min(message.len()), bytes);
            if let Ok(MessageContents::Events(events)) = read(&message, LogOrigin::Full, &mut DecodeAllowance::new(1 << 20)) {
                for event in events.iter() {
                    let _ = event.write(&mut Vec::new());
                }
            }
        }
    }
}
