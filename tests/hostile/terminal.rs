//! Texts of guests, components, records, services and file names, in all that is said.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::components::importing;
use crate::support::events::{STREAM_ARN, event_of, record};
use crate::support::stub::Stub;
use crate::support::terminal::{HOSTILE, HOSTILE_WORD, SHOWN, obeyed, on_a_terminal};
use crate::support::{error_line, guest_file, kinesieve, kinesieve_lambda, stderr, stdout};

/// Nothing on standard output or error is obeyed, and the text can be read on one of the two.
fn is_safe(output: &Output) {
    let (out, errors) = (stdout(output), stderr(output));
    assert_eq!((obeyed(&out), obeyed(&errors)), (vec![], vec![]), "{out:?}{errors:?}");
    assert!(out.contains(SHOWN) || errors.contains(SHOWN), "{out}{errors}");
}

/// A folder with records for the scripted guest.
fn records(records: &[String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let records = records.iter().enumerate().map(|(index, text)| record(index, HOSTILE, &text.as_str().into()));
    std::fs::write(folder.path().join("event.json"), event_of(records)).expect("written");
    folder
}

fn run_in(folder: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = kinesieve(&["run", "--workers", "1", "--input", "event.json", "--transform"]);
    command.arg(guest_file("scripted")).args(arguments).current_dir(folder).env("NO_COLOR", "1");
    command
}

#[test]
fn what_a_guest_logs_is_one_line_an_event() {
    let forged = "ok\n INFO all is well\r\n";
    let folder =
        records(&[format!("log info {HOSTILE}"), format!("log warn {forged}"), format!("print stdout 1 {HOSTILE}")]);
    let output = run_in(folder.path(), &["--output", "none"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    is_safe(&output);
    let said = stderr(&output);
    assert!(!said.lines().any(|line| line.starts_with(" INFO all is well")), "{said}");
}

#[test]
fn what_a_guest_answers_is_one_line_of_the_summary_and_of_the_log() {
    for verb in ["reject", "retry"] {
        let folder = records(&[format!("{verb} {HOSTILE}")]);
        let output = run_in(folder.path(), &["--output", "none"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(3));
        is_safe(&output);
        let dead = folder.path().join("dead.ndjson");
        let target = format!("file:{}", dead.display());
        is_safe(&run_in(folder.path(), &["--output", "none", "--dead-letter", &target]).output().expect("it runs"));
    }
}

#[test]
fn what_a_guest_says_of_its_settings_is_one_line() {
    let folder = records(&["keep".to_owned()]);
    let output =
        run_in(folder.path(), &["--transform-settings", &format!("fail={HOSTILE}")]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(error_line(&stderr(&output)).contains("rejected its settings"), "{}", stderr(&output));
    is_safe(&output);
}

#[test]
fn records_that_are_shown_are_safe() {
    let folder = records(&[
        format!("keep {HOSTILE}"),
        format!("log info {HOSTILE}"),
        format!("emit 1 key={HOSTILE_WORD} route={HOSTILE_WORD}"),
        format!("reject {HOSTILE}"),
        format!("{{\"text\":\"{}\"}}", HOSTILE.replace(|character: char| character.is_ascii_control(), "")),
        format!("retry {HOSTILE}"),
    ]);
    let output = run_in(folder.path(), &["--show"]).env("COLUMNS", "500").output().expect("it runs");
    is_safe(&output);
    let on_terminal = on_a_terminal(run_in(folder.path(), &["--show"]).env("COLUMNS", "500"));
    assert_eq!(obeyed(&on_terminal), Vec::<char>::new(), "{on_terminal:?}");
    assert!(on_terminal.contains(SHOWN), "{on_terminal}");
}

/// The same values on a terminal as elsewhere, and elsewhere the same bytes as ever.
#[test]
fn outputs_on_a_terminal_are_safe_and_the_same_values() {
    let folder =
        records(&[format!("keep {HOSTILE}"), format!("emit 2 key={HOSTILE_WORD}"), format!("reject {HOSTILE}")]);
    for arguments in [["--dead-letter", "none"], ["--dead-letter", "stdout"]] {
        let piped = run_in(folder.path(), &arguments).output().expect("it runs");
        let elsewhere = stdout(&piped);
        assert!(obeyed(&elsewhere).contains(&'\u{9b}'), "{elsewhere:?}");
        let shown = on_a_terminal(&run_in(folder.path(), &arguments));
        assert_eq!(obeyed(&shown), Vec::<char>::new(), "{shown:?}");
        // In which order outputs and dead letters stand among each other is nobody's promise.
        let values = |text: &str| -> BTreeSet<String> {
            let value = |line: &str| serde_json::from_str::<Value>(line).expect("JSON").to_string();
            text.lines().map(value).collect()
        };
        assert_eq!(values(&shown), values(&elsewhere));
        assert!(shown.contains("\\u009b31m\\u0085\\u202etxt"), "{shown}");
    }
}

#[test]
fn what_a_component_says_of_itself_is_safe() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = format!("acme:x/{HOSTILE}");
    std::fs::write(folder.path().join("t.wasm"), importing(&name)).expect("written");
    let run = |arguments: &[&str]| kinesieve(arguments).current_dir(folder.path()).output().expect("it runs");
    is_safe(&run(&["inspect", "t.wasm"]));
    is_safe(&run(&["build", "t.wasm", "--target", "host"]));
    let mut inspect = kinesieve(&["inspect", "t.wasm", "--json"]);
    let shown = on_a_terminal(inspect.current_dir(folder.path()));
    assert_eq!(obeyed(&shown), Vec::<char>::new(), "{shown:?}");
    let description: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(description["imports"][0]["name"], name);
    assert_eq!(
        serde_json::from_str::<Value>(&stdout(&run(&["inspect", "t.wasm", "--json"]))).expect("JSON"),
        description
    );
}

#[test]
fn cases_and_what_came_of_them_are_safe() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("tests")).expect("made");
    let text = format!("log warn {HOSTILE}");
    let suite = json!({ "cases": [
        { "name": HOSTILE, "input": { "text": text }, "expect": { "reject": HOSTILE } },
        { "name": "b", "input": { "text": format!("reject {HOSTILE}") }, "expect": "keep" },
        { "name": "c", "input": { "text": format!("emit 1 key={HOSTILE_WORD}") } },
    ]});
    let refused = json!({ "settings": { "fail": HOSTILE }, "refused": "something else" });
    std::fs::write(folder.path().join(format!("tests/{}.json", HOSTILE.replace('/', ""))), suite.to_string())
        .expect("written");
    std::fs::write(folder.path().join("tests/refused.json"), refused.to_string()).expect("written");
    let mut test = kinesieve(&["test", "--transform"]);
    test.arg(guest_file("scripted")).arg(folder.path());
    is_safe(&test.output().expect("it runs"));
    let shown = on_a_terminal(test.arg("--json"));
    assert_eq!(obeyed(&shown), Vec::<char>::new(), "{shown:?}");
    assert!(serde_json::from_str::<Value>(&shown).is_ok(), "{shown}");
    // What can't be read is said with the name of its file.
    std::fs::write(folder.path().join(format!("tests/{HOSTILE}.json")), "{").expect("written");
    let output =
        kinesieve(&["test", "--transform"]).arg(guest_file("keep")).arg(folder.path()).output().expect("it runs");
    is_safe(&output);
}

#[test]
fn dead_letters_that_are_run_again_are_safe() {
    let folder = records(&[format!("reject {HOSTILE}")]);
    let dead = folder.path().join("dead.ndjson");
    let target = format!("file:{}", dead.display());
    run_in(folder.path(), &["--output", "none", "--dead-letter", &target]).output().expect("it runs");
    let letter = std::fs::read_to_string(&dead).expect("a dead letter");
    std::fs::write(&dead, letter + "no letter\n").expect("written");
    let redrive = |arguments: &[&str]| {
        let mut command = kinesieve(&["redrive", "--from", &target, "--output", "none", "--transform"]);
        command.arg(guest_file("scripted")).args(arguments).env("NO_COLOR", "1");
        command
    };
    is_safe(&redrive(&[]).output().expect("it runs"));
    let shown = on_a_terminal(&redrive(&["--json"]));
    assert_eq!(obeyed(&shown), Vec::<char>::new(), "{shown:?}");
    assert!(shown.contains("\\u009b31m"), "{shown}");
}

/// A service that refuses with a text of its own.
fn refusing() -> Stub {
    Stub::start(|_, _| (400, json!({ "__type": "AccessDeniedException", "message": HOSTILE }).to_string()))
}

fn at(stub: &Stub, arguments: &[&str]) -> std::process::Command {
    let mut command = kinesieve(arguments);
    command
        .env("AWS_ENDPOINT_URL", stub.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

#[test]
fn what_a_service_says_is_safe() {
    let stub = refusing();
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join(format!("{HOSTILE}.txt"));
    std::fs::write(&input, "x\n").expect("written");
    let output = at(&stub, &["put", "--stream", "readings"]).arg(&input).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    is_safe(&output);
    is_safe(&at(&stub, &["status", "--checkpoint-table", "positions"]).output().expect("it runs"));
    let transform = folder.path().join(format!("{HOSTILE}.wasm"));
    std::fs::copy(guest_file("keep"), &transform).expect("copied");
    let doctor = |arguments: &[&str]| {
        let mut doctor = at(&stub, &["doctor", "--stream", STREAM_ARN, "--transform"]);
        doctor.arg(&transform).args(arguments);
        doctor
    };
    is_safe(&doctor(&[]).output().expect("it runs"));
    let shown = on_a_terminal(&doctor(&["--json"]));
    assert_eq!(obeyed(&shown), Vec::<char>::new(), "{shown:?}");
    assert!(shown.contains("\\u009b31m"), "{shown}");
}

/// A row's texts were a guest's.
#[test]
fn what_a_checkpoint_table_says_is_safe() {
    let row = json!({
        "StreamID": { "S": HOSTILE },
        "ShardID": { "S": format!("shardId-{HOSTILE}") },
        "SequenceNumber": { "S": "4966" },
        "ClientID": { "S": HOSTILE },
        "LeaseTimeout": { "S": HOSTILE },
        "StuckAt": { "S": "4967" },
        "StuckReason": { "S": HOSTILE },
        "StuckAttempts": { "N": "3" },
    });
    let stub = Stub::start(move |operation, _| match operation {
        "Scan" | "Query" => (200, json!({ "Items": [row], "Count": 1, "ScannedCount": 1 }).to_string()),
        _ => (400, json!({ "__type": "AccessDeniedException", "message": HOSTILE }).to_string()),
    });
    let status = |arguments: &[&str]| {
        let mut command = at(&stub, &["status", "--checkpoint-table", "positions"]);
        command.args(arguments).env("NO_COLOR", "1");
        command
    };
    let output = status(&[]).output().expect("it runs");
    is_safe(&output);
    assert!(stdout(&output).contains("blocked"), "{}{}", stdout(&output), stderr(&output));
    let shown = on_a_terminal(&status(&["--json"]));
    assert_eq!(obeyed(&shown), Vec::<char>::new(), "{shown:?}");
    assert!(shown.contains("\\u009b31m"), "{shown}");
}

#[test]
fn a_file_that_is_not_there_is_named_on_one_line() {
    for arguments in [
        ["inspect", HOSTILE, "--json"].as_slice(),
        &["build", HOSTILE, "--target", "host"],
        &["test", HOSTILE, "--json"],
        &["run", "--transform", HOSTILE, "--input", HOSTILE],
        &["put", HOSTILE, "--stream", "s"],
        &["redrive", "--from", &format!("file:{HOSTILE}"), "--transform", HOSTILE, "--output", "none"],
        // More files than it takes, as a shell would name them.
        &["inspect", "a", HOSTILE],
        &["run", "--order", HOSTILE],
    ] {
        let output = kinesieve(arguments).output().expect("it runs");
        assert!(matches!(output.status.code(), Some(1 | 2)), "{arguments:?}: {}", stderr(&output));
        assert_eq!(obeyed(&stderr(&output)), Vec::<char>::new(), "{arguments:?}: {:?}", stderr(&output));
    }
}

/// The function's log is read on terminals as well.
#[test]
fn the_functions_log_is_safe() {
    let mut function = kinesieve_lambda();
    function.env("KINESIEVE_TRANSFORM", HOSTILE).env("KINESIEVE_OUTPUT", "none").env("AWS_LAMBDA_FUNCTION_NAME", "f");
    function
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1");
    let output = function.output().expect("it runs");
    let said = stderr(&output);
    assert!(!said.is_empty() && obeyed(&said).is_empty(), "{said:?}");
    let mut lines = said.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    // As a value it is what it was.
    assert!(lines.any(|line| line["message"].as_str().is_some_and(|message| message.contains(HOSTILE))), "{said}");
}
