use std::time::Duration;

use super::*;
use crate::checkpoint::BlockedProgress;
use crate::cli::output_fate::OutputFate;
use crate::cli::run::condition::ShardCondition;
use crate::cli::run::ending::RunEnding;
use crate::cli::run::totals::tests::{ACKNOWLEDGED, shard_of_all_fates};
use crate::error_code::ErrorCode;
use crate::event::{Position, Shard};
use crate::processor::Counts;
use crate::source::live::CommitOutcome;

/// A sequence number as the service gives it to the record of this number in the shard of this index.
fn number(shard: usize, record: u64) -> String {
    format!("4959033827149025660855969253836{:025}", u128::from(record) << 36 | (shard as u128) << 4 | 2)
}

fn shard(index: usize) -> ShardView {
    let stream_arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings".to_owned();
    let mut view = ShardView::begun(Shard { stream_arn, id: format!("shardId-{index:012}") });
    let records = 120 + index as u64;
    view.counts = Counts { records, kept: 20, emitted: records - 20, ..Counts::default() };
    view.read_bytes = records * 150;
    view.position = Some(number(index, records));
    view.behind = Some(Duration::ZERO);
    view
}

fn blocked(index: usize, behind: u64) -> ShardView {
    let mut view = shard(index);
    view.behind = Some(Duration::from_secs(behind));
    view.stuck = Some(BlockedProgress {
        position: Position::new(&number(index, 121 + index as u64), 0).expect("a position"),
        attempts: 7,
        delivered: None,
        made_by: String::new(),
        code: Some(ErrorCode::StoppedWithoutDeadLetters),
        reason: "it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1"
            .to_owned(),
    });
    view
}

fn but(mut view: ShardView, change: impl FnOnce(&mut ShardView)) -> ShardView {
    change(&mut view);
    view
}

/// A hundred shards, of which three are blocked, one can't be read, and some are behind.
fn hundred() -> Vec<ShardView> {
    let view = |index| match index {
        17 => blocked(index, 4),
        63 => blocked(index, 3720),
        98 => blocked(index, 60),
        41 => but(shard(index), |shard| shard.trouble = Some("kinesis:GetRecords: InternalFailure".to_owned())),
        5 | 77 => but(shard(index), |shard| shard.behind = Some(Duration::from_secs(2 * index as u64))),
        _ => shard(index),
    };
    (0..100).map(view).collect()
}

struct Seen {
    shards: Vec<ShardView>,
    choice: ShardChoice,
}

impl Seen {
    fn of(shards: Vec<ShardView>, choice: &str) -> Self {
        Self { shards, choice: choice.parse().expect("a choice") }
    }

    fn view<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        let (totals, rate) = (Totals::of(&self.shards), RunRate { records: 101.0, bytes: 15_150.0 });
        look(View { shards: &self.shards, choice: &self.choice, totals: &totals, waits: &[], rate })
    }

    fn screen(&self, columns: usize, rows: usize) -> String {
        self.view(|view| view.screen(TerminalSize { columns, rows }, &[])).join("\n")
    }

    fn end(&self) -> String {
        let totals = Totals::of(&self.shards);
        let elapsed = Duration::from_secs(10);
        let fate = OutputFate::Delivered;
        RunEnding { shards: &self.shards, choice: &self.choice, totals: &totals, elapsed, fate, commits: true }
            .to_string()
    }
}

#[test]
fn one_shard_at_each_width() {
    let seen = Seen::of(vec![shard(0)], "all");
    insta::assert_snapshot!(seen.screen(60, 24), @r"
    101 records/s, 15.2 kB/s, 1 shard, up to date: 120 records
    (20 kept, 0 dropped, 100 emitted, 0 dead-lettered)
      readings  shardId-000000000000  up to date  120 records
    ");
    insta::assert_snapshot!(seen.screen(100, 24), @r"
    101 records/s, 15.2 kB/s, 1 shard, up to date: 120 records (20 kept, 0 dropped, 100 emitted,
    0 dead-lettered)
      readings  shardId-000000000000  up to date  120 records  at …246337208322
    ");
    insta::assert_snapshot!(seen.screen(200, 24), @r"
    101 records/s, 15.2 kB/s, 1 shard, up to date: 120 records (20 kept, 0 dropped, 100 emitted, 0 dead-lettered)
      readings  shardId-000000000000  up to date  120 records  at …246337208322
    ");
}

#[test]
fn one_blocked_shard_at_each_width() {
    let seen = Seen::of(vec![blocked(0, 4)], "all");
    insta::assert_snapshot!(seen.screen(60, 24), @r"
    1 of 1 shard blocked; 101 records/s, 15.2 kB/s, 1 shard, 4s
    behind: 120 records (20 kept, 0 dropped, 100 emitted,
    0 dead-lettered)
      readings  shardId-000000000000  4s behind  120 records
        blocked at
        49590338271490256608559692538360000000000008315056685058
        after 7 attempts: it failed (rejected) and no
        dead-letter destination is configured: not JSON:
        expected value at line 1 (K602)
    ");
    insta::assert_snapshot!(seen.screen(100, 24), @r"
    1 of 1 shard blocked; 101 records/s, 15.2 kB/s, 1 shard, 4s behind: 120 records (20 kept, 0 dropped,
    100 emitted, 0 dead-lettered)
      readings  shardId-000000000000  4s behind  120 records  at …246337208322
        blocked at 49590338271490256608559692538360000000000008315056685058 after 7 attempts: it failed
        (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1
        (K602)
    ");
    insta::assert_snapshot!(seen.screen(200, 24), @r"
    1 of 1 shard blocked; 101 records/s, 15.2 kB/s, 1 shard, 4s behind: 120 records (20 kept, 0 dropped, 100 emitted, 0 dead-lettered)
      readings  shardId-000000000000  4s behind  120 records  at …246337208322
        blocked at 49590338271490256608559692538360000000000008315056685058 after 7 attempts: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
    ");
}

#[test]
fn a_hundred_shards_at_each_width() {
    let seen = Seen::of(hundred(), "all");
    insta::assert_snapshot!(seen.screen(60, 24), @r"
    3 of 100 shards blocked, 1 in trouble; 101 records/s,
    15.2 kB/s, 100 shards, 1h 2m behind: 16950 records
    (2000 kept, 0 dropped, 14950 emitted, 0 dead-lettered)
      readings  shardId-000000000063   1h 2m behind  183 records
        blocked at
        49590338271490256608559692538360000000000012644383720434
        after 7 attempts: it failed (rejected) and no
        dead-letter destination is configured: not JSON:
        expected value at line 1 (K602)
      readings  shardId-000000000098      1m behind  218 records
        blocked at
        49590338271490256608559692538360000000000015049565406754
        after 7 attempts: it failed (rejected) and no
        dead-letter destination is configured: not JSON:
        expected value at line 1 (K602)
      readings  shardId-000000000017      4s behind  137 records
        blocked at
        49590338271490256608559692538360000000000009483287789842
        after 7 attempts: it failed (rejected) and no
        dead-letter destination is configured: not JSON:
        expected value at line 1 (K602)
      readings  shardId-000000000041     up to date  161 records
      and 96 more
    ");
    insta::assert_snapshot!(seen.screen(100, 24), @r"
    3 of 100 shards blocked, 1 in trouble; 101 records/s, 15.2 kB/s, 100 shards, 1h 2m behind:
    16950 records (2000 kept, 0 dropped, 14950 emitted, 0 dead-lettered)
      readings  shardId-000000000063   1h 2m behind  183 records  at …575664243698
        blocked at 49590338271490256608559692538360000000000012644383720434 after 7 attempts: it failed
        (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1
        (K602)
      readings  shardId-000000000098      1m behind  218 records  at …980845930018
        blocked at 49590338271490256608559692538360000000000015049565406754 after 7 attempts: it failed
        (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1
        (K602)
      readings  shardId-000000000017      4s behind  137 records  at …414568313106
        blocked at 49590338271490256608559692538360000000000009483287789842 after 7 attempts: it failed
        (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1
        (K602)
      readings  shardId-000000000041     up to date  161 records  at …063835755154
        kinesis:GetRecords: InternalFailure
      readings  shardId-000000000077  2m 34s behind  197 records  at …537736918226
      readings  shardId-000000000005     10s behind  125 records  at …589934592082
      readings  shardId-000000000000     up to date  120 records  at …246337208322
      readings  shardId-000000000001     up to date  121 records  at …315056685074
      readings  shardId-000000000002     up to date  122 records  at …383776161826
      readings  shardId-000000000003     up to date  123 records  at …452495638578
      and 90 more
    ");
    insta::assert_snapshot!(seen.screen(200, 16), @r"
    3 of 100 shards blocked, 1 in trouble; 101 records/s, 15.2 kB/s, 100 shards, 1h 2m behind: 16950 records (2000 kept, 0 dropped, 14950 emitted, 0 dead-lettered)
      readings  shardId-000000000063   1h 2m behind  183 records  at …575664243698
        blocked at 49590338271490256608559692538360000000000012644383720434 after 7 attempts: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
      readings  shardId-000000000098      1m behind  218 records  at …980845930018
        blocked at 49590338271490256608559692538360000000000015049565406754 after 7 attempts: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
      readings  shardId-000000000017      4s behind  137 records  at …414568313106
        blocked at 49590338271490256608559692538360000000000009483287789842 after 7 attempts: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
      readings  shardId-000000000041     up to date  161 records  at …063835755154
        kinesis:GetRecords: InternalFailure
      readings  shardId-000000000077  2m 34s behind  197 records  at …537736918226
      readings  shardId-000000000005     10s behind  125 records  at …589934592082
      readings  shardId-000000000000     up to date  120 records  at …246337208322
      readings  shardId-000000000001     up to date  121 records  at …315056685074
      readings  shardId-000000000002     up to date  122 records  at …383776161826
      and 91 more
    ");
}

#[test]
fn a_terminal_of_few_lines_shows_what_is_worst() {
    let seen = Seen::of(hundred(), "all");
    insta::assert_snapshot!(seen.screen(100, 3), @r"
    3 of 100 shards blocked, 1 in trouble; 101 records/s, 15.2 kB/s, 100 shards, 1h 2m behind: …
      readings  shardId-000000000063  1h 2m behind  183 records  at …575664243698 and 99 more
    ");
    insta::assert_snapshot!(seen.screen(100, 2), @"3 of 100 shards blocked, 1 in trouble; 101 records/s, 15.2 kB/s, 100 shards, 1h 2m behind: …");
    insta::assert_snapshot!(seen.screen(40, 5), @r"
    3 of 100 shards blocked, 1 in trouble;
    101 records/s, 15.2 kB/s, 100 shards, 1…
      shardId-000000000063  1h 2m behind
      and 99 more
    ");
}

#[test]
fn shards_are_chosen() {
    let seen = Seen::of(hundred(), "blocked");
    insta::assert_snapshot!(seen.screen(100, 40), @r"
    3 of 100 shards blocked, 1 in trouble; 101 records/s, 15.2 kB/s, 100 shards, 1h 2m behind:
    16950 records (2000 kept, 0 dropped, 14950 emitted, 0 dead-lettered)
      readings  shardId-000000000063  1h 2m behind  183 records  at …575664243698
        blocked at 49590338271490256608559692538360000000000012644383720434 after 7 attempts: it failed
        (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1
        (K602)
      readings  shardId-000000000098     1m behind  218 records  at …980845930018
        blocked at 49590338271490256608559692538360000000000015049565406754 after 7 attempts: it failed
        (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1
        (K602)
      readings  shardId-000000000017     4s behind  137 records  at …414568313106
        blocked at 49590338271490256608559692538360000000000009483287789842 after 7 attempts: it failed
        (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1
        (K602)
    ");
    let seen = Seen::of(vec![shard(0), shard(1)], "blocked");
    assert!(seen.screen(100, 40).ends_with("\n  no shard is blocked"), "{}", seen.screen(100, 40));
    let seen = Seen::of(hundred(), "shardId-000000000002,shardId-000000000098");
    insta::assert_snapshot!(seen.screen(100, 40), @r"
    3 of 100 shards blocked, 1 in trouble; 101 records/s, 15.2 kB/s, 100 shards, 1h 2m behind:
    16950 records (2000 kept, 0 dropped, 14950 emitted, 0 dead-lettered)
      readings  shardId-000000000098   1m behind  218 records  at …980845930018
        blocked at 49590338271490256608559692538360000000000015049565406754 after 7 attempts: it failed
        (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1
        (K602)
      readings  shardId-000000000002  up to date  122 records  at …383776161826
    ");
    insta::assert_snapshot!(seen.view(|view| view.remarks()).join("\n"), @r"
    readings  shardId-000000000098   1m behind  218 records  at …980845930018
      shardId-000000000098 blocked at 49590338271490256608559692538360000000000015049565406754 after 7 attempts: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
    readings  shardId-000000000002  up to date  122 records  at …383776161826
    ");
}

#[test]
fn plain_lines_name_what_is_wrong_and_not_too_much_of_it() {
    let seen = Seen::of(hundred(), "all");
    insta::assert_snapshot!(seen.view(|view| format!("{}\n{}", view.line(), view.remarks().join("\n"))), @r"
    3 of 100 shards blocked, 1 in trouble; 101 records/s, 15.2 kB/s, 100 shards, 1h 2m behind: 16950 records (2000 kept, 0 dropped, 14950 emitted, 0 dead-lettered)
        shardId-000000000063 blocked at 49590338271490256608559692538360000000000012644383720434 after 7 attempts: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
        shardId-000000000098 blocked at 49590338271490256608559692538360000000000015049565406754 after 7 attempts: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
        shardId-000000000017 blocked at 49590338271490256608559692538360000000000009483287789842 after 7 attempts: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
        shardId-000000000041: kinesis:GetRecords: InternalFailure
    ");
    let seen = Seen::of((0..100).map(|index| blocked(index, 1)).collect(), "blocked");
    let remarks = seen.view(|view| view.remarks());
    assert_eq!((remarks.len(), remarks.last().map(String::as_str)), (MOST_REMARKS + 1, Some("    and 84 more")));
}

#[test]
fn the_end_of_hundreds_of_shards_begins_with_what_is_wrong() {
    let mut shards = hundred();
    shards.iter_mut().for_each(|shard| shard.stage = ShardStage::Stopped);
    shards[50].commit = CommitOutcome::Failed("throttled");
    let all = Seen::of(shards.clone(), "all").end();
    let lines: Vec<&str> = all.lines().skip(6).collect();
    insta::assert_snapshot!(lines[..9].join("\n"), @r"
    0 outputs delivered, 0 B
    3 of 100 shards blocked, 1 in trouble
    readings shardId-000000000063: stopped, acknowledged up to 49590338271490256608559692538360000000000012575664243698, not committed
      blocked at 49590338271490256608559692538360000000000012644383720434: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
    readings shardId-000000000098: stopped, acknowledged up to 49590338271490256608559692538360000000000014980845930018, not committed
      blocked at 49590338271490256608559692538360000000000015049565406754: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
    readings shardId-000000000017: stopped, acknowledged up to 49590338271490256608559692538360000000000009414568313106, not committed
      blocked at 49590338271490256608559692538360000000000009483287789842: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
    readings shardId-000000000050: stopped, acknowledged up to 49590338271490256608559692538360000000000011682311045922, NOT committed (throttled: see the log)
    ");
    assert_eq!(lines.iter().filter(|line| line.starts_with("readings shardId-")).count(), 100);
    // What is wrong is said whatever was chosen to be seen.
    let few = Seen::of(shards, "shardId-000000000002").end();
    insta::assert_snapshot!(few.lines().skip(6).collect::<Vec<_>>().join("\n"), @r"
    0 outputs delivered, 0 B
    3 of 100 shards blocked, 1 in trouble
    readings shardId-000000000063: stopped, acknowledged up to 49590338271490256608559692538360000000000012575664243698, not committed
      blocked at 49590338271490256608559692538360000000000012644383720434: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
    readings shardId-000000000098: stopped, acknowledged up to 49590338271490256608559692538360000000000014980845930018, not committed
      blocked at 49590338271490256608559692538360000000000015049565406754: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
    readings shardId-000000000017: stopped, acknowledged up to 49590338271490256608559692538360000000000009414568313106, not committed
      blocked at 49590338271490256608559692538360000000000009483287789842: it failed (rejected) and no dead-letter destination is configured: not JSON: expected value at line 1 (K602)
    readings shardId-000000000050: stopped, acknowledged up to 49590338271490256608559692538360000000000011682311045922, NOT committed (throttled: see the log)
    readings shardId-000000000002: stopped, acknowledged up to 49590338271490256608559692538360000000000008383776161826, not committed
    95 other shards with nothing wrong: --shards all names each
    ");
}

/// Whatever else is wrong may pass by itself: a table that takes nothing is not to be seen only then.
#[test]
fn what_else_is_wrong_does_not_hide_that_nothing_is_committed() {
    let uncommitted = |shard| but(shard, |shard| shard.commit = CommitOutcome::Failed("denied"));
    let unread = but(shard(1), |shard| shard.trouble = Some("kinesis:GetRecords: no answer".to_owned()));
    for shard in [uncommitted(blocked(0, 4)), uncommitted(unread), uncommitted(shard(2))] {
        let seen = Seen::of(vec![shard], "all");
        for said in [seen.screen(100, 40), seen.view(|view| view.remarks()).join("\n")] {
            assert!(said.contains("NOT committed (denied: see the log)"), "{said}");
        }
    }
}

#[test]
fn what_blocks_a_shard_before_anything_is_done_is_said_at_the_end() {
    let shard = but(blocked(0, 4), |shard| {
        shard.stage = ShardStage::Stopped;
        shard.position = None;
    });
    let end = Seen::of(vec![shard], "all").end();
    assert!(end.contains(": stopped, nothing was acknowledged\n  blocked at 4959"), "{end}");
}

/// Whatever the terminal: no line is wider, there are no more lines than it has, and nothing panics.
#[test]
fn every_size_has_a_screen() {
    for seen in [Seen::of(hundred(), "all"), Seen::of(vec![blocked(0, 1)], "all"), Seen::of(Vec::new(), "blocked")] {
        for columns in [0, 1, 2, 3, 7, 20, 59, 60, 61, 100, 200, 1000] {
            for rows in 0..40 {
                let further = vec!["  > key: 日本語 output".to_owned(); rows % 5];
                let lines = seen.view(|view| view.screen(TerminalSize { columns, rows }, &further));
                assert!(lines.len() <= rows.saturating_sub(1).max(1), "{columns} x {rows}: {lines:?}");
                assert!(lines.iter().all(|line| width(line) <= columns.max(3)), "{columns} x {rows}: {lines:?}");
                assert!(rows < 3 || columns < 20 || lines.len() > 1 || seen.shards.is_empty(), "{columns} x {rows}");
            }
        }
    }
}

#[test]
fn outputs_that_are_shown_leave_room_for_shards() {
    let seen = Seen::of(hundred(), "all");
    let further: Vec<String> = (0..50).map(|number| format!("  > {number}")).collect();
    let lines = seen.view(|view| view.screen(TerminalSize { columns: 100, rows: 24 }, &further));
    assert_eq!(lines.last().map(String::as_str), Some("  > 49"));
    let more = lines.iter().position(|line| line.starts_with("  and ")).expect("a line for the others");
    assert!((8..16).contains(&more), "{lines:?}");
}

#[test]
fn streams_are_told_apart() {
    let mut other = blocked(0, 9);
    other.shard.stream_arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders".to_owned();
    let seen = Seen::of(vec![shard(0), other], "all");
    let screen = seen.screen(60, 24);
    assert!(
        screen.contains("\n  orders    shardId-000000000000") && screen.contains("\n  readings  shardId-"),
        "{screen}"
    );
    let remarks = seen.view(|view| view.remarks());
    assert!(remarks[0].starts_with("    orders shardId-000000000000 blocked at "), "{remarks:?}");
}

#[test]
fn conditions_have_an_order() {
    let mut shards = hundred();
    let order = |shards: &[ShardView]| -> Vec<String> {
        let mut sorted: Vec<&ShardView> = shards.iter().collect();
        most_urgent_first(&mut sorted);
        sorted.iter().take(7).map(|shard| shard.shard.id[18..].to_owned()).collect()
    };
    assert_eq!(order(&shards), ["63", "98", "17", "41", "77", "05", "00"]);
    shards[99].stage = ShardStage::NotBegun;
    assert_eq!(order(&shards)[..5], ["63", "98", "17", "41", "99"]);
    // What was in the way of a shard that has ended is over.
    let ended = but(blocked(0, 1), |shard| shard.stage = ShardStage::Ended);
    assert_eq!(ShardCondition::of(&ended), ShardCondition::Fine);
}

/// The numbers in a text whose words are each of these.
fn counts_before(words: &[&str], text: &str) -> u64 {
    let all: Vec<&str> =
        text.split(|char: char| !(char.is_alphanumeric() || char == '-')).filter(|word| !word.is_empty()).collect();
    let counts = all.windows(2).filter(|pair| words.contains(&pair[1]));
    counts.map(|pair| pair[0].parse::<u64>().expect("a count")).sum()
}

#[test]
fn what_a_person_sees_adds_up() {
    let seen = Seen::of(vec![shard_of_all_fates()], "all");
    let line = seen.view(|view| view.line());
    assert!(line.contains(&format!(" {ACKNOWLEDGED} records")), "{line}");
    let fates = ["kept", "dropped", "emitted", "dead-lettered", "given", "folded", "control", "skipped"];
    // The mapping gave up 5 besides, which nobody acknowledged.
    assert_eq!(counts_before(&fates, &line), ACKNOWLEDGED + 5, "{line}");
    assert!(seen.screen(200, 24).lines().last().is_some_and(|row| row.contains(&ACKNOWLEDGED.to_string())));

    let ending = seen.end();
    assert!(ending.starts_with(&format!("{ACKNOWLEDGED} records in")), "{ending}");
    let lines = ending.lines().filter_map(|line| line.trim().split_once(' '));
    let counts = lines.filter(|(word, _)| fates.contains(word));
    let sum: u64 =
        counts.map(|(_, count)| count.trim().trim_start_matches("up").trim().parse::<u64>().expect("a count")).sum();
    assert_eq!(sum, ACKNOWLEDGED + 5, "{ending}");
}
