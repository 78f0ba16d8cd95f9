//! The dead-letter destination `discard`: events that fail are given up. Each is counted, and what is said of them is bounded.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::DeadLetter;
use crate::event::Batch;
use crate::seldom::Seldom;

/// Events that are given up: a transform that fails fails for every record.
#[derive(Debug, Default)]
pub(super) struct Discards(Mutex<Seldom>);

impl Discards {
    /// Takes events in, and says of the first that it is given up, once a second at most: position and reason, never the
    /// payload.
    pub(super) fn take_in(&self, batch: &Batch, letters: &[DeadLetter<'_>]) {
        let Some(first) = letters.first() else { return };
        let mut seldom = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seldom.is_due(letters.len() as u64, Instant::now()) {
            return;
        }
        let others = seldom.take_unsaid().saturating_sub(1);
        tracing::warn!(
            shard_id = batch.shard_id(),
            sequence_number = first.event.sequence_number.as_str(),
            kind = first.kind.as_str(),
            code = first.kind.code().as_str(),
            others,
            "discarded: {}",
            first.reason,
        );
    }
}
