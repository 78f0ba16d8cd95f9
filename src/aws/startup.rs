//! Region and credentials for a command that somebody waits for: what is missing is known in about a second.
//!
//! The SDK asks the metadata service of an instance last, patiently and several times. Outside of an instance nobody
//! answers there.

use std::error::Error;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;

use super::{ANSWER_BYTES, ExchangeBounds, READING_SILENCE, SILENCE, client, loader};

/// The metadata service answers within milliseconds, where there is one.
const METADATA: Duration = Duration::from_millis(500);

/// Returns the configuration of a client that reads in a region, by default the SDK's own; none: nobody names one.
pub(crate) async fn reading_config_at_once(region: Option<&str>) -> Option<SdkConfig> {
    let metadata = imds::Client::builder()
        .connect_timeout(METADATA)
        .read_timeout(METADATA)
        .operation_attempt_timeout(METADATA)
        .operation_timeout(METADATA)
        .max_attempts(1)
        .build();
    let region = match region {
        Some(region) => Region::new(region.to_owned()),
        None => {
            let instance = ImdsRegionProvider::builder().imds_client(metadata.clone()).build();
            let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::new())
                .or_else(instance);
            // An empty variable says nothing.
            chain.region().await.filter(|region| !region.as_ref().is_empty())?
        }
    };
    // Those who give credentials are asked over our client, as they are without us.
    let http_client = client(ExchangeBounds { silence: SILENCE, answer_bytes: ANSWER_BYTES });
    let provider_config = ProviderConfig::without_region().with_http_client(http_client);
    let credentials = DefaultCredentialsChain::builder()
        .configure(provider_config)
        .region(region.clone())
        .imds_client(metadata)
        .build()
        .await;
    let config = loader().region(region).credentials_provider(credentials).load().await;
    let reading = client(ExchangeBounds { silence: READING_SILENCE, answer_bytes: ANSWER_BYTES });
    Some(config.into_builder().http_client(reading).build())
}

/// Returns why there are no credentials, if a request failed for that: to try again changes nothing.
pub(crate) fn missing_credentials<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.is::<CredentialsError>() {
            return Some(cause);
        }
        next = cause.source();
    }
    None
}
