//! What a member claims, and asks others for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{FleetMember, FleetTime};
use crate::fleet::begin::{Availability, may_begin, start_of};
use crate::fleet::row::{LeaseManner, ShardKey};
use crate::fleet::share::{HandOver, HeldShard, least_gain, wanted};
use crate::fleet::write::{LeaseExpectation, LeaseWrite};

/// Claims on their way at once.
const CLAIMS_AT_ONCE: usize = 64;

/// How long the row of a shard that is gone is kept: another member may not know yet that it is.
const KEPT_AFTER_THE_END: Duration = Duration::from_secs(600);

impl FleetMember {
    /// Finds out from what was seen who is at work, and which shards nobody has.
    pub(super) fn survey(&mut self, now: FleetTime) {
        let mut clients = BTreeSet::from([self.client.clone()]);
        let mut loose = BTreeSet::new();
        self.is_mixed = false;
        for (key, shard) in &self.shards {
            if shard.owned.is_some() {
                clients.extend(shard.row.iter().filter_map(|row| row.wanted_by.clone()));
                continue;
            }
            let availability = shard.availability(&self.client, &self.options, self.observed(now));
            if let (Availability::Taken, Some(row)) = (&availability, &shard.row) {
                clients.extend(row.holder().map(str::to_owned));
                clients.extend(row.wanted_by.clone());
                self.is_mixed |= row.hold.is_some() && row.promise().is_none() && row.holder() != Some(&self.client);
            }
            // One that was renewed a short time ago is no matter before the next look.
            let may_be_loose = availability != Availability::Taken
                || shard.unchanged_for(now.elapsed) >= self.options.renewal_period();
            if shard.is_listed && may_be_loose && !shard.is_drained() {
                loose.insert(key.clone());
            }
        }
        self.clients = clients;
        self.loose = loose;
        self.forget_old(now);
    }

    /// Claims what nobody has: its share at once, and the rest when others left it for a while.
    pub(super) fn claim_loose(&mut self, now: FleetTime) {
        if self.streams.iter().any(|looks| !looks.has_listing || !looks.has_rows) || self.loose.is_empty() {
            return;
        }
        let mut keys: Vec<ShardKey> = self.loose.iter().cloned().collect();
        // Members that look at the same time are not to want the same.
        self.random.shuffle(&mut keys);
        let is_claiming = |key: &ShardKey| self.shards.get(key).is_some_and(|shard| shard.under_way.is_some());
        let mut room = CLAIMS_AT_ONCE.saturating_sub(keys.iter().filter(|key| is_claiming(key)).count());
        let mut share = self.share_left();
        let patience = self.options.rebalance_period / 6;
        for key in keys {
            if room == 0 {
                break;
            }
            if !self.pinned.is_empty() && !self.pinned.contains(&key) {
                continue;
            }
            let may_begin = may_begin(&self.shards, &key);
            let start_at = start_of(&self.shards, &key, self.options.start);
            let Some(shard) = self.shards.get(&key) else { continue };
            let availability = shard.availability(&self.client, &self.options, self.observed(now));
            // Of shards that are claimed by name, nobody else may read what they came of.
            let may_begin = may_begin || self.broken_order() || (!self.pinned.is_empty() && self.is_readable(&key));
            let is_unknown = shard.row.is_none() && !shard.had_row && shard.left_out.is_none();
            if let (false, true, true, Some(start_at)) = (may_begin, self.is_mixed, is_unknown, start_at)
                && shard.under_way.is_none()
                && shard.not_before <= now.elapsed
            {
                self.write(&key, LeaseWrite::Note { start_at }, now);
                continue;
            }
            let Some(shard) = self.shards.get_mut(&key) else { continue };
            if shard.owned.is_some() || shard.under_way.is_some() || shard.not_before > now.elapsed || !may_begin {
                continue;
            }
            let (expects, is_ours) = match availability {
                Availability::Taken => {
                    shard.loose_since = None;
                    continue;
                }
                Availability::Free { run } => (LeaseExpectation::Free { run }, false),
                Availability::Lease(hold) => {
                    let is_ours = hold.client == self.client;
                    (LeaseExpectation::Lease(hold), is_ours)
                }
            };
            let since = *shard.loose_since.get_or_insert(now.elapsed);
            let weight = shard.row.as_ref().map(|row| row.load).unwrap_or_default().weight();
            let is_due = is_ours || !self.pinned.is_empty() || now.elapsed >= since + patience;
            if !is_due && weight > share {
                continue;
            }
            share = share.saturating_sub(weight);
            room -= 1;
            self.claim(&key, expects, start_at, now);
        }
    }

    fn claim(
        &mut self,
        key: &ShardKey,
        expects: LeaseExpectation,
        start_at: Option<crate::checkpoint::StartAt>,
        now: FleetTime,
    ) {
        let client = self.client.clone();
        let hold = self.lease(&client, now);
        self.write(key, LeaseWrite::Claim { expects, hold, terms: self.terms(), start_at }, now);
    }

    /// Wants from others what it carries less than they do.
    pub(super) fn balance(&mut self, now: FleetTime) {
        let given_up = self.options.lease_period * 2;
        let shards = &mut self.shards;
        self.asked.retain(|key| {
            let Some(shard) = shards.get_mut(key) else { return false };
            let is_asked = shard.row.as_ref().is_some_and(|row| row.wanted_by.as_ref() == Some(&self.client));
            let is_under_way = shard.under_way.is_some();
            let age = shard.asked_at.map_or(given_up, |at| now.elapsed.saturating_sub(at));
            // Refused, or taken by another one. That it was asked for stays known: it may come late.
            let is_awaited = age < given_up && (is_asked || is_under_way || age < self.options.lease_period / 3);
            if age >= given_up {
                shard.asked_at = None;
            }
            is_awaited
        });
        let is_known = self.streams.iter().all(|looks| looks.has_listing && looks.has_rows);
        if !is_known || !self.pinned.is_empty() || !self.asked.is_empty() || now.elapsed < self.rebalance_at {
            return;
        }
        let is_settled = self.loose.iter().all(|key| {
            let Some(shard) = self.shards.get(key) else { return true };
            shard.under_way.is_none()
        });
        if !is_settled {
            return;
        }
        let mut held = self.held();
        self.random.shuffle(&mut held);
        let wanted = wanted(&self.client, &held);
        let jitter = 0.75 + self.random.f64() / 2.0;
        self.rebalance_at = now.elapsed + self.options.rebalance_period.mul_f64(jitter);
        for (key, manner) in wanted {
            let Some(shard) = self.shards.get_mut(&key) else { continue };
            let Some(holder) = shard.row.as_ref().and_then(|row| row.holder().map(str::to_owned)) else { continue };
            if shard.under_way.is_some() || shard.owned.is_some() || shard.not_before > now.elapsed {
                continue;
            }
            match manner {
                HandOver::Asked => {
                    shard.asked_at = Some(now.elapsed);
                    self.asked.insert(key.clone());
                    let by = self.client.clone();
                    self.write(&key, LeaseWrite::Ask { holder, by }, now);
                }
                HandOver::Taken => {
                    let start_at = start_of(&self.shards, &key, self.options.start);
                    self.claim(&key, LeaseExpectation::Client(holder), start_at, now);
                }
                HandOver::Never => {}
            }
        }
    }

    /// Who has which shard, as far as this member knows. What is on its way to another client is that client's.
    pub(super) fn held(&self) -> Vec<HeldShard> {
        let of = |(key, shard): (&ShardKey, &crate::fleet::begin::SeenShard)| {
            let row = shard.row.as_ref()?;
            let load = shard.owned.as_ref().map_or(row.load, |owned| owned.said_load);
            let client = match &shard.owned {
                Some(owned) => owned.goes_to().unwrap_or(&self.client).to_owned(),
                None => row.holder()?.to_owned(),
            };
            if shard.owned.is_none() && self.loose.contains(key) && shard.loose_since.is_some() {
                return None;
            }
            let manner = match row.promise() {
                _ if shard.owned.is_some() || row.wanted_by.is_some() || client == self.client => HandOver::Never,
                Some(terms) if terms.manner != LeaseManner::Shared => HandOver::Never,
                Some(_) => HandOver::Asked,
                None if may_begin(&self.shards, key) => HandOver::Taken,
                None => HandOver::Never,
            };
            Some(HeldShard { key: key.clone(), client, weight: load.weight(), manner })
        };
        self.shards.iter().filter_map(of).collect()
    }

    /// Whether a shard is there, and not read to its end.
    fn is_readable(&self, key: &ShardKey) -> bool {
        self.shards.get(key).is_some_and(|shard| shard.is_listed && !shard.is_drained())
    }

    /// How much more this member may take before it carries more than its share.
    fn share_left(&self) -> u64 {
        let held = self.held();
        let carried: u64 = held.iter().map(|shard| shard.weight).sum();
        let loose = self.loose.iter().filter_map(|key| self.shards.get(key));
        let loose = loose.filter(|shard| shard.loose_since.is_some() || shard.row.is_none());
        let free: u64 = loose.map(|shard| shard.row.as_ref().map(|row| row.load).unwrap_or_default().weight()).sum();
        let mine: u64 = held.iter().filter(|shard| shard.client == self.client).map(|shard| shard.weight).sum();
        let members = self.clients.len().max(1) as u64;
        ((carried + free) / members + least_gain(&held)).saturating_sub(mine)
    }

    /// Removes rows of shards that are gone for good.
    fn forget_old(&mut self, now: FleetTime) {
        let is_old = |key: &ShardKey, shard: &crate::fleet::begin::SeenShard| {
            let is_gone = shard.unlisted_at.is_some_and(|at| now.elapsed >= at + KEPT_AFTER_THE_END);
            let is_free = shard.row.as_ref().is_some_and(|row| row.is_drained && row.hold.is_none());
            let has_begun = || {
                let mut children = shard.children.iter().filter_map(|child| self.shards.get(&key.sibling(child)));
                children.all(|child| child.row.is_some() || !child.is_listed)
            };
            is_gone && is_free && shard.under_way.is_none() && has_begun()
        };
        let old: Vec<ShardKey> =
            self.shards.iter().filter(|(key, shard)| is_old(key, shard)).map(|(key, _)| key.clone()).collect();
        for key in old {
            self.write(&key, LeaseWrite::Forget, now);
        }
    }

    /// The time by which leases are judged. Where a test breaks the rule for it, they seem to be older than they are.
    fn observed(&self, now: FleetTime) -> Duration {
        #[cfg(test)]
        if self.broken == Some(crate::fleet::simulation::BrokenRule::ExpiresTooSoon) {
            return now.elapsed + self.options.lease_period;
        }
        now.elapsed
    }

    /// Whether the breaking of a rule, in a test, begins a shard before those that it came of are done.
    fn broken_order(&self) -> bool {
        #[cfg(test)]
        return self.broken == Some(crate::fleet::simulation::BrokenRule::ChildrenBesideParents);
        #[cfg(not(test))]
        false
    }
}
