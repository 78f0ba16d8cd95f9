//! The name of a place that outputs go to, as it is written in the settings.

use std::fmt;
use std::os::unix::fs::MetadataExt;
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
    /// The ARN of an S3 bucket, with a prefix of keys behind a slash, or without. Slashes around the prefix, which
    /// keys have none of, are left out.
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
    #[error("invalid destination {0:?}: use {FORMS}")]
    Unknown(String),
    /// There is no path behind `file:`.
    #[error("\"file:\" has no path: use file:PATH")]
    NoPath,
    /// It starts like an ARN, but is none of a target.
    #[error("invalid destination {arn:?}: {reason}; use {FORMS}")]
    Arn {
        /// What was given.
        arn: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Target {
    /// Whether what is written to one of them lands where what is written to the other does, however either is spelt.
    pub fn is_same_place(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::File(path), other) | (other, Target::File(path)) => other.is_file(path),
            (Target::S3(own), Target::S3(other)) => bucket_and_prefix(own) == bucket_and_prefix(other),
            // The service is asked by the name alone, in the account of whoever asks.
            (Target::Firehose(own), Target::Firehose(other)) => {
                (&own.region, &own.resource) == (&other.region, &other.resource)
            }
            // By a region's own endpoint, which has one partition.
            (Target::Sqs(own), Target::Sqs(other)) => {
                (&own.region, &own.account, &own.resource) == (&other.region, &other.account, &other.resource)
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

    /// Whether it is the file at `path`, however either is spelt; standard output is the one that it was led into.
    pub fn is_file(&self, path: &Path) -> bool {
        match self {
            Target::File(own) => is_same_file(own, path),
            Target::Stdout => is_stdout(path),
            _ => false,
        }
    }
}

/// Returns the bucket of an ARN of S3, and the prefix of keys in it: empty, or with its slash. Slashes around the prefix
/// make no difference.
pub(crate) fn bucket_and_prefix(place: &Arn) -> (&str, String) {
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
    FileId::of(left) == FileId::of(right)
}

/// Whether standard output was led into the file at this path. A terminal or a pipe is none.
fn is_stdout(path: &Path) -> bool {
    path.is_file() && is_same_file(path, Path::new("/dev/stdout"))
}

/// Which file a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum FileId {
    /// A regular file that is there, by its device and its number on it: links of both kinds lead to it.
    Regular(u64, u64),
    /// What else is there, or the file that whoever writes to the path would make.
    Other(PathBuf),
}

impl FileId {
    fn of(path: &Path) -> Self {
        /// As many as Linux follows.
        const MOST_LINKS: usize = 40;

        if let Some(file) = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file) {
            return FileId::Regular(file.dev(), file.ino());
        }
        if let Ok(resolved) = path.canonicalize() {
            return FileId::Other(resolved);
        }
        // A link to a file that is not there yet: it is made where the link leads.
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let Ok(target) = std::fs::read_link(&path) else { break };
            path = folder(&path).join(target);
        }
        match (folder(&path).canonicalize(), path.file_name()) {
            (Ok(folder), Some(name)) => FileId::Other(folder.join(name)),
            _ => FileId::Other(path),
        }
    }
}

/// The folder that a path is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
    let arn: Arn = text.parse().map_err(|_| "not an ARN (arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE)")?;
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
    let (name, prefix) = bucket_and_prefix(&arn);
    let prefix = prefix.trim_end_matches('/');
    if !arn.region.is_empty() || !arn.account.is_empty() {
        return Err("it is not a bucket's, which has neither region nor account (arn:aws:s3:::BUCKET/PREFIX)");
    }
    if name.len() < 3 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
        return Err("its bucket can't be one: 3 letters, digits, hyphens or dots at least");
    }
    if prefix.len() > PREFIX_BYTES {
        return Err("its prefix has more than 700 bytes");
    }
    let resource = if prefix.is_empty() { name.to_owned() } else { format!("{name}/{prefix}") };
    Ok(Target::S3(Arn { resource, ..arn }))
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
        let (link, hard_link) = (folder.path().join("link"), folder.path().join("hard"));
        std::os::unix::fs::symlink(&plain, &link).expect("linked");
        std::fs::hard_link(&plain, &hard_link).expect("linked");
        assert!(is_same_file(&plain, &link) && is_same_file(&hard_link, &link));
        assert!(!is_same_file(&plain, &folder.path().join("other")));
        assert!(!Target::Stdout.is_file(Path::new("stdout")) && !Target::None.is_file(&plain));
    }

    /// Whoever writes through a link makes the file that it leads to.
    #[test]
    fn a_file_that_is_not_there_yet_is_the_one_that_its_links_lead_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("sub")).expect("made");
        for (link, target) in [("link", "to-come"), ("sub/link", "../link"), ("loop", "loop"), ("other", "sub/to-come")]
        {
            std::os::unix::fs::symlink(target, at(link)).expect("linked");
        }
        for same in ["link", "sub/link", "sub/../to-come", "sub/../sub/link"] {
            assert!(is_same_file(&at("to-come"), &at(same)), "{same}");
        }
        for other in ["loop", "other", "sub/to-come", "sub"] {
            assert!(!is_same_file(&at("to-come"), &at(other)), "{other}");
        }
        assert!(is_same_file(&at("loop"), &at("sub/../loop")));
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
        assert!(message("arn:aws").contains("not an ARN"));
    }
}
