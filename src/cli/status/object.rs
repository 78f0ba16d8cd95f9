//! A shard for a program.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ShardStatus;
use crate::timestamp::millis;

/// A line of JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShardJson<'a> {
    stream_id: &'a str,
    shard_id: &'a str,
    /// The last one that is acknowledged with all before it.
    sequence_number: Option<&'a str>,
    /// The highest one that is acknowledged, of a stream without order.
    high_water_mark: Option<&'a str>,
    safe_to_resume: bool,
    written_at: Option<String>,
    written_by: Option<&'a str>,
    last_arrival_at: Option<String>,
    /// When the row was written.
    behind_milliseconds: Option<u64>,
    stuck: Option<BlockedJson<'a>>,
    held_by: Option<HolderJson<'a>>,
    /// Whether the table has a row: without one, the shard has no position yet.
    has_row: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<LagJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_error: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockedJson<'a> {
    sequence_number: &'a str,
    sub_sequence_number: u64,
    attempts: u32,
    reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderJson<'a> {
    client_id: &'a str,
    lease_timeout: Option<&'a str>,
    /// Whether the lease has ended.
    has_ended: bool,
}

/// What the stream says, now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LagJson {
    milliseconds: u64,
    records: u64,
    /// Whether there are no more records than these.
    is_complete: bool,
}

impl<'a> ShardJson<'a> {
    pub(super) fn of(shard: &'a ShardStatus, now: OffsetDateTime) -> Self {
        let row = &shard.row;
        let (lag, lag_error) = match &shard.lag {
            None => (None, None),
            Some(Ok(lag)) => {
                let milliseconds = millis(lag.time);
                (Some(LagJson { milliseconds, records: lag.records, is_complete: lag.is_complete }), None)
            }
            Some(Err(error)) => (None, Some(error.as_str())),
        };
        Self {
            stream_id: &row.stream_id,
            shard_id: &row.shard_id,
            sequence_number: row.position.as_deref(),
            high_water_mark: row.high_water_mark.as_deref(),
            safe_to_resume: row.resume_after().is_ok(),
            written_at: row.written_at.and_then(rfc3339),
            written_by: row.written_by.as_deref(),
            last_arrival_at: row.last_arrival_at.and_then(rfc3339),
            behind_milliseconds: row.behind.map(millis),
            stuck: row.stuck.as_ref().map(|stuck| BlockedJson {
                sequence_number: stuck.position.sequence_number().as_str(),
                sub_sequence_number: stuck.position.sub_sequence_number(),
                attempts: stuck.attempts,
                reason: &stuck.reason,
            }),
            held_by: row.held_by.as_ref().map(|holder| HolderJson {
                client_id: &holder.client_id,
                lease_timeout: holder.lease_timeout.as_deref(),
                has_ended: holder.ended_ago(now).is_some(),
            }),
            has_row: shard.has_row,
            lag,
            lag_error,
        }
    }
}

fn rfc3339(time: OffsetDateTime) -> Option<String> {
    time.format(&Rfc3339).ok()
}
