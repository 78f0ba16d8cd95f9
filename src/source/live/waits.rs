//! What a run waits for, and since when: a run that stands still says so long before anything fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::activity::BatchStage;
use super::statuses::{CommitOutcome, ShardStage, ShardStatuses, ShardView};
use crate::processor::Destinations;
use crate::sink::{Sink, TargetWait};

/// A read that is not answered for so long is late: a shard that has nothing new answers at once, and by enhanced fan-out
/// every few seconds.
const LATE_READ: Duration = Duration::from_secs(15);

/// What can be waited for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwaitedPart {
    /// A target, by its ARN or as it is called in the settings.
    Target(String),
    /// The transform.
    Transform,
    /// The answer to a read.
    Stream,
    /// The checkpoint table.
    CheckpointTable,
}

impl AwaitedPart {
    /// The word for it, in reports for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            AwaitedPart::Target(_) => "target",
            AwaitedPart::Transform => "transform",
            AwaitedPart::Stream => "stream",
            AwaitedPart::CheckpointTable => "checkpoint-table",
        }
    }

    /// All words for it.
    pub const WORDS: [&'static str; 4] = ["target", "transform", "stream", "checkpoint-table"];
}

impl fmt::Display for AwaitedPart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AwaitedPart::Target(target) => formatter.write_str(target),
            AwaitedPart::Transform => formatter.write_str("the transform"),
            AwaitedPart::Stream => formatter.write_str("the stream"),
            AwaitedPart::CheckpointTable => formatter.write_str("the checkpoint table"),
        }
    }
}

/// Something that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What.
    pub on: AwaitedPart,
    /// For how long.
    pub since: Duration,
    /// The ids of the shards that wait for it, in the order in which they were begun.
    pub shards: Vec<String>,
    /// How many requests to it have failed meanwhile, as far as that is counted.
    pub failures: u64,
    /// What it said last; none: nothing.
    pub reason: Option<String>,
    /// The service's code, where what it said last stays until somebody changes something.
    pub lasting_error: Option<String>,
}

impl fmt::Display for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "waiting for {} for {} s", self.on, self.since.as_secs())?;
        match &self.shards[..] {
            [] => {}
            [shard] => write!(formatter, " ({shard})")?,
            shards => write!(formatter, " ({} shards)", shards.len())?,
        }
        match (self.failures, &self.reason) {
            (0, Some(reason)) => write!(formatter, ": {reason}"),
            (1, Some(reason)) => write!(formatter, ": 1 request failed: {reason}"),
            (count, Some(reason)) => write!(formatter, ": {count} requests failed, the last one: {reason}"),
            (_, None) => formatter.write_str(": it does not answer"),
        }
    }
}

/// Looks at a run that is under way.
#[derive(Clone)]
pub struct RunWatch {
    /// How far the shards are.
    pub statuses: Arc<ShardStatuses>,
    /// Where what comes of batches goes.
    pub destinations: Destinations,
    /// Where descriptions of given-up records go, if that is asked for.
    pub on_failure: Option<Arc<dyn Sink>>,
    /// Whether a pace is kept: then a batch takes its time with the transform.
    pub has_pace: bool,
    /// How long what is in flight may take at the end.
    pub grace: Duration,
}

impl RunWatch {
    /// What has been waited for at least so long, what is waited for longest first.
    pub fn waits(&self, shards: &[ShardView], least: Duration) -> Vec<Wait> {
        let mut targets = self.destinations.waits();
        targets.extend(self.on_failure.iter().filter_map(|sink| sink.health()?.wait()));
        let mut waits = waits(shards, targets, least);
        waits.retain(|wait| wait.on != AwaitedPart::Transform || !self.has_pace);
        waits
    }
}

/// What shards have waited for at least so long.
fn waits(shards: &[ShardView], targets: Vec<TargetWait>, least: Duration) -> Vec<Wait> {
    let mut waits = Vec::new();
    let reading: Vec<&ShardView> = shards.iter().filter(|shard| shard.stage == ShardStage::Reading).collect();
    let at = |stages: &[BatchStage]| -> (Vec<&ShardView>, Duration) {
        let waits_for = |shard: &&&ShardView| longest(shard, stages).is_some_and(|since| since >= least);
        let waiting: Vec<&ShardView> = reading.iter().filter(waits_for).copied().collect();
        let since = waiting.iter().filter_map(|shard| longest(shard, stages)).max().unwrap_or_default();
        (waiting, since)
    };
    // Since its first try: a batch that is tried again and again waits all the while.
    let has_been_busy = |shard: &&&ShardView| {
        let mut batches = shard.under_way.iter().filter(|batch| batch.stage != BatchStage::Committing);
        batches.any(|batch| batch.begun >= least)
    };
    let busy: Vec<&ShardView> = reading.iter().filter(has_been_busy).copied().collect();
    let mut is_for_a_target = false;
    // What is known of a target of which nobody waits for a batch is of the past.
    if reading.iter().any(|shard| !shard.under_way.is_empty()) {
        for TargetWait { target, waiting, failures, reason, lasting_error } in targets {
            if waiting >= least {
                is_for_a_target = true;
                waits.push(Wait {
                    on: AwaitedPart::Target(target),
                    since: waiting,
                    shards: ids(&busy),
                    failures,
                    reason: reason.map(|reason| reason.to_string()),
                    lasting_error: lasting_error.map(|code| code.to_string()),
                });
            }
        }
    }
    // One that is blocked is shown as that.
    let (with_transform, since) = at(&[BatchStage::Processing]);
    let with_transform: Vec<&ShardView> = with_transform.into_iter().filter(|shard| shard.stuck.is_none()).collect();
    if !is_for_a_target && !with_transform.is_empty() {
        waits.push(Wait { on: AwaitedPart::Transform, since, shards: ids(&with_transform), ..Wait::nothing_said() });
    }
    let (committing, since) = at(&[BatchStage::Committing]);
    if !committing.is_empty() {
        let reason = committing.iter().find_map(|shard| match &shard.commit {
            CommitOutcome::Failed(kind) => Some((*kind).to_owned()),
            CommitOutcome::None | CommitOutcome::At(_) => None,
        });
        let shards = ids(&committing);
        waits.push(Wait { on: AwaitedPart::CheckpointTable, since, shards, reason, ..Wait::nothing_said() });
    }
    waits.extend(stream_wait(shards, least));
    waits.sort_by_key(|wait| std::cmp::Reverse(wait.since));
    waits
}

/// How long the stream has owed the answers to reads, if that is at least so long.
pub fn stream_wait(shards: &[ShardView], least: Duration) -> Option<Wait> {
    let late = |shard: &&ShardView| {
        let least = if shard.trouble.is_some() { least } else { least.max(LATE_READ) };
        shard.stage == ShardStage::Reading && shard.asking.is_some_and(|asking| asking >= least)
    };
    let unread: Vec<&ShardView> = shards.iter().filter(late).collect();
    let since = unread.iter().filter_map(|shard| shard.asking).max()?;
    let reason = unread.iter().find_map(|shard| shard.trouble.clone());
    Some(Wait { on: AwaitedPart::Stream, since, shards: ids(&unread), reason, ..Wait::nothing_said() })
}

/// How long a shard has had a batch in one of these stages.
fn longest(shard: &ShardView, stages: &[BatchStage]) -> Option<Duration> {
    shard.under_way.iter().filter(|batch| stages.contains(&batch.stage)).map(|batch| batch.since).max()
}

fn ids(shards: &[&ShardView]) -> Vec<String> {
    shards.iter().map(|shard| shard.shard.id.clone()).collect()
}

impl Wait {
    /// A wait for something that says nothing.
    fn nothing_said() -> Self {
        Self {
            on: AwaitedPart::Transform,
            since: Duration::ZERO,
            shards: Vec::new(),
            failures: 0,
            reason: None,
            lasting_error: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Shard;
    use crate::source::live::BatchUnderWay;

    const LEAST: Duration = Duration::from_secs(3);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn shard(id: &str, under_way: &[(BatchStage, u64)]) -> ShardView {
        let mut shard = ShardView::begun(Shard { stream_arn: "arn".to_owned(), id: id.to_owned() });
        shard.under_way = under_way
            .iter()
            .map(|(stage, since)| BatchUnderWay { stage: *stage, since: seconds(*since), begun: seconds(*since) })
            .collect();
        shard
    }

    fn said(shards: &[ShardView], targets: &[TargetWait]) -> Vec<String> {
        waits(shards, targets.to_vec(), LEAST).iter().map(ToString::to_string).collect()
    }

    fn target(waiting: u64, failures: u64, reason: Option<&str>) -> TargetWait {
        TargetWait {
            target: "out".to_owned(),
            waiting: seconds(waiting),
            failures,
            reason: reason.map(Arc::from),
            lasting_error: None,
        }
    }

    #[test]
    fn what_is_under_way_for_a_moment_is_not_waited_for() {
        let busy = shard("a", &[(BatchStage::Processing, 2)]);
        assert!(said(&[busy], &[target(2, 0, None)]).is_empty());
        // Of a target that refused what nobody wants any more, nothing is to be said.
        assert!(said(&[shard("a", &[])], &[target(99, 7, Some("no"))]).is_empty());
    }

    #[test]
    fn a_target_is_named_with_what_it_says() {
        let shards = [shard("a", &[(BatchStage::Processing, 9)]), shard("b", &[(BatchStage::Describing, 4)])];
        assert_eq!(
            said(&shards, &[target(26, 12, Some("Throttled: later"))]),
            ["waiting for out for 26 s (2 shards): 12 requests failed, the last one: Throttled: later"]
        );
        assert_eq!(said(&shards[..1], &[target(26, 0, None)]), ["waiting for out for 26 s (a): it does not answer"]);
    }

    #[test]
    fn with_targets_that_take_everything_it_is_the_transform() {
        let mut shards = [shard("a", &[(BatchStage::Processing, 9)])];
        assert_eq!(said(&shards, &[]), ["waiting for the transform for 9 s (a): it does not answer"]);
        shards[0].stage = ShardStage::Stopped;
        assert!(said(&shards, &[]).is_empty());
    }

    #[test]
    fn reads_and_commits_are_waited_for_as_well() {
        let mut shards = [shard("a", &[]), shard("b", &[(BatchStage::Committing, 5)])];
        shards[1].commit = CommitOutcome::Failed("denied");
        shards[0].asking = Some(seconds(10));
        assert_eq!(said(&shards, &[]), ["waiting for the checkpoint table for 5 s (b): denied"]);
        shards[0].trouble = Some("throttled".to_owned());
        assert_eq!(said(&shards, &[])[0], "waiting for the stream for 10 s (a): throttled");
        shards[0].trouble = None;
        shards[0].asking = Some(seconds(20));
        assert_eq!(said(&shards, &[])[0], "waiting for the stream for 20 s (a): it does not answer");
    }

    #[test]
    fn every_part_has_its_word() {
        let parts = [
            AwaitedPart::Target(String::new()),
            AwaitedPart::Transform,
            AwaitedPart::Stream,
            AwaitedPart::CheckpointTable,
        ];
        assert_eq!(parts.each_ref().map(AwaitedPart::as_str), AwaitedPart::WORDS);
    }
}
