//! The runtime API: invocations are asked for, and answered.
//!
//! `lambda_runtime` gathers an event before anybody sees it, which copies each byte of it once more, and parses it for
//! a handler that does not want that. So the loop is our own, over the same client; the event is read as it arrives.
//! The protocol: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::fmt;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, Client, build_request};
use serde::Serialize;

use super::failed::FailedInvocation;
use crate::error_code::ErrorCode;
use crate::event::{Arrived, Arriving};

/// Why the runtime API can't be used any more.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// It gave no answer, or not all of one.
    #[error("the Lambda runtime API does not answer: {0}")]
    Unreachable(#[source] BoxError),
    /// It answered what it must not.
    #[error("the Lambda runtime API answers {found} when it is asked for the next invocation")]
    Unexpected {
        /// What is wrong with it.
        found: String,
    },
    /// The environment can't go on, as the API says with this status: "Runtime should exit promptly".
    #[error("the Lambda runtime API answers status 500 to an answer: this environment can't go on")]
    EnvironmentBroken,
}

impl RuntimeError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            RuntimeError::Unreachable(_) => ErrorCode::RuntimeApiUnreachable,
            RuntimeError::Unexpected { .. } => ErrorCode::RuntimeApiUnexpected,
            RuntimeError::EnvironmentBroken => ErrorCode::EnvironmentBroken,
        }
    }
}

/// Events from this size on are read on another thread than the one that receives them, where there is a processor for
/// it. What is smaller is there in a few pieces, and not worth waking a thread.
const WORTH_A_THREAD: usize = 512 << 10;

/// The runtime API of this environment.
pub(super) struct RuntimeApi {
    client: Client,
    reads_aside: bool,
}

/// What there is to do.
#[derive(Debug)]
pub(super) struct NextInvocation {
    pub(super) id: InvocationId,
    /// When it times out.
    pub(super) deadline: Option<SystemTime>,
    /// Where it stands in a trace.
    pub(super) trace_id: Option<HeaderValue>,
    /// What it is about.
    pub(super) event: Arrived,
}

/// What an answer has to name.
#[derive(Debug)]
pub(super) struct InvocationId {
    /// The request, as Lambda's own log lines name it.
    pub(super) request: String,
    /// Of one of several at once, where the API says it.
    invocation: Option<HeaderValue>,
}

impl RuntimeApi {
    /// The API at the address that Lambda gives, asked in so many loops at once. `reads_aside`: whether events are read
    /// on another thread than the one that receives them.
    pub(super) fn new(loops: usize, reads_aside: bool) -> Result<Self, RuntimeError> {
        let client = Client::builder().with_pool_size(loops).build();
        let client = client.map_err(|error| RuntimeError::Unreachable(error.into()))?;
        Ok(Self { client, reads_aside })
    }

    /// Waits for the next invocation, and for all of its event.
    pub(super) async fn next(&self) -> Result<NextInvocation, RuntimeError> {
        let request = build_request().uri("/2018-06-01/runtime/invocation/next").body(Body::empty());
        let (parts, body) = self.call(request).await.map_err(RuntimeError::Unreachable)?.into_parts();
        if !parts.status.is_success() {
            return Err(RuntimeError::Unexpected { found: format!("status {}", parts.status) });
        }
        let text = |name| text(&parts.headers, name);
        let request = text("lambda-runtime-aws-request-id")
            .ok_or_else(|| RuntimeError::Unexpected { found: "without a request id".to_owned() })?;
        let deadline = text("lambda-runtime-deadline-ms").and_then(|time| time.parse().ok());
        let id = InvocationId {
            request: request.to_owned(),
            invocation: parts.headers.get("lambda-runtime-invocation-id").cloned(),
        };
        let event = arrived(body, self.reads_aside).await.map_err(RuntimeError::Unreachable)?;
        Ok(NextInvocation {
            id,
            deadline: deadline.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(time))),
            trace_id: parts.headers.get("lambda-runtime-trace-id").cloned(),
            event,
        })
    }

    /// Answers an invocation.
    pub(super) async fn answer(&self, id: &InvocationId, answer: &impl Serialize) -> Result<(), RuntimeError> {
        let mut request =
            build_request().method("POST").uri(id.path("response")).header("content-type", "application/json");
        if let Some(invocation) = &id.invocation {
            request = request.header("lambda-runtime-invocation-id", invocation);
        }
        let body = serde_json::to_vec(answer).map_err(|error| RuntimeError::Unreachable(error.into()))?;
        self.post(id, request.body(Body::from(body))).await
    }

    /// Says that an invocation failed.
    pub(super) async fn fail(&self, id: &InvocationId, failed: &FailedInvocation) -> Result<(), RuntimeError> {
        self.post(id, failed.request(&id.path("error"), id.invocation.as_ref())).await
    }

    /// An answer that is refused is no end: Lambda takes the invocation for failed, and sends it again.
    async fn post(
        &self,
        id: &InvocationId,
        request: Result<Request<Body>, impl Into<BoxError>>,
    ) -> Result<(), RuntimeError> {
        let answer = self.call(request).await.map_err(RuntimeError::Unreachable)?;
        let status = answer.status();
        // To its end, so that the connection serves the next request, too.
        let said = answer.collect().await.map_err(|error| RuntimeError::Unreachable(error.into()))?.to_bytes();
        if !status.is_success() {
            let said = String::from_utf8_lossy(&said[..said.len().min(512)]);
            tracing::error!(request_id = id.request, "Lambda refuses the answer with status {status}: {said}");
        }
        if status == StatusCode::INTERNAL_SERVER_ERROR { Err(RuntimeError::EnvironmentBroken) } else { Ok(()) }
    }

    async fn call(&self, request: Result<Request<Body>, impl Into<BoxError>>) -> Result<Response<Incoming>, BoxError> {
        self.client.call(request.map_err(Into::into)?).await
    }
}

impl InvocationId {
    /// Returns the path at which something is said of the invocation.
    fn path(&self, what: &str) -> String {
        format!("/2018-06-01/runtime/invocation/{}/{what}", self.request)
    }
}

impl fmt::Debug for RuntimeApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RuntimeApi").finish_non_exhaustive()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Reads an event as it comes, aside or not.
async fn arrived(mut body: Incoming, reads_aside: bool) -> Result<Arrived, BoxError> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or_default();
    if !reads_aside || expected < WORTH_A_THREAD {
        let mut arriving = Arriving::new(expected);
        while let Some(piece) = next_piece(&mut body).await? {
            arriving.push(piece);
        }
        return Ok(arriving.end());
    }
    let (pieces, arrivals) = mpsc::channel();
    let reading = tokio::task::spawn_blocking(move || {
        let mut arriving = Arriving::new(expected);
        arrivals.into_iter().for_each(|piece| arriving.push(piece));
        arriving.end()
    });
    while let Some(piece) = next_piece(&mut body).await? {
        // It takes them as long as this end is there.
        let _ = pieces.send(piece);
    }
    drop(pieces);
    Ok(reading.await?)
}

async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, hyper::Error> {
    loop {
        match body.frame().await.transpose()?.map(Frame::into_data) {
            Some(Ok(piece)) => return Ok(Some(piece)),
            // A trailer.
            Some(Err(_)) => {}
            None => return Ok(None),
        }
    }
}
