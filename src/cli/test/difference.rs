//! What was expected beside what came, line by line, as far as a person reads.

use std::fmt::Write;
use std::time::Duration;

use anstyle::Style;
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, TextDiffConfig};

use crate::foreign::json;

/// The lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// So few lines between changes are shown rather than counted.
const FEW: usize = 3;

/// The most lines that are shown of a difference.
const MOST_LINES: usize = 120;

/// The most characters that are shown of a line.
const MOST_CHARACTERS: usize = 300;

/// How many characters before the first difference of two long lines are shown.
const BEFORE_DIFFERENCE: usize = 60;

/// How long the fewest changes are looked for. What is not compared by then counts as changed.
const SEARCH: Duration = Duration::from_millis(500);

/// How a line begins.
const INDENTATION: &str = "          ";

/// The colours of what was expected and of what came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colours {
    pub(super) expected: Style,
    pub(super) came: Style,
    pub(super) dim: Style,
}

/// Writes the changes with the lines around them, up to so many lines; how many more there are is counted.
pub(super) fn write_difference(text: &mut String, expected: &str, came: &str, colours: Colours) {
    let Colours { expected: red, came: green, dim } = colours;
    // A String takes everything; here and below.
    let _ = writeln!(text, "{INDENTATION}{red}- expected{red:#}, {green}+ came{green:#}");
    let (expected, came) = (json(expected), json(came));
    let mut config: TextDiffConfig = TextDiff::configure();
    let difference = config.algorithm(Algorithm::Myers).timeout(SEARCH).diff_lines(expected.as_ref(), came.as_ref());
    let mut shown = 0;
    let mut left_out = 0;
    let mut next = 0;
    for group in difference.grouped_ops(CONTEXT) {
        let start = group.first().map_or(next, |operation| operation.old_range().start);
        if left_out == 0 {
            skipped(text, difference.old_slices().get(next..start).unwrap_or_default(), dim);
        }
        next = group.last().map_or(next, |operation| operation.old_range().end);
        for operation in &group {
            for line in lines_of(&difference, operation) {
                if shown == MOST_LINES {
                    left_out += 1;
                    continue;
                }
                shown += 1;
                let Line { tag, text: line } = line;
                let _ = match tag {
                    ChangeTag::Equal => writeln!(text, "{INDENTATION}  {line}"),
                    ChangeTag::Delete => writeln!(text, "{INDENTATION}{red}- {line}{red:#}"),
                    ChangeTag::Insert => writeln!(text, "{INDENTATION}{green}+ {line}{green:#}"),
                };
            }
        }
    }
    if left_out > 0 {
        more(text, left_out, "more lines of the difference", dim);
    } else {
        skipped(text, difference.old_slices().get(next..).unwrap_or_default(), dim);
    }
}

/// Writes a text of several lines, up to so many of them.
pub(super) fn write_lines(text: &mut String, lines: &str, dim: Style) {
    let lines = json(lines);
    for line in lines.lines().take(MOST_LINES) {
        let _ = writeln!(text, "{INDENTATION}  {}", shortened(line, 0));
    }
    let left_out = lines.lines().count().saturating_sub(MOST_LINES);
    if left_out > 0 {
        more(text, left_out, "more lines", dim);
    }
}

/// One line to show.
struct Line {
    tag: ChangeTag,
    text: String,
}

/// The lines of an operation, long ones shortened to where they differ.
fn lines_of(difference: &TextDiff<'_, '_, '_, str>, operation: &DiffOp) -> Vec<Line> {
    // What is left out is not needed, and counts only as a number: a copy of each line would be as large as the texts.
    let old = &difference.old_slices()[operation.old_range()];
    let new = &difference.new_slices()[operation.new_range()];
    match operation {
        DiffOp::Equal { .. } => {
            old.iter().map(|line| Line { tag: ChangeTag::Equal, text: shortened(trimmed(line), 0) }).collect()
        }
        DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => {
            let from = |index: usize| match (old.get(index), new.get(index)) {
                (Some(old), Some(new)) => differs_at(trimmed(old), trimmed(new)).saturating_sub(BEFORE_DIFFERENCE),
                _ => 0,
            };
            let line =
                |tag| move |(index, line): (usize, &&str)| Line { tag, text: shortened(trimmed(line), from(index)) };
            let removed = old.iter().enumerate().map(line(ChangeTag::Delete));
            removed.chain(new.iter().enumerate().map(line(ChangeTag::Insert))).collect()
        }
    }
}

fn trimmed(line: &str) -> &str {
    line.trim_end_matches('\n')
}

/// The first character in which two lines differ, counted from 0.
fn differs_at(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
}

/// A line, or so many characters of it: from this one on, but for the end of one that is short enough.
fn shortened(line: &str, from: usize) -> String {
    if line.len() <= MOST_CHARACTERS {
        return line.to_owned();
    }
    let characters = line.chars().count();
    if characters <= MOST_CHARACTERS {
        return line.to_owned();
    }
    let from = from.min(characters - MOST_CHARACTERS);
    let shown: String = line.chars().skip(from).take(MOST_CHARACTERS).collect();
    let (before, behind) =
        (if from > 0 { "…" } else { "" }, if from + MOST_CHARACTERS < characters { "…" } else { "" });
    format!("{before}{shown}{behind} ({characters} characters)")
}

/// Lines that are the same on both sides, far from all changes.
fn skipped(text: &mut String, lines: &[&str], dim: Style) {
    if lines.len() > FEW {
        return more(text, lines.len(), "lines that are the same", dim);
    }
    for line in lines {
        let _ = writeln!(text, "{INDENTATION}  {}", shortened(trimmed(line), 0));
    }
}

fn more(text: &mut String, lines: usize, what: &str, dim: Style) {
    let _ = writeln!(text, "{INDENTATION}{dim}  ... {} {what}{dim:#}", grouped(lines));
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(expected: &str, came: &str) -> String {
        let plain = Colours { expected: Style::new(), came: Style::new(), dim: Style::new() };
        let mut text = String::new();
        write_difference(&mut text, expected, came, plain);
        text
    }

    fn numbers(numbers: impl Iterator<Item = usize>) -> String {
        numbers.map(|number| format!("{number}\n")).collect()
    }

    #[test]
    fn three_lines_around_a_change_are_shown_and_the_others_counted() {
        let expected = numbers(0..5000);
        let came = expected.replace("\n100\n", "\n100!\n").replace("\n4000\n", "\n");
        insta::assert_snapshot!(difference(&expected, &came), @r"
                  - expected, + came
                    ... 97 lines that are the same
                    97
                    98
                    99
                  - 100
                  + 100!
                    101
                    102
                    103
                    ... 3,893 lines that are the same
                    3997
                    3998
                    3999
                  - 4000
                    4001
                    4002
                    4003
                    ... 996 lines that are the same
        ");
    }

    #[test]
    fn a_difference_of_any_size_is_a_page_at_most() {
        // Nothing is the same, which is the longest search.
        let (expected, came) = (numbers(0..100_000), numbers(200_000..300_000));
        let text = difference(&expected, &came);
        assert_eq!(text.lines().count(), MOST_LINES + 2);
        assert!(text.ends_with("... 199,880 more lines of the difference\n"), "{}", &text[text.len() - 100..]);
        // Shuffled: every line is there, in another place.
        let text = difference(&numbers((0..100_000).map(|number| number * 7919 % 100_003)), &expected);
        assert!(text.lines().count() <= MOST_LINES + 60 && text.contains(" more lines of the difference\n"));
        let mut text = String::new();
        write_lines(&mut text, &came, Style::new());
        assert!(text.ends_with("  ... 99,880 more lines\n") && text.lines().count() == MOST_LINES + 1);
    }

    #[test]
    fn long_lines_are_shown_where_they_differ() {
        let long = |middle: &str| format!("\"{}{middle}{}\"", "a".repeat(5000), "é".repeat(5000));
        let text = difference(&long("x"), &long("y"));
        assert!(text.len() < 3000, "{text}");
        for part in ["- …aaa", "+ …aaa", "axé", "ayé", "é… (10003 characters)\n"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(shortened("short", 3), "short");
        assert_eq!(shortened(&"é".repeat(MOST_CHARACTERS), 3), "é".repeat(MOST_CHARACTERS));
    }

    #[test]
    fn what_is_the_same_is_no_difference() {
        for text in ["", "a", "a\nb\n"] {
            assert!(!difference(text, text).contains("- a") && difference(text, text).lines().count() <= 3);
        }
    }
}
