//! A Firehose delivery stream as a target: PutRecordBatch.
//!
//! Firehose has no partition keys: an output is its data, as it is. Whether records are to be told apart
//! where they end up, by a line end for example, is the delivery stream's or the transform's to say.

use std::sync::Arc;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::retry::RetryConfig;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::{PutRecordBatchResponseEntry, Record};

use super::destination::{Capabilities, Destination, Measuring, Opening, PackGroups, Probing, check_named};
use super::queue::{RecordResponse, RequestLimits};
use super::requests::{RequestOutcome, RequestService, deliver};
use super::{Output, Sink, SinkFuture, SinkOptions, TargetHealth, WarmUp, aws};
use crate::aws::Arn;
use crate::aws::{DestinationProbe, ProbeAnswer, TraceHeader, config};
use crate::sink::Order;

/// Bytes of a record before they are encoded (Amazon Data Firehose, PutRecordBatch: 1,000 KiB).
const RECORD_BYTES: usize = 1000 << 10;

/// Firehose delivery streams.
#[derive(Debug)]
pub(super) struct DeliveryStream;

impl Destination for DeliveryStream {
    fn service(&self) -> &'static str {
        "firehose"
    }

    fn name(&self) -> &'static str {
        "Firehose"
    }

    fn noun(&self) -> &'static str {
        "a Firehose delivery stream"
    }

    fn check(&self, arn: Arn) -> Result<Arn, &'static str> {
        let name = arn.resource.strip_prefix("deliverystream/");
        let name = name.ok_or("it is not a delivery stream's (...:deliverystream/NAME)")?;
        check_named(&arn, name)?;
        Ok(arn)
    }

    fn capabilities(&self, _arn: &Arn) -> Capabilities {
        Capabilities { packing: PackGroups::Any, encodes: true, ..Capabilities::PLAIN }
    }

    /// The service is asked by the name alone, in the account of whoever asks.
    fn is_same_place(&self, own: &Arn, other: &Arn) -> bool {
        (&own.region, &own.resource) == (&other.region, &other.resource)
    }

    fn open<'a>(&'a self, arn: &'a Arn, options: &'a SinkOptions) -> Opening<'a> {
        Box::pin(async { Ok(Arc::new(FirehoseSink::new(&config(arn).await, arn, options.order)) as Arc<dyn Sink>) })
    }

    fn largest_record<'a>(&'a self, _arn: &'a Arn) -> Measuring<'a> {
        Box::pin(std::future::ready(Some(RECORD_BYTES as u64)))
    }

    fn probe<'a>(&'a self, arn: &'a Arn) -> Probing<'a> {
        Box::pin(async {
            let (client, stream) = (Client::new(&config(arn).await), name(arn));
            let looked = client.describe_delivery_stream().delivery_stream_name(stream).send().await;
            let none = client.put_record_batch().delivery_stream_name(stream).set_records(Some(Vec::new()));
            let refusals = ["InvalidArgumentException", "ValidationException"];
            DestinationProbe {
                is_there: ProbeAnswer::of(looked, &[]),
                may_write: ProbeAnswer::of(none.send().await, &refusals),
                action: "firehose:PutRecordBatch",
                resource: arn.to_string(),
            }
        })
    }
}

/// The name by which the service is asked.
fn name(delivery_stream: &Arn) -> &str {
    delivery_stream.resource.trim_start_matches("deliverystream/")
}

/// A delivery stream that outputs are put into.
#[derive(Debug)]
pub struct FirehoseSink {
    client: Client,
    name: String,
    order: Order,
    health: TargetHealth,
}

impl FirehoseSink {
    /// A delivery stream, by a client for its region. The client's own retries are switched off, as for
    /// a Kinesis stream.
    pub fn new(config: &SdkConfig, delivery_stream: &Arn, order: Order) -> Self {
        let config = aws_sdk_firehose::config::Builder::from(config).retry_config(RetryConfig::disabled());
        let config = config.interceptor(TraceHeader).build();
        let name = name(delivery_stream).to_owned();
        let health = TargetHealth::of(delivery_stream.to_string());
        Self { client: Client::from_conf(config), name, order, health }
    }
}

impl Sink for FirehoseSink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(deliver(self, outputs, self.order, until))
    }

    fn health(&self) -> Option<&TargetHealth> {
        Some(&self.health)
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        self.weigh(output).err()
    }

    /// A request without records is refused, by a service that it reached.
    fn warm(&self) -> WarmUp<'_> {
        let request = self.client.put_record_batch().delivery_stream_name(&self.name).set_records(Some(Vec::new()));
        Box::pin(async move { drop(request.send().await) })
    }
}

impl RequestService for FirehoseSink {
    const LIMITS: RequestLimits = RequestLimits { records: 500, bytes: 4 << 20, alone_above: RECORD_BYTES };

    const AT_ONCE: usize = 4;

    fn health(&self) -> &TargetHealth {
        &self.health
    }

    fn weigh(&self, output: &Output<'_>) -> Result<usize, String> {
        let bytes = output.data.len();
        if bytes > RECORD_BYTES {
            return Err(format!("it has {bytes} bytes; a Firehose delivery stream takes {RECORD_BYTES}"));
        }
        Ok(bytes)
    }

    async fn send(&self, outputs: &[&Output<'_>]) -> RequestOutcome {
        let records: Result<Vec<Record>, _> =
            outputs.iter().map(|output| Record::builder().data(Blob::new(output.data)).build()).collect();
        let records = match records {
            Ok(records) => records,
            Err(error) => return RequestOutcome::Hopeless { code: None, reason: error.to_string() },
        };
        let call = self.client.put_record_batch().delivery_stream_name(&self.name).set_records(Some(records));
        match call.send().await {
            Ok(output) => aws::answered(outputs.len(), output.request_responses(), output.failed_put_count(), said),
            Err(error) => aws::failed(&error),
        }
    }
}

fn said(record: &PutRecordBatchResponseEntry) -> RecordResponse {
    aws::said(record.error_code(), record.error_message(), ("record id", record.record_id()))
}
