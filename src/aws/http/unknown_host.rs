//! A host that nobody knows, which most often is a region that does not exist.

use std::error::Error;

use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::aws::cause::found;

/// No address is known for the host of a service.
///
/// The SDK would try again several times, and each message would bury the name of the host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no host {host} is known: check the region (AWS_REGION, the profile, the ARN), AWS_ENDPOINT_URL and the proxy where \
     they are set, and the network"
)]
pub(crate) struct UnknownHost {
    /// As a request names it.
    pub(crate) host: String,
}

/// How the standard library begins when a name has no address.
const LOOKUP: &str = "failed to lookup address information: ";

/// What it says behind that where a name server gave no answer, with glibc and with musl: that passes.
const PASSING: [&str; 2] = ["Temporary failure", "Try again"];

/// Makes an error of a request to a host say that nobody knows it, if that is what it means.
pub(super) fn told(error: ConnectorError, host: &str) -> ConnectorError {
    let mut next: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if let Some((_, reason)) = text.split_once(LOOKUP)
            && !PASSING.iter().any(|passing| reason.starts_with(passing))
        {
            // An error of the user is not tried again.
            return ConnectorError::user(UnknownHost { host: host.to_owned() }.into());
        }
        next = cause.source();
    }
    error
}

/// Returns the host that nobody knows, if a request failed for that.
pub(crate) fn unknown_host<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a UnknownHost> {
    found(error)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_name_without_an_address_is_told_from_a_name_server_that_does_not_answer() {
        let told = |reason: &str| {
            let error = ConnectorError::io(io::Error::other(format!("{LOOKUP}{reason}")).into());
            unknown_host(&told(error, "kinesis.eu-west-99.amazonaws.com")).map(ToString::to_string)
        };
        let text = told("Name or service not known").expect("an unknown host");
        assert!(text.starts_with("no host kinesis.eu-west-99.amazonaws.com is known: check the region"), "{text}");
        assert_eq!(told("Temporary failure in name resolution"), None);
        let refused = ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionRefused).into());
        assert_eq!(unknown_host(&super::told(refused, "host")), None);
    }
}
