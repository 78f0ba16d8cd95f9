//! A start that fails, told to Lambda.

use std::time::Duration;

use lambda_runtime_api_client::Client;

use super::failed::FailedInvocation;

use crate::error_code::ErrorCode;
use crate::redaction::redacted;

/// The program ends with an error all the same; this only makes the reason visible earlier.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Reports to the runtime API why the function can't start, so that the reason stands in the result
/// of whoever invokes it, and not only in the log. Where there is no runtime API, nothing happens.
///
/// The message ends in its code.
pub async fn report_init_error(error_type: &'static str, message: &str, code: ErrorCode) {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    let message = format!("{} ({code})", redacted(message));
    let request = FailedInvocation::new(error_type, code, &message).request("/2018-06-01/runtime/init/error", None);
    let (Ok(client), Ok(request)) = (Client::builder().build(), request) else { return };
    // Whatever comes of it: the message is in the log, and the exit code says the rest.
    let _ = tokio::time::timeout(TIMEOUT, client.call(request)).await;
}
