//! What the answers of all services mean for what was sent.

use std::error::Error;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};

use super::queue::RecordResponse;
use super::requests::RequestOutcome;
use crate::aws::{causes, has_no_credentials, unknown_host, with_remedy};

/// What the failure of a whole request means.
pub(super) fn failed<E>(error: &SdkError<E, HttpResponse>) -> RequestOutcome
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let SdkError::ServiceError(service) = error else {
        if has_no_credentials(error) || unknown_host(error).is_some() {
            return RequestOutcome::Hopeless { code: None, reason: causes(error) };
        }
        // No connection, no answer in time, or one that can't be read: it may even have arrived.
        return RequestOutcome::Refused(causes(error));
    };
    let status = service.raw().status().as_u16();
    let code = service.err().code().unwrap_or_default();
    let reason = match service.err().message() {
        Some(message) => format!("{code}: {message} (HTTP status {status})"),
        None => format!("{code} (HTTP status {status})"),
    };
    let reason = with_remedy(reason, code);
    if is_invalid(code) || status == 413 {
        RequestOutcome::Invalid(reason)
    } else if is_hopeless(code) {
        RequestOutcome::Hopeless { code: Some(code.to_owned()), reason }
    } else {
        // Throttling in its many names, expired credentials that are renewed, a stream that is being
        // updated, and whatever else passes.
        RequestOutcome::Refused(reason)
    }
}

/// What an answer says that has a result for each record of a request, in their order. `failures` is how many of them the
/// service counts as failed.
///
/// What is not said of each record, once, is said of none.
pub(super) fn answered<R>(
    records: usize,
    results: &[R],
    failures: i32,
    said: impl Fn(&R) -> RecordResponse,
) -> RequestOutcome {
    if results.len() != records {
        return RequestOutcome::Refused(format!(
            "the service answered with {} results for {records} records",
            results.len()
        ));
    }
    let said: Vec<RecordResponse> = results.iter().map(said).collect();
    let named = said.iter().filter(|said| **said != RecordResponse::Taken).count();
    if usize::try_from(failures).is_ok_and(|failures| failures > named) {
        return RequestOutcome::Refused(format!(
            "the service counts {failures} records as failed, and names {named} of them"
        ));
    }
    RequestOutcome::Answered(said)
}

/// What the result of one record means: an error's code, or what the service knows the record by from now on, as it is
/// called. One of them has to be there.
pub(super) fn said(code: Option<&str>, message: Option<&str>, (name, id): (&str, Option<&str>)) -> RecordResponse {
    let is_said = |text: &&str| !text.is_empty();
    match (code.filter(is_said), id.filter(is_said)) {
        (None, Some(_)) => RecordResponse::Taken,
        (Some(code), None) => said_no(code, message),
        (Some(code), Some(id)) => RecordResponse::Refused(format!(
            "the service answered with both an error and a {name} for it: {code} and {id}"
        )),
        (None, None) => {
            RecordResponse::Refused(format!("the service answered with neither an error nor a {name} for it"))
        }
    }
}

/// What the refusal of one record means.
fn said_no(code: &str, message: Option<&str>) -> RecordResponse {
    let reason = message.map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
    if is_invalid(code) { RecordResponse::Never(reason) } else { RecordResponse::Refused(reason) }
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
            | "InvalidParameter"
            | "ParameterValueInvalid"
            | "ValidationError"
            | "MalformedDetail"
    )
}

/// Whether an error will stay until somebody changes something: a permission, a name, a key.
fn is_hopeless(code: &str) -> bool {
    matches!(
        code.trim_start_matches("AWS.SimpleQueueService."),
        "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidAddress"
            | "InvalidBucketName"
            | "InvalidClientTokenId"
            | "InvalidKMSResourceException"
            | "InvalidSecurity"
            | "KMS.DisabledException"
            | "KMS.NotFoundException"
            | "KMSAccessDenied"
            | "KMSAccessDeniedException"
            | "KMSDisabled"
            | "KMSDisabledException"
            | "KMSNotFound"
            | "KMSNotFoundException"
            | "KMSOptInRequired"
            | "KeyTooLongError"
            | "KmsAccessDenied"
            | "KmsDisabled"
            | "KmsNotFound"
            | "MissingAuthenticationTokenException"
            | "NoSuchBucket"
            | "NonExistentQueue"
            | "NotFound"
            | "PermanentRedirect"
            | "QueueDoesNotExist"
            | "ResourceNotFoundException"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "UnsupportedOperation"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(code: Option<&str>, id: Option<&str>) -> RecordResponse {
        said(code, Some("why"), ("sequence number", id))
    }

    #[test]
    fn a_result_is_an_error_or_what_the_record_is_known_by() {
        let refused = |reason: &str| RecordResponse::Refused(reason.to_owned());
        assert_eq!(said_of(None, Some("4959")), RecordResponse::Taken);
        assert_eq!(said_of(Some(""), Some("4959")), RecordResponse::Taken);
        assert_eq!(said_of(Some("InternalFailure"), None), refused("InternalFailure: why"));
        assert_eq!(said_of(Some("InternalFailure"), Some("")), refused("InternalFailure: why"));
        assert_eq!(
            said_of(Some("InvalidArgumentException"), None),
            RecordResponse::Never("InvalidArgumentException: why".into())
        );
        let neither = refused("the service answered with neither an error nor a sequence number for it");
        assert_eq!([said_of(None, None), said_of(Some(""), Some(""))], [neither.clone(), neither]);
        let both = refused(
            "the service answered with both an error and a sequence number for it: InvalidArgumentException and 4959",
        );
        assert_eq!(said_of(Some("InvalidArgumentException"), Some("4959")), both);
    }

    #[test]
    fn an_answer_that_does_not_add_up_says_nothing_of_any_record() {
        let taken = |_: &bool| RecordResponse::Taken;
        let refusal = |sent: RequestOutcome| match sent {
            RequestOutcome::Refused(reason) => reason,
            other => panic!("{other:?}"),
        };
        for results in [vec![], vec![true], vec![true; 3]] {
            let reason = refusal(answered(2, &results, 0, taken));
            assert_eq!(reason, format!("the service answered with {} results for 2 records", results.len()));
        }
        let reason = refusal(answered(2, &[true, true], 1, taken));
        assert_eq!(reason, "the service counts 1 records as failed, and names 0 of them");
        let mixed = |is_taken: &bool| {
            if *is_taken { RecordResponse::Taken } else { RecordResponse::Refused("later".to_owned()) }
        };
        for failures in [-1, 0, 1] {
            let sent = answered(2, &[true, false], failures, mixed);
            assert!(
                matches!(sent, RequestOutcome::Answered(said) if said == [RecordResponse::Taken, RecordResponse::Refused("later".to_owned())])
            );
        }
    }
}
