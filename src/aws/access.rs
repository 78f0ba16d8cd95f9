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
use super::reach::{self, Reach};
use super::{Arn, causes, loader};
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
pub(super) async fn config(reach: &Reach, region: Option<&str>) -> SdkConfig {
    with_chain(reach, region).await.0
}

/// Returns the configuration for a region, or for the SDK's own, once it is certain that its requests can be signed.
///
/// # Errors
/// When nobody names a region, or nobody gives credentials.
pub(crate) async fn checked_config(region: Option<&str>) -> Result<SdkConfig, AccessError> {
    checked(reach::common(), region).await
}

/// Returns the configuration for a resource, by the role that is its own if it has one.
///
/// # Errors
/// When nobody names a region, or nobody gives credentials.
pub(crate) async fn checked_config_for(resource: &Arn) -> Result<SdkConfig, AccessError> {
    checked(&reach::of(resource), super::region(resource)).await
}

/// Returns the configuration for the checkpoint table, in the region that its name says, if it does.
///
/// # Errors
/// When nobody names a region, or nobody gives credentials.
pub(crate) async fn checked_table_config(region: Option<&str>) -> Result<SdkConfig, AccessError> {
    checked(reach::of_table(), region).await
}

async fn checked(reach: &Reach, region: Option<&str>) -> Result<SdkConfig, AccessError> {
    let (config, chain) = with_chain(reach, region).await;
    if config.region().is_none() {
        return Err(AccessError::NoRegion(AskedPlaces::for_a_region(reach.profile())));
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
    let reach = reach::common();
    match region {
        None if own_region(reach, &metadata_client()).await.is_none() => {
            Err(AccessError::NoRegion(AskedPlaces::for_a_region(reach.profile())))
        }
        _ => Ok(()),
    }
}

/// Returns the same for a client that reads: a response may have many megabytes, and the link may be slow.
///
/// # Errors
/// When nobody names a region, or nobody gives credentials.
pub(crate) async fn checked_reading_config(region: Option<&str>) -> Result<SdkConfig, AccessError> {
    Ok(super::patient(checked_config(region).await?, reach::common()))
}

async fn with_chain(reach: &Reach, region: Option<&str>) -> (SdkConfig, CredentialsChain) {
    let metadata = metadata_client();
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => own_region(reach, &metadata).await,
    };
    let chain = CredentialsChain::new(reach, region.clone(), metadata).await;
    let config = loader(reach).region(region).credentials_provider(chain.clone()).load().await;
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

/// The region that the settings name, and else the SDK's.
async fn own_region(reach: &Reach, metadata: &imds::Client) -> Option<Region> {
    if let Some(region) = &reach.region {
        return Some(Region::new(region.clone()));
    }
    let profile = ProfileFileRegionProvider::builder();
    let profile = match reach.profile() {
        Some(name) => profile.profile_name(name),
        None => profile,
    };
    let places: [Box<dyn ProvideRegion>; 3] = [
        Box::new(EnvironmentVariableRegionProvider::new()),
        Box::new(profile.build()),
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
