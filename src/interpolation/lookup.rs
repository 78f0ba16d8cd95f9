//! Looks up what stands elsewhere, each place once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use serde_json::{Map, Value};

use super::{InvalidText, Place, Text};
use crate::aws::{self, Reach};

/// How long one service is asked, its further tries included. Lambda gives a start 10 seconds in all.
const TIME_LIMIT: Duration = Duration::from_secs(6);

/// Why a value is not known. No value is in the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct LookupError {
    message: String,
}

impl LookupError {
    pub(super) fn new(place: &Place, reason: String) -> Self {
        let place = crate::foreign::one_line(&place.to_string()).into_owned();
        Self { message: format!("{place}: {reason}") }
    }
}

impl From<InvalidText> for LookupError {
    fn from(error: InvalidText) -> Self {
        Self { message: error.to_string() }
    }
}

/// Values that were looked up, so that fields of one secret take one request.
#[derive(Debug)]
pub(crate) struct Lookups {
    /// How services are reached; none: as the process does.
    reach: Option<Reach>,
    known: Mutex<Known>,
}

/// What services said, by the place without its field. Not for debugging output.
#[derive(Default)]
struct Known(HashMap<Place, String>);

impl std::fmt::Debug for Known {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl Lookups {
    /// Asks services as the process reaches them.
    pub(crate) fn new() -> Self {
        Self { reach: None, known: Mutex::default() }
    }

    /// Asks services as they are reached before the process says how it does.
    pub(crate) fn by(reach: Reach) -> Self {
        Self { reach: Some(reach), known: Mutex::default() }
    }

    /// What stands there.
    pub(super) async fn value(&self, place: &Place) -> Result<String, LookupError> {
        match place {
            Place::Env(_) | Place::File(_) => place.local(),
            Place::Ssm(name) => self.once(place, self.parameter(place, name)).await,
            Place::SecretsManager { id, field } => {
                let whole = Place::SecretsManager { id: id.clone(), field: None };
                let secret = self.once(&whole, self.secret(place, id)).await?;
                match field {
                    Some(field) => field_of(&secret, field).map_err(|reason| LookupError::new(place, reason)),
                    None => Ok(secret),
                }
            }
        }
    }

    async fn once(
        &self,
        place: &Place,
        asking: impl Future<Output = Result<String, LookupError>>,
    ) -> Result<String, LookupError> {
        let known = |lookups: &Self| lookups.known.lock().unwrap_or_else(PoisonError::into_inner).0.get(place).cloned();
        if let Some(value) = known(self) {
            return Ok(value);
        }
        let value = asking.await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).0.insert(place.clone(), value.clone());
        Ok(value)
    }

    async fn parameter(&self, place: &Place, name: &str) -> Result<String, LookupError> {
        let config = self.config(name).await;
        let client = aws_sdk_ssm::Client::new(&config);
        let asked = client.get_parameter().name(name).with_decryption(true).send().await;
        let answer = asked.map_err(|error| {
            let code = error.code().map(str::to_owned);
            failed(place, &config, code.as_deref(), &error, "ssm:GetParameter", "parameter")
        })?;
        let value = answer.parameter.and_then(|parameter| parameter.value).filter(|value| !value.is_empty());
        value.ok_or_else(|| LookupError::new(place, "the parameter has no value".to_owned()))
    }

    async fn secret(&self, place: &Place, id: &str) -> Result<String, LookupError> {
        let config = self.config(id).await;
        let client = aws_sdk_secretsmanager::Client::new(&config);
        let asked = client.get_secret_value().secret_id(id).send().await;
        let answer = asked.map_err(|error| {
            let code = error.code().map(str::to_owned);
            failed(place, &config, code.as_deref(), &error, "secretsmanager:GetSecretValue", "secret")
        })?;
        let value = answer.secret_string.filter(|value| !value.is_empty());
        value.ok_or_else(|| LookupError::new(place, "the secret has bytes, and no text".to_owned()))
    }

    /// The configuration for what a name says: an ARN has its region.
    async fn config(&self, name: &str) -> SdkConfig {
        let arn = name.parse::<aws::Arn>().ok();
        let region = arn.as_ref().and_then(aws::region);
        let config = match &self.reach {
            Some(reach) => aws::config_by(reach, region).await,
            None => aws::config_in(region).await,
        };
        let timeouts = config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled);
        let timeouts = timeouts.into_builder().operation_timeout(TIME_LIMIT).build();
        config.into_builder().timeout_config(timeouts).build()
    }
}

/// Why a service did not say, with the remedy.
fn failed(
    place: &Place,
    config: &SdkConfig,
    code: Option<&str>,
    error: &(dyn std::error::Error + 'static),
    permission: &str,
    noun: &str,
) -> LookupError {
    let region = config.region().map_or("no region", |region| region.as_ref());
    let reason = match code {
        Some("ParameterNotFound" | "ResourceNotFoundException") => {
            format!("there is no such {noun} in {region}: create it, or name it by its ARN where it is elsewhere")
        }
        Some("AccessDeniedException") => format!(
            "{permission} is denied: allow it for the {noun} (in the template: ReadableSecrets), and kms:Decrypt for its key \
             where it has one of your own"
        ),
        _ => aws::with_remedy(aws::causes(error), code.unwrap_or_default()),
    };
    LookupError::new(place, reason)
}

/// A field of a secret.
fn field_of(secret: &str, field: &str) -> Result<String, String> {
    // Errors of the parser quote what they found.
    let object: Map<String, Value> = serde_json::from_str(secret)
        .map_err(|_| "the secret is no JSON object: leave the # and what follows it out".to_owned())?;
    match object.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(format!("the field {field} of the secret is neither text nor a number")),
        None => Err(format!("the secret has no field {field}")),
    }
}

/// Looks up the values of settings.
///
/// # Errors
/// With the name of the setting whose value is not known, and why.
pub(crate) async fn looked_up(settings: Vec<(String, String)>) -> Result<Vec<(String, String)>, LookupError> {
    let lookups = Lookups::new();
    let mut known = Vec::with_capacity(settings.len());
    for (name, value) in settings {
        let resolved = async { value.parse::<Text>()?.resolved(&lookups).await }.await;
        match resolved {
            Ok(value) => known.push((name, value)),
            Err(error) => return Err(LookupError { message: format!("{}: {error}", crate::foreign::one_line(&name)) }),
        }
    }
    Ok(known)
}

/// The same where nothing else goes on meanwhile.
///
/// # Errors
/// As [`looked_up`].
pub(crate) fn looked_up_now(settings: Vec<(String, String)>) -> Result<Vec<(String, String)>, LookupError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| LookupError { message: format!("no asynchronous runtime: {error}") })?;
    runtime.block_on(looked_up(settings))
}
