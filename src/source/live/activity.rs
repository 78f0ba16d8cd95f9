//! What a shard is at right now, and since when: a request or a batch under way tells nothing of itself before it ends.

use std::time::{Duration, Instant};

/// What is being done with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchStage {
    /// It is with the transform, or what came of it is with the targets.
    Processing,
    /// It is given up, and its description is with the target of `--on-failure`.
    Describing,
    /// Its position is on its way into the checkpoint table.
    Committing,
}

/// A batch that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchUnderWay {
    /// What is being done with it.
    pub stage: BatchStage,
    /// For how long.
    pub since: Duration,
    /// How long ago its first try began.
    pub begun: Duration,
}

/// What a shard is at.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity {
    asked_at: Option<Instant>,
    lanes: Vec<Option<LaneActivity>>,
}

/// What a lane is at with its batch.
#[derive(Debug, Clone, Copy)]
struct LaneActivity {
    stage: BatchStage,
    since: Instant,
    begun_at: Instant,
}

impl Activity {
    /// The stream is asked for records, or it has answered.
    pub(super) fn asks(&mut self, is_asking: bool) {
        self.asked_at = is_asking.then(|| self.asked_at.unwrap_or_else(Instant::now));
    }

    /// How long the stream has owed an answer; none: it owes none.
    pub(super) fn asking(&self) -> Option<Duration> {
        self.asked_at.map(|at| at.elapsed())
    }

    /// A lane begins to do this with its batch; none: it has no batch.
    pub(super) fn lane_is_at(&mut self, lane: usize, stage: Option<BatchStage>) {
        if self.lanes.len() <= lane {
            self.lanes.resize(lane + 1, None);
        }
        let before = self.lanes[lane];
        self.lanes[lane] = stage.map(|stage| {
            let now = Instant::now();
            let since = before.filter(|before| before.stage == stage).map_or(now, |before| before.since);
            LaneActivity { stage, since, begun_at: before.map_or(now, |before| before.begun_at) }
        });
    }

    /// All batches that are under way.
    pub(super) fn batches(&self) -> Vec<BatchUnderWay> {
        let lanes = self.lanes.iter().flatten();
        let seen = |lane: &LaneActivity| BatchUnderWay {
            stage: lane.stage,
            since: lane.since.elapsed(),
            begun: lane.begun_at.elapsed(),
        };
        lanes.map(seen).collect()
    }
}
