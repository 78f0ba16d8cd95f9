//! Why an event can't be processed, as one of a few.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;

/// Why an event can't be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeadLetterKind {
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

impl DeadLetterKind {
    /// Every kind.
    pub const ALL: [DeadLetterKind; 7] = [
        DeadLetterKind::Rejected,
        DeadLetterKind::Trap,
        DeadLetterKind::Timeout,
        DeadLetterKind::Memory,
        DeadLetterKind::Decode,
        DeadLetterKind::Undeliverable,
        DeadLetterKind::Exhausted,
    ];

    /// The name in a dead letter, a log line and a summary.
    pub fn as_str(self) -> &'static str {
        match self {
            DeadLetterKind::Rejected => "rejected",
            DeadLetterKind::Trap => "trap",
            DeadLetterKind::Timeout => "timeout",
            DeadLetterKind::Memory => "memory",
            DeadLetterKind::Decode => "decode",
            DeadLetterKind::Undeliverable => "undeliverable",
            DeadLetterKind::Exhausted => "exhausted",
        }
    }

    /// Returns its code.
    pub fn code(self) -> ErrorCode {
        match self {
            DeadLetterKind::Rejected => ErrorCode::Rejected,
            DeadLetterKind::Trap => ErrorCode::Trap,
            DeadLetterKind::Timeout => ErrorCode::Timeout,
            DeadLetterKind::Memory => ErrorCode::Memory,
            DeadLetterKind::Decode => ErrorCode::Decode,
            DeadLetterKind::Undeliverable => ErrorCode::Undeliverable,
            DeadLetterKind::Exhausted => ErrorCode::Exhausted,
        }
    }
}

impl FromStr for DeadLetterKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || DeadLetterKind::ALL.map(DeadLetterKind::as_str).join(", ");
        let named = DeadLetterKind::ALL.into_iter().find(|kind| kind.as_str() == text);
        named.ok_or_else(|| format!("{text:?} is no kind of dead letter: use one of {}", names()))
    }
}
