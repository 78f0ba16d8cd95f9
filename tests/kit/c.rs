//! What an author in C, and in Rust, is told of where a transform broke.

use std::path::Path;

use super::{has, said};
use crate::support::{kinesieve, stderr, stdout};

/// A new project whose source has this text in the place of that one.
fn project(folder: &Path, language: &str, source: &str, this: &str, that: &str) {
    said(folder, &["new", "broken", "--lang", language]);
    let path = folder.join("broken").join(source);
    let text = std::fs::read_to_string(&path).expect("a source");
    assert!(text.contains(this), "{text}");
    std::fs::write(&path, text.replacen(this, that, 1)).expect("written");
}

/// The line in which a source has a text, as traces write it.
fn place(folder: &Path, source: &str, what: &str) -> String {
    let text = std::fs::read_to_string(folder.join("broken").join(source)).expect("a source");
    let line = text.lines().position(|line| line.contains(what)).expect(what) + 1;
    format!("{source}:{line}")
}

/// What `kinesieve test` and `kinesieve run --show` say.
fn traces(folder: &Path, component: &str) -> [String; 2] {
    let output = kinesieve(&["test", "broken"]).current_dir(folder).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}{}", stdout(&output), stderr(&output));
    let run =
        ["run", "--transform", component, "--input", "input.ndjson", "--transform-settings", "below=10", "--show"];
    let shown = said(&folder.join("broken"), &run);
    [stdout(&output), shown]
}

/// What is deployed has the names of functions, and no debug information.
fn precompiled_is_small(folder: &Path, component: &str) {
    let project = folder.join("broken");
    said(&project, &["build", "--target", "host"]);
    let component = project.join(component);
    let precompiled = component.with_extension("host.cwasm");
    // A section of the debug information, by its name.
    let has_lines = |path: &Path| {
        let bytes = std::fs::read(path).expect("a file");
        bytes.windows(11).any(|window| window == b".debug_line")
    };
    assert!(has_lines(&component) && !has_lines(&precompiled), "{}", precompiled.display());
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn a_trap_in_c_is_told_with_its_function_and_line() {
    if !has("python3") {
        return eprintln!("skipped: python3 is not here");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (this, that) = ("  if (temperature < below) return ks_drop();", "  if (temperature < below) __builtin_trap();");
    project(folder.path(), "c", "src/transform.c", this, that);
    let place = place(folder.path(), "src/transform.c", "__builtin_trap");
    for trace in traces(folder.path(), "broken.wasm") {
        let line = trace.lines().find(|line| line.contains(&place)).unwrap_or_else(|| panic!("{place}: {trace}"));
        assert!(line.contains(" - process at src/transform.c:"), "{line}");
        assert!(trace.contains("export_process at vendor/kinesieve.c:"), "{trace}");
    }
    precompiled_is_small(folder.path(), "broken.wasm");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn a_panic_in_rust_is_told_with_its_functions_and_lines() {
    if !has("cargo") {
        return eprintln!("skipped: cargo is not here");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (this, that) = ("        return Ok(Outcome::Drop);", "        panic!(\"too cold\");");
    project(folder.path(), "rust", "src/lib.rs", this, that);
    let place = place(folder.path(), "src/lib.rs", "too cold");
    let component = "target/wasm32-wasip2/release/broken.wasm";
    for trace in traces(folder.path(), component) {
        let line = trace.lines().find(|line| line.contains(&place) && line.contains(" - "));
        let line = line.unwrap_or_else(|| panic!("{place}: {trace}"));
        assert!(line.contains(" - process at src/lib.rs:"), "{line}");
    }
    precompiled_is_small(folder.path(), component);
}
