//! The metrics of an invocation: their names, units and meanings, each once. Others rely on names and units.

/// Defines the metrics. A metric is called as it is written here.
macro_rules! metrics {
    ($($name:ident: $unit:literal, $meaning:literal;)*) => {
        /// A metric of an invocation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum InvocationMetric {
            $(#[doc = $meaning] $name,)*
        }

        impl InvocationMetric {
            /// All metrics, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Returns the unit, as CloudWatch calls it.
            pub fn unit(self) -> &'static str {
                match self {
                    $(Self::$name => $unit,)*
                }
            }

            /// Returns what the metric counts.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

metrics! {
    Records: "Count", "Records that came in. A KPL aggregate counts as many as it holds";
    RecordsKept: "Count", "Records that the transform kept";
    RecordsDropped: "Count", "Records that the transform dropped";
    RecordsEmitted: "Count", "Records that the transform replaced by outputs";
    RecordsDeadLettered: "Count", "Records that were dead-lettered. `RecordsDeadLettered.KIND` counts those of a kind, where there are any";
    RecordsDiscarded: "Count", "Records that failed and were given up, with KINESIEVE_DEAD_LETTER=discard. Only where there are any";
    RecordsControl: "Count", "Messages that hold nothing for a transform, such as a control message of CloudWatch Logs, or a payload without a line";
    RecordsSkipped: "Count", "Records that were acknowledged already and not processed again";
    RecordsUnacknowledged: "Count", "Records that are not acknowledged: they come again";
    Outputs: "Count", "Outputs that were delivered for acknowledged records. `Outputs.TARGET` counts what a target took, also for records that come again; `TARGET` is `main` or the name of a route";
    Retries: "Count", "Outputs and dead letters that were sent again after a target refused them";
    Bytes: "Bytes", "Payload bytes that came in";
    OutputBytes: "Bytes", "Data bytes of the outputs that were delivered for acknowledged records. `OutputBytes.TARGET` counts those of a target";
    GuestTime: "Milliseconds", "Time in the transform";
    DeliveryTime: "Milliseconds", "Time in which deliveries were in flight. It overlaps with `GuestTime`";
    TotalTime: "Milliseconds", "Time from the first record to the response";
    GuestMemory: "Bytes", "Memory that the instances of the transform had together when the invocation ended";
    LastRecordAge: "Milliseconds", "Time since the last record of the batch arrived in the stream";
    WindowsClosed: "Count", "Tumbling windows that closed. Only with windows";
    WindowsDeadLettered: "Count", "Tumbling windows that were dead-lettered. Only with windows";
    WindowsDiscarded: "Count", "Tumbling windows that failed and were given up, with KINESIEVE_DEAD_LETTER=discard. Only where there are any";
    RecordsFolded: "Count", "Records that were folded into the state of a window. Only with windows";
    WindowStateBytes: "Bytes", "Size of the state that Lambda carries to the next batch of the window. Only with windows";
    CheckpointTime: "Milliseconds", "Time in which the checkpoint table was waited for. Only with a table";
    CheckpointFailures: "Count", "Rows of the checkpoint table that were not read or not written. `CheckpointFailures.KIND` counts those of a kind: `missing`, `denied`, `throttled`, `timeout`, `held` (by another consumer), `foreign` (written by another function), `overtaken` (further already), `refused` or `unreachable`";
}
