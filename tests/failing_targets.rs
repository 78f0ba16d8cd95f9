//! What goes out, and in which order, where targets fail: nothing behind an event that has to come again, and no dead letter
//! ahead of outputs that are not delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use kinesieve::dead_letter::DeadLetterKind;
use kinesieve::processor::{Cause, Processor, Stop};
use kinesieve::sink::{Delivery, DeliveryTiming, Output, Sink, SinkFuture, SinkResponse};
use kinesieve::transform::Limits;

use crate::support::events::batch;
use crate::support::sinks::Recorder;
use crate::support::{Scripted, block_on};

/// A target that is down until it is mended, and can never take what says that it is huge.
#[derive(Debug, Default)]
struct Target {
    is_down: AtomicBool,
    gathers: Option<usize>,
    /// Whether it knows beforehand what it can never take.
    knows: bool,
    taken: Recorder,
}

impl Target {
    fn down() -> Self {
        Self { is_down: AtomicBool::new(true), ..Self::default() }
    }

    fn gathering(self, bytes: usize) -> Self {
        Self { gathers: Some(bytes), ..self }
    }

    fn mend(&self) {
        self.is_down.store(false, Ordering::Relaxed);
    }

    fn texts(&self) -> Vec<String> {
        self.taken.texts()
    }
}

fn is_large(output: &Output<'_>) -> bool {
    output.data.windows(4).any(|word| word == b"huge")
}

impl Sink for Target {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        if self.is_down.load(Ordering::Relaxed) {
            let down = Delivery::Failed { reason: "access denied".into() };
            return Box::pin(std::future::ready(SinkResponse::of_all(outputs.len(), down)));
        }
        Box::pin(async move {
            let mut answer = SinkResponse::default();
            for output in outputs {
                let delivery = if is_large(output) {
                    Delivery::Undeliverable { reason: "too large".into() }
                } else {
                    self.taken.deliver(std::slice::from_ref(output), until).await.deliveries.remove(0)
                };
                answer.deliveries.push(delivery);
            }
            answer
        })
    }

    fn hand_over(&self) -> DeliveryTiming {
        self.gathers.map_or(DeliveryTiming::Promptly, |bytes| DeliveryTiming::Gathered { bytes })
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        (self.knows && is_large(output)).then(|| "too large".to_owned())
    }
}

fn processor(output: &Arc<Target>, letters: Option<&Arc<Target>>) -> Processor {
    Scripted::new(Limits::default()).processor(output, output, letters)
}

fn stop_of(processor: &Processor, payloads: &[&str]) -> Option<Stop> {
    block_on(processor.process(Arc::new(batch(payloads)), None)).stop
}

/// A letter says that an event is done, and what comes again with the outputs before it is not.
#[test]
fn an_output_that_is_denied_makes_no_dead_letters() {
    for gathers in [None, Some(10), Some(1 << 20)] {
        let output = Arc::new(Target { gathers, ..Target::down() });
        let letters = Arc::new(Target::default());
        let payloads = ["keep a", "reject b", "keep c", "reject d", "panic e"];
        for _ in 0..5 {
            // An environment that knows nothing of the one before.
            let stop = stop_of(&processor(&output, Some(&letters)), &payloads).expect("a stop");
            assert_eq!((stop.index, stop.cause), (0, Cause::NotDelivered));
        }
        assert_eq!(letters.texts().len(), 0, "{gathers:?}");
        output.mend();
        assert_eq!(stop_of(&processor(&output, Some(&letters)), &payloads), None);
        assert_eq!(output.texts(), ["keep a", "keep c"]);
        assert_eq!(letters.texts().len(), 3);
    }
}

/// With targets of both kinds: the letter waits for what is gathered, and what is behind it waits for the letter.
#[test]
fn a_dead_letter_waits_for_outputs_that_are_gathered_before_it() {
    let output = Arc::new(Target::default());
    let side = Arc::new(Target::down().gathering(1 << 20));
    let letters = Arc::new(Target::default());
    let transform = Scripted::new(Limits::default());
    let processor = transform.processor_of(output.clone(), side.clone(), Some(letters.clone()));
    let mut payloads = vec!["keep 0", "emit 1 route=side", "keep 2", "reject 3"];
    payloads.extend(["keep 4"; 2000]);
    let stop = stop_of(&processor, &payloads).expect("a stop");
    assert_eq!((stop.index, stop.cause), (1, Cause::NotDelivered));
    // It went out before anything failed.
    assert_eq!(output.texts(), ["keep 0", "keep 2"]);
    assert_eq!(letters.texts().len(), 0);
    side.mend();
    assert_eq!(stop_of(&processor, &payloads), None);
    assert_eq!((side.texts().len(), letters.texts().len()), (1, 1));
    let arrived = output.texts().into_iter().filter(|text| text == "keep 2").count();
    assert_eq!((arrived, output.texts().len()), (1, 3 + 2000), "what arrived behind the stop is not delivered again");
}

/// What waits for letters takes memory: it goes out before the batch ends, at the same place each time.
#[test]
fn what_waits_for_dead_letters_is_bounded() {
    let output = Arc::new(Target::default());
    let side = Arc::new(Target::default().gathering(1 << 30));
    let letters = Arc::new(Target::default());
    let transform = Scripted::new(Limits::default());
    let processor = transform.processor_of(output.clone(), side.clone(), Some(letters.clone()));
    let mut payloads = vec!["emit 1 route=side", "reject"];
    payloads.extend(["emit 1 size=1000000"; 12]);
    payloads.push("retry later");
    let stop = stop_of(&processor, &payloads).expect("a stop");
    assert_eq!((stop.index, stop.cause), (14, Cause::Retry));
    assert_eq!((side.texts().len(), letters.texts().len(), output.texts().len()), (1, 1, 12));
}

/// Without a place for dead letters, what can never be delivered comes again, and all behind it: so nothing of that goes
/// out, however often it is tried.
#[test]
fn without_dead_letters_nothing_behind_what_can_never_be_delivered_goes_out() {
    let output = Arc::new(Target { knows: true, ..Target::default() });
    let processor = processor(&output, None);
    let mut payloads = vec!["keep a", "keep what is huge"];
    payloads.extend(["keep behind"; 48]);
    for attempt in 1..5 {
        let stop = stop_of(&processor, &payloads).expect("a stop");
        assert_eq!((stop.cause, stop.attempts), (Cause::NoDeadLetterTarget(DeadLetterKind::Undeliverable), attempt));
        assert_eq!(output.texts(), vec!["keep a"; attempt as usize]);
    }
}

/// The same where the letter can't be written.
#[test]
fn behind_an_event_whose_dead_letter_is_refused_nothing_goes_out() {
    let output = Arc::new(Target { knows: true, ..Target::default() });
    let letters = Arc::new(Target::down());
    let processor = processor(&output, Some(&letters));
    for (failing, kind) in
        [("keep what is huge", DeadLetterKind::Undeliverable), ("reject it", DeadLetterKind::Rejected)]
    {
        for _ in 0..4 {
            let stop = stop_of(&processor, &[failing, "keep behind", "keep behind"]).expect("a stop");
            assert_eq!((stop.index, stop.cause), (0, Cause::DeadLetterFailed(kind)));
        }
    }
    assert_eq!(output.texts().len(), 0);
    letters.mend();
    assert_eq!(stop_of(&processor, &["keep what is huge", "keep behind"]), None);
    assert_eq!((output.texts().len(), letters.texts().len()), (1, 1));
}

/// Of an event with several outputs, none is delivered where one of them can never be.
#[test]
fn an_event_with_an_output_that_no_target_takes_is_dead_lettered_as_a_whole() {
    let output = Arc::new(Target { knows: true, ..Target::default() });
    let letters = Arc::new(Target::default());
    let processor = processor(&output, Some(&letters));
    assert_eq!(stop_of(&processor, &["emit 3 note=huge", "emit 2 note=small"]), None);
    assert_eq!(output.texts(), ["emit 2 note=small#0", "emit 2 note=small#1"]);
    assert_eq!(letters.texts().len(), 1);
}

/// A target that finds out only when it is asked that it can never take an output, and holds back what is behind it.
#[derive(Debug, Default)]
struct Strict {
    taken: Recorder,
}

impl Sink for Strict {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(async move {
            let mut answer = SinkResponse::default();
            for (place, output) in outputs.iter().enumerate() {
                let is_behind = outputs[..place]
                    .iter()
                    .any(|before| is_large(before) && before.partition_key == output.partition_key);
                let delivery = if is_behind {
                    answer.held_back.push(place);
                    Delivery::Failed { reason: "held back".into() }
                } else if is_large(output) {
                    Delivery::Undeliverable { reason: "too large".into() }
                } else {
                    self.taken.deliver(std::slice::from_ref(output), until).await.deliveries.remove(0)
                };
                answer.deliveries.push(delivery);
            }
            answer
        })
    }
}

/// What was held back goes out once the dead letter is written, in its order, and not before.
#[test]
fn what_was_held_back_goes_out_behind_the_dead_letter() {
    let payloads = [
        "emit 1 key=k note=a",
        "emit 1 key=k note=huge",
        "emit 1 key=k note=b",
        "emit 1 key=other note=c",
        "emit 1 key=k note=huge",
        "emit 1 key=k note=d",
    ];
    let output = Arc::new(Strict::default());
    let letters = Arc::new(Target::down());
    let processor =
        Scripted::new(Limits::default()).processor_of(output.clone(), output.clone(), Some(letters.clone()));
    let stop = stop_of(&processor, &payloads).expect("a stop");
    assert_eq!((stop.index, stop.cause), (1, Cause::DeadLetterFailed(DeadLetterKind::Undeliverable)));
    assert_eq!(output.taken.texts(), ["emit 1 key=k note=a#0", "emit 1 key=other note=c#0"]);
    letters.mend();
    assert_eq!(stop_of(&processor, &payloads), None);
    assert_eq!(letters.texts().len(), 2);
    let of_the_key: Vec<String> = output.taken.texts().into_iter().filter(|text| text.contains("key=k")).collect();
    let expected = ["emit 1 key=k note=a#0", "emit 1 key=k note=a#0", "emit 1 key=k note=b#0", "emit 1 key=k note=d#0"];
    assert_eq!(of_the_key, expected);
}
