//! One stream of the service: its ARN, its shards, and places in them.

use std::error::Error;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::ShardIteratorType;

use super::lineage::ListedShard;
use super::refusal::{DESCRIBE, FailureClass, ITERATOR, LIST, LiveError, READ, meaning};
use crate::aws::{StreamAddress, causes, missing_credentials, unknown_host};
use crate::backoff::Backoff;
use crate::event::SequenceNumber;
use crate::settings::StreamName;

/// How often a request that prepares reading is tried, before it is given up ...
const TRIES: u32 = 10;

/// ... and for how long.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// For how long what is throttled is tried: others read too much, and that they do is no reason to give up. What
/// is asked for here is asked for once.
const THROTTLED: Duration = Duration::from_secs(5 * 60);

/// How many pages are looked at for one record: where the oldest records expire, some are empty.
const MOST_PAGES: u32 = 20;

/// Where reading a shard starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) enum ShardStart {
    TrimHorizon,
    Latest,
    /// Milliseconds since the Unix epoch.
    AtTimestamp(u64),
    At(String),
    After(String),
}

/// A stream that answers.
#[derive(Debug, Clone)]
pub(in crate::source) struct LiveStream {
    pub(in crate::source) client: Client,
    pub(in crate::source) arn: String,
}

impl LiveStream {
    /// Finds a stream, and learns its ARN where only its name is known.
    pub(in crate::source) async fn find(config: &SdkConfig, name: &StreamName) -> Result<Self, LiveError> {
        // Each try is ours: what is refused is counted and shown. A subscription may be quiet for long.
        let config = config
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let client = Client::new(&config);
        let region = config.region().map(ToString::to_string);
        let arn = match name.address(region.as_deref()) {
            StreamAddress::Arn(arn) => arn.to_string(),
            StreamAddress::Name(name) => {
                let answer = patiently(async || client.describe_stream_summary().stream_name(&name).send().await).await;
                let answer = answer.map_err(|error| LiveError::refused(&name, DESCRIBE, &error))?;
                let summary = answer.stream_description_summary;
                summary.map(|summary| summary.stream_arn).ok_or(LiveError::NoStream { stream: name })?
            }
        };
        Ok(Self { client, arn })
    }

    /// All shards that it lists, closed ones too, by id.
    pub(in crate::source) async fn shards(&self) -> Result<Vec<ListedShard>, LiveError> {
        let mut shards = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let answer = patiently(async || {
                let request = match &token {
                    None => self.client.list_shards().stream_arn(&self.arn),
                    // It stands for the stream as well.
                    Some(token) => self.client.list_shards().next_token(token),
                };
                request.send().await
            });
            let page = answer.await.map_err(|error| LiveError::refused(&self.arn, LIST, &error))?;
            shards.extend(page.shards.unwrap_or_default().into_iter().map(|shard| {
                let range = shard.sequence_number_range;
                ListedShard {
                    id: shard.shard_id,
                    parents: shard.parent_shard_id.into_iter().chain(shard.adjacent_parent_shard_id).collect(),
                    is_closed: range.as_ref().is_some_and(|range| range.ending_sequence_number.is_some()),
                    first: range.map(|range| range.starting_sequence_number).unwrap_or_default(),
                }
            }));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        shards.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(shards)
    }

    /// Asks once for an iterator: where it can't be had, whoever reads decides what to do.
    pub(super) async fn try_iterator(
        &self,
        shard_id: &str,
        start: &ShardStart,
    ) -> Result<Option<String>, (FailureClass, LiveError)> {
        let request = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(shard_id);
        let request = match start {
            ShardStart::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            ShardStart::Latest => request.shard_iterator_type(ShardIteratorType::Latest),
            ShardStart::AtTimestamp(millis) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(i64::try_from(*millis).unwrap_or(i64::MAX))),
            ShardStart::At(number) => {
                request.shard_iterator_type(ShardIteratorType::AtSequenceNumber).starting_sequence_number(number)
            }
            ShardStart::After(number) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number)
            }
        };
        match request.send().await {
            Ok(answer) => Ok(answer.shard_iterator),
            Err(error) => Err((meaning(error.code()), LiveError::refused(&self.arn, ITERATOR, &error))),
        }
    }

    pub(in crate::source) async fn iterator(
        &self,
        shard_id: &str,
        start: &ShardStart,
    ) -> Result<Option<String>, LiveError> {
        let mut backoff = Backoff::default();
        let started = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_iterator(shard_id, start).await {
                Ok(iterator) => return Ok(iterator),
                Err((FailureClass::Lasting, error)) => return Err(error),
                Err((FailureClass::Throttled, error)) if started.elapsed() < THROTTLED => {
                    tries -= 1;
                    tell_of_throttling(&backoff, &error.to_string());
                    tokio::time::sleep(backoff.after_failure(fastrand::f64())).await;
                }
                Err((_, error)) if tries >= TRIES || started.elapsed() > TIME_LIMIT => return Err(error),
                Err(_) => tokio::time::sleep(backoff.after_failure(fastrand::f64())).await,
            }
        }
    }

    /// The oldest record of a shard from a place on, by its sequence number; none: there is none yet.
    pub(in crate::source) async fn first_from(
        &self,
        shard_id: &str,
        start: &ShardStart,
    ) -> Result<Option<String>, LiveError> {
        let mut iterator = self.iterator(shard_id, start).await?;
        for _ in 0..MOST_PAGES {
            let Some(from) = iterator else { break };
            let answer = patiently(async || {
                self.client.get_records().stream_arn(&self.arn).shard_iterator(&from).limit(1).send().await
            });
            let page = answer.await.map_err(|error| LiveError::refused(&self.arn, READ, &error))?;
            if let Some(record) = page.records.into_iter().next() {
                return Ok(Some(record.sequence_number));
            }
            if page.millis_behind_latest.unwrap_or(0) == 0 {
                break;
            }
            iterator = page.next_shard_iterator;
        }
        Ok(None)
    }

    /// Reads a shard once, for nothing but whether that is allowed. Where others read so much that there is nothing left, it
    /// is: who may not read is told that first.
    pub(super) async fn first_page(&self, shard_id: &str) -> Result<(), LiveError> {
        let Some(from) = self.iterator(shard_id, &ShardStart::Latest).await? else { return Ok(()) };
        let mut backoff = Backoff::default();
        let started = Instant::now();
        for tries in 1.. {
            let request = self.client.get_records().stream_arn(&self.arn).shard_iterator(&from).limit(1);
            let Err(error) = request.send().await else { break };
            let is_over = tries >= TRIES || started.elapsed() > TIME_LIMIT || missing_credentials(&error).is_some();
            match meaning(error.code()) {
                FailureClass::Throttled | FailureClass::Expired => break,
                FailureClass::Passing if !is_over => {
                    tokio::time::sleep(backoff.after_failure(fastrand::f64())).await;
                }
                FailureClass::Passing | FailureClass::Lasting => {
                    return Err(LiveError::refused(&self.arn, READ, &error));
                }
            }
        }
        Ok(())
    }

    /// Whether a shard still has the record of a sequence number. Where it has none from there on, nothing is missing.
    pub(super) async fn check_not_trimmed(&self, shard: &ListedShard, number: &str) -> Result<(), LiveError> {
        let is_before = |left: &str, right: &str| {
            let (left, right) = (SequenceNumber::parse(left).ok(), SequenceNumber::parse(right).ok());
            left.zip(right).is_some_and(|(left, right)| left < right)
        };
        if is_before(number, &shard.first) {
            let (shard, number, first) = (shard.id.clone(), number.to_owned(), shard.first.clone());
            return Err(LiveError::OtherShard { shard, number, first });
        }
        match self.first_from(&shard.id, &ShardStart::At(number.to_owned())).await? {
            Some(oldest) if is_before(number, &oldest) => {
                Err(LiveError::Trimmed { shard: shard.id.clone(), number: number.to_owned(), oldest })
            }
            _ => Ok(()),
        }
    }
}

/// Tries again what may pass, for a while, and what is throttled for longer.
pub(super) async fn patiently<T, E>(request: impl AsyncFn() -> Result<T, E>) -> Result<T, E>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let mut backoff = Backoff::default();
    let started = Instant::now();
    loop {
        match patiently_within(TRIES, TIME_LIMIT, &request).await {
            Err(error)
                if meaning(error.code()) == FailureClass::Throttled
                    && missing_credentials(&error).is_none()
                    && started.elapsed() < THROTTLED =>
            {
                tell_of_throttling(&backoff, &causes(&error));
                tokio::time::sleep(backoff.after_failure(fastrand::f64())).await;
            }
            answer => return answer,
        }
    }
}

/// Says now and then that nothing has happened yet, and why.
fn tell_of_throttling(backoff: &Backoff, reason: &str) {
    if backoff.is_worth_telling() {
        tracing::warn!("a request is throttled, and is tried again for up to {} s: {reason}", THROTTLED.as_secs());
    }
}

/// Tries again what may pass, so often at most, and for so long.
pub(in crate::source) async fn patiently_within<T, E>(
    tries: u32,
    time_limit: Duration,
    request: impl AsyncFn() -> Result<T, E>,
) -> Result<T, E>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let mut backoff = Backoff::default();
    let started = Instant::now();
    for _ in 1..tries {
        match request().await {
            Err(error)
                if matches!(meaning(error.code()), FailureClass::Throttled | FailureClass::Passing)
                    && missing_credentials(&error).is_none()
                    && unknown_host(&error).is_none()
                    && started.elapsed() < time_limit =>
            {
                tokio::time::sleep(backoff.after_failure(fastrand::f64())).await;
            }
            answer => return answer,
        }
    }
    request().await
}
