//! Where each shard starts.

use std::collections::{BTreeMap, BTreeSet};

use super::bounds::{StartPosition, StartWithoutRow};
use super::lineage::{ListedShard, done_before, go_on_after};
use super::plan::{Checkpoints, ReadPlan};
use super::refusal::LiveError;
use super::streams::{LiveStream, ShardStart};
use crate::checkpoint::CheckpointRow;

impl ReadPlan {
    /// Where each shard of a stream starts, and those of which nothing is wanted.
    pub(super) async fn starts(
        &self,
        stream: &LiveStream,
        shards: &[ListedShard],
        rows: &BTreeMap<String, CheckpointRow>,
    ) -> Result<(BTreeMap<String, ShardStart>, Vec<String>), LiveError> {
        let all = |start: ShardStart| shards.iter().map(|shard| (shard.id.clone(), start.clone())).collect();
        Ok(match &self.start {
            StartPosition::TrimHorizon => (all(ShardStart::TrimHorizon), Vec::new()),
            StartPosition::AtTimestamp(time) => (all(ShardStart::AtTimestamp(*time)), Vec::new()),
            StartPosition::Latest => apart(shards.iter().map(|shard| (shard, latest(shard)))),
            StartPosition::AtSequenceNumber(number) | StartPosition::AfterSequenceNumber(number) => {
                for shard in shards {
                    self.check_is_there(stream, shard, number).await?;
                }
                let is_at = matches!(self.start, StartPosition::AtSequenceNumber(_));
                (
                    all(if is_at { ShardStart::At(number.clone()) } else { ShardStart::After(number.clone()) }),
                    Vec::new(),
                )
            }
            StartPosition::Checkpoint => self.starts_by_rows(stream, shards, rows).await?,
        })
    }

    async fn starts_by_rows(
        &self,
        stream: &LiveStream,
        shards: &[ListedShard],
        rows: &BTreeMap<String, CheckpointRow>,
    ) -> Result<(BTreeMap<String, ShardStart>, Vec<String>), LiveError> {
        let mut positions = BTreeMap::new();
        for (shard, row) in shards.iter().filter_map(|shard| Some((shard, rows.get(&shard.id)?))) {
            if let Some(position) = self.position(row)? {
                self.check_is_there(stream, shard, &position).await?;
                positions.insert(shard.id.clone(), position);
            }
        }
        let done = done_before(shards, |shard| positions.contains_key(shard));
        let without_row = self.checkpoints.as_ref().map(|checkpoints| checkpoints.without_row).unwrap_or_default();
        let read_before = match without_row {
            StartWithoutRow::TrimHorizon => BTreeSet::new(),
            _ => self.expired_parents_with_a_row(stream, shards, &positions).await?,
        };
        let go_on = go_on_after(shards, |shard| positions.contains_key(shard) || read_before.contains(shard));
        let start = |shard: &ListedShard| match (positions.get(&shard.id), without_row) {
            (Some(position), _) => Some(ShardStart::After(position.clone())),
            // Its parent was read, so it goes on from there: anything else would leave a gap.
            (None, _) if go_on.contains(&shard.id) => Some(ShardStart::TrimHorizon),
            (None, StartWithoutRow::TrimHorizon) => Some(ShardStart::TrimHorizon),
            (None, StartWithoutRow::AtTimestamp(time)) => Some(ShardStart::AtTimestamp(time)),
            (None, StartWithoutRow::Latest) => latest(shard),
        };
        let is_done = |shard: &ListedShard| done.contains(&shard.id);
        Ok(apart(shards.iter().map(|shard| (shard, if is_done(shard) { None } else { start(shard) }))))
    }

    /// Of the parents that the stream does not list any more, those whose row says that they were read.
    async fn expired_parents_with_a_row(
        &self,
        stream: &LiveStream,
        shards: &[ListedShard],
        positions: &BTreeMap<String, String>,
    ) -> Result<BTreeSet<String>, LiveError> {
        let Some(Checkpoints { table, .. }) = &self.checkpoints else { return Ok(BTreeSet::new()) };
        let is_listed = |id: &String| shards.iter().any(|shard| shard.id == *id);
        let without_row = shards.iter().filter(|shard| !positions.contains_key(&shard.id));
        let parents: BTreeSet<&String> =
            without_row.flat_map(|shard| &shard.parents).filter(|parent| !is_listed(parent)).collect();
        let mut read = BTreeSet::new();
        for parent in parents {
            let row = table.read(self.stream_id(stream), parent).await;
            let row = row.map_err(|trouble| LiveError::Table { table: table.name().to_owned(), trouble })?;
            if row.is_some_and(|row| row.position.is_some()) {
                read.insert(parent.clone());
            }
        }
        Ok(read)
    }
}

/// Behind the newest record, where more can come.
fn latest(shard: &ListedShard) -> Option<ShardStart> {
    (!shard.is_closed).then_some(ShardStart::Latest)
}

/// The shards that start somewhere, and those that are left out.
fn apart<'a>(
    shards: impl Iterator<Item = (&'a ListedShard, Option<ShardStart>)>,
) -> (BTreeMap<String, ShardStart>, Vec<String>) {
    let mut starts = BTreeMap::new();
    let mut left_out = Vec::new();
    for (shard, start) in shards {
        match start {
            Some(start) => {
                starts.insert(shard.id.clone(), start);
            }
            None => left_out.push(shard.id.clone()),
        }
    }
    (starts, left_out)
}
