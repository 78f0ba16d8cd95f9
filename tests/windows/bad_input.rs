//! Windows that are none, states that can't be read, and who is not made for them: each a clear error.

use std::sync::Arc;

use kinesieve::transform::{Limits, RecordPool, StartError, Transform, WindowPool};
use serde_json::{Value, json};

use super::{Stage, event};
use crate::support::events::{self, record};
use crate::support::sinks::Recorder;
use crate::support::windows::{answer, part};
use crate::support::{Scripted, guest_file};

fn refusal(stage: &Stage, event: &Value) -> String {
    answer(&stage.processor, event, None).expect_err("refused").to_string()
}

#[test]
fn half_a_window_is_refused() {
    let stage = Stage::new();
    for (field, value, expected) in [
        ("window", Value::Null, "the event has \"state\" of a tumbling window, and no \"window\""),
        ("window", json!([]), "\"window\" of the tumbling window is not an object of \"start\" and \"end\""),
        ("window", json!({"start": "now"}), "\"window.start\" of the tumbling window is not a time such as"),
        ("state", json!(["a"]), "the state of the window is a list, not a map of texts"),
        ("state", json!("a"), "the state of the window is a text, not a map of texts"),
        ("state", json!({"count": 7}), "the state of the window has no \"kinesieve\", so another function wrote it"),
        ("state", json!({"kinesieve": "2"}), "the state of the window is of version \"2\", and this build reads"),
        ("state", json!({"kinesieve": "1"}), "the state of the window is damaged: its \"form\" is missing"),
        (
            "state",
            json!({"kinesieve": "1", "form": "folding/1", "data": "YWJ"}),
            "the state of the window is damaged: its \"data\" is not base64, or was cut off",
        ),
        (
            "state",
            json!({"kinesieve": "1", "form": "sums/1", "data": "YWJj"}),
            "the state of the window has the form \"sums/1\", and the transform takes \"folding/1\"",
        ),
        (
            "state",
            json!({"kinesieve": "1", "form": "folding/1", "data": "YWJj"}),
            "the transform can't read the state: no JSON at line 1 column 1",
        ),
        ("isFinalInvokeForWindow", json!(1), "\"isFinalInvokeForWindow\" of the tumbling window is not true or false"),
    ] {
        let mut event = event(0, &["add 1"], &json!({}), false);
        event[field] = value;
        let error = refusal(&stage, &event);
        assert!(error.starts_with(expected), "{field}: {error}");
    }
    let mut without_window = event(0, &["add 1"], &json!({}), false);
    without_window.as_object_mut().expect("an object").remove("window");
    assert_eq!(refusal(&stage, &without_window), "the event has \"state\" of a tumbling window, and no \"window\"");
    // And it lives on.
    assert_eq!(stage.part(0, &["add 1"], &json!({}), true).state, json!({}));
}

#[test]
fn who_is_not_made_for_windows_says_so() {
    let stage = Stage::new();
    let plain: Value = serde_json::from_slice(&events::event(&["add 1"])).expect("JSON");
    let error = refusal(&stage, &plain);
    assert!(error.contains("give the event source mapping a window (TumblingWindow in the template)"), "{error}");

    let sink = Arc::new(Recorder::default());
    let records = Scripted::new(Limits::default()).processor(&sink, &sink, Some(&sink));
    for is_final in [false, true] {
        let event = part([record(0, "key", &"keep".into())], &json!({}), is_final);
        let error = answer(&records, &event, None).expect_err("refused").to_string();
        assert!(error.contains("to 0 (TumblingWindow in the template)"), "{error}");
    }
    assert_eq!(sink.taken(), []);
}

/// Past the adapter, no event is acknowledged.
#[test]
fn a_batch_in_no_window_stops_at_its_first_event() {
    let stage = Stage::new();
    let report = crate::support::block_on(stage.processor.process(Arc::new(events::batch(&["add 1", "add 2"])), None));
    assert_eq!((report.stop.map(|stop| stop.index), report.counts.unacknowledged), (Some(0), 2));
    let empty = crate::support::block_on(stage.processor.process(Arc::new(events::batch(&[])), None));
    assert_eq!(empty.stop, None);
}

#[test]
fn a_guest_of_the_other_world_does_not_start() {
    let load = |name| Transform::load(&guest_file(name)).expect("a transform");
    let (limits, one) = (Limits::default(), std::num::NonZeroUsize::MIN);
    let records = WindowPool::start(&load("keep"), limits, &[], one).err();
    assert_eq!(records, Some(StartError::OtherWorld("it is a transform of records, not of tumbling windows")));
    let windows = RecordPool::start(&load("folding"), limits, &[], one).expect_err("refused").to_string();
    assert!(windows.contains("`kinesieve run --tumbling-window 60s` plays windows"), "{windows}");
    let refused = [("colour".to_owned(), "red".to_owned())];
    let refused = WindowPool::start(&load("folding"), limits, &refused, one).expect_err("refused");
    assert_eq!(refused.to_string(), "the transform rejected its settings: unknown setting `colour`: there is `label`");
}
