//! What the answer to a request says of a permission.

use std::error::Error;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::finding::{Finding, Statement, Verdict};
use crate::aws::causes;

/// What a request came to that was made to be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was let in; that it did nothing is as it was meant.
    LetIn,
    /// Whoever asks may not do this.
    Denied(String),
    /// There is no such thing.
    NoSuchThing(String),
    /// It says nothing of either.
    Unclear(String),
}

impl Answer {
    /// Of a request that an entitled one would be refused for its content, by one of these codes.
    pub(super) fn of<T, E>(result: Result<T, SdkError<E, HttpResponse>>, refusals: &[&str]) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let error = match result {
            Ok(_) => return Answer::LetIn,
            Err(error) => error,
        };
        let SdkError::ServiceError(service) = &error else { return Answer::Unclear(causes(&error)) };
        let status = service.raw().status().as_u16();
        let code = service.err().code().unwrap_or_default().trim_start_matches("AWS.SimpleQueueService.");
        let reason = match service.err().message() {
            Some(message) => format!("{code}: {message}"),
            None if code.is_empty() => format!("HTTP status {status}"),
            None => code.to_owned(),
        };
        match code {
            code if refusals.contains(&code) => Answer::LetIn,
            "AccessDenied" | "AccessDeniedException" | "KMSAccessDeniedException" | "KmsAccessDenied" => {
                Answer::Denied(reason)
            }
            "NoSuchBucket" | "NotFound" | "NonExistentQueue" | "QueueDoesNotExist" | "ResourceNotFoundException" => {
                Answer::NoSuchThing(reason)
            }
            // HEAD has no body, and so no code.
            "" if status == 403 => Answer::Denied(reason),
            "" if status == 404 => Answer::NoSuchThing(reason),
            _ => Answer::Unclear(reason),
        }
    }

    /// As a finding about a permission that the function needs.
    pub(super) fn on(self, action: &str, resource: &str) -> Finding {
        let what = format!("{action} on {resource}");
        let verdict = match self {
            Answer::LetIn => Verdict::Fine,
            Answer::Denied(reason) => Verdict::Missing { reason, grant: Some(Statement::allowing(action, resource)) },
            Answer::NoSuchThing(reason) => Verdict::Missing { reason, grant: None },
            Answer::Unclear(reason) => Verdict::Unknown { reason },
        };
        Finding { what, verdict }
    }
}

/// A finding about whether a thing is there, where the function itself need not look at it.
pub(super) fn is_there(what: &str, answer: Answer) -> Finding {
    match answer {
        Answer::LetIn => Finding::fine(what),
        Answer::NoSuchThing(reason) => Finding::missing(what, format!("it does not exist ({reason})")),
        Answer::Denied(reason) => Finding::unknown(
            what,
            format!("these credentials may not look at it, which the function need not ({reason})"),
        ),
        Answer::Unclear(reason) => Finding::unknown(what, reason),
    }
}
