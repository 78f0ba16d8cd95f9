//! The function and the runtime API of Lambda: how events arrive, and what becomes of it when the API fails.

use std::process::Stdio;
use std::time::Duration;

use crate::support::events::{event, event_of, record, sequence_number};
use crate::support::runtime_api::{Manner, RuntimeApi};
use crate::support::services::{Faults, Service, Stub};
use crate::support::targets::Kind;
use crate::support::{guest_file, in_lambda, stderr};

const PATIENCE: Duration = Duration::from_secs(60);

/// Where a piece ends, a record does not.
#[test]
fn an_event_is_the_same_in_however_many_pieces_it_arrives() {
    let scripts: Vec<_> = (0..300).map(|index| if index == 250 { "retry" } else { "keep" }).collect();
    let events = vec![event(&scripts), br#"{"Records":[{"eventSource":"aws:sqs"}]}"#.to_vec()];
    for pieces in [1, 7, 40] {
        // The last comes first.
        let api = RuntimeApi::in_manner(Manner::InPieces(pieces), events.clone(), PATIENCE);
        let mut function = in_lambda(&api)
            .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
            .env("KINESIEVE_OUTPUT", "none")
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut posted = [api.next_post(PATIENCE), api.next_post(PATIENCE)].map(|posted| (posted.path, posted.body));
        function.kill().expect("it runs");
        function.wait().expect("it ends");
        posted.sort();
        let [(error, why), (response, answer)] = posted;
        assert!(error.ends_with("/error") && why.contains("Kinesieve.NotAKinesisEvent"), "{error}: {why}");
        assert!(response.ends_with("/response") && answer.contains(&sequence_number(250)), "{response}: {answer}");
    }
}

/// Nothing is known of the rest, and Lambda gives the batch to another environment.
#[test]
fn where_the_api_fails_the_function_ends_and_says_why() {
    for (manner, why) in [(Manner::CutShort, "does not answer"), (Manner::Broken, "answers status 500")] {
        let api = RuntimeApi::in_manner(manner, vec![event(&["keep", "keep"])], PATIENCE);
        let done = in_lambda(&api)
            .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
            .env("KINESIEVE_OUTPUT", "none")
            .output()
            .expect("it runs");
        let log = stderr(&done);
        assert!(!done.status.success() && log.contains(why), "{manner:?}: {log}");
        assert!(!log.contains("processed a batch"), "{manner:?}: {log}");
    }
}

#[test]
fn an_answer_that_is_refused_is_told_and_the_next_invocation_is_taken() {
    let events = vec![event(&["keep"]), event(&["retry"])];
    let api = RuntimeApi::in_manner(Manner::RefusesAnswers, events, PATIENCE);
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    for _ in 0..2 {
        assert!(api.next_post(PATIENCE).path.ends_with("/response"));
    }
    function.kill().expect("it runs");
    let log = stderr(&function.wait_with_output().expect("it ends"));
    assert!(log.contains("Lambda refuses the answer with status 413 Payload Too Large: too large"), "{log}");
}

/// Lambda tells by it that functions invoke each other for ever.
#[test]
fn targets_are_told_the_trace_of_the_invocation() {
    let stub = Stub::start(Service::Sqs, Faults::default(), 1);
    let api = RuntimeApi::with_invocation(event_of([record(0, "a", &"keep".into())]), PATIENCE);
    let mut function = in_lambda(&api)
        .env("AWS_ENDPOINT_URL_SQS", stub.endpoint())
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", Kind::Queue.arn())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let posted = api.next_post(PATIENCE);
    function.kill().expect("it runs");
    function.wait().expect("it ends");
    assert_eq!(posted.body, r#"{"batchItemFailures":[]}"#);
    assert_eq!(stub.trace_ids(), [Some("Root=1".to_owned())]);
}
