//! `kinesieve test` of transforms of tumbling windows.

use std::path::{Path, PathBuf};

use crate::support::{guest_file, kinesieve, stderr, stdout};

fn test(guest: &str, file: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = kinesieve(&["test", "--transform"]);
    let output = command.arg(guest_file(guest)).arg(file).args(flags).output().expect("it runs");
    (output.status.code(), stdout(&output) + &stderr(&output))
}

fn suite(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("t.json");
    std::fs::write(&file, text).expect("written");
    file
}

/// The state of the folding guest, and what it emits at the end of a minute.
fn state(sum: i64, seen: &[&str]) -> String {
    format!(r#"{{"state":{{"json":{{"sum":{sum},"seen":{seen:?},"filler":"","end":""}}}}}}"#)
}

fn closed(start: u64, is_early: bool, sum: i64, seen: &[&str]) -> String {
    let end = start + 60_000;
    format!(
        r#"{{"emit":[{{"json":{{"label":"","start":{start},"end":{end},"early":{is_early},"sum":{sum},"seen":{seen:?}}}}}]}}"#
    )
}

#[test]
fn events_are_folded_saved_and_closed_as_in_lambda() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        r#"{{"cases": [
  {{"name": "one", "input": {{"text": "add 1"}}, "expect": "folded"}},
  {{"name": "rejected", "input": {{"text": "reject no"}}, "expect": {{"reject": "no"}}}},
  {{"name": "broken", "input": {{"text": "panic"}}, "expect": {{"fault": "trap"}}}},
  {{"name": "not yet", "input": {{"text": "retry later"}}, "expect": {{"retry": null}}}},
  {{"name": "late", "input": {{"text": "add 2", "arrivedAt": "2025-12-31T23:00:00Z"}}, "expect": "folded"}},
  {{"name": "saved", "window": "save", "expect": {}}},
  {{"name": "gone on with", "input": {{"text": "add 4", "arrivedAt": "2026-01-01T00:00:59.999Z"}}, "expect": "folded"}},
  {{"name": "saved again", "window": "save", "expect": {}}},
  {{"name": "asks for later", "input": {{"text": "end retry later"}}, "expect": "folded"}},
  {{"name": "is closed later", "window": "close", "expect": {{"retry": "later"}}}},
  {{"name": "and takes more", "input": {{"text": "end "}}, "expect": "folded"}},
  {{"name": "closed", "window": "close", "expect": {}}},
  {{"name": "anew", "input": {{"text": "add 8", "arrivedAt": "2026-01-01T01:00:00Z"}}, "expect": "folded"}},
  {{"name": "closed early", "window": "close-early", "expect": {}}},
  {{"name": "nothing came", "window": "save", "expect": {{"state": null}}}},
  {{"name": "it ends in a dead letter", "input": {{"text": "end reject why"}}, "expect": "folded"}},
  {{"name": "rejected as a whole", "window": "close", "expect": {{"reject": "why"}}}},
  {{"name": "it ends badly", "input": {{"text": "end panic"}}, "expect": "folded"}},
  {{"name": "broken as a whole", "window": "close", "expect": {{"fault": "trap"}}}}
]}}"#,
        state(3, &["1.0", "5.0"]),
        state(7, &["1.0", "5.0", "7.0"]),
        closed(1_767_225_600_000, false, 7, &["1.0", "5.0", "7.0", "9.0", "11.0"]),
        closed(1_767_229_200_000, true, 8, &["13.0"]),
    );
    let file = suite(folder.path(), &text);
    let (code, said) = test("folding", &file, &[]);
    assert_eq!((code, said.contains("19 passed, 0 failed")), (Some(0), true), "{said}");
}

#[test]
fn what_came_of_windows_can_be_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"tumblingWindow": "1s", "cases": [
  {"name": "one", "input": {"text": "add 1"}},
  {"name": "saved", "window": "save"},
  {"name": "closed", "window": "close"}
]}"#;
    let file = suite(folder.path(), text);
    let (code, said) = test("folding", &file, &[]);
    assert_eq!(code, Some(3));
    assert!(said.contains("it expects nothing yet") && said.contains("\"state\": {"), "{said}");
    let (code, said) = test("folding", &file, &["--update"]);
    assert!(code == Some(0) && said.contains("3 updated"), "{said}");
    let updated = std::fs::read_to_string(&file).expect("read");
    assert!(updated.contains(r#"{"name": "one", "input": {"text": "add 1"}, "expect": "folded"}"#), "{updated}");
    for line in [r#""expect": {"#, r#""state": {"#, r#""json": {"#, r#""sum": 1,"#] {
        assert!(updated.contains(line), "{line} is not in {updated}");
    }
    let (code, said) = test("folding", &file, &[]);
    assert!(code == Some(0) && said.contains("3 passed, 0 failed"), "{said}");
}

#[test]
fn a_state_that_lambda_would_not_carry_is_a_fault_and_the_one_before_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        r#"{{"cases": [
  {{"name": "one", "input": {{"text": "add 1"}}, "expect": "folded"}},
  {{"name": "saved", "window": "save", "expect": {0}}},
  {{"name": "large", "input": {{"text": "bloat 700000"}}, "expect": "folded"}},
  {{"name": "too large", "window": "save", "expect": {{"fault": "state"}}}},
  {{"name": "as before", "window": "save", "expect": {0}}}
]}}"#,
        state(1, &["1.0"])
    );
    let file = suite(folder.path(), &text);
    let (code, said) = test("folding", &file, &[]);
    assert!(code == Some(0), "{said}");
    // It says why, where it is not expected.
    let file = suite(folder.path(), &text.replace(r#"{"fault": "state"}"#, &state(1, &[])));
    let (code, said) = test("folding", &file, &[]);
    assert!(code == Some(3) && said.contains("and Lambda carries 700000 of them: fold into less"), "{said}");
}

#[test]
fn what_does_not_fit_the_transform_is_said_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for (guest, cases, code, expected) in [
        (
            "scripted",
            "{\"name\": \"n\", \"input\": {\"text\": \"keep\"}},\n{\"name\": \"m\", \"window\": \"save\"}",
            1,
            "line 3: a step of a `window` is for a transform of tumbling windows",
        ),
        (
            "folding",
            "{\"name\": \"n\", \"input\": {\"text\": \"add 1\"}},\n\
             {\"name\": \"m\", \"input\": {\"text\": \"add 1\", \"arrivedAt\": \"2026-01-01T00:01:00Z\"}}",
            1,
            "line 3: the event arrives at or after the end of the window that is open, 2026-01-01T00:01:00Z: close",
        ),
        ("folding", "{\"name\": \"n\", \"input\": {\"text\": \"add 1\"}, \"expect\": \"keep\"}", 3, "+ \"folded\""),
        ("folding", "{\"name\": \"n\", \"window\": \"shut\"}", 1, "t.json:2: \"shut\" is no step of a window"),
    ] {
        let file = suite(folder.path(), &format!("{{\"cases\": [\n{cases}\n]}}"));
        let (came, said) = test(guest, &file, &[]);
        assert!(came == Some(code) && said.contains(expected), "{expected:?} is not in {came:?} {said}");
    }
}

/// What a closing window says belongs to the case that closes it.
#[test]
fn where_a_window_broke_is_said_of_its_case() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"cases": [
  {"name": "one", "input": {"text": "end panic so"}, "expect": "folded"},
  {"name": "closed", "window": "close", "expect": {"emit": []}},
  {"name": "two", "input": {"text": "add 1"}, "expect": "folded"}
]}"#;
    let (code, said) = test("folding", &suite(folder.path(), text), &[]);
    assert_eq!(code, Some(3));
    let (before, behind) = said.split_once("FAIL    closed").expect("it fails");
    assert!(!before.contains("panicked"), "{said}");
    let (of_it, after) = behind.split_once("ok      two").expect("the next passes");
    assert!(of_it.contains("warn: ") && of_it.contains("panicked") && of_it.contains("0:  "), "{said}");
    assert!(!after.contains("panicked"), "{said}");
}
