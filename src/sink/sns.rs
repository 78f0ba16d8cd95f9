//! An SNS topic as a target: PublishBatch.
//!
//! A message is as `message.rs` says. A topic whose name ends in `.fifo` is one that keeps the order of each group; any
//! other keeps none.

use std::sync::Arc;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};

use super::computed::computed;
use super::destination::{Capabilities, Destination, Measuring, Opening, PackGroups, Probing, check_named};
use super::message::{ATTRIBUTE_TYPE, FIFO, OutputMessage, responses, weigh};
use super::queue::RequestLimits;
use super::requests::{RequestOutcome, RequestService, deliver};
use super::{Output, Sink, SinkFuture, SinkOptions, TargetHealth, WarmUp, aws};
use crate::aws::Arn;
use crate::aws::{DestinationProbe, ProbeAnswer, TraceHeader, config};
use crate::sink::Order;

/// Bytes of a message, attributes included, where the topic allows as much (Amazon SNS, `MaximumMessageSize`).
const MESSAGE_BYTES: usize = 1 << 20;

/// Bytes of a message, and of all in a request, where the topic says nothing else (Amazon SNS, PublishBatch).
const DEFAULT_BYTES: usize = 256 << 10;

/// SNS topics.
#[derive(Debug)]
pub(super) struct Topic;

impl Destination for Topic {
    fn service(&self) -> &'static str {
        "sns"
    }

    fn name(&self) -> &'static str {
        "SNS"
    }

    fn noun(&self) -> &'static str {
        "an SNS topic"
    }

    fn check(&self, arn: Arn) -> Result<Arn, &'static str> {
        if arn.resource.contains(':') {
            return Err("it is a subscription's: name the topic itself");
        }
        check_named(&arn, &arn.resource)?;
        Ok(arn)
    }

    /// A group of a FIFO topic is a key.
    fn capabilities(&self, arn: &Arn) -> Capabilities {
        let keeps_order = arn.resource.ends_with(FIFO);
        Capabilities { packing: PackGroups::OfKey, encodes: true, keeps_order, ..Capabilities::PLAIN }
    }

    fn open<'a>(&'a self, arn: &'a Arn, options: &'a SinkOptions) -> Opening<'a> {
        Box::pin(async { Ok(Arc::new(SnsSink::new(&config(arn).await, arn, options.order)) as Arc<dyn Sink>) })
    }

    /// SNS returns the attribute only where it was set.
    fn largest_record<'a>(&'a self, arn: &'a Arn) -> Measuring<'a> {
        Box::pin(async {
            let request = Client::new(&config(arn).await).get_topic_attributes().topic_arn(arn.to_string());
            let attributes = request.send().await.ok().and_then(|answer| answer.attributes);
            let configured = attributes.and_then(|attributes| attributes.get("MaximumMessageSize")?.parse().ok());
            Some(configured.unwrap_or(DEFAULT_BYTES as u64))
        })
    }

    fn probe<'a>(&'a self, arn: &'a Arn) -> Probing<'a> {
        Box::pin(async {
            let (client, topic) = (Client::new(&config(arn).await), arn.to_string());
            let looked = client.get_topic_attributes().topic_arn(&topic).send().await;
            // Neither the message, which is empty, nor an attribute of no type is ever taken.
            let no_attribute = MessageAttributeValue::builder().data_type("None").string_value("x").build();
            let no_message = no_attribute.and_then(|attribute| {
                PublishBatchRequestEntry::builder().id("0").message("").message_attributes("doctor", attribute).build()
            });
            let refusals = ["InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "ValidationError"];
            let may_write = match no_message {
                Ok(no_message) => {
                    let request = client.publish_batch().topic_arn(&topic).publish_batch_request_entries(no_message);
                    match request.send().await {
                        Ok(answer) => {
                            answer_of(answer.failed().first().map(|failed| (failed.code(), failed.message())))
                        }
                        Err(error) => ProbeAnswer::of::<(), _>(Err(error), &refusals),
                    }
                }
                Err(error) => ProbeAnswer::Unclear(error.to_string()),
            };
            let is_there = ProbeAnswer::of(looked, &[]);
            DestinationProbe { is_there, may_write, action: "sns:Publish", resource: topic }
        })
    }
}

/// What the refusal of a message by itself says: its content is wrong, unless it says that it is who sent it.
fn answer_of(refusal: Option<(&str, Option<&str>)>) -> ProbeAnswer {
    match refusal {
        Some((code @ ("AuthorizationError" | "KMSAccessDenied"), message)) => {
            ProbeAnswer::Denied(format!("{code}: {}", message.unwrap_or_default()))
        }
        _ => ProbeAnswer::LetIn,
    }
}

/// A topic that outputs are published to.
#[derive(Debug)]
pub struct SnsSink {
    client: Client,
    topic_arn: String,
    is_fifo: bool,
    order: Order,
    health: TargetHealth,
}

impl SnsSink {
    /// Returns the sink for a topic, by a client for its region. The client's own retries are switched off, as for a
    /// Kinesis stream.
    pub fn new(config: &SdkConfig, topic: &Arn, order: Order) -> Self {
        let config = aws_sdk_sns::config::Builder::from(config).retry_config(RetryConfig::disabled());
        let config = config.interceptor(TraceHeader).build();
        let is_fifo = topic.resource.ends_with(FIFO);
        let health = TargetHealth::of(topic.to_string());
        Self { client: Client::from_conf(config), topic_arn: topic.to_string(), is_fifo, order, health }
    }
}

impl Sink for SnsSink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(deliver(self, outputs, self.order, until))
    }

    fn health(&self) -> Option<&TargetHealth> {
        Some(&self.health)
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        self.weigh(output).err()
    }

    /// A request without messages is refused, by a service that it reached.
    fn warm(&self) -> WarmUp<'_> {
        let request = self.client.publish_batch().topic_arn(&self.topic_arn);
        let request = request.set_publish_batch_request_entries(Some(Vec::new()));
        Box::pin(async move { drop(request.send().await) })
    }
}

impl RequestService for SnsSink {
    /// By default a topic takes 256 KiB, and refuses a whole request for more. A larger message goes by itself, to a topic
    /// that was told to take it.
    const LIMITS: RequestLimits = RequestLimits { records: 10, bytes: DEFAULT_BYTES, alone_above: DEFAULT_BYTES };

    /// A request holds few messages, so many have to be on their way.
    const AT_ONCE: usize = 16;

    fn health(&self) -> &TargetHealth {
        &self.health
    }

    fn weigh(&self, output: &Output<'_>) -> Result<usize, String> {
        weigh(output, "SNS", MESSAGE_BYTES)
    }

    async fn send(&self, outputs: &[&Output<'_>]) -> RequestOutcome {
        let messages: Vec<OutputMessage> =
            outputs.iter().map(|output| OutputMessage::of(output, self.is_fifo)).collect();
        let bytes = messages.iter().map(OutputMessage::bytes).sum();
        let entries = computed(bytes, || messages.into_iter().enumerate().map(entry).collect()).await;
        let entries: Vec<_> = match entries.and_then(|entries: Result<_, String>| entries) {
            Ok(entries) => entries,
            Err(reason) => return RequestOutcome::Hopeless { code: None, reason },
        };
        let request = self.client.publish_batch().topic_arn(&self.topic_arn);
        match request.set_publish_batch_request_entries(Some(entries)).send().await {
            Ok(output) => {
                let taken = output
                    .successful()
                    .iter()
                    .map(|taken| (taken.id().unwrap_or_default(), taken.message_id().unwrap_or_default()));
                let failed = output.failed().iter().map(|failed| (failed.id(), failed.code(), failed.message()));
                RequestOutcome::Answered(responses(outputs.len(), taken, failed))
            }
            Err(error) => of_topic(aws::failed(&error)),
        }
    }
}

/// An invalid parameter may be the topic's ARN: that says nothing about a message.
fn of_topic(outcome: RequestOutcome) -> RequestOutcome {
    match outcome {
        RequestOutcome::Invalid(reason) if reason.contains("TopicArn") => {
            RequestOutcome::Hopeless { code: Some("InvalidParameter".to_owned()), reason }
        }
        other => other,
    }
}

/// A message by its place in the request.
fn entry((place, message): (usize, OutputMessage)) -> Result<PublishBatchRequestEntry, String> {
    let message = message.encode();
    let mut entry = PublishBatchRequestEntry::builder().id(place.to_string()).message(message.body);
    if let Some((group, deduplication_id)) = message.group {
        entry = entry.message_group_id(group).message_deduplication_id(deduplication_id);
    }
    for (name, value) in message.attributes {
        let value = MessageAttributeValue::builder().data_type(ATTRIBUTE_TYPE).string_value(value).build();
        entry = entry.message_attributes(name, value.map_err(|error| error.to_string())?);
    }
    entry.build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Were it taken for a message's fault, every event would be dead-lettered.
    #[test]
    fn an_invalid_topic_is_no_invalid_message() {
        let invalid = |reason: &str| of_topic(RequestOutcome::Invalid(reason.to_owned()));
        let topic = invalid("InvalidParameter: Invalid parameter: TopicArn (HTTP status 400)");
        assert!(matches!(topic, RequestOutcome::Hopeless { code: Some(code), .. } if code == "InvalidParameter"));
        let message = invalid("InvalidParameter: Invalid parameter: Message too long (HTTP status 400)");
        assert!(matches!(message, RequestOutcome::Invalid(_)));
    }
}
