//! The loop of an author of transforms of windows, in each language that has an example, and what is said of mistakes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kinesieve::dead_letter::DeadLetters;
use kinesieve::processor::Processor;
use kinesieve::transform::{Limits, Transform};
use serde_json::{Value, json};

use super::python::types_are_checked;
use super::{has, said};
use crate::support::events::record;
use crate::support::sinks::Recorder;
use crate::support::windows::{answer, contents, part, processor_of};
use crate::support::{kinesieve, stderr, stdout};

/// A project of this language below `target/`, so that one that failed can be looked at.
fn new_project(name: &str, language: &str) -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("windows");
    let folder = parent.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("removed");
    }
    fs::create_dir_all(&parent).expect("made");
    said(&parent, &["new", name, "--lang", language, "--kind", "window"]);
    folder
}

fn loop_of_an_author(language: &str, tool: &str, component: &str) {
    if !has(tool) {
        return eprintln!("skipped: {tool} is not here");
    }
    let project = new_project(&format!("sums-{language}"), language);
    let tested = said(&project, &["test", "."]);
    assert!(tested.ends_with("9 passed, 0 failed\n"), "{tested}");
    let built = said(&project, &["build", "--target", "host"]);
    assert!(built.contains(&format!("{component}.wasm: ")) && built.contains("its manifest"), "{built}");
    let precompiled = format!("{component}.host.cwasm");
    let run = ["run", "--transform", &precompiled, "--input", "input.ndjson", "--transform-settings", "below=10"];
    let window = ["--tumbling-window", "60s", "--arrived-at", "/time"];
    let windows = said(&project, &[&run[..], &window].concat());
    // Two devices in the first minute, one of them in the second.
    assert_eq!(windows.lines().count(), 3, "{windows}");
    assert!(windows.contains(r#"\"device\":\"a\",\"count\":2,\"highest\":30.5"#), "{windows}");
    the_state_is_carried_and_one_of_another_form_refused(&project.join(precompiled), &format!("sums-{language}/1"));
    let upgraded = said(&project, &["upgrade"]);
    assert!(upgraded.contains("the SDK is that of kinesieve"), "{upgraded}");
}

/// A processor with this transform, which no dead letter stops.
fn processor(transform: &Path, output: &Arc<Recorder>, settings: &[(&str, &str)]) -> Processor {
    let transform = Transform::load(transform).expect("a transform");
    let dead_letters = DeadLetters::new(Arc::new(Recorder::default()), transform.digest());
    let settings: Vec<(String, String)> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    processor_of(&transform, Limits::default(), Arc::clone(output) as _, Some(dead_letters), &settings)
}

/// Two invocations, of which the second has an instance of its own.
fn the_state_is_carried_and_one_of_another_form_refused(transform: &Path, form: &str) {
    let output = Arc::new(Recorder::default());
    let started = || processor(transform, &output, &[("below", "10")]);
    let reading = |index: usize, device: &str, temperature: f64| {
        record(index, "key", &json!({"device": device, "temperature": temperature}).to_string().as_str().into())
    };
    let names = ["constructor", "__proto__", "ä"];
    let first = names.iter().enumerate().map(|(index, name)| reading(index, name, 12.5));
    let no_json = record(3, "key", &"{".into());
    let too_large = record(4, "key", &r#"{"device":"b","temperature":1e999}"#.into());
    let no_reading = record(5, "key", &"null".into());
    let first: Vec<Value> = first.chain([no_json, too_large, no_reading]).collect();
    let carried = answer(&started(), &part(first, &json!({}), false), None).expect("an answer");
    let counts = &carried.handled.report.counts;
    assert_eq!((counts.folded, counts.dead_lettered.values().sum::<u64>()), (3, 3), "{counts:?}");
    assert_eq!(carried.state["form"], form);
    for name in names {
        assert_eq!(contents(&carried.state)[name], json!({"count": 1, "highest": 12.5}), "{name}");
    }
    let mut other = carried.state.clone();
    other["form"] = json!("others/1");
    let refused = answer(&started(), &part([reading(6, "a", 20.5)], &other, true), None).expect_err("refused");
    let expected = format!("the state of the window has the form \"others/1\", and the transform takes \"{form}\"");
    assert!(refused.to_string().starts_with(&expected), "{refused}");
    other = carried.state.clone();
    other["data"] = json!("YWJj");
    let refused = answer(&started(), &part([], &other, true), None).expect_err("refused");
    assert!(refused.to_string().starts_with("the transform can't read the state: no JSON"), "{refused}");
    let last = part([reading(6, "__proto__", 20.5)], &carried.state, true);
    let last = answer(&started(), &last, None).expect("an answer");
    assert_eq!((last.replay_from, last.state), (None, json!({})));
    let delivered: Vec<Value> = output.texts().iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    assert_eq!(delivered.len(), 3, "{delivered:?}");
    let window = json!({"start": 1_795_194_000_000_u64, "end": 1_795_194_060_000_u64});
    for (name, count, highest) in [("constructor", 1, 12.5), ("__proto__", 2, 20.5), ("ä", 1, 12.5)] {
        let line = delivered.iter().find(|line| line["device"] == name).expect("its line");
        let expected = json!({
            "start": window["start"], "end": window["end"], "device": name, "count": count, "highest": highest,
        });
        assert_eq!(*line, expected);
    }
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_of_windows_in_rust() {
    loop_of_an_author("rust", "cargo", "target/wasm32-wasip2/release/sums_rust");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_of_windows_in_javascript() {
    loop_of_an_author("javascript", "npm", "sums-javascript");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_of_windows_in_typescript() {
    loop_of_an_author("typescript", "npm", "sums-typescript");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_of_windows_in_python() {
    loop_of_an_author("python", "python3", "sums-python");
}

/// What `kinesieve test` shows of the cases of a probe, of which these do not come to what is expected.
fn shown(project: &Path, cases: &Value) -> String {
    fs::write(project.join("cases.json"), json!({ "cases": cases }).to_string()).expect("written");
    let output = kinesieve(&["test", "cases.json", "--transform", "probe.cwasm"]).current_dir(project).output();
    let output = output.expect("it runs");
    stdout(&output) + &stderr(&output)
}

/// Builds the probe in a project, with a case for it in the place of those of the example.
fn build_probe(project: &Path, source: &str, code: &str) {
    fs::remove_file(project.join("tests/settings.json")).expect("removed");
    let cases = json!({"cases": [{"name": "add", "input": {"text": "add"}, "expect": "folded"}]});
    fs::write(project.join("tests/readings.json"), cases.to_string()).expect("written");
    fs::write(project.join(source), code).expect("written");
    said(project, &["build", "--target", "host", "--output", "probe.cwasm"]);
}

fn what_goes_wrong_in_a_window_is_explained(project: &Path, expected: &[&str]) {
    let event = |text: &str, expect: Value| json!({"name": text, "input": {"text": text}, "expect": expect});
    let step = |step: &str, expect: Value| json!({"name": step, "window": step, "expect": expect});
    // What fails leaves no trace, whatever was done before.
    let cases = json!([
        event("add", json!("folded")),
        event("half", json!({"reject": "half of it"})),
        event("throw", json!({"fault": "trap"})),
        event("state", json!({"fault": "trap"})),
        event("proto constructor", json!("folded")),
        step("save", json!({"state": {"json": {"sum": 1, "constructor": 1}}})),
        event("add", json!("folded")),
        event("answer retry", json!("folded")),
        step("close", json!({"retry": "later"})),
        event("answer outputs", json!("folded")),
        step(
            "close-early",
            json!({"emit": [{"json": {
                "sum": 2, "constructor": 1, "start": 1_767_225_600_000_u64, "end": 1_767_225_660_000_u64, "ending": "early",
            }}]})
        ),
    ]);
    let right = shown(project, &cases);
    assert!(right.contains("11 passed, 0 failed"), "{right}");
    let broken = |word: &str, step_expected: Value| {
        shown(project, &json!([event(word, json!("folded")), step("save", step_expected)]))
    };
    let mut all = right;
    all += &broken("nan", json!({"state": null}));
    all += &broken("set", json!({"state": null}));
    for word in ["answer object", "answer text"] {
        all += &shown(project, &json!([event(word, json!("folded")), step("close", json!({"emit": []}))]));
    }
    for part in expected {
        assert!(all.contains(part), "{part:?} is not in:\n{all}");
    }
    assert!(!all.contains("secret"), "{all}");
}

/// What is said where a project can't be built, or what it built does not start.
fn refusal_of(project: &Path, source: &str, code: &str) -> String {
    fs::write(project.join(source), code).expect("written");
    let tested = kinesieve(&["test", "."]).current_dir(project).output().expect("it runs");
    assert_eq!(tested.status.code(), Some(1), "{}{}", stdout(&tested), stderr(&tested));
    stdout(&tested) + &stderr(&tested)
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn wrong_answers_of_windows_are_explained_in_javascript() {
    if !has("npm") {
        return eprintln!("skipped: npm is not here");
    }
    let source = "src/transform.js";
    let code = include_str!("windows/transform.js");
    let project = new_project("probe-javascript", "javascript");
    build_probe(&project, source, code);
    what_goes_wrong_in_a_window_is_explained(
        &project,
        &[
            "TypeError: odd",
            "at accumulate (src/transform.js:",
            "accumulate returned the state: change the state that it is given, and return nothing",
            "it broke while it saved its state: ",
            "the state can't be saved: state.sum is NaN: JSON has no such number",
            "the state can't be saved: state.seen is a Set: keep an array",
            "finish returned an object, which has to be an array of outputs",
            "data of the output is a text: new TextEncoder().encode(text) makes bytes of it",
        ],
    );
    for (changed, expected) in [
        (
            format!("{code}\nexport const transform = {{}};"),
            "exports `transform`, for records, and `fold`, for tumbling",
        ),
        (
            code.replace("  finish(", "  finnish("),
            "the `fold` of src/transform.js has no `finish`: it has to be a function",
        ),
        (code.replace("form: \"probe/1\"", "form: 1"), "has a number as `form`: name the form of the state"),
        (
            code.replace("export const fold", "export const transform"),
            "a transform of tumbling windows is exported as `fold`",
        ),
        (code.replace("({ sum: 0 })", "new Map()"), "begin returned what can't be saved: state is a Map"),
    ] {
        let refusal = refusal_of(&project, source, &changed);
        assert!(refusal.contains(expected), "{expected:?} is not in {refusal}");
    }
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn types_of_windows_are_checked_in_typescript_and_in_comments() {
    if !has("npm") {
        return eprintln!("skipped: npm is not here");
    }
    let project = new_project("typed", "typescript");
    let code = fs::read_to_string(project.join("src/transform.ts")).expect("there");
    for (from, to, expected) in [
        ("  highest: number;", "  highest: Date;", "does not satisfy the constraint 'object & Plain<Devices>'"),
        ("  form: \"typed/1\",", "", "Property 'form' is missing"),
        ("finish(state: Devices", "finish(state: string", "error TS2322"),
        ("if (temperature < below) return;", "if (temperature < below) return state;", "error TS2322"),
    ] {
        let changed = code.replace(from, to);
        assert_ne!(changed, code, "{from}");
        let refusal = refusal_of(&project, "src/transform.ts", &changed);
        assert!(refusal.contains("the types don't fit") && refusal.contains(expected), "{refusal}");
    }
    let project = new_project("commented", "javascript");
    said(&project, &["build", "--target", "host"]);
    let check =
        || Command::new("npm").args(["run", "--silent", "check"]).current_dir(&project).output().expect("it runs");
    let fine = check();
    assert!(fine.status.success(), "{}{}", stdout(&fine), stderr(&fine));
    let source = project.join("src/transform.js");
    let code = fs::read_to_string(&source).expect("there");
    fs::write(&source, code.replace("tag: \"reject\"", "tag: \"refuse\"")).expect("written");
    let wrong = check();
    assert!(!wrong.status.success() && stdout(&wrong).contains("refuse"), "{}{}", stdout(&wrong), stderr(&wrong));
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn wrong_answers_of_windows_are_explained_in_python() {
    if !has("python3") {
        return eprintln!("skipped: python3 is not here");
    }
    let source = "src/transform.py";
    let project = new_project("probe-python", "python");
    said(&project, &["build", "--target", "host"]);
    types_are_checked(&project);
    let code = include_str!("windows/transform.py");
    build_probe(&project, source, code);
    what_goes_wrong_in_a_window_is_explained(
        &project,
        &[
            "TypeError: odd (src/transform.py:",
            "WrongAnswer: `accumulate` returned the state: change the state that it is given, and return nothing",
            "it broke while it saved its state: ",
            "the state can't be saved: state['sum'] is nan: JSON has no such number",
            "the state can't be saved: state['seen'] is a set: keep sorted(values)",
            "`finish` returned a dict, which has to be a list of outputs",
            "the data of output 0 of `finish` is a text: encode it",
        ],
    );
    for (changed, expected) in [
        (format!("{code}\nTransform = Fold\n"), "has a `Transform`, for records, and a `Fold`, for tumbling windows"),
        (code.replace("def finish", "def finnish"), "has no method `finish`: write `def finish(self, state, window)`"),
        (
            code.replace("FORM =", "FROM ="),
            "class `Fold` in src/transform.py has no `FORM`: name the form of the state",
        ),
        (code.replace("class Fold", "class Sums"), "a transform of windows is a class `Fold`"),
        (code.replace("{\"sum\": 0}", "{1}"), "`begin` returned what can't be saved: state is a set"),
    ] {
        let refusal = refusal_of(&project, source, &changed);
        assert!(refusal.contains(expected), "{expected:?} is not in {refusal}");
    }
}
