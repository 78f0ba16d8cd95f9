//! `kinesieve test`, and the conformance cases.

use std::path::{Path, PathBuf};

use crate::support::pty::Pty;
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

/// The exit code, and what is said on standard output and error.
fn test(place: &Path, guest: &str, flags: &[&str]) -> (Option<i32>, String, String) {
    let mut command = kinesieve(&["test", "--transform"]);
    let output = command.arg(guest_file(guest)).arg(place).args(flags).output().expect("it runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

fn suite(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("tests/t.json");
    std::fs::create_dir_all(folder.join("tests")).expect("made");
    std::fs::write(&file, text).expect("written");
    file
}

/// The figures and paths that are never the same.
fn in_folder(text: &str, folder: &Path) -> String {
    text.replace(&folder.display().to_string(), "FOLDER")
}

#[test]
fn the_sdk_conforms() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let file = entry.expect("an entry").path();
        if file.extension().is_some_and(|extension| extension == "json") {
            let (code, text, errors) = test(&file, "echo", &[]);
            assert_eq!(code, Some(0), "{text}{errors}");
            files += 1;
        }
    }
    assert_eq!(files, 5);
}

#[test]
fn what_differs_is_shown_line_by_line_with_what_the_guest_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = suite(
        folder.path(),
        r#"{
  "cases": [
    {"name": "it passes", "input": {"text": "keep"}, "expect": "keep"},
    {"name": "it says something", "input": {"text": "log warn careful"}, "expect": "drop"},
    {"name": "it emits something else", "input": {"text": "emit 1 key=k"},
     "expect": {"emit": [{"text": "emit 1 key=k", "key": "k"}]}},
    {"name": "it breaks", "input": {"text": "panic"}, "expect": "keep"},
    {"name": "it goes on", "input": {"text": "reject no"}, "expect": {"reject": "yes"}},
    {"name": "it expects nothing", "input": {"text": "drop"}}
  ]
}"#,
    );
    let (code, text, errors) = test(&file, "scripted", &[]);
    assert_eq!((code, errors.as_str()), (Some(3), ""));
    let text = in_folder(&text, folder.path());
    // Where it broke is another place with each compiler.
    let varies = |line: &&str| ["because", "panicked", "0x", "of Rust's own"].iter().any(|part| line.contains(part));
    let lines: Vec<&str> = text.lines().filter(|line| !varies(line)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    FOLDER/tests/t.json
      ok      it passes
      FAIL    it says something (FOLDER/tests/t.json:4)
              - expected, + came
              - "drop"
              + "keep"
              warn: careful
      FAIL    it emits something else (FOLDER/tests/t.json:5)
              - expected, + came
                {
                  "emit": [
                    {
              -       "text": "emit 1 key=k",
              +       "text": "emit 1 key=k#0",
                      "key": "k"
                    }
                  ]
                }
      FAIL    it breaks (FOLDER/tests/t.json:7)
              - expected, + came
              - "keep"
              + {
              +   "fault": "trap",
              + }
              warn: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
      FAIL    it goes on (FOLDER/tests/t.json:8)
              - expected, + came
              - {"reject": "yes"}
              + {"reject": "no"}
      FAIL    it expects nothing (FOLDER/tests/t.json:9)
              it expects nothing yet (`kinesieve test --update` fills it in); this came:
                "drop"
    1 passed, 5 failed
    "#);
    // The folder of a project is as good, without its project's file, since nothing is to be built.
    assert_eq!(test(folder.path(), "scripted", &[]).0, Some(3));
}

#[test]
fn what_came_can_be_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "{\"cases\": [{\"name\": \"n\", \"input\": {\"text\": \"emit 2 route=side\"}}]}\n";
    let file = suite(folder.path(), text);
    let (code, said, _) = test(&file, "scripted", &["--update"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("updated n") && said.contains("0 passed, 0 failed, 1 updated"), "{said}");
    let updated = std::fs::read_to_string(&file).expect("read");
    assert!(
        updated
            .starts_with("{\"cases\": [{\"name\": \"n\", \"input\": {\"text\": \"emit 2 route=side\"}, \"expect\": {")
    );
    let (code, said, _) = test(&file, "scripted", &["--update"]);
    assert_eq!((code, said.contains("1 passed, 0 failed\n")), (Some(0), true), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("read"), updated);
}

#[test]
fn a_fault_is_not_accepted_unless_somebody_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"cases": [
  {"name": "it breaks", "input": {"text": "panic"}, "expect": "keep"},
  {"name": "it never ends", "input": {"text": "spin"}},
  {"name": "it drops", "input": {"text": "drop"}, "expect": "keep"}
]}
"#;
    let file = suite(folder.path(), text);
    // Nobody is there to ask.
    let (code, said, _) = test(&file, "scripted", &["--update"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("0 passed, 2 failed, 1 updated"), "{said}");
    assert_eq!(said.matches("a fault is not taken for what is expected: add --accept-faults").count(), 2, "{said}");
    let updated = std::fs::read_to_string(&file).expect("read");
    assert_eq!(updated, text.replace(r#""drop"}, "expect": "keep""#, r#""drop"}, "expect": "drop""#));
    let (code, said, _) = test(&file, "scripted", &["--update", "--accept-faults"]);
    assert!(code == Some(0) && said.contains("1 passed, 0 failed, 2 updated"), "{said}");
    let updated = std::fs::read_to_string(&file).expect("read");
    assert!(updated.contains(r#""panic"}, "expect": {"fault": "trap"}}"#), "{updated}");
    assert!(updated.contains(r#""spin"}, "expect": {"fault": "timeout"}}"#), "{updated}");
    assert_eq!(test(&file, "scripted", &[]).0, Some(0));
    let output = kinesieve(&["test", "--accept-faults"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "it goes with --update: {}", stderr(&output));
}

/// On a terminal there is somebody to ask: one fault is accepted, the other one is not.
#[test]
fn on_a_terminal_each_fault_is_asked_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"cases": [
  {"name": "it breaks", "input": {"text": "panic"}, "expect": "keep"},
  {"name": "it breaks again", "input": {"text": "abort"}, "expect": "drop"}
]}
"#;
    let file = suite(folder.path(), text);
    let mut command = kinesieve(&["test", "--update", "--transform"]);
    command.arg(guest_file("scripted")).arg(&file);
    let mut terminal = Pty::start(&command, 200, 50);
    terminal.wait_for("t.json:2: it breaks: the transform broke: {");
    terminal.wait_for("Is it to be so? [y/N]");
    terminal.press("y\n");
    terminal.wait_for("t.json:3: it breaks again: the transform broke: {");
    terminal.press("\n");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(3));
    assert!(
        screen.visible().iter().any(|line| line.contains("0 passed, 1 failed, 1 updated")),
        "{:?}",
        screen.visible()
    );
    let updated = std::fs::read_to_string(&file).expect("read");
    assert_eq!(updated, text.replace("\"keep\"", "{\"fault\": \"trap\"}"));
}

#[test]
fn the_text_of_a_refusal_is_updated_and_no_case_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let update = |text: &str| {
        let file = suite(folder.path(), text);
        let (code, said, errors) = test(&file, "scripted", &["--update"]);
        (code, format!("{said}{errors}"), std::fs::read_to_string(&file).expect("read"))
    };
    let (code, said, text) = update(r#"{"settings":{"fail":"no \"table\""}, "refused": "no room" }"#);
    assert!(code == Some(0) && said.contains("0 passed, 0 failed, 1 updated"), "{said}");
    assert_eq!(text, r#"{"settings":{"fail":"no \"table\""}, "refused": "no \"table\"" }"#);
    // What would have to become another file stays, with what to do.
    for (text, code, expected) in [
        (r#"{"refused":"no"}"#, 3, "write `cases` in the place of `refused`"),
        (
            r#"{"settings":{"fail":"no"},"cases":[{"name":"n","input":{"text":"keep"}}]}"#,
            1,
            "since its cases would be lost: write `refused` in their place",
        ),
    ] {
        let (came, said, left) = update(text);
        assert!(came == Some(code) && said.contains(expected), "{said}");
        assert_eq!(left, text);
    }
}

#[test]
fn a_large_difference_is_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let outputs: Vec<String> = (0..5000).map(|index| format!(r#"{{"text":"x{index}","key":"k"}}"#)).collect();
    let text = format!(
        r#"{{"cases":[{{"name":"n","input":{{"text":"emit 5000 key=k"}},"expect":{{"emit":[{}]}}}},
        {{"name":"m","input":{{"text":"emit 5000"}}}}]}}"#,
        outputs.join(",")
    );
    let file = suite(folder.path(), &text);
    let (code, said, _) = test(&file, "scripted", &[]);
    assert_eq!(code, Some(3));
    assert!(said.lines().count() < 300 && said.len() < 30_000, "{} lines, {} bytes", said.lines().count(), said.len());
    assert_eq!(said.matches(" more lines").count(), 2, "{said}");
    let (_, json, _) = test(&file, "scripted", &["--json"]);
    assert!(json.len() < 4 * (64 << 10), "{}", json.len());
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let came = report["suites"][0]["cases"][0]["came"].as_str().expect("a text");
    assert!(came.ends_with(" bytes)"), "{}", &came[came.len() - 40..]);
}

#[test]
fn programs_read_the_results_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = suite(folder.path(), r#"{"cases":[{"name":"n","input":{"text":"keep"},"expect":"drop"}]}"#);
    let (code, text, _) = test(&file, "scripted", &["--json"]);
    assert_eq!(code, Some(3));
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&report["failed"], &report["passed"]), (&1.into(), &0.into()));
    let case = &report["suites"][0]["cases"][0];
    assert_eq!((&case["result"], &case["line"]), (&"failed".into(), &1.into()));
    assert_eq!((&case["expected"], &case["came"]), (&"\"drop\"".into(), &"\"keep\"".into()));
}

#[test]
fn settings_that_are_to_be_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, code, expected) in [
        (r#"{"settings":{"fail":"no table"},"refused":"no table"}"#, 0, "the settings are refused\n1 passed"),
        (r#"{"settings":{"fail":"no table"},"refused":null}"#, 0, "1 passed"),
        (r#"{"settings":{"fail":"no table"},"refused":"no room"}"#, 3, "with another text: no table"),
        (r#"{"refused":null}"#, 3, "takes its settings"),
        (
            r#"{"settings":{"fail":"no table"},"cases":[{"name":"n","input":{"text":"keep"}}]}"#,
            1,
            "rejected its settings: no table",
        ),
    ] {
        let (came, said, errors) = test(&suite(folder.path(), text), "scripted", &[]);
        assert!(came == Some(code) && said.contains(expected), "{expected:?} is not in\n{said}{errors}");
    }
}

#[test]
fn what_can_not_be_tested_is_said_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let no_cases = |place: &Path, expected: &str| {
        let (code, said, errors) = test(place, "scripted", &[]);
        assert_eq!((code, said.as_str()), (Some(1), ""), "{errors}");
        assert!(error_line(&errors).contains(expected), "{expected:?} is not in {errors}");
    };
    no_cases(folder.path(), "there are no cases in");
    std::fs::create_dir(folder.path().join("tests")).expect("made");
    no_cases(folder.path(), "no file in it ends in .json");
    suite(folder.path(), "{\n\"cases\": [{}]}");
    no_cases(folder.path(), "tests/t.json:2: a case needs the field `name`: {\"name\"");
    suite(folder.path(), "");
    no_cases(folder.path(), "tests/t.json:1: there is nothing in it, and it is to be a file of cases: {");

    suite(folder.path(), r#"{"cases":[{"name":"n","input":{"text":""}}]}"#);
    let project = |text: &str, expected: &str| {
        std::fs::write(folder.path().join("kinesieve.json"), text).expect("written");
        let output = kinesieve(&["test"]).arg(folder.path()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(expected), "{expected:?} is not in {}", stderr(&output));
    };
    project("", "kinesieve.json:1: there is nothing in it, and it is to be a project's file: {\"build\": [[");
    project("{", "kinesieve.json:1: it ends within an object: a `}` is missing");
    project("[]", "a list stands where an object with `build` and `component` is expected: {\"build\": [[");
    project(r#"{"build": "make", "component": "t.wasm"}"#, "the text \"make\" stands where a list is expected: {");
    project(r#"{"build": []}"#, "a project's file needs the field `component`: {");
    project(
        r#"{"build": [], "component": "t.wasm", "x": 1}"#,
        "a project's file has no field `x`: it has `build`, `module`, `component`",
    );
    project(r#"{"build": [[]], "component": "t.wasm"}"#, "is empty");
    project(r#"{"build": [["no-such-tool"]], "component": "t.wasm"}"#, "no-such-tool is missing: install it");
    project(r#"{"build": [["false"]], "component": "t.wasm"}"#, "`false` in");
    project(r#"{"build": [["A=1", "B="]], "component": "t.wasm"}"#, "is empty");
    project(r#"{"build": [["A=1", "no-such-tool"]], "component": "t.wasm"}"#, "no-such-tool is missing");
    project(r#"{"build": [["true"]], "component": "t.wasm"}"#, "let \"component\" in");
    let module = r#"{"build": [["A=1", "sh", "-c", "test $A = 1"]], "module": "m.wasm", "component": "t.wasm"}"#;
    project(module, "let \"module\" in");
    std::fs::write(folder.path().join("m.wasm"), "").expect("written");
    project(module, "m.wasm is no module that a transform can be made of: it is no WebAssembly");
    std::fs::remove_file(folder.path().join("kinesieve.json")).expect("removed");
    let output = kinesieve(&["test"]).arg(folder.path()).output().expect("it runs");
    assert!(
        stderr(&output).contains("kinesieve.json is missing, and no folder above has one: `kinesieve new` makes"),
        "{}",
        stderr(&output)
    );
}

/// Reads what a watch says, up to and including a line that holds this.
fn read_up_to(lines: &mut impl Iterator<Item = std::io::Result<String>>, expected: &str) -> String {
    let mut read = String::new();
    for line in lines {
        let line = line.expect("a line");
        read.push_str(&line);
        read.push('\n');
        if line.contains(expected) {
            return read;
        }
    }
    panic!("it ended before it said {expected:?}:\n{read}");
}

#[test]
fn a_watch_tests_again_after_each_change_and_outlives_what_is_wrong() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let folder = tempfile::tempdir().expect("a folder");
    let file = suite(folder.path(), r#"{"cases":[{"name":"n","input":{"text":"keep"},"expect":"drop"}]}"#);
    let mut command = kinesieve(&["test", "--watch", "--transform"]);
    command.arg(guest_file("scripted")).arg(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watch = Ended(command.spawn().expect("it runs"));
    let mut out = BufReader::new(watch.0.stdout.take().expect("piped")).lines();
    let mut said = BufReader::new(watch.0.stderr.take().expect("piped")).lines();

    read_up_to(&mut out, "0 passed, 1 failed");
    read_up_to(&mut said, "waiting for a change");
    std::fs::write(&file, r#"{"cases":[{"name":"n","input":{"text":"keep"},"expect":"keep"}]}"#).expect("written");
    read_up_to(&mut out, "1 passed, 0 failed");
    read_up_to(&mut said, "waiting for a change");
    std::fs::write(&file, "{").expect("written");
    let wrong = read_up_to(&mut said, "waiting for a change");
    assert!(wrong.contains("tests/t.json:1: it ends within an object"), "{wrong}");
    std::fs::write(&file, r#"{"cases":[{"name":"n","input":{"text":"drop"},"expect":"drop"}]}"#).expect("written");
    read_up_to(&mut out, "1 passed, 0 failed");
}

/// A process that ends with the test, whatever comes of it.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
