//! What is wrong with the table, said once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::error::{CheckpointError, CheckpointErrorKind};

/// Logs each kind of trouble once: the metrics count the rest.
#[derive(Debug)]
pub(super) struct ErrorLog {
    table: String,
    said: Mutex<HashSet<CheckpointErrorKind>>,
}

impl ErrorLog {
    pub(super) fn new(table: &str) -> Self {
        Self { table: table.to_owned(), said: Mutex::default() }
    }

    pub(super) fn about(&self, trouble: &CheckpointError, shard_id: &str) {
        let kind = trouble.kind();
        let is_new = self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(kind);
        if is_new {
            tracing::warn!(
                table = self.table,
                shard_id,
                kind = kind.as_str(),
                code = kind.code().as_str(),
                "checkpoint table: {trouble}; batches continue without it; logged once",
            );
        } else {
            tracing::debug!(table = self.table, shard_id, kind = kind.as_str(), "the checkpoint table: {trouble}");
        }
    }
}
