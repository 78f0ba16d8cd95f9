//! An SQS queue as a target: SendMessageBatch.
//!
//! A message is as `message.rs` says.

use std::sync::Arc;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry};

use super::computed::computed;
use super::destination::{Capabilities, Destination, Measuring, Opening, PackGroups, Probing, check_named};
use super::message::{ATTRIBUTE_TYPE, FIFO, OutputMessage, responses, weigh};
use super::queue::RequestLimits;
use super::requests::{RequestOutcome, RequestService, deliver};
use super::{Output, Sink, SinkFuture, SinkOptions, TargetHealth, WarmUp, aws};
use crate::aws::Arn;
use crate::aws::{DestinationProbe, ProbeAnswer, TraceHeader, config, queue_url};
use crate::sink::Order;

/// Bytes of a message, and of all in a request, attributes included (Amazon SQS, SendMessageBatch). A queue may take
/// less (`MaximumMessageSize`).
const BYTES: usize = 1 << 20;

/// SQS queues.
#[derive(Debug)]
pub(super) struct Queue;

impl Destination for Queue {
    fn service(&self) -> &'static str {
        "sqs"
    }

    fn name(&self) -> &'static str {
        "SQS"
    }

    fn noun(&self) -> &'static str {
        "an SQS queue"
    }

    fn check(&self, arn: Arn) -> Result<Arn, &'static str> {
        check_named(&arn, &arn.resource)?;
        Ok(arn)
    }

    /// A group of a FIFO queue is a key.
    fn capabilities(&self, arn: &Arn) -> Capabilities {
        let keeps_order = arn.resource.ends_with(FIFO);
        Capabilities { packing: PackGroups::OfKey, encodes: true, keeps_order, ..Capabilities::PLAIN }
    }

    /// A region's own endpoint has one partition.
    fn is_same_place(&self, own: &Arn, other: &Arn) -> bool {
        (&own.region, &own.account, &own.resource) == (&other.region, &other.account, &other.resource)
    }

    fn open<'a>(&'a self, arn: &'a Arn, options: &'a SinkOptions) -> Opening<'a> {
        Box::pin(async { Ok(Arc::new(SqsSink::new(&config(arn).await, arn, options.order)) as Arc<dyn Sink>) })
    }

    fn largest_record<'a>(&'a self, arn: &'a Arn) -> Measuring<'a> {
        Box::pin(async {
            let name = QueueAttributeName::MaximumMessageSize;
            let request = Client::new(&config(arn).await).get_queue_attributes().queue_url(queue_url(arn));
            let answer = request.attribute_names(name.clone()).send().await.ok();
            let configured = answer.and_then(|answer| answer.attributes?.get(&name)?.parse().ok());
            Some(configured.unwrap_or(BYTES as u64))
        })
    }

    fn probe<'a>(&'a self, arn: &'a Arn) -> Probing<'a> {
        Box::pin(async {
            let (client, url) = (Client::new(&config(arn).await), queue_url(arn));
            let looked = client.get_queue_attributes().queue_url(&url).send().await;
            let none = client.send_message_batch().queue_url(&url).set_entries(Some(Vec::new())).send().await;
            let refusals = ["EmptyBatchRequest", "MissingParameter", "InvalidParameterValue"];
            DestinationProbe {
                is_there: ProbeAnswer::of(looked, &[]),
                may_write: ProbeAnswer::of(none, &refusals),
                action: "sqs:SendMessage",
                resource: arn.to_string(),
            }
        })
    }
}

/// A queue that outputs are sent to.
#[derive(Debug)]
pub struct SqsSink {
    client: Client,
    url: String,
    is_fifo: bool,
    order: Order,
    health: TargetHealth,
}

impl SqsSink {
    /// A queue, by a client for its region. The client's own retries are switched off, as for a Kinesis
    /// stream.
    pub fn new(config: &SdkConfig, queue: &Arn, order: Order) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(config).retry_config(RetryConfig::disabled());
        let config = config.interceptor(TraceHeader).build();
        let is_fifo = queue.resource.ends_with(FIFO);
        let health = TargetHealth::of(queue.to_string());
        Self { client: Client::from_conf(config), url: queue_url(queue), is_fifo, order, health }
    }
}

impl Sink for SqsSink {
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
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(Vec::new()));
        Box::pin(async move { drop(request.send().await) })
    }
}

impl RequestService for SqsSink {
    const LIMITS: RequestLimits = RequestLimits { records: 10, bytes: BYTES, alone_above: BYTES };

    /// A request holds few messages, so many have to be on their way.
    const AT_ONCE: usize = 16;

    fn health(&self) -> &TargetHealth {
        &self.health
    }

    fn weigh(&self, output: &Output<'_>) -> Result<usize, String> {
        weigh(output, "SQS", BYTES)
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
        match self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await {
            Ok(output) => {
                let taken = output.successful().iter().map(|taken| (taken.id(), taken.message_id()));
                let failed = output.failed().iter().map(|failed| (failed.id(), failed.code(), failed.message()));
                RequestOutcome::Answered(responses(outputs.len(), taken, failed))
            }
            Err(error) => aws::failed(&error),
        }
    }
}

/// A message by its place in the request.
fn entry((place, message): (usize, OutputMessage)) -> Result<SendMessageBatchRequestEntry, String> {
    let message = message.encode();
    let mut entry = SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(message.body);
    if let Some((group, deduplication_id)) = message.group {
        entry = entry.message_group_id(group).message_deduplication_id(deduplication_id);
    }
    for (name, value) in message.attributes {
        let value = MessageAttributeValue::builder().data_type(ATTRIBUTE_TYPE).string_value(value).build();
        entry = entry.message_attributes(name, value.map_err(|error| error.to_string())?);
    }
    entry.build().map_err(|error| error.to_string())
}
