//! All shards of a run together.

use std::time::Duration;

use crate::processor::Counts;
use crate::source::live::{ShardStage, ShardView};

/// What a run did, over all of its shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Totals {
    /// What became of the records.
    pub(super) counts: Counts,
    /// Records that the rules gave up.
    pub(super) discarded: u64,
    /// Reads that were refused since the shards' consumers read too much together.
    pub(super) throttled: u64,
    /// Bytes that were read.
    pub(super) read_bytes: u64,
    /// How far the shard is behind that is furthest; none: of one of them that is not known yet.
    pub(super) behind: Option<Duration>,
    /// The same of what is read, whether or not it is acknowledged.
    pub(super) reader_behind: Option<Duration>,
}

impl Totals {
    /// Adds up these shards.
    pub(super) fn of(shards: &[ShardView]) -> Self {
        let mut counts = Counts::default();
        shards.iter().for_each(|shard| counts += &shard.counts);
        Self {
            counts,
            discarded: shards.iter().map(|shard| shard.discarded).sum(),
            throttled: shards.iter().map(|shard| shard.throttled).sum(),
            read_bytes: shards.iter().map(|shard| shard.read_bytes).sum(),
            behind: furthest(shards, |shard| shard.behind),
            reader_behind: furthest(shards, |shard| shard.reader_behind),
        }
    }
}

/// How far the shard is behind that is furthest of those that were begun; none: of one of them that is not known.
fn furthest(shards: &[ShardView], behind: impl Fn(&ShardView) -> Option<Duration>) -> Option<Duration> {
    let is_begun = |shard: &&ShardView| match shard.stage {
        ShardStage::Reading | ShardStage::Ended | ShardStage::Reached | ShardStage::Stopped => true,
        ShardStage::Elsewhere | ShardStage::LeftOut | ShardStage::AfterEnd | ShardStage::NotBegun => false,
    };
    shards.iter().filter(is_begun).try_fold(Duration::ZERO, |most, shard| behind(shard).map(|behind| most.max(behind)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dead_letter::DeadLetterKind;
    use crate::event::Shard;

    /// A shard whose records came to everything that they can, each fate another number of them.
    pub(in crate::cli::run) fn shard_of_all_fates() -> ShardView {
        let mut shard = ShardView::begun(Shard { stream_arn: "arn".to_owned(), id: "shardId-000000000000".to_owned() });
        shard.counts = Counts {
            records: 0b111_1111_1111,
            kept: 1,
            dropped: 1 << 1,
            folded: 1 << 2,
            emitted: 1 << 3,
            dead_lettered: [(DeadLetterKind::Rejected, 1 << 4), (DeadLetterKind::Trap, 1 << 5)].into(),
            control: 1 << 6,
            skipped: 1 << 7,
            discarded: 1 << 10,
            unacknowledged: (1 << 8) + (1 << 9),
            ..Counts::default()
        };
        shard.discarded = 5;
        shard
    }

    /// What of its records is acknowledged.
    pub(in crate::cli::run) const ACKNOWLEDGED: u64 = 0b100_1111_1111;

    #[test]
    fn a_run_that_was_stopped_is_as_far_behind_as_it_was_left() {
        let shard = |stage, behind: Option<u64>| {
            let mut shard = shard_of_all_fates();
            (shard.stage, shard.behind) = (stage, behind.map(Duration::from_secs));
            shard
        };
        let behind = |shards: &[ShardView]| Totals::of(shards).behind;
        let (ended, stopped) = (shard(ShardStage::Ended, Some(0)), shard(ShardStage::Stopped, Some(7)));
        assert_eq!(behind(&[ended.clone(), stopped, shard(ShardStage::LeftOut, None)]), Some(Duration::from_secs(7)));
        assert_eq!(behind(&[ended, shard(ShardStage::Reading, None)]), None);
    }

    #[test]
    fn shards_add_up() {
        let totals = Totals::of(&[shard_of_all_fates(), shard_of_all_fates()]);
        assert_eq!(totals.counts.acknowledged(), 2 * ACKNOWLEDGED);
        assert_eq!(totals.counts.acknowledged() + totals.counts.unacknowledged, totals.counts.records);
        assert_eq!(totals.discarded, 10);
        assert_eq!(Totals::of(&[]).counts, Counts::default());
    }
}
