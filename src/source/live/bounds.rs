//! Where reading starts, and where it ends.

use std::num::NonZeroU64;
use std::str::FromStr;

use crate::event::SequenceNumber;
use crate::timestamp::point_in_time;

/// Where reading starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartPosition {
    /// At the oldest record of each shard.
    TrimHorizon,
    /// Behind the newest record of each shard.
    Latest,
    /// At the first record that arrived at this time or later, in milliseconds since the Unix epoch.
    AtTimestamp(u64),
    /// At the record of this sequence number. It takes a single shard.
    AtSequenceNumber(String),
    /// Behind the record of this sequence number. It takes a single shard.
    AfterSequenceNumber(String),
    /// Behind what the checkpoint table has as acknowledged.
    Checkpoint,
}

/// Where a shard starts that has no row in the checkpoint table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartWithoutRow {
    /// At its oldest record.
    #[default]
    TrimHorizon,
    /// Behind its newest record.
    Latest,
    /// At the first record that arrived at this time or later, in milliseconds since the Unix epoch.
    AtTimestamp(u64),
}

/// Where reading ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCondition {
    /// With what is in the stream when it starts.
    Now,
    /// Before the first record that arrived later than this, in milliseconds since the Unix epoch.
    AtTimestamp(u64),
    /// After so many records, of all shards together.
    Count(NonZeroU64),
    /// Nowhere, as without any.
    Never,
}

impl FromStr for StartPosition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, value) = parts(text);
        match (kind.as_str(), value) {
            ("trim-horizon", None) => Ok(StartPosition::TrimHorizon),
            ("latest", None) => Ok(StartPosition::Latest),
            ("checkpoint", None) => Ok(StartPosition::Checkpoint),
            ("at-timestamp", Some(time)) => point_in_time(time).map(StartPosition::AtTimestamp),
            ("at-sequence-number", Some(number)) => sequence_number(number).map(StartPosition::AtSequenceNumber),
            ("after-sequence-number", Some(number)) => sequence_number(number).map(StartPosition::AfterSequenceNumber),
            // A time by itself.
            (_, None) => point_in_time(text).map(StartPosition::AtTimestamp).map_err(|_| no_start(text)),
            (_, Some(_)) => Err(no_start(text)),
        }
    }
}

impl FromStr for StartWithoutRow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(StartPosition::TrimHorizon) => Ok(StartWithoutRow::TrimHorizon),
            Ok(StartPosition::Latest) => Ok(StartWithoutRow::Latest),
            Ok(StartPosition::AtTimestamp(time)) => Ok(StartWithoutRow::AtTimestamp(time)),
            Err(reason) if parts(text).0 == "at-timestamp" => Err(reason),
            _ => Err(format!(
                "{text:?} is no start of a shard without a row: use trim-horizon, latest or a time (2026-11-20T18:30:00Z, \
                 2026-11-20, 1h for an hour ago)"
            )),
        }
    }
}

impl From<StartWithoutRow> for StartPosition {
    fn from(start: StartWithoutRow) -> Self {
        match start {
            StartWithoutRow::TrimHorizon => StartPosition::TrimHorizon,
            StartWithoutRow::Latest => StartPosition::Latest,
            StartWithoutRow::AtTimestamp(time) => StartPosition::AtTimestamp(time),
        }
    }
}

impl FromStr for EndCondition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, value) = parts(text);
        match (kind.as_str(), value) {
            ("now", None) => Ok(EndCondition::Now),
            ("never", None) => Ok(EndCondition::Never),
            ("at-timestamp", Some(time)) => point_in_time(time).map(EndCondition::AtTimestamp),
            ("count", Some(count)) => count
                .parse()
                .map(EndCondition::Count)
                .map_err(|_| format!("invalid number of records {count:?}: use a whole number from 1 on")),
            _ => Err(format!("{text:?} is no end: use now, at-timestamp=TIME, count=NUMBER or never")),
        }
    }
}

/// The kind of a place, and what stands behind `=`. A kind is written as `trim-horizon`, or as the API of Kinesis does,
/// `TRIM_HORIZON`.
fn parts(text: &str) -> (String, Option<&str>) {
    let (kind, value) = text.split_once('=').map_or((text, None), |(kind, value)| (kind, Some(value)));
    (kind.to_ascii_lowercase().replace('_', "-"), value)
}

fn no_start(text: &str) -> String {
    format!(
        "{text:?} is no start: use trim-horizon, latest, a time (2026-11-20T18:30:00Z, 2026-11-20, 1h for an hour ago), \
         at-timestamp=TIME, at-sequence-number=NUMBER, after-sequence-number=NUMBER or checkpoint"
    )
}

fn sequence_number(text: &str) -> Result<String, String> {
    SequenceNumber::parse(text).map(|number| number.as_str().to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::rfc3339;

    #[test]
    fn every_start_and_every_end_is_read() {
        assert_eq!("trim-horizon".parse(), Ok(StartPosition::TrimHorizon));
        assert_eq!("latest".parse(), Ok(StartPosition::Latest));
        assert_eq!("checkpoint".parse(), Ok(StartPosition::Checkpoint));
        assert_eq!("at-timestamp=1970-01-01T01:00:00.5+01:00".parse(), Ok(StartPosition::AtTimestamp(500)));
        assert_eq!("at-sequence-number=42".parse(), Ok(StartPosition::AtSequenceNumber("42".to_owned())));
        assert_eq!("after-sequence-number=42".parse(), Ok(StartPosition::AfterSequenceNumber("42".to_owned())));
        assert_eq!("2018-12-17T22:10:50.987Z".parse(), Ok(StartPosition::AtTimestamp(1_545_084_650_987)));
        assert_eq!("1545084650".parse(), Ok(StartPosition::AtTimestamp(1_545_084_650_000)));
        let Ok(StartPosition::AtTimestamp(ago)) = "1h".parse() else { panic!("no start") };
        assert!((3_600_000..3_660_000).contains(&(crate::timestamp::now_millis() - ago)));
        assert_eq!("now".parse(), Ok(EndCondition::Now));
        assert_eq!("never".parse(), Ok(EndCondition::Never));
        assert_eq!("at-timestamp=1970-01-01T00:00:01Z".parse(), Ok(EndCondition::AtTimestamp(1000)));
        assert_eq!("count=5".parse::<EndCondition>(), Ok(EndCondition::Count(NonZeroU64::new(5).expect("not zero"))));
        assert_eq!(rfc3339(1_545_084_650_987), "2018-12-17T22:10:50.987Z");
    }

    #[test]
    fn the_names_of_the_service_are_taken_as_well() {
        for (theirs, ours) in [
            ("TRIM_HORIZON", "trim-horizon"),
            ("LATEST", "latest"),
            ("Latest", "latest"),
            ("AT_TIMESTAMP=2026-11-20", "at-timestamp=2026-11-20"),
            ("AT_SEQUENCE_NUMBER=42", "at-sequence-number=42"),
            ("AFTER_SEQUENCE_NUMBER=42", "after-sequence-number=42"),
            ("trim_horizon", "trim-horizon"),
        ] {
            assert_eq!(theirs.parse::<StartPosition>(), Ok(ours.parse().expect(ours)), "{theirs}");
        }
        assert_eq!("AT_TIMESTAMP=1545084650".parse(), Ok(EndCondition::AtTimestamp(1_545_084_650_000)));
    }

    #[test]
    fn a_shard_without_a_row_starts_where_any_shard_can() {
        assert_eq!("latest".parse(), Ok(StartWithoutRow::Latest));
        assert_eq!("TRIM_HORIZON".parse(), Ok(StartWithoutRow::TrimHorizon));
        assert_eq!("AT_TIMESTAMP=1545084650".parse(), Ok(StartWithoutRow::AtTimestamp(1_545_084_650_000)));
        assert_eq!("1545084650".parse(), Ok(StartWithoutRow::AtTimestamp(1_545_084_650_000)));
        for (text, remedy) in [
            ("checkpoint", "use trim-horizon, latest or a time"),
            ("at-sequence-number=42", "use trim-horizon, latest or a time"),
            ("oldest", "use trim-horizon, latest or a time"),
            ("at-timestamp=noon", "RFC 3339"),
        ] {
            assert!(text.parse::<StartWithoutRow>().expect_err(text).contains(remedy), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_with_what_would_be() {
        for (text, remedy) in [
            ("oldest", "trim-horizon"),
            ("at-timestamp", "trim-horizon"),
            ("at-timestamp=noon", "RFC 3339"),
            ("at-timestamp=1960-01-01T00:00:00Z", "1970"),
            ("at-sequence-number=-1", "sequence number"),
        ] {
            assert!(text.parse::<StartPosition>().expect_err(text).contains(remedy), "{text}");
        }
        for (text, remedy) in [
            ("later", "count=NUMBER"),
            ("count=0", "from 1 on"),
            ("at-timestamp=1.", "RFC 3339"),
            ("1h", "count=NUMBER"),
        ] {
            assert!(text.parse::<EndCondition>().expect_err(text).contains(remedy), "{text}");
        }
    }
}
