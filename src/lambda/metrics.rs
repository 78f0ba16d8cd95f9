//! The counts of an invocation as a line of CloudWatch's embedded metric format: CloudWatch makes metrics of
//! what it finds in the log.
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

mod definition;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

pub use definition::InvocationMetric;

use super::handler::HandledInvocation;
use crate::timestamp::{millis, rfc3339};
use crate::transform::guest_memory;

/// The namespace of our metrics: others rely on it.
const NAMESPACE: &str = "Kinesieve";

/// The most metrics that one directive of a line may define.
const MOST_METRICS: usize = 100;

/// Writes the line. There is nowhere to say that standard error is closed.
pub(super) fn write(function_name: &str, request_id: &str, handled: &HandledInvocation) {
    let mut line = line(function_name, request_id, handled, guest_memory(), SystemTime::now()).to_string();
    line.push('\n');
    let _ = io::stderr().write_all(line.as_bytes());
}

/// `guest_memory` is in bytes.
fn line(
    function_name: &str,
    request_id: &str,
    handled: &HandledInvocation,
    guest_memory: u64,
    now: SystemTime,
) -> Value {
    let now_millis = millis(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    let mut metrics = MetricsLine::default();
    metrics.add_all(handled, now_millis);
    metrics.add(InvocationMetric::GuestMemory, guest_memory);
    let mut line = metrics.values;
    line.insert("FunctionName".to_owned(), function_name.into());
    // Not dimensions, of which each combination is paid for, but there to search by.
    line.insert("StreamArn".to_owned(), handled.shard.stream_arn.as_str().into());
    line.insert("ShardId".to_owned(), handled.shard.id.as_str().into());
    line.insert("RequestId".to_owned(), request_id.into());
    // As all lines of the log have it; `RequestId` was there before them.
    line.insert("requestId".to_owned(), request_id.into());
    line.insert("timestamp".to_owned(), rfc3339(now_millis).into());
    line.insert("level".to_owned(), "INFO".into());
    if let Some(stop) = &handled.report.stop {
        line.insert("Stopped".to_owned(), stop.cause.to_string().into());
        line.insert("ReplayFrom".to_owned(), stop.replay_from.sequence_number().as_str().into());
        line.insert("Attempts".to_owned(), stop.attempts.into());
    }
    let directive =
        |metrics: &[Value]| json!({ "Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics });
    let directives: Vec<Value> = metrics.definitions.chunks(MOST_METRICS).map(directive).collect();
    line.insert("_aws".to_owned(), json!({ "Timestamp": now_millis, "CloudWatchMetrics": directives }));
    Value::Object(line)
}

/// Metrics by name: what CloudWatch has to know of them, and their values.
#[derive(Default)]
struct MetricsLine {
    definitions: Vec<Value>,
    values: Map<String, Value>,
}

impl MetricsLine {
    fn add_all(&mut self, handled: &HandledInvocation, now_millis: u64) {
        use InvocationMetric as Metric;

        let (counts, statistics) = (&handled.report.counts, &handled.report.statistics);
        for (metric, count) in [
            (Metric::Records, counts.records),
            (Metric::RecordsKept, counts.kept),
            (Metric::RecordsDropped, counts.dropped),
            (Metric::RecordsEmitted, counts.emitted),
            (Metric::RecordsDeadLettered, counts.all_dead_lettered()),
            (Metric::RecordsControl, counts.control),
            (Metric::RecordsSkipped, counts.skipped),
            (Metric::RecordsUnacknowledged, counts.unacknowledged),
            (Metric::Outputs, counts.outputs),
            (Metric::Retries, statistics.retries),
            (Metric::Bytes, counts.bytes),
            (Metric::OutputBytes, counts.output_bytes),
        ] {
            self.add(metric, count);
        }
        // Each metric is paid for, so what most functions have none of is only there where there is some.
        if counts.discarded > 0 {
            self.add(Metric::RecordsDiscarded, counts.discarded);
        }
        self.add(Metric::GuestTime, fraction(statistics.guest));
        self.add(Metric::DeliveryTime, fraction(statistics.delivery));
        self.add(Metric::TotalTime, fraction(handled.elapsed));
        if let Some(arrived_at) = handled.last_arrival {
            self.add(Metric::LastRecordAge, now_millis.saturating_sub(arrived_at));
        }
        if let Some(closed) = &handled.closed {
            self.add(Metric::WindowsClosed, 1);
            self.add(Metric::WindowsDeadLettered, u64::from(closed.dead_lettered.is_some()));
            if closed.discarded {
                self.add(Metric::WindowsDiscarded, 1);
            }
        }
        // Likewise, those of windows are only there with windows.
        if let Some(carried) = &handled.carried {
            self.add(Metric::RecordsFolded, counts.folded);
            self.add(Metric::WindowStateBytes, carried.bytes() as u64);
        }
        if handled.report.checkpoint.is_some() {
            self.add(Metric::CheckpointTime, fraction(statistics.checkpoint));
            self.add(Metric::CheckpointFailures, statistics.checkpoint_troubles.len() as u64);
            let mut by_kind = BTreeMap::<&str, u64>::new();
            for trouble in &statistics.checkpoint_troubles {
                *by_kind.entry(trouble.as_str()).or_default() += 1;
            }
            for (kind, count) in by_kind {
                self.add_part(Metric::CheckpointFailures, kind, count);
            }
        }
        for (kind, count) in &counts.dead_lettered {
            self.add_part(Metric::RecordsDeadLettered, kind.as_str(), *count);
        }
        for (target, taken) in &statistics.taken {
            self.add_part(Metric::Outputs, target, taken.outputs);
            self.add_part(Metric::OutputBytes, target, taken.bytes);
        }
    }

    fn add(&mut self, metric: InvocationMetric, value: impl Into<Value>) {
        self.add_named(metric.name().to_owned(), metric, value);
    }

    /// Adds what a metric counts of one kind, or at one target.
    fn add_part(&mut self, metric: InvocationMetric, part: &str, value: u64) {
        self.add_named(format!("{}.{part}", metric.name()), metric, value);
    }

    fn add_named(&mut self, name: String, metric: InvocationMetric, value: impl Into<Value>) {
        self.definitions.push(json!({ "Name": name, "Unit": metric.unit() }));
        self.values.insert(name, value.into());
    }
}

/// Milliseconds, to the microsecond.
fn fraction(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{CheckpointErrorKind, CheckpointOutcome};
    use crate::dead_letter::DeadLetterKind;
    use crate::event::Shard;
    use crate::lambda::CarriedState;
    use crate::processor::{Counts, Report, Statistics, TargetStatistics};

    fn handled(counts: Counts, statistics: Statistics) -> HandledInvocation {
        HandledInvocation {
            report: Report { stop: None, counts, first_dead_letter: None, checkpoint: None, statistics },
            shard: Shard { stream_arn: "arn".to_owned(), id: "shardId-000000000006".to_owned() },
            last_arrival: None,
            elapsed: Duration::ZERO,
            carried: None,
            closed: None,
        }
    }

    #[test]
    fn what_was_given_up_is_counted_where_there_is_some() {
        let line_of = |discarded| {
            let counts = Counts { records: 3, discarded, ..Counts::default() };
            line("f", "1", &handled(counts, Statistics::default()), 0, UNIX_EPOCH)
        };
        assert_eq!(line_of(2)["RecordsDiscarded"], 2);
        assert!(defined(&line_of(2)).contains(&"RecordsDiscarded".to_owned()));
        assert_eq!(line_of(0).get("RecordsDiscarded"), None);
    }

    fn defined(line: &Value) -> Vec<String> {
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().expect("directives");
        let metrics = directives.iter().flat_map(|directive| directive["Metrics"].as_array().expect("metrics"));
        metrics.map(|metric| metric["Name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Whatever an event came to is a metric, so that the others add up to all of them.
    #[test]
    fn what_became_of_records_adds_up() {
        let counts = Counts {
            records: 0b111_1111_1111,
            kept: 1,
            dropped: 1 << 1,
            folded: 1 << 2,
            emitted: 1 << 3,
            dead_lettered: [
                (DeadLetterKind::Rejected, 1 << 4),
                (DeadLetterKind::Decode, 1 << 5),
                (DeadLetterKind::Trap, 1 << 6),
            ]
            .into(),
            control: 1 << 7,
            skipped: 1 << 8,
            unacknowledged: (1 << 9) + (1 << 10),
            ..Counts::default()
        };
        assert_eq!(counts.acknowledged() + counts.unacknowledged, counts.records);
        let folded = HandledInvocation {
            carried: Some(CarriedState::default()),
            ..handled(counts.clone(), Statistics::default())
        };
        let line = line("f", "id", &folded, 2 << 20, UNIX_EPOCH);
        let fates = defined(&line).into_iter().filter(|name| name.starts_with("Records") && !name.contains('.'));
        let sum: u64 = fates.filter(|name| name != "Records").map(|name| line[&name].as_u64().expect("a count")).sum();
        assert_eq!(sum, counts.records);
    }

    #[test]
    fn each_of_many_targets_has_its_metrics() {
        let target =
            |number: u64| (format!("route-{number}"), TargetStatistics { outputs: number, bytes: 10 * number });
        let statistics = Statistics { taken: (0..150).map(target).collect(), ..Statistics::default() };
        let line = line("f", "id", &handled(Counts::default(), statistics), 2 << 20, UNIX_EPOCH);
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().expect("directives");
        let each = |directive: &Value| directive["Metrics"].as_array().expect("metrics").len() <= MOST_METRICS;
        assert!(directives.iter().all(each));
        let names = defined(&line);
        for number in 0..150 {
            for (name, value) in
                [(format!("Outputs.route-{number}"), number), (format!("OutputBytes.route-{number}"), 10 * number)]
            {
                assert!(names.contains(&name), "{name}");
                assert_eq!(line[&name], value, "{name}");
            }
        }
    }

    #[test]
    fn a_line_is_what_cloudwatch_reads() {
        let counts = Counts {
            records: 10,
            bytes: 900,
            kept: 4,
            dropped: 3,
            folded: 0,
            emitted: 1,
            dead_lettered: [(DeadLetterKind::Rejected, 1), (DeadLetterKind::Exhausted, 1)].into(),
            discarded: 0,
            control: 0,
            skipped: 0,
            unacknowledged: 0,
            outputs: 6,
            output_bytes: 400,
        };
        let statistics = Statistics {
            total: Duration::from_micros(3_100),
            checkpoint: Duration::from_micros(1_250),
            checkpoint_troubles: vec![CheckpointErrorKind::Throttled],
            guest: Duration::from_micros(1_500),
            delivery: Duration::from_millis(2),
            retries: 7,
            taken: [("main".to_owned(), TargetStatistics { outputs: 6, bytes: 400 })].into(),
        };
        let handled = HandledInvocation {
            report: Report {
                stop: None,
                counts,
                first_dead_letter: None,
                checkpoint: Some(CheckpointOutcome::Failed(CheckpointErrorKind::Throttled)),
                statistics,
            },
            shard: Shard {
                stream_arn: "arn:aws:kinesis:eu-west-1:123456789012:stream/readings".to_owned(),
                id: "shardId-000000000006".to_owned(),
            },
            last_arrival: Some(1_545_084_650_987),
            elapsed: Duration::from_micros(3_250),
            carried: None,
            closed: None,
        };
        let now = UNIX_EPOCH + Duration::from_millis(1_545_084_651_487);
        let line = line("readings-function", "6b562146", &handled, 2 << 20, now);
        insta::assert_snapshot!(serde_json::to_string_pretty(&line).expect("JSON"));
    }
}
