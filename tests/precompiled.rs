//! `kinesieve build`, and what the loader says of files that do not fit.

use std::path::{Path, PathBuf};

use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

fn build(target: &str, output: &Path) {
    let guest = guest_file("scripted");
    let built = kinesieve(&["build"])
        .args([guest.as_os_str(), "--target".as_ref(), target.as_ref(), "--output".as_ref(), output.as_os_str()])
        .output()
        .expect("it runs");
    assert!(built.status.success(), "{}", stderr(&built));
}

fn run(transform: &Path) -> (Option<i32>, String, String) {
    let folder = transform.parent().expect("a folder");
    let input = folder.join("input.txt");
    std::fs::write(&input, "keep\n").expect("written");
    let output = kinesieve(&["run", "--transform"])
        .args([transform.as_os_str(), "--input".as_ref(), input.as_os_str()])
        .output()
        .expect("it runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

fn manifest(precompiled: &Path) -> PathBuf {
    precompiled.with_extension("cwasm.json")
}

fn this_machine() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

fn other_machine() -> &'static str {
    if cfg!(target_arch = "aarch64") { "x86_64" } else { "arm64" }
}

#[test]
fn a_precompiled_transform_runs_like_the_component_it_was_made_of() {
    let folder = tempfile::tempdir().expect("a folder");
    for target in ["host", this_machine()] {
        let precompiled = folder.path().join(format!("{target}.cwasm"));
        build(target, &precompiled);
        let (code, outputs, errors) = run(&precompiled);
        assert_eq!(code, Some(0), "{errors}");
        assert_eq!((code, &outputs), (run(&guest_file_in(folder.path())).0, &run(&guest_file_in(folder.path())).1));
    }
}

/// A copy, so that the input file lies beside it.
fn guest_file_in(folder: &Path) -> PathBuf {
    let copy = folder.join("scripted.wasm");
    std::fs::copy(guest_file("scripted"), &copy).expect("copied");
    copy
}

#[test]
fn the_manifest_names_the_machine_and_both_digests() {
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("t.cwasm");
    build(other_machine(), &precompiled);
    let text = std::fs::read_to_string(manifest(&precompiled)).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(manifest["target"], other_machine());
    for digest in ["sha256", "sourceSha256"] {
        assert_eq!(manifest[digest].as_str().map(str::len), Some(64), "{digest}");
    }
}

#[test]
fn code_for_another_machine_is_refused_with_the_command_that_makes_a_right_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("t.cwasm");
    build(other_machine(), &precompiled);
    let (code, outputs, errors) = run(&precompiled);
    assert_eq!((code, outputs.as_str()), (Some(1), ""));
    assert!(errors.contains(&format!("precompiled for {}", other_machine())), "{errors}");
    assert!(errors.contains(&format!("kinesieve build COMPONENT.wasm --target {}", this_machine())), "{errors}");
    assert!(error_line(&errors).starts_with("kinesieve: "), "{errors}");
}

#[test]
fn damaged_or_mixed_up_code_is_refused_before_it_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("t.cwasm");
    build("host", &precompiled);

    let whole = std::fs::read(&precompiled).expect("read");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&precompiled, &damaged).expect("written");
    let (code, _, errors) = run(&precompiled);
    assert_eq!(code, Some(1));
    assert!(errors.contains("its manifest says") && errors.contains("kinesieve build"), "{errors}");

    std::fs::write(&precompiled, &whole[..whole.len() - 1000]).expect("written");
    assert_eq!(run(&precompiled).0, Some(1));

    std::fs::write(&precompiled, &whole).expect("written");
    std::fs::remove_file(manifest(&precompiled)).expect("removed");
    let (code, _, errors) = run(&precompiled);
    assert_eq!(code, Some(1));
    assert!(errors.contains("t.cwasm.json") && errors.contains("keep them together"), "{errors}");
}

#[test]
fn a_component_is_not_overwritten_by_what_is_made_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = guest_file_in(folder.path());
    let before = std::fs::read(&component).expect("read");
    let built = kinesieve(&["build", "scripted.wasm", "--target", "host", "--output", "./scripted.wasm"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    assert_eq!(built.status.code(), Some(1));
    assert!(stderr(&built).contains("is the component itself"), "{}", stderr(&built));
    assert!(std::fs::read(&component).expect("read") == before);
}

#[test]
fn a_dead_letter_names_the_component_however_it_was_compiled() {
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("t.cwasm");
    build("host", &precompiled);
    let input = folder.path().join("input.txt");
    std::fs::write(&input, "reject no\n").expect("written");
    let digest = |transform: &Path, name: &str| {
        let dead = folder.path().join(name);
        let target = format!("file:{}", dead.display());
        let output = kinesieve(&["run", "--dead-letter", &target, "--transform"])
            .args([transform.as_os_str(), "--input".as_ref(), input.as_os_str()])
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", stderr(&output));
        let letter = std::fs::read_to_string(dead).expect("a dead letter");
        let letter: serde_json::Value = serde_json::from_str(&letter).expect("JSON");
        letter["transform"].as_str().expect("a digest").to_owned()
    };
    let of_component = digest(&guest_file("scripted"), "component.ndjson");
    assert!(of_component.starts_with("sha256:"), "{of_component}");
    assert_eq!(digest(&precompiled, "precompiled.ndjson"), of_component);
}
