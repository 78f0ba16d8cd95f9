//! Lambda's event source mapping: a response or an error in, the next delivery out.

use std::ops::Range;
use std::time::Duration;

use kinesieve::event::{Batch, Record};
use kinesieve::source::mapping::{
    Answered, DeliveryOutcome, DiscardCondition, DiscardedRecords, IncludeRecords, MappingRules, MappingStep, OnError,
    Retries, describe,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::event_source_mapping::{self, EventSourceMapping};
use crate::support::events::{SHARD_ID, STREAM_ARN, arrived_at, sequence_number};

use DeliveryOutcome::{Done, Failed, StoppedAt};

const AT_ONCE: u64 = 1_000_000;

/// A batch whose records all arrived just now.
fn batch(rules: MappingRules, records: usize) -> Retries {
    Retries::new(rules, vec![AT_ONCE; records])
}

/// What it shows, the rules, how many records the batch has, what comes of each delivery, and what is done.
type Case<'a> = (&'a str, MappingRules, usize, &'a [DeliveryOutcome], &'a [&'a str]);

/// What was delivered and what was given up, in words.
fn story(rules: MappingRules, records: usize, outcomes: &[DeliveryOutcome]) -> Vec<String> {
    let mut retries = batch(rules, records);
    let mut outcomes = outcomes.iter();
    let mut story = Vec::new();
    loop {
        match retries.next(AT_ONCE) {
            MappingStep::Over => {
                assert!(outcomes.next().is_none(), "it is over early: {story:?}");
                return story;
            }
            MappingStep::Discard(DiscardedRecords { range, condition, invocations, last: _ }) => {
                story.push(format!("gives up {range:?} after {invocations}: {}", condition.as_str()));
            }
            MappingStep::Deliver(delivery) => {
                story.push(format!("{:?} ({})", delivery.range, delivery.attempt));
                match outcomes.next() {
                    Some(outcome) => retries.came_back(*outcome),
                    None => return story,
                };
            }
        }
    }
}

#[test]
fn a_response_or_an_error_in_and_the_next_delivery_out() {
    let plain = MappingRules::default();
    let halving = MappingRules { on_error: OnError::Halve, ..plain };
    let twice = MappingRules { retries: Some(1), ..plain };
    let once = MappingRules { retries: Some(0), ..plain };
    let halving_once = MappingRules { on_error: OnError::Halve, ..once };
    let halving_twice = MappingRules { on_error: OnError::Halve, ..twice };
    let table: &[Case<'_>] = &[
        ("full success", plain, 10, &[Done], &["0..10 (1)"]),
        ("an empty batch is over", plain, 0, &[], &[]),
        (
            "a position: the remainder from there, its count afresh",
            plain,
            10,
            &[StoppedAt(4)],
            &["0..10 (1)", "4..10 (1)"],
        ),
        (
            "each progress starts afresh",
            plain,
            10,
            &[Failed, StoppedAt(4), Failed, StoppedAt(5), Done],
            &["0..10 (1)", "0..10 (2)", "4..10 (1)", "4..10 (2)", "5..10 (1)"],
        ),
        ("a position at the front is no progress", plain, 10, &[StoppedAt(0)], &["0..10 (1)", "0..10 (2)"]),
        (
            "a position that was not delivered: a failure of all",
            plain,
            10,
            &[StoppedAt(12)],
            &["0..10 (1)", "0..10 (2)"],
        ),
        ("also one from before", plain, 10, &[StoppedAt(4), StoppedAt(2)], &["0..10 (1)", "4..10 (1)", "4..10 (2)"]),
        ("an error: all of it again", plain, 10, &[Failed, Done], &["0..10 (1)", "0..10 (2)"]),
        (
            "for ever, by default",
            plain,
            2,
            &[Failed; 6],
            &["0..2 (1)", "0..2 (2)", "0..2 (3)", "0..2 (4)", "0..2 (5)", "0..2 (6)", "0..2 (7)"],
        ),
        (
            "an error, bisecting: its halves, in order",
            halving,
            10,
            &[Failed, Done, Done],
            &["0..10 (1)", "0..5 (1)", "5..10 (1)"],
        ),
        (
            "of an odd number the second is larger",
            halving,
            5,
            &[Failed, Done, Done],
            &["0..5 (1)", "0..2 (1)", "2..5 (1)"],
        ),
        (
            "halves of halves",
            halving,
            4,
            &[Failed, Failed, Done, Done, Done],
            &["0..4 (1)", "0..2 (1)", "0..1 (1)", "1..2 (1)", "2..4 (1)"],
        ),
        (
            "bisecting, a position splits: the remainder only, not halved",
            halving,
            10,
            &[StoppedAt(4), Done],
            &["0..10 (1)", "4..10 (1)"],
        ),
        (
            "bisecting, a position at the front halves nothing",
            halving,
            10,
            &[StoppedAt(0)],
            &["0..10 (1)", "0..10 (2)"],
        ),
        (
            "a position in a half",
            halving,
            8,
            &[Failed, StoppedAt(2), Done, Done],
            &["0..8 (1)", "0..4 (1)", "2..4 (1)", "4..8 (1)"],
        ),
        (
            "a position of the other half was not delivered",
            halving,
            8,
            &[Failed, StoppedAt(6)],
            &["0..8 (1)", "0..4 (1)", "0..2 (1)"],
        ),
        (
            "attempts run out: all that is left is given up, the good records too",
            twice,
            5,
            &[StoppedAt(2), StoppedAt(2), StoppedAt(2)],
            &["0..5 (1)", "2..5 (1)", "2..5 (2)", "gives up 2..5 after 2: RetryAttemptsExhausted"],
        ),
        ("no retries: one attempt", once, 3, &[Failed], &["0..3 (1)", "gives up 0..3 after 1: RetryAttemptsExhausted"]),
        (
            "but progress is no retry",
            once,
            3,
            &[StoppedAt(1), StoppedAt(2), Done],
            &["0..3 (1)", "1..3 (1)", "2..3 (1)"],
        ),
        (
            "splits cost no attempts: a poison record goes alone",
            halving_once,
            4,
            &[Failed, Done, Failed, Failed, Done],
            &[
                "0..4 (1)",
                "0..2 (1)",
                "2..4 (1)",
                "2..3 (1)",
                "gives up 2..3 after 3: RetryAttemptsExhausted",
                "3..4 (1)",
            ],
        ),
        (
            "halves have the attempts of their batch",
            halving_twice,
            2,
            &[StoppedAt(0), Failed, Failed, Done],
            &["0..2 (1)", "0..2 (2)", "0..1 (2)", "gives up 0..1 after 3: RetryAttemptsExhausted", "1..2 (2)"],
        ),
    ];
    for (case, rules, records, outcomes, expected) in table {
        assert_eq!(story(*rules, *records, outcomes), *expected, "{case}");
    }
}

#[test]
fn records_are_given_up_at_an_age() {
    let rules = MappingRules { record_age: Some(Duration::from_secs(60)), ..MappingRules::default() };
    let discard = |range: Range<usize>, invocations, last| {
        MappingStep::Discard(DiscardedRecords {
            range,
            condition: DiscardCondition::RecordAgeExceeded,
            invocations,
            last,
        })
    };
    // Before the first delivery, those that are too old and no others.
    let mut retries = Retries::new(rules, vec![0, 1000, 50_000]);
    assert_eq!(retries.next(61_001), discard(0..2, 0, None));
    let MappingStep::Deliver(delivery) = retries.next(61_001) else { panic!("the young one is delivered") };
    assert_eq!(delivery.range, 2..3);
    // After a failed one, all that is left.
    let mut retries = Retries::new(rules, vec![0, 1000, 50_000]);
    retries.next(59_000);
    retries.came_back(StoppedAt(1));
    retries.next(60_500);
    retries.came_back(StoppedAt(1));
    assert!(matches!(retries.next(61_000), MappingStep::Deliver(_)), "at the limit it is not beyond it");
    assert_eq!(retries.next(61_001), discard(1..3, 1, Some(Answered::ByAPosition)));
    assert_eq!(retries.next(61_001), MappingStep::Over);
}

#[test]
fn what_is_given_up_is_described_as_lambda_does() {
    let mut batch = Batch::builder(STREAM_ARN, SHARD_ID);
    for index in 3..5 {
        let record = Record {
            partition_key: "key",
            sequence_number: &sequence_number(index),
            sub_sequence_number: 0,
            arrived_at: arrived_at(index),
        };
        batch.push_bytes(record, b"Hello").expect("a record");
    }
    let batch = batch.build();
    let discard = |condition, last| DiscardedRecords { range: 3..5, condition, invocations: 2, last };
    let describe = |discard: &DiscardedRecords, payload| -> Value {
        serde_json::from_slice(&describe(&batch, discard, "an-id", arrived_at(9), payload)).expect("JSON")
    };
    let exhausted = discard(DiscardCondition::RetryAttemptsExhausted, Some(Answered::ByAnError));
    insta::assert_snapshot!(serde_json::to_string_pretty(&describe(&exhausted, IncludeRecords::LeftOut)).expect("JSON"), @r#"
    {
      "KinesisBatchInfo": {
        "approximateArrivalOfFirstRecord": "2018-12-17T22:10:51.026Z",
        "approximateArrivalOfLastRecord": "2018-12-17T22:10:51.039Z",
        "batchSize": 2,
        "endSequenceNumber": "49590338271490256608000000000000000000000000000000000004",
        "shardId": "shardId-000000000002",
        "startSequenceNumber": "49590338271490256608000000000000000000000000000000000003",
        "streamArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/readings"
      },
      "requestContext": {
        "approximateInvokeCount": 2,
        "condition": "RetryAttemptsExhausted",
        "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:kinesieve-run",
        "requestId": "an-id"
      },
      "responseContext": {
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
        "statusCode": 200
      },
      "timestamp": "2018-12-17T22:10:51.104Z",
      "version": "1.0"
    }
    "#);
    let answered = discard(DiscardCondition::RetryAttemptsExhausted, Some(Answered::ByAPosition));
    assert_eq!(describe(&answered, IncludeRecords::LeftOut)["responseContext"]["functionError"], Value::Null);
    let too_old = describe(&discard(DiscardCondition::RecordAgeExceeded, None), IncludeRecords::Included);
    assert_eq!(too_old.get("responseContext"), None);
    // What goes along is an event that the function could take.
    let event = kinesieve::event::parse_lambda_event(too_old["payload"].as_str().expect("a text").as_bytes());
    let event = event.expect("an event");
    assert_eq!((event.len(), event.event(1).payload.bytes()), (2, &b"Hello"[..]));
    assert_eq!((event.shard_id(), event.event(0).arrived_at), (SHARD_ID, arrived_at(3)));
}

/// What comes of a delivery, drawn anew for each.
fn outcomes() -> impl Strategy<Value = Vec<(u8, prop::sample::Index)>> {
    prop::collection::vec((0u8..4, any::<prop::sample::Index>()), 0..60)
}

fn outcome((kind, index): (u8, prop::sample::Index), range: &Range<usize>) -> DeliveryOutcome {
    match kind {
        0 => Done,
        1 => Failed,
        _ => StoppedAt(range.start + index.index(range.len())),
    }
}

proptest! {
    /// Whatever comes back, each record is acknowledged or given up exactly once, in order, nothing is delivered after
    /// that, and nothing is given up before its attempts are used up.
    #[test]
    fn each_record_is_done_or_given_up_once_and_in_order(
        records in 0usize..40, retries in prop::option::of(0u32..4), halves: bool, outcomes in outcomes(),
    ) {
        let on_error = if halves { OnError::Halve } else { OnError::Repeat };
        let mut machine = batch(MappingRules { on_error, retries, record_age: None }, records);
        let mut position = 0;
        let mut failures_at = 0;
        for drawn in outcomes {
            match machine.next(AT_ONCE) {
                MappingStep::Over => break,
                MappingStep::Discard(discard) => {
                    prop_assert_eq!(discard.range.start, position);
                    prop_assert!(!discard.range.is_empty());
                    prop_assert_eq!(Some(failures_at), retries.map(|retries| retries + 1));
                    position = discard.range.end;
                    failures_at = 0;
                }
                MappingStep::Deliver(delivery) => {
                    let Range { start, end } = delivery.range;
                    prop_assert!(start == position && end > start && end <= records);
                    let done = machine.came_back(outcome(drawn, &(start..end)));
                    prop_assert!(done.start == start && done.end <= end);
                    let is_halved = halves && drawn.0 == 1 && end - start > 1;
                    failures_at = if !done.is_empty() { 0 } else { delivery.attempt - u32::from(is_halved) };
                    if done.is_empty() && retries.is_none() {
                        prop_assert!(matches!(machine.clone().next(AT_ONCE), MappingStep::Deliver(_)));
                    }
                    position = done.end;
                }
            }
            if position < records {
                // A look at a copy: it gives up what it has to.
                prop_assert_ne!(machine.clone().next(AT_ONCE), MappingStep::Over);
            }
        }
        if machine.clone().next(AT_ONCE) == MappingStep::Over {
            prop_assert_eq!(position, records);
        }
    }

    /// Without limits it delivers what the tests' own model of a mapping does.
    #[test]
    fn it_agrees_with_an_independent_model(records in 1usize..40, halves: bool, outcomes in outcomes()) {
        let on_error = if halves { OnError::Halve } else { OnError::Repeat };
        let mut machine = batch(MappingRules { on_error, ..MappingRules::default() }, records);
        let mut model = EventSourceMapping::new(records, records, halves);
        for drawn in outcomes {
            let next = machine.next(AT_ONCE);
            let Some(expected) = model.next_batch() else {
                prop_assert_eq!(next, MappingStep::Over);
                break;
            };
            let MappingStep::Deliver(delivery) = next else { panic!("{next:?} instead of {expected:?}") };
            prop_assert_eq!(&delivery.range, &expected);
            let outcome = outcome(drawn, &expected);
            machine.came_back(outcome);
            let failures = |index: usize| {
                format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, sequence_number(index))
            };
            match outcome {
                Done => model.came_back(event_source_mapping::Outcome::Answered(r#"{"batchItemFailures":[]}"#)),
                Failed => model.came_back(event_source_mapping::Outcome::Failed),
                StoppedAt(index) => model.came_back(event_source_mapping::Outcome::Answered(&failures(index))),
            }
        }
    }
}
