//! A value that nobody is to see.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// What a secret looks like wherever it would be shown.
const HIDDEN: &str = "***";

/// A secret, or the variable that holds it: `${env:NAME}`. Its debug form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret itself.
    ///
    /// # Errors
    /// With what is wrong with the variable that holds it. The message has no value in it.
    pub(crate) fn reveal(&self) -> Result<String, String> {
        let Some(name) = variable(&self.0) else { return Ok(self.0.clone()) };
        match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(value),
            Ok(_) | Err(std::env::VarError::NotPresent) => Err(format!("the variable {name} is not set: set it")),
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("the variable {name} is no text")),
        }
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text that is given for a secret is the secret itself, and not the variable that holds it.
    pub(crate) fn is_written_out(text: &str) -> bool {
        !text.is_empty() && variable(text).is_none()
    }
}

/// The variable that a text refers to.
fn variable(text: &str) -> Option<&str> {
    text.strip_prefix("${env:")?.strip_suffix('}').filter(|name| !name.is_empty())
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere_and_may_be_in_a_variable() {
        let secret: Secret = "hunter2".parse().expect("a secret");
        assert_eq!((format!("{secret:?}").as_str(), secret.reveal()), ("***", Ok("hunter2".to_owned())));
        assert!(
            Secret::is_written_out("hunter2") && !Secret::is_written_out("${env:A}") && !Secret::is_written_out("")
        );
        let in_a_variable: Secret = "${env:PATH}".parse().expect("a secret");
        assert_eq!(in_a_variable.reveal().ok(), std::env::var("PATH").ok());
        let nowhere: Secret = "${env:KINESIEVE_NOT_SET_ANYWHERE}".parse().expect("a secret");
        let message = nowhere.reveal().expect_err("not set");
        assert_eq!(message, "the variable KINESIEVE_NOT_SET_ANYWHERE is not set: set it");
    }
}
