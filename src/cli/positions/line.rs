//! A position as a line of JSON: what `export` writes, and `set` reads.

use serde::{Deserialize, Serialize};

use crate::checkpoint::{ResumePoint, StartAt};
use crate::event::Position;

/// The position of a shard. It has exactly one of the four.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PositionLine {
    /// As the table has it.
    pub(super) stream_id: String,
    pub(super) shard_id: String,
    /// The sequence number of the last record that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// A place inside a KPL aggregate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<WithinLine>,
    /// `TRIM_HORIZON`, or `AT_TIMESTAMP=` and a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_at: Option<String>,
    /// Only true says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard_end: Option<bool>,
}

/// The first user record of a KPL aggregate that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WithinLine {
    /// That of the aggregate.
    sequence_number: String,
    /// From 0.
    user_record: u64,
}

impl PositionLine {
    pub(super) fn of(stream_id: &str, shard_id: &str, point: &ResumePoint) -> Self {
        let mut line = Self {
            stream_id: stream_id.to_owned(),
            shard_id: shard_id.to_owned(),
            after: None,
            within: None,
            start_at: None,
            shard_end: None,
        };
        match point {
            ResumePoint::ShardEnd => line.shard_end = Some(true),
            ResumePoint::After(position) => line.after = Some(position.sequence_number().to_string()),
            ResumePoint::Within(position) => {
                line.within = Some(WithinLine {
                    sequence_number: position.sequence_number().to_string(),
                    user_record: position.sub_sequence_number(),
                });
            }
            ResumePoint::Start(start) => line.start_at = Some(start.to_string()),
        }
        line
    }

    /// Where the shard goes on.
    ///
    /// # Errors
    /// Says what of the line is wrong, as the end of a sentence.
    pub(super) fn point(&self) -> Result<ResumePoint, String> {
        if self.stream_id.is_empty() || self.shard_id.is_empty() {
            return Err("streamId and shardId can't be empty".to_owned());
        }
        let number = |text: &str, user_record| {
            Position::new(text, user_record).map_err(|_| format!("{text:?} is no sequence number"))
        };
        match (&self.after, &self.within, &self.start_at, self.shard_end) {
            (Some(after), None, None, None) => Ok(ResumePoint::After(number(after, 0)?)),
            (None, Some(within), None, None) => {
                Ok(ResumePoint::Within(number(&within.sequence_number, within.user_record)?))
            }
            (None, None, Some(start), None) => StartAt::parse(start)
                .map(ResumePoint::Start)
                .ok_or_else(|| format!("startAt is {start:?}: use TRIM_HORIZON, or AT_TIMESTAMP= and a time")),
            (None, None, None, Some(true)) => Ok(ResumePoint::ShardEnd),
            _ => Err("it needs exactly one of after, within, startAt, and shardEnd with true".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ResumePoint, String> {
        serde_json::from_str::<PositionLine>(text).map_err(|error| error.to_string())?.point()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let position = |number| Position::new("4966", number).expect("a position");
        for point in [
            ResumePoint::After(position(0)),
            ResumePoint::Within(position(3)),
            ResumePoint::Start(StartAt::TrimHorizon),
            ResumePoint::Start(StartAt::AtTimestamp(1_545_084_650_987)),
            ResumePoint::ShardEnd,
        ] {
            let text = serde_json::to_string(&PositionLine::of("readings", "a", &point)).expect("JSON");
            assert_eq!(read(&text), Ok(point), "{text}");
        }
    }

    #[test]
    fn a_line_that_says_nothing_or_two_things_is_refused() {
        let with = |rest: &str| read(&format!(r#"{{"streamId":"readings","shardId":"a"{rest}}}"#));
        for (rest, reason) in [
            ("", "exactly one"),
            (r#","after":"1","shardEnd":true"#, "exactly one"),
            (r#","shardEnd":false"#, "exactly one"),
            (r#","after":"x""#, "no sequence number"),
            (r#","startAt":"LATEST""#, "TRIM_HORIZON"),
            (r#","within":{"sequenceNumber":"1"}"#, "userRecord"),
            (r#","position":"1""#, "unknown field"),
        ] {
            let error = with(rest).expect_err(rest);
            assert!(error.contains(reason), "{rest}: {error}");
        }
        assert!(read(r#"{"streamId":"","shardId":"a","shardEnd":true}"#).is_err());
    }
}
