//! `kinesieve test --watch`: what makes it build again, and what does not.

use std::fs;
use std::io::{BufRead, BufReader, pipe};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::folder::ProjectFolder;
use crate::support::{guest_file, kinesieve};

/// One case of the echo guest, which passes if the text is `keep`.
fn cases(text: &str) -> String {
    format!(r#"{{"cases": [{{"name": "n", "input": {{"text": "{text}"}}, "expect": "keep"}}]}}"#)
}

/// A watch that runs; ends with the value.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    /// Watches in a folder; what goes to standard output and error is one text, as a terminal shows it.
    fn in_folder(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = kinesieve(&[["test", "--watch"].as_slice(), arguments].concat());
        let (reading, writing) = pipe().expect("a pipe");
        let output = writing.try_clone().expect("cloned");
        let child = command.current_dir(folder).stdout(output).stderr(writing).spawn().expect("it starts");
        // The command holds the other end.
        drop(command);
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(reading).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// What it says until it waits for a change.
    fn until_it_waits(&self) -> String {
        let mut said = String::new();
        loop {
            let line =
                self.lines.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("it goes on: {said}"));
            if line.starts_with("waiting for a change") {
                return said;
            }
            said += &line;
            said.push('\n');
        }
    }

    /// Whether it says nothing more, for as long as several looks take.
    fn is_quiet(&self) -> bool {
        self.lines.recv_timeout(Duration::from_secs(2)).is_err()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn watch(project: &ProjectFolder) -> Watching {
    Watching::in_folder(&project.path(), &[])
}

#[test]
fn what_the_build_makes_does_not_build_again() {
    // A component, a module as Go's and C's tools leave it, what `kinesieve build` makes, a lock file, the files of tools.
    let also = "echo $$ > masker.core.wasm; echo $$ > masker.arm64.cwasm; echo $$ > masker.arm64.cwasm.json
echo $$ > Cargo.lock; mkdir -p node_modules/x build dist; echo $$ > node_modules/x/i.js; echo $$ > build/x.js; echo $$ > dist/x.js";
    let project = ProjectFolder::of("scripted", also);
    project.write("tests/t.json", &cases("keep"));
    project.write(
        "kinesieve.json",
        r#"{"build": [["sh", "build.sh"]], "module": "masker.core.wasm", "component": "masker.wasm"}"#,
    );
    // It is no module that a component can be made of: that it fails is no reason to build it again.
    let failing = watch(&project);
    assert!(failing.until_it_waits().contains("masker.core.wasm is no module"));
    assert!(failing.is_quiet());
    drop(failing);
    project.write("kinesieve.json", r#"{"build": [["sh", "build.sh"]], "component": "masker.wasm"}"#);
    project.write(".gitignore", "*.core.wasm\ndist\n");
    let before = project.builds();
    let watching = watch(&project);
    let said = watching.until_it_waits();
    assert!(said.contains("1 passed, 0 failed"), "{said}");
    assert!(watching.is_quiet());
    assert_eq!(project.builds(), before + 1);
}

#[test]
fn a_change_of_a_case_builds_nothing_and_a_change_of_a_source_does() {
    let project = ProjectFolder::of("scripted", "");
    project.write("tests/t.json", &cases("keep"));
    let watching = watch(&project);
    assert!(watching.until_it_waits().contains("1 passed, 0 failed"));
    assert_eq!(project.builds(), 1);

    project.write("tests/t.json", &cases("drop"));
    let said = watching.until_it_waits();
    assert!(said.contains("tests/t.json changed") && said.contains("0 passed, 1 failed"), "{said}");
    project.write("tests/new.json", &cases("keep"));
    let said = watching.until_it_waits();
    assert!(said.contains("tests/new.json changed") && said.contains("1 passed, 1 failed"), "{said}");
    assert_eq!(project.builds(), 1, "cases are no sources");

    project.write("src/transform.txt", "two");
    assert!(watching.until_it_waits().contains("src/transform.txt changed"));
    assert_eq!(project.builds(), 2);

    // The same text again is no change, nor is what nobody builds of.
    project.write("src/transform.txt", "two");
    project.write(".hidden", "two");
    assert!(watching.is_quiet());

    // What is broken is said, and mended by the next change.
    let description = fs::read_to_string(project.path().join("kinesieve.json")).expect("there");
    project.write("kinesieve.json", "{");
    let said = watching.until_it_waits();
    assert!(said.contains("kinesieve.json:1"), "{said}");
    project.write("kinesieve.json", &description);
    assert!(watching.until_it_waits().contains("1 passed, 1 failed"));
    assert_eq!(project.builds(), 3);
}

#[test]
fn a_change_during_a_build_is_not_lost_and_what_each_build_changes_is_told() {
    // The first build finds that a source was changed while it ran; each build writes a file of no known kind.
    let also = "test -f .edited || { echo two > src/transform.txt; touch .edited; }; echo $$ > generated.txt";
    let project = ProjectFolder::of("scripted", also);
    project.write("tests/t.json", &cases("keep"));
    project.write("generated.txt", "0");
    let watching = watch(&project);
    let mut said = String::new();
    for _ in 0..3 {
        said += &watching.until_it_waits();
    }
    assert!(said.contains("generated.txt changes with each build: it is not watched"), "{said}");
    assert!(said.contains("and 1 more changed"), "the source that was edited: {said}");
    assert!(watching.is_quiet());
    assert_eq!(project.builds(), 3);
    // What a person does to it is seen nevertheless.
    project.write("generated.txt", "mine");
    assert!(watching.until_it_waits().contains("generated.txt changed"));
}

#[test]
fn a_component_that_somebody_else_builds_is_watched() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = folder.path().join("t.wasm");
    fs::copy(guest_file("scripted"), &component).expect("copied");
    fs::create_dir_all(folder.path().join("p/tests")).expect("made");
    fs::write(folder.path().join("p/tests/t.json"), cases("drop")).expect("written");
    let watching = Watching::in_folder(folder.path(), &["--transform", "t.wasm", "p"]);
    assert!(watching.until_it_waits().contains("0 passed, 1 failed"));
    fs::copy(guest_file("keep"), &component).expect("copied");
    let said = watching.until_it_waits();
    assert!(said.contains("t.wasm changed") && said.contains("1 passed, 0 failed"), "{said}");
}
