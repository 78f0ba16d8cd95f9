//! Writes of a row: what each changes, and what it is conditional on.
//!
//! [`LeaseWrite::apply`] says what a write means. Whatever sends it to a service has to come to the same.

use super::row::{LeaseHold, LeaseRow, LeaseTerms, ShardLoad};
use crate::checkpoint::{Heartbeat, StartAt};

/// A conditional write of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseWrite {
    /// Takes the row for a client.
    Claim {
        /// Whose it is before.
        expects: LeaseExpectation,
        /// The new lease.
        hold: LeaseHold,
        /// What the new owner promises.
        terms: LeaseTerms,
        /// Where the shard begins, where the row says nothing of it.
        start_at: Option<StartAt>,
    },
    /// Makes a row for a shard that waits for those that it came of, where there is none: where clients of another kind read
    /// its children already, a closed shard without a row would look like one that was read.
    Note {
        /// Where the shard begins.
        start_at: StartAt,
    },
    /// Asks the holder for the row, where nobody does.
    Ask {
        /// The holder.
        holder: String,
        /// Who asks.
        by: String,
    },
    /// Renews the lease, and says how far the shard is.
    Renew {
        /// By which leases of the owner's the row is its own.
        fence: LeaseFence,
        /// The new `LeaseTimeout`.
        timeout: String,
        /// What the owner promises.
        terms: LeaseTerms,
        /// How far the shard is; none: as the row says.
        position: Option<String>,
        /// What the shard carries.
        load: ShardLoad,
        /// Whether the one who asks for it is refused.
        refuses: bool,
    },
    /// Gives the row to the client that asked for it.
    Pass {
        /// By which leases of the owner's the row is its own.
        fence: LeaseFence,
        /// The new lease, of the other client.
        hold: LeaseHold,
        /// What the other client promises, as far as the owner knows it: without these, the row would look like one of a client
        /// that knows the common protocol only, and be robbed.
        terms: LeaseTerms,
        /// How far the shard is.
        position: Option<String>,
    },
    /// Gives the row up.
    Release {
        /// By which leases of the owner's the row is its own.
        fence: LeaseFence,
        /// How far the shard is.
        position: Option<String>,
        /// Whether the shard was read to its end.
        is_drained: bool,
    },
    /// Says to a thief of another kind how far the shard is, as such clients say it to each other.
    Yield {
        /// The thief.
        thief: String,
        /// How far the shard is.
        position: String,
    },
    /// Removes the row of a shard that was read to its end long ago.
    Forget,
}

/// Whose a row is that is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseExpectation {
    /// Nobody's. `run` is the sign of life of a run that is known to be gone, if there is one.
    Free {
        /// As it was seen.
        run: Option<Heartbeat>,
    },
    /// This lease, unchanged.
    Lease(LeaseHold),
    /// Any lease of this client: it is robbed.
    Client(String),
}

/// The leases by which a row is its owner's: what was written last, and what may have been written since without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseFence {
    /// The owner.
    pub client: String,
    /// Each `LeaseTimeout`.
    pub timeouts: Vec<String>,
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAnswer {
    /// It was done, and this is the row now; none: there is none any more.
    Done(Option<LeaseRow>),
    /// Its condition does not hold, and this is the row; none: there is none.
    Refused(Option<LeaseRow>),
    /// Nobody knows: it may have been done, or be done later.
    Unknown,
}

/// The condition of a write does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the condition of the write does not hold")]
pub struct RefusedWrite;

impl LeaseFence {
    /// Whether a lease is one of these.
    pub fn has(&self, hold: Option<&LeaseHold>) -> bool {
        hold.is_some_and(|hold| hold.client == self.client && self.timeouts.contains(&hold.timeout))
    }
}

impl LeaseWrite {
    /// What becomes of a row.
    ///
    /// # Errors
    /// When the condition does not hold. Nothing changes then.
    pub fn apply(&self, before: Option<&LeaseRow>) -> Result<Option<LeaseRow>, RefusedWrite> {
        let row = before.cloned().unwrap_or_default();
        let moves = |position: &Option<String>| match position {
            Some(position) if !row.is_behind(position) && row.position.as_ref() != Some(position) => Err(RefusedWrite),
            Some(position) => Ok(Some(position.clone())),
            None => Ok(row.position.clone()),
        };
        let of_owner = |fence: &LeaseFence| if fence.has(row.hold.as_ref()) { Ok(()) } else { Err(RefusedWrite) };
        let row_after = match self {
            LeaseWrite::Claim { expects, hold, terms, start_at } => {
                let holds = match expects {
                    LeaseExpectation::Free { run } => row.hold.is_none() && row.run == *run && !row.is_drained,
                    LeaseExpectation::Lease(lease) => row.hold.as_ref() == Some(lease),
                    LeaseExpectation::Client(client) => row.holder() == Some(client),
                };
                if !holds {
                    return Err(RefusedWrite);
                }
                LeaseRow {
                    hold: Some(hold.clone()),
                    terms: Some(terms.clone()),
                    wanted_by: None,
                    run: None,
                    start_at: row.start_at.or(*start_at),
                    ..row
                }
            }
            LeaseWrite::Note { start_at } => match before {
                Some(_) => return Err(RefusedWrite),
                None => LeaseRow { start_at: Some(*start_at), ..row },
            },
            LeaseWrite::Ask { holder, by } => {
                if row.holder() != Some(holder) || row.wanted_by.as_ref().is_some_and(|other| other != by) {
                    return Err(RefusedWrite);
                }
                LeaseRow { wanted_by: Some(by.clone()), ..row }
            }
            LeaseWrite::Renew { fence, timeout, terms, position, load, refuses } => {
                of_owner(fence)?;
                let position = moves(position)?;
                let hold = Some(LeaseHold { client: fence.client.clone(), timeout: timeout.clone() });
                let wanted_by = if *refuses { None } else { row.wanted_by.clone() };
                LeaseRow { hold, terms: Some(terms.clone()), position, load: *load, wanted_by, ..row }
            }
            LeaseWrite::Pass { fence, hold, terms, position } => {
                of_owner(fence)?;
                let position = moves(position)?;
                LeaseRow { hold: Some(hold.clone()), terms: Some(terms.clone()), wanted_by: None, position, ..row }
            }
            LeaseWrite::Release { fence, position, is_drained } => {
                of_owner(fence)?;
                let position = moves(position)?;
                let is_drained = row.is_drained || *is_drained;
                LeaseRow { hold: None, terms: None, wanted_by: None, position, is_drained, ..row }
            }
            LeaseWrite::Yield { thief, position } => {
                if row.holder() != Some(thief) || !row.is_behind(position) {
                    return Err(RefusedWrite);
                }
                LeaseRow { position: Some(position.clone()), ..row }
            }
            LeaseWrite::Forget => {
                if row.hold.is_some() || !row.is_drained {
                    return Err(RefusedWrite);
                }
                return Ok(None);
            }
        };
        // A position is all that counts, once there is one.
        let broken_off_at = row_after.broken_off_at.filter(|_| row_after.position.is_none());
        Ok(Some(LeaseRow { broken_off_at, ..row_after }))
    }
}
