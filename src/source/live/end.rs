//! Where reading ends by itself.

use std::time::Duration;

use aws_sdk_kinesis::types::Record;

use super::page::{ReadPage, arrived_at};

/// How far our clock and the stream's may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(5 * 60);

/// Where reading ends by itself, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// With the shard.
    Never,
    /// With what was there at this time, which is that of the start.
    AtTheStart(u64),
    /// Before the first record that arrived later.
    AtTimestamp(u64),
}

impl ReadEnd {
    /// Whether a record is behind the end.
    pub(super) fn is_before(self, record: &Record) -> bool {
        match self {
            ReadEnd::Never => false,
            // Only so that a busy shard has an end, too: the clocks may differ.
            ReadEnd::AtTheStart(time) => arrived_at(record) > time.saturating_add(CLOCKS_APART.as_millis() as u64),
            ReadEnd::AtTimestamp(time) => arrived_at(record) > time,
        }
    }

    /// Whether a page that was asked for at some time is the last before the end.
    pub(super) fn is_with(self, page: &ReadPage, asked_at: u64) -> bool {
        let (ReadEnd::AtTheStart(time) | ReadEnd::AtTimestamp(time)) = self else { return false };
        let is_up_to_date = page.behind.is_zero() && asked_at >= time;
        is_up_to_date && page.records.last().is_none_or(|last| arrived_at(last) > time)
    }
}
