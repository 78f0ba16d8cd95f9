//! How long a transform may ask for an event again before it is dead-lettered.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kinesieve::event::{Batch, Record};
use kinesieve::processor::{Cause, Report, RetryLimits};
use kinesieve::transform::Limits;

use crate::support::events::batch;
use crate::support::sinks::Recorder;
use crate::support::{Scripted, block_on, guest_file, kinesieve, stderr};

fn attempts(most: u32) -> RetryLimits {
    RetryLimits { attempts: NonZeroU32::new(most), age: None }
}

/// A processor with these limits, its output and its dead letters.
struct Stage {
    output: Arc<Recorder>,
    dead_letters: Arc<Recorder>,
    processor: kinesieve::processor::Processor,
}

impl Stage {
    fn new(limits: RetryLimits) -> Self {
        let (output, dead_letters) = (Arc::<Recorder>::default(), Arc::<Recorder>::default());
        let processor = Scripted::new(Limits::default()).processor(&output, &output, Some(&dead_letters));
        Self { output, dead_letters, processor: processor.with_retry_limits(limits) }
    }

    fn process(&self, batch: Batch) -> Report {
        block_on(self.processor.process(Arc::new(batch), None))
    }

    fn letters(&self) -> Vec<serde_json::Value> {
        self.dead_letters.texts().iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
    }
}

#[test]
fn at_the_last_attempt_the_event_is_dead_lettered_and_the_batch_goes_on() {
    let stage = Stage::new(attempts(3));
    let payloads = ["keep", "retry the table is locked", "keep"];
    for attempt in 1..3 {
        let stop = stage.process(batch(&payloads)).stop.expect("a stop");
        assert_eq!((stop.index, stop.attempts, stop.cause), (1, attempt, Cause::Retry));
    }
    assert_eq!(stage.process(batch(&payloads)).stop, None);
    let letters = stage.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0]["kind"], &letters[0]["attempts"]), (&"exhausted".into(), &3.into()));
    assert_eq!(letters[0]["dataBase64"], base64_simd::STANDARD.encode_to_string(payloads[1]));
    let reason = letters[0]["reason"].as_str().expect("a reason");
    assert_eq!(
        reason,
        "the transform asks for it again, at attempt 3 of 3 (KINESIEVE_MAX_ATTEMPTS): the table is locked"
    );
    // Three passes over the first event, and one over the last.
    assert_eq!(stage.output.texts().len(), 4);
}

/// Attempts belong to the event that blocks: one behind it has had none.
#[test]
fn each_event_has_attempts_of_its_own() {
    let stage = Stage::new(attempts(2));
    let payloads = ["retry first", "retry second"];
    let stops: Vec<Option<(usize, u32)>> =
        (0..3).map(|_| stage.process(batch(&payloads)).stop.map(|stop| (stop.index, stop.attempts))).collect();
    // The first is dead-lettered at its second attempt, which is the first of the second event.
    assert_eq!(stops[..2], [Some((0, 1)), Some((1, 1))]);
    // Lambda would send the rest: from there on, the second is at its second attempt.
    assert_eq!(stage.letters().len(), 1);
}

#[test]
fn one_attempt_means_that_nothing_is_tried_again() {
    let stage = Stage::new(attempts(1));
    assert_eq!(stage.process(batch(&["retry a", "keep", "retry b"])).stop, None);
    assert_eq!((stage.letters().len(), stage.output.texts().len()), (2, 1));
}

#[test]
fn an_old_event_is_dead_lettered_and_a_young_one_comes_again() {
    let stage = Stage::new(RetryLimits { attempts: None, age: Some(Duration::from_secs(3600)) });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    let mut batch = Batch::builder("arn:aws:kinesis:eu-west-1:123456789012:stream/in", "shardId-000000000000");
    for (number, arrived_at) in [("1", now - 7_200_000), ("2", now - 60_000)] {
        let record = Record { partition_key: "key", sequence_number: number, sub_sequence_number: 0, arrived_at };
        batch.push_bytes(record, b"retry later").expect("pushed");
    }
    let stop = stage.process(batch.build()).stop.expect("a stop");
    assert_eq!((stop.index, stop.cause), (1, Cause::Retry));
    let letters = stage.letters();
    assert_eq!((letters.len(), &letters[0]["kind"]), (1, &"exhausted".into()));
    let reason = letters[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("it arrived 2h ago, more than 1h (KINESIEVE_MAX_EVENT_AGE)"), "{reason}");
}

/// A target that is down is no fault of the event's: dead-lettering one after the other would drain the
/// stream.
#[test]
fn an_output_that_is_not_delivered_does_not_use_up_the_event() {
    let plan = std::collections::HashMap::from([(
        crate::support::events::sequence_number(0),
        crate::support::sinks::Fault::Fails { place: 0, times: 9 },
    )]);
    let output = Arc::new(Recorder::with_plan(plan));
    let dead_letters = Arc::<Recorder>::default();
    let processor = Scripted::new(Limits::default())
        .processor(&output, &output, Some(&dead_letters))
        .with_retry_limits(attempts(2));
    for attempt in 1..5 {
        let stop = block_on(processor.process(Arc::new(batch(&["keep"])), None)).stop.expect("a stop");
        assert_eq!((stop.cause, stop.attempts), (Cause::NotDelivered, attempt));
    }
    assert!(dead_letters.texts().is_empty());
}

#[test]
fn a_limit_without_a_place_for_dead_letters_is_refused() {
    for (flag, value, name) in
        [("--max-attempts", "3", "KINESIEVE_MAX_ATTEMPTS"), ("--max-event-age", "1h", "KINESIEVE_MAX_EVENT_AGE")]
    {
        let output = kinesieve(&["run", "--input", "-", flag, value, "--transform"])
            .arg(guest_file("keep"))
            .stdin(std::process::Stdio::null())
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        let message = stderr(&output);
        assert!(message.contains(name) && message.contains("set KINESIEVE_DEAD_LETTER"), "{message}");
    }
}
