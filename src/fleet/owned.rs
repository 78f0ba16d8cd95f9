//! A shard that a member owns: what it is at, and what is to be written of it.

use std::time::Duration;

use super::options::FleetOptions;
use super::row::{LeaseRow, LeaseTerms, ShardLoad};
use super::write::{LeaseFence, LeaseWrite};

/// So many leases may be written without an answer before the shard is given up.
const MOST_UNANSWERED: usize = 40;

/// A write that was sent and is not answered.
#[derive(Debug, Clone)]
pub(super) struct WriteUnderWay {
    pub(super) id: u64,
    pub(super) sent_at: Duration,
    pub(super) write: LeaseWrite,
}

/// A shard that a member owns.
#[derive(Debug)]
pub(super) struct OwnedShard {
    /// The leases that the row may have by this member's writes.
    pub(super) fence: LeaseFence,
    /// Until when this member may read and deliver.
    pub(super) trusted_until: Duration,
    /// When the last write was sent that was answered.
    pub(super) written_at: Duration,
    /// How far the row is.
    pub(super) committed: Option<String>,
    /// How far the shard is.
    pub(super) position: Option<String>,
    pub(super) load: ShardLoad,
    pub(super) said_load: ShardLoad,
    pub(super) stage: OwnedStage,
}

/// What an owner is at with a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OwnedStage {
    /// It waits for the last commit of a client that it robbed.
    Robbing { until: Duration },
    /// It waits for the row as it is after that.
    Rereading,
    /// It is to be started. Whether it begins behind the newest record.
    Ready { is_latest: bool },
    /// It is read.
    Reading,
    /// What is in flight comes to its end, for the client that asked for it, or for nobody.
    Draining { to: Option<String>, since: Duration },
    /// Nothing of it is in flight any more.
    Left { to: Option<String>, is_drained: bool },
}

impl OwnedShard {
    /// Whether anything of it is in flight.
    pub(super) fn is_at_work(&self) -> bool {
        matches!(self.stage, OwnedStage::Reading | OwnedStage::Draining { .. })
    }

    /// The client that it is being handed to.
    pub(super) fn goes_to(&self) -> Option<&str> {
        match &self.stage {
            OwnedStage::Draining { to, .. } | OwnedStage::Left { to, .. } => to.as_deref(),
            _ => None,
        }
    }

    /// The position, where the row does not have it.
    fn to_commit(&self) -> Option<String> {
        self.position.clone().filter(|position| self.committed.as_ref() != Some(position))
    }

    /// Whether a write is due. `often` is the renewal period.
    pub(super) fn is_due(&self, options: &FleetOptions, often: Duration, now: Duration) -> bool {
        let since = now.saturating_sub(self.written_at);
        let has_news = self.to_commit().is_some() || self.load.is_unlike(self.said_load);
        since >= often || (has_news && since >= options.commit_period)
    }

    /// The renewal of the lease. `timeout` is the new one.
    pub(super) fn renewal(&mut self, timeout: String, terms: LeaseTerms, refuses: bool) -> LeaseWrite {
        let load = if self.load.is_unlike(self.said_load) { self.load } else { self.said_load };
        let write = LeaseWrite::Renew {
            fence: self.fence.clone(),
            timeout: timeout.clone(),
            terms,
            position: self.to_commit(),
            load,
            refuses,
        };
        self.fence.timeouts.push(timeout);
        write
    }

    /// Whether too many writes went without an answer.
    pub(super) fn is_out_of_answers(&self) -> bool {
        self.fence.timeouts.len() > MOST_UNANSWERED
    }

    /// A renewal that was sent at this time was done, and this is the row now.
    pub(super) fn renewed(&mut self, timeout: &str, row: &LeaseRow, sent_at: Duration, trusted: Duration) {
        self.fence.timeouts = vec![timeout.to_owned()];
        self.trusted_until = sent_at + trusted;
        self.written_at = sent_at;
        self.committed.clone_from(&row.position);
        self.said_load = row.load;
    }
}
