//! What is wrong with a shard, and which shards come first where not all of them are seen.

use std::cmp::Reverse;
use std::time::Duration;

use crate::checkpoint::BlockedProgress;
use crate::cli::foreign::plain;
use crate::cli::summary::counted;
use crate::source::live::{CommitOutcome, ShardStage, ShardView};

/// What is wrong with a shard, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ShardCondition {
    /// A record stands in the way: nothing goes on before it does.
    Blocked,
    /// Its last read failed, its position is not committed, or it is not read although it is wanted.
    InTrouble,
    /// Nothing is.
    Fine,
}

impl ShardCondition {
    /// The condition of a shard, while it is read or when the run is over.
    pub(super) fn of(shard: &ShardView) -> Self {
        let is_read = shard.stage == ShardStage::Reading;
        if shard.stuck.is_some() && (is_read || shard.stage == ShardStage::Stopped) {
            return ShardCondition::Blocked;
        }
        let is_in_trouble = (is_read && shard.trouble.is_some())
            || matches!(shard.commit, CommitOutcome::Failed(_))
            || shard.stage == ShardStage::NotBegun;
        if is_in_trouble { ShardCondition::InTrouble } else { ShardCondition::Fine }
    }
}

/// Sorts shards by what needs attention: blocked ones, those in trouble, and among their like those that are furthest
/// behind. The others stay in their order.
pub(super) fn most_urgent_first(shards: &mut [&ShardView]) {
    shards.sort_by_key(|shard| (ShardCondition::of(shard), Reverse(shard.behind.unwrap_or(Duration::MAX))));
}

/// Says how many shards are blocked or in trouble; none: none is.
pub(super) fn what_is_wrong<'a>(shards: impl Iterator<Item = &'a ShardView>) -> Option<String> {
    let (mut all, mut blocked, mut in_trouble) = (0, 0, 0);
    for shard in shards {
        all += 1;
        match ShardCondition::of(shard) {
            ShardCondition::Blocked => blocked += 1,
            ShardCondition::InTrouble => in_trouble += 1,
            ShardCondition::Fine => {}
        }
    }
    let all = counted(all, "shard");
    match (blocked, in_trouble) {
        (0, 0) => None,
        (0, _) => Some(format!("{in_trouble} of {all} in trouble")),
        (_, 0) => Some(format!("{blocked} of {all} blocked")),
        _ => Some(format!("{blocked} of {all} blocked, {in_trouble} in trouble")),
    }
}

/// What is wrong with a shard that is read, in a sentence about it; none: nothing is. The position is whole: it is what
/// somebody looks the record up by. That the position is not committed is said beside all else: what else is wrong may pass by
/// itself, and this would be hidden as long as it does not.
pub(super) fn remark(shard: &ShardView) -> Option<String> {
    if shard.stage != ShardStage::Reading {
        return None;
    }
    let in_the_way = match (&shard.stuck, &shard.trouble) {
        (Some(stuck), _) => {
            let attempts = counted(stuck.attempts.into(), "attempt");
            let (position, reason) = (stuck.position.sequence_number(), plain(&stuck.reason));
            Some(format!("blocked at {position} after {attempts}: {reason}{}", code_of(stuck)))
        }
        (None, Some(trouble)) => Some(plain(trouble)),
        (None, None) => None,
    };
    let uncommitted = match &shard.commit {
        CommitOutcome::Failed(kind) => Some(format!("its position is NOT committed ({kind}: see the log)")),
        CommitOutcome::None | CommitOutcome::At(_) => None,
    };
    match (in_the_way, uncommitted) {
        (Some(in_the_way), Some(uncommitted)) => Some(format!("{in_the_way}; {uncommitted}")),
        (one, other) => one.or(other),
    }
}

/// The code of what stands in the way, as it ends a line.
pub(super) fn code_of(stuck: &BlockedProgress) -> String {
    stuck.code.map_or_else(String::new, |code| format!(" ({code})"))
}
