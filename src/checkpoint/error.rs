//! What can be wrong with the table, and what to do about it.

use std::error::Error;
use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::row::LeaseHolder;
use crate::aws::{causes, with_remedy};
use crate::error_code::ErrorCode;

/// Why a row was not read or written. Each message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// There is no such table, or it is not ready yet.
    #[error("the table does not exist or is not active yet: create it, or set KINESIEVE_CHECKPOINT_CREATE to true")]
    Missing,
    /// The role may not do this.
    #[error("access is denied: grant the function dynamodb:UpdateItem and dynamodb:GetItem on the table ({0})")]
    Denied(String),
    /// DynamoDB does not accept the credentials themselves.
    #[error("DynamoDB does not accept the credentials ({0})")]
    Credentials(String),
    /// The table takes no more.
    #[error(
        "it is throttled: give the table more capacity, or write less often with KINESIEVE_CHECKPOINT_PERIOD ({0})"
    )]
    Throttled(String),
    /// No answer came in time.
    #[error(
        "it did not answer within {}: see whether the function can reach DynamoDB (a function in a VPC needs an \
         endpoint for it), or allow more with KINESIEVE_CHECKPOINT_TIMEOUT", humantime::format_duration(*.after)
    )]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// Another consumer holds the row.
    #[error(
        "another consumer, {client_id:?}, holds the shard{}: if it is gone for good, remove ClientID and LeaseTimeout \
         from the row; if it is not, give one of the two a table of its own",
        match .lease_timeout { Some(end) => format!(" (its lease ends at {end})"), None => String::new() }
    )]
    Held {
        /// What it calls itself.
        client_id: String,
        /// Until when, as it wrote that.
        lease_timeout: Option<String>,
    },
    /// Another run is at work on the shard.
    #[error(
        "another run, {run:?}, is at work on the shard, with its last sign of life at {beat_at}: end one of the two, or \
         give each a table of its own"
    )]
    Running {
        /// What it calls itself.
        run: String,
        /// When it gave its last sign of life, as it wrote that.
        beat_at: String,
    },
    /// Another function wrote the row.
    #[error(
        "the row was written by {writer:?}, so nothing is skipped: give each function that reads the stream a table of \
         its own; after a change of the function's name this passes with the next batch"
    )]
    Foreign {
        /// Its name.
        writer: String,
    },
    /// The row is further already.
    #[error(
        "the row is at {position} already, and stays there: an older batch came again, or another consumer writes the \
         same row, which then needs a table of its own"
    )]
    Overtaken {
        /// What the row says.
        position: String,
    },
    /// The table takes no such rows.
    #[error("it refuses the request: its keys have to be StreamID and ShardID, both strings ({0})")]
    Refused(String),
    /// It can't be reached, or has an error of its own.
    #[error("it can't be reached or fails: the next batch tries again ({0})")]
    Unreachable(String),
}

/// The kinds of [`CheckpointError`], as metrics and log lines name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckpointErrorKind {
    /// [`CheckpointError::Missing`].
    Missing,
    /// [`CheckpointError::Denied`] and [`CheckpointError::Credentials`].
    Denied,
    /// [`CheckpointError::Throttled`].
    Throttled,
    /// [`CheckpointError::TimedOut`].
    Timeout,
    /// [`CheckpointError::Held`] or [`CheckpointError::Running`].
    Held,
    /// [`CheckpointError::Foreign`].
    Foreign,
    /// [`CheckpointError::Overtaken`].
    Overtaken,
    /// [`CheckpointError::Refused`].
    Refused,
    /// [`CheckpointError::Unreachable`].
    Unreachable,
}

impl CheckpointErrorKind {
    /// The name in a metric and a log line.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckpointErrorKind::Missing => "missing",
            CheckpointErrorKind::Denied => "denied",
            CheckpointErrorKind::Throttled => "throttled",
            CheckpointErrorKind::Timeout => "timeout",
            CheckpointErrorKind::Held => "held",
            CheckpointErrorKind::Foreign => "foreign",
            CheckpointErrorKind::Overtaken => "overtaken",
            CheckpointErrorKind::Refused => "refused",
            CheckpointErrorKind::Unreachable => "unreachable",
        }
    }

    /// Returns its code.
    pub fn code(self) -> ErrorCode {
        match self {
            CheckpointErrorKind::Missing => ErrorCode::CheckpointTableMissing,
            CheckpointErrorKind::Denied => ErrorCode::CheckpointDenied,
            CheckpointErrorKind::Throttled => ErrorCode::CheckpointThrottled,
            CheckpointErrorKind::Timeout => ErrorCode::CheckpointTimeout,
            CheckpointErrorKind::Held => ErrorCode::ShardHeld,
            CheckpointErrorKind::Foreign => ErrorCode::CheckpointForeign,
            CheckpointErrorKind::Overtaken => ErrorCode::CheckpointOvertaken,
            CheckpointErrorKind::Refused => ErrorCode::CheckpointRefused,
            CheckpointErrorKind::Unreachable => ErrorCode::CheckpointUnreachable,
        }
    }

    /// Whether the same position may be written later.
    pub(super) fn passes(self) -> bool {
        self != CheckpointErrorKind::Overtaken
    }
}

impl CheckpointError {
    /// Its kind.
    pub fn kind(&self) -> CheckpointErrorKind {
        match self {
            CheckpointError::Missing => CheckpointErrorKind::Missing,
            CheckpointError::Denied(_) | CheckpointError::Credentials(_) => CheckpointErrorKind::Denied,
            CheckpointError::Throttled(_) => CheckpointErrorKind::Throttled,
            CheckpointError::TimedOut { .. } => CheckpointErrorKind::Timeout,
            CheckpointError::Held { .. } | CheckpointError::Running { .. } => CheckpointErrorKind::Held,
            CheckpointError::Foreign { .. } => CheckpointErrorKind::Foreign,
            CheckpointError::Overtaken { .. } => CheckpointErrorKind::Overtaken,
            CheckpointError::Refused(_) => CheckpointErrorKind::Refused,
            CheckpointError::Unreachable(_) => CheckpointErrorKind::Unreachable,
        }
    }

    /// Returns its code.
    pub fn code(&self) -> ErrorCode {
        self.kind().code()
    }

    /// A row that another consumer holds.
    pub fn held(holder: &LeaseHolder) -> Self {
        CheckpointError::Held { client_id: holder.client_id.clone(), lease_timeout: holder.lease_timeout.clone() }
    }
}

/// What the failure of a request means.
pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> CheckpointError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let service = match error {
        SdkError::ServiceError(service) => service.err(),
        _ => return CheckpointError::Unreachable(causes(error)),
    };
    let code = service.code().unwrap_or_default();
    let reason = service.message().map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
    let reason = with_remedy(reason, code);
    match code {
        "ResourceNotFoundException" => CheckpointError::Missing,
        "AccessDeniedException" => CheckpointError::Denied(reason),
        "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException" => CheckpointError::Credentials(reason),
        "LimitExceededException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "ThrottlingException" => CheckpointError::Throttled(reason),
        "SerializationException" | "ValidationException" => CheckpointError::Refused(reason),
        _ => CheckpointError::Unreachable(reason),
    }
}
