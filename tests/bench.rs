//! `kinesieve bench`: what it says, and that it says it of the right records. No figure of time is held to a value.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::process::{catches_interrupts, wait_until};
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

/// A short measurement of a guest over lines.
fn bench(folder: &Path, guest: &Path, records: &str, flags: &[&str]) -> Command {
    let input = folder.join("records.txt");
    std::fs::write(&input, records).expect("written");
    let mut command = kinesieve(&["bench"]);
    command.arg(guest).arg("--input").arg(input).args(flags);
    for (flag, value) in [("--seconds", "0.1"), ("--rounds", "3")] {
        if !flags.contains(&flag) {
            command.args([flag, value]);
        }
    }
    command
}

/// The object that it prints.
fn figures(command: &mut Command) -> Value {
    let output = command.arg("--json").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn figures_are_there_add_up_and_stand_beside_those_of_keep() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = "keep\ndrop\nemit 2 size=1000\nlog info hello\n".repeat(250);
    let figures = figures(&mut bench(folder.path(), &guest_file("scripted"), &records, &[]));
    assert_eq!((&figures["records"], &figures["rounds"]), (&1000.into(), &3.into()));
    assert_eq!(figures["isWholeInput"], true);
    assert_eq!(figures["payloadBytes"], records.len() - 1000);
    let verdicts = &figures["verdicts"];
    for (name, count) in
        [("kept", 500), ("dropped", 250), ("replaced", 250), ("outputs", 500), ("outputBytes", 500_000)]
    {
        assert_eq!(verdicts[name], count, "{verdicts}");
    }
    for subject in ["transform", "keep"] {
        let subject = &figures[subject];
        for name in ["recordsPerSecond", "megabytesPerSecond", "microsecondsPerRecord"] {
            let [low, median, high] = ["low", "median", "high"].map(|which| number(&subject[name][which]));
            assert!(0.0 < low && low <= median && median <= high, "{name}: {subject}");
        }
        let parts = ["transformMicroseconds", "boundaryMicroseconds"].map(|name| number(&subject[name]));
        assert!(parts.iter().all(|part| *part >= 0.0), "{subject}");
        let all = parts.iter().sum::<f64>() + number(&subject["readingMicroseconds"]["median"]);
        let said = number(&subject["microsecondsPerRecord"]["median"]);
        assert!((all - said).abs() < said / 1000.0, "{all} and {said}: {subject}");
        assert!(number(&subject["looks"]) > 0.0 && number(&subject["measuredRecords"]) >= 3000.0, "{subject}");
        assert!(number(&subject["linearMemoryBytes"]) >= 65_536.0, "{subject}");
    }
    for name in ["loadMilliseconds", "firstInstanceMilliseconds"] {
        assert!(number(&figures["transform"][name]["median"]) > 0.0, "{figures}");
    }
    let [count, of_keep] = ["transform", "keep"].map(|name| number(&figures[name]["instructionsPerRecord"]));
    assert!(of_keep > 10.0 && of_keep < 200.0 && count > of_keep, "{count} and {of_keep}");
}

/// What a person reviews a change by.
#[test]
fn instructions_are_the_same_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = "keep\nrandom\nclock\nemit 2\n".repeat(50);
    let count = |flags: &[&str]| {
        let mut command = bench(folder.path(), &guest_file("scripted"), &records, flags);
        let figures = figures(&mut command);
        (
            figures["transform"]["instructionsPerRecord"].to_string(),
            figures["keep"]["instructionsPerRecord"].to_string(),
        )
    };
    assert_eq!(count(&[]), count(&["--rounds", "1", "--seconds", "0.02"]));
}

#[test]
fn a_person_reads_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = bench(folder.path(), &guest_file("keep"), &"x\n".repeat(100), &[]).output().expect("it runs");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let text = stdout(&output);
    // What is figures, masked.
    let names: Vec<&str> =
        text.lines().skip(1).map(|line| line.split_at_checked(28).map_or(line, |(name, _)| name.trim_end())).collect();
    insta::assert_snapshot!(names.join("\n"));
    assert!(text.contains("keep.wasm over the 100 records of ") && text.contains(", 3 rounds, "), "{text}");
    assert!(text.contains("\nof 100 records: 100 kept\n"), "{text}");
    // The first line has paths of this machine in it.
    assert!(text.lines().skip(1).all(|line| line.len() < 160), "{text}");
}

#[test]
fn whoever_measures_failures_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |records: &str, flags: &[&str]| {
        let output = bench(folder.path(), &guest_file("scripted"), records, flags).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        (stdout(&output), stderr(&output))
    };
    let (said, warned) = of("reject it \x1b[2J\nabort\nkeep\n", &[]);
    assert!(said.contains("of 3 records: 1 kept, 1 rejected, 1 trapped\n"), "{said}");
    let expected = "warning: 2 of 3 records failed, so what is measured is mostly how they fail. The first one: rejected: \
                    it \\u{1b}[2J\n";
    assert_eq!(warned, expected);
    let (_, warned) = of("reject it\nkeep\n", &[]);
    assert_eq!(warned, "");
    let (said, warned) = of("spin\n", &["--event-timeout", "20ms", "--seconds", "0.02", "--rounds", "1"]);
    assert!(
        said.contains("of 1 record: 1 took too long\n") && warned.contains("The first one: took longer than"),
        "{said}{warned}"
    );
    let (said, _) = of("bHVu\n!\n", &["--decode", "base64"]);
    assert!(said.contains("1 rejected, 1 can't be decoded"), "{said}");
}

#[test]
fn a_precompiled_transform_is_measured_and_its_instructions_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.cwasm");
    let mut build = kinesieve(&["build"]);
    build.arg(guest_file("scripted")).args(["--target", "host", "--output"]).arg(&file);
    assert!(build.output().expect("it runs").status.success());
    let figures = figures(&mut bench(folder.path(), &file, "keep\n", &[]));
    assert!(number(&figures["transform"]["recordsPerSecond"]["median"]) > 0.0);
    assert_eq!(figures["transform"]["instructionsPerRecord"], Value::Null);
    assert!(figures["instructionsUnavailable"].as_str().expect("a reason").contains("measure the component (.wasm)"));
}

#[test]
fn the_picture_names_the_functions() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("flame.svg");
    let flags = ["--profile", picture.to_str().expect("text"), "--seconds", "0.5", "--rounds", "1"];
    let records = "emit 200 size=2000\n".repeat(100);
    let output = bench(folder.path(), &guest_file("scripted"), &records, &flags).output().expect("it runs");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let svg = std::fs::read_to_string(&picture).expect("a picture");
    assert!(svg.starts_with("<?xml") && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert!(svg.contains("scripted.wasm") && svg.contains("scripted::"), "{svg}");
    // Without names, a line says what to change.
    let output = bench(folder.path(), &guest_file("keep"), &"x\n".repeat(1000), &flags).output().expect("it runs");
    let said = stderr(&output);
    assert!(said.starts_with("its functions have no names") && said.contains("in Rust, let `strip` be"), "{said}");
    assert!(!said.contains("in Python"), "{said}");
    assert!(std::fs::read_to_string(&picture).expect("a picture").contains("function["));
}

#[test]
fn what_can_not_be_measured_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |guest: &str, records: &str, flags: &[&str], expected: &str| {
        let output = bench(folder.path(), &guest_file(guest), records, flags).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(error_line(&stderr(&output)).contains(expected), "{expected:?} is not in {}", stderr(&output));
    };
    let output = bench(folder.path(), &guest_file("keep"), "", &[]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("has no record: there is nothing to measure"), "{}", stderr(&output));
    refused("folding", "x\n", &[], "kinesieve run --tumbling-window");
    refused("scripted", "x\n", &["--transform-settings", "fail=no"], "the transform rejected its settings: no");
    refused("keep", "x\n", &["--transform-settings", "a"], "KINESIEVE_TRANSFORM_SETTINGS");
    refused("keep", "x\n", &["--profile", "/nowhere/flame.svg"], "can't write /nowhere/flame.svg");
    let output = kinesieve(&["bench", "t.wasm", "--input", "stream:readings"]).output().expect("it runs");
    assert!(error_line(&stderr(&output)).contains("is a stream, and `kinesieve bench` reads files"));
    for wrong in [["--rounds", "0"], ["--seconds", "nan"], ["--seconds", "0"]] {
        let output = bench(folder.path(), &guest_file("keep"), "x\n", &wrong).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

/// A pipe is read once.
#[test]
fn standard_input_is_measured_without_reading_it_again() {
    use std::io::Write;
    use std::process::Stdio;

    let mut command = kinesieve(&["bench", "--input", "-", "--seconds", "0.05", "--json"]);
    command.arg(guest_file("keep")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("an input").write_all(b"a\nb\n").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let figures: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!((&figures["records"], &figures["transform"]["readingMicroseconds"]), (&2.into(), &Value::Null));
}

#[test]
fn ctrl_c_ends_it_with_what_is_measured() {
    use std::process::Stdio;

    let folder = tempfile::tempdir().expect("a folder");
    let mut command = bench(folder.path(), &guest_file("keep"), "x\n", &["--seconds", "3000", "--rounds", "1000"]);
    let log = folder.path().join("log");
    let errors = std::fs::File::create(&log).expect("a file");
    let child = command.arg("--json").stdout(Stdio::piped()).stderr(errors).spawn().expect("it starts");
    wait_until("it listens", || catches_interrupts(child.id()));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    wait_until("it says so", || std::fs::read_to_string(&log).is_ok_and(|said| said.contains("again ends at once")));
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    if !output.stdout.is_empty() {
        let figures: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        assert_eq!(figures["interrupted"], true);
        assert!(number(&figures["rounds"]) >= 1.0);
    }
}
