//! Says how a run over streams goes: a live view on a terminal, plain lines or JSON elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::NOTHING_DELIVERED;
use super::ending::RunEnding;
use super::rate::{RateMeter, RunRate};
use super::shards::ShardChoice;
use super::totals::Totals;
use super::view::View;
use super::watch::{WORTH_A_WORD, farewell};
use crate::cli::foreign::plain;
use crate::cli::interrupt::Interrupt;
use crate::cli::output_fate::OutputFate;
use crate::cli::print_json;
use crate::cli::progress::{ProgressDisplay, TerminalSize};
use crate::error_code::ErrorCode;
use crate::processor::Counts;
use crate::sink::OutputSamples;
use crate::source::live::{CommitOutcome, LiveError, RunWatch, ShardView, Wait};
use crate::timestamp::millis;

/// Between two lines, and the span of what is said to be done in a second.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Between two looks of a person.
const BETWEEN_VIEWS: Duration = Duration::from_millis(500);

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportFormat {
    /// For a person.
    Text,
    /// An object a line, on standard output.
    Json,
}

/// Says how a run goes.
pub(super) struct RunReporter {
    options: ReportFormat,
    progress: ProgressDisplay,
    choice: ShardChoice,
    watch: RunWatch,
    samples: Option<Arc<OutputSamples>>,
    fate: OutputFate,
    started: Instant,
    meter: RateMeter,
}

impl RunReporter {
    pub(super) fn new(
        options: ReportFormat,
        progress: ProgressDisplay,
        choice: ShardChoice,
        watch: RunWatch,
        samples: Option<Arc<OutputSamples>>,
        fate: OutputFate,
    ) -> Self {
        let started = Instant::now();
        let meter = RateMeter::begin(started, BETWEEN_LINES);
        Self { options, progress, choice, watch, samples, fate, started, meter }
    }

    /// How often it is worth saying.
    pub(super) fn period(&self) -> Duration {
        if self.progress.is_visible() { BETWEEN_VIEWS } else { BETWEEN_LINES }
    }

    /// Whether there is a view, which is drawn anew when the terminal changes its size.
    pub(super) fn has_view(&self) -> bool {
        self.progress.is_visible()
    }

    /// Says how it goes now.
    pub(super) fn tell(&mut self) {
        let shards = self.watch.statuses.views();
        let totals = Totals::of(&shards);
        let waits = self.watch.waits(&shards, WORTH_A_WORD);
        let rate = self.meter.rate(&totals);
        if self.options == ReportFormat::Json {
            let mut object = self.object("progress", &shards, &totals, rate);
            object["waiting"] = waits.iter().map(wait_object).collect();
            return write_line(&object);
        }
        let view = View { shards: &shards, choice: &self.choice, totals: &totals, waits: &waits, rate };
        if self.progress.is_visible() {
            let samples = self.samples.as_ref().map(|samples| samples.last()).unwrap_or_default();
            let samples: Vec<String> =
                samples.iter().map(|sample| sample_line(&sample.partition_key, &sample.text)).collect();
            return self.progress.show(view.screen(TerminalSize::of_stderr(), &samples));
        }
        self.progress.say(&view.line());
        view.remarks().iter().for_each(|remark| self.progress.say(remark));
        for sample in self.samples.as_ref().map(|samples| samples.take()).unwrap_or_default() {
            self.progress.say(&sample_line(&sample.partition_key, &sample.text));
        }
    }

    /// Listens to Ctrl-C from now on.
    pub(super) fn interrupt(&self, commits: bool) -> Interrupt {
        let watch = self.watch.clone();
        Interrupt::listen(&self.progress, move || farewell(&watch, commits))
    }

    /// The last word: what became of the records, and where each shard was left. `in_vain` is why the run did not wait any
    /// longer, if that ended it.
    pub(super) fn end(&mut self, commits: bool, error: Option<&LiveError>, in_vain: Option<&str>) {
        let shards = self.watch.statuses.views();
        let totals = Totals::of(&shards);
        let elapsed = self.started.elapsed();
        self.progress.finish();
        if self.options == ReportFormat::Json {
            let all = RunRate::of(totals.counts.acknowledged(), totals.read_bytes, elapsed);
            let mut object = self.object("end", &shards, &totals, all);
            if let Some(error) = error {
                object["error"] = error.to_string().into();
                object["code"] = error.code().as_str().into();
            } else if let Some(in_vain) = in_vain {
                object["error"] = in_vain.into();
                object["code"] = ErrorCode::StoppedByDestination.as_str().into();
            }
            return write_line(&object);
        }
        self.progress.say(&RunEnding {
            shards: &shards,
            choice: &self.choice,
            totals: &totals,
            elapsed,
            fate: self.fate,
            commits,
        });
        if let Some(in_vain) = in_vain {
            self.progress.say(&format_args!("ended, since waiting is in vain: {}", plain(in_vain)));
        }
        if self.fate == OutputFate::NotDelivered {
            self.progress.say(&NOTHING_DELIVERED);
        }
    }

    fn object(&self, kind: &str, shards: &[ShardView], totals: &Totals, rate: RunRate) -> Value {
        let mut object = json!({
            "type": kind,
            "elapsedMilliseconds": millis(self.started.elapsed()),
            "recordsPerSecond": rate.records.round(),
            "behindMilliseconds": totals.behind.map(millis),
            "readerBehindMilliseconds": totals.reader_behind.map(millis),
            "records": counts_object(&totals.counts),
            "outputFate": self.fate.as_str(),
            "discarded": totals.discarded,
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
    // The run asks whether that is possible any more.
    let _ = print_json(&format!("{object}\n"));
}

/// What became of records: `acknowledged`, and what it is the sum of.
fn counts_object(counts: &Counts) -> Value {
    json!({
        "acknowledged": counts.acknowledged(),
        "kept": counts.kept,
        "dropped": counts.dropped,
        "folded": counts.folded,
        "emitted": counts.emitted,
        "deadLettered": counts.all_dead_lettered(),
        "discarded": counts.discarded,
        "control": counts.control,
        "skipped": counts.skipped,
        "outputs": counts.outputs,
        "outputBytes": counts.output_bytes,
    })
}

fn shard_object(shard: &ShardView) -> Value {
    let (committed, commit_failure) = match &shard.commit {
        CommitOutcome::None => (None, None),
        CommitOutcome::At(position) => (Some(position.as_str()), None),
        CommitOutcome::Failed(kind) => (None, Some(*kind)),
    };
    json!({
        "streamArn": shard.shard.stream_arn,
        "shardId": shard.shard.id,
        "stage": shard.stage.as_str(),
        "behindMilliseconds": shard.behind.map(millis),
        "readerBehindMilliseconds": shard.reader_behind.map(millis),
        "inFlight": shard.under_way.len(),
        "sequenceNumber": shard.position,
        "committed": committed,
        "commitFailure": commit_failure,
        "records": counts_object(&shard.counts),
        "discarded": shard.discarded,
        "reads": shard.reads,
        "throttled": shard.throttled,
        "failedReads": shard.failed_reads,
        "retries": shard.retries,
        "trouble": shard.trouble,
        "stuck": shard.stuck.as_ref().map(|stuck| json!({
            "sequenceNumber": stuck.position.sequence_number().as_str(),
            "attempts": stuck.attempts,
            "code": stuck.code.map(ErrorCode::as_str),
            "reason": stuck.reason,
            "milliseconds": shard.blocked.map(millis),
        })),
    })
}

fn wait_object(wait: &Wait) -> Value {
    json!({
        "for": wait.on.as_str(),
        "name": wait.on.to_string(),
        "milliseconds": millis(wait.since),
        "shards": wait.shards,
        "failures": wait.failures,
        "reason": wait.reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::totals::tests::{ACKNOWLEDGED, shard_of_all_fates};

    #[test]
    fn what_became_of_records_adds_up_to_what_is_acknowledged() {
        let object = shard_object(&shard_of_all_fates());
        let records = object["records"].as_object().expect("an object");
        let fates = records.iter().filter(|(name, _)| *name != "acknowledged" && !name.starts_with("output"));
        let sum: u64 = fates.map(|(_, count)| count.as_u64().expect("a count")).sum();
        assert_eq!((records["acknowledged"].as_u64(), sum), (Some(ACKNOWLEDGED), ACKNOWLEDGED));
    }
}
