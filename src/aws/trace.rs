//! Where an invocation stands in a trace, told to the services that are called for it: Lambda finds functions by it
//! that invoke each other for ever, and X-Ray draws it.
//!
//! The SDK reads it from the environment, which several invocations at once would have to share.

use std::future::Future;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use hyper::header::HeaderValue;

const HEADER: &str = "x-amzn-trace-id";

tokio::task_local! {
    static TRACE_ID: HeaderValue;
}

/// Does something in the name of an invocation.
pub(crate) async fn traced<T>(trace_id: Option<HeaderValue>, work: impl Future<Output = T>) -> T {
    match trace_id {
        Some(id) => TRACE_ID.scope(id, work).await,
        None => work.await,
    }
}

/// Writes the header, as a part of a client.
#[derive(Debug)]
pub(crate) struct TraceHeader;

impl Intercept for TraceHeader {
    fn name(&self) -> &'static str {
        "TraceHeader"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(Some(id)) = TRACE_ID.try_with(|id| id.to_str().map(str::to_owned).ok()) {
            context.request_mut().headers_mut().insert(HEADER, id);
        }
        Ok(())
    }
}
