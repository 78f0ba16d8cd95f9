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

/// What an answer says that has a result for each record of a request, in their order. `failures` is how many of them the
/// service counts as failed.
///
/// What is not said of each record, once, is said of none.
pub(super) fn answered<R>(records: usize, results: &[R], failures: i32, said: impl Fn(&R) -> Said) -> Sent {
    if results.len() != records {
        return Sent::Refused(format!("the service answered with {} results for {records} records", results.len()));
    }
    let said: Vec<Said> = results.iter().map(said).collect();
    let named = said.iter().filter(|said| **said != Said::Taken).count();
    if usize::try_from(failures).is_ok_and(|failures| failures > named) {
        return Sent::Refused(format!("the service counts {failures} records as failed, and names {named} of them"));
    }
    Sent::Answered(said)
}

/// What the result of one record means: an error's code, or what the service knows the record by from now on, as it is
/// called. One of them has to be there.
pub(super) fn said(code: Option<&str>, message: Option<&str>, (name, id): (&str, Option<&str>)) -> Said {
    let is_said = |text: &&str| !text.is_empty();
    match (code.filter(is_said), id.filter(is_said)) {
        (None, Some(_)) => Said::Taken,
        (Some(code), None) => said_no(code, message),
        (Some(code), Some(id)) => {
            Said::Refused(format!("the service answered with both an error and a {name} for it: {code} and {id}"))
        }
        (None, None) => Said::Refused(format!("the service answered with neither an error nor a {name} for it")),
    }
}

/// What the refusal of one record means.
fn said_no(code: &str, message: Option<&str>) -> Said {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(code: Option<&str>, id: Option<&str>) -> Said {
        said(code, Some("why"), ("sequence number", id))
    }

    #[test]
    fn a_result_is_an_error_or_what_the_record_is_known_by() {
        let refused = |reason: &str| Said::Refused(reason.to_owned());
        assert_eq!(said_of(None, Some("4959")), Said::Taken);
        assert_eq!(said_of(Some(""), Some("4959")), Said::Taken);
        assert_eq!(said_of(Some("InternalFailure"), None), refused("InternalFailure: why"));
        assert_eq!(said_of(Some("InternalFailure"), Some("")), refused("InternalFailure: why"));
        assert_eq!(
            said_of(Some("InvalidArgumentException"), None),
            Said::Never("InvalidArgumentException: why".into())
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
        let taken = |_: &bool| Said::Taken;
        let refusal = |sent: Sent| match sent {
            Sent::Refused(reason) => reason,
            other => panic!("{other:?}"),
        };
        for results in [vec![], vec![true], vec![true; 3]] {
            let reason = refusal(answered(2, &results, 0, taken));
            assert_eq!(reason, format!("the service answered with {} results for 2 records", results.len()));
        }
        let reason = refusal(answered(2, &[true, true], 1, taken));
        assert_eq!(reason, "the service counts 1 records as failed, and names 0 of them");
        let mixed = |is_taken: &bool| if *is_taken { Said::Taken } else { Said::Refused("later".to_owned()) };
        for failures in [-1, 0, 1] {
            let sent = answered(2, &[true, false], failures, mixed);
            assert!(matches!(sent, Sent::Answered(said) if said == [Said::Taken, Said::Refused("later".to_owned())]));
        }
    }
}
