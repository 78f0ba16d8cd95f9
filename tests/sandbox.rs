//! A guest can't reach out, and what it does wrong costs the event in hand and no other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kinesieve::processor::{Cause, Deadline, Report};
use kinesieve::transform::Limits;
use serde_json::Value;

use crate::support::events::{SHARD_ID, STREAM_ARN, batch, sequence_number};
use crate::support::sinks::Recorder;
use crate::support::{Scripted, block_on, guest_file, kinesieve, stderr, stdout};

/// What came of the payloads: the report, the outputs' texts, and the dead letters.
fn run(limits: Limits, payloads: &[&str]) -> (Report, Vec<String>, Vec<Value>) {
    let (output, dead_letters) = (Arc::<Recorder>::default(), Arc::<Recorder>::default());
    let processor = Scripted::new(limits).processor(&output, &output, Some(&dead_letters));
    let report = block_on(processor.process(Arc::new(batch(payloads)), None));
    let letters = dead_letters.texts().iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    (report, output.texts(), letters)
}

/// Little memory, so that taking all of it is over long before the time is.
fn small() -> Limits {
    Limits { memory: 16 << 20, ..Limits::default() }
}

fn kinds(letters: &[Value]) -> Vec<&str> {
    letters.iter().map(|letter| letter["kind"].as_str().expect("a kind")).collect()
}

#[test]
fn files_network_environment_and_arguments_are_out_of_reach() {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "secret").expect("written");
    let path = secret.path().display();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let payloads = [
        format!("read-file {path}"),
        "read-file /etc/passwd".to_owned(),
        "read-file ../../etc/passwd".to_owned(),
        format!("write-file {path}"),
        "write-file made-by-a-guest".to_owned(),
        "list-dir /".to_owned(),
        "list-dir .".to_owned(),
        format!("connect {address}"),
        "resolve localhost".to_owned(),
    ];
    let (report, outputs, _) = run(Limits::default(), &payloads.each_ref().map(String::as_str));
    assert_eq!(report.stop, None);
    assert_eq!(outputs.len(), payloads.len());
    for (payload, output) in payloads.iter().zip(&outputs) {
        assert!(output.starts_with("denied: "), "{payload}: {output}");
    }
    assert_eq!(std::fs::read_to_string(secret.path()).expect("read"), "secret");
    listener.set_nonblocking(true).expect("non-blocking");
    assert!(listener.accept().is_err(), "the guest came through to {address}");

    // PATH and HOME are set for the tests; nothing of it is for the guest.
    let (_, outputs, _) = run(Limits::default(), &["env", "args", "stdin"]);
    assert_eq!(outputs, ["ok: ", "ok: ", "ok: "]);
}

#[test]
fn clocks_and_randomness_are_real() {
    let (_, outputs, _) = run(Limits::default(), &["clock", "random", "random"]);
    let told: u128 = outputs[0].strip_prefix("ok: ").and_then(|text| text.parse().ok()).expect("milliseconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    assert!(now.abs_diff(told) < 60_000, "{told} is not {now}");
    assert_ne!(outputs[1], outputs[2]);
}

#[test]
fn the_event_and_its_shard_arrive_whole() {
    let (_, outputs, _) = run(Limits::default(), &["shard", "echo"]);
    assert_eq!(outputs[0], format!("{STREAM_ARN} {SHARD_ID}"));
    let echo: Value = serde_json::from_str(&outputs[1]).expect("JSON");
    assert_eq!(echo["data"], "echo");
    assert_eq!(echo["partitionKey"], "key-1");
    assert_eq!(echo["sequenceNumber"], sequence_number(1));
    assert_eq!(echo["subSequenceNumber"], 0);
    assert_eq!(echo["arrivedAt"], 1_545_084_651_000_u64);
}

/// Each of them between two events that the guest counts: the count starts anew because the instance
/// does, and the event behind is processed as if nothing had been.
#[test]
fn whatever_a_guest_breaks_on_costs_one_event() {
    for (misdeed, kind) in [
        ("spin", "timeout"),
        ("sleep 60000", "timeout"),
        ("bomb", "memory"),
        ("recurse", "trap"),
        ("panic", "trap"),
        ("abort", "trap"),
        ("exit 0", "trap"),
        ("exit 1", "trap"),
    ] {
        let started = Instant::now();
        let (report, outputs, letters) = run(small(), &["count", "count", misdeed, "count", "keep"]);
        assert!(started.elapsed() < Duration::from_secs(10), "{misdeed} took {:?}", started.elapsed());
        assert_eq!(report.stop, None, "{misdeed}");
        assert_eq!(outputs, ["1", "2", "1", "keep"], "{misdeed}");
        assert_eq!(kinds(&letters), [kind], "{misdeed}");
        assert_eq!(letters[0]["sequenceNumber"], sequence_number(2), "{misdeed}");
        let payload = base64_simd::STANDARD.encode_to_string(misdeed);
        assert_eq!(letters[0]["dataBase64"], payload, "{misdeed}");
    }
}

/// Some languages' runtimes never give back a part of what passes through them. Sooner or later the limit is reached by an event
/// that needs next to nothing: it is not to blame, and is processed in a fresh instance.
#[test]
fn what_earlier_events_left_behind_costs_no_event() {
    // 16 MiB are 256 pages: every fifth finds too little left.
    let payloads: Vec<&str> = (0..200).flat_map(|_| ["leak 50", "log info again"]).collect();
    let (report, outputs, letters) = run(small(), &payloads);
    assert_eq!((report.stop, kinds(&letters).len()), (None, 0));
    assert_eq!(outputs, payloads, "each of them once, in order");
    // One that is too large for an instance that has nothing behind it stays its own fault.
    let (_, outputs, letters) = run(small(), &["leak 50", "leak 300", "leak 50"]);
    assert_eq!(outputs, ["leak 50", "leak 50"]);
    assert_eq!(kinds(&letters), ["memory"]);
}

#[test]
fn a_panic_says_why_in_its_dead_letter() {
    let (_, _, letters) = run(Limits::default(), &["panic the table is empty"]);
    let reason = letters[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("panicked at"), "{reason}");
}

#[test]
fn a_guest_that_copes_with_the_memory_limit_goes_on() {
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    let (report, outputs, letters) = run(limits, &["count", "polite-bomb", "count", "panic", "count"]);
    assert_eq!(report.stop, None);
    // The instance that was refused memory lives on, and a later trap is not blamed on memory.
    assert_eq!(outputs, ["1", "polite-bomb", "3", "1"]);
    assert_eq!(kinds(&letters), ["trap"]);
}

/// Runs the command line over lines: its exit code, standard output and standard error.
fn run_lines(guest: &str, lines: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("input.txt");
    std::fs::write(&input, lines).expect("written");
    let output = kinesieve(&["run", "--input-format", "lines", "--transform"])
        .args([guest_file(guest).as_os_str(), "--input".as_ref(), input.as_os_str()])
        .args(arguments)
        .output()
        .expect("it runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn a_guest_that_prints_without_end_does_not_fill_the_log() {
    let talkative = "print stdout 300 line after line\n";
    let (code, _, log) = run_lines("scripted", talkative, &["--output", "none"]);
    assert_eq!((code, log.matches("line after line").count()), (Some(0), 100));
    assert!(log.contains("200 lines that the transform wrote about this batch are left out"), "{log}");

    let (code, _, log) = run_lines("scripted", &talkative.repeat(20), &["--output", "none"]);
    assert_eq!((code, log.matches("line after line").count()), (Some(0), 1000));
    assert!(log.contains("5000 lines that the transform wrote about this batch are left out"), "{log}");
}

/// However many instances there are, and however much longer lines become as they are written.
#[test]
fn what_guests_print_is_bounded_for_all_of_them_together() {
    // A key each, so that both have their part.
    let lines = "print stdout 300 line after line\n".repeat(300);
    let (code, _, log) = run_lines("scripted", &lines, &["--output", "none", "--workers", "2"]);
    assert_eq!((code, log.matches("line after line").count()), (Some(0), 1000));
    let left_out: Vec<&str> = log.lines().filter(|line| line.contains("left out")).collect();
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    assert!(left_out[0].contains("89000 lines that the transform wrote about this batch are left out"), "{left_out:?}");

    let lines = format!("print stdout 100 {}\n", "\u{1}".repeat(4000)).repeat(20);
    let (code, _, log) = run_lines("scripted", &lines, &["--output", "none"]);
    assert_eq!(code, Some(0));
    // With a position in each line.
    assert!(log.len() < (1 << 20) + 1000 * 256, "the log has {} bytes", log.len());
    assert!(log.contains("are left out"));
}

#[test]
fn a_guest_forges_no_lines_of_the_log_and_moves_no_cursor() {
    let message = "log info done\r ERROR forged \u{85}next\u{1b}[2J\u{9b}31m\u{202e}txt.exe\u{2028}end\n";
    let (code, _, log) = run_lines("scripted", message, &["--output", "none"]);
    assert_eq!(code, Some(0), "{log}");
    let line = log.lines().find(|line| line.contains("done")).expect("the line");
    let expected = r"done\r ERROR forged \u{85}next\u{1b}[2J\u{9b}31m\u{202e}txt.exe\u{2028}end";
    assert!(line.contains(expected), "{line}");
}

#[test]
fn nothing_behind_a_retry_is_called() {
    let (code, _, log) =
        run_lines("scripted", "log info before\nretry later\nlog info behind\n", &["--output", "none"]);
    assert_eq!(code, Some(3));
    assert!(log.contains("before") && !log.contains("behind"), "{log}");
}

#[test]
fn a_reason_without_end_is_cut() {
    let long = format!("reject {}\n", "x".repeat(1_000_000));
    let (code, letter, log) = run_lines("scripted", &long, &["--dead-letter", "stdout"]);
    assert_eq!(code, Some(0), "{}", &log[..log.len().min(1000)]);
    assert!(log.len() < 10_000, "the log has {} bytes", log.len());
    let letter: Value = serde_json::from_str(&letter).expect("JSON");
    assert!(letter["reason"].as_str().is_some_and(|reason| reason.len() < 5_000 && reason.ends_with('…')));

    let long = format!("emit 1 route={}\n", "x".repeat(1_000_000));
    let (_, _, log) = run_lines("scripted", &long, &["--dead-letter", "stdout"]);
    assert!(log.len() < 10_000, "the log has {} bytes", log.len());
}

/// A position and a reason, but not what was in the record.
#[test]
fn payloads_stay_out_of_the_log() {
    let lines = "panic\nabort hunter2\nspin hunter2\nbomb hunter2\nemit 1 key=hunter2 route=nowhere\nkeep hunter2\n";
    let arguments = ["--dead-letter", "none", "--output", "none", "--log", "trace", "--event-timeout", "500ms"];
    for line in lines.lines() {
        let (_, _, log) = run_lines("scripted", line, &arguments);
        assert!(!log.contains("hunter2"), "{log}");
    }
}

/// A list may name the same bytes any number of times; the host would copy each.
#[test]
fn a_guest_can_not_hand_over_more_than_its_memory() {
    let (code, outputs, log) = run_lines("greedy", "keep\ngreedy\nkeep\n", &["--dead-letter", "stdout"]);
    assert_eq!(code, Some(0), "{log}");
    let lines: Vec<Value> = outputs.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (dead, kept): (Vec<&Value>, Vec<&Value>) = lines.iter().partition(|line| line["kind"].is_string());
    let numbers = |lines: &[&Value]| lines.iter().map(|line| line["sequenceNumber"].clone()).collect::<Vec<_>>();
    assert_eq!((numbers(&dead), numbers(&kept)), (vec!["2".into()], vec!["1".into(), "3".into()]));
    assert_eq!(dead[0]["kind"], "trap");
}

#[test]
fn who_hands_over_too_much_is_told_the_limit_and_what_to_do() {
    let (code, outputs, log) = run_lines("scripted", "emit 2 size=17000000\nkeep\n", &["--dead-letter", "stdout"]);
    assert_eq!(code, Some(0), "{log}");
    let dead: Value = serde_json::from_str(outputs.lines().next().expect("a dead letter")).expect("JSON");
    let reason = dead["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("handed over more than 32.0 MiB at once, the hand-over limit of an answer"), "{reason}");
    assert!(reason.contains("answer with fewer or smaller outputs") && !reason.contains("fuel"), "{reason}");
}

#[test]
fn the_deadline_interrupts_a_guest_and_keeps_what_was_done() {
    let output = Arc::<Recorder>::default();
    // A limit for one event that alone would let it run for a minute.
    let limits = Limits { event_time: Duration::from_secs(60), ..Limits::default() };
    let processor = Scripted::new(limits).processor(&output, &output, Some(&Arc::<Recorder>::default()));
    for misdeed in ["spin", "sleep 60000"] {
        let started = Instant::now();
        let deadline =
            Deadline { interrupt_at: started + Duration::from_secs(1), answer_by: started + Duration::from_secs(30) };
        // Held up by the event before it, it had not all the time.
        let batch = Arc::new(batch(&["keep", "sleep 300", misdeed, "keep"]));
        let report = block_on(processor.process(batch, Some(deadline)));
        assert!(started.elapsed() < Duration::from_secs(20), "{misdeed} took {:?}", started.elapsed());
        let stop = report.stop.expect("a stop");
        assert_eq!((stop.index, stop.cause), (2, Cause::Deadline), "{misdeed}");
        assert_eq!((report.counts.kept, report.counts.unacknowledged), (2, 2), "{misdeed}");
    }
    assert_eq!(output.texts(), ["keep", "sleep 300", "keep", "sleep 300"]);
}

/// Interrupted as often as it comes, it would block its shard until it expires.
#[test]
fn an_event_that_takes_all_the_time_there_is_is_dead_lettered() {
    let (output, dead_letters) = (Arc::<Recorder>::default(), Arc::<Recorder>::default());
    let limits = Limits { event_time: Duration::from_secs(60), ..Limits::default() };
    let processor = Scripted::new(limits).processor(&output, &output, Some(&dead_letters));
    let batch = Arc::new(batch(&["spin", "keep"]));
    // On a busy machine even the first event may be held up; then it comes again.
    let stops = std::iter::repeat_with(|| {
        let started = Instant::now();
        let deadline =
            Deadline { interrupt_at: started + Duration::from_secs(1), answer_by: started + Duration::from_secs(30) };
        block_on(processor.process(Arc::clone(&batch), Some(deadline))).stop.expect("a stop")
    });
    let stop = stops.take(10).find(|stop| stop.index > 0).expect("it is done with");
    assert_eq!((stop.index, stop.cause), (1, Cause::Deadline));
    let letter: Value = serde_json::from_str(&dead_letters.texts()[0]).expect("JSON");
    assert_eq!((&letter["kind"], &letter["sequenceNumber"]), (&"timeout".into(), &sequence_number(0).into()));
}
