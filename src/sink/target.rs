//! The name of a place that outputs go to, as it is written in the settings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::destination::{AwsTarget, Capabilities, PackGroups, nouns_of};
use crate::aws::Arn;
use crate::files::is_same_file;

/// A place that outputs go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `stdout`: a line an output.
    Stdout,
    /// `file:PATH`: a line an output, appended.
    File(PathBuf),
    /// `none`: nowhere.
    None,
    /// `discard`, for dead letters alone: what fails is given up.
    Discard,
    /// The ARN of a destination in AWS.
    Aws(AwsTarget),
}

/// Returns what a target can be, for messages.
fn forms() -> String {
    format!("the ARN of {}, stdout, file:PATH or none", nouns_of(|_| true))
}

/// A text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// It has none of the forms.
    #[error("invalid destination {0:?}: use {forms}", forms = forms())]
    Unknown(String),
    /// There is no path behind `file:`.
    #[error("\"file:\" has no path: use file:PATH")]
    NoPath,
    /// It starts like an ARN, but is none of a target.
    #[error("invalid destination {arn:?}: {reason}; use {forms}", forms = forms())]
    Arn {
        /// What was given.
        arn: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Target {
    /// Returns a bucket with a prefix as a target, whose ARN was checked before.
    pub(crate) fn bucket(arn: Arn) -> Self {
        Target::Aws(AwsTarget::bucket(arn))
    }

    /// Whether what is written to one of them lands where what is written to the other does, however either is spelt.
    pub fn is_same_place(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::File(path), other) | (other, Target::File(path)) => other.is_file(path),
            (Target::Aws(own), Target::Aws(other)) => own.is_same_place(other),
            _ => self == other,
        }
    }

    /// Whether both are prefixes of one bucket, of which one holds the other, or is the same.
    pub fn overlaps(&self, other: &Target) -> bool {
        matches!((self, other), (Target::Aws(own), Target::Aws(other)) if own.overlaps(other))
    }

    /// Returns what it can do.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            Target::Aws(target) => target.capabilities(),
            Target::File(_) => {
                Capabilities { packing: PackGroups::Text, storage: Some("a file"), ..Capabilities::PLAIN }
            }
            Target::Stdout => Capabilities { packing: PackGroups::Text, ..Capabilities::PLAIN },
            // Nothing may be lost in silence.
            Target::None => Capabilities { dead_letters: false, ..Capabilities::PLAIN },
            Target::Discard => Capabilities { outputs: false, ..Capabilities::PLAIN },
        }
    }

    /// Whether it is the file at `path`, however either is spelt; standard output is the one that it was led into.
    pub fn is_file(&self, path: &Path) -> bool {
        match self {
            Target::File(own) => is_same_file(own, path),
            Target::Stdout => is_stdout(path),
            _ => false,
        }
    }
}

/// Takes the ARN of an S3 bucket, with a prefix or without.
///
/// # Errors
/// When it is something else.
pub(crate) fn s3_prefix(text: &str) -> Result<Arn, String> {
    match text.parse() {
        Ok(Target::Aws(target)) if target.arn().service == "s3" => Ok(target.arn().clone()),
        _ => Err(format!("invalid S3 prefix {text:?}: use arn:aws:s3:::BUCKET/PREFIX")),
    }
}

/// Whether standard output was led into the file at this path. A terminal or a pipe is none.
fn is_stdout(path: &Path) -> bool {
    path.is_file() && is_same_file(path, Path::new("/dev/stdout"))
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stdout" => Ok(Target::Stdout),
            "none" => Ok(Target::None),
            "discard" => Ok(Target::Discard),
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
    let arn: Arn = text.parse().map_err(|_| "not an ARN (arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE)")?;
    AwsTarget::of(arn).map(Target::Aws)
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stdout => formatter.write_str("stdout"),
            Target::File(path) => write!(formatter, "file:{}", path.display()),
            Target::None => formatter.write_str("none"),
            Target::Discard => formatter.write_str("discard"),
            Target::Aws(target) => target.fmt(formatter),
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
            "discard",
            "file:/tmp/out.ndjson",
            "file:relative path.ndjson",
            "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/readings",
            "arn:aws-us-gov:firehose:us-gov-west-1:123456789012:deliverystream/a.b_c-d",
            "arn:aws:sqs:eu-west-1:123456789012:orders.fifo",
            "arn:aws:sns:eu-west-1:123456789012:alerts.fifo",
            "arn:aws-us-gov:events:us-gov-west-1:123456789012:event-bus/default",
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
        let (link, hard_link) = (folder.path().join("link"), folder.path().join("hard"));
        std::os::unix::fs::symlink(&plain, &link).expect("linked");
        std::fs::hard_link(&plain, &hard_link).expect("linked");
        assert!(is_same_file(&plain, &link) && is_same_file(&hard_link, &link));
        assert!(!is_same_file(&plain, &folder.path().join("other")));
        assert!(!Target::Stdout.is_file(Path::new("stdout")) && !Target::None.is_file(&plain));
    }

    #[test]
    fn a_place_is_the_same_however_it_is_spelt() {
        let is_same = |left: &str, right: &str| {
            let (left, right): (Target, Target) = (left.parse().expect(left), right.parse().expect(right));
            assert_eq!(left.is_same_place(&right), right.is_same_place(&left), "{left} {right}");
            left.is_same_place(&right)
        };
        let bucket = "arn:aws:s3:::bucket/p";
        for same in ["arn:aws:s3:::bucket//p", "arn:aws:s3:::bucket/p/", "arn:aws:s3:::bucket//p//", bucket] {
            assert!(is_same(bucket, same), "{same}");
            assert_eq!(same.parse::<Target>(), bucket.parse(), "{same}");
        }
        assert!(is_same("arn:aws:s3:::bucket", "arn:aws:s3:::bucket//"));
        for other in
            ["arn:aws:s3:::bucket/P", "arn:aws:s3:::bucket/p/p", "arn:aws:s3:::bucket", "arn:aws:s3:::bucket2/p"]
        {
            assert!(!is_same(bucket, other), "{other}");
        }
        assert!(!is_same("arn:aws:s3:::bucket/a//b", "arn:aws:s3:::bucket/a/b"), "keys differ as well");

        let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";
        assert!(is_same(stream, stream) && !is_same(stream, "arn:aws:kinesis:eu-west-1:123456789013:stream/s"));
        let firehose = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/s";
        assert!(is_same(firehose, "arn:aws:firehose:eu-west-1:123456789013:deliverystream/s"));
        assert!(!is_same(firehose, "arn:aws:firehose:eu-west-2:123456789012:deliverystream/s"));
        assert!(!is_same(firehose, stream));
        let queue = "arn:aws:sqs:eu-west-1:123456789012:s";
        assert!(is_same(queue, queue) && !is_same(queue, "arn:aws:sqs:eu-west-1:123456789013:s"));
        assert!(!is_same(queue, "arn:aws:sqs:eu-west-1:123456789012:S"));
        assert!(is_same("none", "none") && is_same("stdout", "stdout") && !is_same("none", "stdout"));
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
        assert!(message("arn:aws:lambda:eu-west-1:123456789012:function:f").contains("another service's"));
        assert!(message("arn:aws:sns:eu-west-1:123456789012:topic:1-2").contains("a subscription's"));
        assert!(message("arn:aws:events:eu-west-1:123456789012:rule/r").contains("event-bus/NAME"));
        assert!(message("arn:aws:firehose:eu-west-1:123456789012:stream/a").contains("deliverystream/NAME"));
        assert!(message("arn:aws:sqs:eu-west-1:123456789012:a/b").contains("letters, digits"));
        assert!(message("arn:aws:sqs:eu-west-1::q").contains("its account"));
        assert!(message("arn:aws:s3:eu-west-1:123456789012:accesspoint/a").contains("BUCKET/PREFIX"));
        assert!(message("arn:aws:s3:::a").contains("its bucket"));
        assert!(message(&format!("arn:aws:s3:::bucket/{}", "x".repeat(701))).contains("700 bytes"));
        assert!(message("arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b:1").contains("a consumer's"));
        assert!(message("arn:aws:kinesis:eu-west-1:123456789012:table/a").contains("stream/NAME"));
        assert!(message("arn:aws:kinesis::123456789012:stream/a").contains("its region"));
        assert!(message("arn:aws").contains("not an ARN"));
    }
}
