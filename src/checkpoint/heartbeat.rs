//! Signs of life of a run in the rows of its shards, so that a second run beside it is refused and does not process
//! everything again.
//!
//! Clocks of two machines differ. So whether a run is alive is observed: its heartbeat changes while somebody looks.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use time::OffsetDateTime;

use super::row::{CLIENT_ID, Update, key, text};
use crate::timestamp::{now_millis, rfc3339};

/// How often a run gives a sign of life at least, also of shards that have nothing new.
pub const BETWEEN_HEARTBEATS: Duration = Duration::from_secs(10);

/// A run whose heartbeat does not change for so long is gone.
pub const UNTIL_GONE: Duration = Duration::from_secs(35);

/// A heartbeat so long ago needs no observation: no two clocks differ by that.
const LONG_GONE: time::Duration = time::Duration::minutes(30);

/// The name of the run that is at work on the shard.
pub(crate) const RUN_BY: &str = "RunBy";
/// When it gave its last sign of life, by its own clock.
pub(crate) const RUN_BEAT_AT: &str = "RunBeatAt";

/// The last sign of life of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// What the run calls itself.
    pub run: String,
    /// When it gave it, as it wrote that; empty: it did not.
    pub at: String,
}

/// A run that is known to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoneRun {
    /// No sign of life came after this one.
    Silent(Heartbeat),
    /// The process of this name has ended, whatever it wrote at last.
    Ended(String),
}

impl Heartbeat {
    /// Whether it is so long ago that the run can't be alive, whatever clocks say.
    pub fn is_long_gone(&self) -> bool {
        let at = OffsetDateTime::parse(&self.at, &time::format_description::well_known::Rfc3339);
        at.is_ok_and(|at| OffsetDateTime::now_utc() - at > LONG_GONE)
    }
}

/// What lets a run write a row: nobody else's run is at work on it.
pub(super) fn condition() -> String {
    format!("(attribute_not_exists({RUN_BY}) OR {RUN_BY} = :{RUN_BY})")
}

/// A sign of life of a run. `gone` is another run that was at work on the shard; `is_forced` says that it is of no
/// matter who else is at work.
pub(super) fn beat(run: &str, place: (&str, &str), gone: Option<&GoneRun>, is_forced: bool) -> Update {
    let mut values =
        HashMap::from([(format!(":{RUN_BY}"), text(run)), (format!(":{RUN_BEAT_AT}"), text(&rfc3339(now_millis())))]);
    let mut condition = format!("attribute_not_exists({CLIENT_ID})");
    if !is_forced {
        let mut may = self::condition();
        match gone {
            None => {}
            Some(GoneRun::Ended(run)) => {
                values.insert(":gone".to_owned(), text(run));
                may = format!("({may} OR {RUN_BY} = :gone)");
            }
            Some(GoneRun::Silent(Heartbeat { run, at })) => {
                values.insert(":gone".to_owned(), text(run));
                values.insert(":goneAt".to_owned(), text(at));
                may = format!("({may} OR ({RUN_BY} = :gone AND {RUN_BEAT_AT} = :goneAt))");
            }
        }
        condition += &format!(" AND {may}");
    }
    let change = format!("SET {RUN_BY} = :{RUN_BY}, {RUN_BEAT_AT} = :{RUN_BEAT_AT}");
    Update { key: key(place.0, place.1), change, condition, values }
}

/// The end of a run's work on a shard.
pub(super) fn leave(run: &str, place: (&str, &str)) -> Update {
    Update {
        key: key(place.0, place.1),
        change: format!("REMOVE {RUN_BY}, {RUN_BEAT_AT}"),
        condition: format!("{RUN_BY} = :{RUN_BY}"),
        values: HashMap::from([(format!(":{RUN_BY}"), text(run))]),
    }
}

/// The heartbeat in a row; none: no run is at work on it.
pub(super) fn of(item: &HashMap<String, AttributeValue>) -> Option<Heartbeat> {
    let text = |attribute: &str| item.get(attribute).and_then(|value| value.as_s().ok()).cloned();
    Some(Heartbeat { run: text(RUN_BY)?, at: text(RUN_BEAT_AT).unwrap_or_default() })
}
