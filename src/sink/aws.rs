//! What the clients of all services have in common. Endpoints and credentials are the SDK's own:
//! variables, profiles and roles as everywhere.

use std::error::Error;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};

use super::queue::Said;
use super::requests::Sent;
use crate::settings::Arn;

/// A service in the same region answers in milliseconds; these only end what hangs, early enough for
/// another try.
const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(5);

/// The configuration for the region of a resource, or the SDK's own region where its ARN has none.
pub(super) async fn config(arn: &Arn) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if !arn.region.is_empty() {
        loader = loader.region(Region::new(arn.region.clone()));
    }
    loader.load().await
}

/// The address of a queue, which the API names it by. It follows from the ARN, so it takes no request,
/// and no permission, to find it.
pub(super) fn queue_url(queue: &Arn) -> String {
    let suffix = match queue.partition.as_str() {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        _ => "amazonaws.com",
    };
    format!("https://sqs.{}.{suffix}/{}/{}", queue.region, queue.account, queue.resource)
}

/// What the failure of a whole request means.
pub(super) fn failed<E>(error: &SdkError<E, HttpResponse>) -> Sent
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let SdkError::ServiceError(service) = error else {
        // No connection, no answer in time, or one that can't be read: it may even have arrived.
        return Sent::Refused(causes(error));
    };
    let status = service.raw().status().as_u16();
    let code = service.err().code().unwrap_or_default();
    let reason = match service.err().message() {
        Some(message) => format!("{code}: {message} (HTTP status {status})"),
        None => format!("{code} (HTTP status {status})"),
    };
    if is_invalid(code) || status == 413 {
        Sent::Invalid(reason)
    } else if is_hopeless(code) {
        Sent::Hopeless(reason)
    } else {
        // Throttling in its many names, expired credentials that are renewed, a stream that is being
        // updated, and whatever else passes.
        Sent::Refused(reason)
    }
}

/// What the refusal of one record means.
pub(super) fn said_no(code: &str, message: Option<&str>) -> Said {
    let reason = message.map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
    if is_invalid(code) { Said::Never(reason) } else { Said::Refused(reason) }
}

/// Whether an error says that there is something wrong in the request itself.
fn is_invalid(code: &str) -> bool {
    // SQS writes some codes in two ways.
    matches!(
        code.trim_start_matches("AWS.SimpleQueueService."),
        "ValidationException"
            | "InvalidArgumentException"
            | "SerializationException"
            | "BatchRequestTooLong"
            | "InvalidMessageContents"
            | "InvalidParameterValue"
            | "InvalidAttributeValue"
    )
}

/// Whether an error will stay until somebody changes something: a permission, a name, a key.
fn is_hopeless(code: &str) -> bool {
    matches!(
        code.trim_start_matches("AWS.SimpleQueueService."),
        "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidAddress"
            | "InvalidBucketName"
            | "InvalidClientTokenId"
            | "InvalidKMSResourceException"
            | "KMS.DisabledException"
            | "KMS.NotFoundException"
            | "KMSAccessDeniedException"
            | "KMSDisabledException"
            | "KMSNotFoundException"
            | "KeyTooLongError"
            | "KmsAccessDenied"
            | "KmsDisabled"
            | "KmsNotFound"
            | "MissingAuthenticationTokenException"
            | "NoSuchBucket"
            | "NonExistentQueue"
            | "PermanentRedirect"
            | "QueueDoesNotExist"
            | "ResourceNotFoundException"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "UnsupportedOperation"
    )
}

/// An error with all that led to it, each said once.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    texts.dedup();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_address_follows_from_its_arn_in_every_partition() {
        for (arn, url) in [
            ("arn:aws:sqs:eu-west-1:123456789012:q", "https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
            (
                "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q.fifo",
                "https://sqs.us-gov-west-1.amazonaws.com/123456789012/q.fifo",
            ),
            ("arn:aws-cn:sqs:cn-north-1:123456789012:q", "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q"),
        ] {
            assert_eq!(queue_url(&arn.parse().expect("an ARN")), url);
        }
    }
}
