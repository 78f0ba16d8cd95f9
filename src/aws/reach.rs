//! How services are reached where settings say so: region, endpoint, credentials, roles. The process has one answer to that,
//! as the SDK's variables are the process's own; what the settings leave open, the SDK finds as it always does.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use aws_credential_types::provider::SharedCredentialsProvider;

use super::Arn;
use super::tcp_options::TcpOptions;
use crate::redaction::redacted;

/// The address of services. It may hold a password, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(String);

impl EndpointUrl {
    /// The address itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EndpointUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", redacted(&self.0))
    }
}

/// Where credentials come from, before any role.
#[derive(Clone, Default, PartialEq)]
pub(crate) enum CredentialsFrom {
    /// From wherever the SDK looks.
    #[default]
    Sdk,
    /// From a profile alone.
    Profile(String),
    /// From the settings themselves.
    Key(AccessKeyHolder),
    /// From the metadata service of the instance alone.
    Instance,
}

/// Who gives the access key of the settings. Two are the same where they give one key.
#[derive(Clone)]
pub(crate) struct AccessKeyHolder {
    /// The id of the key, or where it stands.
    pub(crate) id: String,
    /// It is asked for each request.
    pub(crate) provider: SharedCredentialsProvider,
}

impl PartialEq for AccessKeyHolder {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

// An access key has a secret, so it is not left to its type what is shown of it.
impl fmt::Debug for CredentialsFrom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialsFrom::Sdk => formatter.write_str("Sdk"),
            CredentialsFrom::Profile(name) => formatter.debug_tuple("Profile").field(name).finish(),
            CredentialsFrom::Key(key) => formatter.debug_tuple("Key").field(&key.id).finish(),
            CredentialsFrom::Instance => formatter.write_str("Instance"),
        }
    }
}

/// A role that is assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    /// Its ARN.
    pub(crate) arn: String,
    /// What its trust policy asks for, if it does.
    pub(crate) external_id: Option<String>,
}

/// How a service is reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reach {
    /// The region of what has none of its own.
    pub(crate) region: Option<String>,
    /// The address of all services.
    pub(crate) endpoint_url: Option<EndpointUrl>,
    /// Who is asked for credentials.
    pub(crate) credentials: CredentialsFrom,
    /// The role that is assumed with them.
    pub(crate) role: Option<Role>,
    /// What connections are made by.
    pub(crate) tcp: TcpOptions,
}

impl Reach {
    /// The profile that is named.
    pub(super) fn profile(&self) -> Option<&str> {
        match &self.credentials {
            CredentialsFrom::Profile(name) => Some(name),
            _ => None,
        }
    }
}

/// How all services are reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reaches {
    /// The streams, and all that has no way of its own.
    pub(crate) common: Reach,
    /// The checkpoint table.
    pub(crate) table: Reach,
    /// Roles for the resources whose ARN begins so.
    pub(crate) roles: Vec<(String, Role)>,
}

impl Reaches {
    /// How a resource is reached: as all are, but with the role that is its own. Of several, the one that says most of the ARN.
    fn of(&self, resource: &Arn) -> Cow<'_, Reach> {
        match self.role_of(resource) {
            Some(role) => Cow::Owned(Reach { role: Some(role.clone()), ..self.common.clone() }),
            None => Cow::Borrowed(&self.common),
        }
    }

    fn role_of(&self, resource: &Arn) -> Option<&Role> {
        let arn = resource.to_string();
        let matching = self.roles.iter().filter(|(prefix, _)| arn.starts_with(prefix.as_str()));
        matching.max_by_key(|(prefix, _)| prefix.len()).map(|(_, role)| role)
    }
}

static REACHES: OnceLock<Reaches> = OnceLock::new();

/// Says how services are reached from now on. A process says it once, before its first client: clients that are there stay as
/// they are, and so does what was said before.
pub fn reach_services_by(reaches: Reaches) {
    let _ = REACHES.set(reaches);
}

fn reaches() -> &'static Reaches {
    static AS_THE_SDK_FINDS: Reaches = Reaches { common: AS_FOUND, table: AS_FOUND, roles: Vec::new() };
    const AS_FOUND: Reach = Reach {
        region: None,
        endpoint_url: None,
        credentials: CredentialsFrom::Sdk,
        role: None,
        tcp: TcpOptions::NONE,
    };
    REACHES.get().unwrap_or(&AS_THE_SDK_FINDS)
}

/// How the streams are reached, and all that has no way of its own.
pub(super) fn common() -> &'static Reach {
    &reaches().common
}

/// How the checkpoint table is reached.
pub(super) fn of_table() -> &'static Reach {
    &reaches().table
}

/// How a resource is reached.
pub(super) fn of(resource: &Arn) -> Cow<'static, Reach> {
    reaches().of(resource)
}

/// Whether a resource is reached by a role of its own.
pub(crate) fn has_own_role(resource: &Arn) -> bool {
    reaches().role_of(resource).is_some()
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;

    #[test]
    fn a_secret_is_in_no_debugging_output() {
        let key = Credentials::new("AKID", "hunter2", Some("hunter2".to_owned()), None, "test");
        let provider = SharedCredentialsProvider::new(key);
        let key = CredentialsFrom::Key(AccessKeyHolder { id: "AKID".to_owned(), provider });
        let reach = Reach { credentials: key, ..Reach::default() };
        let shown = format!("{:#?}", Reaches { common: reach.clone(), table: reach, roles: Vec::new() });
        assert!(shown.contains("AKID") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn of_several_roles_the_one_that_says_most_of_the_arn_is_assumed() {
        let role = |name: &str| Role { arn: name.to_owned(), external_id: None };
        let roles = vec![
            ("arn:aws:sqs:eu-west-1:222222222222:".to_owned(), role("queues")),
            ("arn:aws:sqs:eu-west-1:222222222222:dead".to_owned(), role("dead")),
        ];
        let reaches = Reaches { roles, ..Reaches::default() };
        let name = |arn: &str| {
            let reach = reaches.of(&arn.parse().expect("an ARN")).into_owned();
            reach.role.map(|role| role.arn)
        };
        assert_eq!(name("arn:aws:sqs:eu-west-1:222222222222:dead").as_deref(), Some("dead"));
        assert_eq!(name("arn:aws:sqs:eu-west-1:222222222222:other").as_deref(), Some("queues"));
        assert_eq!(name("arn:aws:sqs:eu-west-1:333333333333:dead"), None);
    }
}
