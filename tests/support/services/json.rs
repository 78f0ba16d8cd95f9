//! The JSON protocol that Kinesis, Firehose and SQS share.

use serde_json::{Value, json};

use super::Lie;
use super::http::{Answer, Request};

/// The operation that a request asks for.
pub(super) fn operation(request: &Request) -> &str {
    request.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
}

/// What a request says; an answer where that can't be read.
pub(super) fn body(request: &Request) -> Result<Value, Answer> {
    serde_json::from_slice(&request.body)
        .map_err(|error| error_answer(400, "SerializationException", &error.to_string()))
}

/// The entries of a request.
pub(super) fn entries<'a>(body: &'a Value, member: &str) -> Result<&'a Vec<Value>, Answer> {
    body[member].as_array().ok_or_else(|| missing(member))
}

/// A member that has to be there.
pub(super) fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, Answer> {
    value[member].as_str().ok_or_else(|| missing(member))
}

/// A member of bytes.
pub(super) fn bytes(value: &Value, member: &str) -> Result<Vec<u8>, Answer> {
    base64_simd::STANDARD
        .decode_to_vec(text(value, member)?)
        .map_err(|_| error_answer(400, "SerializationException", &format!("{member} is not base64")))
}

pub(super) fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

pub(super) fn answer(body: &Value) -> Answer {
    Answer::new(200, "application/x-amz-json-1.1", body.to_string())
}

pub(super) fn error_answer(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(status, "application/x-amz-json-1.1", json!({ "__type": code, "message": message }).to_string())
}

/// An answer with a result for each record, as a lie about it.
pub(super) fn lie_of_results(lie: Lie, answer: Answer, results: &str, id: &str, failures: &str) -> Answer {
    let mut body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let list = body[results].as_array_mut().expect("results");
    match lie {
        Lie::Fewer => drop(list.pop()),
        Lie::Empty => body = json!({}),
        Lie::Neither => list.iter_mut().for_each(|result| *result = json!({})),
        Lie::Both => list.iter_mut().for_each(|result| {
            result["ErrorCode"] = "InternalFailure".into();
            result[id] = "49".into();
        }),
        Lie::Unnamed => body[failures] = 1.into(),
        Lie::Endless(_) => {}
    }
    self::answer(&body)
}

pub(super) fn unknown_operation(request: &Request) -> Answer {
    error_answer(400, "UnknownOperationException", operation(request))
}

fn missing(member: &str) -> Answer {
    error_answer(400, "ValidationException", &format!("{member} is missing, or of the wrong type"))
}
