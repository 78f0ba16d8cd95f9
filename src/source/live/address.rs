//! The streams that are read, as they are written on the command line.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::aws::{split_at_shard, stream_and_shard};
use crate::error_code::ErrorCode;
use crate::settings::StreamName;

/// What says that a name is a stream's, where it could be a file's.
const SCHEME: &str = "stream:";

/// Names that end so are files': a stream of such a name takes `stream:` in front.
const FILE_ENDINGS: [&str; 31] = [
    "json",
    "ndjson",
    "jsonl",
    "jsonlines",
    "geojson",
    "log",
    "txt",
    "text",
    "csv",
    "tsv",
    "xml",
    "yaml",
    "yml",
    "html",
    "gz",
    "gzip",
    "zst",
    "zstd",
    "zip",
    "bz2",
    "xz",
    "lz4",
    "sz",
    "tar",
    "tgz",
    "avro",
    "parquet",
    "orc",
    "dat",
    "wasm",
    "cwasm",
];

/// Endings of which one character may be wrong, and no other word is so near.
const RECOGNISED_ENDINGS: [&str; 4] = ["json", "ndjson", "jsonl", "parquet"];

/// A stream, or one of its shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPlace {
    /// The stream.
    pub stream: StreamName,
    /// The one shard that is read; none: all of them.
    pub shard: Option<String>,
}

/// A text that names no stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid stream {text:?}: {reason}; use a name, stream:NAME or an ARN \
     (arn:aws:kinesis:REGION:ACCOUNT:stream/NAME), with :NUMBER or :shardId-... behind it for one shard"
)]
pub struct InvalidStream {
    text: String,
    reason: String,
}

impl InvalidStream {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::InvalidStream
    }
}

impl StreamPlace {
    /// The streams that an input names, separated by commas; none: it is a file. What says that it is a stream is
    /// one, `-` and every path that leads to something are files, and of the rest what can be the name of a stream,
    /// and does not end like a file's, is one.
    ///
    /// # Errors
    /// When it is said to be a stream, and names none.
    pub fn in_input(text: &str) -> Result<Option<Vec<Self>>, InvalidStream> {
        let names = || text.split(',').map(str::trim);
        if !Self::is_said(text) {
            let may_be = |name: &str| !ends_like_a_file(name) && (name.parse::<Self>().is_ok() || has_odd_shard(name));
            if text == "-" || Path::new(text).exists() || !names().all(may_be) {
                return Ok(None);
            }
        }
        names().map(Self::from_str).collect::<Result<_, _>>().map(Some)
    }

    /// Whether each name of an input is said to be a stream's, by `stream:` or as an ARN, and not taken for one.
    pub fn is_said(text: &str) -> bool {
        text.split(',').map(str::trim).all(|name| name.starts_with(SCHEME) || name.starts_with("arn:"))
    }
}

/// Whether a name ends as files do, or nearly so: names of streams may have dots as well.
fn ends_like_a_file(name: &str) -> bool {
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    let ending = ending.to_ascii_lowercase();
    FILE_ENDINGS.contains(&ending.as_str())
        || RECOGNISED_ENDINGS.iter().any(|known| strsim::osa_distance(&ending, known) <= 1)
}

impl FromStr for StreamPlace {
    type Err = InvalidStream;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidStream { text: text.to_owned(), reason };
        let (stream, shard) = stream_and_shard(text.strip_prefix(SCHEME).unwrap_or(text)).map_err(invalid)?;
        Ok(Self { stream, shard })
    }
}

/// Whether a name is a stream's but for what stands behind its last colon. A place in a tree of folders or in another
/// service has slashes there.
fn has_odd_shard(name: &str) -> bool {
    match split_at_shard(name) {
        (stream, Some(shard)) => stream.parse::<StreamName>().is_ok() && !shard.contains('/'),
        (_, None) => false,
    }
}

impl fmt::Display for StreamPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shard {
            None => self.stream.fmt(formatter),
            Some(shard) => write!(formatter, "{}:{shard}", self.stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings";

    fn streams(input: &str) -> Option<Vec<String>> {
        let places = StreamPlace::in_input(input).expect(input)?;
        Some(places.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn streams_and_files_are_told_apart() {
        for (input, expected) in [
            ("readings", Some(vec!["readings"])),
            ("stream:readings", Some(vec!["readings"])),
            ("stream:event.json", Some(vec!["event.json"])),
            ("readings:shardId-000000000001", Some(vec!["readings:shardId-000000000001"])),
            ("a, stream:b:shardId-000000000001", Some(vec!["a", "b:shardId-000000000001"])),
            (ARN, Some(vec![ARN])),
            ("foo:0", Some(vec!["foo:shardId-000000000000"])),
            (
                "foo:0,foo:12,stream:bar:007",
                Some(vec!["foo:shardId-000000000000", "foo:shardId-000000000012", "bar:shardId-000000000007"]),
            ),
            (
                "arn:aws:kinesis:*:111122223333:stream/my-stream",
                Some(vec!["arn:aws:kinesis:*:111122223333:stream/my-stream"]),
            ),
            (
                "arn:aws:kinesis:eu-west-1:*:stream/a:3",
                Some(vec!["arn:aws:kinesis:eu-west-1:*:stream/a:shardId-000000000003"]),
            ),
            ("https://example.org", None),
            ("s3://bucket/key", None),
            ("a:b.json", None),
            ("-", None),
            ("event.json", None),
            ("data.ndjsn", None),
            ("data.josn", None),
            ("readings.Json", None),
            ("missing.parquet", None),
            ("readings.v2", Some(vec!["readings.v2"])),
            ("prod.readings", Some(vec!["prod.readings"])),
            ("a.test", Some(vec!["a.test"])),
            ("some/path", None),
            ("no such file", None),
            // This file is there.
            ("Cargo.toml", None),
            ("src", None),
        ] {
            let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(streams(input), expected, "{input}");
        }
        let shard = format!("{ARN}:shardId-000000000001");
        assert_eq!(streams(&shard), Some(vec![shard.clone()]));
        assert_eq!(streams(&format!("{ARN}:1")), Some(vec![shard]));
    }

    #[test]
    fn what_is_said_to_be_a_stream_and_is_none_is_refused() {
        for (input, reason) in [
            ("stream:", "a name has"),
            ("stream:a b", "a name has"),
            ("arn:aws:sqs:eu-west-1:123456789012:queue", "something else"),
            ("arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b:1", "name its stream"),
            ("arn:aws:kinesis::123456789012:stream/a", "lacks its region"),
            ("foo:x", "\"x\" is neither the number of a shard nor its id"),
            ("foo:-1", "\"-1\" is neither"),
            ("foo:", "\"\" is neither"),
            ("foo:+1", "\"+1\" is neither"),
            ("foo:99999999999999", "there is no shard 99999999999999"),
            ("foo:1000000000000", "there is no shard 1000000000000"),
            ("foo:99999999999999999999999999", "12 digits at most"),
            ("arn:aws:kinesis:*:123456789012:stream/a:x", "as in foo:0"),
            ("stream:b:0:1", "a name has"),
        ] {
            let message = StreamPlace::in_input(input).expect_err(input).to_string();
            let is_named = input.split(',').any(|name| message.contains(&format!("invalid stream {name:?}")));
            assert!(message.contains(reason) && is_named, "{message}");
        }
    }
}
