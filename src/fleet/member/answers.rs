//! What a member makes of the answers to its writes.

use std::time::Duration;

use super::{FleetMember, FleetTime};
use crate::checkpoint::StartAt;
use crate::fleet::options::FleetStart;
use crate::fleet::owned::{OwnedShard, OwnedStage, WriteUnderWay};
use crate::fleet::row::{LeaseHold, LeaseRow, ShardKey};
use crate::fleet::write::{LeaseExpectation, LeaseFence, LeaseWrite, WriteAnswer};

/// How long after a write without an answer the next one is sent.
const AFTER_NO_ANSWER: Duration = Duration::from_secs(1);

/// How long after a claim that was refused the next one is sent.
const AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// So many leases of this member's that it does not trust are remembered of a shard.
const MOST_OWN_LEASES: usize = 16;

impl FleetMember {
    /// A write was answered. What was given up meanwhile is of no concern any more.
    pub fn answered(&mut self, now: FleetTime, id: u64, key: &ShardKey, answer: WriteAnswer) {
        let Some(shard) = self.shards.get_mut(key) else { return };
        let Some(under_way) = shard.under_way.take_if(|under_way| under_way.id == id) else { return };
        if answer == WriteAnswer::Unknown {
            shard.not_before = now.elapsed + AFTER_NO_ANSWER;
        }
        match under_way.write {
            LeaseWrite::Claim { .. } => self.claimed(now, key, under_way, answer),
            LeaseWrite::Renew { .. } => self.renewed(now, key, &under_way, answer),
            LeaseWrite::Pass { .. } | LeaseWrite::Release { .. } => self.gave_up(now, key, answer),
            LeaseWrite::Ask { .. } => self.asked_for(now, key, answer),
            LeaseWrite::Note { .. } | LeaseWrite::Yield { .. } | LeaseWrite::Forget => {
                if let WriteAnswer::Done(row) | WriteAnswer::Refused(row) = answer {
                    shard.sees(row, now.elapsed);
                }
            }
        }
    }

    fn claimed(&mut self, now: FleetTime, key: &ShardKey, under_way: WriteUnderWay, answer: WriteAnswer) {
        let LeaseWrite::Claim { expects, hold, start_at, .. } = under_way.write else { return };
        let Some(shard) = self.shards.get_mut(key) else { return };
        let row = match answer {
            WriteAnswer::Done(Some(row)) => row,
            // It was done before, and that answer got lost.
            WriteAnswer::Refused(Some(row)) if row.hold.as_ref() == Some(&hold) => row,
            WriteAnswer::Done(None) => return,
            WriteAnswer::Refused(row) => {
                shard.asked_at = None;
                self.asked.remove(key);
                // A row that no condition fits, say because somebody wrote into it by hand, is not to be tried all the time.
                shard.not_before = now.elapsed + AFTER_REFUSAL;
                return shard.sees(row, now.elapsed);
            }
            WriteAnswer::Unknown => {
                // It may be there, and then it is this member's to claim again.
                shard.own_leases.push(hold.timeout);
                if shard.own_leases.len() > MOST_OWN_LEASES {
                    shard.own_leases.remove(0);
                }
                return;
            }
        };
        let is_robbery = matches!(expects, LeaseExpectation::Client(_));
        let trusted_until = under_way.sent_at + self.options.trusted();
        if now.elapsed >= trusted_until {
            // The answer came too late to be trusted.
            shard.own_leases.push(hold.timeout);
            return shard.sees(Some(row), now.elapsed);
        }
        // Right at the beginning, so that no clocks are compared.
        let is_first = shard.was_there_at.is_some_and(|at| under_way.sent_at < at.elapsed + self.options.lease_period);
        let is_latest = self.options.start == FleetStart::Latest
            && is_first
            && matches!(start_at, Some(StartAt::AtTimestamp(_)))
            && row.start_at == start_at;
        let stage = if is_robbery {
            OwnedStage::Robbing { until: now.elapsed + self.options.commit_period + self.options.steal_grace_period }
        } else {
            OwnedStage::Ready { is_latest }
        };
        shard.owned = Some(OwnedShard {
            fence: LeaseFence { client: self.client.clone(), timeouts: vec![hold.timeout] },
            trusted_until,
            written_at: under_way.sent_at,
            committed: row.position.clone(),
            position: row.position.clone(),
            load: row.load,
            said_load: row.load,
            stage,
        });
        shard.own_leases.clear();
        shard.asked_at = None;
        shard.loose_since = None;
        shard.had_row = true;
        shard.row = Some(row);
        self.owned.insert(key.clone());
        self.loose.remove(key);
        self.asked.remove(key);
    }

    fn renewed(&mut self, now: FleetTime, key: &ShardKey, under_way: &WriteUnderWay, answer: WriteAnswer) {
        let LeaseWrite::Renew { timeout, .. } = &under_way.write else { return };
        let trusted = self.options.trusted();
        let Some(shard) = self.shards.get_mut(key) else { return };
        let Some(owned) = &mut shard.owned else { return };
        let is_this = |hold: Option<&LeaseHold>| {
            hold.is_some_and(|hold| hold.client == owned.fence.client && hold.timeout == *timeout)
        };
        match answer {
            WriteAnswer::Done(Some(row)) => {
                owned.renewed(timeout, &row, under_way.sent_at, trusted);
                shard.row = Some(row);
            }
            WriteAnswer::Refused(Some(row)) if is_this(row.hold.as_ref()) => {
                owned.renewed(timeout, &row, under_way.sent_at, trusted);
                shard.row = Some(row);
            }
            WriteAnswer::Refused(Some(row)) if owned.fence.has(row.hold.as_ref()) => {
                // It is the owner's, and further than what was to be written: somebody moved it forward on purpose.
                owned.position.clone_from(&row.position);
                owned.committed.clone_from(&row.position);
                shard.row = Some(row);
            }
            WriteAnswer::Refused(row) => self.loses(key, row, now),
            WriteAnswer::Done(None) | WriteAnswer::Unknown => {}
        }
    }

    fn gave_up(&mut self, now: FleetTime, key: &ShardKey, answer: WriteAnswer) {
        let Some(shard) = self.shards.get_mut(key) else { return };
        let Some(owned) = &mut shard.owned else { return };
        match answer {
            WriteAnswer::Done(row) => self.is_rid_of(key, row, now),
            WriteAnswer::Refused(Some(row)) if owned.fence.has(row.hold.as_ref()) => {
                // It is further than what was to be written.
                owned.position.clone_from(&row.position);
                shard.row = Some(row);
            }
            WriteAnswer::Refused(row) => self.is_rid_of(key, row, now),
            // It is tried again, until the lease is over.
            WriteAnswer::Unknown => {}
        }
    }

    /// A shard that this member gave up is not its own any more.
    fn is_rid_of(&mut self, key: &ShardKey, row: Option<LeaseRow>, now: FleetTime) {
        let Some(shard) = self.shards.get_mut(key) else { return };
        shard.owned = None;
        shard.sees(row, now.elapsed);
        self.owned.remove(key);
        self.survey(now);
    }

    fn asked_for(&mut self, now: FleetTime, key: &ShardKey, answer: WriteAnswer) {
        let Some(shard) = self.shards.get_mut(key) else { return };
        match answer {
            WriteAnswer::Done(row) => shard.sees(row, now.elapsed),
            WriteAnswer::Refused(row) => {
                shard.sees(row, now.elapsed);
                shard.asked_at = None;
                self.asked.remove(key);
            }
            // It may be there.
            WriteAnswer::Unknown => {}
        }
    }
}
