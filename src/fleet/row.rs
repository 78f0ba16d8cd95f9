//! A row of the checkpoint table, as far as leases are concerned.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::{Heartbeat, StartAt};
use crate::event::{Position, SequenceNumber};

/// A shard, as the table names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardKey {
    /// The stream, as it is written in the table.
    pub stream: Arc<str>,
    /// The shard's id.
    pub shard: Arc<str>,
}

impl ShardKey {
    /// A shard of the same stream.
    pub(super) fn sibling(&self, shard: &Arc<str>) -> Self {
        Self { stream: Arc::clone(&self.stream), shard: Arc::clone(shard) }
    }
}

impl fmt::Display for ShardKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.stream, self.shard)
    }
}

/// A row. What is missing or of another type is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaseRow {
    /// The last sequence number that is acknowledged with all before it (`SequenceNumber`).
    pub position: Option<String>,
    /// Who holds it (`ClientID`, `LeaseTimeout`).
    pub hold: Option<LeaseHold>,
    /// What its holder promises (`LeaseTerms`); none: the holder knows the common protocol only.
    pub terms: Option<LeaseTerms>,
    /// Which client asks for it (`WantedBy`).
    pub wanted_by: Option<String>,
    /// Where it begins while it has no position (`StartAt`).
    pub start_at: Option<StartAt>,
    /// Inside of which record another consumer broke off, where that is all that is known of it.
    pub broken_off_at: Option<Position>,
    /// Whether it was read to its end (`ShardEnd`).
    pub is_drained: bool,
    /// The last sign of life of a run that shares nothing (`RunBy`, `RunBeatAt`).
    pub run: Option<Heartbeat>,
    /// What the shard carries, as its holder last said.
    pub load: ShardLoad,
}

/// A lease: both of its attributes, as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHold {
    /// What its owner calls itself.
    pub client: String,
    /// Until when, by the owner's time of day. Here it is a mark that changes with each write, and no time.
    pub timeout: String,
}

/// What a holder of our kind promises. It counts only where it names the holder of the row: others leave it behind when they
/// take the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseTerms {
    /// Who promises it.
    pub client: String,
    /// It delivers nothing more after this time without an answer to a write.
    pub period: Duration,
    /// What it does with the shard.
    pub manner: LeaseManner,
}

/// What a holder of our kind does with a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseManner {
    /// It reads the shard, and gives it away to who carries less.
    Shared,
    /// It reads the shard, and keeps it, whoever asks.
    Pinned,
    /// It was given the shard, and has not claimed it yet. Of processes with one name, whoever asked may claim it, until one
    /// has.
    Passed,
}

impl LeaseManner {
    const ALL: [Self; 3] = [LeaseManner::Shared, LeaseManner::Pinned, LeaseManner::Passed];

    /// As a row has it.
    fn as_str(self) -> &'static str {
        match self {
            LeaseManner::Shared => "shared",
            LeaseManner::Pinned => "pinned",
            LeaseManner::Passed => "passed",
        }
    }
}

/// What a shard carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardLoad {
    /// Records a second.
    pub records: u64,
    /// Bytes a second.
    pub bytes: u64,
}

impl LeaseRow {
    /// What the row's holder promises; none: it knows the common protocol only, or there is none.
    pub(super) fn promise(&self) -> Option<&LeaseTerms> {
        let hold = self.hold.as_ref()?;
        self.terms.as_ref().filter(|terms| terms.client == hold.client)
    }

    /// Whether anything of it is done.
    pub(super) fn is_begun(&self) -> bool {
        self.position.is_some() || self.broken_off_at.is_some()
    }

    /// Who holds it.
    pub(super) fn holder(&self) -> Option<&str> {
        self.hold.as_ref().map(|hold| hold.client.as_str())
    }

    /// Whether its position is behind this one, or there is none.
    pub(super) fn is_behind(&self, position: &str) -> bool {
        self.position.as_deref().is_none_or(|ours| is_before(ours, position))
    }
}

/// Whether a position is before another one. What is no sequence number is before every one that is.
pub(super) fn is_before(left: &str, right: &str) -> bool {
    SequenceNumber::parse(left).ok() < SequenceNumber::parse(right).ok()
}

impl LeaseTerms {
    /// No lease is longer, whatever a row says.
    const LONGEST: Duration = Duration::from_secs(3600);

    /// Reads what [`Display`](fmt::Display) writes; none: it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (period, rest) = text.split_once(' ')?;
        let (kind, client) = rest.split_once(' ')?;
        let period = Duration::from_millis(period.parse().ok()?).min(Self::LONGEST);
        let manner = LeaseManner::ALL.into_iter().find(|manner| manner.as_str() == kind)?;
        Some(Self { client: client.to_owned(), period, manner })
    }
}

impl fmt::Display for LeaseTerms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.manner.as_str();
        write!(formatter, "{} {kind} {}", self.period.as_millis(), self.client)
    }
}

impl ShardLoad {
    /// What a shard takes of a machine: one for being read at all, and up to eight more for what it carries, four for each
    /// shard's worth that producers may write (1,000 records or 1 MB a second). In thousandths.
    pub(super) fn weight(self) -> u64 {
        WEIGHT_OF_IDLE + 4 * self.records.max(self.bytes / 1000).min(2000)
    }

    /// Whether it differs so much from what was said that it is worth saying: small changes would move shards to and fro.
    pub(super) fn is_unlike(self, said: Self) -> bool {
        let (now, said) = (self.weight(), said.weight());
        now.abs_diff(said) * 4 > said
    }
}

/// The weight of a shard that carries nothing.
pub(super) const WEIGHT_OF_IDLE: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_as_they_are_written() {
        for manner in LeaseManner::ALL {
            let terms = LeaseTerms { client: "a b c".to_owned(), period: Duration::from_millis(30_500), manner };
            assert_eq!(LeaseTerms::parse(&terms.to_string()), Some(terms));
        }
        for strange in ["", "30000", "30000 shared", "x shared a", "-1 shared a", "30000 other a"] {
            assert_eq!(LeaseTerms::parse(strange), None, "{strange}");
        }
        let endless = LeaseTerms::parse(&format!("{} shared a", u64::MAX)).expect("terms");
        assert_eq!(endless.period, LeaseTerms::LONGEST);
    }

    #[test]
    fn terms_count_for_the_holder_that_they_name() {
        let terms = LeaseTerms { client: "a".to_owned(), period: Duration::from_secs(30), manner: LeaseManner::Shared };
        let hold = |client: &str| Some(LeaseHold { client: client.to_owned(), timeout: "t".to_owned() });
        let row = |hold| LeaseRow { hold, terms: Some(terms.clone()), ..LeaseRow::default() };
        assert_eq!(row(hold("a")).promise(), Some(&terms));
        assert_eq!(row(hold("b")).promise(), None);
        assert_eq!(row(None).promise(), None);
    }

    #[test]
    fn a_full_shard_weighs_as_much_as_five_that_are_idle() {
        let weight = |records, bytes| ShardLoad { records, bytes }.weight();
        assert_eq!((weight(0, 0), weight(1000, 0), weight(0, 1_000_000)), (1000, 5000, 5000));
        assert_eq!(weight(u64::MAX, u64::MAX), 9000);
        let load = |records| ShardLoad { records, bytes: 0 };
        assert!(load(500).is_unlike(load(0)) && !load(500).is_unlike(load(450)));
    }
}
