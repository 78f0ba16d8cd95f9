//! What the answers of all services mean for what was sent.

use std::error::Error;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};

use super::queue::Said;
use super::requests::Sent;
use crate::aws::causes;

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
        Sent::Hopeless { code: Some(code.to_owned()), reason }
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
