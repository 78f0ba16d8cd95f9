//! Projects that an earlier `kinesieve new` made: with commands of their language's tools in `kinesieve.json`, the contract in a
//! folder `wit`, and no SDK. They go on as they are.

use std::fs;
use std::path::Path;

use super::{has, said};
use crate::support::{kinesieve, stderr};

/// Copies the files of a project.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let copied = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).expect("copied");
        }
    }
}

fn goes_on(language: &str, tool: &str) {
    if !has(tool) {
        eprintln!("skipped: {tool} is not here");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("older");
    copy(&root.join("tests/kit/older").join(language), &project);
    fs::create_dir(project.join("wit")).expect("made");
    fs::copy(root.join("wit/transform.wit"), project.join("wit/transform.wit")).expect("copied");
    for _ in 0..2 {
        let tested = said(folder.path(), &["test", "older"]);
        assert!(tested.ends_with("3 passed, 0 failed\n"), "{tested}");
    }
    fs::write(folder.path().join("in.ndjson"), "{\"id\":1}\n{}\n").expect("written");
    assert_eq!(said(folder.path(), &["run", "older", "--input", "in.ndjson"]).lines().count(), 1);

    // There is nothing to renew, and that is said.
    let none = kinesieve(&["upgrade", "older"]).current_dir(folder.path()).output().expect("it runs");
    assert_eq!(none.status.code(), Some(1));
    assert!(stderr(&none).contains("K805"), "{}", stderr(&none));
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn a_project_in_javascript_without_an_sdk_goes_on() {
    goes_on("javascript", "npm");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn a_project_in_python_without_an_sdk_goes_on() {
    goes_on("python", "python3");
}
