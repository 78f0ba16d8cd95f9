//! Why a place can't be read, and what to do about it.

use std::error::Error;
use std::io;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use crate::aws::{causes, with_remedy};

/// Why a place can't be read on. Whoever reads says what of.
#[derive(Debug)]
pub(in crate::source) enum ReadRefusal {
    /// A file, or what an object holds, can't be opened or read.
    Unreadable {
        /// The file, or `standard input`.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// A service does not do what it is asked for.
    Refused {
        /// What it was asked about: an ARN, or the address of an object.
        place: String,
        /// What it was asked for, as a permission is called.
        action: &'static str,
        /// Why it does not, and what to change, where that is known.
        reason: String,
    },
}

impl ReadRefusal {
    /// What a service answered to a request that takes this action.
    pub(in crate::source) fn refused<E>(place: &str, action: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        Self::Refused { place: place.to_owned(), action, reason: reason(action, error) }
    }
}

/// Why a service does not do what takes this action, and what to change, where that is known.
pub(in crate::source) fn reason<E>(action: &str, error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = error.code().unwrap_or_default();
    let said = match (code, error.message()) {
        ("", _) => causes(error),
        (code, None) => code.to_owned(),
        (code, Some(message)) => format!("{code}: {message}"),
    };
    match remedy(code, action) {
        Some(remedy) => format!("{said}: {remedy}"),
        None => with_remedy(said, code),
    }
}

fn remedy(code: &str, action: &str) -> Option<String> {
    Some(match code.trim_start_matches("AWS.SimpleQueueService.") {
        "AccessDenied" | "AccessDeniedException" => format!("allow {action} on it"),
        "NoSuchBucket" => "there is no bucket of this name".to_owned(),
        "NonExistentQueue" | "QueueDoesNotExist" | "ResourceNotFoundException" => {
            "it does not exist; look at its name, its region and its account".to_owned()
        }
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            "the bucket is in another region: set AWS_REGION to that one".to_owned()
        }
        "KMSAccessDeniedException" | "KmsAccessDenied" | "KMS.AccessDeniedException" => {
            "allow kms:Decrypt on its key".to_owned()
        }
        "OverLimit" => "so many messages are received and not deleted that it gives no more: narrow the filters, or \
                        name a --dead-letter"
            .to_owned(),
        _ => return None,
    })
}
