//! Which shards may be read, while shards are split and merged: children after their parents. No I/O.

use std::collections::{BTreeMap, BTreeSet};

/// A shard as the stream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct ListedShard {
    pub(in crate::source) id: String,
    /// One that it was split from, or two that were merged into it. They may be trimmed.
    pub(super) parents: Vec<String>,
    /// Its first sequence number.
    pub(super) first: String,
    /// Whether it takes no more records.
    pub(super) is_closed: bool,
}

/// All shards of a stream that were ever listed.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    shards: BTreeMap<String, ShardNode>,
    /// Those that others came of.
    parents: BTreeSet<String>,
}

#[derive(Debug)]
struct ShardNode {
    listed: ListedShard,
    stage: LineageStage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineageStage {
    /// Its parents are not read to their ends.
    Waits,
    /// It is being read.
    Begun,
    /// It was read as far as it is wanted, and that is before its end.
    Reached,
    /// It was read to its end.
    Ended,
    /// Nothing of it is wanted.
    LeftOut,
}

/// Why a shard that is listed was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotBegun {
    /// Nothing of it is wanted from this start.
    LeftOut,
    /// All of it is later than the end that was asked for: a shard that it came from has records behind that end.
    AfterEnd,
    /// A shard that it came from was not read to its end.
    Waits,
}

impl Lineage {
    /// Takes in what the stream lists. What is known already stays as it is.
    pub(super) fn learn(&mut self, listed: impl IntoIterator<Item = ListedShard>) {
        for listed in listed {
            self.parents.extend(listed.parents.iter().cloned());
            self.shards.entry(listed.id.clone()).or_insert(ShardNode { listed, stage: LineageStage::Waits });
        }
    }

    /// The ids of all shards.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.shards.keys().map(String::as_str)
    }

    /// Whether a shard's children are known. All of them are if one is: a split or a merge makes them at once.
    pub(super) fn has_children(&self, id: &str) -> bool {
        self.parents.contains(id)
    }

    /// A shard of which nothing is wanted.
    pub(super) fn leave_out(&mut self, id: &str) {
        self.set(id, LineageStage::LeftOut);
    }

    /// A shard was read as far as it is wanted, and that is before its end.
    pub(super) fn reached(&mut self, id: &str) {
        self.set(id, LineageStage::Reached);
    }

    /// A shard was read to its end.
    pub(super) fn ended(&mut self, id: &str) {
        self.set(id, LineageStage::Ended);
    }

    /// Takes the shards that may be begun now: those whose parents have ended, or are gone.
    pub(super) fn take_ready(&mut self) -> Vec<String> {
        let is_done = |shard: &ShardNode| matches!(shard.stage, LineageStage::Ended | LineageStage::LeftOut);
        let is_ready = |shard: &ShardNode| {
            shard.stage == LineageStage::Waits
                && shard.listed.parents.iter().all(|parent| self.shards.get(parent).is_none_or(is_done))
        };
        let ready: Vec<String> =
            self.shards.values().filter(|shard| is_ready(shard)).map(|shard| shard.listed.id.clone()).collect();
        ready.iter().for_each(|id| self.set(id, LineageStage::Begun));
        ready
    }

    /// Returns the shards that were never begun, by id, each with the reason.
    pub(super) fn not_begun(&self) -> Vec<(String, NotBegun)> {
        let mut reasons: BTreeMap<&str, NotBegun> = BTreeMap::new();
        // Parents come before their children, since ids rise.
        for (id, shard) in &self.shards {
            let is_after_end = |parent: &String| match self.shards.get(parent).map(|parent| parent.stage) {
                None | Some(LineageStage::Ended | LineageStage::LeftOut | LineageStage::Reached) => true,
                Some(LineageStage::Waits) => reasons.get(parent.as_str()) == Some(&NotBegun::AfterEnd),
                Some(LineageStage::Begun) => false,
            };
            let reason = match shard.stage {
                LineageStage::LeftOut => NotBegun::LeftOut,
                LineageStage::Waits if shard.listed.parents.iter().all(is_after_end) => NotBegun::AfterEnd,
                LineageStage::Waits => NotBegun::Waits,
                LineageStage::Begun | LineageStage::Reached | LineageStage::Ended => continue,
            };
            reasons.insert(id, reason);
        }
        reasons.into_iter().map(|(id, reason)| (id.to_owned(), reason)).collect()
    }

    fn set(&mut self, id: &str, stage: LineageStage) {
        if let Some(shard) = self.shards.get_mut(id) {
            shard.stage = stage;
        }
    }
}

/// Of closed shards without a position of their own: those of which a child has one. Children are begun when their
/// parents are done, so these are.
pub(super) fn done_before(shards: &[ListedShard], has_position: impl Fn(&str) -> bool) -> Vec<String> {
    // Children come after their parents, so that going backwards a child is settled first.
    let mut done: Vec<String> = Vec::new();
    for shard in shards.iter().rev().filter(|shard| shard.is_closed && !has_position(&shard.id)) {
        let mut children = shards.iter().filter(|child| child.parents.contains(&shard.id));
        if children.any(|child| has_position(&child.id) || done.contains(&child.id)) {
            done.push(shard.id.clone());
        }
    }
    done
}

/// The shards that come of one that was read, by whatever number of splits and merges.
pub(super) fn go_on_after(shards: &[ListedShard], was_read: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut go_on = BTreeSet::new();
    // Parents come before their children.
    for shard in shards {
        if shard.parents.iter().any(|parent| was_read(parent) || go_on.contains(parent)) {
            go_on.insert(shard.id.clone());
        }
    }
    go_on
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shard(id: &str, parents: &[&str], is_closed: bool) -> ListedShard {
        let parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
        ListedShard { id: id.to_owned(), parents, first: "0".to_owned(), is_closed }
    }

    #[test]
    fn children_begin_when_their_parents_have_ended() {
        let mut lineage = Lineage::default();
        lineage.learn([shard("0", &[], true), shard("1", &[], false), shard("2", &["0"], false)]);
        assert_eq!(lineage.take_ready(), ["0", "1"]);
        assert!(lineage.has_children("0") && !lineage.has_children("1"));
        assert!(lineage.take_ready().is_empty());
        lineage.ended("0");
        assert_eq!(lineage.take_ready(), ["2"]);
    }

    #[test]
    fn what_comes_of_a_shard_that_was_read_goes_on_from_it() {
        let shards =
            [shard("0", &["gone"], true), shard("1", &[], true), shard("2", &["0"], false), shard("3", &["1"], false)];
        let go_on = |read: &str| go_on_after(&shards, |shard| shard == read).into_iter().collect::<Vec<_>>();
        assert_eq!(go_on("gone"), ["0", "2"]);
        assert_eq!(go_on("1"), ["3"]);
        assert!(go_on("3").is_empty());
    }

    #[test]
    fn a_merged_shard_waits_for_both_of_its_parents() {
        let mut lineage = Lineage::default();
        lineage.learn([shard("0", &[], false), shard("1", &[], false)]);
        lineage.take_ready();
        lineage.learn([shard("0", &[], true), shard("1", &[], true), shard("2", &["0", "1"], false)]);
        lineage.ended("1");
        assert!(lineage.take_ready().is_empty());
        lineage.ended("0");
        assert_eq!(lineage.take_ready(), ["2"]);
    }

    #[test]
    fn parents_that_are_trimmed_or_left_out_are_not_waited_for() {
        let mut lineage = Lineage::default();
        lineage.learn([shard("4", &["1", "2"], true), shard("5", &["4"], false)]);
        lineage.leave_out("4");
        assert_eq!(lineage.take_ready(), ["5"]);
    }

    #[test]
    fn each_shard_that_was_not_begun_has_its_reason() {
        let mut lineage = Lineage::default();
        let parents: [(&str, &[&str]); 7] =
            [("0", &[]), ("1", &[]), ("2", &[]), ("3", &["0"]), ("4", &["3"]), ("5", &["0", "1"]), ("6", &["2"])];
        lineage.learn(parents.map(|(id, parents)| shard(id, parents, true)));
        lineage.leave_out("2");
        assert_eq!(lineage.take_ready(), ["0", "1", "6"]);
        // The first has records behind the end, the second was stopped at.
        lineage.reached("0");
        let not_begun = lineage.not_begun();
        let reasons: Vec<(&str, NotBegun)> = not_begun.iter().map(|(id, reason)| (id.as_str(), *reason)).collect();
        let expected =
            [("2", NotBegun::LeftOut), ("3", NotBegun::AfterEnd), ("4", NotBegun::AfterEnd), ("5", NotBegun::Waits)];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn a_closed_shard_is_done_where_a_descendant_has_a_position() {
        let shards = [
            shard("0", &[], true),
            shard("1", &["0"], true),
            shard("2", &["0"], false),
            shard("3", &["1"], false),
            shard("4", &[], true),
            shard("5", &["4"], false),
        ];
        assert_eq!(done_before(&shards, |id| id == "3"), ["1", "0"]);
        assert!(done_before(&shards, |id| id == "4").is_empty());
        assert!(done_before(&shards, |_| false).is_empty());
    }

    proptest! {
        /// Splits and merges at random: whatever order shards end in, each begins once, and after all of its parents.
        #[test]
        fn each_shard_is_begun_once_and_after_its_parents(
            parents in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..40),
            order in prop::collection::vec(any::<prop::sample::Index>(), 40),
        ) {
            let shards: Vec<ListedShard> = parents.iter().enumerate().map(|(index, parents)| {
                let parents: Vec<String> = parents.iter().filter(|_| index > 0)
                    .map(|parent| format!("{:03}", parent.index(index))).collect();
                ListedShard { id: format!("{index:03}"), parents, first: String::new(), is_closed: true }
            }).collect();
            let mut lineage = Lineage::default();
            lineage.learn(shards.clone());
            let (mut ended, mut running): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
            for pick in order {
                for id in lineage.take_ready() {
                    let shard = shards.iter().find(|shard| shard.id == id).expect("a shard");
                    prop_assert!(shard.parents.iter().all(|parent| ended.contains(parent)), "{} is early", id);
                    prop_assert!(!running.contains(&id) && !ended.contains(&id), "{} is begun twice", id);
                    running.push(id);
                }
                if !running.is_empty() {
                    let id = running.remove(pick.index(running.len()));
                    lineage.ended(&id);
                    ended.push(id);
                }
            }
            prop_assert_eq!(ended.len(), shards.len());
        }
    }
}
