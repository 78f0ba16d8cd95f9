//! Where descriptions are read from, as it is written on the command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::settings::{Arn, InvalidTarget, Target};
use crate::sink::AwsTarget;

/// A place that descriptions of given-up records can be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnFailureLocation {
    /// A file, a folder with files, or standard input for `-`.
    Path(PathBuf),
    /// The objects of a bucket below a prefix.
    S3(Arn),
    /// An SQS queue.
    Sqs(Arn),
}

/// A text that names no place to read descriptions from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOnFailureLocation {
    /// Nothing can be read back from there.
    #[error("{0} keeps no descriptions that could be read back: {1}")]
    NotReadable(String, &'static str),
    /// It is the address of something else.
    #[error("invalid queue {0:?}: use https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, or the queue's ARN")]
    NoQueue(String),
    /// It is no place at all.
    #[error(transparent)]
    Invalid(#[from] InvalidTarget),
}

impl OnFailureLocation {
    /// Returns its ARN; none: it is a file or a folder.
    pub fn arn(&self) -> Option<&Arn> {
        match self {
            Self::Path(_) => None,
            Self::S3(arn) | Self::Sqs(arn) => Some(arn),
        }
    }

    /// Whether what is written to the target may be read from here.
    pub fn overlaps(&self, target: &Target) -> bool {
        match (self, target) {
            (Self::Path(path), Target::File(file)) if path.is_dir() => is_below(file, path),
            (Self::Path(path), _) => path != Path::new("-") && target.is_file(path),
            (Self::S3(own), Target::Aws(other)) => AwsTarget::bucket(own.clone()).overlaps(other),
            (Self::Sqs(own), Target::Aws(other)) => own == other.arn(),
            _ => false,
        }
    }
}

impl FromStr for OnFailureLocation {
    type Err = InvalidOnFailureLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_readable = |remedy| Err(InvalidOnFailureLocation::NotReadable(text.to_owned(), remedy));
        if let Some(place) = text.strip_prefix("s3://") {
            return Self::of_target(format!("arn:aws:s3:::{place}").parse()?, text);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            let arn = queue_of(text).ok_or_else(|| InvalidOnFailureLocation::NoQueue(text.to_owned()))?;
            return Self::of_target(arn.parse()?, text);
        }
        if matches!(text, "stdout" | "none") {
            return not_readable("name a file, a folder, an S3 bucket or an SQS queue");
        }
        if text.starts_with("arn:") || text.starts_with("file:") {
            return Self::of_target(text.parse()?, text);
        }
        Ok(Self::Path(text.into()))
    }
}

impl OnFailureLocation {
    fn of_target(target: Target, text: &str) -> Result<Self, InvalidOnFailureLocation> {
        let not_readable = |remedy| Err(InvalidOnFailureLocation::NotReadable(text.to_owned(), remedy));
        match target {
            Target::File(path) => Ok(Self::Path(path)),
            Target::Aws(target) => {
                let arn = target.arn().clone();
                match arn.service.as_str() {
                    "s3" => Ok(Self::S3(arn)),
                    "sqs" => Ok(Self::Sqs(arn)),
                    "sns" => not_readable("name a queue that is subscribed to the topic"),
                    _ => not_readable("name an S3 bucket or an SQS queue"),
                }
            }
            Target::Stdout | Target::None | Target::Discard => {
                not_readable("name a file, a folder, an S3 bucket or an SQS queue")
            }
        }
    }
}

impl fmt::Display for OnFailureLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) if path == Path::new("-") => formatter.write_str("standard input"),
            Self::Path(path) => path.display().fmt(formatter),
            Self::S3(arn) | Self::Sqs(arn) => arn.fmt(formatter),
        }
    }
}

/// The ARN of the queue at an address of AWS; none: it is that of something else. An emulator's address does not say its
/// region.
fn queue_of(address: &str) -> Option<String> {
    let (host, path) = address.split_once("://")?.1.split_once('/')?;
    let (account, name) = path.split_once('/')?;
    let (host, partition) = match host.strip_suffix(".amazonaws.com.cn") {
        Some(host) => (host, "aws-cn"),
        None => (host.strip_suffix(".amazonaws.com")?, "aws"),
    };
    // `REGION.queue` is how it was written in former times.
    let region = host.strip_prefix("sqs.").or_else(|| host.strip_suffix(".queue"))?;
    let partition = if region.starts_with("us-gov-") { "aws-us-gov" } else { partition };
    Some(format!("arn:{partition}:sqs:{region}:{account}:{name}"))
}

/// Whether a file, which need not be there yet, is in a folder or in one below it.
fn is_below(file: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let resolved = file.canonicalize().ok().or_else(|| {
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        parent.canonicalize().ok()
    });
    resolved.is_some_and(|path| path.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<OnFailureLocation, InvalidOnFailureLocation> {
        text.parse()
    }

    #[test]
    fn a_place_is_what_a_mapping_writes_descriptions_to() {
        assert_eq!(place("given-up"), Ok(OnFailureLocation::Path("given-up".into())));
        assert_eq!(place("file:given-up.ndjson"), Ok(OnFailureLocation::Path("given-up.ndjson".into())));
        assert_eq!(place("-").map(|place| place.to_string()), Ok("standard input".to_owned()));
        for text in ["s3://bucket/given/up", "s3://bucket/given/up/", "arn:aws:s3:::bucket/given/up"] {
            assert_eq!(place(text).map(|place| place.to_string()), Ok("arn:aws:s3:::bucket/given/up".to_owned()));
        }
        for (text, arn) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/q", "arn:aws:sqs:eu-west-1:123456789012:q"),
            ("https://eu-west-1.queue.amazonaws.com/123456789012/q", "arn:aws:sqs:eu-west-1:123456789012:q"),
            ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "arn:aws-cn:sqs:cn-north-1:123456789012:q"),
            (
                "https://sqs.us-gov-west-1.amazonaws.com/123456789012/q",
                "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q",
            ),
            ("arn:aws:sqs:eu-west-1:123456789012:q", "arn:aws:sqs:eu-west-1:123456789012:q"),
        ] {
            assert_eq!(place(text).map(|place| place.to_string()), Ok(arn.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_what_would_be() {
        let message = |text: &str| place(text).expect_err(text).to_string();
        assert!(message("arn:aws:sns:eu-west-1:123456789012:t").contains("a queue that is subscribed"));
        assert!(message("arn:aws:kinesis:eu-west-1:123456789012:stream/s").contains("an S3 bucket or an SQS queue"));
        assert!(message("stdout").contains("name a file"));
        for text in
            ["http://127.0.0.1:4566/000000000000/q", "https://example.com/", "https://sqs.eu-west-1.amazonaws.com"]
        {
            assert!(message(text).contains("or the queue's ARN"), "{text}");
        }
        assert!(message("https://sqs.eu-west-1.amazonaws.com/12/q").contains("ARN"));
        assert!(message("s3://").contains("bucket"));
    }

    #[test]
    fn a_target_overlaps_where_it_would_be_read_again() {
        let overlaps = |text: &str, target: &str| place(text).expect(text).overlaps(&target.parse().expect(target));
        assert!(overlaps("s3://b-1/given-up", "arn:aws:s3:::b-1/given-up/out"));
        assert!(!overlaps("s3://b-1/given-up", "arn:aws:s3:::b-1/out"));
        let queue = "arn:aws:sqs:eu-west-1:123456789012:q";
        assert!(overlaps(queue, queue) && !overlaps(queue, "arn:aws:sqs:eu-west-1:123456789012:q2"));
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().display().to_string();
        std::fs::create_dir(folder.path().join("sub")).expect("made");
        for file in ["out.ndjson", "sub/out.ndjson"] {
            assert!(overlaps(&own, &format!("file:{own}/{file}")), "{file}");
        }
        assert!(!overlaps(&own, "file:/tmp/elsewhere.ndjson") && !overlaps("-", "file:-"));
    }
}
