//! A Kinesis stream as a person names it.

use std::fmt;
use std::str::FromStr;

use super::arn::Arn;

/// Of a stream's name.
const MOST_CHARACTERS: usize = 128;

/// A Kinesis stream, by name or ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamName {
    /// By its name: in the account and the region of whoever asks.
    Name(String),
    /// By its ARN.
    Arn(Arn),
}

/// A text that names no stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid stream {text:?}: {reason}; use a name or an ARN, arn:aws:kinesis:REGION:ACCOUNT:stream/NAME")]
pub struct InvalidStreamName {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl StreamName {
    /// Its name alone.
    pub fn name(&self) -> &str {
        match self {
            StreamName::Name(name) => name,
            StreamName::Arn(arn) => arn.resource.strip_prefix("stream/").unwrap_or(&arn.resource),
        }
    }

    /// The region, where an ARN says it.
    pub fn region(&self) -> Option<&str> {
        match self {
            StreamName::Name(_) => None,
            StreamName::Arn(arn) => Some(&arn.region),
        }
    }
}

impl From<&Arn> for StreamName {
    fn from(arn: &Arn) -> Self {
        StreamName::Arn(arn.clone())
    }
}

impl FromStr for StreamName {
    type Err = InvalidStreamName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidStreamName { text: text.to_owned(), reason };
        if !text.starts_with("arn:") {
            return if is_name(text) {
                Ok(StreamName::Name(text.to_owned()))
            } else {
                Err(invalid("a name has 1 to 128 letters, digits, `_`, `-` and `.`"))
            };
        }
        let arn: Arn = text.parse().map_err(|_| invalid("it starts like an ARN, and is none"))?;
        let name = arn.resource.strip_prefix("stream/").unwrap_or_default();
        if arn.service != "kinesis" || name.contains("/consumer/") {
            return Err(invalid("it is the ARN of something else (for a consumer, name its stream)"));
        }
        if !is_name(name) || arn.region.is_empty() || arn.account.is_empty() {
            return Err(invalid("its ARN lacks its region, its account or its name"));
        }
        Ok(StreamName::Arn(arn))
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamName::Name(name) => formatter.write_str(name),
            StreamName::Arn(arn) => arn.fmt(formatter),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MOST_CHARACTERS).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_a_name_or_an_arn() {
        let named: StreamName = "readings.v2".parse().expect("a name");
        assert_eq!((named.to_string().as_str(), named.region()), ("readings.v2", None));
        let text = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/readings";
        let stream: StreamName = text.parse().expect("an ARN");
        assert_eq!((stream.to_string().as_str(), stream.region()), (text, Some("cn-north-1")));
    }

    #[test]
    fn what_is_no_stream_is_refused_with_what_would_be() {
        for text in [
            "",
            "a b",
            "stream/readings",
            &"x".repeat(129),
            "arn:aws:sqs:eu-west-1:123456789012:readings",
            "arn:aws:kinesis::123456789012:stream/readings",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/readings/consumer/app:1",
        ] {
            let message = text.parse::<StreamName>().expect_err(text).to_string();
            assert!(
                message.contains(&format!("invalid stream {text:?}")) && message.contains("stream/NAME"),
                "{message}"
            );
        }
    }
}
