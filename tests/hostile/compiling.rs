//! Components that are small, and take gigabytes to compile.

use std::path::Path;
use std::process::Output;

use crate::support::components::{NOTHING, with_functions, with_instances};
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

/// What each command that compiles says of a component.
fn commands(folder: &Path, component: &[u8]) -> Vec<Output> {
    let file = folder.join("t.wasm");
    std::fs::write(&file, component).expect("written");
    let input = folder.join("input.txt");
    std::fs::write(&input, "x\n").expect("written");
    let run = |arguments: &[&str]| kinesieve(arguments).current_dir(folder).output().expect("it runs");
    vec![
        run(&["build", "t.wasm", "--target", "host", "--output", "t.cwasm"]),
        run(&["run", "--transform", "t.wasm", "--input", "input.txt"]),
        run(&["inspect", "t.wasm"]),
    ]
}

fn is_refused(component: &[u8], reason: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let outputs = commands(folder.path(), component);
    for output in &outputs {
        let said = [stdout(output), stderr(output)].concat();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(reason), "{reason:?} is not in\n{said}");
    }
    for output in &outputs[..2] {
        let said = stderr(output);
        assert!(error_line(&said).contains("; docs/reference/transforms.md has the limits"), "{said}");
    }
    assert!(!folder.path().join("t.cwasm").exists());
}

fn keep() -> Vec<u8> {
    std::fs::read(guest_file("keep")).expect("read")
}

/// 600 kB of such functions took 4.7 GB.
#[test]
fn a_hundred_thousand_functions_are_refused_with_their_number_and_the_limit() {
    let component = with_functions(&keep(), &vec![NOTHING; 100_000]);
    assert!(component.len() < 600_000);
    let folder = tempfile::tempdir().expect("a folder");
    let built = &commands(folder.path(), &component)[0];
    let found = stderr(built).split_once("it has ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
    assert!(found.is_some_and(|found| (100_000..101_000).contains(&found)), "{}", stderr(built));
    is_refused(&component, " functions, and no more than 50000 are compiled");
}

/// 30,000 variables that are set before each of 3,000 branches, and read behind them: 200 kB, and 100 million values.
#[test]
fn variables_that_each_branch_may_change_are_refused() {
    let set_variable = b"\x20\0\x21\x01".repeat(10);
    let branch = b"\x02\x40\x20\0\x0d\0\x20\0\x21\x01\x0b".repeat(3000);
    let body = [b"\x01\xb0\xea\x01\x7f".as_slice(), &set_variable, &branch, b"\x0b"].concat();
    is_refused(&with_functions(&keep(), &[&body]), "local variables times branches in one function");
}

#[test]
fn an_endless_function_is_refused() {
    let body = [b"\0".as_slice(), &b"\x02\x40\x0b".repeat(600_000), b"\x0b"].concat();
    is_refused(&with_functions(&keep(), &[&body]), "instructions in one function, and no more than 1000000");
}

/// Each step doubles what has to be written down: 30 of them are 600 bytes, and a billion instances.
#[test]
fn components_that_instantiate_each_other_are_refused() {
    is_refused(&with_instances(&keep(), 14), " instances, and functions between them, and no more than 20000");
    for steps in [30, 1000] {
        is_refused(&with_instances(&keep(), steps), "components in one another, and no more than 16");
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.wasm");
    std::fs::write(&file, b"\0asm\x0d\0\x01\0").expect("written");
    // It takes no place on the disk.
    std::fs::File::options().append(true).open(&file).expect("a file").set_len(1 << 36).expect("grown");
    for arguments in [["inspect"].as_slice(), &["build", "--target", "host"]] {
        let output = kinesieve(arguments).arg(&file).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains("it has 64.0 GiB, and no more than 64.0 MiB of such a file are read"), "{said}");
    }
}

/// What honest toolchains make is far below.
#[test]
fn what_toolchains_make_is_compiled() {
    for guest in ["keep", "scripted", "echo", "folding"] {
        let output = kinesieve(&["inspect"]).arg(guest_file(guest)).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    }
}

/// Calls are not inlined where that would take gigabytes; what is made so runs all the same.
#[test]
fn a_large_component_is_precompiled_without_inlining() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("input.txt"), "x\n").expect("written");
    let inlined = |component: &[u8]| {
        std::fs::write(folder.path().join("t.wasm"), component).expect("written");
        let mut build = kinesieve(&["build", "t.wasm", "--target", "host", "--output", "t.cwasm"]);
        let built = build.current_dir(folder.path()).output().expect("it runs");
        assert!(built.status.success(), "{}", stderr(&built));
        let manifest = std::fs::read_to_string(folder.path().join("t.cwasm.json")).expect("a manifest");
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
        let mut run = kinesieve(&["run", "--transform", "t.cwasm", "--input", "input.txt"]);
        let output = run.current_dir(folder.path()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(r#""data":"x""#), "{}", stdout(&output));
        let described = kinesieve(&["inspect", "t.cwasm"]).current_dir(folder.path()).output().expect("it runs");
        assert_eq!(described.status.code(), Some(0), "{}", stdout(&described));
        manifest["inlined"].as_bool().expect("a boolean")
    };
    assert!(inlined(&keep()));
    assert!(!inlined(&with_functions(&keep(), &vec![NOTHING; 35_000])));
}
