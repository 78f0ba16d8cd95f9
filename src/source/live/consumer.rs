//! The consumer by which a stream is read with enhanced fan-out: one that is there, by its ARN, or one by its name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::types::{ConsumerDescription, ConsumerStatus};

use super::refusal::{DESCRIBE_CONSUMER, LiveError, REGISTER};
use super::streams::{LiveStream, patiently};
use crate::settings::Arn;

/// How long a consumer may take to become active.
const REGISTRATION: Duration = Duration::from_secs(60);

/// Of a consumer's name.
const MOST_CHARACTERS: usize = 128;

/// A consumer as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumerName {
    /// By its name. Each stream has consumers of its own, and one that is missing is registered.
    Name(String),
    /// By its ARN: it is there, and nothing is asked about it.
    Arn {
        /// Of the consumer, as it was given.
        consumer: String,
        /// Of its stream.
        stream: Arn,
    },
}

impl FromStr for ConsumerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = || {
            format!(
                "{text:?} is no consumer: use its name (1 to {MOST_CHARACTERS} letters, digits, `_`, `-` and `.`), or the ARN of \
                 one that is there, arn:aws:kinesis:REGION:ACCOUNT:stream/STREAM/consumer/NAME:TIME, which `aws kinesis \
                 list-stream-consumers` shows"
            )
        };
        if !text.starts_with("arn:") {
            return if is_name(text) { Ok(ConsumerName::Name(text.to_owned())) } else { Err(refusal()) };
        }
        let consumer: Arn = text.parse().map_err(|_| refusal())?;
        let parts: Vec<&str> = consumer.resource.split('/').collect();
        let ["stream", stream, "consumer", named] = parts[..] else { return Err(refusal()) };
        let is_whole = named.split_once(':').is_some_and(|(name, time)| {
            is_name(name) && !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit())
        });
        let is_of_kinesis =
            consumer.service == "kinesis" && !consumer.region.is_empty() && !consumer.account.is_empty();
        if !is_whole || !is_of_kinesis || !is_name(stream) {
            return Err(refusal());
        }
        let stream = Arn { resource: format!("stream/{stream}"), ..consumer.clone() };
        Ok(ConsumerName::Arn { consumer: text.to_owned(), stream })
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConsumerName::Name(name) => formatter.write_str(name),
            ConsumerName::Arn { consumer, .. } => formatter.write_str(consumer),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MOST_CHARACTERS).contains(&text.len()) && text.bytes().all(is_allowed)
}

impl ConsumerName {
    /// Checks that it is one of the stream.
    pub(super) fn check(&self, stream: &LiveStream) -> Result<(), LiveError> {
        match self {
            ConsumerName::Arn { stream: its_stream, .. } if its_stream.to_string() != stream.arn => {
                Err(LiveError::Consumer {
                    consumer: self.to_string(),
                    stream: stream.arn.clone(),
                    reason: format!(
                        "it is one of {its_stream}: name one of this stream, or give its name alone, which can stand for a \
                         consumer of each stream"
                    ),
                })
            }
            _ => Ok(()),
        }
    }

    /// Its ARN. One that is named and missing is registered.
    pub(super) async fn arn(&self, stream: &LiveStream) -> Result<String, LiveError> {
        match self {
            ConsumerName::Name(name) => registered(stream, name).await,
            ConsumerName::Arn { consumer, .. } => Ok(consumer.clone()),
        }
    }
}

/// The ARN of a stream's consumer of this name, which is registered if it is not yet.
async fn registered(stream: &LiveStream, name: &str) -> Result<String, LiveError> {
    let refusal = |reason| LiveError::Consumer { consumer: name.to_owned(), stream: stream.arn.clone(), reason };
    let started = tokio::time::Instant::now();
    let mut is_registered = false;
    loop {
        match described(&stream.client, &stream.arn, name).await? {
            Some(consumer) if consumer.consumer_status == ConsumerStatus::Active => {
                if is_registered {
                    tracing::info!(
                        consumer = name,
                        "registered; it stays so, and is paid for by the hour: `aws kinesis deregister-stream-consumer \
                         --consumer-arn {}` ends that",
                        consumer.consumer_arn
                    );
                }
                return Ok(consumer.consumer_arn);
            }
            Some(consumer) if consumer.consumer_status == ConsumerStatus::Deleting => {
                return Err(refusal("it is being deleted: wait, or give another --consumer".to_owned()));
            }
            Some(_) => {}
            None => {
                let request = async || {
                    stream.client.register_stream_consumer().stream_arn(&stream.arn).consumer_name(name).send().await
                };
                match patiently(request).await {
                    Ok(_) => is_registered = true,
                    // Somebody else did so at the same time.
                    Err(error) if error.code() == Some("ResourceInUseException") => {}
                    Err(error) if error.code() == Some("LimitExceededException") => {
                        let message = error.message().unwrap_or_default();
                        return Err(refusal(format!(
                            "{message}: a stream has room for 20 consumers, or 50 with On-demand Advantage, and registers 5 at a time; name one that is there"
                        )));
                    }
                    Err(error) => return Err(LiveError::refused(&stream.arn, REGISTER, &error)),
                }
            }
        }
        if started.elapsed() > REGISTRATION {
            return Err(refusal(format!("it is not active after {} s: try again", REGISTRATION.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn described(client: &Client, stream_arn: &str, name: &str) -> Result<Option<ConsumerDescription>, LiveError> {
    let request = async || client.describe_stream_consumer().stream_arn(stream_arn).consumer_name(name).send().await;
    match patiently(request).await {
        Ok(answer) => Ok(answer.consumer_description),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(LiveError::refused(stream_arn, DESCRIBE_CONSUMER, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_has_a_name_or_an_arn() {
        assert_eq!("my.app_1-a".parse(), Ok(ConsumerName::Name("my.app_1-a".to_owned())));
        let text = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings/consumer/my-app:1545084650";
        let consumer: ConsumerName = text.parse().expect(text);
        let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings";
        assert!(matches!(&consumer, ConsumerName::Arn { stream: its, .. } if its.to_string() == stream));
        assert_eq!(consumer.to_string(), text);
        for text in [
            "",
            "a b",
            "my/app",
            &"x".repeat(129),
            stream,
            "arn:aws:kinesis:eu-west-1:123456789012:stream/readings/consumer/my-app",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/readings/consumer/my-app:",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/readings/consumer/my-app:x",
            "arn:aws:kinesis:*:123456789012:stream/readings/consumer/my-app:1",
            "arn:aws:kinesis::123456789012:stream/readings/consumer/my-app:1",
            "arn:aws:sqs:eu-west-1:123456789012:stream/readings/consumer/my-app:1",
            "arn:aws:kinesis",
        ] {
            let message = text.parse::<ConsumerName>().expect_err(text);
            assert!(message.contains(&format!("{text:?}")) && message.contains("list-stream-consumers"), "{message}");
        }
    }
}
