//! The name of a place that outputs go to, as it is written in the settings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A place that outputs go to.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl Target {
    /// Whether it is the file at `path`, however either is spelt.
    pub fn is_file(&self, path: &Path) -> bool {
        matches!(self, Target::File(own) if is_same_file(own, path))
    }
}

/// Whether two paths lead to one file, which need not be there yet.
pub fn is_same_file(left: &Path, right: &Path) -> bool {
    resolved(left) == resolved(right)
}

fn resolved(path: &Path) -> PathBuf {
    if let Ok(resolved) = path.canonicalize() {
        return resolved;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
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
    fn a_file_is_the_same_however_it_is_spelt() {
        let folder = tempfile::tempdir().expect("a folder");
        let (plain, detour) = (folder.path().join("o"), folder.path().join(".").join("o"));
        assert!(Target::File(plain.clone()).is_file(&detour));
        std::fs::write(&plain, "").expect("written");
        assert!(Target::File(plain.clone()).is_file(&detour));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&plain, &link).expect("linked");
        assert!(is_same_file(&plain, &link));
        assert!(!is_same_file(&plain, &folder.path().join("other")));
        assert!(!Target::Stdout.is_file(Path::new("stdout")));
    }

    #[test]
    fn says_what_to_use_instead() {
        let message = |text: &str| text.parse::<Target>().expect_err(text).to_string();
        assert!(message("file:").contains("file:PATH"));
        assert!(message("Stdout").contains("\"Stdout\""));
        assert!(message("arn:aws:sqs:eu-west-1:123456789012:q").contains("AWS resource"));
    }
}
