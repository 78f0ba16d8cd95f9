//! Errors have codes, and each code a page: where a user meets it, and that the pages say what the program says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kinesieve::error_code::ErrorCode;
use serde_json::Value;

use crate::support::events::{event, event_of, record};
use crate::support::runtime_api::{ApiBehaviour, RuntimeApi};
use crate::support::{guest_file, in_lambda, kinesieve, kinesieve_lambda, stderr, stdout};

const TIME_LIMIT: Duration = Duration::from_secs(60);

fn folder_of_pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/errors")
}

fn page(code: &str) -> String {
    let path = folder_of_pages().join(code).with_extension("md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The message that a page gives as an example.
fn example(code: &str) -> String {
    let page = page(code);
    let block = page.split("```text\n").nth(1).and_then(|rest| rest.split("\n```").next());
    block.expect(code).to_owned()
}

/// What `kinesieve explain` says with these arguments, and its exit code.
fn explain(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = kinesieve(&["explain"]).args(arguments).output().expect("it runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn each_code_has_a_page_with_its_title_and_each_page_a_code() {
    let expected: BTreeSet<String> = ErrorCode::ALL.iter().map(|code| format!("{code}.md")).collect();
    let entries = std::fs::read_dir(folder_of_pages()).expect("the pages");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let found: BTreeSet<String> = names.filter(|name| name != "index.md").collect();
    assert_eq!(found, expected);
    for code in ErrorCode::ALL {
        let page = page(code.as_str());
        assert_eq!(page.lines().next(), Some(format!("# {code}: {}", code.title()).as_str()));
        for part in ["\n## Why it happens\n", "\n## What to do\n"] {
            assert!(page.contains(part), "{code} lacks {part:?}");
        }
        assert!(!example(code.as_str()).is_empty(), "{code} has no example");
    }
}

/// A page is also read in the repository, where a link leads from file to file.
#[test]
fn links_of_pages_lead_to_pages_and_to_headings_that_there_are() {
    let mut followed = 0;
    for code in ErrorCode::ALL {
        let page = page(code.as_str());
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = folder_of_pages().join(path);
            let target = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{code}: {link}: {error}"));
            let headings = target.lines().filter(|line| line.starts_with('#')).map(anchor);
            assert!(heading.is_empty() || headings.into_iter().any(|found| found == heading), "{code}: {link}");
            followed += 1;
        }
    }
    assert!(followed > 20, "only {followed}");
}

/// The name of a heading as links have it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|character| character.is_alphanumeric() || matches!(character, '-' | '_')).collect()
}

#[test]
fn a_code_is_explained_as_plain_text() {
    let (status, text, errors) = explain(&["K402"]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    assert!(text.starts_with("K402: access to the checkpoint table is denied\n\n"), "{text}");
    assert!(text.contains("\nWhy it happens\n") && text.contains("\nWhat to do\n"), "{text}");
    assert!(
        text.contains(r#"    {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:UpdateItem"]"#),
        "{text}"
    );
    assert_eq!(explain(&["k402"]), (Some(0), text, String::new()));
    for code in ErrorCode::ALL {
        let (status, text, _) = explain(&[code.as_str()]);
        assert_eq!(status, Some(0), "{code}");
        assert!(!text.contains("](") && !text.contains("```") && !text.contains("\n#"), "{code}: {text}");
    }
}

#[test]
fn without_a_code_all_of_them_are_listed() {
    let (status, text, errors) = explain(&[]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    assert!(text.starts_with("Settings\n  K101  unknown setting\n  K102  "), "{text}");
    assert!(text.contains("\n\nTransforms\n  K201  transform can't be read\n"), "{text}");
    let listed = text.lines().filter(|line| line.starts_with("  K")).count();
    assert_eq!(listed, ErrorCode::ALL.len());
}

#[test]
fn an_unknown_code_is_named_with_the_nearest_one() {
    let unknown = |code: &str| {
        let (status, text, errors) = explain(&[code]);
        assert_eq!((status, text.as_str()), (Some(1), ""), "{code}");
        errors
    };
    assert_eq!(
        unknown("K108"),
        "kinesieve: unknown error code \"K108\": did you mean K107? `kinesieve explain` lists all of them\n"
    );
    let hostile = unknown("K1\u{1b}[31m\n01");
    assert_eq!(hostile.lines().count(), 1, "{hostile:?}");
    assert!(!hostile.contains('\u{1b}'), "{hostile:?}");
}

/// Runs a command that fails, and expects the example of the page, and below it where the page is to be found.
fn fails_as_the_page_says(code: &str, mut command: Command) {
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{code}: {}", stderr(&output));
    let said = stderr(&output);
    let expected = format!("{}\nfor more: kinesieve explain {code}\n", example(code));
    // A tool that a command runs may say something of its own before.
    let last_two: Vec<&str> = said.lines().rev().take(2).collect();
    let last_two: String = last_two.iter().rev().map(|line| format!("{line}\n")).collect();
    assert_eq!(last_two, expected, "{code}");
}

/// A folder with an input of two lines in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("data.ndjson"), "keep\nkeep\n").expect("written");
    folder
}

/// `kinesieve` with these words as its arguments, in a folder.
fn command(folder: &Path, words: &str) -> Command {
    let mut command = kinesieve(&words.split(' ').collect::<Vec<_>>());
    command.current_dir(folder).env("HOME", "/home/nobody").env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// `kinesieve run` over an input, with a transform of the tests if its name is no file's.
fn run(folder: &Path, transform: &str, more: &str) -> Command {
    let file = if transform.contains('.') { PathBuf::from(transform) } else { guest_file(transform) };
    let mut run = command(folder, &format!("run --input data.ndjson{more}"));
    run.arg("--transform").arg(file);
    run
}

#[test]
fn settings_fail_as_their_pages_say() {
    let folder = folder();
    let with = |variable: &str, value: &str| {
        let mut run = run(folder.path(), "keep", "");
        run.env(variable, value);
        run
    };
    fails_as_the_page_says("K101", with("KINESIEVE_DEADLETTER", "file:dead.ndjson"));
    fails_as_the_page_says("K102", with("KINESIEVE_ROUTE_X", "nowhere"));
    fails_as_the_page_says("K104", with("KINESIEVE_MAX_ATTEMPTS", "3"));
    let mut elsewhere = run(folder.path(), "drop_and_redact", "");
    elsewhere.env("KINESIEVE_TRANSFORM_SETTINGS", "password=${env:PASSWORD}").env_remove("PASSWORD");
    fails_as_the_page_says("K107", elsewhere);
    let connector = || command(folder.path(), "run --connector readings.yaml");
    fails_as_the_page_says("K105", connector());
    std::fs::write(folder.path().join("readings.yaml"), "\n\ndead_leter: stdout\n").expect("written");
    fails_as_the_page_says("K106", connector());
}

#[test]
fn transforms_fail_as_their_pages_say() {
    let folder = folder();
    let path = folder.path();
    let write = |bytes: &[u8]| std::fs::write(path.join("t.wasm"), bytes).expect("written");
    fails_as_the_page_says("K201", run(path, "/nowhere/t.wasm", ""));
    write(b"fn main() {}");
    fails_as_the_page_says("K202", run(path, "t.wasm", ""));
    write(b"\0asm\x01\0\0\0");
    fails_as_the_page_says("K203", run(path, "t.wasm", ""));
    let whole = std::fs::read(guest_file("scripted")).expect("a guest");
    write(&whole[..9]);
    fails_as_the_page_says("K204", run(path, "t.wasm", ""));
    write(&std::fs::read(guest_file("newer_contract")).expect("a guest"));
    fails_as_the_page_says("K211", run(path, "t.wasm", ""));
    write(&std::fs::read(guest_file("other_world")).expect("a guest"));
    fails_as_the_page_says("K212", run(path, "t.wasm", ""));
    write(&whole);
    let mut refused = run(path, "t.wasm", "");
    refused.args(["--transform-settings", "fail=no table named prices"]);
    fails_as_the_page_says("K215", refused);
}

/// Digests and the machine are those of this build, the words around them those of the page.
#[test]
fn precompiled_transforms_fail_as_their_pages_say() {
    let folder = folder();
    let path = folder.path();
    std::fs::copy(guest_file("keep"), path.join("keep.wasm")).expect("copied");
    let build = |words: &str| {
        let output = command(path, words).output().expect("it runs");
        assert!(output.status.success(), "{}", stderr(&output));
    };
    build("build keep.wasm --target host --output t.cwasm");
    fails_as_the_page_says("K821", command(path, "build t.cwasm --target host"));
    let manifest = path.join("t.cwasm.json");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::remove_file(&manifest).expect("removed");
    fails_as_the_page_says("K207", run(path, "t.cwasm", ""));
    let mut fields: Value = serde_json::from_str(&text).expect("JSON");
    fields["sha256"] = "0".repeat(64).into();
    std::fs::write(&manifest, fields.to_string()).expect("written");
    let said = |mut command: Command| stderr(&command.output().expect("it runs"));
    let differs = said(run(path, "t.cwasm", ""));
    assert!(differs.contains(", its manifest says 000") && differs.ends_with("explain K208\n"), "{differs}");
    let other = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };
    build(&format!("build keep.wasm --target {other} --output t.cwasm"));
    let other = said(run(path, "t.cwasm", ""));
    assert!(other.contains("which does not fit this build") && other.ends_with("explain K209\n"), "{other}");
    std::fs::rename(path.join("keep.wasm"), path.join("t.wasm")).expect("renamed");
    fails_as_the_page_says("K822", command(path, "build t.wasm --target host --output t.wasm"));
}

#[test]
fn destinations_fail_as_their_pages_say() {
    let folder = folder();
    let path = folder.path();
    fails_as_the_page_says("K301", run(path, "keep", " --output file:/nowhere/out.ndjson"));
    fails_as_the_page_says("K304", command(path, "put --stream readings data.ndjson"));
    let mut nobody = command(path, "put --stream readings data.ndjson");
    let output = nobody.env("AWS_REGION", "eu-west-1").output().expect("it runs");
    let said = stderr(&output);
    assert!(said.starts_with(&example("K303")) && said.ends_with("explain K303\n"), "{said}");
}

#[test]
fn inputs_fail_as_their_pages_say() {
    let folder = folder();
    let path = folder.path();
    let over = |input: &str| {
        let mut command = command(path, "run --output none");
        command.args(["--input", input]).arg("--transform").arg(guest_file("scripted"));
        command
    };
    fails_as_the_page_says("K501", over("/nowhere/event.json"));
    std::fs::write(path.join("event.json"), "{\n  \"a\": 1\n}\n").expect("written");
    fails_as_the_page_says("K502", over("event.json"));
    let mut incomplete = record(1, "b", &"keep".into());
    incomplete["kinesis"].as_object_mut().expect("an object").remove("partitionKey");
    std::fs::write(path.join("event.json"), event_of([record(0, "a", &"keep".into()), incomplete])).expect("written");
    fails_as_the_page_says("K503", over("event.json"));
    fails_as_the_page_says("K504", over("stream:a b"));
    let mut redrive = command(path, "redrive --from /nowhere/dead.ndjson --output none");
    redrive.arg("--transform").arg(guest_file("keep"));
    fails_as_the_page_says("K531", redrive);
    let twice = ["arn:aws:kinesis:eu-west-1:123456789012:stream/readings"; 2].join(",");
    let mut future = over(&twice);
    future.args(["--from", "at-timestamp=2999-01-01T00:00:00Z"]);
    let said = stderr(&future.output().expect("it runs"));
    assert!(said.contains("is in the future") && said.ends_with("explain K517\n"), "{said}");
}

#[test]
fn a_stop_and_its_summary_name_the_code() {
    let folder = folder();
    for (script, code) in [("retry the table is being rebuilt", "K601"), ("reject not wanted", "K602")] {
        std::fs::write(folder.path().join("data.ndjson"), format!("keep\n{script}\n")).expect("written");
        let output = run(folder.path(), "scripted", "").output().expect("it runs");
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        let said = stderr(&output);
        assert!(said.lines().any(|line| line == example(code)), "{said}");
        assert!(said.ends_with(&format!("\nfor more: kinesieve explain {code}\n")), "{said}");
    }
}

#[test]
fn projects_fail_as_their_pages_say() {
    let folder = folder();
    let path = folder.path();
    let mut named = command(path, "new");
    named.args(["My Masker", "--lang", "rust"]);
    fails_as_the_page_says("K801", named);
    std::fs::create_dir(path.join("masker")).expect("made");
    std::fs::write(path.join("masker/README.md"), "mine\n").expect("written");
    fails_as_the_page_says("K802", command(path, "new masker --lang rust"));
    fails_as_the_page_says("K811", command(path, "build"));
    let project = |text: &str| std::fs::write(path.join("kinesieve.json"), text).expect("written");
    project("{\n  \"build\": [],\n  \"componet\": \"t.wasm\"\n}\n");
    fails_as_the_page_says("K813", command(path, "build"));
    project(r#"{"build": [["./build.sh"]], "component": "target/wasm32-wasip2/release/masker.wasm"}"#);
    std::fs::write(path.join("build.sh"), "#!/bin/sh\n").expect("written");
    fails_as_the_page_says("K815", command(path, "build"));
    project(r#"{"build": [], "component": "target/wasm32-wasip2/release/masker.wasm"}"#);
    fails_as_the_page_says("K817", command(path, "build"));
    std::fs::copy(guest_file("keep"), path.join("masker.wasm")).expect("copied");
    project(r#"{"build": [], "module": "masker.wasm", "component": "t.wasm"}"#);
    fails_as_the_page_says("K818", command(path, "build"));
    fails_as_the_page_says("K832", command(path, "test"));
}

/// The log of a function that gets one event, until it has answered.
fn log_of(event: Vec<u8>, variables: &[(&str, &str)]) -> Vec<Value> {
    let api = RuntimeApi::with_invocation(event, TIME_LIMIT);
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .envs(variables.iter().copied())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    api.next_post(TIME_LIMIT);
    function.kill().expect("it runs");
    let output = function.wait_with_output().expect("it ends");
    stderr(&output).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The code of the line whose message starts like this.
fn code_of<'a>(log: &'a [Value], start: &str) -> &'a Value {
    let line = log.iter().find(|line| line["message"].as_str().is_some_and(|message| message.starts_with(start)));
    &line.unwrap_or_else(|| panic!("no line starts with {start:?}: {log:?}"))["code"]
}

#[test]
fn the_log_of_a_function_names_the_codes_of_stops_dead_letters_and_failures() {
    let stopped = log_of(event(&["keep", "retry the table is being rebuilt"]), &[]);
    assert_eq!(code_of(&stopped, "stopped: "), "K601");
    let folder = tempfile::tempdir().expect("a folder");
    let dead = format!("file:{}", folder.path().join("dead.ndjson").display());
    let letters = log_of(event(&["reject not wanted", "panic"]), &[("KINESIEVE_DEAD_LETTER", &dead)]);
    assert_eq!(code_of(&letters, "dead-lettered: not wanted"), "K611");
    assert_eq!(code_of(&letters, "dead-lettered: trapped"), "K612");
    let letter = std::fs::read_to_string(folder.path().join("dead.ndjson")).expect("dead letters");
    assert!(!letter.contains("K611"), "{letter}");
    let foreign = br#"{"Records":[{"eventSource":"aws:sqs","messageId":"1"}]}"#;
    let failed = log_of(foreign.to_vec(), &[]);
    assert_eq!(code_of(&failed, &example("K701")), "K701");
}

#[test]
fn a_function_that_does_not_start_names_the_code_in_its_log_and_to_lambda() {
    let line = |variables: &[(&str, &str)]| -> Value {
        let output = kinesieve_lambda().envs(variables.iter().copied()).output().expect("it runs");
        serde_json::from_slice(&output.stderr).expect("one line of JSON")
    };
    let transform = guest_file("keep").display().to_string();
    let missing = line(&[("KINESIEVE_TRANSFORM", &transform)]);
    let start = example("K103");
    assert!(missing["message"].as_str().is_some_and(|said| said.starts_with(start.trim_end_matches(", ..."))));
    assert_eq!(missing["code"], "K103");
    let outside = line(&[("KINESIEVE_TRANSFORM", &transform), ("KINESIEVE_OUTPUT", "none")]);
    assert_eq!((&outside["message"], &outside["code"]), (&example("K901").into(), &"K901".into()));

    let api = RuntimeApi::with_behaviour(ApiBehaviour::Plain, Vec::new(), TIME_LIMIT);
    let output = in_lambda(&api).env("KINESIEVE_OUTPUT", "none").output().expect("it runs");
    assert!(!output.status.success());
    let posted = api.next_post(TIME_LIMIT);
    assert_eq!(posted.error_type.as_deref(), Some("Kinesieve.InitError"));
    let body: Value = serde_json::from_str(&posted.body).expect("JSON");
    assert!(body["errorMessage"].as_str().is_some_and(|said| said.ends_with(" (K103)")), "{body}");
    assert!(body.get("code").is_none(), "{body}");
}

#[test]
fn upgrades_packages_and_deployments_fail_as_their_pages_say() {
    let folder = folder();
    let path = folder.path();
    let made = command(path, "new masker --lang c").output().expect("it runs");
    assert!(made.status.success(), "{}", stderr(&made));
    std::fs::write(path.join("masker/vendor/kinesieve.h"), "mine").expect("written");
    fails_as_the_page_says("K804", command(path, "upgrade masker"));
    std::fs::remove_file(path.join("masker/.kinesieve-sdk.json")).expect("removed");
    fails_as_the_page_says("K805", command(path, "upgrade masker"));
    std::fs::copy(guest_file("keep"), path.join("masker/keep.wasm")).expect("copied");
    std::fs::create_dir_all(path.join("target/lambda")).expect("made");
    // The head of a program for x86-64.
    let mut program = b"\x7fELF".to_vec();
    program.resize(18, 0);
    program.extend([62, 0]);
    std::fs::write(path.join("target/lambda/bootstrap"), program).expect("written");
    fails_as_the_page_says("K843", command(path, "package masker/keep.wasm --bootstrap target/lambda/bootstrap"));
    std::fs::write(path.join("masker/template.yaml"), "mine").expect("written");
    fails_as_the_page_says("K845", command(path, "deploy masker/keep.wasm"));
}

#[test]
fn positions_fail_as_their_pages_say() {
    let folder = folder();
    let lines =
        [r#"{"streamId":"readings","shardId":"a","shardEnd":true}"#, r#"{"streamId":"readings","shardId":"b"}"#];
    std::fs::write(folder.path().join("positions.jsonl"), lines.join("\n")).expect("written");
    let positions = |words: &str| command(folder.path(), &format!("positions {words} --yes"));
    fails_as_the_page_says("K414", positions("set --from positions.jsonl --table positions"));
    let table = crate::support::stub::Stub::start(|operation, _| {
        let row = serde_json::json!({
            "StreamID": { "S": "readings" }, "ShardID": { "S": "shardId-000000000000" }, "SequenceNumber": { "S": "4966" },
        });
        match operation {
            "Query" => (200, serde_json::json!({ "Items": [row] }).to_string()),
            _ => (400, r#"{"__type": "AccessDeniedException"}"#.to_owned()),
        }
    });
    let with = |mut command: Command, endpoint: String| {
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "eu-west-1");
        command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "key");
        command
    };
    let other = positions("set --stream readings --shard shardId-000000000000 --trim-horizon --table positions");
    fails_as_the_page_says("K413", with(other, table.endpoint()));
    // A lease that is as it was, and one that is renewed.
    for (code, renews) in [("K415", false), ("K416", true)] {
        let counter = std::sync::atomic::AtomicU64::new(7);
        let leases = crate::support::stub::Stub::start(move |operation, _| {
            let count = counter.fetch_add(u64::from(renews), std::sync::atomic::Ordering::Relaxed);
            let lease = serde_json::json!({
                "leaseKey": { "S": "shardId-000000000000" }, "leaseOwner": { "S": "worker-1" },
                "leaseCounter": { "N": count.to_string() }, "checkpoint": { "S": "4966" },
            });
            match operation {
                "Scan" => (200, serde_json::json!({ "Items": [lease] }).to_string()),
                _ => (400, r#"{"__type": "AccessDeniedException"}"#.to_owned()),
            }
        });
        let import = positions("import --from-kcl readings-app --to positions --wait 1s");
        fails_as_the_page_says(code, with(import, leases.endpoint()));
    }
}
