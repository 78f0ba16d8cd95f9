//! The end of an environment: what was held back of the mirror is written.
//!
//! Lambda tells a function that it ends (SIGTERM, then 500 ms) only where an extension is registered:
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>.
//! So one is, which asks for no events and is told of none.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, Client, build_request};
use tokio::signal::unix::{SignalKind, signal};

use super::Function;

/// Most of the 500 ms that Lambda gives.
const TIME_LIMIT: Duration = Duration::from_millis(400);

/// How long its registration is waited for: the API is on this machine, and nothing depends on it.
const REGISTRATION: Duration = Duration::from_secs(1);

/// The extension's name, which Lambda wants to be unique in a function.
const NAME: &str = "kinesieve-shutdown";

/// From now on, the end of the environment is not the end of what was held back.
pub(super) async fn flush_at_the_end(function: Arc<Function>) {
    let registered = tokio::time::timeout(REGISTRATION, register()).await;
    let (terminated, extension) = match (signal(SignalKind::terminate()), registered) {
        (Ok(terminated), Ok(Ok(extension))) => (terminated, extension),
        (Err(error), _) => return refused(&error),
        (_, Ok(Err(error))) => return refused(&*error),
        (_, Err(_)) => return refused(&format!("no answer within {REGISTRATION:?}")),
    };
    let mut terminated = terminated;
    tokio::spawn(async move {
        // That it waits tells Lambda that the extension has started. There is no event to come.
        tokio::select! {
            _ = terminated.recv() => {}
            () = extension.wait() => { terminated.recv().await; }
        }
        if let Some(checkpoint_writer) = function.processor.checkpoint_writer() {
            checkpoint_writer.flush(TIME_LIMIT).await;
        }
        std::process::exit(0);
    });
}

fn refused(error: &dyn std::fmt::Display) {
    tracing::warn!(
        "positions that KINESIEVE_CHECKPOINT_PERIOD holds back are not written when Lambda ends this instance: its \
         extensions API gives no notice of that ({error})"
    );
}

/// A registered extension.
struct Extension {
    client: Client,
    id: String,
}

async fn register() -> Result<Extension, BoxError> {
    let client = Client::builder().build()?;
    let request = build_request()
        .method("POST")
        .uri("/2020-01-01/extension/register")
        .header("lambda-extension-name", NAME)
        .header("content-type", "application/json")
        .body(Body::from(r#"{"events":[]}"#))?;
    let answer = client.call(request).await?;
    if !answer.status().is_success() {
        return Err(format!("status {}", answer.status()).into());
    }
    let id = answer.headers().get("lambda-extension-identifier").and_then(|id| id.to_str().ok());
    let id = id.ok_or("the answer has no identifier")?.to_owned();
    Ok(Extension { client, id })
}

impl Extension {
    /// Asks for the next event, of which there is none.
    async fn wait(&self) {
        let request = build_request()
            .method("GET")
            .uri("/2020-01-01/extension/event/next")
            .header("lambda-extension-identifier", self.id.as_str())
            .body(Body::empty());
        if let Ok(request) = request {
            // Whatever comes of it: the signal comes without it.
            let _ = self.client.call(request).await;
        }
    }
}
