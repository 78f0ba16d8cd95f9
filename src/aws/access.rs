//! Region and credentials: from the places where the SDK looks for them, in its order, and known within about a second.
//!
//! The SDK asks the metadata service of an instance last, patiently and several times. Outside of an instance nobody
//! answers there.

mod asked;
mod credentials;

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;

pub(crate) use self::asked::AskedPlaces;
use self::credentials::CredentialsChain;
pub(crate) use self::credentials::{has_no_credentials, missing_credentials};
use super::{ExchangeBounds, causes, loader};
use crate::error_code::ErrorCode;

/// The metadata service answers within milliseconds, where there is one.
const METADATA: Duration = Duration::from_millis(500);

/// Why nothing can be asked of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessError {
    /// Nobody says in which region.
    #[error("nobody names an AWS region: set AWS_REGION; {0}")]
    NoRegion(AskedPlaces),
    /// There is nothing to sign a request with.
    #[error("{0}")]
    NoCredentials(String),
}

impl AccessError {
    /// Returns the code of the error.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            AccessError::NoRegion(_) => ErrorCode::NoRegion,
            AccessError::NoCredentials(_) => ErrorCode::NoCredentials,
        }
    }
}

/// Returns the configuration for a region, or for the SDK's own. Nobody is asked for credentials before the first request.
pub(super) async fn config(region: Option<&str>) -> SdkConfig {
    with_chain(region).await.0
}

/// Returns the configuration for a region, or for the SDK's own, once it is certain that its requests can be signed.
///
/// # Errors
/// When nobody names a region, or nobody gives credentials.
pub(crate) async fn checked_config(region: Option<&str>) -> Result<SdkConfig, AccessError> {
    let (config, chain) = with_chain(region).await;
    if config.region().is_none() {
        return Err(AccessError::NoRegion(AskedPlaces::for_a_region()));
    }
    match chain.provide_credentials().await {
        Ok(credentials) => {
            chain.keep_for_first_request(credentials);
            Ok(config)
        }
        Err(error) => Err(AccessError::NoCredentials(causes(&error))),
    }
}

/// Checks that somebody names a region, where none is given.
///
/// # Errors
/// When nobody does.
pub(crate) async fn check_region(region: Option<&str>) -> Result<(), AccessError> {
    match region {
        None if own_region(&metadata_client()).await.is_none() => {
            Err(AccessError::NoRegion(AskedPlaces::for_a_region()))
        }
        _ => Ok(()),
    }
}

/// Returns the same for a client that reads: a response may have many megabytes, and the link may be slow.
///
/// # Errors
/// When nobody names a region, or nobody gives credentials.
pub(crate) async fn checked_reading_config(region: Option<&str>) -> Result<SdkConfig, AccessError> {
    let client = super::client(ExchangeBounds { silence: super::READING_SILENCE, answer_bytes: super::ANSWER_BYTES });
    Ok(checked_config(region).await?.into_builder().http_client(client).build())
}

async fn with_chain(region: Option<&str>) -> (SdkConfig, CredentialsChain) {
    let metadata = metadata_client();
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => own_region(&metadata).await,
    };
    let chain = CredentialsChain::new(region.clone(), metadata);
    let config = loader().region(region).credentials_provider(chain.clone()).load().await;
    (config, chain)
}

fn metadata_client() -> imds::Client {
    imds::Client::builder()
        .connect_timeout(METADATA)
        .read_timeout(METADATA)
        .operation_attempt_timeout(METADATA)
        .operation_timeout(METADATA)
        .max_attempts(1)
        .build()
}

/// The region that the SDK finds.
async fn own_region(metadata: &imds::Client) -> Option<Region> {
    let places: [Box<dyn ProvideRegion>; 3] = [
        Box::new(EnvironmentVariableRegionProvider::new()),
        Box::new(ProfileFileRegionProvider::new()),
        Box::new(ImdsRegionProvider::builder().imds_client(metadata.clone()).build()),
    ];
    for place in places {
        // An empty one says nothing.
        if let Some(region) = place.region().await.filter(|region| !region.as_ref().is_empty()) {
            return Some(region);
        }
    }
    None
}
