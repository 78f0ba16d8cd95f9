//! Where a consumer goes on in a shard, whatever a row says that by.

use std::fmt;

use super::start_at::StartAt;
use crate::event::{Event, Position};

/// Where a consumer goes on in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumePoint {
    /// Nowhere: the shard was read to its end.
    ShardEnd,
    /// Behind the record of this position.
    After(Position),
    /// At this user record of a KPL aggregate: those before it, and all records before the aggregate, are done.
    Within(Position),
    /// Where the shard begins: nothing of it is done.
    Start(StartAt),
}

impl ResumePoint {
    /// Whether it lies behind the whole record of an event, which is done then. Of the record in which it lies, that is told
    /// by user records, and only where those are what records are taken apart into.
    pub fn is_behind(&self, event: Event<'_>) -> bool {
        match self {
            ResumePoint::ShardEnd => true,
            ResumePoint::After(position) => event.sequence_number <= position.sequence_number(),
            ResumePoint::Within(position) => event.sequence_number < position.sequence_number(),
            ResumePoint::Start(StartAt::TrimHorizon) => false,
            ResumePoint::Start(StartAt::AtTimestamp(time)) => event.arrived_at < *time,
        }
    }
}

/// As a person reads it.
impl fmt::Display for ResumePoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResumePoint::ShardEnd => formatter.write_str("end of the shard"),
            ResumePoint::After(position) => write!(formatter, "after {}", position.sequence_number()),
            ResumePoint::Within(position) => {
                let number = position.sub_sequence_number();
                write!(formatter, "in {}, at user record {number}", position.sequence_number())
            }
            ResumePoint::Start(StartAt::TrimHorizon) => formatter.write_str("oldest record"),
            ResumePoint::Start(start @ StartAt::AtTimestamp(_)) => {
                let text = start.to_string();
                write!(formatter, "first record since {}", text.rsplit('=').next().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Batch, Record};

    /// Which of these events are done by it: each a sequence number, an index in its aggregate, and when it arrived.
    fn done(point: &ResumePoint) -> Vec<bool> {
        let mut batch = Batch::builder("arn", "shard");
        for (sequence_number, sub_sequence_number, arrived_at) in
            [("9", 0, 1), ("10", 0, 2), ("10", 1, 2), ("11", 0, 3)]
        {
            let record = Record { partition_key: "key", sequence_number, sub_sequence_number, arrived_at };
            batch.push_bytes(record, b"").expect("a record");
        }
        batch.build().iter().map(|event| point.is_behind(event)).collect()
    }

    #[test]
    fn what_is_before_a_point_is_done() {
        let position = |number| Position::new("10", number).expect("a position");
        assert_eq!(done(&ResumePoint::ShardEnd), [true; 4]);
        assert_eq!(done(&ResumePoint::After(position(0))), [true, true, true, false]);
        assert_eq!(done(&ResumePoint::Within(position(1))), [true, false, false, false]);
        assert_eq!(done(&ResumePoint::Start(StartAt::TrimHorizon)), [false; 4]);
        assert_eq!(done(&ResumePoint::Start(StartAt::AtTimestamp(3))), [true, true, true, false]);
    }
}
