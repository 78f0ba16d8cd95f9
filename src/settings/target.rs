//! The name of a place that outputs go to, as it is written in the settings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::arn::Arn;

/// A place that outputs go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `stdout`: a line an output.
    Stdout,
    /// `file:PATH`: a line an output, appended.
    File(PathBuf),
    /// `none`: nowhere.
    None,
    /// The ARN of a Kinesis stream.
    Kinesis(Arn),
    /// The ARN of a Firehose delivery stream.
    Firehose(Arn),
    /// The ARN of an SQS queue.
    Sqs(Arn),
    /// The ARN of an S3 bucket, with a prefix of keys behind a slash, or without.
    S3(Arn),
}

/// What a target can be, for messages.
const FORMS: &str = "the ARN of a Kinesis stream, a Firehose delivery stream, an SQS queue or an S3 bucket with a \
                     prefix, stdout, file:PATH or none";

/// Bytes of a prefix in S3: a key has 1,024 at most, and stream, shard and positions take up to 300.
const PREFIX_BYTES: usize = 700;

/// A text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// It has none of the forms.
    #[error("{0:?} is no target: use {FORMS}")]
    Unknown(String),
    /// There is no path behind `file:`.
    #[error("\"file:\" lacks its path: use file:PATH")]
    NoPath,
    /// It starts like an ARN, but is none of a target.
    #[error("{arn:?} is no target: {reason}; use {FORMS}")]
    Arn {
        /// What was given.
        arn: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Target {
    /// Whether both are one place, however either is spelt.
    pub fn is_same_place(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::File(path), _) => other.is_file(path),
            (Target::S3(own), Target::S3(arn)) => {
                own.resource.trim_end_matches('/') == arn.resource.trim_end_matches('/')
            }
            _ => self == other,
        }
    }

    /// Whether both are prefixes of one bucket, of which one holds the other, or is the same.
    pub fn overlaps(&self, other: &Target) -> bool {
        let (Target::S3(own), Target::S3(other)) = (self, other) else { return false };
        let ((own_bucket, own_prefix), (bucket, prefix)) = (bucket_and_prefix(own), bucket_and_prefix(other));
        own_bucket == bucket && (own_prefix.starts_with(&prefix) || prefix.starts_with(&own_prefix))
    }

    /// Whether whoever reads there is promised an order: a FIFO queue's group. From a stream, dead letters are
    /// picked one by one, and their order tells nobody anything.
    pub fn keeps_order(&self) -> bool {
        matches!(self, Target::Sqs(queue) if queue.resource.ends_with(".fifo"))
    }

    /// Whether it is the file at `path`, however either is spelt.
    pub fn is_file(&self, path: &Path) -> bool {
        matches!(self, Target::File(own) if is_same_file(own, path))
    }
}

/// The bucket, and the prefix with its slash, as keys below it start; empty, where there is none.
fn bucket_and_prefix(place: &Arn) -> (&str, String) {
    let (bucket, prefix) = place.resource.split_once('/').unwrap_or((&place.resource, ""));
    let prefix = prefix.trim_matches('/');
    (bucket, if prefix.is_empty() { String::new() } else { format!("{prefix}/") })
}

/// Takes the ARN of an S3 bucket, with a prefix or without.
///
/// # Errors
/// When it is something else.
pub(crate) fn s3_prefix(text: &str) -> Result<Arn, String> {
    match text.parse() {
        Ok(Target::S3(arn)) => Ok(arn),
        _ => Err(format!("{text:?} is no prefix of a bucket: use arn:aws:s3:::BUCKET/PREFIX")),
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
                None if text.starts_with("arn:") => {
                    resource(text).map_err(|reason| InvalidTarget::Arn { arn: text.to_owned(), reason })
                }
                None => Err(InvalidTarget::Unknown(text.to_owned())),
            },
        }
    }
}

fn resource(text: &str) -> Result<Target, &'static str> {
    let arn: Arn = text.parse().map_err(|_| "it is no ARN (arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE)")?;
    if arn.service == "s3" {
        return bucket(arn);
    }
    let name = match arn.service.as_str() {
        "kinesis" => arn.resource.strip_prefix("stream/").ok_or("it is not a stream's (...:stream/NAME)")?,
        "firehose" => {
            let name = arn.resource.strip_prefix("deliverystream/");
            name.ok_or("it is not a delivery stream's (...:deliverystream/NAME)")?
        }
        "sqs" => &arn.resource,
        _ => return Err("it is another service's"),
    };
    if name.contains("/consumer/") {
        return Err("it is a consumer's: name the stream itself");
    }
    if name.is_empty() || arn.region.is_empty() || arn.account.is_empty() {
        return Err("it lacks its region, its account or its name");
    }
    // Names of streams may hold a dot, those of queues the one of `.fifo`.
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err("its name holds more than letters, digits, hyphens, underscores and dots");
    }
    Ok(match arn.service.as_str() {
        "kinesis" => Target::Kinesis(arn),
        "firehose" => Target::Firehose(arn),
        _ => Target::Sqs(arn),
    })
}

/// `arn:aws:s3:::BUCKET` or `arn:aws:s3:::BUCKET/PREFIX`.
fn bucket(arn: Arn) -> Result<Target, &'static str> {
    let (name, prefix) = arn.resource.split_once('/').unwrap_or((&arn.resource, ""));
    if !arn.region.is_empty() || !arn.account.is_empty() {
        return Err("it is not a bucket's, which has neither region nor account (arn:aws:s3:::BUCKET/PREFIX)");
    }
    if name.len() < 3 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
        return Err("its bucket can't be one: 3 letters, digits, hyphens or dots at least");
    }
    if prefix.len() > PREFIX_BYTES {
        return Err("its prefix has more than 700 bytes");
    }
    Ok(Target::S3(arn))
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stdout => formatter.write_str("stdout"),
            Target::File(path) => write!(formatter, "file:{}", path.display()),
            Target::None => formatter.write_str("none"),
            Target::Kinesis(arn) | Target::Firehose(arn) | Target::Sqs(arn) | Target::S3(arn) => arn.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_back_as_it_was_written() {
        for text in [
            "stdout",
            "none",
            "file:/tmp/out.ndjson",
            "file:relative path.ndjson",
            "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/readings",
            "arn:aws-us-gov:firehose:us-gov-west-1:123456789012:deliverystream/a.b_c-d",
            "arn:aws:sqs:eu-west-1:123456789012:orders.fifo",
            "arn:aws:s3:::bucket",
            "arn:aws-cn:s3:::bucket.with.dots/a prefix/with:colons",
        ] {
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
    fn prefixes_overlap_where_one_holds_the_other() {
        let overlap = |left: &str, right: &str| {
            let target = |text: &str| format!("arn:aws:s3:::{text}").parse::<Target>().expect(text);
            assert_eq!(target(left).overlaps(&target(right)), target(right).overlaps(&target(left)));
            target(left).overlaps(&target(right))
        };
        for (left, right) in [("b-1/a", "b-1/a/"), ("b-1/a", "b-1//a"), ("b-1/a/b", "b-1/a"), ("b-1", "b-1/a")] {
            assert!(overlap(left, right), "{left} {right}");
        }
        for (left, right) in [("b-1/a", "b-2/a"), ("b-1/a", "b-1/ab"), ("b-1/a/c", "b-1/a/b")] {
            assert!(!overlap(left, right), "{left} {right}");
        }
        assert!(!Target::Stdout.overlaps(&Target::Stdout));
    }

    #[test]
    fn says_what_to_use_instead() {
        let message = |text: &str| text.parse::<Target>().expect_err(text).to_string();
        assert!(message("file:").contains("file:PATH"));
        assert!(message("Stdout").contains("\"Stdout\""));
        assert!(message("arn:aws:sns:eu-west-1:123456789012:topic").contains("another service's"));
        assert!(message("arn:aws:firehose:eu-west-1:123456789012:stream/a").contains("deliverystream/NAME"));
        assert!(message("arn:aws:sqs:eu-west-1:123456789012:a/b").contains("letters, digits"));
        assert!(message("arn:aws:sqs:eu-west-1::q").contains("its account"));
        assert!(message("arn:aws:s3:eu-west-1:123456789012:accesspoint/a").contains("BUCKET/PREFIX"));
        assert!(message("arn:aws:s3:::a").contains("its bucket"));
        assert!(message(&format!("arn:aws:s3:::bucket/{}", "x".repeat(701))).contains("700 bytes"));
        assert!(message("arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b:1").contains("a consumer's"));
        assert!(message("arn:aws:kinesis:eu-west-1:123456789012:table/a").contains("stream/NAME"));
        assert!(message("arn:aws:kinesis::123456789012:stream/a").contains("its region"));
        assert!(message("arn:aws").contains("it is no ARN"));
    }
}
