//! What a bucket says of an object that it took.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Bytes of an answer that are told.
const EXCERPT_BYTES: usize = 200;

/// Reads an answer of success as well, which the SDK does not: of an object that was taken there is nothing to say but in
/// headers. What stands there instead is an error of S3, which may come after the head of an answer was sent, or the
/// words of something else that answered in its place.
#[derive(Debug)]
pub(super) struct PutObjectAnswer;

impl Intercept for PutObjectAnswer {
    fn name(&self) -> &'static str {
        "PutObjectAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let body = response.body().bytes().unwrap_or_default();
        if response.status().is_success() && !is_taken(response.headers().contains_key("etag"), body) {
            let excerpt = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
            let status = response.status().as_u16();
            return Err(format!("the service answered with status {status}, and said: {}", excerpt.trim()).into());
        }
        Ok(())
    }
}

/// Whether an answer of success is one.
fn is_taken(has_tag: bool, body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.is_empty() || (has_tag && memchr::memmem::find(body, b"<Error").is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_or_a_strangers_words_are_no_success() {
        let error = b"<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>".as_slice();
        assert!(is_taken(true, b"") && is_taken(false, b"") && is_taken(false, b" \n") && is_taken(true, b"<Put/>"));
        assert!(!is_taken(true, error) && !is_taken(false, error) && !is_taken(false, b"<html>please log in</html>"));
    }
}
