//! What invokes the function besides an event source mapping: Firehose, EventBridge Pipes, and people.

mod by_hand;
mod firehose;
mod pipes;

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::runtime_api::{Posted, RuntimeApi};
use crate::support::{guest_file, in_lambda};

/// What the function posts for one invocation, and what its output holds then.
fn invoke(body: &Value, variables: &[(&str, &str)]) -> (Posted, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let api = RuntimeApi::with_invocation(body.to_string().into_bytes(), Duration::from_secs(60));
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", format!("file:{}", out.display()))
        .env("KINESIEVE_ROUTE_SIDE", format!("file:{}", out.display()))
        .envs(variables.iter().copied())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let posted = api.next_post(Duration::from_secs(60));
    let _ = function.kill();
    let _ = function.wait();
    (posted, std::fs::read_to_string(out).unwrap_or_default())
}

fn answer(body: &Value, variables: &[(&str, &str)]) -> Value {
    let (posted, _) = invoke(body, variables);
    assert!(posted.path.ends_with("/response"), "{posted:?}");
    serde_json::from_str(&posted.body).expect("JSON")
}

fn refusal(body: &Value) -> String {
    let (posted, _) = invoke(body, &[]);
    assert!(posted.path.ends_with("/error"), "{posted:?}");
    let said: Value = serde_json::from_str(&posted.body).expect("JSON");
    format!("{}: {}", said["errorType"].as_str().expect("a type"), said["errorMessage"].as_str().expect("a message"))
}

fn base64(data: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(data)
}
