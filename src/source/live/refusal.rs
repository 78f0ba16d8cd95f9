//! Why a stream can't be read, in one line, and what to do about it.

use std::error::Error;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};

use crate::aws::{causes, missing_credentials, unknown_host, with_remedy};
use crate::checkpoint::{CheckpointError, CreationError, NotSafeToResume};
use crate::error_code::ErrorCode;
use crate::timestamp::rfc3339;

/// Why a stream can't be read, or not any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// There is none of this name.
    #[error(
        "stream {stream} not found: check its name, its region (AWS_REGION, or give the ARN) and the account of your \
         credentials"
    )]
    NoStream {
        /// As it was given.
        stream: String,
    },
    /// Nobody says in which region it is.
    #[error("nobody says in which region the stream {stream} is: set AWS_REGION, or give the stream's ARN; {asked}")]
    NoRegion {
        /// As it was given.
        stream: String,
        /// Which places were asked.
        asked: String,
    },
    /// There is nothing to sign a request with.
    #[error("{reason}")]
    NoCredentials {
        /// Which places were asked, what each of them lacks, and the remedy.
        reason: String,
    },
    /// A permission is missing.
    #[error(
        "access to {place} is denied: {action} is not allowed ({reason}); allow it with the IAM statement {statement}"
    )]
    Denied {
        /// What it was asked about.
        place: String,
        /// What it was asked for, as a permission is called.
        action: &'static str,
        /// What the service says.
        reason: String,
        /// All that reading takes.
        statement: String,
    },
    /// The stream lists no such shard.
    #[error(
        "{stream} has no shard {shard}: it never existed, or it was split or merged and has expired; the shards are {listed}"
    )]
    NoShard {
        /// The stream.
        stream: String,
        /// The shard that was asked for.
        shard: String,
        /// Those that it has.
        listed: String,
    },
    /// The record of a sequence number is not there any more.
    #[error(
        "{shard} no longer has sequence number {number}, so records after it may be lost: its oldest is {oldest}; start \
         there with --from trim-horizon, or continue with --force"
    )]
    Trimmed {
        /// The shard.
        shard: String,
        /// The sequence number that was asked for.
        number: String,
        /// The oldest one that is there.
        oldest: String,
    },
    /// A sequence number is none of the shard's.
    #[error("sequence number {number} is not in {shard}, which begins with {first}: name the shard that it comes from")]
    OtherShard {
        /// The shard.
        shard: String,
        /// The sequence number that was asked for.
        number: String,
        /// The first one of the shard.
        first: String,
    },
    /// A sequence number belongs to one shard, and there are several.
    #[error("a sequence number belongs to one shard, but {streams} has {count}: name the shard, as in {example}")]
    SeveralShards {
        /// The streams.
        streams: String,
        /// How many shards would be read.
        count: usize,
        /// How one is named.
        example: String,
    },
    /// The start is in the future.
    #[error("--from at-timestamp={} is in the future, by {}: use --from latest", rfc3339(*.time), humantime::format_duration(*.by))]
    InTheFuture {
        /// The start, in milliseconds since the Unix epoch.
        time: u64,
        /// How far.
        by: std::time::Duration,
    },
    /// A row of the checkpoint table that nobody can rely on.
    #[error("{0}; start elsewhere with --from, or start at that mark with --force")]
    NotSafe(NotSafeToResume),
    /// Another consumer is at work on a shard.
    #[error("{shard}: {trouble}; --force reads the shard anyway, and leaves its row as it is")]
    Held {
        /// The shard.
        shard: String,
        /// Who holds it.
        trouble: CheckpointError,
    },
    /// Another run is at work on a shard.
    #[error("{shard}: {trouble}; --force takes the shard over, and the other run can then commit nothing more of it")]
    Running {
        /// The shard.
        shard: String,
        /// Who is.
        trouble: CheckpointError,
    },
    /// The checkpoint table can't be read.
    #[error("the checkpoint table {table}: {trouble}")]
    Table {
        /// The table.
        table: String,
        /// Why.
        trouble: CheckpointError,
    },
    /// The checkpoint table can't be made.
    #[error("the checkpoint table {table} can't be made: {trouble}")]
    TableNotMade {
        /// The table.
        table: String,
        /// Why.
        trouble: CreationError,
    },
    /// A stream is named twice.
    #[error("{0} is named twice, so its records would be processed twice: name it once")]
    Twice(String),
    /// A consumer can't be used.
    #[error("the consumer {consumer} of {stream}: {reason}")]
    Consumer {
        /// The consumer's name.
        consumer: String,
        /// The stream.
        stream: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The service does not do what it is asked for.
    #[error("{place}: {action}: {reason}")]
    Refused {
        /// What it was asked about.
        place: String,
        /// What it was asked for, as a permission is called.
        action: &'static str,
        /// Why it does not, and what to change, where that is known.
        reason: String,
    },
}

impl LiveError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            LiveError::NoStream { .. } => ErrorCode::NoStream,
            LiveError::NoRegion { .. } => ErrorCode::NoRegion,
            LiveError::NoCredentials { .. } => ErrorCode::NoCredentials,
            LiveError::Denied { .. } => ErrorCode::StreamDenied,
            LiveError::NoShard { .. } => ErrorCode::NoShard,
            LiveError::Trimmed { .. } => ErrorCode::SequenceNumberExpired,
            LiveError::OtherShard { .. } => ErrorCode::SequenceNumberOfOtherShard,
            LiveError::SeveralShards { .. } => ErrorCode::SequenceNumberOfSeveralShards,
            LiveError::InTheFuture { .. } => ErrorCode::StartInTheFuture,
            LiveError::NotSafe(refusal) => refusal.code(),
            LiveError::Held { trouble, .. } | LiveError::Running { trouble, .. } | LiveError::Table { trouble, .. } => {
                trouble.code()
            }
            LiveError::TableNotMade { trouble, .. } => trouble.code(),
            LiveError::Twice(_) => ErrorCode::StreamTwice,
            LiveError::Consumer { .. } => ErrorCode::ConsumerUnusable,
            LiveError::Refused { .. } => ErrorCode::StreamRefused,
        }
    }
}

/// What the failure of a request means for whoever reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureClass {
    /// The iterator is too old: a new one is needed.
    Expired,
    /// Too many reads, of all consumers together.
    Throttled,
    /// It may pass by itself.
    Passing,
    /// It stays until somebody changes something.
    Lasting,
}

/// What a code of an error means; none: there was no answer.
pub(super) fn meaning(code: Option<&str>) -> FailureClass {
    match code {
        Some("ExpiredIteratorException") => FailureClass::Expired,
        Some(
            "ProvisionedThroughputExceededException"
            | "LimitExceededException"
            | "ThrottlingException"
            | "KMSThrottlingException"
            | "ResourceInUseException",
        ) => FailureClass::Throttled,
        Some(code) if is_denied(code) => FailureClass::Lasting,
        Some(
            "ResourceNotFoundException"
            | "InvalidArgumentException"
            | "ValidationException"
            | "SerializationException"
            | "KMSDisabledException"
            | "KMSNotFoundException"
            | "KMSInvalidStateException"
            | "KMSOptInRequired"
            | "UnknownOperationException",
        ) => FailureClass::Lasting,
        // Credentials that expire are renewed, where they can be.
        _ => FailureClass::Passing,
    }
}

pub(super) fn is_denied(code: &str) -> bool {
    matches!(code, "AccessDeniedException" | "AccessDenied" | "KMSAccessDeniedException" | "UnauthorizedOperation")
}

impl LiveError {
    /// What a service answered to a request that takes this action on a stream.
    pub(in crate::source) fn refused<E>(stream: &str, action: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(missing) = missing_credentials(error) {
            return LiveError::NoCredentials { reason: missing };
        }
        let code = error.code().unwrap_or_default();
        let reason = match (code, error.message()) {
            ("", _) => causes(error),
            (code, None) => code.to_owned(),
            (code, Some(message)) => format!("{code}: {message}"),
        };
        let place = stream.to_owned();
        if code.starts_with("KMS") && is_denied(code) {
            let reason = format!("{reason}: allow kms:Decrypt on the stream's key");
            return LiveError::Refused { place, action, reason };
        }
        if is_denied(code) {
            return LiveError::Denied { statement: statement(stream, action), place, action, reason };
        }
        if code == "ResourceNotFoundException" && action == ITERATOR {
            let reason = format!("{reason}: the shard, or its stream, is gone");
            return LiveError::Refused { place, action, reason };
        }
        if code == "ResourceNotFoundException" && action != REGISTER && action != SUBSCRIBE {
            return LiveError::NoStream { stream: place };
        }
        let reason = if code.is_empty() && unknown_host(error).is_none() {
            reason + "; look at AWS_REGION, at the network, and at AWS_ENDPOINT_URL if it is set"
        } else {
            with_remedy(reason, code)
        };
        LiveError::Refused { place, action, reason }
    }
}

pub(super) const DESCRIBE: &str = "kinesis:DescribeStreamSummary";
pub(super) const LIST: &str = "kinesis:ListShards";
pub(in crate::source) const ITERATOR: &str = "kinesis:GetShardIterator";
pub(in crate::source) const READ: &str = "kinesis:GetRecords";
pub(super) const REGISTER: &str = "kinesis:RegisterStreamConsumer";
pub(super) const DESCRIBE_CONSUMER: &str = "kinesis:DescribeStreamConsumer";
pub(super) const SUBSCRIBE: &str = "kinesis:SubscribeToShard";
pub(super) const LIST_STREAMS: &str = "kinesis:ListStreams";
pub(super) const LIST_CONSUMERS: &str = "kinesis:ListStreamConsumers";

/// All that reading takes, and not just what was refused first.
fn statement(stream: &str, action: &str) -> String {
    if action == LIST_STREAMS {
        // It is for no stream in particular.
        let actions = [LIST_STREAMS, DESCRIBE, LIST_CONSUMERS];
        return serde_json::json!({ "Effect": "Allow", "Action": actions, "Resource": "*" }).to_string();
    }
    let enhanced = [REGISTER, DESCRIBE_CONSUMER, SUBSCRIBE];
    let mut actions = vec![DESCRIBE, LIST, ITERATOR, READ];
    if enhanced.contains(&action) {
        actions.extend(enhanced);
    }
    let arn =
        if stream.starts_with("arn:") { stream.to_owned() } else { format!("arn:aws:kinesis:*:*:stream/{stream}") };
    let resource =
        if enhanced.contains(&action) { serde_json::json!([arn, format!("{arn}/consumer/*")]) } else { arn.into() };
    serde_json::json!({ "Effect": "Allow", "Action": actions, "Resource": resource }).to_string()
}
