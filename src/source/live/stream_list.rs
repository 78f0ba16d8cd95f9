//! The streams of a region, and what each of them is, asked of the service.

use std::error::Error;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::types::{StreamDescriptionSummary, StreamMode};
use futures_util::StreamExt;

use super::refusal::{DESCRIBE, LIST_CONSUMERS, LIST_STREAMS, LiveError, is_denied};
use super::streams::patiently;
use crate::aws::causes;

/// Names of a page. The service gives 100 where nobody says, and takes five such requests a second.
const PAGE: i32 = 1000;

/// Streams at most: an account has some thousands of them.
const MOST_STREAMS: usize = 100_000;

/// Streams that are asked side by side. The service takes some 20 requests a second of an account.
const AT_ONCE: usize = 8;

/// Pages of one stream's consumers at most: it has 50 consumers, and a page a hundred.
const MOST_PAGES: usize = 10;

/// A stream, as far as it says what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamProfile {
    /// Its name.
    pub name: String,
    /// Its ARN, where the service says it.
    pub arn: Option<String>,
    /// On-demand or provisioned, where the service says it.
    pub mode: Option<CapacityMode>,
    /// What it is besides.
    pub details: Result<StreamDetails, Refusal>,
    /// The names of its consumers.
    pub consumers: Result<Vec<String>, Refusal>,
}

/// How a stream gets its shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapacityMode {
    /// The service decides how many there are.
    OnDemand,
    /// As many as somebody said.
    Provisioned,
}

/// What a stream says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDetails {
    /// As the service calls it: `ACTIVE`, `CREATING`, ...
    pub status: String,
    /// Shards that take records.
    pub open_shards: u32,
    /// For how long records are kept.
    pub retention_hours: u32,
    /// The KMS key by which records are encrypted; none: they are not.
    pub key: Option<String>,
}

/// What a stream does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked for, as a permission is called.
    pub action: &'static str,
    /// What the service says.
    pub reason: String,
    /// Whether the permission is missing.
    pub is_denied: bool,
}

/// Lists the streams of a region whose names hold a text in any case, by name, and asks each of them what it is. `tell`
/// hears how many answered, and of how many.
///
/// # Errors
/// When the streams can't be listed. What one of them refuses is in its profile.
pub async fn stream_profiles(
    config: &SdkConfig,
    like: Option<&str>,
    tell: impl Fn(usize, usize),
) -> Result<Vec<StreamProfile>, LiveError> {
    // Each try is ours: what is throttled is tried for minutes.
    let client = Client::new(&config.to_builder().retry_config(RetryConfig::disabled()).build());
    let like = like.map(str::to_lowercase);
    let mut streams = names(&client).await?;
    streams.retain(|stream| like.as_ref().is_none_or(|like| stream.name.to_lowercase().contains(like)));
    let total = streams.len();
    let asked = futures_util::stream::iter(streams).map(|stream| profile(&client, stream)).buffered(AT_ONCE);
    let mut profiles = Vec::with_capacity(total);
    futures_util::pin_mut!(asked);
    tell(0, total);
    while let Some(profile) = asked.next().await {
        profiles.push(profile);
        tell(profiles.len(), total);
    }
    profiles.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(profiles)
}

/// What the list says of a stream.
struct ListedStream {
    name: String,
    arn: Option<String>,
    mode: Option<CapacityMode>,
}

async fn names(client: &Client) -> Result<Vec<ListedStream>, LiveError> {
    let mut streams: Vec<ListedStream> = Vec::new();
    loop {
        let after = streams.last().map(|stream| stream.name.clone());
        let request =
            async || client.list_streams().limit(PAGE).set_exclusive_start_stream_name(after.clone()).send().await;
        let page = patiently(request)
            .await
            .map_err(|error| LiveError::refused("the list of streams", LIST_STREAMS, &error))?;
        let summaries = page.stream_summaries.unwrap_or_default();
        let listed = page.stream_names.into_iter().map(|name| {
            let summary = summaries.iter().find(|summary| summary.stream_name == name);
            let mode = summary.and_then(|summary| summary.stream_mode_details.as_ref());
            ListedStream {
                arn: summary.map(|summary| summary.stream_arn.clone()),
                mode: mode.and_then(|details| CapacityMode::of(&details.stream_mode)),
                name,
            }
        });
        let before = streams.len();
        streams.extend(listed);
        // A page without a name leads nowhere, whatever it says of further ones.
        if !page.has_more_streams || streams.len() == before || streams.len() >= MOST_STREAMS {
            return Ok(streams);
        }
    }
}

async fn profile(client: &Client, stream: ListedStream) -> StreamProfile {
    let ListedStream { name, arn, mode } = stream;
    let request = async || client.describe_stream_summary().stream_name(&name).send().await;
    let (summary, refusal) = match patiently(request).await {
        Ok(answer) => (answer.stream_description_summary, None),
        Err(error) => (None, Some(Refusal::of(DESCRIBE, &error))),
    };
    let arn = summary.as_ref().map(|summary| summary.stream_arn.clone()).or(arn);
    let of_summary = summary.as_ref().and_then(|summary| summary.stream_mode_details.as_ref());
    let mode = of_summary.and_then(|details| CapacityMode::of(&details.stream_mode)).or(mode);
    let has_none = summary.as_ref().is_some_and(|summary| summary.consumer_count == Some(0));
    let consumers = match &arn {
        _ if has_none => Ok(Vec::new()),
        Some(arn) => consumers(client, arn).await,
        None => Err(Refusal::unclear(LIST_CONSUMERS, "its ARN is not known")),
    };
    let details = match (summary, refusal) {
        (Some(summary), _) => Ok(StreamDetails::of(&summary)),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Err(Refusal::unclear(DESCRIBE, "the answer is empty")),
    };
    StreamProfile { name, arn, mode, details, consumers }
}

async fn consumers(client: &Client, arn: &str) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let request =
            async || client.list_stream_consumers().stream_arn(arn).set_next_token(token.clone()).send().await;
        let page = patiently(request).await.map_err(|error| Refusal::of(LIST_CONSUMERS, &error))?;
        names.extend(page.consumers.unwrap_or_default().into_iter().map(|consumer| consumer.consumer_name));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    names.sort_unstable();
    Ok(names)
}

impl CapacityMode {
    fn of(mode: &StreamMode) -> Option<Self> {
        match mode {
            StreamMode::OnDemand => Some(CapacityMode::OnDemand),
            StreamMode::Provisioned => Some(CapacityMode::Provisioned),
            _ => None,
        }
    }

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            CapacityMode::OnDemand => "on-demand",
            CapacityMode::Provisioned => "provisioned",
        }
    }
}

impl StreamDetails {
    fn of(summary: &StreamDescriptionSummary) -> Self {
        let is_encrypted = summary.encryption_type.as_ref().is_some_and(|kind| kind.as_str() != "NONE");
        Self {
            status: summary.stream_status.as_str().to_owned(),
            open_shards: u32::try_from(summary.open_shard_count).unwrap_or_default(),
            retention_hours: u32::try_from(summary.retention_period_hours).unwrap_or_default(),
            key: is_encrypted.then(|| summary.key_id.clone().unwrap_or_else(|| "KMS".to_owned())),
        }
    }
}

impl Refusal {
    fn of<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        Self { action, reason: causes(error), is_denied: error.code().is_some_and(is_denied) }
    }

    fn unclear(action: &'static str, reason: &str) -> Self {
        Self { action, reason: reason.to_owned(), is_denied: false }
    }
}
