//! The places where credentials are looked for: the SDK's, in its order.
//!
//! The SDK's own chain gives up without a word about the places before the one that failed.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::Region;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};

use super::asked::{AskedPlaces, Place, REMEDY};
use crate::aws::{ANSWER_BYTES, ExchangeBounds, SILENCE, chain, client};

/// Asks place after place for credentials. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub(super) struct CredentialsChain(Arc<ChainParts>);

struct ChainParts {
    places: Vec<(Place, Box<dyn ProvideCredentials>)>,
    /// What a check was given, for the first request after it.
    checked: Mutex<Option<Credentials>>,
}

/// Nobody gives credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are no AWS credentials: {}; {asked}", .asked.remedy())]
struct NoCredentials {
    asked: AskedPlaces,
}

impl CredentialsChain {
    /// The SDK's places. `metadata` asks the metadata service of an instance.
    pub(super) fn new(region: Option<Region>, metadata: imds::Client) -> Self {
        // Those who give credentials are asked over our client, as services are.
        let http_client = client(ExchangeBounds { silence: SILENCE, answer_bytes: ANSWER_BYTES });
        let config = ProviderConfig::without_region().with_http_client(http_client).with_region(region);
        let instance = ImdsCredentialsProvider::builder().configure(&config).imds_client(metadata).build();
        let places: Vec<(Place, Box<dyn ProvideCredentials>)> = vec![
            (Place::Environment, Box::new(EnvironmentVariableCredentialsProvider::new())),
            (Place::Profile, Box::new(ProfileFileCredentialsProvider::builder().configure(&config).build())),
            (Place::WebIdentity, Box::new(WebIdentityTokenCredentialsProvider::builder().configure(&config).build())),
            (Place::Container, Box::new(EcsCredentialsProvider::builder().configure(&config).build())),
            (Place::Instance, Box::new(instance)),
        ];
        Self(Arc::new(ChainParts { places, checked: Mutex::default() }))
    }

    /// Keeps what was given, so that the first request does not ask for it again.
    pub(super) fn keep_for_first_request(&self, credentials: Credentials) {
        *self.0.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
    }

    async fn ask(&self) -> provider::Result {
        if let Some(checked) = self.0.checked.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(checked);
        }
        let mut asked = AskedPlaces::default();
        for (place, provider) in &self.0.places {
            match provider.provide_credentials().await {
                Ok(credentials) => return Ok(credentials),
                Err(error) => {
                    let goes_on = matches!(error, CredentialsError::CredentialsNotLoaded(_));
                    asked.add_for_credentials(*place, &error);
                    if !goes_on {
                        return Err(CredentialsError::provider_error(NoCredentials { asked }));
                    }
                }
            }
        }
        Err(CredentialsError::not_loaded(NoCredentials { asked }))
    }
}

impl ProvideCredentials for CredentialsChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.ask())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.0.places.iter().find_map(|(_, provider)| provider.fallback_on_interrupt())
    }
}

impl fmt::Debug for ChainParts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ChainParts").finish_non_exhaustive()
    }
}

/// Whether a request failed since nobody who was asked has credentials. Who has some and fails to give them now, a role that
/// is throttled say, may give them a little later.
pub(crate) fn has_no_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<CredentialsError>() {
            return matches!(error, CredentialsError::CredentialsNotLoaded(_));
        }
        next = cause.source();
    }
    false
}

/// Returns why there are no credentials, with the remedy, if a request failed for that: to try again changes nothing.
pub(crate) fn missing_credentials(error: &(dyn Error + 'static)) -> Option<String> {
    let mut outermost = None;
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(missing) = cause.downcast_ref::<NoCredentials>() {
            return Some(missing.to_string());
        }
        if outermost.is_none() && cause.is::<CredentialsError>() {
            outermost = Some(cause);
        }
        next = cause.source();
    }
    // Of a configuration that is not ours.
    outermost.map(|cause| format!("there are no AWS credentials: {REMEDY} ({})", chain(cause)))
}
