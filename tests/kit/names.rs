//! Names of projects: those that the tools of a language have for something else, and folders that are there already.

use std::fs;
use std::process::Command;

use super::{has, said};
use crate::support::{kinesieve, stderr};

/// What `cargo new` refuses or rustc can't link, and what the project depends on.
#[test]
fn a_name_that_means_something_else_in_rust_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["kinesieve-sdk", "serde", "log", "core", "std", "test", "fn", "async", "proc-macro"] {
        let output = kinesieve(&["new", name, "--lang", "rust"]).current_dir(folder.path()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        let expected =
            format!("\"{name}\" means something else to the tools of Rust: name the folder {name}-transform");
        assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
        assert!(!folder.path().join(name).exists());
    }
    let vendor = kinesieve(&["new", "vendor", "--lang", "go"]).current_dir(folder.path()).output().expect("it runs");
    assert!(stderr(&vendor).contains("\"vendor\" means something else to the tools of Go"), "{}", stderr(&vendor));
    // To others they mean nothing.
    for (name, language) in [("log", "go"), ("fn", "py"), ("std", "c"), ("serde", "js"), ("core", "ts"), ("loge", "rs")]
    {
        said(folder.path(), &["new", name, "--lang", language]);
    }
}

#[test]
fn the_folder_at_hand_can_be_the_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("masker");
    fs::create_dir_all(project.join(".git")).expect("made");
    let new = said(&project, &["new", ".", "--lang", "py"]);
    assert!(new.contains("kinesieve test"), "{new}");
    assert!(fs::read_to_string(project.join("README.md")).expect("written").starts_with("# masker\n"));
    let again = |arguments: &[&str]| {
        let output = kinesieve(arguments).current_dir(&project).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    assert!(again(&["new", ".", "--lang", "py"]).contains(". is there already, and nothing is overwritten"));
    assert!(again(&["new", "README.md/x", "--lang", "py"]).contains("README.md/x"));
    assert!(again(&["new", "nowhere/..", "--lang", "py"]).contains("nowhere/.."));
    // Also a file of ours that is hidden is nobody's to overwrite.
    let other = folder.path().join("other");
    fs::create_dir(&other).expect("made");
    fs::write(other.join(".gitignore"), "mine").expect("written");
    assert!(again(&["new", "../other", "--lang", "py"]).contains("../other/.gitignore is there already"));
    assert_eq!(fs::read_to_string(other.join(".gitignore")).expect("there"), "mine");
    let odd = folder.path().join("Odd_Name");
    fs::create_dir(&odd).expect("made");
    let output = kinesieve(&["new", ".", "--lang", "py"]).current_dir(&odd).output().expect("it runs");
    assert!(stderr(&output).contains("\"Odd_Name\" is no name for a project"), "{}", stderr(&output));
}

/// Rust finds no crate of these names, since what it has by them is not asked for by the project.
#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn odd_names_pass_the_tests_of_cargo() {
    let folder = tempfile::tempdir().expect("a folder");
    // One target for all: what they depend on is compiled once.
    let target = folder.path().join("target");
    for name in ["serde-json", "build", "lib"] {
        said(folder.path(), &["new", name, "--lang", "rust"]);
        let project = folder.path().join(name);
        let source = project.join("src/lib.rs");
        let text = fs::read_to_string(&source).expect("written");
        // As the documentation has it.
        let logs = text.replace(
            "    let reading: Reading",
            "    log::info!(\"a record of {}\", event.partition_key);\n    let reading: Reading",
        );
        assert_ne!(text, logs);
        fs::write(&source, logs).expect("written");
        let output = Command::new("cargo")
            .args(["test", "--quiet"])
            .current_dir(&project)
            .env("CARGO_TARGET_DIR", &target)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{name}: {}", stderr(&output));
    }
}

/// What Go's standard library has, and what Go gives a meaning of its own.
#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn odd_names_build_in_go() {
    if !has("go") {
        eprintln!("skipped: go is not here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["fmt", "log", "internal", "main"] {
        said(folder.path(), &["new", name, "--lang", "go"]);
        let tested = said(folder.path(), &["test", name]);
        assert!(tested.ends_with("8 passed, 0 failed\n"), "{name}: {tested}");
    }
}
