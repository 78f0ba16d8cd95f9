//! A Kinesis stream as a target: PutRecords.

use std::sync::Arc;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};

use super::destination::{Capabilities, Destination, Measuring, Opening, PackGroups, Probing, check_named};
use super::queue::{RecordResponse, RequestLimits};
use super::requests::{RequestOutcome, RequestService, deliver};
use super::{Output, Sink, SinkFuture, SinkOptions, TargetHealth, WarmUp, aws};
use crate::aws::{Arn, StreamAddress, StreamName};
use crate::aws::{DestinationProbe, ProbeAnswer, TraceHeader, bytes_of_kib, config};
use crate::sink::Order;

/// Bytes of a record with its key, where the stream allows as much (Kinesis Data Streams, PutRecords).
const RECORD_BYTES: usize = 10 << 20;

/// Bytes of a record where the stream says nothing else (Kinesis Data Streams, `MaxRecordSizeInKiB`).
const DEFAULT_RECORD_BYTES: u64 = 1 << 20;

/// Characters of a partition key.
const KEY_CHARACTERS: usize = 256;

/// One beyond the hash keys that there are.
const NO_HASH_KEY: &str = "340282366920938463463374607431768211456";

/// Kinesis streams.
#[derive(Debug)]
pub(super) struct Stream;

impl Destination for Stream {
    fn service(&self) -> &'static str {
        "kinesis"
    }

    fn name(&self) -> &'static str {
        "Kinesis"
    }

    fn noun(&self) -> &'static str {
        "a Kinesis stream"
    }

    fn check(&self, arn: Arn) -> Result<Arn, &'static str> {
        let name = arn.resource.strip_prefix("stream/").ok_or("it is not a stream's (...:stream/NAME)")?;
        if name.contains("/consumer/") {
            return Err("it is a consumer's: name the stream itself");
        }
        check_named(&arn, name)?;
        Ok(arn)
    }

    fn capabilities(&self, _arn: &Arn) -> Capabilities {
        Capabilities { packing: PackGroups::OfKey, encodes: true, aggregates: true, ..Capabilities::PLAIN }
    }

    fn open<'a>(&'a self, arn: &'a Arn, options: &'a SinkOptions) -> Opening<'a> {
        Box::pin(async { Ok(Arc::new(KinesisSink::new(&config(arn).await, arn, options.order)) as Arc<dyn Sink>) })
    }

    fn largest_record<'a>(&'a self, arn: &'a Arn) -> Measuring<'a> {
        Box::pin(async {
            let client = Client::new(&config(arn).await);
            let answer = client.describe_stream_summary().stream_arn(arn.to_string()).send().await.ok();
            let summary = answer.and_then(|answer| answer.stream_description_summary);
            let configured = summary.and_then(|summary| summary.max_record_size_in_kib).and_then(bytes_of_kib);
            Some(configured.unwrap_or(DEFAULT_RECORD_BYTES))
        })
    }

    fn probe<'a>(&'a self, arn: &'a Arn) -> Probing<'a> {
        Box::pin(async {
            let (client, name) = (Client::new(&config(arn).await), arn.to_string());
            let is_there = ProbeAnswer::of(client.describe_stream_summary().stream_arn(&name).send().await, &[]);
            let record = PutRecordsRequestEntry::builder()
                .data(Blob::new("x"))
                .partition_key("kinesieve-doctor")
                .explicit_hash_key(NO_HASH_KEY)
                .build();
            let refusals =
                ["InvalidArgumentException", "ValidationException", "ProvisionedThroughputExceededException"];
            let may_write = match record {
                Ok(record) => {
                    ProbeAnswer::of(client.put_records().stream_arn(&name).records(record).send().await, &refusals)
                }
                Err(error) => ProbeAnswer::Unclear(error.to_string()),
            };
            DestinationProbe { is_there, may_write, action: "kinesis:PutRecords", resource: name }
        })
    }
}

/// A stream that outputs are put into.
#[derive(Debug)]
pub struct KinesisSink {
    client: Client,
    stream: StreamAddress,
    order: Order,
    health: TargetHealth,
}

impl KinesisSink {
    /// A stream, by a client for its region. Retries are ours, since only we know the order that they
    /// have to keep, so the client's own are switched off.
    pub fn new(config: &SdkConfig, stream: &Arn, order: Order) -> Self {
        Self::named(config, StreamName::from(stream), order)
    }

    /// Returns the sink for a stream that may be known by its name alone.
    pub fn named(config: &SdkConfig, stream: StreamName, order: Order) -> Self {
        let health = TargetHealth::of(stream.to_string());
        let stream = stream.address(config.region().map(AsRef::as_ref));
        let config = aws_sdk_kinesis::config::Builder::from(config).retry_config(RetryConfig::disabled());
        let config = config.interceptor(TraceHeader).build();
        Self { client: Client::from_conf(config), stream, order, health }
    }
}

impl Sink for KinesisSink {
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
        let request = self.client.put_records().set_records(Some(Vec::new()));
        let request = match &self.stream {
            StreamAddress::Arn(arn) => request.stream_arn(arn.to_string()),
            StreamAddress::Name(name) => request.stream_name(name),
        };
        Box::pin(async move { drop(request.send().await) })
    }
}

impl RequestService for KinesisSink {
    /// Partition keys count as bytes of a request, explicit hash keys don't. By default a stream takes records of 1 MiB, and refuses a whole
    /// request for one that is larger.
    const LIMITS: RequestLimits = RequestLimits { records: 500, bytes: 10 << 20, alone_above: 1 << 20 };

    /// One shard takes 1,000 records a second, and a request takes some 10 ms: a few are enough to fill
    /// many shards.
    const AT_ONCE: usize = 4;

    fn health(&self) -> &TargetHealth {
        &self.health
    }

    fn weigh(&self, output: &Output<'_>) -> Result<usize, String> {
        let characters = output.partition_key.chars().count();
        if characters == 0 || characters > KEY_CHARACTERS {
            let wrong = format!("its partition key has {characters} characters; a stream takes 1 to {KEY_CHARACTERS}");
            return Err(wrong);
        }
        let bytes = output.data.len() + output.partition_key.len();
        if bytes > RECORD_BYTES {
            return Err(format!("it has {bytes} bytes with its partition key; a stream takes {RECORD_BYTES}"));
        }
        Ok(bytes)
    }

    async fn send(&self, outputs: &[&Output<'_>]) -> RequestOutcome {
        let entries = outputs.iter().map(|output| {
            PutRecordsRequestEntry::builder()
                .data(Blob::new(output.data))
                .partition_key(output.partition_key)
                .set_explicit_hash_key(output.explicit_hash_key.map(ToString::to_string))
                .build()
        });
        // The two required members are set in the lines above.
        let entries: Vec<_> = match entries.collect() {
            Ok(entries) => entries,
            Err(error) => return RequestOutcome::Hopeless { code: None, reason: error.to_string() },
        };
        let request = self.client.put_records().set_records(Some(entries));
        let request = match &self.stream {
            StreamAddress::Arn(arn) => request.stream_arn(arn.to_string()),
            StreamAddress::Name(name) => request.stream_name(name),
        };
        match request.send().await {
            Ok(output) => {
                aws::answered(outputs.len(), output.records(), output.failed_record_count().unwrap_or_default(), said)
            }
            Err(error) => aws::failed(&error),
        }
    }
}

fn said(record: &PutRecordsResultEntry) -> RecordResponse {
    aws::said(record.error_code(), record.error_message(), ("sequence number", record.sequence_number()))
}
