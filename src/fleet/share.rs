//! Which shards a member wants from others, so that each carries as much.
//!
//! Each member counts what the rows say that the others carry. It wants a shard from whoever carries more than it would with that
//! shard, by half a shard's weight at least: what is gained by less is not worth the move, and loads change.

use std::collections::{BTreeMap, BTreeSet};

use super::row::{ShardKey, WEIGHT_OF_IDLE};

/// A shard that somebody has.
#[derive(Debug, Clone)]
pub(super) struct HeldShard {
    pub(super) key: ShardKey,
    pub(super) client: String,
    pub(super) weight: u64,
    pub(super) manner: HandOver,
}

/// How a shard can be had from its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandOver {
    /// It is asked for.
    Asked,
    /// It is taken: its holder knows no other way.
    Taken,
    /// Not at all.
    Never,
}

/// How much less than another one a member has to carry, with the shard, before it is worth the move.
pub(super) fn least_gain(held: &[HeldShard]) -> u64 {
    let total: u64 = held.iter().map(|shard| shard.weight).sum();
    (total / 2).checked_div(held.len() as u64).unwrap_or(WEIGHT_OF_IDLE / 2).max(1)
}

/// What each client carries.
#[derive(Debug)]
pub(super) struct CarriedWeights {
    weights: BTreeMap<String, u64>,
    least_gain: u64,
}

impl CarriedWeights {
    pub(super) fn of(held: &[HeldShard]) -> Self {
        let mut weights = BTreeMap::new();
        for shard in held {
            *weights.entry(shard.client.clone()).or_default() += shard.weight;
        }
        Self { weights, least_gain: least_gain(held) }
    }

    /// Whether a shard goes to the client that asks for it: while that carries less, and would with it. Then it counts for that
    /// client. It takes somewhat less than what makes one ask: the two may have looked at different times.
    pub(super) fn grants(&mut self, owner: &str, asker: &str, weight: u64) -> bool {
        let carried = |client: &str| self.weights.get(client).copied().unwrap_or_default();
        let (mine, theirs) = (carried(owner), carried(asker));
        let is_granted = theirs + weight + self.least_gain / 2 <= mine;
        if is_granted {
            self.weights.insert(owner.to_owned(), mine.saturating_sub(weight));
            self.weights.insert(asker.to_owned(), theirs + weight);
        }
        is_granted
    }
}

/// The shards that `me` wants, of those that others hold. The order of `held` decides between those that are alike.
pub(super) fn wanted(me: &str, held: &[HeldShard]) -> Vec<(ShardKey, HandOver)> {
    let gain = least_gain(held);
    let mut carries: BTreeMap<&str, u64> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut movable: BTreeMap<&str, Vec<&HeldShard>> = BTreeMap::new();
    for shard in held {
        *carries.entry(&shard.client).or_default() += shard.weight;
        *counts.entry(&shard.client).or_default() += 1;
        if shard.client != me && shard.manner != HandOver::Never {
            movable.entry(&shard.client).or_default().push(shard);
        }
    }
    movable.values_mut().for_each(|shards| shards.sort_by_key(|shard| shard.weight));
    let mut mine = carries.get(me).copied().unwrap_or_default();
    let mut my_count = counts.get(me).copied().unwrap_or_default();
    let mut victims: BTreeSet<(u64, &str)> = movable.keys().map(|client| (carries[client], *client)).collect();
    let mut wanted = Vec::new();
    let mut is_robbed = false;
    while let Some((carried, victim)) = victims.pop_last() {
        let Some(shards) = movable.get_mut(victim) else { continue };
        // The heaviest that brings the two nearer to each other.
        let fitting = shards.partition_point(|shard| mine + shard.weight + gain <= carried);
        let Some(index) = fitting.checked_sub(1) else { continue };
        let shard = shards.remove(index);
        if shard.manner == HandOver::Taken {
            // As among themselves: one at a time, and by number.
            if is_robbed || counts[victim] < my_count + 2 {
                continue;
            }
            is_robbed = true;
        }
        wanted.push((shard.key.clone(), shard.manner));
        mine += shard.weight;
        my_count += 1;
        victims.insert((carried - shard.weight, victim));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(client: &str, index: usize, weight: u64, manner: HandOver) -> HeldShard {
        let key = ShardKey { stream: "s".into(), shard: format!("{client}-{index}").into() };
        HeldShard { key, client: client.to_owned(), weight, manner }
    }

    fn alike(client: &str, count: usize, manner: HandOver) -> Vec<HeldShard> {
        (0..count).map(|index| held(client, index, WEIGHT_OF_IDLE, manner)).collect()
    }

    #[test]
    fn who_has_nothing_wants_its_whole_share_at_once() {
        for (shards, expected) in [(1, 0), (2, 1), (8, 4), (64, 32), (65, 32), (10_000, 5_000)] {
            assert_eq!(wanted("b", &alike("a", shards, HandOver::Asked)).len(), expected, "{shards}");
        }
    }

    #[test]
    fn from_clients_of_another_kind_one_is_taken_at_a_time() {
        assert_eq!(wanted("b", &alike("a", 9, HandOver::Taken)).len(), 1);
        assert_eq!(wanted("b", &alike("a", 1, HandOver::Taken)).len(), 0);
        assert_eq!(wanted("b", &alike("a", 9, HandOver::Never)).len(), 0);
    }

    #[test]
    fn a_hot_shard_counts_for_more_than_idle_ones() {
        let mut shards = alike("a", 4, HandOver::Asked);
        shards.push(held("a", 9, 9000, HandOver::Asked));
        // 13,000 in all: the hot one alone would make it 9 to 4, and four idle ones the same the other way round.
        let wanted = wanted("b", &shards);
        let keys: Vec<&str> = wanted.iter().map(|(key, _)| &*key.shard).collect();
        assert!(keys == ["a-9"] || keys.len() == 4, "{keys:?}");
    }

    proptest! {
        /// Whatever the weights: once members took what they want in turns, nobody wants anything, and it takes few turns.
        #[test]
        fn it_comes_to_rest(weights in proptest::collection::vec(1000u64..9000, 0..60), members in 1usize..7) {
            let mut all: Vec<HeldShard> =
                weights.iter().enumerate().map(|(index, weight)| held("0", index, *weight, HandOver::Asked)).collect();
            let mut rounds = 0;
            loop {
                let mut has_moved = false;
                for member in 0..members {
                    let me = member.to_string();
                    for (key, _) in wanted(&me, &all) {
                        has_moved = true;
                        all.iter_mut().filter(|shard| shard.key == key).for_each(|shard| shard.client.clone_from(&me));
                    }
                }
                if !has_moved {
                    break;
                }
                rounds += 1;
                prop_assert!(rounds < 20);
            }
            let carries = |member: usize| -> u64 {
                all.iter().filter(|shard| shard.client == member.to_string()).map(|shard| shard.weight).sum()
            };
            let (least, most) = ((0..members).map(carries).min(), (0..members).map(carries).max());
            let lightest = all.iter().map(|shard| shard.weight).max().unwrap_or_default();
            let gap = most.unwrap_or_default() - least.unwrap_or_default();
            prop_assert!(gap <= lightest + least_gain(&all), "{gap}");
        }
    }
}
