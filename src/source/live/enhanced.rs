//! Enhanced fan-out: a shard's records as the service pushes them, 2 MB a second for this consumer alone.
//!
//! A subscription lasts five minutes, and is renewed from where the last event said that it goes on.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition, SubscribeToShardEventStream};
use tokio::time::timeout;

use super::page::ReadPage;
use super::refusal::{FailureClass, LiveError, SUBSCRIBE, meaning};
use super::statuses::ShardBoard;
use super::streams::{LiveStream, ShardStart};
use crate::backoff::Backoff;
use crate::timestamp::now_millis;

/// The service sends an event every few seconds, an empty one if need be: after this the connection is lost.
const QUIET: Duration = Duration::from_secs(40);

/// The service takes no second subscription within five seconds.
const BETWEEN_SUBSCRIPTIONS: Duration = Duration::from_secs(1);

/// Reads one shard by subscriptions.
#[derive(Debug)]
pub(super) struct Subscription {
    stream: LiveStream,
    consumer_arn: String,
    shard_id: String,
    statuses: Arc<ShardBoard>,
    /// Where the next subscription starts.
    position: ShardStart,
    events: Option<SubscribeToShardOutput>,
    /// Whether it gave anything.
    has_given: bool,
    backoff: Backoff,
}

impl Subscription {
    pub(super) fn new(
        stream: LiveStream,
        consumer_arn: &str,
        shard_id: &str,
        start: ShardStart,
        statuses: Arc<ShardBoard>,
    ) -> Self {
        Self {
            stream,
            consumer_arn: consumer_arn.to_owned(),
            shard_id: shard_id.to_owned(),
            statuses,
            position: start,
            events: None,
            has_given: false,
            backoff: Backoff::default(),
        }
    }

    pub(super) async fn next_page(&mut self) -> Result<ReadPage, LiveError> {
        self.statuses.asks();
        loop {
            let Some(events) = &mut self.events else {
                self.subscribe().await?;
                continue;
            };
            match timeout(QUIET, events.event_stream.recv()).await {
                Ok(Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)))) => {
                    self.backoff.after_success();
                    self.has_given = true;
                    let bytes = event.records.iter().map(|record| record.data.as_ref().len()).sum();
                    self.statuses.reads(bytes);
                    if !event.continuation_sequence_number.is_empty() {
                        self.position = ShardStart::After(event.continuation_sequence_number);
                    }
                    return Ok(ReadPage {
                        records: event.records,
                        behind: Duration::from_millis(event.millis_behind_latest.try_into().unwrap_or(0)),
                        is_last: event.child_shards.is_some_and(|children| !children.is_empty()),
                    });
                }
                // Of a later version of the service.
                Ok(Ok(Some(_))) => {}
                // Its five minutes are over, or the connection is lost.
                Ok(Ok(None)) | Err(_) => {
                    self.events = None;
                    if !self.has_given {
                        tokio::time::sleep(BETWEEN_SUBSCRIPTIONS).await;
                    }
                }
                Ok(Err(error)) => {
                    self.events = None;
                    let refusal = LiveError::Refused {
                        place: self.stream.arn.clone(),
                        action: SUBSCRIBE,
                        reason: crate::aws::causes(&error),
                    };
                    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
                    self.failed(meaning(code), refusal).await?;
                }
            }
        }
    }

    async fn subscribe(&mut self) -> Result<(), LiveError> {
        let started = now_millis();
        let position = StartingPosition::builder();
        let position = match &self.position {
            ShardStart::TrimHorizon => position.r#type(ShardIteratorType::TrimHorizon),
            ShardStart::Latest => position.r#type(ShardIteratorType::Latest),
            ShardStart::AtTimestamp(millis) => position
                .r#type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(i64::try_from(*millis).unwrap_or(i64::MAX))),
            ShardStart::At(number) => position.r#type(ShardIteratorType::AtSequenceNumber).sequence_number(number),
            ShardStart::After(number) => {
                position.r#type(ShardIteratorType::AfterSequenceNumber).sequence_number(number)
            }
        };
        let position = position.build().map_err(|error| LiveError::Refused {
            place: self.stream.arn.clone(),
            action: SUBSCRIBE,
            reason: error.to_string(),
        })?;
        let request = self.stream.client.subscribe_to_shard().consumer_arn(&self.consumer_arn).shard_id(&self.shard_id);
        match request.starting_position(position).customize().interceptor(crate::aws::Streamed).send().await {
            Ok(events) => {
                self.events = Some(events);
                self.has_given = false;
                if self.position == ShardStart::Latest {
                    // A renewal from the latest would leave out what came in between.
                    self.position = ShardStart::AtTimestamp(started);
                }
                Ok(())
            }
            Err(error) => {
                let refusal = LiveError::refused(&self.stream.arn, SUBSCRIBE, &error);
                self.failed(meaning(error.code()), refusal).await
            }
        }
    }

    async fn failed(&mut self, meaning: FailureClass, error: LiveError) -> Result<(), LiveError> {
        if meaning == FailureClass::Lasting {
            return Err(error);
        }
        self.statuses.read_failed(meaning == FailureClass::Throttled, &error);
        tokio::time::sleep(BETWEEN_SUBSCRIPTIONS + self.backoff.after_failure(fastrand::f64())).await;
        Ok(())
    }
}
