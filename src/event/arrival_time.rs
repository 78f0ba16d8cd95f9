//! When a record arrived, as events say it.
//!
//! It decides nothing about whether a record can be processed. So what can't be read as a time is none.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as an event has it: a number of its unit since the Unix epoch, with or without a fraction; a text of RFC 3339;
/// or what says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum ArrivalTime {
    /// Nobody said it.
    #[default]
    Unknown,
    /// So many units since the Unix epoch.
    Number(f64),
    /// So many milliseconds since the Unix epoch.
    Millis(u64),
}

impl ArrivalTime {
    /// Returns it in milliseconds since the Unix epoch, where a number of the event stands for so many of them. What is
    /// before the epoch or too large saturates.
    pub(super) fn millis(self, unit: f64) -> Option<u64> {
        match self {
            ArrivalTime::Unknown => None,
            ArrivalTime::Number(number) => Some((number * unit).round() as u64),
            ArrivalTime::Millis(millis) => Some(millis),
        }
    }
}

impl<'de> Deserialize<'de> for ArrivalTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyTime)
    }
}

struct AnyTime;

impl<'de> Visitor<'de> for AnyTime {
    type Value = ArrivalTime;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a time")
    }

    fn visit_f64<E>(self, number: f64) -> Result<ArrivalTime, E> {
        Ok(ArrivalTime::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<ArrivalTime, E> {
        Ok(ArrivalTime::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<ArrivalTime, E> {
        Ok(ArrivalTime::Number(number as f64))
    }

    fn visit_str<E>(self, text: &str) -> Result<ArrivalTime, E> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok();
        let millis = time.and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok());
        Ok(millis.map_or(ArrivalTime::Unknown, ArrivalTime::Millis))
    }

    fn visit_bool<E>(self, _: bool) -> Result<ArrivalTime, E> {
        Ok(ArrivalTime::Unknown)
    }

    fn visit_unit<E>(self) -> Result<ArrivalTime, E> {
        Ok(ArrivalTime::Unknown)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<ArrivalTime, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(ArrivalTime::Unknown)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<ArrivalTime, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(ArrivalTime::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_or_a_text_and_all_else_is_none() {
        let millis = |json: &str| serde_json::from_str::<ArrivalTime>(json).expect("JSON").millis(1.0);
        assert_eq!(millis("1684864917398"), Some(1_684_864_917_398));
        assert_eq!(millis("1684864917398.5"), Some(1_684_864_917_399));
        assert_eq!(millis(r#""2012-04-23T18:25:43.511Z""#), Some(1_335_205_543_511));
        assert_eq!(millis("-1"), Some(0));
        for nothing in ["null", "true", r#""yesterday""#, "[1,[2]]", r#"{"at":{}}"#, r#""1900-01-01T00:00:00Z""#] {
            assert_eq!(millis(nothing), None, "{nothing}");
        }
        assert_eq!(ArrivalTime::Number(1_545_084_650.987).millis(1000.0), Some(1_545_084_650_987));
    }
}
