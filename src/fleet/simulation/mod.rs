//! Plays fleets against a model of the table and of the stream, in virtual time: processes that crash, or stop for longer than a
//! lease and wake up; clocks that are off; requests and answers that get lost or come a minute late; shards that are split and
//! merged; members that come and go.
//!
//! Each seed is a story of its own. `SIMULATION_SEED=N` plays one again, and `SIMULATION_SEEDS=N` so many.

mod audit;
mod costs;
mod foreign;
mod process;
mod stories;
mod stream;
mod world;

/// A rule that is broken on purpose, to see that the simulator finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokenRule {
    /// An owner goes on when its lease is over.
    TrustForEver,
    /// A shard is handed over while it is still read.
    HandOverUndrained,
    /// Shards are begun before those that they came of are read.
    ChildrenBesideParents,
    /// A lease is taken over as soon as it was unchanged for a third of its period.
    ExpiresTooSoon,
    /// Owners are told apart by name only, as the common protocol does it: what arrives late counts.
    FencedByNameOnly,
    /// A position is written wherever it was.
    PositionsUnconditional,
    /// What was read is acknowledged, and not what was delivered.
    AcknowledgesWhatIsRead,
    /// Claims hold whoever has the row.
    ClaimsUnconditional,
}

impl BrokenRule {
    pub(super) const ALL: [Self; 8] = [
        Self::TrustForEver,
        Self::HandOverUndrained,
        Self::ChildrenBesideParents,
        Self::ExpiresTooSoon,
        Self::FencedByNameOnly,
        Self::PositionsUnconditional,
        Self::AcknowledgesWhatIsRead,
        Self::ClaimsUnconditional,
    ];
}
