//! How AWS is reached: region, endpoint, credentials, roles. Of the streams and all that has nothing of its own, and of the
//! checkpoint table.

use std::str::FromStr;

use aws_credential_types::provider::SharedCredentialsProvider;
use clap::Args;

use super::{Secret, SettingsError, TableName, TableTcpSettings, TcpSettings, values};
use crate::aws::{AccessKeyHolder, Arn, CredentialsFrom, EndpointUrl, Reach, Reaches, Role};
use crate::interpolation::{AccessKey, Text};
use crate::redaction::redacted;

/// How the streams are reached, and all else that has no settings of its own for that.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Of access to AWS")]
pub struct AccessSettings {
    /// Region of what has none in its ARN [default: AWS_REGION, or that of the profile]
    #[arg(long, env = "KINESIEVE_REGION", value_name = "REGION")]
    pub region: Option<String>,

    /// Address of the services, for all of them. AWS_ENDPOINT_URL_KINESIS and its like are for one service each
    /// [default: AWS_ENDPOINT_URL]
    #[arg(long, env = "KINESIEVE_ENDPOINT_URL", value_name = "URL")]
    pub endpoint_url: Option<EndpointUrl>,

    /// Profile of the AWS configuration whose credentials and region are used [default: AWS_PROFILE]
    #[arg(long, visible_alias = "credentials-profile", env = "KINESIEVE_PROFILE", value_name = "PROFILE")]
    pub profile: Option<String>,

    /// Access key id, with --credentials-secret, in the place of what the SDK finds
    #[arg(long, env = "KINESIEVE_CREDENTIALS_ID", value_name = "ID")]
    pub credentials_id: Option<String>,

    /// Secret access key. As a flag, other users of the machine can see it: set the variable
    #[arg(
        long,
        env = "KINESIEVE_CREDENTIALS_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub credentials_secret: Option<Secret>,

    /// Session token of temporary credentials. As a flag, other users of the machine can see it: set the variable
    #[arg(
        long,
        env = "KINESIEVE_CREDENTIALS_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub credentials_token: Option<Secret>,

    /// ARN of a role that is assumed
    #[arg(long, env = "KINESIEVE_CREDENTIALS_ROLE", value_name = "ROLE", value_parser = role_arn)]
    pub credentials_role: Option<Arn>,

    /// External id that the role asks for
    #[arg(long, env = "KINESIEVE_CREDENTIALS_ROLE_EXTERNAL_ID", value_name = "ID")]
    pub credentials_role_external_id: Option<String>,

    /// Take the credentials of the instance's role, and look nowhere else: true or false
    #[arg(long, env = "KINESIEVE_CREDENTIALS_FROM_EC2_ROLE", value_name = "BOOL", default_value = "false", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub credentials_from_ec2_role: bool,

    /// Role that is assumed for the destinations whose ARN begins so, another account's for example: ARN=ROLE, or
    /// ARN=ROLE#EXTERNAL-ID. Can be given several times, and in the variable several, separated by commas
    #[arg(
        long = "assume-role",
        visible_alias = "assume-roles",
        env = "KINESIEVE_ASSUME_ROLES",
        value_name = "ARN=ROLE"
    )]
    pub assume_roles: Vec<AssumedRoles>,

    /// How connections are made.
    #[command(flatten)]
    pub tcp: TcpSettings,

    /// What is to be said of secrets that the connector file holds.
    #[arg(skip)]
    pub(crate) warnings: Vec<String>,
}

/// How the checkpoint table is reached, where that is not as the streams are.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Of access to AWS")]
pub struct TableAccessSettings {
    /// Region of the checkpoint table, unless its ARN says it [default: that of the streams]
    #[arg(
        id = "checkpoint_region",
        long = "checkpoint-region",
        env = "KINESIEVE_CHECKPOINT_REGION",
        value_name = "REGION"
    )]
    pub region: Option<String>,

    /// Address of DynamoDB [default: --endpoint-url]
    #[arg(
        id = "checkpoint_endpoint_url",
        long = "checkpoint-endpoint-url",
        env = "KINESIEVE_CHECKPOINT_ENDPOINT_URL",
        value_name = "URL"
    )]
    pub endpoint_url: Option<EndpointUrl>,

    /// Profile whose credentials and region are used for the table [default: the credentials of the streams]
    #[arg(
        id = "checkpoint_credentials_profile",
        long = "checkpoint-credentials-profile",
        env = "KINESIEVE_CHECKPOINT_CREDENTIALS_PROFILE",
        value_name = "PROFILE"
    )]
    pub profile: Option<String>,

    /// Access key id for the table, with --checkpoint-credentials-secret
    #[arg(
        id = "checkpoint_credentials_id",
        long = "checkpoint-credentials-id",
        env = "KINESIEVE_CHECKPOINT_CREDENTIALS_ID",
        value_name = "ID"
    )]
    pub id: Option<String>,

    /// Secret access key for the table. As a flag, other users of the machine can see it: set the variable
    #[arg(
        id = "checkpoint_credentials_secret",
        long = "checkpoint-credentials-secret",
        env = "KINESIEVE_CHECKPOINT_CREDENTIALS_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub secret: Option<Secret>,

    /// Session token for the table. As a flag, other users of the machine can see it: set the variable
    #[arg(
        id = "checkpoint_credentials_token",
        long = "checkpoint-credentials-token",
        env = "KINESIEVE_CHECKPOINT_CREDENTIALS_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub token: Option<Secret>,

    /// ARN of a role that is assumed for the table
    #[arg(
        id = "checkpoint_credentials_role",
        long = "checkpoint-credentials-role",
        env = "KINESIEVE_CHECKPOINT_CREDENTIALS_ROLE",
        value_name = "ROLE",
        value_parser = role_arn
    )]
    pub role: Option<Arn>,

    /// External id that the role for the table asks for
    #[arg(
        id = "checkpoint_credentials_role_external_id",
        long = "checkpoint-credentials-role-external-id",
        env = "KINESIEVE_CHECKPOINT_CREDENTIALS_ROLE_EXTERNAL_ID",
        value_name = "ID"
    )]
    pub role_external_id: Option<String>,

    /// Take the credentials of the instance's role for the table, and look nowhere else: true or false
    #[arg(id = "checkpoint_credentials_from_ec2_role", long = "checkpoint-credentials-from-ec2-role", env = "KINESIEVE_CHECKPOINT_CREDENTIALS_FROM_EC2_ROLE", value_name = "BOOL", default_value = "false", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub from_ec2_role: bool,

    /// How connections to the table are made.
    #[command(flatten)]
    pub tcp: TableTcpSettings,
}

impl AccessSettings {
    /// Returns what is to be said of secrets that the connector file holds itself.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns how services are reached that have no settings of their own.
    ///
    /// # Errors
    /// When the settings contradict each other, or an address is none. No secret is in the message.
    pub(crate) fn reach(&self) -> Result<Reach, SettingsError> {
        Ok(self.reaches(None)?.common)
    }

    /// Returns how services are reached by these settings; `table`: what is different for the checkpoint table, and which it
    /// is.
    ///
    /// # Errors
    /// When they contradict each other, or an address is none. No secret is in the message.
    pub fn reaches(&self, table: Option<(&TableAccessSettings, Option<&TableName>)>) -> Result<Reaches, SettingsError> {
        let given = GivenCredentials {
            prefix: "KINESIEVE_",
            profile_variable: "KINESIEVE_PROFILE",
            profile: said(self.profile.as_ref()),
            id: said(self.credentials_id.as_ref()),
            secret: self.credentials_secret.as_ref().filter(|secret| !secret.is_empty()),
            token: self.credentials_token.as_ref().filter(|token| !token.is_empty()),
            is_of_instance: self.credentials_from_ec2_role,
            role: self.credentials_role.as_ref(),
            external_id: said(self.credentials_role_external_id.as_ref()),
        };
        let unsigned = Reach {
            region: said(self.region.as_ref()).map(str::to_owned),
            endpoint_url: endpoint("KINESIEVE_ENDPOINT_URL", self.endpoint_url.as_ref())?,
            tcp: self.tcp.options()?,
            ..Reach::default()
        };
        let credentials = given.credentials(&unsigned)?.unwrap_or_default();
        let common = Reach { credentials, role: given.role()?, ..unsigned.clone() };
        let table = match table {
            Some((table, name)) => {
                table.check(name.and_then(TableName::region))?;
                table.reach(&common, &unsigned)?
            }
            None => common.clone(),
        };
        let roles = self.assume_roles.iter().flat_map(|AssumedRoles(roles)| roles.iter().cloned()).collect();
        let reaches = Reaches { common, table, roles };
        if let Some((first, _)) = reaches.roles.iter().enumerate().find_map(|(index, role)| {
            reaches.roles.get(index + 1..)?.iter().any(|other| other.0 == role.0 && other.1 != role.1).then_some(role)
        }) {
            return Err(SettingsError::Contradiction(format!(
                "KINESIEVE_ASSUME_ROLES has two roles for {first}: leave one of them"
            )));
        }
        Ok(reaches)
    }
}

impl TableAccessSettings {
    /// What the table has none of its own of is as of the streams: the credentials as one, and the role with them.
    ///
    /// `unsigned` is how services are reached that hold the key.
    fn reach(&self, common: &Reach, unsigned: &Reach) -> Result<Reach, SettingsError> {
        let given = GivenCredentials {
            prefix: "KINESIEVE_CHECKPOINT_",
            profile_variable: "KINESIEVE_CHECKPOINT_CREDENTIALS_PROFILE",
            profile: said(self.profile.as_ref()),
            id: said(self.id.as_ref()),
            secret: self.secret.as_ref().filter(|secret| !secret.is_empty()),
            token: self.token.as_ref().filter(|token| !token.is_empty()),
            is_of_instance: self.from_ec2_role,
            role: self.role.as_ref(),
            external_id: said(self.role_external_id.as_ref()),
        };
        let region = said(self.region.as_ref()).map(str::to_owned);
        let own = endpoint("KINESIEVE_CHECKPOINT_ENDPOINT_URL", self.endpoint_url.as_ref())?;
        let (credentials, role) = match (given.credentials(unsigned)?, given.role()?) {
            (Some(credentials), role) => (credentials, role),
            (None, Some(role)) => (common.credentials.clone(), Some(role)),
            (None, None) => (common.credentials.clone(), common.role.clone()),
        };
        // The profile of the table may say its region.
        let has_own_profile = matches!(credentials, CredentialsFrom::Profile(_)) && credentials != common.credentials;
        let region = region.or_else(|| common.region.clone().filter(|_| !has_own_profile));
        let endpoint_url = own.or_else(|| common.endpoint_url.clone());
        let tcp = self.tcp.options()?.unwrap_or(common.tcp);
        Ok(Reach { region, endpoint_url, credentials, role, tcp })
    }

    /// Checks the region against that of an ARN of the table.
    ///
    /// # Errors
    /// When they are two.
    fn check(&self, region_of_arn: Option<&str>) -> Result<(), SettingsError> {
        match (said(self.region.as_ref()), region_of_arn) {
            (Some(region), Some(of_arn)) if region != of_arn => Err(SettingsError::Contradiction(format!(
                "KINESIEVE_CHECKPOINT_REGION is {region}, and the ARN of the table says {of_arn}: leave \
                 KINESIEVE_CHECKPOINT_REGION out"
            ))),
            _ => Ok(()),
        }
    }
}

/// What is given of credentials, which is to be of one kind.
struct GivenCredentials<'a> {
    prefix: &'static str,
    profile_variable: &'static str,
    profile: Option<&'a str>,
    id: Option<&'a str>,
    secret: Option<&'a Secret>,
    token: Option<&'a Secret>,
    is_of_instance: bool,
    role: Option<&'a Arn>,
    external_id: Option<&'a str>,
}

impl GivenCredentials<'_> {
    /// Where credentials come from. `unsigned` is how services are reached that hold the key.
    fn credentials(&self, unsigned: &Reach) -> Result<Option<CredentialsFrom>, SettingsError> {
        let Self { prefix, profile_variable, .. } = self;
        let contradiction = |message: String| Err(SettingsError::Contradiction(message));
        let kinds = [
            ((*profile_variable).to_owned(), self.profile.is_some()),
            (format!("{prefix}CREDENTIALS_ID"), self.id.is_some()),
            (format!("{prefix}CREDENTIALS_FROM_EC2_ROLE"), self.is_of_instance),
        ];
        let mut given = kinds.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name);
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            return contradiction(format!(
                "{first} and {second} both say where credentials come from: leave one of them out"
            ));
        }
        match (self.id, self.secret) {
            (None, Some(_)) => {
                return contradiction(format!(
                    "{prefix}CREDENTIALS_SECRET is of use with {prefix}CREDENTIALS_ID: set both, or neither"
                ));
            }
            (Some(_), None) => {
                return contradiction(format!(
                    "{prefix}CREDENTIALS_ID is of use with {prefix}CREDENTIALS_SECRET: set both, or neither"
                ));
            }
            (None, None) if self.token.is_some() => {
                return contradiction(format!(
                    "{prefix}CREDENTIALS_TOKEN is of use with {prefix}CREDENTIALS_ID and {prefix}CREDENTIALS_SECRET: set \
                     all three, or none"
                ));
            }
            _ => {}
        }
        let at_hand = |text: Result<Text, String>, what: &str| -> Result<Text, SettingsError> {
            let invalid = |reason| SettingsError::Invalid { name: format!("{prefix}CREDENTIALS_{what}"), reason };
            let text = text.map_err(invalid)?;
            // What needs no request is asked for at once, to see whether it is there.
            if !text.is_remote() {
                text.local().map_err(|error| invalid(error.to_string()))?;
            }
            Ok(text)
        };
        let secret_text = |secret: &Secret| secret.text().map_err(|error| error.to_string());
        Ok(match (self.profile, self.id.zip(self.secret)) {
            (Some(profile), _) => Some(CredentialsFrom::Profile(profile.to_owned())),
            (None, Some((id, secret))) => {
                let token = self.token.map(|token| at_hand(secret_text(token), "TOKEN")).transpose()?;
                let secret = at_hand(secret_text(secret), "SECRET")?;
                let id_text = at_hand(id.parse::<Text>().map_err(|error| error.to_string()), "ID")?;
                let key = AccessKey::new(id_text, secret, token, unsigned.clone());
                let provider = SharedCredentialsProvider::new(key);
                Some(CredentialsFrom::Key(AccessKeyHolder { id: id.to_owned(), provider }))
            }
            (None, None) => self.is_of_instance.then_some(CredentialsFrom::Instance),
        })
    }

    fn role(&self) -> Result<Option<Role>, SettingsError> {
        let Self { prefix, .. } = self;
        match (self.role, self.external_id) {
            (None, Some(_)) => Err(SettingsError::Contradiction(format!(
                "{prefix}CREDENTIALS_ROLE_EXTERNAL_ID is of use with {prefix}CREDENTIALS_ROLE: set both, or neither"
            ))),
            (role, external_id) => {
                let external_id = external_id.map(str::to_owned);
                Ok(role.map(|arn| Role { arn: arn.to_string(), external_id }))
            }
        }
    }
}

/// Roles for destinations, as one value says them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRoles(Vec<(String, Role)>);

impl FromStr for AssumedRoles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A name of a role may have a comma in it, but nothing behind one begins as an ARN does.
        let mut parts: Vec<String> = Vec::new();
        for part in text.split(',') {
            match parts.last_mut() {
                Some(last) if !part.trim_start().starts_with("arn:") => {
                    last.push(',');
                    last.push_str(part);
                }
                _ => parts.push(part.to_owned()),
            }
        }
        parts.iter().map(|part| assumed_role(part.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn assumed_role(text: &str) -> Result<(String, Role), String> {
    let refusal = |why: &str| {
        format!(
            "{text:?} is no role for a destination: {why}; use ARN=ROLE, as \
             arn:aws:sqs:eu-west-1:222222222222:=arn:aws:iam::222222222222:role/deliver, and #EXTERNAL-ID behind it where the \
             role asks for one"
        )
    };
    let (target, role) =
        text.split_once("=arn:").ok_or_else(|| refusal("it has no = with the ARN of a role behind it"))?;
    let role = format!("arn:{role}");
    let (role, external_id) = match role.split_once('#') {
        Some((role, external_id)) => (role, Some(external_id.to_owned()).filter(|id| !id.is_empty())),
        None => (role.as_str(), None),
    };
    if !target.starts_with("arn:") {
        return Err(refusal("it does not begin with an ARN, or the first part of one"));
    }
    let role = role_arn(role).map_err(|reason| refusal(&reason))?;
    Ok((target.to_owned(), Role { arn: role.to_string(), external_id }))
}

/// The ARN of a role, by its form.
pub(crate) fn role_arn(text: &str) -> Result<Arn, String> {
    let arn = text
        .parse::<Arn>()
        .ok()
        .filter(|arn| arn.service == "iam" && arn.resource.strip_prefix("role/").is_some_and(|name| !name.is_empty()));
    arn.ok_or_else(|| format!("{text:?} is no ARN of a role: use arn:aws:iam::ACCOUNT:role/NAME"))
}

/// What is given, unless it says nothing: files of other tools have empty values.
fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// An address that requests can go to.
fn endpoint(name: &str, url: Option<&EndpointUrl>) -> Result<Option<EndpointUrl>, SettingsError> {
    let Some(endpoint) = url.filter(|url| !url.as_str().is_empty()) else { return Ok(None) };
    let url = endpoint.as_str();
    let is_right = url.parse::<hyper::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_right {
        return Ok(Some(endpoint.clone()));
    }
    let reason = format!("{:?} is no address of a service: use one as https://HOST or http://HOST:PORT", redacted(url));
    Err(SettingsError::Invalid { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests;
