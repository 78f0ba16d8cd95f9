//! What the answer to a request says of a permission, where the request was made to be refused.

use std::error::Error;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::{CAUSES_BYTES, causes, cut, with_remedy};

/// What a request came to that was made to be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbeAnswer {
    /// It was let in; that it did nothing is as it was meant.
    LetIn,
    /// Whoever asks may not do this.
    Denied(String),
    /// There is no such thing.
    NoSuchThing(String),
    /// It says nothing of either.
    Unclear(String),
}

impl ProbeAnswer {
    /// Of a request that an entitled one would be refused for its content, by one of these codes.
    pub(crate) fn of<T, E>(result: Result<T, SdkError<E, HttpResponse>>, refusals: &[&str]) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let error = match result {
            Ok(_) => return ProbeAnswer::LetIn,
            Err(error) => error,
        };
        let SdkError::ServiceError(service) = &error else { return ProbeAnswer::Unclear(causes(&error)) };
        let status = service.raw().status().as_u16();
        let code = service.err().code().unwrap_or_default().trim_start_matches("AWS.SimpleQueueService.");
        let reason = match service.err().message() {
            Some(message) => format!("{code}: {message}"),
            None if code.is_empty() => format!("HTTP status {status}"),
            None => code.to_owned(),
        };
        let reason = cut(with_remedy(reason, code), CAUSES_BYTES);
        match code {
            code if refusals.contains(&code) => ProbeAnswer::LetIn,
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "KMSAccessDeniedException"
            | "KmsAccessDenied" => ProbeAnswer::Denied(reason),
            code if is_gone(code) => ProbeAnswer::NoSuchThing(reason),
            // HEAD has no body, and so no code.
            "" if status == 403 => ProbeAnswer::Denied(reason),
            "" if status == 404 => ProbeAnswer::NoSuchThing(reason),
            _ => ProbeAnswer::Unclear(reason),
        }
    }
}

/// Whether a service's code says that what was asked for is not there.
pub(crate) fn is_gone(code: &str) -> bool {
    matches!(
        code.trim_start_matches("AWS.SimpleQueueService."),
        "NoSuchBucket" | "NotFound" | "NonExistentQueue" | "QueueDoesNotExist" | "ResourceNotFoundException"
    )
}

/// What a destination answered to two requests that write nothing.
#[derive(Debug)]
pub(crate) struct DestinationProbe {
    /// Whether it is there.
    pub(crate) is_there: ProbeAnswer,
    /// Whether it may be written to.
    pub(crate) may_write: ProbeAnswer,
    /// The permission that writing to it takes.
    pub(crate) action: &'static str,
    /// What the permission is for.
    pub(crate) resource: String,
}
