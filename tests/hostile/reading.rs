//! Files without an end, in the place of files that are read whole.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use crate::support::{error_line, guest_file, kinesieve, stderr};

const ENDLESS: &str = "/dev/zero";

/// One line that names the file and the limit.
fn is_refused(output: &Output, file: &Path, limit: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let said = error_line(&said);
    let reason = format!("it goes on, and no more than {limit} of such a file are read");
    assert!(said.contains(&file.display().to_string()) && said.contains(&reason), "{said}");
}

#[test]
fn cases_without_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("tests")).expect("made");
    let cases = folder.path().join("tests/t.json");
    symlink(ENDLESS, &cases).expect("a link");
    let mut test = kinesieve(&["test", "--transform"]);
    let output = test.arg(guest_file("keep")).arg(folder.path()).output().expect("it runs");
    is_refused(&output, &cases, "64.0 MiB");
}

#[test]
fn a_project_file_without_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("kinesieve.json");
    symlink(ENDLESS, &project).expect("a link");
    for command in ["test", "build"] {
        std::fs::create_dir_all(folder.path().join("tests")).expect("made");
        std::fs::write(
            folder.path().join("tests/t.json"),
            r#"{"cases":[{"name":"a","input":{"text":"x"},"expect":"keep"}]}"#,
        )
        .expect("written");
        is_refused(&kinesieve(&[command]).arg(folder.path()).output().expect("it runs"), &project, "1.0 MiB");
    }
}

#[test]
fn a_module_without_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"build":[],"module":"m.wasm","component":"c.wasm"}"#;
    std::fs::write(folder.path().join("kinesieve.json"), text).expect("written");
    let module = folder.path().join("m.wasm");
    // A link to a device is no file, and a build makes files: a large one takes no place on the disk.
    std::fs::File::create(&module).expect("made").set_len(1 << 36).expect("grown");
    let output = kinesieve(&["build"]).arg(folder.path()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("m.wasm: it has 64.0 GiB, and no more than 64.0 MiB"), "{}", stderr(&output));
}

#[test]
fn a_manifest_without_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("t.cwasm");
    let mut build = kinesieve(&["build", "--target", "host", "--output"]);
    assert!(build.arg(&precompiled).arg(guest_file("keep")).status().expect("it runs").success());
    let manifest = folder.path().join("t.cwasm.json");
    std::fs::remove_file(&manifest).expect("removed");
    symlink(ENDLESS, &manifest).expect("a link");
    let input = folder.path().join("input.txt");
    std::fs::write(&input, "x\n").expect("written");
    let mut run = kinesieve(&["run", "--input"]);
    let output = run.arg(&input).arg("--transform").arg(&precompiled).output().expect("it runs");
    is_refused(&output, &manifest, "64.0 KiB");
}

#[test]
fn a_precompiled_file_that_is_larger_than_any_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("t.cwasm");
    let mut build = kinesieve(&["build", "--target", "host", "--output"]);
    assert!(build.arg(&precompiled).arg(guest_file("keep")).status().expect("it runs").success());
    std::fs::File::options().append(true).open(&precompiled).expect("a file").set_len(1 << 36).expect("grown");
    let output = kinesieve(&["inspect"]).arg(&precompiled).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("t.cwasm: it has 64.0 GiB, and no more than 2.0 GiB"), "{}", stderr(&output));
}

#[test]
fn a_device_is_no_transform() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("input.txt");
    std::fs::write(&input, "x\n").expect("written");
    let output = kinesieve(&["run", "--transform", ENDLESS, "--input"]).arg(&input).output().expect("it runs");
    assert!(stderr(&output).contains("not WebAssembly"), "{}", stderr(&output));
}
