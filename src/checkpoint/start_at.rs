//! Where a shard begins of which nothing is acknowledged yet.

use std::fmt;

use crate::timestamp::{recorded_time, rfc3339};

/// Where a shard without a position begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// At its oldest record.
    TrimHorizon,
    /// At the first record that arrived at this time or later, in milliseconds since the Unix epoch.
    AtTimestamp(u64),
}

/// The text of [`StartAt::TrimHorizon`], and the beginning of that of a time.
const TRIM_HORIZON: &str = "TRIM_HORIZON";
const AT_TIMESTAMP: &str = "AT_TIMESTAMP=";

impl StartAt {
    /// Reads what [`Display`](fmt::Display) writes, and a time in milliseconds or seconds as well; none: it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(AT_TIMESTAMP) {
            Some(time) => recorded_time(time).map(StartAt::AtTimestamp),
            None => (text == TRIM_HORIZON).then_some(StartAt::TrimHorizon),
        }
    }
}

impl fmt::Display for StartAt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartAt::TrimHorizon => formatter.write_str(TRIM_HORIZON),
            StartAt::AtTimestamp(time) => write!(formatter, "{AT_TIMESTAMP}{}", rfc3339(*time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_as_it_is_written() {
        for start in [StartAt::TrimHorizon, StartAt::AtTimestamp(0), StartAt::AtTimestamp(1_545_084_650_987)] {
            assert_eq!(StartAt::parse(&start.to_string()), Some(start));
        }
        assert_eq!(StartAt::parse("AT_TIMESTAMP=1545084650987"), Some(StartAt::AtTimestamp(1_545_084_650_987)));
        for strange in ["", "LATEST", "TRIM_HORIZON ", "AT_TIMESTAMP", "AT_TIMESTAMP=", "AT_TIMESTAMP=noon"] {
            assert_eq!(StartAt::parse(strange), None, "{strange}");
        }
    }
}
