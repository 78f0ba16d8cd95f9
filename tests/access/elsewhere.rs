//! Values of settings that stand elsewhere: in variables, files, parameters of Systems Manager and secrets of Secrets Manager.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_ssm::types::ParameterType;

use crate::support::emulator::Emulator;
use crate::support::events::{event_of, record, sequence_number};
use crate::support::moto::Moto;
use crate::support::stub::Stub;
use crate::support::{block_on, error_line, guest_file, kinesieve, stderr, stdout};

const SECRET: &str = "hunter2-and-a-half";

/// Moto with what settings refer to: a secret of two fields, and parameters.
fn moto() -> Moto {
    let moto = Moto::start();
    let config = moto.config();
    block_on(async {
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        let text = format!(r#"{{"password":"{SECRET}","size":3,"list":[1]}}"#);
        secrets.create_secret().name("readings").secret_string(text).send().await.expect("a secret");
        secrets.create_secret().name("plain").secret_string(SECRET).send().await.expect("a secret");
        let bytes = aws_sdk_secretsmanager::primitives::Blob::new(*b"\xff");
        secrets.create_secret().name("bytes").secret_binary(bytes).send().await.expect("a secret");
        let parameters = aws_sdk_ssm::Client::new(&config);
        for (name, value, kind) in [
            ("/readings/remove", "email", ParameterType::String),
            ("/readings/hidden", SECRET, ParameterType::SecureString),
            ("/readings/attempts", "5", ParameterType::String),
        ] {
            parameters.put_parameter().name(name).value(value).r#type(kind).send().await.expect("a parameter");
        }
    });
    moto
}

/// A command that reaches moto by its environment.
fn command(folder: &Path, moto: &Moto, arguments: &[&str]) -> Command {
    let mut command = kinesieve(arguments);
    command
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "k")
        .env("AWS_SECRET_ACCESS_KEY", "s")
        .current_dir(folder);
    command
}

fn done(command: &mut Command) -> Output {
    let output = command.output().expect("it runs");
    assert!(!stderr(&output).contains(SECRET), "{}", stderr(&output));
    output
}

/// A folder with lines to read.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("{{\"email\":\"a@example.com\",\"{SECRET}\":1,\"id\":7}}\n");
    std::fs::write(folder.path().join("lines"), line).expect("written");
    folder
}

/// The transform's settings come from all four places, wherever the settings themselves come from.
#[test]
fn the_transforms_settings_may_stand_in_each_place() {
    let (moto, folder) = (moto(), folder());
    std::fs::write(folder.path().join("word"), "email\n").expect("written");
    let transform = guest_file("drop_and_redact").display().to_string();
    let run = ["run", "--input", "lines", "--transform", &transform, "--output", "stdout"];
    for (place, kept) in [
        ("${env:WORD}", [SECRET, "id"]),
        ("${file:word}", [SECRET, "id"]),
        ("${ssm:/readings/remove}", [SECRET, "id"]),
        ("${ssm:/readings/hidden}", ["email", "id"]),
        ("${secretsmanager:plain}", ["email", "id"]),
        ("${secretsmanager:readings#password}", ["email", "id"]),
        ("i${env:D}", ["email", SECRET]),
    ] {
        let settings = format!("remove={place}");
        let by_flag = done(
            command(folder.path(), &moto, &run)
                .args(["--transform-settings", &settings])
                .env("WORD", "email")
                .env("D", "d"),
        );
        let removed = |output: &Output| {
            assert_eq!(output.status.code(), Some(0), "{place}: {}", stderr(output));
            let line: serde_json::Value = serde_json::from_str(stdout(output).trim()).expect("a line");
            let data: serde_json::Value = serde_json::from_str(line["data"].as_str().expect("data")).expect("JSON");
            let names: Vec<String> = data.as_object().expect("an object").keys().cloned().collect();
            names
        };
        let mut expected = kept.map(str::to_owned);
        expected.sort_unstable();
        let mut names = removed(&by_flag);
        names.sort_unstable();
        assert_eq!(names, expected, "{place}");
        let file =
            format!("input: lines\ntransform: {transform}\noutput: stdout\ntransform_settings:\n  remove: '{place}'\n");
        std::fs::write(folder.path().join("c.yaml"), file).expect("written");
        let by_file =
            done(command(folder.path(), &moto, &["run", "--connector", "c.yaml"]).env("WORD", "email").env("D", "d"));
        let mut names = removed(&by_file);
        names.sort_unstable();
        assert_eq!(names, expected, "{place}, in a file");
    }
}

/// Any value of the file: numbers, lists, streams, routes. A secret is asked for once for all of its fields.
#[test]
fn any_value_of_the_file_may_stand_elsewhere() {
    let (moto, folder) = (moto(), folder());
    let file = "input: ${env:WHERE}\ntransform: none\noutput: file:out\ndead_letter: file:dead\n\
                max_attempts: ${ssm:/readings/attempts}\nworkers: ${secretsmanager:readings#size}\n\
                routes:\n  a: file:${secretsmanager:readings#size}\n";
    std::fs::write(folder.path().join("c.yaml"), file).expect("written");
    let with = |arguments: &[&str]| {
        let mut command = command(folder.path(), &moto, arguments);
        command.env("WHERE", "lines");
        command
    };
    let run = done(&mut with(&["run", "--connector", "c.yaml"]));
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    assert!(folder.path().join("out").is_file() && folder.path().join("3").is_file());

    // What only looks at the file asks nobody.
    let mut offline = with(&["connector", "check", "c.yaml"]);
    let checked = done(offline.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1"));
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let said = stdout(&checked);
    assert!(said.contains("  --input ${env:WHERE}\n"), "{said}");
    assert!(said.contains("  --max-attempts ${ssm:/readings/attempts} (looked up at the start)\n"), "{said}");
    let parameters = done(&mut with(&["connector", "parameters", "c.yaml"]));
    assert!(
        stderr(&parameters).contains("max_attempts: ${ssm:/readings/attempts} is looked up"),
        "{}",
        stderr(&parameters)
    );
}

#[test]
fn what_is_not_there_is_told_with_its_place_and_nothing_starts() {
    let (moto, folder) = (moto(), folder());
    for (value, said) in [
        (
            "${ssm:/nowhere}",
            "c.yaml:5:15: max_attempts: ${ssm:/nowhere}: there is no such parameter in eu-west-1: create it",
        ),
        ("${secretsmanager:nowhere}", "${secretsmanager:nowhere}: there is no such secret in eu-west-1"),
        ("${secretsmanager:bytes}", "${secretsmanager:bytes}: the secret has bytes, and no text"),
        ("${secretsmanager:plain#a}", "${secretsmanager:plain#a}: the secret is no JSON object"),
        ("${secretsmanager:readings#a}", "${secretsmanager:readings#a}: the secret has no field a"),
        ("${secretsmanager:readings#list}", "the field list of the secret is neither text nor a number"),
        (
            "${secretsmanager:readings#password}",
            "max_attempts: what ${secretsmanager:readings#password} stands for is no value of it",
        ),
        ("${env:NOWHERE}", "c.yaml:5:15: max_attempts: ${env:NOWHERE}: the variable NOWHERE is not set: set it"),
        ("${env:WRONG}", "max_attempts: what ${env:WRONG} stands for is no value of it"),
        ("${file:nowhere}", "${file:nowhere}: No such file"),
        ("${secret:a}", "${secret:...} is no place: did you mean ${secretsmanager:...}?"),
    ] {
        let file =
            format!("input: lines\ntransform: none\noutput: file:out\ndead_letter: none\nmax_attempts: {value}\n");
        std::fs::write(folder.path().join("c.yaml"), file).expect("written");
        let run = done(command(folder.path(), &moto, &["run", "--connector", "c.yaml"]).env("WRONG", SECRET));
        let text = stderr(&run);
        assert_eq!(run.status.code(), Some(1), "{value}: {text}");
        assert!(error_line(&text).contains(said), "{value}: {text}");
        assert!(!folder.path().join("out").exists(), "{value}");
    }
    // Of what says how services are reached, no service is asked.
    std::fs::write(folder.path().join("c.yaml"), "input: lines\nregion: ${ssm:/a}\n").expect("written");
    let run = done(&mut command(folder.path(), &moto, &["run", "--connector", "c.yaml"]));
    assert!(error_line(&stderr(&run)).contains("none of them can hold it"), "{}", stderr(&run));
}

/// A service that says nothing, refuses, or is not there.
#[test]
fn a_service_that_does_not_say_ends_the_start_in_time() {
    let folder = folder();
    let transform = guest_file("drop_and_redact").display().to_string();
    let run = ["run", "--input", "lines", "--transform", &transform, "--output", "file:out", "--transform-settings"];
    let silent = Stub::start(|_, _| {
        std::thread::sleep(Duration::from_secs(60));
        (200, String::new())
    });
    let denying = Stub::start(|_, _| (400, r#"{"__type":"AccessDeniedException","message":"no"}"#.to_owned()));
    let lying = Stub::start(|_, _| (200, "hunter2-and-a-half".to_owned()));
    for (endpoint, said) in [
        (silent.endpoint(), "${secretsmanager:a}"),
        (denying.endpoint(), "secretsmanager:GetSecretValue is denied: allow it for the secret"),
        (lying.endpoint(), "${secretsmanager:a}"),
        ("http://127.0.0.1:1".to_owned(), "${secretsmanager:a}"),
    ] {
        let started = Instant::now();
        let mut command = kinesieve(&[&run[..], &["remove=${secretsmanager:a}"]].concat());
        command.env("AWS_ENDPOINT_URL", &endpoint).env("AWS_REGION", "eu-west-1").current_dir(folder.path());
        let output = done(command.env("AWS_ACCESS_KEY_ID", "k").env("AWS_SECRET_ACCESS_KEY", "s"));
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(error_line(&text).contains("KINESIEVE_TRANSFORM_SETTINGS: remove: ") && text.contains(said), "{text}");
        assert!(text.contains("K107"), "{text}");
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
        assert!(!folder.path().join("out").exists());
    }
}

/// A key that a service no longer takes is looked up again, in a function that goes on.
#[test]
fn a_key_that_was_exchanged_is_looked_up_again() {
    let asked = Arc::<AtomicUsize>::default();
    let keys = Arc::clone(&asked);
    let stub = Stub::start(move |operation, _| match operation {
        "GetSecretValue" => {
            let count = keys.fetch_add(1, Ordering::SeqCst);
            (
                200,
                format!(r#"{{"Name":"key","SecretString":"{{\"id\":\"AKID{count}\",\"secret\":\"hunter{count}\"}}"}}"#),
            )
        }
        "PutRecords" if keys.load(Ordering::SeqCst) < 2 => {
            (400, r#"{"__type":"UnrecognizedClientException","message":"the token is invalid"}"#.to_owned())
        }
        "PutRecords" => {
            let record = r#"{"SequenceNumber":"1","ShardId":"shardId-000000000000"}"#;
            (200, format!(r#"{{"FailedRecordCount":0,"Records":[{record}]}}"#))
        }
        other => (400, format!(r#"{{"__type":"ValidationException","message":"{other}"}}"#)),
    });
    let emulator = Emulator::start();
    let function = emulator.function(&[
        ("KINESIEVE_TRANSFORM", "none"),
        ("KINESIEVE_OUTPUT", "arn:aws:kinesis:eu-west-1:123456789012:stream/out"),
        ("KINESIEVE_CREDENTIALS_ID", "${secretsmanager:key#id}"),
        ("KINESIEVE_CREDENTIALS_SECRET", "${secretsmanager:key#secret}"),
        ("AWS_ENDPOINT_URL", &stub.endpoint()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ]);
    let batch = event_of([record(0, "a", &"keep".into())]);
    let (_, refused) = emulator.invoke(&batch);
    assert_eq!(refused, format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, sequence_number(0)));
    std::thread::sleep(Duration::from_millis(2100));
    let (_, taken) = emulator.invoke(&batch);
    assert_eq!(taken, r#"{"batchItemFailures":[]}"#);
    // While it is taken, nobody asks again.
    emulator.invoke(&batch);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let log = function.log();
    assert!(!format!("{log:?}").contains("hunter"), "{log:?}");
}
