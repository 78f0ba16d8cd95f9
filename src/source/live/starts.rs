//! Where each shard starts.

use std::collections::{BTreeMap, BTreeSet};

use super::bounds::{StartPosition, StartWithoutRow};
use super::lineage::{ListedShard, done_before, go_on_after};
use super::plan::{Checkpoints, ReadPlan, StartByRow};
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
        let mut by_row = BTreeMap::new();
        for (shard, row) in shards.iter().filter_map(|shard| Some((shard, rows.get(&shard.id)?))) {
            let Some(start) = self.start_by(row)? else { continue };
            if let StartByRow::Position(ShardStart::At(number) | ShardStart::After(number)) = &start {
                self.check_is_there(stream, shard, number).await?;
            }
            by_row.insert(shard.id.clone(), start);
        }
        let is_begun = |shard: &str| by_row.get(shard).is_some_and(|start| !matches!(start, StartByRow::Beginning(_)));
        let done = done_before(shards, is_begun);
        let without_row = self.checkpoints.as_ref().map(|checkpoints| checkpoints.without_row).unwrap_or_default();
        let read_before = match without_row {
            StartWithoutRow::TrimHorizon => BTreeSet::new(),
            _ => self.expired_parents_with_a_row(stream, shards, &by_row).await?,
        };
        let go_on = go_on_after(shards, |shard| by_row.contains_key(shard) || read_before.contains(shard));
        let start = |shard: &ListedShard| match (by_row.get(&shard.id), without_row) {
            (Some(StartByRow::Drained), _) => None,
            (Some(StartByRow::Position(start) | StartByRow::Beginning(start)), _) => Some(start.clone()),
            // Its parent was read, so it goes on from there: anything else would leave a gap.
            (None, _) if go_on.contains(&shard.id) => Some(ShardStart::TrimHorizon),
            (None, StartWithoutRow::TrimHorizon) => Some(ShardStart::TrimHorizon),
            (None, StartWithoutRow::AtTimestamp(time)) => Some(ShardStart::AtTimestamp(time)),
            (None, StartWithoutRow::Latest) => latest(shard),
        };
        let is_done = |shard: &ListedShard| done.contains(&shard.id) && !by_row.contains_key(&shard.id);
        Ok(apart(shards.iter().map(|shard| (shard, if is_done(shard) { None } else { start(shard) }))))
    }

    /// Of the parents that the stream does not list any more, those whose row says that they were read.
    async fn expired_parents_with_a_row(
        &self,
        stream: &LiveStream,
        shards: &[ListedShard],
        by_row: &BTreeMap<String, StartByRow>,
    ) -> Result<BTreeSet<String>, LiveError> {
        let Some(Checkpoints { table, .. }) = &self.checkpoints else { return Ok(BTreeSet::new()) };
        let is_listed = |id: &String| shards.iter().any(|shard| shard.id == *id);
        let without_row = shards.iter().filter(|shard| !by_row.contains_key(&shard.id));
        let parents: BTreeSet<&String> =
            without_row.flat_map(|shard| &shard.parents).filter(|parent| !is_listed(parent)).collect();
        let mut read = BTreeSet::new();
        for parent in parents {
            let row = table.read(self.stream_id(stream), parent).await;
            let row = row.map_err(|trouble| LiveError::Table { table: table.name().to_owned(), trouble })?;
            if row.is_some_and(|row| row.position.is_some() || row.resume_point().is_ok_and(|point| point.is_some())) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::StartAt;
    use crate::event::Position;
    use crate::source::live::ReadOptions;
    use crate::timestamp::now_millis;

    #[test]
    fn a_row_says_where_its_shard_starts() {
        let plan = ReadPlan::of_reading(Vec::new(), StartPosition::Checkpoint, None, ReadOptions::default());
        let start = |row: CheckpointRow| plan.start_by(&row).expect("a start");
        let row = CheckpointRow::default;
        assert_eq!(start(row()), None);
        let position = || Some("7".to_owned());
        let after = StartByRow::Position(ShardStart::After("7".to_owned()));
        assert_eq!(start(CheckpointRow { position: position(), ..row() }), Some(after.clone()));
        let broken_off_at = || Some(Position::new("9", 4).expect("a position"));
        let at = StartByRow::Position(ShardStart::At("9".to_owned()));
        assert_eq!(start(CheckpointRow { broken_off_at: broken_off_at(), ..row() }), Some(at));
        // A position is the surer of the two.
        let both = CheckpointRow { position: position(), broken_off_at: broken_off_at(), ..row() };
        assert_eq!(start(both), Some(after));
        let drained = CheckpointRow { position: position(), is_drained: true, ..row() };
        assert_eq!(start(drained), Some(StartByRow::Drained));
        let oldest = CheckpointRow { start_at: Some(StartAt::TrimHorizon), ..row() };
        assert_eq!(start(oldest), Some(StartByRow::Beginning(ShardStart::TrimHorizon)));
        let to_come = CheckpointRow { start_at: Some(StartAt::AtTimestamp(u64::MAX)), ..row() };
        let Some(StartByRow::Beginning(ShardStart::AtTimestamp(time))) = start(to_come) else { panic!("no time") };
        assert!(time <= now_millis(), "the service takes no time to come");
        // To start elsewhere could leave records out: the service refuses it.
        let strange = CheckpointRow { position: Some("x".to_owned()), ..row() };
        assert_eq!(start(strange), Some(StartByRow::Position(ShardStart::After("x".to_owned()))));
    }
}
