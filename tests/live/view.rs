//! What a person sees of a run on a terminal, while it goes on and when it has ended.

use std::process::Command;

use super::Run;
use super::retries::stream;
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::process::wait_until;
use crate::support::pty::Pty;
use crate::support::screen::Screen;

const REASON: &str =
    "retry the table is being rebuilt, which takes a while, so that this line is longer than a terminal";

/// Follows a stream, from its beginning on.
fn follow(run: &Run, arguments: &[&str]) -> Command {
    run.command(STREAM_ARN, &[&["--from", "trim-horizon"], arguments].concat())
}

/// Nothing is left of the view, and what was said stands on lines of its own.
fn is_clean(screen: &Screen, text: &str) {
    for part_of_a_view in ["kB/s", "B/s,", "up to date", " behind", "records  at"] {
        assert!(!text.contains(part_of_a_view), "{part_of_a_view:?} is left:\n{text}");
    }
    assert!(text.lines().all(|line| line != "reading"), "{text}");
    assert!(screen.is_ready_for_a_shell(), "{text}");
}

#[test]
fn whatever_the_size_of_the_terminal_the_view_fits_and_leaves_nothing_behind() {
    let stub = stream(&["keep 0", REASON, "keep 2"]);
    for (columns, rows) in [(60, 24), (100, 24), (200, 24), (80, 3), (20, 5)] {
        let run = Run::of(stub.endpoint());
        let mut pty = Pty::start(&follow(&run, &["--show", "3"]), columns, rows);
        pty.wait_for("1 of 1 shard");
        // Some frames later, also after lines of the log.
        std::thread::sleep(std::time::Duration::from_millis(1200));
        let screen = pty.screen();
        let views = screen.text().matches("1 of 1 shard").count();
        assert_eq!(views, 1, "{columns} x {rows}: a view scrolled off:\n{}", screen.text());
        assert!(screen.visible().len() <= rows, "{}", screen.text());
        pty.press("\u{3}");
        let (code, screen) = pty.end();
        let text = screen.text();
        assert_eq!(code, Some(3), "{text}");
        is_clean(&screen, &text);
        // Lines that are longer than the terminal are wrapped by it.
        let unwrapped = text.replace('\n', "");
        let summary = text.lines().position(|line| line.starts_with("1 record in "));
        assert!(summary.is_some(), "the summary begins at a line of its own:\n{text}");
        assert!(unwrapped.contains(&format!("blocked at {}", sequence_number(1))), "{text}");
    }
}

#[test]
fn a_terminal_that_changes_its_size_keeps_nothing_of_the_view() {
    let stub = stream(&["keep 0", REASON, "keep 2"]);
    let run = Run::of(stub.endpoint());
    let mut pty = Pty::start(&follow(&run, &[]), 120, 30);
    pty.wait_for("1 of 1 shard blocked");
    for columns in [60, 140, 40, 100] {
        pty.resize(columns);
        // It is drawn anew at once, and again.
        std::thread::sleep(std::time::Duration::from_millis(700));
        let text = pty.screen().text();
        assert_eq!(text.matches("1 of 1 shard blocked").count(), 1, "{columns} columns:\n{text}");
    }
    pty.press("\u{3}");
    let (code, screen) = pty.end();
    assert_eq!(code, Some(3));
    is_clean(&screen, &screen.text());
}

#[test]
fn a_second_ctrl_c_leaves_nothing_behind() {
    let stub = stream(&["keep 0", "sleep 50000"]);
    let run = Run::of(stub.endpoint());
    let mut pty = Pty::start(&follow(&run, &["--event-timeout", "60s"]), 100, 24);
    pty.wait_for("records/s");
    pty.press("\u{3}");
    pty.wait_for("Ctrl-C again ends at once");
    // The one that it waits for is still seen.
    pty.wait_for("records/s");
    pty.press("\u{3}");
    let (code, screen) = pty.end();
    assert_eq!(code, Some(130));
    is_clean(&screen, &screen.text());
}

#[test]
fn an_error_stands_on_a_line_of_its_own() {
    let stub = stream(&["keep 0"]);
    let run = Run::of(stub.endpoint());
    let pty = Pty::start(&follow(&run, &["--shards", "shardId-000000000007"]), 200, 24);
    let (code, screen) = pty.end();
    let text = screen.text();
    assert_eq!(code, Some(1), "{text}");
    is_clean(&screen, &text);
    let error = "kinesieve: --shards shardId-000000000007: --input has no such shard: use all, blocked, or some of shardId-000000000000";
    assert!(text.starts_with(error), "{text}");
}

#[test]
fn what_is_killed_leaves_a_terminal_that_can_be_used() {
    let stub = stream(&["keep 0"]);
    let run = Run::of(stub.endpoint());
    let pty = Pty::start(&follow(&run, &[]), 100, 24);
    pty.wait_for("records/s");
    // SIGQUIT: nothing of ours runs any more.
    let (_, screen) = pty.end_by("\u{1c}");
    let text = screen.text();
    assert!(text.lines().any(|line| line.contains("records")), "{text}");
    assert!(!text.contains("\u{1b}"), "{text}");
}

#[test]
fn the_shards_that_are_seen_are_chosen() {
    let stub = stream(&["keep 0", REASON]);
    let run = Run::of(stub.endpoint());
    let choose = |choice: &str, more: &[&str]| {
        let arguments = [&["--from", "trim-horizon", "--until", "now", "--shards", choice], more].concat();
        run.command(STREAM_ARN, &arguments).output().expect("it runs")
    };
    for (choice, more, code, said) in [
        ("nothing of it", &[][..], 2, "is no shard: use all, blocked, or ids such as shardId-000000000000"),
        ("blocked,all", &[], 2, "blocked stands by itself: leave the other words of --shards out"),
        ("shardId-000000000001", &[], 1, "--input has no such shard"),
        ("blocked", &["--json"], 1, "--json reports all of them: leave one of the two out"),
    ] {
        let output = choose(choice, more);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(said), "{choice}: {text}");
    }
    // A line for a shard that is named, where lines follow each other.
    let mut running = run.start(STREAM_ARN, &["--from", "trim-horizon", "--shards", "shardId-000000000000"]);
    wait_until("it says how it goes", || run.log().contains("blocked at"));
    let log = run.log();
    let row = log.lines().position(|line| line.starts_with("  readings  shardId-000000000000  "));
    assert!(row.is_some() && log.contains("1 of 1 shard blocked; "), "{log}");
    running.interrupt();
    assert_eq!(running.end(), Some(3));
}
