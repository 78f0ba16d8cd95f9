//! What the answer to a request says of a permission.

use std::error::Error;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::finding::{Finding, FindingStatus, Statement};
use crate::aws::causes;

/// What a request came to that was made to be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProbeAnswer {
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
    pub(super) fn of<T, E>(result: Result<T, SdkError<E, HttpResponse>>, refusals: &[&str]) -> Self
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
        match code {
            code if refusals.contains(&code) => ProbeAnswer::LetIn,
            "AccessDenied" | "AccessDeniedException" | "KMSAccessDeniedException" | "KmsAccessDenied" => {
                ProbeAnswer::Denied(reason)
            }
            "NoSuchBucket" | "NotFound" | "NonExistentQueue" | "QueueDoesNotExist" | "ResourceNotFoundException" => {
                ProbeAnswer::NoSuchThing(reason)
            }
            // HEAD has no body, and so no code.
            "" if status == 403 => ProbeAnswer::Denied(reason),
            "" if status == 404 => ProbeAnswer::NoSuchThing(reason),
            _ => ProbeAnswer::Unclear(reason),
        }
    }

    /// As a finding about a permission that the function needs.
    pub(super) fn on(self, action: &str, resource: &str) -> Finding {
        let what = format!("{action} on {resource}");
        let verdict = match self {
            ProbeAnswer::LetIn => FindingStatus::Fine,
            ProbeAnswer::Denied(reason) => {
                FindingStatus::Missing { reason, grant: Some(Statement::allowing(action, resource)) }
            }
            ProbeAnswer::NoSuchThing(reason) => FindingStatus::Missing { reason, grant: None },
            ProbeAnswer::Unclear(reason) => FindingStatus::Unknown { reason },
        };
        Finding { what, verdict }
    }
}

/// A finding about whether a thing is there, where the function itself need not look at it.
pub(super) fn is_there(what: &str, answer: ProbeAnswer) -> Finding {
    match answer {
        ProbeAnswer::LetIn => Finding::fine(what),
        ProbeAnswer::NoSuchThing(reason) => Finding::missing(what, format!("it does not exist ({reason})")),
        ProbeAnswer::Denied(reason) => Finding::unknown(
            what,
            format!("these credentials may not look at it, which the function need not ({reason})"),
        ),
        ProbeAnswer::Unclear(reason) => Finding::unknown(what, reason),
    }
}
