//! A description as the input of `kinesieve run`.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::stream::Shard;
use super::{NOWHERE, at, description, description_with};
use crate::support::events::STREAM_ARN;
use crate::support::{error_line, guest_file, stderr, stdout};

fn run(folder: &Path, content: &str, stream: &str, arguments: &[&str]) -> Output {
    let input = folder.join("given-up.json");
    std::fs::write(&input, content).expect("written");
    let mut command = at(NOWHERE, stream, &["run", "--transform"]);
    command.args([guest_file("keep").as_os_str(), "--input".as_ref(), input.as_os_str()]).args(arguments);
    command.output().expect("it runs")
}

/// The data of the outputs.
fn data(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let data = |line: &str| {
        let output: Value = serde_json::from_str(line).expect("JSON");
        output["data"].as_str().expect("text").to_owned()
    };
    stdout(output).lines().map(data).collect()
}

#[test]
fn a_description_with_its_records_runs_however_it_is_laid_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (description_with(0, &["a", "b"]), description_with(2, &["c"]));
    for (content, expected) in [
        (one.to_string(), &["a", "b"][..]),
        (format!("{one:#}\n"), &["a", "b"]),
        (format!("\u{feff}\n{one}\n{two}\n"), &["a", "b", "c"]),
        (format!("{one:#}\n{two:#}"), &["a", "b", "c"]),
        (json!({ "Type": "Notification", "TopicArn": "arn", "Message": one.to_string() }).to_string(), &["a", "b"]),
    ] {
        for arguments in [&[][..], &["--from-stream"], &["--input-format", "on-failure"]] {
            assert_eq!(data(&run(folder.path(), &content, NOWHERE, arguments)), expected, "{arguments:?} {content}");
        }
    }
    // Whoever has such lines as payloads says so.
    let output = run(folder.path(), &format!("{two}\n"), NOWHERE, &["--input-format", "lines"]);
    assert_eq!(data(&output), [two.to_string()]);
}

#[test]
fn one_without_records_is_refused_with_its_range_and_fetched_where_that_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let stream = Shard::of(10).start();
    let content = description(2..=4, &[]).to_string();
    let output = run(folder.path(), &content, &stream.endpoint(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let error = error_line(&said);
    for part in [
        "it describes 3 records of",
        STREAM_ARN,
        "shardId-000000000002",
        "sequence numbers 4959",
        "arrived from 2018-12-17T22:10:51.013Z to 2018-12-17T22:10:51.039Z",
        "add --from-stream",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    assert!(said.contains("kinesieve explain K544"), "{said}");
    assert_eq!(stream.operations(), [""; 0]);
    let output = run(folder.path(), &content, &stream.endpoint(), &["--from-stream"]);
    assert_eq!(data(&output), ["keep 2", "keep 3", "keep 4"]);
}

#[test]
fn what_the_stream_does_not_give_ends_the_run_with_its_range() {
    let folder = tempfile::tempdir().expect("a folder");
    let stream = Shard { oldest: 3, ..Shard::of(10) }.start();
    for (records, code, said) in [
        (description(0..=1, &[]), "K545", "2 records are lost for good"),
        (description(2..=4, &[]), "K545", "`kinesieve rescue` processes the others"),
        (description(4..=7, &[("batchSize", 2.into())]), "K547", "more than the 2 records"),
    ] {
        let output = run(folder.path(), &records.to_string(), &stream.endpoint(), &["--from-stream"]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()), "{}", stderr(&output));
        assert!(error_line(&stderr(&output)).contains(said), "{}", stderr(&output));
        assert!(stderr(&output).contains(code), "{}", stderr(&output));
    }
}

#[test]
fn what_is_no_description_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lies = description_with(0, &["secret", "b"]);
    lies["KinesisBatchInfo"]["batchSize"] = 3.into();
    for (content, arguments, said) in [
        ("{\"n\":1}\n".to_owned(), &["--from-stream"][..], "--from-stream is for descriptions of given-up records"),
        (lies.to_string(), &[], "payload is wrong: it holds 2 records, where batchSize says 3"),
        (r#"{"requestContext":{},"KinesisBatchInfo":{"shardId":"s"}}"#.to_owned(), &[], "needs the field"),
    ] {
        let output = run(folder.path(), &content, NOWHERE, arguments);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(error_line(&stderr(&output)).contains(said), "{}", stderr(&output));
        assert!(!stderr(&output).contains("secret"), "{}", stderr(&output));
    }
    let mut command = at(NOWHERE, NOWHERE, &["run", "--input", "stream:readings", "--from-stream", "--transform"]);
    let output = command.arg(guest_file("keep")).output().expect("it runs");
    assert!(stderr(&output).contains("--from-stream is for a file"), "{}", stderr(&output));
}
