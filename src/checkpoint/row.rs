//! A row of the table: how it is written, and how it is read.
//!
//! `StreamID`, `ShardID`, `SequenceNumber`, `ClientID` and `LeaseTimeout` are those of Redpanda Connect's
//! `aws_kinesis` input, all strings. The rest is ours; its checkpoint replaces the whole row, so any of it may be
//! gone. We never write `ClientID` or `LeaseTimeout`: a row with one and not the other breaks its rebalancing.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::CheckpointOptions;
use super::heartbeat::{self, Heartbeat};
use super::progress::{BlockedProgress, DeliveredOutputs, ShardProgress};
use super::resume_point::ResumePoint;
use super::start_at::StartAt;
use crate::error_code::ErrorCode;
use crate::event::Position;
use crate::timestamp::{now_millis, rfc3339};

pub(crate) const STREAM_ID: &str = "StreamID";
pub(super) const SHARD_ID: &str = "ShardID";
/// The last sequence number that is acknowledged with all before it: a reader resumes after it.
pub(super) const POSITION: &str = "SequenceNumber";
/// The attribute for the highest acknowledged position where batches of a shard run side by side: records before it may
/// not be acknowledged.
pub(super) const HIGH_WATER_MARK: &str = "HighWaterMark";
pub(crate) const CLIENT_ID: &str = "ClientID";
pub(super) const LEASE_TIMEOUT: &str = "LeaseTimeout";
pub(super) const WRITTEN_AT: &str = "WrittenAt";
pub(super) const WRITTEN_BY: &str = "WrittenBy";
pub(super) const LAST_ARRIVAL_AT: &str = "LastArrivalAt";
pub(super) const BEHIND: &str = "BehindMilliseconds";
pub(super) const PARALLELIZATION_FACTOR: &str = "ParallelizationFactor";
pub(super) const STUCK_AT: &str = "StuckAt";
pub(super) const STUCK_SUB_SEQUENCE_NUMBER: &str = "StuckSubSequenceNumber";
const STUCK_ATTEMPTS: &str = "StuckAttempts";
const STUCK_REASON: &str = "StuckReason";
/// How many of its first outputs were delivered, and their digest in hexadecimal.
const STUCK_OUTPUTS: &str = "StuckOutputs";
const STUCK_OUTPUTS_DIGEST: &str = "StuckOutputsDigest";
/// By what the record was taken apart and transformed.
pub(super) const STUCK_MADE_BY: &str = "StuckMadeBy";

/// The value of [`STUCK_MADE_BY`] where the position was taken over from another consumer, which counts the user records of a
/// KPL aggregate, and which was not blocked there: its work ended in the middle of the aggregate.
pub(super) const USER_RECORDS: &str = "user-records";
/// Whether the shard was read to its end.
pub(crate) const SHARD_END: &str = "ShardEnd";
/// Where the shard begins as long as it has no position.
pub(crate) const START_AT: &str = "StartAt";

/// All that a row says of what a shard is blocked at.
pub(super) const STUCK: [&str; 7] = [
    STUCK_AT,
    STUCK_SUB_SEQUENCE_NUMBER,
    STUCK_ATTEMPTS,
    STUCK_REASON,
    STUCK_OUTPUTS,
    STUCK_OUTPUTS_DIGEST,
    STUCK_MADE_BY,
];

/// As much of a reason as a row has room for: an item has 400 KB, and each write is paid for by the KB.
const REASON_BYTES: usize = 500;

/// A conditional change of one row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Update {
    pub(super) key: HashMap<String, AttributeValue>,
    pub(super) change: String,
    pub(super) condition: String,
    pub(super) values: HashMap<String, AttributeValue>,
}

/// What came of a batch, as a change that can't take the row backwards, whatever came in between: it holds only
/// where nobody has claimed the row, and where its position is before the new one. Sequence numbers have no leading
/// zeros, so a longer one is larger, and of two that are of one length the order of the digits decides.
pub(super) fn update(progress: &ShardProgress, stream_id: &str, options: &CheckpointOptions) -> Update {
    let mut changes = Changes::default();
    let has_order = options.parallelization_factor == 1;
    let position = if has_order { POSITION } else { HIGH_WATER_MARK };
    let acknowledged = progress.acknowledged.as_ref();
    if let Some(last) = acknowledged {
        changes.set(position, text(&last.sequence_number));
    }
    changes.say(progress, options.parallelization_factor, &options.written_by);
    if has_order && acknowledged.is_some() {
        changes.remove(&[HIGH_WATER_MARK]);
    }
    let mut condition = format!("attribute_not_exists({CLIENT_ID})");
    if let Some(run) = &options.run {
        changes.set(heartbeat::RUN_BY, text(run));
        changes.set(heartbeat::RUN_BEAT_AT, text(&rfc3339(now_millis())));
        condition += &format!(" AND {}", heartbeat::condition());
    }
    let (bound, comparison) = match (acknowledged, &progress.stuck) {
        // The same position again, of a batch that came again: what it is blocked at may have changed.
        (Some(last), Some(_)) => (Some(last.sequence_number.as_str()), "<="),
        (Some(last), None) => (Some(last.sequence_number.as_str()), "<"),
        // Without order, another event may well stand still behind a higher one that is acknowledged.
        (None, Some(stuck)) if has_order => (Some(stuck.position.sequence_number().as_str()), "<"),
        (None, _) => (None, "<"),
    };
    if let Some(bound) = bound {
        condition += &format!(" AND {}", changes.forward(position, comparison, bound));
    }
    Update { key: key(stream_id, &progress.shard.id), change: changes.expression(), condition, values: changes.values }
}

pub(super) fn key(stream_id: &str, shard_id: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([(STREAM_ID.to_owned(), text(stream_id)), (SHARD_ID.to_owned(), text(shard_id))])
}

/// What changes in a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Changes {
    assignments: Vec<String>,
    removals: Vec<&'static str>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Changes {
    /// What there is to say beside the position: what a person wants to know, and whoever goes on from the row.
    pub(super) fn say(&mut self, progress: &ShardProgress, parallelization_factor: u8, written_by: &str) {
        if let Some(last) = &progress.acknowledged {
            self.set(LAST_ARRIVAL_AT, text(&rfc3339(last.arrived_at)));
            self.set(BEHIND, number(now_millis().saturating_sub(last.arrived_at)));
        }
        self.set(WRITTEN_AT, text(&rfc3339(now_millis())));
        self.set(WRITTEN_BY, text(written_by));
        self.set(PARALLELIZATION_FACTOR, number(parallelization_factor.into()));
        match &progress.stuck {
            Some(stuck) => {
                self.set(STUCK_AT, text(stuck.position.sequence_number().as_str()));
                self.set(STUCK_SUB_SEQUENCE_NUMBER, number(stuck.position.sub_sequence_number()));
                self.set(STUCK_ATTEMPTS, number(stuck.attempts.into()));
                self.set(STUCK_REASON, text(&stuck.reason[..stuck.reason.floor_char_boundary(REASON_BYTES)]));
                self.set(STUCK_MADE_BY, text(&stuck.made_by));
                match stuck.delivered {
                    Some(DeliveredOutputs { outputs, .. }) => self.set(STUCK_OUTPUTS, number(outputs.into())),
                    None => self.remove(&[STUCK_OUTPUTS]),
                }
                match stuck.delivered.and_then(|delivered| delivered.digest) {
                    Some(digest) => self.set(STUCK_OUTPUTS_DIGEST, text(&hexadecimal(&digest))),
                    None => self.remove(&[STUCK_OUTPUTS_DIGEST]),
                }
            }
            None => self.remove(&STUCK),
        }
    }

    /// The condition that a position is before `bound`, or by `<=` also at it. Sequence numbers have no leading zeros, so a
    /// longer one is larger, and of two that are of one length the order of the digits decides.
    pub(super) fn forward(&mut self, position: &str, comparison: &str, bound: &str) -> String {
        self.values.insert(":bound".to_owned(), text(bound));
        self.values.insert(":length".to_owned(), number(bound.len() as u64));
        format!(
            "(attribute_not_exists({position}) OR size({position}) < :length \
             OR (size({position}) = :length AND {position} {comparison} :bound))"
        )
    }

    pub(super) fn set(&mut self, attribute: &'static str, value: AttributeValue) {
        self.assignments.push(format!("{attribute} = :{attribute}"));
        self.values.insert(format!(":{attribute}"), value);
    }

    pub(super) fn set_if_missing(&mut self, attribute: &'static str, value: AttributeValue) {
        self.assignments.push(format!("{attribute} = if_not_exists({attribute}, :{attribute})"));
        self.values.insert(format!(":{attribute}"), value);
    }

    pub(super) fn remove(&mut self, attributes: &[&'static str]) {
        self.removals.extend(attributes);
    }

    pub(super) fn expression(&self) -> String {
        let mut expression = match self.assignments.is_empty() {
            true => String::new(),
            false => format!("SET {}", self.assignments.join(", ")),
        };
        if !self.removals.is_empty() {
            expression += &format!(" REMOVE {}", self.removals.join(", "));
        }
        expression
    }
}

/// A row, as far as it can be read: what is missing or of another type is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointRow {
    /// The stream, by name or ARN.
    pub stream_id: String,
    /// The shard.
    pub shard_id: String,
    /// The last sequence number that is acknowledged with all before it.
    pub position: Option<String>,
    /// The highest one that is acknowledged, of a stream without order: some before it may not be.
    pub high_water_mark: Option<String>,
    /// The consumer that has claimed the shard.
    pub held_by: Option<LeaseHolder>,
    /// The last sign of life of the run that is at work on the shard, or was when it broke off.
    pub heartbeat: Option<Heartbeat>,
    /// When a function wrote it.
    pub written_at: Option<OffsetDateTime>,
    /// Which function.
    pub written_by: Option<String>,
    /// When the last acknowledged event arrived in the stream.
    pub last_arrival_at: Option<OffsetDateTime>,
    /// How long that was before the row was written.
    pub behind: Option<Duration>,
    /// What the shard stood still at.
    pub stuck: Option<BlockedProgress>,
    /// The user record of a KPL aggregate at which another consumer broke off: those before it, and all records before the
    /// aggregate, are done.
    pub broken_off_at: Option<Position>,
    /// Where the shard begins as long as it has no position.
    pub start_at: Option<StartAt>,
    /// Whether the shard was read to its end.
    pub is_drained: bool,
}

/// A consumer that has claimed a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// What it calls itself.
    pub client_id: String,
    /// Until when, as it wrote that.
    pub lease_timeout: Option<String>,
}

impl LeaseHolder {
    /// Returns how long ago the lease ended; none: it goes on, or does not say when it ends.
    pub fn ended_ago(&self, now: OffsetDateTime) -> Option<Duration> {
        let end = OffsetDateTime::parse(self.lease_timeout.as_deref()?, &Rfc3339).ok()?;
        (now - end).try_into().ok()
    }
}

/// A row that nobody can go on from without losing events, perhaps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the row of {shard_id} is not safe to resume from: {high_water_mark} is its high-water mark, written with a \
     parallelization factor above 1, and events before it may not be acknowledged"
)]
pub struct NotSafeToResume {
    /// The shard.
    pub shard_id: String,
    /// The highest sequence number that is acknowledged.
    pub high_water_mark: String,
}

impl NotSafeToResume {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::NotSafeToResume
    }
}

impl CheckpointRow {
    /// The sequence number to resume after; none: the shard has no position yet.
    ///
    /// # Errors
    /// When there was no order across the shard when it was written.
    pub fn resume_after(&self) -> Result<Option<&str>, NotSafeToResume> {
        match &self.high_water_mark {
            None => Ok(self.position.as_deref()),
            Some(mark) => Err(NotSafeToResume { shard_id: self.shard_id.clone(), high_water_mark: mark.clone() }),
        }
    }

    /// Where a consumer goes on in the shard; none: the row does not say it, or by what is no sequence number.
    ///
    /// # Errors
    /// When there was no order across the shard when it was written.
    pub fn resume_point(&self) -> Result<Option<ResumePoint>, NotSafeToResume> {
        if self.is_drained {
            return Ok(Some(ResumePoint::ShardEnd));
        }
        if let Some(position) = self.resume_after()? {
            return Ok(Position::new(position, 0).ok().map(ResumePoint::After));
        }
        let within = self.broken_off_at.clone().map(ResumePoint::Within);
        Ok(within.or(self.start_at.map(ResumePoint::Start)))
    }

    /// What an item says. What is missing or of another type is none.
    pub fn of(item: &HashMap<String, AttributeValue>) -> Self {
        let text = |attribute: &str| item.get(attribute).and_then(|value| value.as_s().ok()).cloned();
        let number = |attribute: &str| item.get(attribute)?.as_n().ok()?.parse::<u64>().ok();
        let time = |attribute| OffsetDateTime::parse(&text(attribute)?, &Rfc3339).ok();
        let stuck_at = text(STUCK_AT).and_then(|sequence_number| {
            Position::new(&sequence_number, number(STUCK_SUB_SEQUENCE_NUMBER).unwrap_or_default()).ok()
        });
        let is_taken_over = item.get(STUCK_MADE_BY).and_then(|by| by.as_s().ok()).is_some_and(|by| by == USER_RECORDS);
        let (broken_off_at, stuck_at) = if is_taken_over { (stuck_at, None) } else { (None, stuck_at) };
        Self {
            stream_id: text(STREAM_ID).unwrap_or_default(),
            shard_id: text(SHARD_ID).unwrap_or_default(),
            position: text(POSITION).filter(|position| !position.is_empty()),
            high_water_mark: text(HIGH_WATER_MARK),
            held_by: text(CLIENT_ID).map(|client_id| LeaseHolder { client_id, lease_timeout: text(LEASE_TIMEOUT) }),
            heartbeat: heartbeat::of(item),
            written_at: time(WRITTEN_AT),
            written_by: text(WRITTEN_BY),
            last_arrival_at: time(LAST_ARRIVAL_AT),
            behind: number(BEHIND).map(Duration::from_millis),
            stuck: stuck_at.map(|position| BlockedProgress {
                position,
                code: None,
                delivered: number(STUCK_OUTPUTS).and_then(|outputs| outputs.try_into().ok()).map(|outputs| {
                    DeliveredOutputs { outputs, digest: text(STUCK_OUTPUTS_DIGEST).and_then(|text| digest(&text)) }
                }),
                made_by: text(STUCK_MADE_BY).unwrap_or_default(),
                attempts: number(STUCK_ATTEMPTS).and_then(|attempts| attempts.try_into().ok()).unwrap_or(u32::MAX),
                reason: text(STUCK_REASON).unwrap_or_default(),
            }),
            broken_off_at,
            start_at: text(START_AT).and_then(|start| StartAt::parse(&start)),
            is_drained: item.get(SHARD_END).and_then(|end| end.as_bool().ok()).copied().unwrap_or_default(),
        }
    }
}

fn hexadecimal(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let pairs = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::progress::Acknowledged;
    use crate::event::Shard;
    use crate::settings::StreamIdForm;

    fn options(parallelization_factor: u8) -> CheckpointOptions {
        CheckpointOptions {
            stream_id: StreamIdForm::Name,
            timeout: Duration::from_millis(500),
            period: Duration::ZERO,
            parallelization_factor,
            skips_acknowledged: false,
            written_by: "readings-function".to_owned(),
            run: None,
        }
    }

    fn progress(stuck: bool) -> ShardProgress {
        ShardProgress {
            shard: Shard { stream_arn: "arn".to_owned(), id: "shardId-000000000000".to_owned() },
            acknowledged: Some(Acknowledged { sequence_number: "4966".to_owned(), arrived_at: 1_545_084_650_987 }),
            stuck: stuck.then(|| BlockedProgress {
                position: Position::new("4967", 3).expect("a position"),
                attempts: 2,
                delivered: Some(DeliveredOutputs { outputs: 7, digest: Some([0xa5; 32]) }),
                made_by: "a".to_owned(),
                code: None,
                reason: "é".repeat(1000),
            }),
        }
    }

    /// The row as it is after a first change.
    fn row_after(update: &Update) -> CheckpointRow {
        let values = update.values.iter().map(|(name, value)| (name[1..].to_owned(), value.clone()));
        CheckpointRow::of(&values.chain(update.key.clone()).collect())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let update = update(&progress(true), "readings", &options(1));
        let row = row_after(&update);
        assert_eq!((row.stream_id.as_str(), row.shard_id.as_str()), ("readings", "shardId-000000000000"));
        assert_eq!(row.resume_after(), Ok(Some("4966")));
        assert_eq!(row.written_by.as_deref(), Some("readings-function"));
        let arrival = row.last_arrival_at.expect("an arrival");
        assert_eq!(arrival.unix_timestamp_nanos() / 1_000_000, 1_545_084_650_987);
        let behind = row.written_at.expect("a time") - arrival;
        let difference = behind - row.behind.expect("a time span");
        assert!(difference.whole_milliseconds().abs() < 1000, "{difference}");
        let stuck = row.stuck.expect("what it is blocked at");
        assert_eq!((stuck.position.to_string().as_str(), stuck.attempts), ("4967.3", 2));
        assert_eq!(stuck.delivered, Some(DeliveredOutputs { outputs: 7, digest: Some([0xa5; 32]) }));
        assert_eq!(stuck.reason.len(), REASON_BYTES, "a reason is bounded, at a character's end");
    }

    #[test]
    fn the_names_of_a_holder_are_never_written() {
        for (stuck, factor) in [(true, 1), (false, 1), (true, 2), (false, 2)] {
            let update = update(&progress(stuck), "readings", &options(factor));
            assert!(!update.change.contains(CLIENT_ID) && !update.change.contains(LEASE_TIMEOUT), "{}", update.change);
            assert!(update.condition.starts_with("attribute_not_exists(ClientID)"), "{}", update.condition);
        }
    }

    /// Another consumer would take it for a position: it must not find it under that name.
    #[test]
    fn without_order_there_is_no_position_but_a_mark() {
        let update = update(&progress(false), "readings", &options(2));
        let row = row_after(&update);
        assert_eq!((row.position.as_deref(), row.high_water_mark.as_deref()), (None, Some("4966")));
        let refusal = row.resume_after().expect_err("not safe").to_string();
        assert!(refusal.contains("shardId-000000000000") && refusal.contains("4966"), "{refusal}");
        assert!(!update.change.contains(" SequenceNumber"), "an older position still holds: {}", update.change);
    }

    #[test]
    fn a_row_of_another_make_is_read_as_far_as_it_goes() {
        let of = |pairs: &[(&str, AttributeValue)]| {
            CheckpointRow::of(&pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
        };
        assert_eq!(of(&[]), CheckpointRow::default());
        let broken = of(&[
            (POSITION, number(5)),
            (WRITTEN_AT, text("noon")),
            (BEHIND, text("5")),
            (STUCK_AT, text("7")),
            (STUCK_ATTEMPTS, number(u64::MAX)),
        ]);
        assert_eq!((broken.position, broken.written_at, broken.behind), (None, None, None));
        assert_eq!(broken.stuck.map(|stuck| stuck.attempts), Some(u32::MAX));
        let held = of(&[(POSITION, text("5")), (CLIENT_ID, text("connect-1"))]);
        assert_eq!(held.held_by, Some(LeaseHolder { client_id: "connect-1".to_owned(), lease_timeout: None }));
    }
}
