//! Whoever looks on while events are processed.

use std::fmt::Debug;

use crate::event::{Batch, Event};
use crate::transform::Verdict;

/// Is told what the transform says of each event, in shard order, before anything of it is delivered. Processing waits
/// until it has seen enough.
pub trait Observer: Debug + Send + Sync {
    /// An event of a batch, and what the transform says of it.
    fn see(&self, batch: &Batch, event: Event<'_>, verdict: &Verdict);
}
