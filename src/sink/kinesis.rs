//! A Kinesis stream as a target: PutRecords.
//!
//! The service answers for each record of a request by itself, so some can be refused while others are
//! taken. Refused ones go again, with exponential backoff and full jitter, until the time is up.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::put_records::{PutRecordsError, PutRecordsOutput};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::queue::{Answer, Queue, RequestLimits};
use super::{Deliveries, Delivery, Output, Sink};
use crate::settings::Order;

/// The service's limits (Kinesis Data Streams, PutRecords): 500 records and 10 MiB in a request, and a
/// record of 10 MiB where the stream allows it. By default a stream takes 1 MiB, and refuses a whole
/// request for one larger record.
const LIMITS: RequestLimits =
    RequestLimits { records: 500, bytes: 10 << 20, record_bytes: 10 << 20, alone_above: 1 << 20, key_characters: 256 };

/// Requests on their way at once. One shard takes 1,000 records a second, and a request takes some
/// 10 ms: a few are enough to fill many shards.
const REQUESTS_AT_ONCE: usize = 4;

/// Without a deadline, how long the service may refuse everything before we give up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream that outputs are put into.
#[derive(Debug)]
pub struct Kinesis {
    client: Client,
    stream_arn: String,
    order: Order,
}

impl Kinesis {
    /// A stream, by a client for its region. Retries are ours, since only we know the order that they
    /// have to keep, so the client's own are switched off.
    pub fn new(config: &aws_config::SdkConfig, stream_arn: String, order: Order) -> Self {
        let config = aws_sdk_kinesis::config::Builder::from(config).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), stream_arn, order }
    }

    async fn put(&self, outputs: &[Output<'_>], until: Option<Instant>) -> Vec<Delivery> {
        let mut queue = Queue::new(outputs, self.order, LIMITS);
        let mut on_their_way = FuturesUnordered::new();
        let mut backoff = Backoff::default();
        let mut pause_ends = Instant::now();
        let mut gives_up = until.unwrap_or_else(|| Instant::now() + PATIENCE);
        loop {
            // One look at the clock: were the pause to end between two, nothing would be on its way, nothing
            // would wait, and the rest would count as given up.
            let now = Instant::now();
            while on_their_way.len() < REQUESTS_AT_ONCE
                && now >= pause_ends
                && let Some(request) = queue.next_request()
            {
                on_their_way.push(self.send(outputs, request));
            }
            let is_paused = now < pause_ends && !queue.is_empty();
            if on_their_way.is_empty() && !is_paused {
                return queue.finish("it was not sent");
            }
            let wakes = if is_paused { pause_ends.min(gives_up) } else { gives_up };
            let answered = async {
                match on_their_way.next().await {
                    Some(answered) => answered,
                    // Nothing is on its way: only the pause has to end.
                    None => std::future::pending().await,
                }
            };
            let Ok((request, sent)) = tokio::time::timeout_at(wakes, answered).await else {
                if Instant::now() >= gives_up {
                    return queue.finish("it was not delivered before the deadline");
                }
                continue;
            };
            let is_refused = match sent {
                Sent::Answered(answers) => {
                    let refused = queue.settle(&request, answers);
                    if until.is_none() && refused < request.len() {
                        gives_up = Instant::now() + PATIENCE;
                    }
                    refused > 0
                }
                Sent::Refused(reason) => {
                    queue.refuse(&request, &reason);
                    true
                }
                Sent::Invalid(reason) => {
                    queue.invalid(&request, &reason);
                    false
                }
                Sent::Hopeless(reason) => {
                    queue.refuse(&request, &reason);
                    return queue.finish("the service refuses it");
                }
            };
            if is_refused {
                pause_ends = Instant::now() + backoff.after_failure(fastrand::f64());
            } else {
                backoff.after_success();
            }
        }
    }

    async fn send(&self, outputs: &[Output<'_>], request: Vec<usize>) -> (Vec<usize>, Sent) {
        let entries = request.iter().map(|&index| {
            PutRecordsRequestEntry::builder()
                .data(Blob::new(outputs[index].data))
                .partition_key(outputs[index].partition_key)
                .build()
        });
        // The two required members are set in the lines above.
        let entries: Result<Vec<_>, _> = entries.collect();
        let sent = match entries {
            Ok(entries) => {
                let call = self.client.put_records().stream_arn(&self.stream_arn).set_records(Some(entries));
                Sent::from(call.send().await)
            }
            Err(error) => Sent::Hopeless(error.to_string()),
        };
        (request, sent)
    }
}

impl Sink for Kinesis {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<std::time::Instant>) -> Deliveries<'a> {
        Box::pin(self.put(outputs, until.map(Instant::from_std)))
    }
}

/// What came of a request.
enum Sent {
    /// The service answered for each record.
    Answered(Vec<Answer>),
    /// The whole request failed in a way that passes.
    Refused(String),
    /// The service finds something wrong in it.
    Invalid(String),
    /// No request will go through, until somebody changes something.
    Hopeless(String),
}

impl From<Result<PutRecordsOutput, SdkError<PutRecordsError>>> for Sent {
    fn from(result: Result<PutRecordsOutput, SdkError<PutRecordsError>>) -> Self {
        let error = match result {
            Ok(output) => {
                let answer = |record: &aws_sdk_kinesis::types::PutRecordsResultEntry| match record.error_code() {
                    None => Answer::Taken,
                    Some(code) => Answer::Refused(format!("{code}: {}", record.error_message().unwrap_or_default())),
                };
                return Sent::Answered(output.records().iter().map(answer).collect());
            }
            Err(error) => error,
        };
        let reason = DisplayErrorContext(&error).to_string();
        let SdkError::ServiceError(service) = &error else {
            // No connection, no answer in time, or one that can't be read: it may even have arrived.
            return Sent::Refused(reason);
        };
        let status = service.raw().status().as_u16();
        match service.err().code().unwrap_or_default() {
            "ValidationException" | "InvalidArgumentException" | "SerializationException" => Sent::Invalid(reason),
            "AccessDeniedException"
            | "ResourceNotFoundException"
            | "KMSAccessDeniedException"
            | "KMSDisabledException"
            | "KMSNotFoundException"
            | "UnrecognizedClientException"
            | "IncompleteSignature"
            | "InvalidClientTokenId"
            | "MissingAuthenticationTokenException" => Sent::Hopeless(reason),
            _ if status == 413 => Sent::Invalid(reason),
            // Throttling in its many names, expired credentials that are renewed, a stream that is being
            // updated, and whatever else passes.
            _ => Sent::Refused(reason),
        }
    }
}
