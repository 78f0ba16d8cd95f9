//! What the clients of all services have in common, whether they read or write. Endpoints and credentials
//! are those of the settings, and else the SDK's own: variables, profiles and roles as everywhere.

mod access;
mod arn;
mod cause;
mod http;
mod probe;
mod reach;
mod refusal;
mod regions;
mod remedy;
mod shard_name;
mod stream_name;
mod tcp_options;
mod trace;

use std::error::Error;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_sqs::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use futures_util::FutureExt;

pub(crate) use access::{
    AccessError, check_region, checked_config, checked_config_for, checked_reading_config, checked_table_config,
    has_no_credentials, missing_credentials,
};
pub use arn::{Arn, InvalidArn};
use http::client_by;
pub use http::{ExchangeBounds, client};
pub(crate) use http::{Streamed, unknown_host};
pub(crate) use probe::{DestinationProbe, ProbeAnswer, is_gone};
pub(crate) use reach::{AccessKeyHolder, CredentialsFrom, Reach, Role, has_own_role};
pub use reach::{EndpointUrl, Reaches, reach_services_by};
pub(crate) use refusal::count as refusals;
pub(crate) use regions::doubt as doubt_region;
pub(crate) use remedy::with_remedy;
pub use shard_name::{split_at_shard, stream_and_shard};
pub use stream_name::{InvalidStreamName, OpenArn, StreamAddress, StreamName};
pub(crate) use tcp_options::{KeepAlive, TcpOptions};
pub(crate) use trace::{TraceHeader, traced};

use crate::redaction::redacted;

/// A service in the same region answers in milliseconds; these only end what hangs, early enough for
/// another try. How long a request takes that gets on depends on its size, and is not bounded.
const CONNECT: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_secs(5);
/// A queue may be asked to wait 20 seconds for messages.
const READING_SILENCE: Duration = Duration::from_secs(30);

/// The longest answer of all is one of GetRecords: 10 MiB of data in base64, with 10,000 records around it.
const ANSWER_BYTES: u64 = 32 << 20;

/// Bytes of an error's text that are of use: a service may say as much as it likes.
const CAUSES_BYTES: usize = 2 << 10;

/// The configuration for the region of a resource, or the SDK's own region where its ARN has none.
pub(crate) async fn config(arn: &Arn) -> SdkConfig {
    access::config(&reach::of(arn), region(arn)).await
}

/// The configuration for a region, or for the SDK's own.
pub(crate) async fn config_in(region: Option<&str>) -> SdkConfig {
    access::config(reach::common(), region).await
}

/// The same, before the process says how it reaches services.
pub(crate) async fn config_by(reach: &Reach, region: Option<&str>) -> SdkConfig {
    access::config(reach, region).await
}

/// The configuration of the checkpoint table's client, for the region that its name says, if it does.
pub(crate) async fn table_config(region: Option<&str>) -> SdkConfig {
    access::config(reach::of_table(), region).await
}

/// What all configurations begin with.
fn loader(reach: &Reach) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = reach.profile() {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint_url) = &reach.endpoint_url {
        loader = loader.endpoint_url(endpoint_url.as_str());
    }
    if matches!(reach.credentials, CredentialsFrom::Key(_)) {
        // Whoever holds the key keeps it, and knows when to ask again.
        loader = loader.identity_cache(IdentityCache::no_cache());
    }
    loader
        .timeout_config(TimeoutConfig::builder().connect_timeout(reach.tcp.connect_timeout.unwrap_or(CONNECT)).build())
        .http_client(client_by(&reach.tcp, ExchangeBounds { silence: SILENCE, answer_bytes: ANSWER_BYTES }))
        // It sees a body in memory leave at once.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

/// The region of an ARN; a bucket's has none.
pub(crate) fn region(arn: &Arn) -> Option<&str> {
    Some(arn.region.as_str()).filter(|region| !region.is_empty())
}

/// Returns the configuration of a client that reads. A response may have many megabytes, and the link may be slow.
pub(crate) async fn reading_config(arn: &Arn) -> SdkConfig {
    patient(config(arn).await, &reach::of(arn))
}

/// Returns the configuration of a client that reads in a region; none: in the SDK's default region.
pub(crate) async fn reading_config_in(region: Option<&str>) -> SdkConfig {
    patient(config_in(region).await, reach::common())
}

/// The same with more time for an answer.
fn patient(config: SdkConfig, reach: &Reach) -> SdkConfig {
    let client = client_by(&reach.tcp, ExchangeBounds { silence: READING_SILENCE, answer_bytes: ANSWER_BYTES });
    config.into_builder().http_client(client).build()
}

/// Returns the bucket of an ARN of S3, and the prefix of keys in it: empty, or with its slash. Slashes around the prefix
/// make no difference.
pub(crate) fn bucket_and_prefix(place: &Arn) -> (&str, String) {
    let (bucket, prefix) = place.resource.split_once('/').unwrap_or((&place.resource, ""));
    let prefix = prefix.trim_matches('/');
    (bucket, if prefix.is_empty() { String::new() } else { format!("{prefix}/") })
}

/// The address of a queue, which the API names it by. It follows from the ARN, so it takes no request,
/// and no permission, to find it.
pub(crate) fn queue_url(queue: &Arn) -> String {
    let Arn { region, account, resource, .. } = queue;
    // The SDK knows what the names of hosts end in, in each partition.
    let parameters = Params::builder().region(region.as_str()).build();
    let endpoint = parameters.ok().and_then(|parameters| {
        let endpoint = DefaultResolver::new().resolve_endpoint(&parameters).now_or_never()?;
        Some(endpoint.ok()?.url().to_owned())
    });
    let endpoint = endpoint.unwrap_or_else(|| format!("https://sqs.{region}.amazonaws.com"));
    format!("{}/{account}/{resource}", endpoint.trim_end_matches('/'))
}

/// Returns the bytes of a size in KiB; none: it is no size.
pub(crate) fn bytes_of_kib(kib: i32) -> Option<u64> {
    u64::try_from(kib).ok().filter(|kib| *kib > 0).map(|kib| kib << 10)
}

/// What a client of S3 needs besides, its retries left to the caller.
pub(crate) fn s3_config(config: &SdkConfig) -> aws_sdk_s3::config::Builder {
    // Where an endpoint is given, the bucket's name in front of its host leads nowhere.
    let has_endpoint = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    aws_sdk_s3::config::Builder::from(config).force_path_style(has_endpoint)
}

/// An error with all that led to it, each said once, without the credentials of addresses; cut where it is long. Of missing
/// credentials and of an unknown host that alone is said: what the SDK makes of them is long, and holds no remedy.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    if let Some(missing) = missing_credentials(error) {
        return cut(redacted(&missing).into_owned(), CAUSES_BYTES);
    }
    if let Some(unknown) = unknown_host(error) {
        return cut(redacted(&unknown.to_string()).into_owned(), CAUSES_BYTES);
    }
    chain(error)
}

/// An error with all that led to it, whatever that is.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    texts.dedup();
    // Clients quote the address of an endpoint or a proxy that they can't use.
    cut(redacted(&texts.join(": ")).into_owned(), CAUSES_BYTES)
}

/// A text, or its beginning where it has more bytes.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_address_follows_from_its_arn_in_every_partition() {
        for (arn, url) in [
            ("arn:aws:sqs:eu-west-1:123456789012:q", "https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
            (
                "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q.fifo",
                "https://sqs.us-gov-west-1.amazonaws.com/123456789012/q.fifo",
            ),
            ("arn:aws-cn:sqs:cn-north-1:123456789012:q", "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q"),
            (
                "arn:aws-eusc:sqs:eusc-de-east-1:123456789012:q",
                "https://sqs.eusc-de-east-1.amazonaws.eu/123456789012/q",
            ),
            ("arn:aws-iso:sqs:us-iso-east-1:123456789012:q", "https://sqs.us-iso-east-1.c2s.ic.gov/123456789012/q"),
            (
                "arn:aws-iso-b:sqs:us-isob-east-1:123456789012:q",
                "https://sqs.us-isob-east-1.sc2s.sgov.gov/123456789012/q",
            ),
            (
                "arn:aws-iso-e:sqs:eu-isoe-west-1:123456789012:q",
                "https://sqs.eu-isoe-west-1.cloud.adc-e.uk/123456789012/q",
            ),
            (
                "arn:aws-iso-f:sqs:us-isof-south-1:123456789012:q",
                "https://sqs.us-isof-south-1.csp.hci.ic.gov/123456789012/q",
            ),
            // A region that is newer than what the SDK knows.
            ("arn:aws:sqs:eu-west-9:123456789012:q", "https://sqs.eu-west-9.amazonaws.com/123456789012/q"),
        ] {
            assert_eq!(queue_url(&arn.parse().expect("an ARN")), url);
        }
    }
}
