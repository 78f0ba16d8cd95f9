//! Which places were asked for a region or for credentials, and what each of them lacks, for a person.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use aws_credential_types::provider::error::CredentialsError;

use crate::aws::{chain, cut};
use crate::redaction::redacted;

/// Bytes of what a place says that are of use beside what the others say.
const REASON_BYTES: usize = 300;

/// Where the SDK looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Environment,
    Profile,
    WebIdentity,
    Container,
    Instance,
    /// The key that the settings give.
    Settings,
    /// A role that is assumed, by its ARN.
    Role(Box<str>),
}

/// The places that were asked, and what each of them lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AskedPlaces {
    /// Each as it is written.
    texts: Vec<String>,
    remedy: Option<String>,
    /// The profile that the settings name.
    profile: Option<String>,
}

impl AskedPlaces {
    /// Those that are asked for a region, none of which names one.
    pub(super) fn for_a_region(profile: Option<&str>) -> Self {
        let profile = Profile::at_hand(profile);
        let lacks = profile.lacks().unwrap_or("which names none");
        let texts = vec![
            "AWS_REGION and AWS_DEFAULT_REGION, which are not set".to_owned(),
            format!("{profile}, {lacks}"),
            format!("instance metadata {}", instance_lacks()),
        ];
        Self { texts, ..Self::default() }
    }

    /// None yet. `profile` is the profile that the settings name.
    pub(super) fn of_profile(profile: Option<&str>) -> Self {
        Self { profile: profile.map(str::to_owned), ..Self::default() }
    }

    /// Adds a place that gave no credentials.
    pub(super) fn add_for_credentials(&mut self, place: &Place, error: &CredentialsError) {
        let is_absent = matches!(error, CredentialsError::CredentialsNotLoaded(_));
        let reason = || cut(own_words(error), REASON_BYTES);
        self.texts.push(match place {
            Place::Environment => match (is_absent, variable("AWS_ACCESS_KEY_ID")) {
                (true, None) => "the environment, where AWS_ACCESS_KEY_ID is not set".to_owned(),
                (true, Some(_)) => "the environment, where AWS_SECRET_ACCESS_KEY is not set".to_owned(),
                (false, _) => format!("the environment ({})", reason()),
            },
            Place::Profile => {
                let profile = Profile::at_hand(self.profile.as_deref());
                let said = reason();
                if !is_absent {
                    self.remedy = Some(profile.remedy(&said));
                }
                match (is_absent, profile.lacks()) {
                    (true, Some(lacks)) => format!("{profile}, {lacks}"),
                    (true, None) if said.contains("was not defined") => {
                        self.remedy = Some(format!("name a profile that is there with {}, or set {KEYS}", profile.by));
                        format!("{profile}, which is not there")
                    }
                    (true, None) => format!("{profile}, which has none"),
                    // The SDK speaks of how it was built.
                    (false, _) if said.contains(NOT_BUILT_IN) || sign_in(&said).is_some() => {
                        format!("{profile}, for which somebody has to log in")
                    }
                    (false, _) => format!("{profile} ({said})"),
                }
            }
            Place::WebIdentity if is_absent => {
                "a web identity, where AWS_WEB_IDENTITY_TOKEN_FILE is not set".to_owned()
            }
            Place::WebIdentity => format!("a web identity ({})", reason()),
            Place::Container if is_absent => {
                "the container, where AWS_CONTAINER_CREDENTIALS_FULL_URI is not set".to_owned()
            }
            Place::Container => format!("the container ({})", reason()),
            Place::Role(arn) => {
                self.remedy = Some(format!(
                    "let the trust policy of {arn} name who is to assume it, with the external id if it asks for one, and \
                     allow sts:AssumeRole"
                ));
                format!("the role {arn} ({})", reason())
            }
            Place::Instance if said_404(error) => "instance metadata, where the instance has no role".to_owned(),
            Place::Instance => format!("instance metadata {}", instance_lacks()),
            Place::Settings => format!("the settings ({})", reason()),
        });
    }

    /// What to do for credentials.
    pub(super) fn remedy(&self) -> &str {
        self.remedy.as_deref().unwrap_or(REMEDY)
    }
}

/// What the SDK says of a profile whose credentials come of a session or of a program, where it was built without those: they are
/// the AWS CLI's to ask.
const NOT_BUILT_IN: &str = "cargo feature";

/// What the SDK says where nobody has signed in, or too long ago, and the command of the AWS CLI that does.
const SIGN_INS: [(&str, &str); 3] =
    [("SSO token", "aws sso login"), ("Login token", "aws login"), ("login/cache", "aws login")];

/// The command by which somebody signs in, if that is what is missing.
fn sign_in(said: &str) -> Option<&'static str> {
    SIGN_INS.iter().find(|(words, _)| said.contains(words)).map(|(_, command)| *command)
}

const KEYS: &str = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// What to do about credentials that are nowhere.
pub(super) const REMEDY: &str =
    "set AWS_PROFILE to a profile with credentials, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

impl fmt::Display for AskedPlaces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "asked: {}", self.texts.join("; "))
    }
}

/// The profile that is read, and the files that it may be in.
struct Profile {
    name: String,
    /// What names it.
    by: &'static str,
    files: [PathBuf; 2],
}

impl Profile {
    /// As the settings say it, and else the environment.
    fn at_hand(given: Option<&str>) -> Self {
        let home = PathBuf::from(variable("HOME").unwrap_or_else(|| "~".to_owned())).join(".aws");
        let file = |name, usual| variable(name).map_or_else(|| home.join(usual), PathBuf::from);
        Self {
            name: given.map(str::to_owned).or_else(|| variable("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned()),
            by: if given.is_some() { "--profile" } else { "AWS_PROFILE" },
            files: [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")],
        }
    }

    /// What is to be said of its files as such; none: one of them is there.
    fn lacks(&self) -> Option<&'static str> {
        (!self.files.iter().any(|file| file.exists())).then_some("which are not there")
    }

    /// What to do where something is wrong in it.
    fn remedy(&self, said: &str) -> String {
        let Self { name, by, .. } = self;
        if said.contains(NOT_BUILT_IN) {
            return format!(
                "Kinesieve does not log in by itself, so give it what the AWS CLI has, with eval \"$(aws configure \
                 export-credentials --profile {name} --format env)\"",
            );
        }
        if let Some(command) = sign_in(said) {
            return format!("sign in, with {command} --profile {name}");
        }
        format!("mend the profile {name}, name another with {by}, or set {KEYS}")
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [config, credentials] = self.files.each_ref().map(|file| Path::display(file));
        write!(formatter, "profile {} in {config} and {credentials}", self.name)
    }
}

/// A variable, unless it is empty.
fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

/// Why the metadata service of an instance gave nothing.
fn instance_lacks() -> String {
    if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return "is switched off by AWS_EC2_METADATA_DISABLED".to_owned();
    }
    let address = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| "169.254.169.254".to_owned());
    // An address may hold a password.
    format!("at {}, which gives none", redacted(&address))
}

fn said_404(error: &CredentialsError) -> bool {
    own_words(error).contains("404")
}

/// What led to an error, without the words that all errors of its kind begin with.
fn own_words(error: &CredentialsError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), chain)
}
