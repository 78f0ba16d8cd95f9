//! Lambda's adapter: raw invocation bytes in, response JSON out.

mod handler;
mod init_error;
mod raw_body;

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::de::IgnoredAny;

pub use handler::{HandlerError, deadline, handle};
pub use init_error::report_init_error;

use crate::processor::Processor;

/// Polls the Lambda runtime API and answers invocations, for as long as the environment lives.
///
/// # Errors
/// When the runtime API can't be reached or answers what it must not.
pub async fn serve(processor: Processor, deadline_reserve: Duration) -> Result<(), lambda_runtime::Error> {
    let processor = Arc::new(processor);
    let handler = service_fn(move |event: LambdaEvent<IgnoredAny>| {
        let processor = Arc::clone(&processor);
        async move {
            let deadline = deadline(event.context.deadline(), deadline_reserve);
            handle(&processor, &raw_body::current(), deadline).await.map_err(|error| {
                tracing::error!(request_id = event.context.request_id, "the invocation failed: {error}");
                Diagnostic { error_type: error.name().to_owned(), error_message: error.to_string() }
            })
        }
    });
    Runtime::new(handler).layer(raw_body::RawBodyLayer).run().await
}
