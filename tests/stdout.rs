//! Standard output whose reader is gone, as that of `| head` is, or whose disk is full: whatever writes there ends.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use crate::support::events::STREAM_ARN;
use crate::support::process::wait_until;
use crate::support::services::{Faults, Service, Stub};
use crate::support::{block_on, guest_file, kinesieve};

const BROKEN: &str = "standard output: Broken pipe (os error 32)";
const FULL: &str = "standard output: No space left on device (os error 28)";

/// Runs it with nobody who reads standard output: the exit code and standard error.
fn unread(command: &mut Command) -> (Option<i32>, String) {
    unread_with(command, |_| {})
}

fn unread_with(command: &mut Command, meanwhile: impl FnOnce(&mut Child)) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    meanwhile(&mut child);
    ended(child)
}

/// Runs it with standard output on a disk that is full.
fn full(command: &mut Command) -> (Option<i32>, String) {
    let disk = File::options().write(true).open("/dev/full").expect("a full disk");
    ended(command.stdout(disk).stderr(Stdio::piped()).spawn().expect("it starts"))
}

fn ended(mut child: Child) -> (Option<i32>, String) {
    wait_until("it ends by itself", || child.try_wait().expect("its state").is_some());
    let output = child.wait_with_output().expect("its output");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A stream of so many records that the guest keeps.
fn stream(records: usize) -> Stub {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let entry = |index: usize| {
        let data = Blob::new(format!("keep {index}"));
        PutRecordsRequestEntry::builder().partition_key("key").data(data).build().expect("a record")
    };
    let request = Client::new(&stub.config()).put_records().stream_name("readings");
    block_on(request.set_records(Some((0..records).map(entry).collect())).send()).expect("they are put");
    stub
}

/// A run over a stream that would go on for ever.
fn follow(stub: &Stub, arguments: &[&str]) -> Command {
    let mut command = kinesieve(&["run", "--input", STREAM_ARN, "--from", "trim-horizon", "--transform"]);
    command
        .arg(guest_file("scripted"))
        .args(arguments)
        .env("AWS_ENDPOINT_URL_KINESIS", stub.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

fn over_file(input: &Path, arguments: &[&str]) -> Command {
    let mut command = kinesieve(&["run", "--transform"]);
    command.arg(guest_file("scripted")).arg("--input").arg(input).args(arguments);
    command
}

fn lines(folder: &Path, count: usize) -> std::path::PathBuf {
    let input = folder.join("in.txt");
    std::fs::write(&input, "keep\n".repeat(count)).expect("written");
    input
}

#[test]
fn outputs_that_nobody_reads_end_a_run_over_a_stream_as_over_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let of_file = unread(&mut over_file(&lines(folder.path(), 100), &[]));
    assert_eq!(of_file.0, Some(3));
    assert!(of_file.1.contains(BROKEN) && of_file.1.contains("stopped at sequence number 1: "), "{}", of_file.1);
    let stub = stream(100);
    let of_stream = unread(&mut follow(&stub, &["--output", "stdout"]));
    assert_eq!(of_stream.0, Some(3), "{}", of_stream.1);
    // Nothing counts as delivered that was not.
    assert!(of_stream.1.contains("0 outputs delivered, 0 B"), "{}", of_stream.1);
    assert!(of_stream.1.contains("stopped, nothing was acknowledged\n  blocked at "), "{}", of_stream.1);
    assert!(of_stream.1.contains(BROKEN) && of_stream.1.matches(BROKEN).count() < 5, "{}", of_stream.1);
}

/// Rules that give records up must not do it since nobody reads.
#[test]
fn no_record_is_given_up_for_a_reader_that_is_gone() {
    let stub = stream(10);
    let (code, said) = unread(&mut follow(&stub, &["--max-retry-attempts", "1", "--batch-size", "2"]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("given up          0"), "{said}");
}

#[test]
fn reports_and_records_that_nobody_reads_end_a_run_over_a_stream() {
    let stub = stream(20);
    for arguments in [["--json"], ["--show"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out.ndjson");
        let target = format!("file:{}", out.display());
        let (code, said) = unread(follow(&stub, &["--output", &target]).args(arguments));
        // As after Ctrl-C: what was read is delivered and acknowledged.
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("ERROR") && !said.contains("Broken pipe"), "{said}");
        assert_eq!(std::fs::read_to_string(&out).expect("outputs").lines().count(), 20, "{arguments:?}: {said}");
        // One that was to go on further did not.
        let (code, said) = unread(follow(&stub, &["--output", "none", "--until", "count=1000"]).args(arguments));
        assert_eq!(code, Some(3), "{arguments:?}: {said}");
    }
}

#[test]
fn records_that_nobody_looks_at_end_a_run_over_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let more_than_a_batch = lines(folder.path(), 25_000);
    let (code, said) = unread(&mut over_file(&more_than_a_batch, &["--show"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("10000 records in "), "{said}");
    let (code, said) = unread(&mut over_file(&more_than_a_batch, &["--show", "--output", "none"]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("the run ended before its input: nobody reads standard output any more"), "{said}");
    // All of it was done before anybody could know.
    let (code, said) = unread(&mut over_file(&lines(folder.path(), 10), &["--show", "--output", "none"]));
    assert_eq!(code, Some(0), "{said}");
    // A pipe may never give more.
    let mut endless = over_file(Path::new("-"), &["--show"]);
    let (code, said) = unread_with(endless.stdin(Stdio::piped()), |child| {
        let mut input = child.stdin.take().expect("an input");
        input.write_all(b"keep\n").expect("written");
        wait_until("it ends", || child.try_wait().expect("its state").is_some());
    });
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_full_disk_is_named_and_not_tried_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, said) = full(&mut over_file(&lines(folder.path(), 10), &[]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(FULL), "{said}");
    let stub = stream(10);
    let (code, said) = full(&mut follow(&stub, &[]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(FULL), "{said}");
    for arguments in [["--json"], ["--show"]] {
        let (code, said) = full(follow(&stub, &["--output", "none"]).args(arguments));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&format!("kinesieve: {FULL}")), "{said}");
    }
    let (code, said) = full(&mut over_file(&lines(folder.path(), 10), &["--show"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("kinesieve: {FULL}")), "{said}");
}

/// Dead letters of records that the guest keeps.
fn dead_letters(folder: &Path, count: usize) -> std::path::PathBuf {
    let dead = folder.join("dead.ndjson");
    let letter = |index: usize| {
        format!(
            r#"{{"reason":"r","kind":"trap","streamArn":"{STREAM_ARN}","shardId":"shardId-000000000000","sequenceNumber":"{}","partitionKey":"k","arrivedAt":"2018-12-17T22:10:50Z","dataBase64":"a2VlcA=="}}"#,
            4966 + index
        )
    };
    std::fs::write(&dead, (0..count).map(|index| letter(index) + "\n").collect::<String>()).expect("written");
    dead
}

#[test]
fn what_nobody_reads_ends_a_redrive() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = dead_letters(folder.path(), 9);
    let out = folder.path().join("out.ndjson");
    let redrive = |arguments: &[&str]| {
        let mut command = kinesieve(&["redrive", "--transform"]);
        command.arg(guest_file("scripted")).arg("--from").arg(&dead).args(arguments);
        command
    };
    let target = format!("file:{}", out.display());
    let (code, said) = unread(&mut redrive(&["--json", "--output", &target]));
    assert_eq!(code, Some(3), "{said}");
    let rest = "ended, since nobody reads standard output any more: 8 dead letters left, go on with --skip 1";
    assert!(said.contains("1 dead letter in ") && said.contains(rest), "{said}");
    assert_eq!(std::fs::read_to_string(&out).expect("outputs").lines().count(), 1);
    // Outputs: the first one is not delivered, and no other is tried.
    let (code, said) = unread(&mut redrive(&[]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(BROKEN) && said.contains("not delivered        1\n"), "{said}");
    let (code, said) = full(&mut redrive(&[]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(FULL) && said.contains("not delivered        1\n"), "{said}");
    let (code, said) = full(&mut redrive(&["--json", "--output", &target]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("kinesieve: {FULL}")) && said.contains("1 dead letter in "), "{said}");
}

#[test]
fn what_is_said_at_once_is_said_to_nobody_without_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("tests")).expect("made");
    std::fs::write(
        folder.path().join("tests/a.json"),
        r#"{"cases":[{"name":"a","input":{"text":"keep"},"expect":"keep"}]}"#,
    )
    .expect("written");
    let guest = guest_file("scripted");
    let guest = guest.to_str().expect("UTF-8");
    let folder = folder.path().to_str().expect("UTF-8");
    let project = format!("{folder}/masker");
    for arguments in [
        &["explain"][..],
        &["explain", "K101"],
        &["inspect", guest],
        &["inspect", guest, "--json"],
        &["test", "--transform", guest, folder],
        &["test", "--transform", guest, folder, "--json"],
        &["new", &project, "--lang", "rust"],
        &["--help"],
        &["run", "--help"],
    ] {
        let (code, said) = unread(&mut kinesieve(arguments));
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
        if !arguments.contains(&"--help") {
            let _ = std::fs::remove_dir_all(&project);
            let (code, said) = full(&mut kinesieve(arguments));
            assert_eq!((code, said), (Some(1), format!("kinesieve: {FULL}\n")), "{arguments:?}");
        }
    }
}
