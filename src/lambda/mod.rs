//! Lambda's adapter: raw invocation bytes in, response JSON out.

mod handler;
mod init_error;
mod raw_body;

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::de::IgnoredAny;

pub use handler::{deadline, handle};
pub use init_error::report_init_error;

use crate::processor::Processor;

/// The name under which Lambda reports an invocation with something else than a Kinesis event.
const NOT_A_KINESIS_EVENT: &str = "Kinesieve.NotAKinesisEvent";

/// Why the program can't run as a function here.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is not set to {expected}: this program runs inside AWS Lambda; on a laptop use `kinesieve run`")]
pub struct NotInLambda {
    variable: &'static str,
    expected: &'static str,
}

/// Checks that the variables are there which Lambda sets and its runtime needs: it panics without.
/// Answers with the memory of the function, in bytes.
///
/// # Errors
/// When one is missing.
pub fn check_environment() -> Result<u64, NotInLambda> {
    for variable in ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION"] {
        std::env::var(variable).map_err(|_| NotInLambda { variable, expected: "a text" })?;
    }
    let variable = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
    let megabytes = std::env::var(variable).ok().and_then(|size| size.parse::<i32>().ok());
    let megabytes = megabytes.and_then(|size| u64::try_from(size).ok());
    megabytes.map(|size| size << 20).ok_or(NotInLambda { variable, expected: "a number of megabytes" })
}

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
                Diagnostic { error_type: NOT_A_KINESIS_EVENT.to_owned(), error_message: error.to_string() }
            })
        }
    });
    Runtime::new(handler).layer(raw_body::RawBodyLayer).run().await
}
