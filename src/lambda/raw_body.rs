//! The body of an invocation, past the runtime's own deserializer.
//!
//! `lambda_runtime` parses every event before the handler sees it, which costs more than all that
//! Kinesieve does with it. This layer takes the body away beforehand, leaves `null` to parse, and
//! lends the body to the handler.

use std::task::{Context, Poll};

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

tokio::task_local! {
    static BODY: Bytes;
}

/// The body of the invocation in hand; empty outside of one.
pub(super) fn current() -> Bytes {
    BODY.try_with(Bytes::clone).unwrap_or_default()
}

/// Wraps the runtime's services.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawBodyLayer;

impl<S> Layer<S> for RawBodyLayer {
    type Service = RawBody<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RawBody { inner }
    }
}

/// Lends the body of each invocation to the handler inside.
#[derive(Debug, Clone)]
pub(super) struct RawBody<S> {
    inner: S,
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for RawBody<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Bytes, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> Self::Future {
        let body = std::mem::replace(&mut invocation.body, Bytes::from_static(b"null"));
        BODY.scope(body, self.inner.call(invocation))
    }
}
