//! The Lambda function's `main`: settings, warm state, run.

use std::process::ExitCode;
use std::time::Instant;

use kinesieve::assembly::{self, AssemblyOptions};
use kinesieve::lambda::{
    Function, FunctionStartError, StartBudget, concurrency, environment, report_init_error, serve,
};
use kinesieve::settings::{FunctionOnly, FunctionSettings, Target, reach_services_by};
use kinesieve::telemetry;

fn main() -> ExitCode {
    let budget = StartBudget::of_process_that_began(Instant::now());
    end_with_a_panic();
    keep_what_is_freed();
    // One thread is enough for one invocation at a time, whose work is done by the guests' threads.
    let mut builder = match concurrency().get() {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            telemetry::log_fatal_of_the_system(&format!("the function can't start: no asynchronous runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let function = match start(budget).await {
            Ok(started) => started,
            Err(error) => {
                let code = error.code();
                telemetry::log_fatal(&format!("the function can't start: {error}"), code);
                report_init_error("Kinesieve.InitError", &error.to_string(), code).await;
                return ExitCode::FAILURE;
            }
        };
        match serve(function).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(code = error.code().as_str(), "the function ends: {error}");
                ExitCode::FAILURE
            }
        }
    })
}

/// No input panics. Should a thread do so all the same, it takes the process with it: Lambda sends the
/// batch again, to a new environment, rather than to one that lost its guest's thread.
fn end_with_a_panic() {
    std::panic::set_hook(Box::new(|panic| {
        telemetry::log_panic(panic);
        std::process::abort();
    }));
}

/// Makes the allocator keep what an invocation frees for the next one. Given back to the system each time, megabytes would
/// come again as thousands of page faults, each of which clears a page; like this there are none after the first.
///
/// glibc moves the size from which it gives memory back along with the sizes that it sees freed, to twice the largest, if
/// that is not above 32 MiB ("the dynamic mmap threshold": <https://man7.org/linux/man-pages/man3/mallopt.3.html>). None of
/// these bytes is ever touched, so they take no memory; another allocator just gives them back.
fn keep_what_is_freed() {
    const MOST: usize = (32 << 20) - (64 << 10);
    drop(std::hint::black_box(Vec::<u8>::with_capacity(MOST)));
}

async fn start(budget: StartBudget) -> Result<Function, FunctionStartError> {
    let (settings, routes) = FunctionSettings::from_variables(std::env::vars_os()).await?;
    telemetry::log_json(settings.common.log);
    settings.common.access.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    reach_services_by(settings.common.access.reaches(Some(settings.checkpoint.access()))?);
    let environment = environment()?;
    let workers = settings.common.workers.unwrap_or(environment.vcpus()).max(concurrency());
    let most = settings.common.memory_limit.as_u64().saturating_mul(workers.get() as u64);
    if most >= environment.memory {
        tracing::warn!(
            "KINESIEVE_MEMORY_LIMIT is {} for each of {workers} workers, the function has {} in all: a transform that \
             uses up its limit ends the function, and its batch comes again and again; give the function more memory, \
             or the transform less",
            settings.common.memory_limit,
            bytesize::ByteSize::b(environment.memory),
        );
    }
    settings.checkpoint.check()?;
    let options = AssemblyOptions { workers, batches: Some(concurrency()), ..AssemblyOptions::default() };
    let mut processor = assembly::processor_with(&settings.common, &routes, &Target::Stdout, options).await?;
    assembly::check_windows(&processor, &settings.checkpoint)?;
    let FunctionOnly { deadline_reserve, warm_connections, metrics } = settings.only;
    let connect = async {
        if warm_connections {
            processor.warm(budget.for_connections()).await;
        }
    };
    // Side by side, since they share what is left of the start.
    let checkpoint_writer =
        assembly::checkpoint_writer(&settings.checkpoint, &environment.function_name, None, budget.for_table());
    let (checkpoint_writer, ()) = tokio::join!(checkpoint_writer, connect);
    if let Some(checkpoint_writer) = checkpoint_writer? {
        processor = processor.with_checkpoint_writer(checkpoint_writer);
    }
    let about = assembly::about(&settings.common, &settings.checkpoint, &routes, &processor)?;
    Ok(Function { processor, deadline_reserve, metrics, pack: settings.common.pack, about, environment })
}
