//! How payloads are decoded, as a setting says it: one decoder, or several in the order in which they are applied.

use std::fmt;
use std::str::FromStr;

/// Decoders of a chain at most: more than anybody wraps, and few enough to be held by value.
const MOST_STEPS: usize = 4;

/// One decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeStep {
    /// A compression that is told by the first bytes of each payload; others stay as they are.
    Auto,
    /// gzip (RFC 1952), in one or several members, with padding behind them or none.
    Gzip,
    /// zlib (RFC 1950).
    Zlib,
    /// Deflate without a header (RFC 1951), or with that of zlib: HTTP knows both by this name.
    Deflate,
    /// zstd (RFC 8878), in one or several frames.
    Zstd,
    /// Snappy: framed, as raw as it is, or in the blocks of its Java library.
    Snappy,
    /// LZ4 in frames.
    Lz4,
    /// base64 (RFC 4648), in either alphabet, with padding, white space and line ends or without.
    Base64,
    /// Each line becomes a record.
    Lines,
    /// Messages of CloudWatch Logs, compressed or not: each log event becomes a record.
    CloudWatchLogs,
    /// The same, and each log event also gets `subscriptionFilters` and `policyLevel`.
    CloudWatchLogsFull,
}

impl DecodeStep {
    /// All of them, in the order in which they are named to people.
    const ALL: [DecodeStep; 11] = [
        DecodeStep::Auto,
        DecodeStep::Gzip,
        DecodeStep::Zlib,
        DecodeStep::Deflate,
        DecodeStep::Zstd,
        DecodeStep::Snappy,
        DecodeStep::Lz4,
        DecodeStep::Base64,
        DecodeStep::Lines,
        DecodeStep::CloudWatchLogs,
        DecodeStep::CloudWatchLogsFull,
    ];

    /// The name, as settings and messages have it.
    pub fn name(self) -> &'static str {
        match self {
            DecodeStep::Auto => "auto",
            DecodeStep::Gzip => "gzip",
            DecodeStep::Zlib => "zlib",
            DecodeStep::Deflate => "deflate",
            DecodeStep::Zstd => "zstd",
            DecodeStep::Snappy => "snappy",
            DecodeStep::Lz4 => "lz4",
            DecodeStep::Base64 => "base64",
            DecodeStep::Lines => "lines",
            DecodeStep::CloudWatchLogs => "cloudwatch-logs",
            DecodeStep::CloudWatchLogsFull => "cloudwatch-logs-full",
        }
    }

    /// Whether it makes several records of one.
    pub(in crate::event) fn splits(self) -> bool {
        matches!(self, DecodeStep::Lines | DecodeStep::CloudWatchLogs | DecodeStep::CloudWatchLogsFull)
    }
}

/// How payloads are decoded before the transform sees them: up to four decoders, each of which gets what the one before
/// it made. Only the last one may make several records of one.
///
/// It is written as `none`, or as the names of the decoders with `+` between them: `gzip+lines`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decode {
    steps: [Option<DecodeStep>; MOST_STEPS],
}

/// Why a text is no chain of decoders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeChainError {
    /// Of a decoder that does not exist.
    #[error("{0:?} is no decoder: use none, or one of {list}, or several with + between them (gzip+lines)", list = listed())]
    Unknown(String),
    /// Too many.
    #[error("more than {MOST_STEPS} decoders, one behind the other: use fewer")]
    TooMany,
    /// Of one behind which nothing can follow.
    #[error("a decoder behind {name}: {name} makes several records of one, so write it last", name = .0.name())]
    NotLast(DecodeStep),
}

impl Decode {
    /// Payloads are used as they are.
    pub const NONE: Decode = Decode { steps: [None; MOST_STEPS] };

    /// Whether payloads are used as they are.
    pub fn is_none(self) -> bool {
        self == Decode::NONE
    }

    /// The decoders, in the order in which they are applied.
    pub(in crate::event) fn steps(self) -> impl Iterator<Item = DecodeStep> {
        self.steps.into_iter().flatten()
    }

    /// Those of them that make one payload of one.
    pub(in crate::event) fn wrappings(self) -> impl Iterator<Item = DecodeStep> {
        self.steps().filter(|step| !step.splits())
    }

    /// The one that makes several records of one, behind all others.
    pub(in crate::event) fn splitting(self) -> Option<DecodeStep> {
        self.steps().find(|step| step.splits())
    }
}

impl From<DecodeStep> for Decode {
    /// One decoder by itself.
    fn from(step: DecodeStep) -> Self {
        let mut steps = [None; MOST_STEPS];
        steps[0] = Some(step);
        Self { steps }
    }
}

impl FromStr for Decode {
    type Err = DecodeChainError;

    fn from_str(text: &str) -> Result<Self, DecodeChainError> {
        if text == "none" {
            return Ok(Decode::NONE);
        }
        let mut steps = [None; MOST_STEPS];
        let mut places = steps.iter_mut();
        let mut splitting = None;
        for name in text.split('+') {
            let step = DecodeStep::ALL.into_iter().find(|step| step.name() == name);
            let step = step.ok_or_else(|| DecodeChainError::Unknown(name.to_owned()))?;
            if let Some(before) = splitting {
                return Err(DecodeChainError::NotLast(before));
            }
            splitting = step.splits().then_some(step);
            *places.next().ok_or(DecodeChainError::TooMany)? = Some(step);
        }
        Ok(Self { steps })
    }
}

impl fmt::Display for Decode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return formatter.write_str("none");
        }
        for (index, step) in self.steps().enumerate() {
            formatter.write_str(if index > 0 { "+" } else { "" })?;
            formatter.write_str(step.name())?;
        }
        Ok(())
    }
}

fn listed() -> String {
    DecodeStep::ALL.map(DecodeStep::name).join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chain_is_what_was_written() {
        for text in ["none", "auto", "gzip", "base64+gzip+lines", "auto+auto+auto+cloudwatch-logs-full"] {
            assert_eq!(text.parse::<Decode>().map(|decode| decode.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("gzip".parse(), Ok(Decode::from(DecodeStep::Gzip)));
        assert_eq!("none".parse(), Ok(Decode::NONE));
    }

    #[test]
    fn what_is_no_chain_is_refused_with_what_to_write() {
        let said = |text: &str| text.parse::<Decode>().map_err(|error| error.to_string()).expect_err(text);
        let unknown = said("gzip+brotli");
        assert!(unknown.starts_with(r#""brotli" is no decoder: use none, or one of auto, gzip, "#), "{unknown}");
        assert!(unknown.contains("cloudwatch-logs-full"), "{unknown}");
        assert_eq!(said("lines+gzip"), "a decoder behind lines: lines makes several records of one, so write it last");
        assert_eq!(said("auto+auto+auto+auto+lines"), "more than 4 decoders, one behind the other: use fewer");
        for text in ["", "+", "gzip+", "gzip+none", "GZIP", "gzip lines"] {
            assert!(said(text).contains("is no decoder"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}") {
            if let Ok(decode) = text.parse::<Decode>() {
                prop_assert_eq!(decode.to_string(), text);
            }
        }
    }
}
