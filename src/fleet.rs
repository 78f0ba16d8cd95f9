//! Which process reads which shard, where several share a stream out: leases in the rows of the checkpoint table.
//!
//! [`FleetMember`] decides for one process. It does no I/O and has no clock: what is seen of the table and of the stream
//! goes in with the time, and [`FleetEffect`]s come out. So a simulator can play a fleet of them against a table that loses
//! answers and against processes that stop for minutes.
//!
//! # The rules
//!
//! - A lease is a row's `ClientID` and `LeaseTimeout`. Every write of an owner holds only where both are still what it wrote
//!   itself, so that of two processes that take themselves for the owner one is refused, whatever arrives late.
//! - An owner trusts its lease until a period after it *sent* the last write that was answered, by its own monotonic clock,
//!   less a margin. Then it reads and delivers nothing more.
//! - Others take a lease over when they saw it unchanged for longer than that, by their own monotonic clocks. No time of day
//!   of two machines is ever compared.
//! - A position only grows: that is a condition of the writes as well.
//! - A shard is begun when the shards that it came of are read to their ends. Their rows say so, and stay.
//! - Between members of this kind a shard is asked for and handed over, so that nothing is delivered twice. From clients that
//!   know only the protocol of Redpanda Connect's `aws_kinesis` input it is taken as they take it from each other.

mod begin;
mod member;
mod options;
mod owned;
mod row;
mod share;
mod table;
mod write;

#[cfg(test)]
mod simulation;

pub use member::{FleetEffect, FleetMember, FleetShardStart, FleetTime, ShardListing};
pub use options::{FleetOptions, FleetStart};
pub use row::{LeaseHold, LeaseManner, LeaseRow, LeaseTerms, ShardKey, ShardLoad};
pub use table::LeaseTable;
pub use write::{LeaseExpectation, LeaseFence, LeaseWrite, RefusedWrite, WriteAnswer};
