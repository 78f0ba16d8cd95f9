//! The name of a place that outputs go to, as it is written in the settings.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A place that outputs go to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// `stdout`: a line an output.
    Stdout,
    /// `file:PATH`: a line an output, appended.
    File(PathBuf),
    /// `none`: nowhere.
    None,
}

/// A text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// It has none of the forms.
    #[error("{0:?} is no target: use stdout, file:PATH or none")]
    Unknown(String),
    /// There is no path behind `file:`.
    #[error("\"file:\" lacks its path: use file:PATH")]
    NoPath,
    /// It names a service that this version does not deliver to.
    #[error("{0:?} names an AWS resource, which this version does not deliver to: use stdout, file:PATH or none")]
    Arn(String),
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stdout" => Ok(Target::Stdout),
            "none" => Ok(Target::None),
            "file:" => Err(InvalidTarget::NoPath),
            _ => match text.strip_prefix("file:") {
                Some(path) => Ok(Target::File(path.into())),
                None if text.starts_with("arn:") => Err(InvalidTarget::Arn(text.to_owned())),
                None => Err(InvalidTarget::Unknown(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stdout => formatter.write_str("stdout"),
            Target::File(path) => write!(formatter, "file:{}", path.display()),
            Target::None => formatter.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_back_as_it_was_written() {
        for text in ["stdout", "none", "file:/tmp/out.ndjson", "file:relative path.ndjson"] {
            assert_eq!(text.parse::<Target>().map(|target| target.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn says_what_to_use_instead() {
        let message = |text: &str| text.parse::<Target>().expect_err(text).to_string();
        assert!(message("file:").contains("file:PATH"));
        assert!(message("Stdout").contains("\"Stdout\""));
        assert!(message("arn:aws:sqs:eu-west-1:123456789012:q").contains("AWS resource"));
    }
}
