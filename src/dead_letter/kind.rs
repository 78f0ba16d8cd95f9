//! Why an event can't be processed, as one of a few.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why an event can't be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The transform's own word.
    Rejected,
    /// The transform trapped, panicked or exited.
    Trap,
    /// The transform took longer than the limit for one event.
    Timeout,
    /// The transform asked for more memory than its limit.
    Memory,
    /// The payload can't be decoded.
    Decode,
    /// An output can never be delivered.
    Undeliverable,
    /// The transform asked for it again once too often, or for too long.
    Exhausted,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 7] =
        [Kind::Rejected, Kind::Trap, Kind::Timeout, Kind::Memory, Kind::Decode, Kind::Undeliverable, Kind::Exhausted];

    /// The name in a dead letter, a log line and a summary.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Rejected => "rejected",
            Kind::Trap => "trap",
            Kind::Timeout => "timeout",
            Kind::Memory => "memory",
            Kind::Decode => "decode",
            Kind::Undeliverable => "undeliverable",
            Kind::Exhausted => "exhausted",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || Kind::ALL.map(Kind::as_str).join(", ");
        let named = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        named.ok_or_else(|| format!("{text:?} is no kind of dead letter: use one of {}", names()))
    }
}
