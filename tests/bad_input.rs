//! What can't work is said in one clear line, with a non-zero exit, and nothing is half done.

use crate::support::events::{event_of, record};
use crate::support::{error_line, guest_file, kinesieve, kinesieve_lambda, stderr, stdout};

/// Runs over one line of input and expects to fail before it starts: the one line that it says, above the one that names
/// its code.
fn complaint(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("input.txt");
    std::fs::write(&input, "keep\n").expect("written");
    let mut command = kinesieve(&["run"]);
    command.args(arguments).envs(variables.iter().copied()).current_dir(folder.path());
    if !arguments.contains(&"--input") {
        command.arg("--input").arg(&input);
    }
    let output = command.output().expect("it runs");
    assert!(matches!(output.status.code(), Some(1 | 2)), "{arguments:?}: {:?} {}", output.status, stderr(&output));
    assert_eq!(stdout(&output), "", "{arguments:?}");
    let made: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(made, ["input.txt"], "{arguments:?} left something behind");
    let said = stderr(&output);
    // What is wrong in the arguments themselves has no code.
    if output.status.code() == Some(1) { error_line(&said).to_owned() } else { said.trim_end().to_owned() }
}

/// The same for a transform in a file of these bytes.
fn complaint_about(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).expect("written");
    let said = complaint(&["--transform", &file.display().to_string(), "--output", "file:out.ndjson"], &[]);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(&file.display().to_string()), "{said}");
    said
}

#[test]
fn a_transform_that_is_none() {
    let missing = complaint(&["--transform", "/nowhere/t.wasm"], &[]);
    assert_eq!(missing, "kinesieve: transform /nowhere/t.wasm: No such file or directory (os error 2)");
    assert!(complaint_about("t.wasm", b"").contains("it is empty"));
    assert!(complaint_about("t.wasm", b"fn main() {}").contains("not WebAssembly: the file starts with \"fn main(\""));
    assert!(complaint_about("t.wasm", b"\0asm\x01\0\0\0").contains("wasm-tools component new"));
    assert!(complaint_about("t.wasm", b"\x7fELF\x02\x01\x01\0 and so on").contains("not WebAssembly"));

    let whole = std::fs::read(guest_file("scripted")).expect("a guest");
    for length in [9, 100, whole.len() / 2, whole.len() - 1] {
        let said = complaint_about("t.wasm", &whole[..length]);
        assert!(said.contains("can't compile it"), "{length} bytes: {said}");
    }
    let mut damaged = whole.clone();
    for byte in damaged.iter_mut().skip(1000).step_by(997) {
        *byte ^= 0x55;
    }
    complaint_about("t.wasm", &damaged);
}

#[test]
fn a_component_that_implements_something_else() {
    let guest = |name: &str| guest_file(name).display().to_string();
    let other = complaint(&["--transform", &guest("other_world")], &[]);
    assert!(other.contains("does not implement the contract") && other.contains("record-transform"), "{other}");
    let newer = complaint(&["--transform", &guest("newer_contract")], &[]);
    assert!(newer.contains("kinesieve:transform/transform@0.9.0") && newer.contains("@0.1.0"), "{newer}");
    // And it is said before ten seconds of compiling.
    let built = kinesieve(&["build", &guest("other_world"), "--target", "arm64", "--output", "/nowhere/t.cwasm"])
        .output()
        .expect("it runs");
    assert_eq!(built.status.code(), Some(1));
    assert!(stderr(&built).contains("does not implement the contract"), "{}", stderr(&built));
}

#[test]
fn a_transform_that_refuses_its_settings_or_breaks_on_them() {
    let scripted = guest_file("scripted").display().to_string();
    let said = |settings: &str| complaint(&["--transform", &scripted, "--transform-settings", settings], &[]);
    let refused = said("fail=no table named prices");
    assert!(refused.ends_with("the transform rejected its settings: no table named prices"), "{refused}");
    assert_eq!(refused.lines().count(), 1, "{refused}");
    assert!(said("configure=spin").contains("took longer than its limit of 5s"));
    assert!(said("configure=bomb").contains("asked for more memory than its limit of 128.0 MiB"));
    assert!(said("configure=panic").contains("the transform failed while it started: trapped"));
    let unknown = complaint(
        &["--transform", &guest_file("drop_and_redact").display().to_string(), "--transform-settings", "delete=email"],
        &[],
    );
    assert!(unknown.contains("delete") && unknown.contains("remove"), "{unknown}");
}

#[test]
fn settings_that_do_not_stand() {
    let scripted = guest_file("scripted").display().to_string();
    let with = |variable: (&str, &str)| complaint(&["--transform", &scripted], &[variable]);
    let unknown = with(("KINESIEVE_DEADLETTER", "file:dead.ndjson"));
    assert_eq!(unknown, "kinesieve: unknown setting KINESIEVE_DEADLETTER: did you mean KINESIEVE_DEAD_LETTER?");
    for (name, value, remedy) in [
        ("KINESIEVE_EVENT_TIMEOUT", "0s", "10ms to 15m"),
        ("KINESIEVE_MEMORY_LIMIT", "12", "64KiB to 4GiB"),
        ("KINESIEVE_OUTPUT", "kinesis", "stdout, file:PATH or none"),
        ("KINESIEVE_LOG", "loud", "error, warn, info"),
        ("KINESIEVE_ROUTE_X", "nowhere", "KINESIEVE_ROUTE_X"),
    ] {
        let said = with((name, value));
        assert!(said.contains(value) && said.contains(remedy), "{name}={value}: {said}");
    }
    let secret = with(("KINESIEVE_TRANSFORM_SETTINGS", "hunter2"));
    assert!(secret.contains("KINESIEVE_TRANSFORM_SETTINGS") && !secret.contains("hunter2"), "{secret}");
    let mixed =
        complaint(&["--transform", &scripted, "--output", "file:one.ndjson", "--dead-letter", "file:one.ndjson"], &[]);
    assert!(mixed.contains("one.ndjson") && mixed.contains("a file of its own"), "{mixed}");
    let detour = ["--output", "file:one.ndjson", "--dead-letter", "file:./one.ndjson"];
    let mixed = complaint(&[&["--transform", &scripted][..], &detour].concat(), &[]);
    assert!(mixed.contains("one.ndjson") && mixed.contains("a file of its own"), "{mixed}");
    let endless = complaint(&["--transform", &scripted, "--input", "input.txt", "--output", "file:./input.txt"], &[]);
    assert!(endless.contains("file:./input.txt is the input itself"), "{endless}");
    let unwritable = complaint(&["--transform", &scripted, "--output", "file:/nowhere/out.ndjson"], &[]);
    assert!(unwritable.contains("can't open the destination file:/nowhere/out.ndjson"), "{unwritable}");
}

#[test]
fn an_input_that_is_in_no_form() {
    let scripted = guest_file("scripted").display().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let said = |content: &[u8]| {
        let file = folder.path().join("input");
        std::fs::write(&file, content).expect("written");
        let said = complaint(&["--transform", &scripted, "--input", &file.display().to_string()], &[]);
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    assert!(said(b"{\n  \"a\": 1\n}\n").contains("without \"Records\""));
    assert!(said(b"\x1f\x8b\x08\0\0\0\0\0").contains("gzip"));
    assert!(said(b"{\"Records\":[{\"eventSource\":\"aws:s3\",\"s3\":{}}]}").contains("an event of S3"));
    let mut fieldless = record(1, "b", &"keep".into());
    fieldless["kinesis"].as_object_mut().expect("an object").remove("partitionKey");
    let missing = said(&event_of([record(0, "a", &"keep".into()), fieldless]));
    assert!(missing.contains("record 1 is not a Kinesis record: it has no \"kinesis.partitionKey\""), "{missing}");
    let missing = complaint(&["--transform", &scripted, "--input", "/nowhere/event.json"], &[]);
    assert!(missing.contains("input /nowhere/event.json"), "{missing}");
    complaint(&["--transform", &scripted, "--input", "/"], &[]);
}

#[test]
fn the_function_does_not_start_with_wrong_settings() {
    let scripted = guest_file("scripted").display().to_string();
    let said = |variables: &[(&str, &str)]| {
        let output = kinesieve_lambda().envs(variables.iter().copied()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{variables:?}");
        let line: serde_json::Value = serde_json::from_slice(&output.stderr).expect("one line of JSON");
        // Without both, Lambda takes it for a line of level INFO.
        let time = line["timestamp"].as_str().expect("a time");
        assert!(time.starts_with("20") && time.ends_with('Z') && line["level"] == "ERROR", "{line}");
        line["message"].as_str().expect("a message").to_owned()
    };
    assert!(said(&[]).contains("KINESIEVE_TRANSFORM is required"));
    assert!(said(&[("KINESIEVE_TRANSFORM", &scripted)]).contains("KINESIEVE_OUTPUT is required"));
    assert!(said(&[("KINESIEVE_TRANSFORM", &scripted), ("KINESIEVE_OUTPUT", "none")]).contains("kinesieve run"));
    let refused = said(&[
        ("KINESIEVE_TRANSFORM", &scripted),
        ("KINESIEVE_OUTPUT", "none"),
        ("KINESIEVE_DEADLINE_RESERVE", "soon"),
    ]);
    assert!(refused.contains("KINESIEVE_DEADLINE_RESERVE: invalid duration \"soon\""), "{refused}");
    // A function that does not start says why, however little it is to log.
    let silent = said(&[
        ("KINESIEVE_TRANSFORM", "/nowhere/t.wasm"),
        ("KINESIEVE_OUTPUT", "none"),
        ("KINESIEVE_LOG", "off"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ]);
    assert!(silent.contains("/nowhere/t.wasm"), "{silent}");
}

/// Its region is nowhere to be found: not in the ARN, not in the environment, not in a profile.
#[test]
fn a_bucket_without_a_region() {
    let keep = guest_file("keep").display().to_string();
    let said = complaint(
        &["--transform", &keep, "--output", "arn:aws:s3:::bucket/out"],
        &[("HOME", "/nowhere"), ("AWS_EC2_METADATA_DISABLED", "true")],
    );
    assert_eq!(
        said,
        "kinesieve: nobody says in which region arn:aws:s3:::bucket/out is: set AWS_REGION or --region; asked: AWS_REGION and \
         AWS_DEFAULT_REGION, which are not set; profile default in /nowhere/.aws/config and /nowhere/.aws/credentials, \
         which are not there; instance metadata is switched off by AWS_EC2_METADATA_DISABLED"
    );
}
