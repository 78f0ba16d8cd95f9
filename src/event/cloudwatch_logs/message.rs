//! The JSON of a message, read no further than there is memory for its log events.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::event::decoding::DecodeAllowance;

/// Log events of one message.
///
/// CloudWatch Logs sends on what was put into a log stream, and `PutLogEvents` takes 10,000 at once
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>). This is several
/// times that: nothing says that it never joins what was put.
const MOST_EVENTS: usize = 1 << 16;

/// One message of a subscription.
pub(super) struct SubscriptionMessage<'a> {
    pub(super) message_type: MessageType,
    pub(super) log_group: Option<&'a RawValue>,
    pub(super) log_stream: Option<&'a RawValue>,
    pub(super) owner: Option<&'a RawValue>,
    pub(super) subscription_filters: Option<&'a RawValue>,
    pub(super) policy_level: Option<&'a RawValue>,
    pub(super) log_events: Vec<&'a RawValue>,
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum MessageType {
    /// It holds log events.
    #[serde(rename = "DATA_MESSAGE")]
    Data,
    /// CloudWatch Logs looks whether the stream takes what it sends.
    #[serde(rename = "CONTROL_MESSAGE")]
    Control,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum MessageField {
    MessageType,
    LogGroup,
    LogStream,
    Owner,
    SubscriptionFilters,
    PolicyLevel,
    LogEvents,
    #[serde(other)]
    Other,
}

impl<'a> SubscriptionMessage<'a> {
    /// Reads a message, and takes each log event from the allowance, without the fields that all of them get. What goes
    /// beyond is said in `excess`.
    pub(super) fn parse(
        text: &'a [u8],
        allowance: &mut DecodeAllowance,
        excess: &mut Option<String>,
    ) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let message =
            deserializer.deserialize_map(MessageVisitor { log_events: LogEventsSeed { allowance, excess } })?;
        deserializer.end()?;
        Ok(message)
    }
}

struct MessageVisitor<'b> {
    log_events: LogEventsSeed<'b>,
}

impl<'de> Visitor<'de> for MessageVisitor<'_> {
    type Value = SubscriptionMessage<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a message of CloudWatch Logs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SubscriptionMessage<'de>, A::Error> {
        let mut log_events = Some(self.log_events);
        let (mut message_type, mut events) = (None, None);
        let (mut log_group, mut log_stream, mut owner) = (None, None, None);
        let (mut subscription_filters, mut policy_level) = (None, None);
        while let Some(field) = map.next_key()? {
            match field {
                MessageField::MessageType => put(&mut message_type, &mut map, "messageType")?,
                MessageField::LogGroup => put(&mut log_group, &mut map, "logGroup")?,
                MessageField::LogStream => put(&mut log_stream, &mut map, "logStream")?,
                MessageField::Owner => put(&mut owner, &mut map, "owner")?,
                MessageField::SubscriptionFilters => {
                    put(&mut subscription_filters, &mut map, "subscriptionFilters")?;
                }
                MessageField::PolicyLevel => put(&mut policy_level, &mut map, "policyLevel")?,
                MessageField::LogEvents => {
                    let seed = log_events.take().ok_or_else(|| A::Error::duplicate_field("logEvents"))?;
                    events = Some(map.next_value_seed(seed)?);
                }
                MessageField::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(SubscriptionMessage {
            message_type: message_type.ok_or_else(|| A::Error::missing_field("messageType"))?,
            log_group: log_group.flatten(),
            log_stream: log_stream.flatten(),
            owner: owner.flatten(),
            subscription_filters: subscription_filters.flatten(),
            policy_level: policy_level.flatten(),
            log_events: events.unwrap_or_default(),
        })
    }
}

fn put<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    place: &mut Option<T>,
    map: &mut A,
    name: &'static str,
) -> Result<(), A::Error> {
    if place.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    *place = Some(map.next_value()?);
    Ok(())
}

/// Gathers log events as far as the allowance goes.
struct LogEventsSeed<'b> {
    allowance: &'b mut DecodeAllowance,
    excess: &'b mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for LogEventsSeed<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for LogEventsSeed<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("log events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<Self::Value, A::Error> {
        let Self { allowance, excess } = self;
        let mut gathered: Self::Value = Vec::new();
        while let Some(event) = events.next_element::<&RawValue>()? {
            // A comma stands between its own fields and those that all of them get.
            let taken = allowance.take_event(event.get().len() + 1).map_err(|error| error.to_string());
            let most = || format!("the message of CloudWatch Logs has more than {MOST_EVENTS} log events");
            if let Err(reason) = taken.and_then(|()| (gathered.len() < MOST_EVENTS).then_some(()).ok_or_else(most)) {
                *excess = Some(reason);
                return Err(A::Error::custom("too many log events"));
            }
            gathered.push(event);
        }
        Ok(gathered)
    }
}
