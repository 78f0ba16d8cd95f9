//! From an idea to a tested transform: new, test, build and run, in each language whose tools are here. What installs
//! tools is ignored unless it is asked for: `make test-kit` does.

mod c;
mod folder;
mod folders;
mod javascript;
mod names;
mod older;
mod python;
mod upgrade;
mod watch;
mod windows;

use std::path::Path;
use std::process::Command;

use crate::support::{kinesieve, stderr, stdout};

/// Whether a program can be started.
fn has(program: &str) -> bool {
    // Go has a command for what others have a flag for.
    let version = if program == "go" { "version" } else { "--version" };
    Command::new(program).arg(version).output().is_ok_and(|output| output.status.success())
}

/// Runs a command of ours in a folder; answers what it says on standard output.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = kinesieve(arguments).current_dir(folder).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

fn loop_of_an_author(language: &str, tool: &str, component: &str) {
    if !has(tool) {
        eprintln!("skipped: {tool} is not here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let new = said(folder.path(), &["new", "my-kit", "--lang", language]);
    assert!(new.contains("kinesieve test my-kit") && !new.contains("missing"), "{new}");
    let tested = said(folder.path(), &["test", "my-kit"]);
    assert!(tested.ends_with("8 passed, 0 failed\n"), "{tested}");
    let project = folder.path().join("my-kit");
    let built = said(&project, &["build", "--target", "host"]);
    assert!(built.contains(&format!("{component}: ")) && built.contains("its manifest"), "{built}");
    let input = ["--input", "input.ndjson", "--transform-settings", "below=10"];
    let run = [&["run", "--transform", component], input.as_slice()].concat();
    let shown = said(&project, &[run.as_slice(), &["--show"]].concat());
    assert!(shown.contains("record 1: dropped") && shown.contains("record 2: replaced"), "{shown}");
    assert!(shown.contains("\n-   \"email\": \"b@example.com\""), "{shown}");
    // What was compiled ahead does the same, and starts faster.
    let precompiled = format!("{}.host.cwasm", component.trim_end_matches(".wasm"));
    let run = said(&project, &[&["run", "--transform", &precompiled], input.as_slice()].concat());
    assert_eq!(run.lines().count(), 1, "{run}");
    assert!(run.contains("21.5") && !run.contains("email"), "{run}");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_in_rust() {
    loop_of_an_author("rust", "cargo", "target/wasm32-wasip2/release/my_kit.wasm");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_in_javascript() {
    loop_of_an_author("javascript", "npm", "my-kit.wasm");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_in_typescript() {
    loop_of_an_author("typescript", "npm", "my-kit.wasm");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_in_python() {
    loop_of_an_author("python", "python3", "my-kit.wasm");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_in_c() {
    loop_of_an_author("c", "python3", "my-kit.wasm");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_in_go() {
    loop_of_an_author("go", "go", "my-kit.wasm");
}

#[test]
fn nothing_is_overwritten_and_wrong_usage_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |arguments: &[&str], code: i32, expected: &str| {
        let output = kinesieve(arguments).current_dir(folder.path()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{expected:?} is not in {}", stderr(&output));
    };
    said(folder.path(), &["new", "x", "--lang", "python"]);
    refused(&["new", "x", "--lang", "python"], 1, "x is there already");
    refused(&["new", "X", "--lang", "python"], 1, "\"X\" is no name for a project");
    refused(&["new", "y", "--lang", "cobol"], 2, "possible values: rust");
    refused(&["build", "t.wasm"], 1, "needs --target");
    refused(&["build", "x", "--output", "t.cwasm"], 1, "several targets");
    refused(&["build", "."], 1, "kinesieve.json is missing");
}

/// A tool that is missing is named, with where to get it, before and when it is needed.
#[test]
fn missing_tools_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_an_empty_path = |arguments: &[&str]| {
        kinesieve(arguments).current_dir(folder.path()).env("PATH", "/nowhere").output().expect("it runs")
    };
    let new = in_an_empty_path(&["new", "x", "--lang", "javascript"]);
    assert!(stdout(&new).contains("npm is missing here: install Node.js"), "{}", stdout(&new));
    let test = in_an_empty_path(&["test", "x"]);
    assert_eq!(test.status.code(), Some(1));
    assert!(stderr(&test).contains("since node is missing: install Node.js"), "{}", stderr(&test));
}
