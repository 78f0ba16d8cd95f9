//! Reading a queue: ReceiveMessage, DeleteMessage and DeleteMessageBatch.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{answer, batch_answer, check_batch, error, message_id};
use crate::support::events::arrived_at;
use crate::support::services::Luck;
use crate::support::services::http::Answer;
use crate::support::services::json::{entries, text};

/// A message of a queue.
pub(in super::super) struct Message {
    /// As it was sent.
    entry: Value,
    receives: usize,
    whereabouts: Whereabouts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    Waiting,
    /// Received, and invisible until it is deleted or returns.
    InFlight,
    Deleted,
}

impl Message {
    pub(super) fn new(entry: Value) -> Self {
        Self { entry, receives: 0, whereabouts: Whereabouts::Waiting }
    }

    fn group(&self) -> Option<&str> {
        self.entry["MessageGroupId"].as_str()
    }

    /// What the receiver sees, with the attributes that it asked for.
    fn seen(&self, place: usize, request: &Value) -> Value {
        let mut seen = json!({
            "MessageId": message_id(place),
            "ReceiptHandle": format!("receipt-{place}-{}", self.receives),
            "Body": self.entry["MessageBody"],
        });
        let mut system = Map::new();
        let values = [
            ("ApproximateReceiveCount", json!(self.receives.to_string())),
            ("SentTimestamp", json!(arrived_at(place).to_string())),
            ("MessageGroupId", self.entry["MessageGroupId"].clone()),
            ("MessageDeduplicationId", self.entry["MessageDeduplicationId"].clone()),
        ];
        for (name, value) in values {
            let asked = ["AttributeNames", "MessageSystemAttributeNames"];
            if !value.is_null() && asked.iter().any(|member| is_asked_for(name, &request[member])) {
                system.insert(name.to_owned(), value);
            }
        }
        let own: Map<String, Value> = super::attributes(&self.entry)
            .filter(|(name, _)| is_asked_for(name, &request["MessageAttributeNames"]))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, attributes) in [("Attributes", system), ("MessageAttributes", own)] {
            if !attributes.is_empty() {
                seen[name] = attributes.into();
            }
        }
        seen
    }
}

/// Attributes come only by their names, by a prefix or all together.
fn is_asked_for(name: &str, names: &Value) -> bool {
    names.as_array().into_iter().flatten().filter_map(Value::as_str).any(|asked| match asked.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => asked == "All" || asked == name,
    })
}

pub(super) fn receive(body: &Value, messages: &mut [Message]) -> Result<Answer, Answer> {
    let most = body["MaxNumberOfMessages"].as_u64().unwrap_or(1) as usize;
    if !(1..=10).contains(&most) {
        return Err(error(400, "InvalidParameterValue", "a request receives 1 to 10 messages"));
    }
    let is_fifo = text(body, "QueueUrl")?.ends_with(".fifo");
    let stays_visible = body["VisibilityTimeout"].as_u64() == Some(0);
    let in_flight = messages.iter().filter(|message| message.whereabouts == Whereabouts::InFlight);
    // The next message of a group waits for the one before it.
    let busy: HashSet<String> = in_flight.filter_map(Message::group).filter(|_| is_fifo).map(str::to_owned).collect();
    let mut received = Vec::new();
    for (place, message) in messages.iter_mut().enumerate() {
        let waits = message.whereabouts == Whereabouts::Waiting;
        if received.len() == most || !waits || message.group().is_some_and(|group| busy.contains(group)) {
            continue;
        }
        message.receives += 1;
        if !stays_visible {
            message.whereabouts = Whereabouts::InFlight;
        }
        received.push(message.seen(place, body));
    }
    Ok(answer(&if received.is_empty() { json!({}) } else { json!({ "Messages": received }) }))
}

pub(super) fn delete(body: &Value, messages: &mut [Message]) -> Result<Answer, Answer> {
    if delete_one(text(body, "ReceiptHandle")?, messages) {
        Ok(Answer::new(200, "application/x-amz-json-1.0", ""))
    } else {
        Err(error(400, "ReceiptHandleIsInvalid", "there is no such receipt handle"))
    }
}

pub(super) fn delete_batch(body: &Value, messages: &mut [Message], luck: &mut Luck) -> Result<Answer, Answer> {
    let entries = entries(body, "Entries")?;
    check_batch(entries)?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let (id, handle) = (&entry["Id"], text(entry, "ReceiptHandle")?);
        if let Some(code) = luck.refused_record(&["InternalFailure", "ServiceUnavailable"]) {
            failed.push(json!({ "Id": id, "SenderFault": false, "Code": code, "Message": "on purpose" }));
        } else if delete_one(handle, messages) {
            successful.push(json!({ "Id": id }));
        } else {
            let message = "there is no such receipt handle";
            failed.push(json!({ "Id": id, "SenderFault": true, "Code": "ReceiptHandleIsInvalid", "Message": message }));
        }
    }
    Ok(batch_answer(&successful, &failed))
}

/// Whether there is a message by this handle. To delete one again is no error.
fn delete_one(handle: &str, messages: &mut [Message]) -> bool {
    let place = handle.strip_prefix("receipt-").and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
    let message = place.and_then(|place| messages.get_mut(place));
    message.map(|message| message.whereabouts = Whereabouts::Deleted).is_some()
}

pub(in super::super) fn return_messages(messages: &mut [Message]) {
    for message in messages {
        if message.whereabouts == Whereabouts::InFlight {
            message.whereabouts = Whereabouts::Waiting;
        }
    }
}
