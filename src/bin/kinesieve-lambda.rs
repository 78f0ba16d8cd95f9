//! The Lambda function's `main`: settings, warm state, run.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use kinesieve::assembly;
use kinesieve::lambda::{report_init_error, serve};
use kinesieve::settings::{FunctionSettings, Target};
use kinesieve::telemetry;
use tracing::level_filters::LevelFilter;

fn main() -> ExitCode {
    end_with_a_panic();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("kinesieve-lambda: no asynchronous runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let (processor, deadline_reserve) = match start() {
            Ok(started) => started,
            Err(error) => {
                // The level may be what is wrong with the settings.
                telemetry::log_json(LevelFilter::ERROR);
                let message = error.to_string();
                tracing::error!("the function can't start: {message}");
                report_init_error("Kinesieve.InitError", &message).await;
                return ExitCode::FAILURE;
            }
        };
        match serve(processor, deadline_reserve).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("the function ends: {error}");
                ExitCode::FAILURE
            }
        }
    })
}

/// No input panics. Should a thread do so all the same, it takes the process with it: Lambda sends the
/// batch again, to a new environment, rather than to one that lost its guest's thread.
fn end_with_a_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::abort();
    }));
}

fn start() -> anyhow::Result<(kinesieve::processor::Processor, std::time::Duration)> {
    let (settings, routes) = FunctionSettings::from_variables(std::env::vars_os())?;
    telemetry::log_json(settings.common.log);
    for required in ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION"] {
        std::env::var(required).map_err(|_| {
            anyhow!("{required} is not set: this program runs inside AWS Lambda; on a laptop use `kinesieve run`")
        })?;
    }
    std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        .ok()
        .and_then(|size| size.parse::<i32>().ok())
        .context("AWS_LAMBDA_FUNCTION_MEMORY_SIZE is not a number of megabytes")?;
    let processor = assembly::processor(&settings.common, &routes, &Target::Stdout)?;
    Ok((processor, settings.deadline_reserve))
}
