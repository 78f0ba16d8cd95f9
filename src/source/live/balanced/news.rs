//! How far shards are, on its way from those who work on them to the member that writes it down.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::checkpoint::ShardProgress;
use crate::event::Shard;

/// What is new of shards since it was last asked for.
#[derive(Debug, Default)]
pub(in crate::source::live) struct ShardNews(RefCell<HashMap<Shard, ShardProgress>>);

impl ShardNews {
    /// A shard is so far.
    pub(in crate::source::live) fn tell(&self, progress: ShardProgress) {
        self.0.borrow_mut().insert(progress.shard.clone(), progress);
    }

    /// What is new of one shard.
    pub(super) fn take_of(&self, shard: &Shard) -> Option<ShardProgress> {
        self.0.borrow_mut().remove(shard)
    }

    /// What is new, of each shard the last.
    pub(super) fn take(&self) -> HashMap<Shard, ShardProgress> {
        self.0.take()
    }
}
