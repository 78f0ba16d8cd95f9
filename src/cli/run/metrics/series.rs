//! What is measured, in Prometheus's text format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Each series is there from the start, with 0, so that a rate over the first event of its kind is right.

use std::fmt::Write;
use std::time::Duration;

use crate::cli::output_fate::OutputFate;
use crate::dead_letter::DeadLetterKind;
use crate::source::live::{AwaitedPart, ShardStage, ShardView, Wait};

/// A run as it is now.
pub(super) struct RunState<'a> {
    /// Its shards.
    pub(super) shards: &'a [ShardView],
    /// What it waits for.
    pub(super) waits: &'a [Wait],
    /// What becomes of its outputs.
    pub(super) fate: OutputFate,
    /// Bytes of memory that instances of the transform have.
    pub(super) guest_memory: u64,
}

/// A metric for Prometheus.
pub(crate) struct Metric {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) help: &'static str,
    /// Its type: a counter, which only grows, a gauge, or a histogram.
    pub(crate) kind: &'static str,
    of: SampleSource,
}

/// Where the samples of a metric come from.
enum SampleSource {
    /// Each shard, by its labels `stream` and `shard`.
    Shards(fn(&ShardView, OutputFate) -> Vec<Sample>),
    /// The run as a whole.
    Run(fn(&RunState<'_>) -> Vec<Sample>),
}

/// A sample of a metric.
struct Sample {
    /// What stands behind the metric's name.
    suffix: &'static str,
    /// Its labels besides those of the shard, `name="value"` each, with commas between.
    labels: String,
    value: f64,
}

/// All metrics, in the order in which they are written.
pub(crate) const METRICS: [Metric; 18] = [
    Metric {
        name: "kinesieve_records_total",
        help: "Records by what became of them.",
        kind: "counter",
        of: SampleSource::Shards(|shard, _| {
            let counts = &shard.counts;
            let mut outcomes = vec![
                ("kept", counts.kept),
                ("dropped", counts.dropped),
                ("folded", counts.folded),
                ("emitted", counts.emitted),
                ("control", counts.control),
                ("skipped", counts.skipped),
                ("discarded", shard.discarded + counts.discarded),
            ];
            let dead_lettered = |kind: DeadLetterKind| counts.dead_lettered.get(&kind).copied().unwrap_or_default();
            outcomes.extend(DeadLetterKind::ALL.map(|kind| (kind.as_str(), dead_lettered(kind))));
            outcomes.into_iter().map(|(outcome, count)| labelled("outcome", outcome, count as f64)).collect()
        }),
    },
    Metric {
        name: "kinesieve_outputs_total",
        help: "Outputs that were delivered.",
        kind: "counter",
        of: SampleSource::Shards(|shard, fate| one(if fate.is_nowhere() { 0.0 } else { shard.counts.outputs as f64 })),
    },
    Metric {
        name: "kinesieve_output_bytes_total",
        help: "Bytes of the outputs that were delivered.",
        kind: "counter",
        of: SampleSource::Shards(|shard, fate| {
            one(if fate.is_nowhere() { 0.0 } else { shard.counts.output_bytes as f64 })
        }),
    },
    Metric {
        name: "kinesieve_discarded_outputs_total",
        help: "Outputs that were delivered nowhere: all destinations are none, or records are only shown.",
        kind: "counter",
        of: SampleSource::Shards(|shard, fate| one(if fate.is_nowhere() { shard.counts.outputs as f64 } else { 0.0 })),
    },
    Metric {
        name: "kinesieve_discarded_output_bytes_total",
        help: "Bytes of the outputs that were delivered nowhere.",
        kind: "counter",
        of: SampleSource::Shards(|shard, fate| {
            one(if fate.is_nowhere() { shard.counts.output_bytes as f64 } else { 0.0 })
        }),
    },
    Metric {
        name: "kinesieve_output_retries_total",
        help: "Outputs and dead letters that had to go again, each counted as often as it did.",
        kind: "counter",
        of: SampleSource::Shards(|shard, _| one(shard.retries as f64)),
    },
    Metric {
        name: "kinesieve_reads_total",
        help: "Reads that were answered.",
        kind: "counter",
        of: SampleSource::Shards(|shard, _| one(shard.reads as f64)),
    },
    Metric {
        name: "kinesieve_read_bytes_total",
        help: "Bytes that were read.",
        kind: "counter",
        of: SampleSource::Shards(|shard, _| one(shard.read_bytes as f64)),
    },
    Metric {
        name: "kinesieve_failed_reads_total",
        help: "Reads that failed and were tried again, throttled ones included.",
        kind: "counter",
        of: SampleSource::Shards(|shard, _| one(shard.failed_reads as f64)),
    },
    Metric {
        name: "kinesieve_throttled_reads_total",
        help: "Reads that were throttled, because all consumers together read too much.",
        kind: "counter",
        of: SampleSource::Shards(|shard, _| one(shard.throttled as f64)),
    },
    Metric {
        name: "kinesieve_commits_total",
        help: "Positions that were committed to the checkpoint table, or could not be.",
        kind: "counter",
        of: SampleSource::Shards(|shard, _| {
            vec![
                labelled("outcome", "committed", shard.commits as f64),
                labelled("outcome", "failed", shard.failed_commits as f64),
            ]
        }),
    },
    Metric {
        name: "kinesieve_batches_in_flight",
        help: "Batches that are under way.",
        kind: "gauge",
        of: SampleSource::Shards(|shard, _| one(shard.under_way.len() as f64)),
    },
    Metric {
        name: "kinesieve_batch_duration_seconds",
        help: "Time from the first attempt at a batch until each of its records was acknowledged or given up.",
        kind: "histogram",
        of: SampleSource::Shards(|shard, _| {
            let count = shard.batches.count as f64;
            let bucket = |bound: String, count: f64| Sample { suffix: "_bucket", ..labelled("le", &bound, count) };
            let mut samples: Vec<Sample> =
                shard.batches.up_to().map(|(bound, count)| bucket(bound.to_string(), count as f64)).collect();
            samples.push(bucket("+Inf".to_owned(), count));
            samples.push(Sample { suffix: "_sum", labels: String::new(), value: shard.batches.sum });
            samples.push(Sample { suffix: "_count", labels: String::new(), value: count });
            samples
        }),
    },
    Metric {
        name: "kinesieve_behind_seconds",
        help: "Time by which what is acknowledged is behind the end of the shard; NaN until the stream has answered.",
        kind: "gauge",
        of: SampleSource::Shards(|shard, _| of_a_shard_that_is_read(shard, shard.behind)),
    },
    Metric {
        name: "kinesieve_reader_behind_seconds",
        help: "Time by which what is read is behind the end of the shard; NaN until the stream has answered.",
        kind: "gauge",
        of: SampleSource::Shards(|shard, _| of_a_shard_that_is_read(shard, shard.reader_behind)),
    },
    Metric {
        name: "kinesieve_stuck_attempts",
        help: "Attempts at the record that blocks the shard; 0 where none does.",
        kind: "gauge",
        of: SampleSource::Shards(|shard, _| one(shard.stuck.as_ref().map_or(0.0, |stuck| f64::from(stuck.attempts)))),
    },
    Metric {
        name: "kinesieve_waiting_seconds",
        help: "Time for which the run has waited for a target, the transform, the stream or the checkpoint table; 0 where \
               it does not wait.",
        kind: "gauge",
        of: SampleSource::Run(|run| {
            let longest = |word: &str| {
                let waits = run.waits.iter().filter(|wait| wait.on.as_str() == word);
                waits.map(|wait| wait.since).max().unwrap_or_default().as_secs_f64()
            };
            AwaitedPart::WORDS.into_iter().map(|word| labelled("for", word, longest(word))).collect()
        }),
    },
    Metric {
        name: "kinesieve_guest_memory_bytes",
        help: "Memory that all instances of the transform have together.",
        kind: "gauge",
        of: SampleSource::Run(|run| one(run.guest_memory as f64)),
    },
];

fn one(value: f64) -> Vec<Sample> {
    vec![Sample { suffix: "", labels: String::new(), value }]
}

/// The label's value has nothing that would have to be escaped.
fn labelled(name: &str, of: &str, value: f64) -> Sample {
    Sample { suffix: "", labels: format!("{name}=\"{of}\""), value }
}

fn of_a_shard_that_is_read(shard: &ShardView, behind: Option<Duration>) -> Vec<Sample> {
    if shard.stage == ShardStage::Reading {
        one(behind.map_or(f64::NAN, |behind| behind.as_secs_f64()))
    } else {
        Vec::new()
    }
}

/// All of it as text. Names of streams and shards have nothing that would have to be escaped.
pub(super) fn text(run: &RunState<'_>) -> String {
    let mut text = String::new();
    for Metric { name, help, kind, of } in &METRICS {
        // A String takes everything.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        match of {
            SampleSource::Run(of) => of(run).iter().for_each(|sample| line(&mut text, name, "", sample)),
            SampleSource::Shards(of) => {
                for shard in run.shards {
                    let place = format!("stream=\"{}\",shard=\"{}\"", shard.shard.stream_name(), shard.shard.id);
                    of(shard, run.fate).iter().for_each(|sample| line(&mut text, name, &place, sample));
                }
            }
        }
    }
    text
}

fn line(text: &mut String, name: &str, place: &str, Sample { suffix, labels, value }: &Sample) {
    let comma = if place.is_empty() || labels.is_empty() { "" } else { "," };
    let all = format!("{place}{comma}{labels}");
    let all = if all.is_empty() { all } else { format!("{{{all}}}") };
    let _ = writeln!(text, "{name}{suffix}{all} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::totals::tests::{ACKNOWLEDGED, shard_of_all_fates};
    use crate::event::Shard;

    fn text_of(shards: &[ShardView]) -> String {
        text(&RunState { shards, waits: &[], fate: OutputFate::Delivered, guest_memory: 1 << 20 })
    }

    #[test]
    fn what_became_of_records_adds_up() {
        let text = text_of(&[shard_of_all_fates()]);
        let samples = text.lines().filter(|line| line.starts_with("kinesieve_records_total{"));
        let sum: u64 = samples
            .map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok()))
            .sum::<Option<_>>()
            .expect("counts");
        // And what the mapping gave up.
        assert_eq!(sum, ACKNOWLEDGED + 5, "{text}");
    }

    #[test]
    fn an_output_is_counted_as_delivered_or_as_discarded() {
        let mut shard = shard_of_all_fates();
        (shard.counts.outputs, shard.counts.output_bytes) = (12, 600);
        for (fate, delivered, discarded) in [
            (OutputFate::Delivered, (12, 600), (0, 0)),
            (OutputFate::PartlyDiscarded, (12, 600), (0, 0)),
            (OutputFate::Discarded, (0, 0), (12, 600)),
            (OutputFate::NotDelivered, (0, 0), (12, 600)),
        ] {
            let shards = std::slice::from_ref(&shard);
            let text = text(&RunState { shards, waits: &[], fate, guest_memory: 0 });
            for (name, (outputs, bytes)) in [("", delivered), ("discarded_", discarded)] {
                let has = |what: &str, count: u64| {
                    let beginning = format!("kinesieve_{name}{what}_total{{");
                    text.lines().any(|line| line.starts_with(&beginning) && line.ends_with(&format!(" {count}")))
                };
                assert!(has("outputs", outputs) && has("output_bytes", bytes), "{fate:?}: {text}");
            }
        }
    }

    #[test]
    fn every_series_is_there_before_anything_happened() {
        let shard = Shard { stream_arn: "arn:x:stream/in".to_owned(), id: "shardId-000000000000".to_owned() };
        let text = text_of(&[ShardView::begun(shard)]);
        for metric in &METRICS {
            let samples = text.lines().filter(|line| line.starts_with(metric.name));
            assert!(samples.count() > 0, "{}: {text}", metric.name);
        }
        for kind in DeadLetterKind::ALL {
            assert!(text.contains(&format!("outcome=\"{}\"}} 0", kind.as_str())), "{text}");
        }
        assert!(text.contains("kinesieve_behind_seconds{stream=\"in\",shard=\"shardId-000000000000\"} NaN"), "{text}");
        assert!(text.contains("kinesieve_waiting_seconds{for=\"target\"} 0\n"), "{text}");
        assert!(text.contains(",le=\"+Inf\"} 0\n"), "{text}");
    }

    /// By Prometheus's own rules: <https://prometheus.io/docs/practices/naming/>.
    #[test]
    fn names_are_as_prometheus_wants_them() {
        for Metric { name, kind, .. } in &METRICS {
            assert!(name.starts_with("kinesieve_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        }
    }
}
