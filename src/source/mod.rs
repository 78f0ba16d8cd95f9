//! Batches for a laptop, as an event source mapping would send them: of one shard and in order. Lines
//! come 10,000 records or 6 MB at a time; an event, or an answer of get-records, is a batch by itself. [`live`] reads
//! streams, by the rules of [`mapping`].
//!
//! [`dead_letters`] reads back what could not be processed, and [`LagMeter`] what is still to come.

pub mod dead_letters;
mod file;
mod get_records;
mod lag;
mod lines;
pub mod live;
pub mod mapping;

use std::io;

use crate::error_code::ErrorCode;

pub use file::{FileSource, Format};
pub use lag::{Lag, LagMeter};

/// The most records that an event source mapping puts into one batch.
pub const MAX_RECORDS: usize = 10_000;

/// The most payload bytes in a batch of ours. Lambda's 6 MB are for the event's JSON: base64, four
/// bytes for three, and about 490 bytes of envelope a record.
pub const MAX_PAYLOAD_BYTES: usize = 6_000_000 / 4 * 3;

/// The shard of records that do not say theirs.
const LOCAL_SHARD: &str = "shardId-000000000000";

/// Why an input can't be read as records.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It can't be opened or read.
    #[error("input {name}: {source}")]
    Unreadable {
        /// The file, or `standard input`.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It is none of the three formats.
    #[error(
        "input {name}: {reason}. Give a Lambda Kinesis event, the output of `aws kinesis get-records`, or lines, each \
         the payload of a record; --input-format says which, where the content does not"
    )]
    Unknown {
        /// The file, or `standard input`.
        name: String,
        /// What it is instead.
        reason: String,
    },
    /// It is one of the formats, but broken.
    #[error("input {name}: {reason}")]
    Broken {
        /// The file, or `standard input`.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl SourceError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            SourceError::Unreadable { .. } => ErrorCode::InputUnreadable,
            SourceError::Unknown { .. } => ErrorCode::InputUnknown,
            SourceError::Broken { .. } => ErrorCode::InputBroken,
        }
    }
}
