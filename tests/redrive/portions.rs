//! A part of the dead letters at a time, and no faster than is said.

use std::time::{Duration, Instant};

use super::{NOWHERE, dead_letter, failing, file_of, letter, outputs, payload, redrive};
use crate::support::events::sequence_number;
use crate::support::moto::Moto;
use crate::support::stderr;

#[test]
fn a_file_is_redriven_in_portions() {
    let folder = tempfile::tempdir().expect("a folder");
    let letters: Vec<String> =
        (0..7).map(|index| letter(index, &[("kind", if index == 1 { "trap" } else { "rejected" }.into())])).collect();
    let dead = file_of(folder.path(), &letters).display().to_string();
    let out = folder.path().join("out.ndjson");
    let run = |arguments: &[&str]| {
        let output = redrive(NOWHERE, &dead, "keep", &out).args(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stderr(&output)
    };
    // One that is filtered out does not count, and is not met again.
    let said = run(&["--limit", "2", "--kind", "rejected"]);
    assert!(said.ends_with("ended by --limit 2: 4 dead letters left, go on with --skip 3\n"), "{said}");
    let said = run(&["--limit", "3", "--skip", "3"]);
    assert!(
        said.ends_with("3 passed over by --skip\nended by --limit 3: 1 dead letter left, go on with --skip 6\n"),
        "{said}"
    );
    let said = run(&["--limit", "1", "--skip", "6"]);
    assert!(said.contains("1 dead letter in ") && said.ends_with("\nnothing is left\n"), "{said}");
    let said = run(&["--skip", "7"]);
    assert!(said.contains("0 dead letters in "), "{said}");
    let done: Vec<String> = outputs(&out).into_iter().map(|(position, _)| position).collect();
    assert_eq!(done, [0, 2, 3, 4, 5, 6].map(sequence_number));
}

#[test]
fn a_queue_goes_on_by_itself() {
    let moto = Moto::shared();
    let arn = moto.create_queue("redrive-portions");
    dead_letter(&moto.endpoint(), failing(), &arn, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    // One of the six can't be decoded, and stays.
    for left in [4, 2] {
        let output = redrive(&moto.endpoint(), &arn, "keep", &out).args(["--limit", "2"]).output().expect("it runs");
        let said = stderr(&output);
        assert!(said.contains("2 dead letters in "), "{said}");
        assert!(said.ends_with("ended by --limit 2: what is behind it is left for the next run\n"), "{said}");
        assert!(outputs(&out).len() >= 5 - left, "{said}");
    }
    let output = redrive(&moto.endpoint(), &arn, "keep", &out).output().expect("it runs");
    assert_eq!(outputs(&out).len(), 5, "each once: {}", stderr(&output));
    assert_eq!(moto.take_messages("redrive-portions").len(), 1);
    let output = redrive(&moto.endpoint(), &arn, "keep", &out).args(["--skip", "1"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("--skip is not for --from") && said.contains("leave it out"), "{said}");
}

#[test]
fn a_rate_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let letters: Vec<String> = (0..9).map(|index| letter(index, &[payload("keep")])).collect();
    let dead = file_of(folder.path(), &letters).display().to_string();
    let started = Instant::now();
    let output = redrive(NOWHERE, &dead, "scripted", &folder.path().join("out")).args(["--rate", "8"]).output();
    let output = output.expect("it runs");
    assert!(started.elapsed() >= Duration::from_millis(980), "{:?}", started.elapsed());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for (flag, value) in [("--rate", "0"), ("--limit", "0"), ("--limit", "-1"), ("--skip", "x")] {
        let output = redrive(NOWHERE, &dead, "keep", &folder.path().join("out")).args([flag, value]).output();
        assert_eq!(output.expect("it runs").status.code(), Some(2), "{flag} {value}");
    }
}
