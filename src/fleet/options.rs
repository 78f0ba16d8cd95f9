//! The periods of a fleet.

use std::time::Duration;

/// How a fleet works: the same for all of its members, as far as they wait for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetOptions {
    /// How long a lease lasts.
    pub lease_period: Duration,
    /// How often a member looks whether it has its share.
    pub rebalance_period: Duration,
    /// How long after its next commit a client that was robbed is waited for.
    pub steal_grace_period: Duration,
    /// How often the position of a shard is written while it moves.
    pub commit_period: Duration,
    /// How long what is in flight may take when a shard is handed over.
    pub drain_timeout: Duration,
    /// Where a shard begins that has no position, and that came of none that was read.
    pub start: FleetStart,
}

/// Where a shard begins of which nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetStart {
    /// At its oldest record.
    TrimHorizon,
    /// Behind its newest record.
    Latest,
    /// At the first record that arrived at this time or later, in milliseconds since the Unix epoch.
    AtTimestamp(u64),
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self {
            lease_period: Duration::from_secs(30),
            rebalance_period: Duration::from_secs(30),
            steal_grace_period: Duration::from_secs(2),
            commit_period: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(15),
            start: FleetStart::TrimHorizon,
        }
    }
}

impl FleetOptions {
    /// For how long an owner trusts its lease, from when it sent the write.
    pub(super) fn trusted(&self) -> Duration {
        self.lease_period - self.last_requests()
    }

    /// How long requests that are under way at the end of that may take.
    pub(super) fn last_requests(&self) -> Duration {
        self.lease_period / 10
    }

    /// How often a lease is renewed that has nothing to commit. Three attempts fit into a lease.
    pub(super) fn renewal_period(&self) -> Duration {
        self.lease_period / 3
    }

    /// How long after the first sight of a lease it is taken over, if it does not change. `period` is how long the owner trusts
    /// it by its own clock: a quarter more is for clocks that run unlike. None: the owner does not say that it ends by itself,
    /// so two periods of ours are waited for, as such clients wait for each other.
    pub(super) fn expiry(&self, period: Option<Duration>) -> Duration {
        match period {
            Some(period) => period.max(self.lease_period) * 5 / 4,
            None => self.lease_period * 2,
        }
    }

    /// How often the table is looked at. In a large fleet each looks more seldom: somebody looks often enough, and each look
    /// costs the reading of all rows.
    pub(super) fn look_period(&self, members: usize) -> Duration {
        let often = self.rebalance_period / 3;
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        (often * members.max(MEMBERS_AT_FULL_PACE) / MEMBERS_AT_FULL_PACE).min(self.rebalance_period * 2)
    }
}

/// Up to so many members look at the table as often as a small fleet does.
const MEMBERS_AT_FULL_PACE: u32 = 50;
