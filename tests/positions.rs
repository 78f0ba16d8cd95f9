//! `kinesieve positions`: rows that a person looks at, saves and moves.

mod import;

use std::path::Path;
use std::process::{Command, Output};

use aws_sdk_dynamodb::types::AttributeValue;
use kinesieve::checkpoint::{ResumePoint, StartAt};
use kinesieve::event::Position;
use serde_json::{Value, json};

use crate::support::events::SHARD_ID;
use crate::support::positions::{Positions, STREAM, key, note, up_to};
use crate::support::stub::Stub;
use crate::support::{block_on, kinesieve, stderr, stdout};

fn at(endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = kinesieve(&[&["positions"], arguments].concat());
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

/// Runs `kinesieve positions` with the table, without a terminal.
fn run(positions: &Positions, arguments: &[&str]) -> Output {
    let arguments = [&arguments[..1], &["--table", &positions.name], &arguments[1..]].concat();
    at(&positions.moto.endpoint(), &arguments).output().expect("it runs")
}

/// What it prints, if it ends well.
fn said(positions: &Positions, arguments: &[&str]) -> String {
    let output = run(positions, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Sets the position of our shard; the result is the exit code, and what it says.
fn set(positions: &Positions, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run(positions, &[&["set", "--stream", STREAM, "--shard", SHARD_ID], arguments].concat());
    (output.status.code(), stdout(&output), stderr(&output))
}

fn point(positions: &Positions) -> Option<ResumePoint> {
    positions.row().resume_point().expect("a position")
}

/// Another consumer has the row.
fn hold(positions: &Positions) {
    let request = positions
        .client()
        .update_item()
        .table_name(&positions.name)
        .set_key(Some(key()))
        .update_expression("SET ClientID = :client")
        .expression_attribute_values(":client", AttributeValue::S("connect-1".to_owned()));
    block_on(request.send()).expect("a lease");
}

#[test]
fn a_position_is_set_by_hand_in_each_of_its_forms() {
    let positions = Positions::new();
    let after = ResumePoint::After(Position::new("4966", 0).expect("a position"));
    let cases = [
        (&["--sequence-number", "4966"][..], after),
        (&["--at-timestamp", "2018-12-17T22:10:50.987Z"], ResumePoint::Start(StartAt::AtTimestamp(1_545_084_650_987))),
        (&["--trim-horizon"], ResumePoint::Start(StartAt::TrimHorizon)),
        (&["--shard-end"], ResumePoint::ShardEnd),
    ];
    for (arguments, expected) in cases {
        let (code, text, errors) = set(&positions, &[arguments, &["--yes", "--overwrite"]].concat());
        assert_eq!((code, point(&positions)), (Some(0), Some(expected)), "{errors}");
        assert_eq!(text, format!("1 row was written to {}\n", positions.name));
        let (_, again, _) = set(&positions, &[arguments, &["--yes"]].concat());
        assert_eq!(again, "nothing to write: 1 row has that position already\n");
    }
}

#[test]
fn a_position_that_there_is_stays_unless_somebody_says_otherwise() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), up_to("4966"));
    let (code, text, errors) = set(&positions, &["--trim-horizon", "--yes"]);
    assert_eq!((code, text.as_str(), positions.position().as_deref()), (Some(1), "", Some("4966")));
    assert!(errors.contains("after 4966, and not oldest record") && errors.contains("K413"), "{errors}");
    let (code, _, _) = set(&positions, &["--trim-horizon", "--yes", "--overwrite"]);
    assert_eq!((code, point(&positions)), (Some(0), Some(ResumePoint::Start(StartAt::TrimHorizon))));
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), up_to("4966"));
    let (code, text, errors) = set(&positions, &["--shard-end", "--overwrite", "--dry-run"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(text.contains("after 4966   end of the shard") && text.contains("1 row would be written"), "{text}");
    assert_eq!(positions.position().as_deref(), Some("4966"));
}

#[test]
fn nobody_who_can_be_asked_is_no_yes() {
    let positions = Positions::new();
    let (code, _, errors) = set(&positions, &["--shard-end"]);
    assert_eq!((code, point(&positions)), (Some(1), None));
    assert!(errors.contains("--yes") && errors.contains("--dry-run"), "{errors}");
}

#[test]
fn a_row_that_somebody_has_stays_whatever_is_said() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), up_to("4966"));
    hold(&positions);
    let (code, _, errors) = set(&positions, &["--shard-end", "--overwrite", "--yes"]);
    assert_eq!((code, positions.position().as_deref()), (Some(1), Some("4966")));
    assert!(errors.contains("connect-1") && errors.contains("K405"), "{errors}");

    let positions = Positions::new();
    note(&positions.mirror_with(|options| options.run = Some("run a".to_owned())), up_to("4966"));
    let (code, _, errors) = set(&positions, &["--shard-end", "--overwrite", "--yes"]);
    assert_eq!((code, positions.position().as_deref()), (Some(1), Some("4966")));
    assert!(errors.contains("run a"), "{errors}");
}

/// All forms of a position, each of a shard.
fn lines() -> Vec<Value> {
    let with = |shard: u8, field: &str, value: Value| json!({ "streamId": STREAM, "shardId": format!("shardId-{shard:012}"), field: value });
    vec![
        with(0, "after", "4966".into()),
        with(1, "within", json!({ "sequenceNumber": "4967", "userRecord": 3 })),
        with(2, "startAt", "TRIM_HORIZON".into()),
        with(3, "startAt", "AT_TIMESTAMP=2018-12-17T22:10:50.987Z".into()),
        with(4, "shardEnd", true.into()),
    ]
}

fn write(path: &Path, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(path, text).expect("written");
}

#[test]
fn what_is_exported_is_set_again_in_another_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let (written, exported) = (folder.path().join("written.jsonl"), folder.path().join("exported.jsonl"));
    write(&written, &lines());
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let (first, second) = (Positions::new(), Positions::new());
    assert!(said(&first, &["set", "--from", &text(&written), "--yes"]).starts_with("5 rows were written"));
    assert_eq!(said(&first, &["export", "--output", &text(&exported)]), "");
    let file = std::fs::read_to_string(&exported).expect("the file");
    assert_eq!(objects(&file), lines());
    assert_eq!(said(&first, &["export", "--stream", STREAM]), file);
    assert_eq!(said(&first, &["export", "--stream", "another"]), "");
    said(&second, &["set", "--from", &text(&exported), "--yes"]);
    assert_eq!(said(&second, &["export"]), file);
    let again = said(&second, &["set", "--from", &text(&exported), "--yes"]);
    assert_eq!(again, "nothing to write: 5 rows have that position already\n");
}

#[test]
fn a_row_that_is_not_safe_to_resume_from_is_named_and_left_out() {
    let positions = Positions::new();
    note(&positions.mirror_with(|options| options.parallelization_factor = 2), up_to("4966"));
    let output = run(&positions, &["export"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(3), ""));
    assert!(stderr(&output).contains(SHARD_ID) && stderr(&output).contains("4966"), "{}", stderr(&output));
}

#[test]
fn rows_are_listed_for_a_person_and_for_a_program() {
    let positions = Positions::new();
    assert_eq!(said(&positions, &["list"]), "no shard has a row\n");
    note(&positions.checkpoint_writer(), up_to("4966"));
    hold(&positions);
    let text = said(&positions, &["list"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("stream    shard                 goes on     written"), "{text}");
    assert!(lines[1].starts_with(&format!("readings  {SHARD_ID}  after 4966  2")), "{text}");
    assert!(lines[1].ends_with(" by readings-function, held by connect-1"), "{text}");
    let rows = objects(&said(&positions, &["list", "--format", "json", "--stream", STREAM]));
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["after"], &rows[0]["heldBy"]), (&"4966".into(), &"connect-1".into()));
    assert_eq!((&rows[0]["safeToResume"], &rows[0]["runBy"]), (&true.into(), &Value::Null));
}

#[test]
fn a_file_with_a_wrong_line_writes_nothing() {
    let positions = Positions::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("positions.jsonl");
    let from = |path: &Path| run(&positions, &["set", "--from", path.to_str().expect("text"), "--yes"]);
    let mut twice = lines();
    twice.push(twice[0].clone());
    let mut neither = lines();
    neither[2].as_object_mut().expect("an object").remove("startAt");
    for (lines, reason) in [(twice, "line 6: "), (neither, "line 3: it needs exactly one"), (Vec::new(), "no position")]
    {
        write(&path, &lines);
        let output = from(&path);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(reason) && stderr(&output).contains("K414"), "{}", stderr(&output));
    }
    std::fs::write(&path, [b'{', 0xff]).expect("written");
    assert!(stderr(&from(&path)).contains("UTF-8"));
    assert!(stderr(&from(&folder.path().join("nobodys"))).contains("K414"));
    assert_eq!(said(&positions, &["list"]), "no shard has a row\n");
}

#[test]
fn flags_that_say_nothing_or_too_much_are_wrong_usage() {
    let positions = Positions::new();
    for arguments in [
        &["set"][..],
        &["set", "--stream", STREAM, "--shard", SHARD_ID],
        &["set", "--shard", SHARD_ID, "--shard-end"],
        &["set", "--stream", STREAM, "--shard", SHARD_ID, "--shard-end", "--trim-horizon"],
        &["set", "--from", "a", "--shard-end"],
        &["set", "--stream", STREAM, "--shard", SHARD_ID, "--sequence-number", "x"],
        &["set", "--from", "a", "--yes", "--dry-run"],
    ] {
        assert_eq!(run(&positions, arguments).status.code(), Some(2), "{arguments:?}");
    }
}

/// A function writes between the look at a row and the change of it.
#[test]
fn a_row_that_changes_meanwhile_is_named_and_the_rest_is_written() {
    let row = |position: &str| json!({ "StreamID": { "S": STREAM }, "ShardID": { "S": SHARD_ID }, "SequenceNumber": { "S": position } });
    let table = Stub::start(move |operation, _| match operation {
        "Query" => (200, json!({ "Items": [row("1")] }).to_string()),
        "GetItem" => (200, json!({ "Item": row("2") }).to_string()),
        "UpdateItem" => {
            let failure = json!({ "__type": "ConditionalCheckFailedException", "Item": row("2") });
            (400, failure.to_string())
        }
        _ => (400, json!({ "__type": "AccessDeniedException" }).to_string()),
    });
    let arguments =
        ["set", "--table", "positions", "--stream", STREAM, "--shard", SHARD_ID, "--shard-end", "--overwrite"];
    let output = at(&table.endpoint(), &[&arguments[..], &["--yes"]].concat()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert_eq!(stdout(&output), "0 rows were written to positions\n");
    assert!(stderr(&output).contains("it has changed since it was read"), "{}", stderr(&output));
}
