//! Windows: the events of one, and a processor whose events say what is folded.

use std::sync::{Arc, LazyLock};

use kinesieve::dead_letter::DeadLetters;
use kinesieve::lambda::{HandleError, HandledInvocation, handle};
use kinesieve::processor::{Deadline, Outputs, Processor};
use kinesieve::sink::Sink;
use kinesieve::transform::{Limits, Transform, WindowPool};
use serde_json::{Value, json};

use super::events::{SHARD_ID, STREAM_ARN};
use super::{block_on, guest_file};

pub const START: &str = "2026-11-20T17:00:00Z";
pub const END: &str = "2026-11-20T17:01:00Z";

/// The event of part of a window.
pub fn part(records: impl IntoIterator<Item = Value>, state: &Value, is_final: bool) -> Value {
    json!({
        "Records": records.into_iter().collect::<Vec<_>>(),
        "window": { "start": START, "end": END },
        "state": state,
        "shardId": SHARD_ID,
        "eventSourceARN": STREAM_ARN,
        "isFinalInvokeForWindow": is_final,
        "isWindowTerminatedEarly": false,
    })
}

/// A processor around the folding guest, with one instance.
pub fn folding(
    limits: Limits,
    output: Arc<dyn Sink>,
    dead_letters: Option<Arc<dyn Sink>>,
    settings: &[(String, String)],
) -> Processor {
    /// Compiled once for all tests: it takes longer than most of them.
    static TRANSFORM: LazyLock<Transform> =
        LazyLock::new(|| Transform::load(&guest_file("folding")).expect("the folding guest"));

    let dead_letters = dead_letters.map(|sink| DeadLetters::new(sink, TRANSFORM.digest()));
    processor_of(&TRANSFORM, limits, output, dead_letters, settings)
}

/// A processor around any transform of windows, with one instance.
pub fn processor_of(
    transform: &Transform,
    limits: Limits,
    output: Arc<dyn Sink>,
    dead_letters: Option<DeadLetters>,
    settings: &[(String, String)],
) -> Processor {
    let one = std::num::NonZeroUsize::MIN;
    let guests = WindowPool::start(transform, limits, settings, one).expect("the guest starts");
    Processor::new(guests, Outputs::new(output, []), dead_letters)
}

/// What the function would answer to part of a window: the record to replay from, and the state to go on from.
#[derive(Debug)]
pub struct Answer {
    pub replay_from: Option<String>,
    pub state: Value,
    pub handled: HandledInvocation,
}

pub fn answer(processor: &Processor, event: &Value, deadline: Option<Deadline>) -> Result<Answer, HandleError> {
    let handled = block_on(handle(processor, event.to_string().as_bytes(), deadline))?;
    let response = serde_json::to_value(handled.response()).expect("JSON");
    let failures = response["batchItemFailures"].as_array().expect("a list").clone();
    assert!(failures.len() <= 1, "{failures:?}");
    let replay_from =
        failures.first().map(|failure| failure["itemIdentifier"].as_str().expect("a position").to_owned());
    let state = serde_json::to_value(handled.carried.as_ref().expect("a state")).expect("JSON");
    Ok(Answer { replay_from, state, handled })
}

/// What the folding guest has in a state.
pub fn contents(state: &Value) -> Value {
    let data = state["data"].as_str().expect("data");
    serde_json::from_slice(&base64_simd::STANDARD.decode_to_vec(data).expect("base64")).expect("JSON")
}
