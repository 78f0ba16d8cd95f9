//! The places where credentials are looked for: the one that the settings name, or the SDK's in its order. A role is assumed
//! with what they give.
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
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};

use super::asked::{AskedPlaces, Place, REMEDY};
use crate::aws::cause::found;
use crate::aws::reach::{self, CredentialsFrom, Reach, Role};
use crate::aws::{ANSWER_BYTES, ExchangeBounds, SILENCE, chain, client_by, loader};

/// Asks place after place for credentials. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub(super) struct CredentialsChain(Arc<ChainParts>);

/// The name of our sessions in the log of whoever owns a role.
const SESSION: &str = "kinesieve";

/// Where tokens of a session are given that is in no region.
const STS_REGION: Region = Region::from_static("us-east-1");

struct ChainParts {
    places: Vec<(Place, Box<dyn ProvideCredentials>)>,
    /// The profile that is named.
    profile: Option<String>,
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
    /// The places that the settings leave. `metadata` asks the metadata service of an instance.
    pub(super) async fn new(reach: &Reach, region: Option<Region>, metadata: imds::Client) -> Self {
        let base = Self::before_a_role(reach, region.clone(), metadata);
        let Some(role) = &reach.role else { return base };
        let provider = assuming(role, reach, region, base).await;
        Self::of(vec![(Place::Role(role.arn.as_str().into()), Box::new(provider))], reach)
    }

    fn before_a_role(reach: &Reach, region: Option<Region>, metadata: imds::Client) -> Self {
        // Those who give credentials are asked over our client, as services are.
        let http_client = client_by(&reach.tcp, ExchangeBounds { silence: SILENCE, answer_bytes: ANSWER_BYTES });
        let config = ProviderConfig::without_region().with_http_client(http_client).with_region(region);
        let profile = ProfileFileCredentialsProvider::builder().configure(&config);
        let instance = Box::new(ImdsCredentialsProvider::builder().configure(&config).imds_client(metadata).build());
        let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(&config).build();
        let places: Vec<(Place, Box<dyn ProvideCredentials>)> = match &reach.credentials {
            CredentialsFrom::Profile(name) => vec![(Place::Profile, Box::new(profile.profile_name(name).build()))],
            CredentialsFrom::Key(key) => vec![(Place::Settings, Box::new(key.provider.clone()))],
            CredentialsFrom::Instance => vec![(Place::Instance, instance)],
            CredentialsFrom::Sdk => vec![
                (Place::Environment, Box::new(EnvironmentVariableCredentialsProvider::new())),
                (Place::Profile, Box::new(profile.build())),
                (Place::WebIdentity, Box::new(web_identity)),
                (Place::Container, Box::new(EcsCredentialsProvider::builder().configure(&config).build())),
                (Place::Instance, instance),
            ],
        };
        Self::of(places, reach)
    }

    fn of(places: Vec<(Place, Box<dyn ProvideCredentials>)>, reach: &Reach) -> Self {
        Self(Arc::new(ChainParts { places, profile: reach.profile().map(str::to_owned), checked: Mutex::default() }))
    }

    /// Keeps what was given, so that the first request does not ask for it again.
    pub(super) fn keep_for_first_request(&self, credentials: Credentials) {
        *self.0.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
    }

    async fn ask(&self) -> provider::Result {
        if let Some(checked) = self.0.checked.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(checked);
        }
        let mut asked = AskedPlaces::of_profile(self.0.profile.as_deref());
        for (place, provider) in &self.0.places {
            match provider.provide_credentials().await {
                Ok(credentials) => return Ok(credentials),
                // There was nothing to ask for the role with.
                Err(error) if matches!(place, Place::Role(_)) && found::<NoCredentials>(&error).is_some() => {
                    return Err(error);
                }
                Err(error) => {
                    let goes_on = matches!(error, CredentialsError::CredentialsNotLoaded(_));
                    asked.add_for_credentials(place, &error);
                    if !goes_on {
                        return Err(CredentialsError::provider_error(NoCredentials { asked }));
                    }
                }
            }
        }
        Err(CredentialsError::not_loaded(NoCredentials { asked }))
    }
}

/// Who gives credentials of a role, and asks for them with those of the chain.
async fn assuming(role: &Role, reach: &Reach, region: Option<Region>, base: CredentialsChain) -> AssumeRoleProvider {
    let region = region.unwrap_or(STS_REGION);
    // The address for all services is beneath one that is of STS alone. That of the table is none of STS.
    let own = std::env::var("AWS_ENDPOINT_URL_STS").ok().filter(|url| !url.is_empty());
    let own = own.and_then(|url| url.parse().ok());
    let endpoint_url = own.or_else(|| reach::common().endpoint_url.clone());
    let config =
        loader(&Reach { endpoint_url, ..reach.clone() }).region(region.clone()).credentials_provider(base.clone());
    let config = config.load().await;
    let mut provider = AssumeRoleProvider::builder(&role.arn).session_name(SESSION).region(region).configure(&config);
    if let Some(external_id) = &role.external_id {
        provider = provider.external_id(external_id);
    }
    provider.build_from_provider(base).await
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
    found::<CredentialsError>(error).is_some_and(|error| matches!(error, CredentialsError::CredentialsNotLoaded(_)))
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
