//! A Kinesis stream as a person names it.

use std::fmt;
use std::str::FromStr;

use super::arn::Arn;

/// Of a stream's name.
const MOST_CHARACTERS: usize = 128;

/// Where the region stands in an ARN, in parts from 0 ...
const REGION: usize = 3;

/// ... and where the account does.
const ACCOUNT: usize = 4;

/// What stands in an ARN for the region or the account of whoever asks.
const ANY: &str = "*";

/// A Kinesis stream, by name or ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamName {
    /// By its name: in the account and the region of whoever asks.
    Name(String),
    /// By its ARN.
    Arn(Arn),
    /// By an ARN that leaves its region or its account open, with `*` in its place.
    Open(OpenArn),
}

/// The ARN of a stream without its region, or without its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenArn {
    /// What is open is empty in it.
    known: Arn,
}

/// A stream as requests name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamAddress {
    /// By its name: in the account that asks, in the region that is asked.
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
            StreamName::Arn(arn) | StreamName::Open(OpenArn { known: arn }) => {
                arn.resource.strip_prefix("stream/").unwrap_or(&arn.resource)
            }
        }
    }

    /// The region, where an ARN says it.
    pub fn region(&self) -> Option<&str> {
        match self {
            StreamName::Name(_) => None,
            StreamName::Arn(arn) | StreamName::Open(OpenArn { known: arn }) => {
                Some(arn.region.as_str()).filter(|region| !region.is_empty())
            }
        }
    }

    /// The ARN as far as it is known, with empty parts for the others; none: there is only a name.
    pub(crate) fn known(&self) -> Option<&Arn> {
        match self {
            StreamName::Name(_) => None,
            StreamName::Arn(arn) | StreamName::Open(OpenArn { known: arn }) => Some(arn),
        }
    }

    /// Returns the stream as requests in a region name it. Whose account an open ARN means is whose credentials they are.
    pub fn address(&self, region: Option<&str>) -> StreamAddress {
        match self {
            StreamName::Name(name) => StreamAddress::Name(name.clone()),
            StreamName::Arn(arn) => StreamAddress::Arn(arn.clone()),
            StreamName::Open(OpenArn { known }) => match region {
                Some(region) if known.region.is_empty() && !known.account.is_empty() => {
                    StreamAddress::Arn(Arn { region: region.to_owned(), ..known.clone() })
                }
                _ => StreamAddress::Name(self.name().to_owned()),
            },
        }
    }

    /// Whether it names the stream of an ARN.
    pub fn is_that_of(&self, stream: &Arn) -> bool {
        match self {
            StreamName::Name(name) => stream.resource.strip_prefix("stream/") == Some(name.as_str()),
            StreamName::Arn(arn) => arn == stream,
            StreamName::Open(OpenArn { known }) => {
                let is_open_or = |part: &str, of_stream: &str| part.is_empty() || part == of_stream;
                let same = (&known.partition, &known.resource) == (&stream.partition, &stream.resource);
                same && is_open_or(&known.region, &stream.region) && is_open_or(&known.account, &stream.account)
            }
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
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let is_any = |place: usize| parts.get(place) == Some(&ANY);
        let (region_is_any, account_is_any) = (is_any(REGION), is_any(ACCOUNT));
        let known = |(place, part)| match place {
            REGION | ACCOUNT if part == ANY => "",
            _ => part,
        };
        let known: Vec<&str> = parts.iter().copied().enumerate().map(known).collect();
        let arn: Arn = known.join(":").parse().map_err(|_| invalid("it starts like an ARN, and is none"))?;
        let name = arn.resource.strip_prefix("stream/").unwrap_or_default();
        if arn.service != "kinesis" || name.contains("/consumer/") {
            return Err(invalid("it is the ARN of something else (for a consumer, name its stream)"));
        }
        let lacks = |part: &str, is_any: bool| part.is_empty() && !is_any;
        if !is_name(name) || lacks(&arn.region, region_is_any) || lacks(&arn.account, account_is_any) {
            return Err(invalid("its ARN lacks its region, its account or its name"));
        }
        Ok(match region_is_any || account_is_any {
            true => StreamName::Open(OpenArn { known: arn }),
            false => StreamName::Arn(arn),
        })
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamName::Name(name) => formatter.write_str(name),
            StreamName::Arn(arn) => arn.fmt(formatter),
            StreamName::Open(open) => open.fmt(formatter),
        }
    }
}

impl fmt::Display for OpenArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arn { partition, service, region, account, resource } = &self.known;
        let or_any = |part: &str| if part.is_empty() { ANY.to_owned() } else { part.to_owned() };
        write!(formatter, "arn:{partition}:{service}:{}:{}:{resource}", or_any(region), or_any(account))
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
    fn an_arn_may_leave_region_and_account_to_whoever_asks() {
        let known: Arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings".parse().expect("an ARN");
        let by_name = StreamAddress::Name("readings".to_owned());
        let by_arn = StreamAddress::Arn(known.clone());
        for (text, region, address) in [
            ("arn:aws:kinesis:*:123456789012:stream/readings", None, &by_arn),
            ("arn:aws:kinesis:eu-west-1:*:stream/readings", Some("eu-west-1"), &by_name),
            ("arn:aws:kinesis:*:*:stream/readings", None, &by_name),
        ] {
            let stream: StreamName = text.parse().expect(text);
            assert_eq!((stream.to_string().as_str(), stream.name(), stream.region()), (text, "readings", region));
            assert_eq!(&stream.address(Some("eu-west-1")), address, "{text}");
            assert!(stream.is_that_of(&known), "{text}");
            let other = |resource: &str, account: &str| Arn {
                resource: resource.to_owned(),
                account: account.to_owned(),
                ..known.clone()
            };
            assert!(!stream.is_that_of(&other("stream/others", "123456789012")), "{text}");
            let is_any_account = !text.contains("123456789012");
            assert_eq!(stream.is_that_of(&other("stream/readings", "210987654321")), is_any_account, "{text}");
        }
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
            "arn:aws:kinesis:*::stream/readings",
            "arn:aws:kinesis:*:123456789012:stream/*",
            "arn:aws:kinesis:eu-*:123456789012:stream/readings",
            "arn:*:kinesis:*:123456789012:stream/readings",
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
