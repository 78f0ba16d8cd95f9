//! The handler that a team would write in Rust: the runtime, its event types, and a loop over the records.

use std::io::Write;

use aws_lambda_events::kinesis::KinesisEvent;
use aws_lambda_events::streams::KinesisEventResponse;
use lambda_runtime::{Error, LambdaEvent, service_fn};

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda_runtime::run(service_fn(handle)))
}

async fn handle(event: LambdaEvent<KinesisEvent>) -> Result<KinesisEventResponse, Error> {
    let mut outputs = Vec::new();
    let mut response = KinesisEventResponse::default();
    for record in &event.payload.records {
        match reading::rewrite(&record.kinesis.data.0) {
            Ok(Some(output)) => outputs.push(output),
            Ok(None) => {}
            Err(_) => {
                response.add_failure(record.kinesis.sequence_number.clone());
                break;
            }
        }
    }
    // Only to compare what comes out.
    if let Some(path) = std::env::var_os("PEER_OUTPUTS") {
        let mut file = std::fs::File::create(path)?;
        for output in &outputs {
            file.write_all(output)?;
            file.write_all(b"\n")?;
        }
    }
    Ok(response)
}
