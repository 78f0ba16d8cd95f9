//! All settings in one file: what it says is what flags would say, beneath them and beneath variables.

mod documents;

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::emulator::Emulator;
use crate::support::events::event;
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

/// A folder with a transform that does what records say, three records, and a connector file.
fn folder(connector: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(guest_file("scripted"), folder.path().join("t.wasm")).expect("copied");
    fs::write(folder.path().join("in.ndjson"), "keep\ndrop\nemit 1 key=a route=side\n").expect("written");
    fs::write(folder.path().join("c.yaml"), connector).expect("written");
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    // From elsewhere: what the file names lies beside it.
    let file = folder.join("c.yaml").display().to_string();
    let arguments = [&["run", "--connector", file.as_str()], arguments].concat();
    kinesieve(&arguments).current_dir("/").output().expect("it runs")
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

const ALL: &str = "
# What a comment says is of no effect.
input: in.ndjson
transform: t.wasm
output: file:out.ndjson
routes:
  side: file:side.ndjson
";

#[test]
fn a_run_has_all_of_its_settings_from_the_file() {
    for (name, text) in [
        ("c.yaml", ALL),
        (
            "c.yaml",
            r#"{"input": "in.ndjson", "transform": "t.wasm",
        "output": "file:out.ndjson", "routes": {"side": "file:side.ndjson"}}"#,
        ),
    ] {
        let folder = folder(text);
        let done = run(folder.path(), &[]);
        assert_eq!(done.status.code(), Some(0), "{name}: {}", stderr(&done));
        assert_eq!(lines(&folder.path().join("out.ndjson")), 1);
        assert_eq!(lines(&folder.path().join("side.ndjson")), 1);
    }
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let folder = folder(ALL);
    let place = |name: &str| folder.path().join(name);
    let target = |name: &str| format!("file:{}", place(name).display());
    let connector = place("c.yaml").display().to_string();
    let mut command = kinesieve(&["run", "--output", &target("flag.ndjson")]);
    command.env("KINESIEVE_CONNECTOR", &connector).env("KINESIEVE_OUTPUT", target("variable.ndjson"));
    command.env("KINESIEVE_ROUTE_SIDE", target("side-variable.ndjson"));
    assert!(command.output().expect("it runs").status.success());
    assert_eq!(lines(&place("flag.ndjson")) + lines(&place("side-variable.ndjson")), 2);

    let mut command =
        kinesieve(&["run", "--connector", &connector, "--route", &format!("side={}", target("side-flag.ndjson"))]);
    command.env("KINESIEVE_OUTPUT", target("variable.ndjson"));
    assert!(command.output().expect("it runs").status.success());
    assert_eq!(lines(&place("variable.ndjson")) + lines(&place("side-flag.ndjson")), 2);
    assert!(!place("out.ndjson").exists() && !place("side.ndjson").exists());
}

#[test]
fn a_project_given_wins_over_the_transform_of_the_file() {
    let folder = folder(&ALL.replace("t.wasm", "none.wasm"));
    let transform = folder.path().join("t.wasm").display().to_string();
    let done = run(folder.path(), &["--transform", &transform]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let done = run(folder.path(), &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(stderr(&done).contains("none.wasm") && stderr(&done).contains("K201"), "{}", stderr(&done));
}

#[test]
fn a_file_that_is_wrong_starts_nothing_and_is_named_with_its_place() {
    for (change, place, code) in [
        ("dead_leter: stdout", ":8:1: unknown key dead_leter: did you mean dead_letter?", "K106"),
        ("event_timeout: soon", ":8:16: event_timeout: invalid duration \"soon\"", "K106"),
        ("output: stdout", ":8:1: the key output stands in line 5 already", "K106"),
        ("a: *b", ":8:4: a value that begins with * refers to an anchor", "K106"),
    ] {
        let folder = folder(&format!("{ALL}{change}\n"));
        let done = run(folder.path(), &[]);
        assert_eq!(done.status.code(), Some(1));
        assert!(error_line(&stderr(&done)).contains(place), "{}", stderr(&done));
        assert!(stderr(&done).contains(code));
        assert!(!folder.path().join("out.ndjson").exists(), "it started");
        let file = folder.path().join("c.yaml").display().to_string();
        let checked = kinesieve(&["connector", "check", &file]).output().expect("it runs");
        assert_eq!(checked.status.code(), Some(1));
        assert_eq!(error_line(&stderr(&checked)), error_line(&stderr(&done)));
    }
    let done = kinesieve(&["run", "--connector", "/nowhere/c.yaml"]).output().expect("it runs");
    assert_eq!(done.status.code(), Some(1));
    assert!(stderr(&done).contains("/nowhere/c.yaml: No such file") && stderr(&done).contains("K105"));
    // A file that can't be right is no reason to keep the help to oneself.
    let help = kinesieve(&["run", "--connector", "/nowhere/c.yaml", "--help"]).output().expect("it runs");
    assert!(stdout(&help).contains("--connector <FILE>"), "{}", stderr(&help));
}

#[test]
fn what_is_checked_is_shown_without_what_may_be_secret() {
    let folder = folder(&format!("{ALL}transform_settings: {{token: hunter2}}\nmax_attempts: 5\ndead_letter: none\n"));
    let file = folder.path().join("c.yaml").display().to_string();
    let done = kinesieve(&["connector", "check", &file]).output().expect("it runs");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let said = stdout(&done);
    assert!(said.contains("c.yaml: right\n") && said.contains("  --max-attempts 5\n"), "{said}");
    assert!(said.contains("  --transform-settings (left out)\n") && !said.contains("hunter2"), "{said}");
}

/// Where a run starts is no place of dead letters, though both flags are called `--from`.
#[test]
fn a_setting_of_a_run_is_none_of_a_command_that_calls_another_thing_so() {
    let folder = folder("from: latest\nuntil: now\ntransform: none\noutput: stdout\n");
    let connector = folder.path().join("c.yaml").display().to_string();
    for command in ["redrive", "rescue"] {
        let done = kinesieve(&[command, "--connector", &connector]).output().expect("it runs");
        assert_eq!(done.status.code(), Some(2), "{command}: {}", stderr(&done));
        assert!(stderr(&done).contains("--from <PLACE>"), "{command}: {}", stderr(&done));
    }
    std::fs::write(folder.path().join("letters"), "").expect("written");
    let letters = folder.path().join("letters").display().to_string();
    let done = kinesieve(&["redrive", "--connector", &connector, "--from", &letters]).output().expect("it runs");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
}

#[test]
fn the_function_takes_its_settings_from_a_file_and_leaves_what_only_a_run_has() {
    let emulator = Emulator::start();
    let folder = folder(
        "streams: [readings]\nfrom: trim-horizon\nbatch_size: 10\nprometheus: 127.0.0.1:9464\nmetrics: none\n\
         transform: t.wasm\noutput: file:out.ndjson\nroutes: {side: file:side.ndjson}\n",
    );
    let place = |name: &str| folder.path().join(name);
    let _function = emulator.function(&[
        ("KINESIEVE_CONNECTOR", &place("c.yaml").display().to_string()),
        ("KINESIEVE_OUTPUT", &format!("file:{}", place("variable.ndjson").display())),
        // As a template passes what is not chosen.
        ("KINESIEVE_ROUTES", ""),
    ]);
    let answer = emulator.invoke(&event(&["keep", "emit 1 key=a route=side"]));
    assert_eq!(answer, (200, r#"{"batchItemFailures":[]}"#.to_owned()));
    assert_eq!((lines(&place("variable.ndjson")), lines(&place("side.ndjson"))), (1, 1));
    assert!(!place("out.ndjson").exists());
}

#[test]
fn a_function_whose_file_is_wrong_does_not_start() {
    let emulator = Emulator::start();
    let folder = folder("transform: t.wasm\noutput: none\nordr: key\n");
    let file = folder.path().join("c.yaml").display().to_string();
    let function = emulator.function(&[("KINESIEVE_CONNECTOR", &file)]);
    let (status, answer) = emulator.invoke(&event(&["keep"]));
    assert!(status >= 500 || answer.contains("InitError"), "{status} {answer}");
    let log = function.log();
    let said =
        |line: &serde_json::Value| line["message"].as_str().is_some_and(|said| said.contains(":3:1: unknown key ordr"));
    assert!(log.iter().any(said), "{log:?}");
}

#[test]
fn the_parameters_of_a_file_are_json_and_what_is_left_out_is_said() {
    let folder =
        folder("streams: ['arn:aws:kinesis:eu-west-1:123456789012:stream/in']\ntransform: t.wasm\norder: none\n");
    let file = folder.path().join("c.yaml").display().to_string();
    let done = kinesieve(&["connector", "parameters", &file]).output().expect("it runs");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let parameters: serde_json::Value = serde_json::from_str(&stdout(&done)).expect("JSON");
    let expected =
        serde_json::json!({"StreamArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/in", "Order": "none"});
    assert_eq!(parameters, expected);
    assert!(stderr(&done).starts_with("left out: transform: "), "{}", stderr(&done));
}

#[test]
fn the_file_of_another_tool_becomes_one_that_is_right() {
    let folder = folder("");
    let place = |name: &str| folder.path().join(name).display().to_string();
    fs::write(
        place("input.yaml"),
        "input:\n  aws_kinesis:\n    streams: [readings]\n    region: eu-west-1\n    batching: {count: 10, period: 1s}\n",
    )
    .expect("written");
    let done = kinesieve(&["connector", "import", &place("input.yaml")]).output().expect("it runs");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    assert_eq!(stderr(&done), "");
    fs::write(place("readings.yaml"), done.stdout).expect("written");
    let checked = kinesieve(&["connector", "check", &place("readings.yaml")]).output().expect("it runs");
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    assert!(stdout(&checked).contains("  --input stream:readings\n"), "{}", stdout(&checked));
    assert!(stdout(&checked).contains("  --region eu-west-1\n"), "{}", stdout(&checked));
}
