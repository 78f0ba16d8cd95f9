//! Amazon Resource Names: where in AWS a thing is.

use std::fmt;
use std::str::FromStr;

/// An ARN, taken apart: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arn {
    /// `aws`, `aws-us-gov` or `aws-cn`, and whatever AWS adds.
    pub partition: String,
    /// The service, as `kinesis`.
    pub service: String,
    /// The region, as `eu-west-1`; empty for what has none.
    pub region: String,
    /// The account, 12 digits; empty for what has none.
    pub account: String,
    /// What the service calls it, as `stream/readings`.
    pub resource: String,
}

/// A text that is no ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an ARN: an ARN has the form arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE")]
pub struct InvalidArn;

impl FromStr for Arn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A resource may hold colons itself.
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else { return Err(InvalidArn) };
        let is_name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let is_account =
            account.is_empty() || (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
        let is_region = region.is_empty() || is_name(region);
        if !is_name(partition) || !is_name(service) || !is_region || !is_account || resource.is_empty() {
            return Err(InvalidArn);
        }
        Ok(Self {
            partition: partition.to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.to_owned(),
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(formatter, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_is_read_and_written_back() {
        for text in [
            "arn:aws:kinesis:eu-west-1:123456789012:stream/readings",
            "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/a.b_c-d",
            "arn:aws-cn:sqs:cn-north-1:123456789012:queue",
            "arn:aws:s3:::bucket/prefix:with:colons",
        ] {
            assert_eq!(text.parse::<Arn>().map(|arn| arn.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for text in [
            "",
            "arn",
            "arn:aws:kinesis",
            "arn:aws:kinesis:eu-west-1:123456789012:",
            "arn:aws:kinesis:eu-west-1:12345:stream/x",
            "arn::kinesis:eu-west-1:123456789012:stream/x",
            "ARN:aws:kinesis:eu-west-1:123456789012:stream/x",
            "arn:aws:kinesis:eu west:123456789012:stream/x",
        ] {
            assert_eq!(text.parse::<Arn>(), Err(InvalidArn), "{text}");
        }
    }
}
