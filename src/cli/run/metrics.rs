//! Metrics for Prometheus, over HTTP.

use std::convert::Infallible;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::settings::SettingsError;
use crate::source::live::{ShardStage, ShardStatuses, ShardView};

/// Takes the address.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, SettingsError> {
    TcpListener::bind(address).await.map_err(|error| SettingsError::Invalid {
        name: format!("--metrics {address}"),
        reason: format!("{error}: name an address that is free"),
    })
}

/// Answers whoever asks, for as long as the run lasts.
pub(super) async fn serve(listener: TcpListener, statuses: Arc<ShardStatuses>) {
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Too many open files, say: that passes.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let statuses = Arc::clone(&statuses);
        let answer = move |request: Request<hyper::body::Incoming>| {
            let response = match request.uri().path() {
                "/metrics" => Response::new(Full::new(Bytes::from(text(&statuses.views())))),
                _ => not_found(),
            };
            async move { Ok::<_, Infallible>(typed(response)) }
        };
        tokio::spawn(async move {
            // A client that goes away is its own affair.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service_fn(answer))
                .await;
        });
    }
}

fn not_found() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"metrics are at /metrics\n")));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn typed(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let content_type = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A metric for Prometheus.
pub(crate) struct Metric {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) help: &'static str,
    /// Its type: a counter, which only grows, or a gauge.
    pub(crate) kind: &'static str,
    /// Its samples for a shard, each behind the labels that it has besides stream and shard.
    of: fn(&ShardView) -> Vec<(String, f64)>,
}

/// All metrics, in the order in which they are written.
pub(crate) const METRICS: [Metric; 8] = [
    Metric {
        name: "kinesieve_records_total",
        help: "Records by what became of them.",
        kind: "counter",
        of: |shard| {
            let counts = &shard.counts;
            let mut outcomes = vec![
                ("kept".to_owned(), counts.kept),
                ("dropped".to_owned(), counts.dropped),
                ("folded".to_owned(), counts.folded),
                ("emitted".to_owned(), counts.emitted),
                ("control".to_owned(), counts.control),
                ("skipped".to_owned(), counts.skipped),
                ("discarded".to_owned(), shard.discarded),
            ];
            outcomes.extend(counts.dead_lettered.iter().map(|(kind, count)| (kind.as_str().to_owned(), *count)));
            outcomes.into_iter().map(|(outcome, count)| (format!(",outcome=\"{outcome}\""), count as f64)).collect()
        },
    },
    Metric {
        name: "kinesieve_outputs_total",
        help: "Outputs that were delivered.",
        kind: "counter",
        of: |shard| one(shard.counts.outputs as f64),
    },
    Metric {
        name: "kinesieve_output_bytes_total",
        help: "Bytes of the outputs that were delivered.",
        kind: "counter",
        of: |shard| one(shard.counts.output_bytes as f64),
    },
    Metric {
        name: "kinesieve_reads_total",
        help: "Reads that were answered.",
        kind: "counter",
        of: |shard| one(shard.reads as f64),
    },
    Metric {
        name: "kinesieve_read_bytes_total",
        help: "Bytes that were read.",
        kind: "counter",
        of: |shard| one(shard.read_bytes as f64),
    },
    Metric {
        name: "kinesieve_throttled_reads_total",
        help: "Reads that were throttled, because all consumers together read too much.",
        kind: "counter",
        of: |shard| one(shard.throttled as f64),
    },
    Metric {
        name: "kinesieve_behind_seconds",
        help: "Time by which the shard is behind its end.",
        kind: "gauge",
        of: |shard| if shard.stage == ShardStage::Reading { one(shard.behind.as_secs_f64()) } else { Vec::new() },
    },
    Metric {
        name: "kinesieve_stuck_attempts",
        help: "Attempts at the record that blocks the shard; 0 where none does.",
        kind: "gauge",
        of: |shard| one(shard.stuck.as_ref().map_or(0.0, |stuck| f64::from(stuck.attempts))),
    },
];

fn one(value: f64) -> Vec<(String, f64)> {
    vec![(String::new(), value)]
}

/// Prometheus's text format. Names of streams and shards have nothing that it would escape.
fn text(shards: &[ShardView]) -> String {
    let mut text = String::new();
    for metric in &METRICS {
        let Metric { name, help, kind, of } = metric;
        // A String takes everything.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for shard in shards {
            let labels = format!("stream=\"{}\",shard=\"{}\"", shard.shard.stream_name(), shard.shard.id);
            for (more, value) in of(shard) {
                let _ = writeln!(text, "{name}{{{labels}{more}}} {value}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::totals::tests::{ACKNOWLEDGED, shard_of_all_fates};

    #[test]
    fn what_became_of_records_adds_up() {
        let text = text(&[shard_of_all_fates()]);
        let samples = text.lines().filter(|line| line.starts_with("kinesieve_records_total{"));
        let acknowledged = samples.filter(|line| !line.contains("outcome=\"discarded\""));
        let sum: u64 = acknowledged
            .map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok()))
            .sum::<Option<_>>()
            .expect("counts");
        assert_eq!(sum, ACKNOWLEDGED, "{text}");
    }
}
