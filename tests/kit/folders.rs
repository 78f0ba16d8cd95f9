//! Commands that take the folder of a project in the place of a transform.

use std::fs;
use std::process::Output;

use serde_json::Value;

use super::folder::ProjectFolder;
use crate::support::{kinesieve, stderr, stdout};

fn project() -> ProjectFolder {
    let project = ProjectFolder::of("drop_and_redact", "");
    project.write(
        "tests/readings.json",
        r#"{"settings": {"remove": "email"}, "cases": [{"name": "n", "input": {"json": {"email": 1}}, "expect": {"emit": [{"json": {}}]}}]}"#,
    );
    project.write("input.ndjson", "{\"id\":1,\"email\":\"a@example.com\"}\n");
    project
}

fn in_folder(project: &ProjectFolder, folder: &str, arguments: &[&str]) -> Output {
    kinesieve(arguments).current_dir(project.above().join(folder)).output().expect("it runs")
}

/// The payload of the one record that it put out.
fn payload(output: &Output) -> String {
    let record: Value = serde_json::from_str(&stdout(output)).expect("a record");
    record["data"].as_str().expect("a text").to_owned()
}

#[test]
fn a_project_is_found_from_below_and_built_first() {
    let project = project();
    for (folder, arguments) in [
        ("masker", ["test"].as_slice()),
        ("masker/src/deep", &["test"]),
        ("masker/tests", &["test", "readings.json"]),
        (".", &["test", "masker/src"]),
    ] {
        let output = in_folder(&project, folder, arguments);
        assert!(stdout(&output).ends_with("1 passed, 0 failed\n"), "{folder} {arguments:?}: {}", stderr(&output));
    }
    assert_eq!(project.builds(), 4);
    let inspected = in_folder(&project, "masker/src", &["inspect", "."]);
    assert!(stdout(&inspected).contains("runs here   yes"), "{}", stderr(&inspected));
    let built = in_folder(&project, "masker/src", &["build", "--target", "host"]);
    assert!(stdout(&built).contains("../masker.wasm: "), "{}{}", stdout(&built), stderr(&built));
    // Above it there is none.
    let none = in_folder(&project, ".", &["test"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(stderr(&none).contains("./tests") && stderr(&none).contains("there are no cases"), "{}", stderr(&none));
    let none = in_folder(&project, ".", &["inspect", "."]);
    assert!(stderr(&none).contains("no folder above has one"), "{}", stderr(&none));
}

#[test]
fn a_run_takes_a_project_and_the_settings_of_its_cases() {
    let project = project();
    let lines = |folder: &str, arguments: &[&str]| {
        let output = in_folder(&project, folder, &[["run"].as_slice(), arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        payload(&output)
    };
    let (whole, removed) = (r#"{"id":1,"email":"a@example.com"}"#, r#"{"id":1}"#);
    assert_eq!(lines("masker", &[".", "--input", "input.ndjson"]), whole);
    assert_eq!(lines("masker", &["--transform", ".", "--input", "input.ndjson"]), whole);
    assert_eq!(lines("masker", &[".", "--input", "input.ndjson", "--case", "tests/readings.json"]), removed);
    // By name, from anywhere.
    assert_eq!(lines(".", &["masker", "--input", "masker/input.ndjson", "--case", "readings"]), removed);
    // What is given wins, and is added to.
    let given = ["masker", "--input", "masker/input.ndjson", "--case", "readings", "--transform-settings", "remove=id"];
    assert_eq!(lines(".", &given), r#"{"email":"a@example.com"}"#);
    let both = in_folder(&project, ".", &["run", "masker", "--transform", "t.wasm", "--input", "masker/input.ndjson"]);
    assert_eq!(both.status.code(), Some(1));
    assert!(stderr(&both).contains("are two transforms: leave one out"), "{}", stderr(&both));
    // A flag wins over a variable, and so does the folder.
    let mut command = kinesieve(&["run", "masker", "--input", "masker/input.ndjson"]);
    let output = command.current_dir(project.above()).env("KINESIEVE_TRANSFORM", "t.wasm").output().expect("it runs");
    assert_eq!(payload(&output), whole, "{}", stderr(&output));
    let neither = in_folder(&project, ".", &["run", "--input", "masker/input.ndjson"]);
    assert_eq!(neither.status.code(), Some(0), "{}", stderr(&neither));
    assert!(
        stderr(&neither).contains("neither a transform nor a filter: records pass as they are"),
        "{}",
        stderr(&neither)
    );
    let missing = in_folder(&project, ".", &["run", "masker", "--input", "masker/input.ndjson", "--case", "no"]);
    assert!(stderr(&missing).contains("no: "), "{}", stderr(&missing));
}

#[test]
fn a_build_that_fails_is_no_transform() {
    let project = project();
    project.write("build.sh", "echo about to fail; exit 7");
    for arguments in [
        ["run", "masker", "--input", "masker/input.ndjson"].as_slice(),
        &["inspect", "masker"],
        &["package", "masker", "--target", if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }],
    ] {
        let output = in_folder(&project, ".", arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.contains("about to fail") && said.contains("`sh build.sh` in masker failed"), "{said}");
    }
    assert!(!fs::exists(project.path().join("function.zip")).expect("looked"));
}
