//! Metrics for Prometheus, and whether the run is well, over HTTP.

mod series;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use self::series::RunState;
use crate::cli::output_fate::OutputFate;
use crate::settings::SettingsError;
use crate::source::live::{Cancellation, RunWatch, ShardStage};
use crate::transform::guest_memory;

#[cfg(feature = "compiler")]
pub(crate) use series::METRICS;

/// What is looked at: a run, from the time on when there is one.
#[derive(Clone, Default)]
pub(super) struct Looked {
    run: Arc<OnceLock<(RunWatch, OutputFate)>>,
    cancellation: Cancellation,
}

impl Looked {
    /// Nothing yet, and what ends it.
    pub(super) fn before(cancellation: &Cancellation) -> Self {
        Self { run: Arc::default(), cancellation: cancellation.clone() }
    }

    /// The run has begun. `fate` is what becomes of its outputs.
    pub(super) fn begins(&self, run: RunWatch, fate: OutputFate) {
        // There is one.
        let _ = self.run.set((run, fate));
    }

    fn text(&self) -> String {
        let guest_memory = guest_memory();
        let Some((run, fate)) = self.run.get() else {
            return series::text(&RunState { shards: &[], waits: &[], fate: OutputFate::NotDelivered, guest_memory });
        };
        let shards = run.statuses.views();
        let waits = run.waits(&shards, super::watch::WORTH_A_WORD);
        series::text(&RunState { shards: &shards, waits: &waits, fate: *fate, guest_memory })
    }

    /// Why the run does not take records now; none: it does.
    fn is_not_ready(&self) -> Option<&'static str> {
        let Some((run, _)) = self.run.get() else { return Some("it starts\n") };
        if self.cancellation.is_stopped() {
            return Some("it ends\n");
        }
        let shards = run.statuses.views();
        let is_unread = shards.iter().any(|shard| shard.stage == ShardStage::Reading && shard.reader_behind.is_none());
        (shards.is_empty() || is_unread).then_some("not every shard was read yet\n")
    }

    fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        match path {
            "/metrics" => response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.text()),
            // Whoever asks is answered by the loop that delivers: that it answers is what there is to know.
            "/health" => response(StatusCode::OK, PLAIN, "ok\n"),
            "/ready" => match self.is_not_ready() {
                None => response(StatusCode::OK, PLAIN, "ok\n"),
                Some(why) => response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, why),
            },
            _ => response(StatusCode::NOT_FOUND, PLAIN, "there are /metrics, /health and /ready\n"),
        }
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Takes the address.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, SettingsError> {
    TcpListener::bind(address).await.map_err(|error| SettingsError::Invalid {
        name: format!("--metrics {address}"),
        reason: format!("{error}: name an address that is free"),
    })
}

/// Answers whoever asks, for as long as the run lasts.
pub(super) async fn serve(listener: TcpListener, looked: Looked) {
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Too many open files, say: that passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let looked = looked.clone();
        let answer = move |request: Request<hyper::body::Incoming>| {
            let response = looked.answer(request.uri().path());
            async move { Ok::<_, Infallible>(response) }
        };
        tokio::spawn(async move {
            // A client that goes away is its own affair.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service_fn(answer))
                .await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_has_not_begun_or_ends_is_well_and_takes_no_records() {
        let looked = Looked::default();
        assert_eq!(looked.answer("/health").status(), StatusCode::OK);
        assert_eq!(looked.answer("/metrics").status(), StatusCode::OK);
        assert_eq!(looked.answer("/ready").status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(looked.answer("/").status(), StatusCode::NOT_FOUND);
    }
}
