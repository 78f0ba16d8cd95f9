//! An SQS queue: its messages, each once.
//!
//! A message that was received is hidden from other receivers until it is deleted, released, or
//! [`HIDDEN`] is over. One that comes again in the same run is passed over.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::error::Error;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, Message};

use super::ReadRefusal;
use crate::aws::{causes, queue_url, reading_config};
use crate::settings::Arn;

/// How long a message stays hidden. Longer than one dead letter can take together with [`RENEW_AFTER`]: 15 minutes
/// in the transform, and some until its targets are given up.
const HIDDEN: Duration = Duration::from_secs(30 * 60);

/// A message that waited longer for those before it is hidden anew, and one that is at work longer as well.
const RENEW_AFTER: Duration = Duration::from_secs(10 * 60);

/// How long a receive waits for messages. Without waiting the service asks only some of its servers, and an
/// empty answer would not mean an empty queue.
const WAIT: Duration = Duration::from_secs(2);

/// The attribute that tells a body which is not the content itself.
const ENCODING: &str = "encoding";

/// Messages of a request at most.
const MESSAGES: u8 = 10;

/// A message that was received.
#[derive(Debug)]
pub(in crate::source) struct QueueMessage {
    pub(in crate::source) id: String,
    /// What it holds, or what is wrong with it.
    pub(in crate::source) content: Result<Vec<u8>, String>,
}

/// Receives the messages of a queue.
#[derive(Debug)]
pub(in crate::source) struct QueueReader {
    client: Client,
    queue: Arn,
    url: String,
    /// Messages that are received at once.
    at_once: u8,
    /// Received, and not handed on yet.
    waiting: VecDeque<ReceivedMessage>,
    /// All that were received so far, by id.
    known: HashMap<String, MessageFate>,
    bytes_read: u64,
}

#[derive(Debug)]
struct ReceivedMessage {
    id: String,
    at: Instant,
    content: Result<Vec<u8>, String>,
}

/// What is to become of a message.
#[derive(Debug)]
enum MessageFate {
    /// It is still in the queue, under this receipt handle.
    Stays(String),
    Deleted,
}

impl QueueReader {
    /// Reads as many messages at once as the service gives.
    pub(in crate::source) async fn open(queue: &Arn) -> Self {
        Self {
            client: Client::new(&reading_config(queue).await),
            queue: queue.clone(),
            url: queue_url(queue),
            at_once: MESSAGES,
            waiting: VecDeque::new(),
            known: HashMap::new(),
            bytes_read: 0,
        }
    }

    /// Reads message by message, where each takes its time: none waits hidden for another one.
    #[must_use]
    pub(in crate::source) fn one_by_one(self) -> Self {
        Self { at_once: 1, ..self }
    }

    /// The next message; none: the queue gives no more that are new.
    pub(in crate::source) async fn next(&mut self) -> Result<Option<QueueMessage>, ReadRefusal> {
        loop {
            if let Some(received) = self.waiting.pop_front() {
                if received.at.elapsed() > RENEW_AFTER {
                    self.hide_anew(&received.id).await?;
                }
                return Ok(Some(QueueMessage { id: received.id, content: received.content }));
            }
            // What stays is hidden by each receive, so those that come again come to an end as well.
            if !self.receive().await? {
                return Ok(None);
            }
        }
    }

    /// Takes a message out of the queue for good.
    pub(in crate::source) async fn delete(&mut self, id: &str) -> Result<(), ReadRefusal> {
        let Some(MessageFate::Stays(handle)) = self.known.get(id) else { return Ok(()) };
        let request = self.client.delete_message().queue_url(&self.url).receipt_handle(handle);
        request.send().await.map_err(|error| self.refused("sqs:DeleteMessage", &error))?;
        self.known.insert(id.to_owned(), MessageFate::Deleted);
        Ok(())
    }

    /// Shows what stays again.
    pub(in crate::source) async fn release(&self) {
        let handles: Vec<&String> = self
            .known
            .values()
            .filter_map(|fate| match fate {
                MessageFate::Stays(handle) => Some(handle),
                MessageFate::Deleted => None,
            })
            .collect();
        for handles in handles.chunks(MESSAGES.into()) {
            let entries = handles.iter().enumerate().map(|(place, handle)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(place.to_string());
                entry.receipt_handle(*handle).visibility_timeout(0).build()
            });
            // The two required members are set in the lines above.
            let entries: Result<Vec<_>, _> = entries.collect();
            let Ok(entries) = entries else { continue };
            let request = self.client.change_message_visibility_batch().queue_url(&self.url);
            if let Err(error) = request.set_entries(Some(entries)).send().await {
                let minutes = HIDDEN.as_secs() / 60;
                let reason = causes(&error);
                tracing::warn!(
                    "what stays in {} is hidden for up to {minutes} minutes: sqs:ChangeMessageVisibility: {reason}",
                    self.queue
                );
                return;
            }
        }
    }

    pub(in crate::source) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// A FIFO queue gives nothing of a message group while some of it is received and not deleted.
    pub(in crate::source) fn left_out(&self) -> Option<String> {
        let something_stays = self.known.values().any(|fate| matches!(fate, MessageFate::Stays(_)));
        (self.queue.resource.ends_with(".fifo") && something_stays).then(|| {
            "what stays in a FIFO queue holds back what is behind it in its message group: that may not have been \
             received"
                .to_owned()
        })
    }

    /// Receives messages; false: there are none.
    async fn receive(&mut self) -> Result<bool, ReadRefusal> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(self.at_once.into())
            .wait_time_seconds(WAIT.as_secs() as i32)
            .visibility_timeout(HIDDEN.as_secs() as i32)
            .message_attribute_names(ENCODING);
        let answer = request.send().await.map_err(|error| self.refused("sqs:ReceiveMessage", &error))?;
        let at = Instant::now();
        let messages = answer.messages.unwrap_or_default();
        let is_something = !messages.is_empty();
        for message in messages {
            let (Some(id), Some(handle)) = (message.message_id.clone(), message.receipt_handle.clone()) else {
                continue;
            };
            self.bytes_read += message.body.as_ref().map_or(0, String::len) as u64;
            match self.known.entry(id.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert(MessageFate::Stays(handle));
                    self.waiting.push_back(ReceivedMessage { id, at, content: content(&message) });
                }
                Entry::Occupied(mut entry) => {
                    // The newest handle is the one that counts.
                    let was_deleted = matches!(entry.insert(MessageFate::Stays(handle)), MessageFate::Deleted);
                    if was_deleted {
                        // Now and then a standard queue gives what was deleted.
                        self.delete(&id).await?;
                    }
                }
            }
        }
        Ok(is_something)
    }

    /// Keeps a message hidden that is at work, for as long as this is polled. Where that fails, others may receive it as
    /// well: the work goes on, and is done twice at worst.
    pub(in crate::source) async fn keep_hidden(&self, id: &str) -> Infallible {
        loop {
            tokio::time::sleep(RENEW_AFTER).await;
            if let Err(ReadRefusal::Refused { action, reason, .. }) = self.hide_anew(id).await {
                tracing::warn!("message {id} of {} may be received by others as well: {action}: {reason}", self.queue);
            }
        }
    }

    async fn hide_anew(&self, id: &str) -> Result<(), ReadRefusal> {
        let Some(MessageFate::Stays(handle)) = self.known.get(id) else { return Ok(()) };
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(handle);
        let hidden = request.visibility_timeout(HIDDEN.as_secs() as i32).send().await;
        hidden.map(|_| ()).map_err(|error| self.refused("sqs:ChangeMessageVisibility", &error))
    }

    fn refused<E>(&self, action: &'static str, error: &SdkError<E, HttpResponse>) -> ReadRefusal
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        ReadRefusal::refused(&self.queue.to_string(), action, error)
    }
}

/// The body of a message, decoded where an attribute says how.
fn content(message: &Message) -> Result<Vec<u8>, String> {
    let body = message.body().unwrap_or_default();
    let attributes = message.message_attributes();
    let encoding = attributes.and_then(|attributes| attributes.get(ENCODING)).and_then(|value| value.string_value());
    match encoding {
        None => Ok(body.as_bytes().to_vec()),
        Some("base64") => base64_simd::STANDARD
            .decode_to_vec(body.as_bytes())
            .map_err(|_| "its attribute encoding says base64, and its body is none".to_owned()),
        Some(other) => Err(format!(
            "its attribute encoding is {:?}, where base64 is the only one",
            other.chars().take(64).collect::<String>()
        )),
    }
}
