//! An access key of the settings, whose parts may stand elsewhere: looked up at the first request, and again once a service has
//! refused credentials, since the key may have been exchanged for another.

use std::fmt;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use tokio::sync::Mutex;

use super::{LookupError, Lookups, Text};
use crate::aws::{self, Reach};

/// How long a key is kept that a service refuses: one that is wrong is not asked for with each request.
const AGAIN: Duration = Duration::from_secs(2);

/// Who gives them, in the words of the SDK.
const PROVIDER: &str = "Kinesieve";

/// An access key, perhaps with the token of its session.
pub(crate) struct AccessKey {
    id: Text,
    secret: Text,
    token: Option<Text>,
    /// How services are reached that hold a part of it.
    reach: Reach,
    held: Mutex<Option<Held>>,
}

struct Held {
    credentials: Credentials,
    /// Refusals that there had been when it was looked up.
    refusals: u64,
    since: Instant,
}

impl AccessKey {
    /// A key of these parts. `reach` is how services are reached that hold them.
    pub(crate) fn new(id: Text, secret: Text, token: Option<Text>, reach: Reach) -> Self {
        Self { id, secret, token, reach, held: Mutex::default() }
    }

    async fn look_up(&self) -> Result<Credentials, LookupError> {
        let lookups = Lookups::by(self.reach.clone());
        let id = self.id.resolved(&lookups).await?;
        let secret = self.secret.resolved(&lookups).await?;
        let token = match &self.token {
            Some(token) => Some(token.resolved(&lookups).await?),
            None => None,
        };
        Ok(Credentials::new(id, secret, token, None, PROVIDER))
    }

    async fn ask(&self) -> provider::Result {
        let mut held = self.held.lock().await;
        let refusals = aws::refusals();
        match &mut *held {
            Some(key) if key.refusals == refusals || key.since.elapsed() < AGAIN => return Ok(key.credentials.clone()),
            Some(key) => {
                key.since = Instant::now();
                match self.look_up().await {
                    Ok(credentials) => (key.credentials, key.refusals) = (credentials, refusals),
                    // The refusal may have been about something else.
                    Err(error) => tracing::warn!("the access key can't be looked up again: {error}"),
                }
                return Ok(key.credentials.clone());
            }
            None => {}
        }
        let credentials = self.look_up().await.map_err(CredentialsError::provider_error)?;
        *held = Some(Held { credentials: credentials.clone(), refusals, since: Instant::now() });
        Ok(credentials)
    }
}

impl ProvideCredentials for AccessKey {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.ask())
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessKey").finish_non_exhaustive()
    }
}
