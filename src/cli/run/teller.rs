//! Says how a run over streams goes: a live view on a terminal, plain lines or JSON elsewhere.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::view::{Ending, View};
use crate::cli::foreign::plain;
use crate::cli::interrupt::Interrupt;
use crate::cli::print_json;
use crate::cli::progress::Progress;
use crate::processor::Counts;
use crate::sink::Samples;
use crate::source::live::{Board, Commit, LiveError, ShardView};

/// Between two lines, and the span of what is said to be done in a second.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Between two looks of a person.
const BETWEEN_VIEWS: Duration = Duration::from_millis(500);

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// For a person.
    Text,
    /// An object a line, on standard output.
    Json,
}

/// Says how a run goes.
pub(super) struct Teller {
    manner: Manner,
    progress: Progress,
    board: Arc<Board>,
    samples: Option<Arc<Samples>>,
    started: Instant,
    /// What was done at each of the last times.
    past: VecDeque<Moment>,
}

/// What was done up to a time.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Instant,
    records: u64,
    bytes: u64,
}

/// What a run did in the last few seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) records: f64,
    pub(super) bytes: f64,
}

impl Teller {
    pub(super) fn new(manner: Manner, progress: Progress, board: Arc<Board>, samples: Option<Arc<Samples>>) -> Self {
        let started = Instant::now();
        let past = VecDeque::from([Moment { at: started, records: 0, bytes: 0 }]);
        Self { manner, progress, board, samples, started, past }
    }

    /// How often it is worth saying.
    pub(super) fn period(&self) -> Duration {
        if self.progress.is_visible() { BETWEEN_VIEWS } else { BETWEEN_LINES }
    }

    /// Says how it goes now.
    pub(super) fn tell(&mut self) {
        let shards = self.board.views();
        let rate = self.rate(&shards);
        if self.manner == Manner::Json {
            return write_line(&self.object("progress", &shards, rate));
        }
        let view = View { shards: &shards, rate };
        if self.progress.is_visible() {
            let samples = self.samples.as_ref().map(|samples| samples.last()).unwrap_or_default();
            let samples = samples.iter().map(|sample| sample_line(&sample.partition_key, &sample.text));
            let lines: Vec<String> = view.lines().into_iter().chain(samples).collect();
            return self.progress.show(lines.join("\n"));
        }
        self.progress.say(&view.line());
        view.remarks().iter().for_each(|remark| self.progress.say(remark));
        for sample in self.samples.as_ref().map(|samples| samples.take()).unwrap_or_default() {
            self.progress.say(&sample_line(&sample.partition_key, &sample.text));
        }
    }

    /// Listens to Ctrl-C from now on.
    pub(super) fn interrupt(&self) -> Interrupt {
        Interrupt::listen(&self.progress, "stopping: what is in flight comes to its end")
    }

    /// The last word: what became of the records, and where each shard was left.
    pub(super) fn end(&mut self, commits: bool, error: Option<&LiveError>) {
        let shards = self.board.views();
        let elapsed = self.started.elapsed();
        self.progress.finish();
        if self.manner == Manner::Json {
            let all = Rate { records: per_second(done(&total(&shards)), elapsed), bytes: 0.0 };
            let mut object = self.object("end", &shards, all);
            if let Some(error) = error {
                object["error"] = error.to_string().into();
            }
            return write_line(&object);
        }
        self.progress.say(&Ending { shards: &shards, elapsed, commits });
    }

    fn rate(&mut self, shards: &[ShardView]) -> Rate {
        let bytes = shards.iter().map(|shard| shard.read_bytes).sum::<u64>();
        let now = Moment { at: Instant::now(), records: done(&total(shards)), bytes };
        // One from before the span stays, so that all of it is covered.
        while self.past.get(1).is_some_and(|second| second.at.elapsed() > BETWEEN_LINES) {
            self.past.pop_front();
        }
        let then = self.past.front().copied().unwrap_or(now);
        self.past.push_back(now);
        Rate {
            records: per_second(now.records - then.records, now.at - then.at),
            bytes: per_second(now.bytes - then.bytes, now.at - then.at),
        }
    }

    fn object(&self, kind: &str, shards: &[ShardView], rate: Rate) -> Value {
        let counts = total(shards);
        let mut object = json!({
            "type": kind,
            "elapsedMilliseconds": u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "recordsPerSecond": rate.records.round(),
            "behindMilliseconds": behind(shards),
            "records": counts_object(&counts),
            "discarded": shards.iter().map(|shard| shard.discarded).sum::<u64>(),
            "shards": shards.iter().map(shard_object).collect::<Vec<_>>(),
        });
        if let Some(samples) = &self.samples {
            let samples = samples.take();
            object["samples"] = samples
                .iter()
                .map(|sample| json!({ "partitionKey": sample.partition_key, "data": sample.text }))
                .collect();
        }
        object
    }
}

fn sample_line(partition_key: &str, text: &str) -> String {
    format!("  > {}: {}", plain(partition_key), plain(text))
}

fn write_line(object: &Value) {
    // A reader that is gone changes nothing about what was done.
    let _ = print_json(&format!("{object}\n"));
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(1e-9)
}

/// All shards together.
pub(super) fn total(shards: &[ShardView]) -> Counts {
    let mut total = Counts::default();
    shards.iter().for_each(|shard| total += &shard.counts);
    total
}

/// Records that are acknowledged.
pub(super) fn done(counts: &Counts) -> u64 {
    counts.kept + counts.dropped + counts.folded + counts.emitted + counts.skipped + counts.all_dead_lettered()
}

fn behind(shards: &[ShardView]) -> u64 {
    let most = shards.iter().map(|shard| shard.behind).max().unwrap_or_default();
    u64::try_from(most.as_millis()).unwrap_or(u64::MAX)
}

fn counts_object(counts: &Counts) -> Value {
    json!({
        "acknowledged": done(counts),
        "kept": counts.kept,
        "dropped": counts.dropped,
        "folded": counts.folded,
        "emitted": counts.emitted,
        "deadLettered": counts.all_dead_lettered(),
        "outputs": counts.outputs,
        "outputBytes": counts.output_bytes,
    })
}

fn shard_object(shard: &ShardView) -> Value {
    let (committed, commit_failure) = match &shard.commit {
        Commit::None => (None, None),
        Commit::At(position) => (Some(position.as_str()), None),
        Commit::Failed(kind) => (None, Some(*kind)),
    };
    json!({
        "streamArn": shard.shard.stream_arn,
        "shardId": shard.shard.id,
        "stage": shard.stage.as_str(),
        "behindMilliseconds": u64::try_from(shard.behind.as_millis()).unwrap_or(u64::MAX),
        "sequenceNumber": shard.position,
        "committed": committed,
        "commitFailure": commit_failure,
        "records": counts_object(&shard.counts),
        "discarded": shard.discarded,
        "reads": shard.reads,
        "throttled": shard.throttled,
        "trouble": shard.trouble,
        "stuck": shard.stuck.as_ref().map(|stuck| json!({
            "sequenceNumber": stuck.position.sequence_number().as_str(),
            "attempts": stuck.attempts,
            "reason": stuck.reason,
        })),
    })
}
