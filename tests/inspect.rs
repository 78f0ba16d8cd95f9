//! `kinesieve inspect` over good and bad files.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

/// The exit code, and what is said on standard output and error.
fn inspect(file: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let output = kinesieve(&["inspect"]).arg(file).args(flags).output().expect("it runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn a_transform_is_described_and_runs_here() {
    let (code, text, errors) = inspect(&guest_file("keep"), &[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for expected in ["is          a component\n", "runs here   yes\n", "contract    0.1.0\n", "built with  ", "sha256:"]
    {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert!(text.contains("exports\n  kinesieve:transform/transform@0.1.0\n"), "{text}");
}

/// What differs from one build to the next, masked.
fn masked(text: &str) -> String {
    let line = |line: &str| match line.split_at_checked(12) {
        Some((name @ ("size        " | "digest      " | "built with  " | "component   "), _)) => format!("{name}..."),
        Some((name @ "made for    ", _)) => format!("{name}..."),
        _ => line.to_owned(),
    };
    // What the standard library imports is up to its release.
    let lines = text.lines().filter(|line| !line.starts_with("  wasi:"));
    lines.map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_description_is_a_page_that_a_person_reads() {
    let (_, text, _) = inspect(&guest_file("newer_contract"), &[]);
    insta::assert_snapshot!(masked(&text));
}

#[test]
fn what_a_component_says_of_itself_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.wasm");
    let mut component = std::fs::read(guest_file("keep")).expect("read");
    for (name, text) in [("version", "1.2.3"), ("licenses", "Apache-2.0"), ("description", "keeps \x1b[31mall")] {
        let length = u8::try_from(1 + name.len() + text.len()).expect("short");
        component.extend([0, length, u8::try_from(name.len()).expect("short")]);
        component.extend(name.bytes().chain(text.bytes()));
    }
    std::fs::write(&file, &component).expect("written");
    let (code, text, errors) = inspect(&file, &[]);
    assert_eq!(code, Some(0), "{errors}");
    for expected in ["version     1.2.3\n", "licence     Apache-2.0\n", "description keeps \\u{1b}[31mall\n"] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    let (_, json, _) = inspect(&file, &["--json"]);
    let description: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(description["metadata"]["licenses"], "Apache-2.0");
}

#[test]
fn it_is_said_what_a_transform_works_on() {
    for (guest, world) in [("keep", "record-transform"), ("folding", "window-transform")] {
        let (code, text, _) = inspect(&guest_file(guest), &[]);
        assert!(code == Some(0) && text.contains(&format!("world       {world}\n")), "{text}");
    }
}

#[test]
fn programs_read_the_same_as_json() {
    let (code, text, _) = inspect(&guest_file("scripted"), &["--json"]);
    assert_eq!(code, Some(0));
    let description: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(description["kind"], "component");
    assert_eq!(description["contract"], "0.1.0");
    assert_eq!(description["unfit"], serde_json::Value::Null);
    let imports = description["imports"].as_array().expect("imports");
    assert!(imports.iter().any(|import| import["name"] == "kinesieve:transform/host@0.1.0"), "{text}");
    assert!(imports.iter().all(|import| import["granted"] == true), "{text}");
}

#[test]
fn what_does_not_fit_is_described_too_with_the_reason() {
    let (code, text, _) = inspect(&guest_file("newer_contract"), &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("runs here   NO: it implements"), "{text}");
    assert!(text.contains("a newer contract than this build runs"), "{text}");
    let (code, text, _) = inspect(&guest_file("other_world"), &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not implement the contract") && text.contains("contract    none"), "{text}");
}

#[test]
fn a_precompiled_transform_says_for_which_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    for (target, fits) in [("host", true), (if cfg!(target_arch = "aarch64") { "x86_64" } else { "arm64" }, false)] {
        let file = folder.path().join("t.cwasm");
        let mut build = kinesieve(&["build", "--target", target, "--output"]);
        assert!(build.arg(&file).arg(guest_file("keep")).status().expect("it runs").success());
        let (code, text, errors) = inspect(&file, &[]);
        assert_eq!(code, Some(i32::from(!fits)), "{text}{errors}");
        assert!(text.contains(if fits { "runs here   yes" } else { "runs here   NO: " }), "{text}");
        assert!(
            text.contains("is          a precompiled component") && text.contains("built by    kinesieve "),
            "{text}"
        );
    }
}

/// Code is never loaded to look at it: a damaged file, whose manifest was made for it, would take the process with it.
#[test]
fn a_damaged_precompiled_transform_is_described_without_being_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.cwasm");
    let mut build = kinesieve(&["build", "--target", "host", "--output"]);
    assert!(build.arg(&file).arg(guest_file("keep")).status().expect("it runs").success());
    let whole = std::fs::read(&file).expect("read");
    let table_of_sections = usize::from_le_bytes(*whole[40..].first_chunk().expect("a header"));
    let manifest_file = folder.path().join("t.cwasm.json");
    let manifest = std::fs::read_to_string(&manifest_file).expect("a manifest");
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let mut described = |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("written");
        let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        manifest["sha256"] = digest.into();
        std::fs::write(&manifest_file, manifest.to_string()).expect("written");
        let (code, text, errors) = inspect(&file, &[]);
        assert!(
            text.starts_with("is          a precompiled component\n") && errors.is_empty(),
            "{code:?} {text}{errors}"
        );
        (code, text)
    };
    // All that the engine reads when it loads a file, but not what says what the file is.
    let mut damaged = whole.clone();
    damaged[0x1000..table_of_sections - 0x400].iter_mut().step_by(3).for_each(|byte| *byte ^= 0x5a);
    let (code, text) = described(&damaged);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("its code was not loaded"), "{text}");
    let cut_off = &whole[..table_of_sections + 100];
    let (code, text) = described(cut_off);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("runs here   NO: it is damaged: it is cut off"), "{text}");
}

#[test]
fn what_is_no_component_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = std::fs::read(guest_file("keep")).expect("read");
    for (bytes, expected) in [
        (b"\0asm\x01\0\0\0".as_slice(), "a core module, not a component"),
        (b"\0asm\x01\0".as_slice(), "not WebAssembly"),
        (b"".as_slice(), "it is empty"),
        (&whole[..whole.len() / 2], "cut off"),
    ] {
        let file = folder.path().join("t.wasm");
        std::fs::write(&file, bytes).expect("written");
        let (code, text, errors) = inspect(&file, &[]);
        assert_eq!((code, text.as_str()), (Some(1), ""));
        assert!(error_line(&errors).contains(expected), "{expected:?} is not in\n{errors}");
    }
}
