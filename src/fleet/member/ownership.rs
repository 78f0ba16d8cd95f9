//! What a member does with the shards that it owns: renews them, hands them over, and stops in time.

use super::{FleetEffect, FleetMember, FleetShardStart, FleetTime};
use crate::checkpoint::StartAt;
use crate::fleet::owned::OwnedStage;
use crate::fleet::row::{LeaseManner, LeaseRow, LeaseTerms, ShardKey};
use crate::fleet::share::CarriedWeights;
use crate::fleet::write::LeaseWrite;

impl FleetMember {
    /// Does what is due for each shard that this member owns.
    pub(super) fn tend_owned(&mut self, now: FleetTime) {
        let keys: Vec<ShardKey> = self.owned.iter().cloned().collect();
        // Counted once for all that are asked for now, and only where one is.
        let mut carried = None;
        for key in keys {
            self.tend(&key, &mut carried, now);
        }
    }

    fn tend(&mut self, key: &ShardKey, carried: &mut Option<CarriedWeights>, now: FleetTime) {
        let Some(shard) = self.shards.get_mut(key) else { return };
        let Some(owned) = &mut shard.owned else { return };
        if now.elapsed >= owned.trusted_until || owned.is_out_of_answers() {
            #[cfg(test)]
            if self.broken == Some(crate::fleet::simulation::BrokenRule::TrustForEver) {
                return;
            }
            let row = shard.row.clone();
            return self.loses(key, row, now);
        }
        let ends = self.ends;
        match &owned.stage {
            OwnedStage::Robbing { until } if *until <= now.elapsed => {
                owned.stage = OwnedStage::Rereading;
                self.effects.push(FleetEffect::LookAt(key.clone()));
            }
            OwnedStage::Robbing { .. } | OwnedStage::Rereading | OwnedStage::Ready { .. } if ends => {
                owned.stage = OwnedStage::Left { to: None, is_drained: false };
            }
            OwnedStage::Ready { is_latest } => {
                let start_at = shard.row.as_ref().and_then(|row| row.start_at);
                let broken_off_at = shard.row.as_ref().and_then(|row| row.broken_off_at.clone());
                let from = match (&owned.committed, broken_off_at, is_latest) {
                    (Some(position), ..) => FleetShardStart::After(position.clone()),
                    (None, Some(position), _) => FleetShardStart::Within(position),
                    (None, None, true) => FleetShardStart::Latest,
                    (None, None, false) => FleetShardStart::At(start_at.unwrap_or(StartAt::TrimHorizon)),
                };
                owned.stage = OwnedStage::Reading;
                self.effects.push(FleetEffect::Start { key: key.clone(), from });
            }
            OwnedStage::Reading if ends => {
                owned.stage = OwnedStage::Draining { to: None, since: now.elapsed };
                self.effects.push(FleetEffect::Drain(key.clone()));
            }
            OwnedStage::Draining { to, since } if now.elapsed >= *since + self.options.drain_timeout * 2 => {
                // Whoever was to report it does not: what is acknowledged stands.
                owned.stage = OwnedStage::Left { to: to.clone(), is_drained: false };
                self.effects.push(FleetEffect::CutOff(key.clone()));
            }
            _ => {}
        }
        self.write_what_is_due(key, carried, now);
    }

    fn write_what_is_due(&mut self, key: &ShardKey, carried: &mut Option<CarriedWeights>, now: FleetTime) {
        let Some(shard) = self.shards.get(key) else { return };
        let Some(owned) = &shard.owned else { return };
        if shard.under_way.is_some() || shard.not_before > now.elapsed {
            return;
        }
        if let OwnedStage::Left { to, is_drained } = owned.stage.clone() {
            let (fence, position) = (owned.fence.clone(), owned.position.clone());
            let write = match to {
                Some(to) => {
                    let terms = LeaseTerms {
                        client: to.clone(),
                        period: self.options.lease_period,
                        manner: LeaseManner::Passed,
                    };
                    LeaseWrite::Pass { fence, hold: self.lease(&to, now), terms, position }
                }
                None => LeaseWrite::Release { fence, position, is_drained },
            };
            return self.write(key, write, now);
        }
        let asker = shard.row.as_ref().and_then(|row| row.wanted_by.clone()).filter(|asker| *asker != self.client);
        let mut refuses = false;
        if let (Some(asker), OwnedStage::Reading) = (asker, &owned.stage) {
            let weight = owned.said_load.weight();
            let carried = carried.get_or_insert_with(|| CarriedWeights::of(&self.held()));
            if !self.pinned.contains(key) && carried.grants(&self.client, &asker, weight) {
                let early = self.breaks_hand_over();
                let Some(owned) = self.shards.get_mut(key).and_then(|shard| shard.owned.as_mut()) else { return };
                owned.stage = OwnedStage::Draining { to: Some(asker.clone()), since: now.elapsed };
                self.effects.push(FleetEffect::Drain(key.clone()));
                if early {
                    owned.stage = OwnedStage::Left { to: Some(asker), is_drained: false };
                }
                return;
            }
            refuses = true;
        }
        let often = if self.is_mixed { self.options.commit_period } else { self.options.renewal_period() };
        let Some(owned) = self.shards.get(key).and_then(|shard| shard.owned.as_ref()) else { return };
        if refuses || owned.is_due(&self.options, often, now.elapsed) {
            let (timeout, terms) = (self.timeout(now), self.terms());
            let Some(owned) = self.shards.get_mut(key).and_then(|shard| shard.owned.as_mut()) else { return };
            let write = owned.renewal(timeout, terms, refuses);
            self.write(key, write, now);
        }
    }

    /// Whether the breaking of a rule, in a test, hands a shard over while it is still read.
    fn breaks_hand_over(&self) -> bool {
        #[cfg(test)]
        return self.broken == Some(crate::fleet::simulation::BrokenRule::HandOverUndrained);
        #[cfg(not(test))]
        false
    }

    /// This member does not own a shard any more, or can't know it. `row` is how the row was seen last.
    pub(super) fn loses(&mut self, key: &ShardKey, row: Option<LeaseRow>, now: FleetTime) {
        let Some(shard) = self.shards.get_mut(key) else { return };
        let Some(owned) = shard.owned.take() else { return };
        self.owned.remove(key);
        if owned.is_at_work() {
            self.effects.push(FleetEffect::CutOff(key.clone()));
        }
        shard.under_way = None;
        shard.own_leases = owned.fence.timeouts.clone();
        // A request that was cut off may still arrive where it was sent: the time for that is also this member's to wait for,
        // if it takes its own lease again.
        shard.not_before = now.elapsed + self.options.last_requests();
        let thief = row.as_ref().filter(|row| row.promise().is_none()).and_then(|row| row.holder().map(str::to_owned));
        shard.sees(row, now.elapsed);
        // Clients of another kind wait for the last word of whom they rob.
        if let (Some(thief), Some(position)) = (thief, owned.position)
            && thief != self.client
        {
            self.write(key, LeaseWrite::Yield { thief, position }, now);
        }
        self.look_soon(now, super::BETWEEN_EAGER_LOOKS);
    }
}
