//! A failure as the runtime API takes it: of an invocation, or of the start.

use hyper::Request;
use hyper::header::HeaderValue;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, build_request};
use serde::Serialize;

use crate::error_code::ErrorCode;

/// How much of a message is told, in bytes. A transform's reason may have megabytes, and Lambda refuses such an answer.
const MOST_MESSAGE_BYTES: usize = 16 << 10;

/// Why an invocation or the start failed, for whoever invoked the function.
///
/// As JSON it is the body of the runtime API's two error requests:
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror>.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailedInvocation {
    error_type: &'static str,
    #[serde(skip)]
    code: ErrorCode,
    error_message: String,
    /// Always empty: what fails here says why in its message.
    stack_trace: [&'static str; 0],
}

impl FailedInvocation {
    /// A failure of a type, such as `Kinesieve.WindowFailed`. A message that is too long to be told is cut.
    pub(super) fn new(error_type: &'static str, code: ErrorCode, message: &str) -> Self {
        let error_message = message[..message.floor_char_boundary(MOST_MESSAGE_BYTES)].to_owned();
        Self { error_type, code, error_message, stack_trace: [] }
    }

    /// Returns the code of what failed, which the log names.
    pub(super) fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the message, as far as it is told.
    pub(super) fn message(&self) -> &str {
        &self.error_message
    }

    /// Returns the request that reports it at a path of the runtime API. `invocation` is the id of one of several
    /// invocations at once.
    ///
    /// # Errors
    /// When the path can't be one.
    pub(super) fn request(&self, path: &str, invocation: Option<&HeaderValue>) -> Result<Request<Body>, BoxError> {
        let mut request = build_request()
            .method("POST")
            .uri(path)
            .header("content-type", "application/json")
            // Lambda counts and shows failures by it.
            .header("lambda-runtime-function-error-type", self.error_type);
        if let Some(invocation) = invocation {
            request = request.header("lambda-runtime-invocation-id", invocation);
        }
        Ok(request.body(Body::from(serde_json::to_vec(self)?))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_fields_of_the_runtime_api() {
        let failed =
            FailedInvocation::new("Kinesieve.WindowFailed", ErrorCode::WindowNotClosed, "the window \"a\" can't go on");
        let body = serde_json::to_value(&failed).expect("JSON");
        let expected = serde_json::json!({
            "errorType": "Kinesieve.WindowFailed", "errorMessage": "the window \"a\" can't go on", "stackTrace": [],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_message_of_megabytes_is_cut_between_two_characters() {
        let failed =
            |message: &str| FailedInvocation::new("Kinesieve.FirehoseFailed", ErrorCode::InvalidFirehoseEvent, message);
        assert_eq!(failed(&format!("x{}", "é".repeat(1 << 20))).message().len(), MOST_MESSAGE_BYTES - 1);
        assert_eq!(failed("é").message(), "é");
    }
}
