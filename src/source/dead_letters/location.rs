//! Where dead letters are read from, as it is written on the command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::settings::{Arn, InvalidTarget, Target};
use crate::sink::AwsTarget;

/// A place that dead letters can be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetterLocation {
    /// A file of lines, or standard input for `-`.
    File(PathBuf),
    /// The objects of a bucket below a prefix.
    S3(Arn),
    /// An SQS queue.
    Sqs(Arn),
    /// A Kinesis stream.
    Kinesis(Arn),
}

/// A text that names no place to read dead letters from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeadLetterLocation {
    /// Nothing can be read back from there.
    #[error("{0} keeps no dead letters that could be read back: {1}")]
    NotReadable(String, &'static str),
    /// It is no place at all.
    #[error(transparent)]
    Invalid(#[from] InvalidTarget),
}

impl DeadLetterLocation {
    /// Returns its ARN; none: it is a file.
    pub fn arn(&self) -> Option<&Arn> {
        match self {
            DeadLetterLocation::File(_) => None,
            DeadLetterLocation::S3(arn) | DeadLetterLocation::Sqs(arn) | DeadLetterLocation::Kinesis(arn) => Some(arn),
        }
    }

    /// Whether what is written to the target may be read from here.
    pub fn overlaps(&self, target: &Target) -> bool {
        match (self, target) {
            (DeadLetterLocation::File(path), _) => path != Path::new("-") && target.is_file(path),
            // What a target writes below its prefix has the name of a stream first: that can be ours.
            (DeadLetterLocation::S3(own), Target::Aws(other)) => AwsTarget::bucket(own.clone()).overlaps(other),
            (DeadLetterLocation::Sqs(own) | DeadLetterLocation::Kinesis(own), Target::Aws(other)) => own == other.arn(),
            _ => false,
        }
    }
}

impl FromStr for DeadLetterLocation {
    type Err = InvalidDeadLetterLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_readable = |remedy| Err(InvalidDeadLetterLocation::NotReadable(text.to_owned(), remedy));
        let is_target = text.starts_with("arn:") || text.starts_with("file:") || matches!(text, "stdout" | "none");
        if !is_target {
            return Ok(DeadLetterLocation::File(text.into()));
        }
        match text.parse()? {
            Target::File(path) => Ok(DeadLetterLocation::File(path)),
            Target::Aws(target) => {
                let arn = target.arn().clone();
                match arn.service.as_str() {
                    "s3" => Ok(DeadLetterLocation::S3(arn)),
                    "sqs" => Ok(DeadLetterLocation::Sqs(arn)),
                    "kinesis" => Ok(DeadLetterLocation::Kinesis(arn)),
                    "firehose" => not_readable(
                        "name the S3 bucket that it delivers to, with its prefix: arn:aws:s3:::BUCKET/PREFIX",
                    ),
                    _ => not_readable("name what it delivers to, an SQS queue for example"),
                }
            }
            Target::Stdout => not_readable("name the file that it was written to, or - for standard input"),
            Target::None | Target::Discard => {
                not_readable("name a file, or the ARN of an S3 bucket, an SQS queue or a Kinesis stream")
            }
        }
    }
}

impl fmt::Display for DeadLetterLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeadLetterLocation::File(path) if path == Path::new("-") => formatter.write_str("standard input"),
            DeadLetterLocation::File(path) => path.display().fmt(formatter),
            DeadLetterLocation::S3(arn) | DeadLetterLocation::Sqs(arn) | DeadLetterLocation::Kinesis(arn) => {
                arn.fmt(formatter)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_a_target_left_letters_in() {
        let place = |text: &str| text.parse::<DeadLetterLocation>();
        assert_eq!(place("dead.ndjson"), Ok(DeadLetterLocation::File("dead.ndjson".into())));
        assert_eq!(place("file:dead.ndjson"), Ok(DeadLetterLocation::File("dead.ndjson".into())));
        assert_eq!(place("-").map(|place| place.to_string()), Ok("standard input".to_owned()));
        assert!(matches!(place("arn:aws:sqs:eu-west-1:123456789012:q"), Ok(DeadLetterLocation::Sqs(_))));
        assert!(matches!(place("arn:aws:s3:::bucket/dead"), Ok(DeadLetterLocation::S3(_))));
        let message = |text: &str| place(text).expect_err(text).to_string();
        let firehose = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/d";
        assert!(message(firehose).contains("the S3 bucket that it delivers to"));
        assert!(message("stdout").contains("- for standard input"));
        assert!(message("none").contains("name a file"));
        assert!(message("arn:aws:sns:eu-west-1:123456789012:topic").contains("what it delivers to"));
        assert!(message("arn:aws:lambda:eu-west-1:123456789012:function:f").contains("another service's"));
    }

    #[test]
    fn a_target_overlaps_where_its_letters_would_be_read_again() {
        let overlaps = |place: &str, target: &str| {
            let place: DeadLetterLocation = place.parse().expect("a place");
            place.overlaps(&target.parse().expect("a target"))
        };
        assert!(overlaps("./dead.ndjson", "file:dead.ndjson"));
        assert!(!overlaps("-", "file:-"));
        for target in ["arn:aws:s3:::b-1/dead/", "arn:aws:s3:::b-1/dead/again", "arn:aws:s3:::b-1"] {
            assert!(overlaps("arn:aws:s3:::b-1/dead", target), "{target}");
        }
        for target in ["arn:aws:s3:::b-1/dead-again", "arn:aws:s3:::b-2/dead", "stdout"] {
            assert!(!overlaps("arn:aws:s3:::b-1/dead", target), "{target}");
        }
        let queue = "arn:aws:sqs:eu-west-1:123456789012:q";
        assert!(overlaps(queue, queue) && !overlaps(queue, "arn:aws:sqs:eu-west-1:123456789012:q2"));
    }
}
