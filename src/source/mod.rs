//! Batches for a laptop, as an event source mapping would send them: of one shard and in order. Lines, and elements of an
//! array, come 10,000 records or 6 MB at a time; an event, or an answer of get-records, is a batch by itself. [`live`] reads
//! streams, by the rules of [`mapping`].
//!
//! [`dead_letters`] reads back what could not be processed, [`on_failure`] what an event source mapping gave up, and
//! [`LagMeter`] what is still to come, and [`shards_of`] says which shards there are.

mod batch_check;
mod cutting;
pub mod dead_letters;
mod file;
mod foreign_parts;
mod get_records;
mod lag;
mod lines;
pub mod live;
pub mod mapping;
pub mod on_failure;
mod similar;
mod storage;
mod stream_shards;

use std::io;

use crate::error_code::ErrorCode;

pub use batch_check::BatchCheck;
pub use cutting::{BatchBounds, BatchCutter};
pub use file::{ArrivalField, FileSource, Format};
pub use lag::{Lag, LagMeter};
pub use similar::{did_you_mean, similar_files};
pub use stream_shards::{StreamShard, shards_of};

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
    /// There is no such file.
    #[error("input {name}: No such file or directory (os error 2){}", did_you_mean(.similar))]
    Missing {
        /// The file.
        name: String,
        /// Files that are called nearly so.
        similar: Vec<String>,
    },
    /// It is in none of the forms.
    #[error("input {name}: {what}; {remedy}")]
    Unknown {
        /// The file, or `standard input`.
        name: String,
        /// What it is instead, as a sentence without its end.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// It is in one of the forms, but broken.
    #[error("input {name}: {reason}")]
    Broken {
        /// The file, or `standard input`.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// It describes records that an event source mapping gave up, and does not hold them.
    #[error("input {name}: it describes {range}, which are not in it: add --from-stream to fetch them from the stream")]
    InStream {
        /// The file, or `standard input`.
        name: String,
        /// Which records.
        range: Box<on_failure::RecordRange>,
    },
}

impl SourceError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            SourceError::Unreadable { .. } | SourceError::Missing { .. } => ErrorCode::InputUnreadable,
            SourceError::Unknown { .. } => ErrorCode::InputUnknown,
            SourceError::Broken { .. } => ErrorCode::InputBroken,
            SourceError::InStream { .. } => ErrorCode::GivenUpRecordsInStream,
        }
    }
}
