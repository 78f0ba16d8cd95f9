//! Lambda's adapter: raw invocation bytes in, response JSON out.

mod direct;
mod failed;
mod firehose;
mod handler;
mod init_error;
mod metrics;
mod pipes;
mod runtime;
mod shape;
mod shutdown;
mod start_budget;
mod start_error;
mod window;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lambda_events::streams::KinesisEventResponse;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;

pub use firehose::FirehoseResponse;
pub use handler::{HandleError, HandledInvocation, deadline, handle};
pub use init_error::report_init_error;
pub use metrics::InvocationMetric;
pub use runtime::RuntimeError;
pub use start_budget::StartBudget;
pub use start_error::FunctionStartError;
pub use window::{CarriedState, StateError};

use failed::FailedInvocation;
use handler::handle_batch;
use runtime::{NextInvocation, RuntimeApi};
use shape::InvocationShape;

use crate::aws::traced;
use crate::checkpoint::CheckpointWriter;
use crate::error_code::ErrorCode;
use crate::event::{Arrived, EnvelopeError, foreign_shape};
use crate::processor::{Deadline, Processor};
use crate::settings::{MetricsFormat, Pack};
use crate::telemetry::in_invocation;

/// The name under which Lambda reports an invocation with something else than a Kinesis event.
const NOT_A_KINESIS_EVENT: &str = "Kinesieve.NotAKinesisEvent";

/// The name under which Lambda reports part of a window that can't go on.
const WINDOW_FAILED: &str = "Kinesieve.WindowFailed";

/// Why the program can't run as a function here.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is not set to {expected}: this program runs inside AWS Lambda; on a laptop use `kinesieve run`")]
pub struct NotInLambda {
    variable: &'static str,
    expected: &'static str,
}

impl NotInLambda {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::NotInLambda
    }
}

/// What Lambda tells the function of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The function's name.
    pub function_name: String,
    /// Its memory, in bytes.
    pub memory: u64,
}

/// Memory that comes with one vCPU, in bytes ("At 1,769 MB, a function has the equivalent of one vCPU").
const MEMORY_OF_A_VCPU: u64 = 1769 << 20;

impl Environment {
    /// The vCPUs that its memory gives, and that are there: with less than one it has a part of one.
    pub fn vcpus(&self) -> NonZeroUsize {
        let paid = usize::try_from(self.memory.div_ceil(MEMORY_OF_A_VCPU)).unwrap_or(usize::MAX);
        let there = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        NonZeroUsize::new(paid).unwrap_or(NonZeroUsize::MIN).min(there)
    }
}

/// How many invocations an environment gets at once: one, unless it is a managed instance that says more.
pub fn concurrency() -> NonZeroUsize {
    let told = std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().and_then(|count| count.parse().ok());
    told.unwrap_or(NonZeroUsize::MIN)
}

/// Checks that the variables are there which Lambda sets and its runtime needs: it panics without.
///
/// # Errors
/// When one is missing.
pub fn environment() -> Result<Environment, NotInLambda> {
    let text = |variable| std::env::var(variable).map_err(|_| NotInLambda { variable, expected: "a text" });
    text("AWS_LAMBDA_RUNTIME_API")?;
    text("AWS_LAMBDA_FUNCTION_VERSION")?;
    let function_name = text("AWS_LAMBDA_FUNCTION_NAME")?;
    let variable = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
    let megabytes = std::env::var(variable).ok().and_then(|size| size.parse::<i32>().ok());
    let megabytes = megabytes.and_then(|size| u64::try_from(size).ok());
    let memory = megabytes.ok_or(NotInLambda { variable, expected: "a number of megabytes" })? << 20;
    Ok(Environment { function_name, memory })
}

/// The function as it stands ready for invocations.
pub struct Function {
    /// Takes batches.
    pub processor: Processor,
    /// Time before an invocation's deadline that is kept to deliver and to answer.
    pub deadline_reserve: Duration,
    /// In which form counts are given.
    pub metrics: MetricsFormat,
    /// What several outputs of one record of Firehose become.
    pub pack: Pack,
    /// What it says of itself when it is asked.
    pub about: Value,
    /// What Lambda told of it.
    pub environment: Environment,
}

/// Polls the Lambda runtime API and answers invocations, for as long as the environment lives: so many at once as the
/// environment gets, and one after the other elsewhere.
///
/// # Errors
/// When the runtime API can't be reached or answers what it must not.
pub async fn serve(function: Function) -> Result<(), RuntimeError> {
    let function = Arc::new(function);
    if function.processor.checkpoint_writer().is_some_and(CheckpointWriter::has_period) {
        shutdown::flush_at_the_end(Arc::clone(&function)).await;
    }
    let loops = concurrency().get();
    let api = Arc::new(RuntimeApi::new(loops, function.environment.vcpus().get() > 1)?);
    let mut working: JoinSet<RuntimeError> =
        (0..loops).map(|_| work(Arc::clone(&function), Arc::clone(&api))).collect();
    let mut ended = Ok(());
    // One that can't go on takes none of the others with it.
    while let Some(Ok(error)) = working.join_next().await {
        tracing::error!(code = error.code().as_str(), "no further invocations are taken here: {error}");
        ended = Err(error);
    }
    ended
}

/// One invocation after the other, as long as that is possible.
async fn work(function: Arc<Function>, api: Arc<RuntimeApi>) -> RuntimeError {
    loop {
        if let Err(error) = work_once(&function, &api).await {
            return error;
        }
    }
}

async fn work_once(function: &Function, api: &RuntimeApi) -> Result<(), RuntimeError> {
    let NextInvocation { id, deadline: ends, trace_id, event } = api.next().await?;
    let deadline = ends.and_then(|ends| deadline(ends, function.deadline_reserve));
    in_invocation(&id.request, async {
        match traced(trace_id, function.answer(&id.request, event, deadline)).await {
            Ok(response) => api.answer(&id, &response).await,
            Err(failed) => api.fail(&id, &failed).await,
        }
    })
    .await
}

/// The answer to part of a window: as ever, and the state to go on from. Lambda takes an answer without one for a failure.
#[derive(Debug, Serialize)]
struct WindowResponse {
    state: CarriedState,
    #[serde(flatten)]
    failures: KinesisEventResponse,
}

/// The answer to an invocation, by what it was.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Response {
    Kinesis(KinesisEventResponse),
    Window(WindowResponse),
    Firehose(FirehoseResponse),
    Pipes(KinesisEventResponse),
    Direct(Value),
}

/// Says of an event that it is none of a stream, and what else it is where that shows.
fn refused(error: &EnvelopeError, body: &[u8]) -> String {
    match foreign_shape(body) {
        Some(shape) => format!("{error}; it looks like {shape}: this function is for Kinesis streams"),
        None => error.to_string(),
    }
}

impl Function {
    async fn answer(
        &self,
        request_id: &str,
        event: Arrived,
        deadline: Option<Deadline>,
    ) -> Result<Response, FailedInvocation> {
        let started = Instant::now();
        let (handled, body) = match event {
            Arrived::Batch(batch) => (handle_batch(&self.processor, batch, deadline, started).await, Bytes::new()),
            Arrived::Body(body) => (handle(&self.processor, &body, deadline).await, body),
        };
        let failed = match handled {
            Ok(handled) => {
                self.count(request_id, &handled);
                let response = handled.response();
                return Ok(match handled.carried {
                    None => Response::Kinesis(response),
                    Some(state) => Response::Window(WindowResponse { state, failures: response }),
                });
            }
            // Told by what it has: nobody pays for the question who sends records of a stream.
            Err(HandleError::Envelope(error)) => match InvocationShape::of(&body) {
                None => FailedInvocation::new(NOT_A_KINESIS_EVENT, error.code(), &refused(&error, &body)),
                Some(shape) => match self.answer_other(shape, &body, request_id, deadline).await {
                    Ok(response) => return Ok(response),
                    Err(failed) => failed,
                },
            },
            Err(error) => FailedInvocation::new(WINDOW_FAILED, error.code(), &error.to_string()),
        };
        tracing::error!(request_id, code = failed.code().as_str(), "the invocation failed: {}", failed.message());
        Err(failed)
    }

    fn count(&self, request_id: &str, handled: &HandledInvocation) {
        if self.metrics == MetricsFormat::Emf {
            metrics::write(&self.environment.function_name, request_id, handled);
        }
    }

    async fn answer_other(
        &self,
        shape: InvocationShape,
        body: &[u8],
        request_id: &str,
        deadline: Option<Deadline>,
    ) -> Result<Response, FailedInvocation> {
        match shape {
            InvocationShape::Firehose => {
                let answered = firehose::answer(&self.processor, body, self.pack, deadline).await;
                let response = answered.and_then(|answered| {
                    self.count(request_id, &answered.handled);
                    answered.response
                });
                response.map(Response::Firehose)
            }
            InvocationShape::Pipes => {
                let answered = pipes::answer(&self.processor, body, deadline).await?;
                self.count(request_id, &answered.handled);
                Ok(Response::Pipes(answered.response))
            }
            InvocationShape::Direct => {
                direct::answer(&self.processor, &self.about, body, deadline).await.map(Response::Direct)
            }
        }
    }
}
