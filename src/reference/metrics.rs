//! The metrics: those of the function's invocations, and those of a run.

use std::fmt::Write;

use super::markdown::NOTICE;
use crate::cli::run::metrics::METRICS as RUN_METRICS;
use crate::lambda::InvocationMetric;

/// What the page says before the metrics of the function.
const FUNCTION: &str = "
# Metrics

## Of the function

With `KINESIEVE_METRICS=emf`, the default, each invocation writes a line in CloudWatch's embedded metric format to the
function's log. CloudWatch makes metrics in the namespace `Kinesieve` from it, with the dimension `FunctionName`. Each record
is counted in one of `RecordsKept`, `RecordsDropped`, `RecordsEmitted`, `RecordsFolded`, `RecordsDeadLettered`,
`RecordsControl`, `RecordsSkipped` and `RecordsUnacknowledged`.

The line also holds `StreamArn`, `ShardId` and `RequestId`, and the `timestamp`, `level` and `requestId` of all
[lines of the log](log.md). Where a batch ended early it holds `Stopped`, `ReplayFrom` and
`Attempts`. These are no dimensions, since CloudWatch charges for each combination of dimensions.

| metric | unit | counts |
| --- | --- | --- |
";

/// What the page says before the metrics of a run.
const RUN: &str = "
## Of a run

`kinesieve run --metrics ADDRESS` serves metrics for Prometheus at `/metrics`. Each has the labels `stream` and `shard`,
but for `kinesieve_waiting_seconds` and `kinesieve_guest_memory_bytes`, which are of the run. `kinesieve_records_total` also
has `outcome`: `kept`, `dropped`, `folded`, `emitted`, `control`, `skipped`, `discarded`, or the kind of a dead letter.
`kinesieve_commits_total` has `outcome`: `committed` or `failed`. `kinesieve_waiting_seconds` has `for`: `target`,
`transform`, `stream` or `checkpoint-table`. Every series is there from the start, with 0.

The same address answers at `/health`, with 200 as long as the run is alive, and at `/ready`, with 200 from when each shard
was read until the run ends, and 503 otherwise.

| metric | type | is |
| --- | --- | --- |
";

/// Returns the page.
pub(super) fn page() -> String {
    let mut page = format!("{NOTICE}{FUNCTION}");
    for metric in InvocationMetric::ALL {
        // A String takes everything.
        let _ = writeln!(page, "| `{}` | {} | {}. |", metric.name(), metric.unit(), metric.meaning());
    }
    page.push_str(RUN);
    for metric in &RUN_METRICS {
        let _ = writeln!(page, "| `{}` | {} | {} |", metric.name, metric.kind, metric.help);
    }
    page
}
