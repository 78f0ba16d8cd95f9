//! Invocations by hand, in the console for instance: one record to the output, or how the function is.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use super::failed::FailedInvocation;
use crate::error_code::ErrorCode;
use crate::event::{SequenceNumber, Shard};
use crate::json_error::{JsonForm, explained};
use crate::processor::{Deadline, Processor};
use crate::sink::{Delivery, Output};

/// The name under which Lambda reports a direct invocation that was refused.
const DIRECT_FAILED: &str = "Kinesieve.DirectFailed";

/// The partition key of a record that names none.
const KEY: &str = "direct";

/// What an invocation asks for, in messages.
const REQUEST: JsonForm = JsonForm {
    what: "a request",
    example: "{\"operation\":\"create\",\"data\":...,\"metadata\":{\"partitionKey\":...}}",
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a request")]
struct Request {
    operation: String,
    data: Option<Value>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object with a partitionKey")]
struct Metadata {
    partition_key: Option<String>,
}

/// Does what an invocation asks for, and answers. `about` is what there is to say of the function.
///
/// # Errors
/// What is wrong with the request, or why the output does not take the record.
pub(super) async fn answer(
    processor: &Processor,
    about: &Value,
    body: &[u8],
    deadline: Option<Deadline>,
) -> Result<Value, FailedInvocation> {
    let request: Request = serde_json::from_slice(body).map_err(|error| {
        // It quotes names and values, and those are the caller's own.
        invalid(&explained(&error, &String::from_utf8_lossy(body), REQUEST))
    })?;
    match (request.operation.as_str(), request.data) {
        ("health", _) => Ok(about.clone()),
        ("create", Some(data)) => create(processor, data, request.metadata, deadline).await,
        ("create", None) => Err(invalid("\"create\" puts \"data\" to the output, and there is none")),
        (other, _) => Err(invalid(&format!("{other:?} is no operation: use create or health"))),
    }
}

async fn create(
    processor: &Processor,
    data: Value,
    metadata: Metadata,
    deadline: Option<Deadline>,
) -> Result<Value, FailedInvocation> {
    let data = match data {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let partition_key = metadata.partition_key.unwrap_or_else(|| KEY.to_owned());
    let shard = Shard { stream_arn: KEY.to_owned(), id: KEY.to_owned() };
    // No two are alike, so that none replaces another where a name is made of it.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
    let sequence_number = SequenceNumber::parse(&now).map_err(|error| invalid(&error.to_string()))?;
    let output = Output {
        data: data.as_bytes(),
        partition_key: &partition_key,
        explicit_hash_key: None,
        has_chosen_key: false,
        route: None,
        shard: &shard,
        sequence_number,
        sub_sequence_number: 0,
        ordinal: 0,
    };
    match processor.put(output, deadline.map(|deadline| deadline.answer_by)).await {
        Delivery::Delivered => Ok(json!({ "delivered": 1, "bytes": data.len(), "partitionKey": partition_key })),
        Delivery::Failed { reason } => Err(not_taken(&format!("the output did not take it: {reason}"))),
        Delivery::Undeliverable { reason } => Err(not_taken(&format!("the output can never take it: {reason}"))),
    }
}

/// The request is wrong.
fn invalid(message: &str) -> FailedInvocation {
    FailedInvocation::new(DIRECT_FAILED, ErrorCode::InvalidDirectInvocation, message)
}

/// The output does not take the record.
fn not_taken(message: &str) -> FailedInvocation {
    FailedInvocation::new(DIRECT_FAILED, ErrorCode::DestinationRefused, message)
}
