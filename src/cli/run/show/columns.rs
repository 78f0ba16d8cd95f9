//! Two texts beside each other, or one below the other where the terminal is narrow, with what differs marked.

use std::fmt::Write;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::palette::Palette;

/// Narrower than this, two columns hold too little each.
const LEAST_FOR_TWO: usize = 72;

/// Whether a line is on one side alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Same,
    Before,
    After,
}

#[derive(Debug, Clone, Copy)]
struct ColumnLine<'a> {
    mark: Mark,
    text: &'a str,
}

type Row<'a> = (Option<ColumnLine<'a>>, Option<ColumnLine<'a>>);

/// How lines are written.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Columns {
    /// Of all that is written, in characters.
    pub(in crate::cli) width: usize,
    pub(in crate::cli) palette: Palette,
}

impl Columns {
    /// Writes one text.
    pub(in crate::cli) fn one(self, text: &mut String, lines: &[String]) {
        let rows = lines.iter().map(|line| ColumnLine { mark: Mark::Same, text: line });
        self.below(text, rows);
    }

    /// Writes two, the one before and the one after, each below its heading.
    pub(in crate::cli) fn two(self, text: &mut String, before: &[String], after: &[String], heading: &str) {
        let rows = compared(before, after);
        if self.width < LEAST_FOR_TWO {
            self.below(text, rows.iter().filter_map(|(before, _)| *before));
            self.heading(text, heading, 0);
            return self.below(text, rows.iter().filter_map(|(_, after)| *after));
        }
        self.heading(text, heading, self.column() + 5);
        for (before, after) in rows {
            let (left, right) = (self.pieces(before), self.pieces(after));
            for index in 0..left.len().max(right.len()) {
                self.side(text, left.get(index), self.column());
                text.push_str(" | ");
                self.side(text, right.get(index), 0);
                end_line(text);
            }
        }
    }

    /// Writes a further text, where those after stand.
    pub(in crate::cli) fn further(self, text: &mut String, after: &[String], heading: &str) {
        if self.width < LEAST_FOR_TWO {
            self.heading(text, heading, 0);
            return self.one(text, after);
        }
        self.heading(text, heading, self.column() + 5);
        for line in after {
            for piece in self.pieces(Some(ColumnLine { mark: Mark::Same, text: line })) {
                self.side(text, None, self.column());
                text.push_str(" | ");
                self.side(text, Some(&piece), 0);
                end_line(text);
            }
        }
    }

    fn heading(self, text: &mut String, heading: &str, indentation: usize) {
        let style = self.palette.dim;
        // A String takes everything; here and below.
        let _ = writeln!(text, "{:indentation$}{style}{heading}{style:#}", "");
    }

    fn below<'a>(self, text: &mut String, lines: impl Iterator<Item = ColumnLine<'a>>) {
        for line in lines {
            for piece in wrapped(line, self.width.saturating_sub(2).max(1)) {
                self.side(text, Some(&piece), 0);
                end_line(text);
            }
        }
    }

    /// What there is for each column's text, beside its mark.
    fn column(self) -> usize {
        // A mark and a space on each side, and a bar between spaces.
        (self.width.saturating_sub(7) / 2).max(1)
    }

    fn pieces(self, line: Option<ColumnLine<'_>>) -> Vec<ColumnLine<'_>> {
        line.map(|line| wrapped(line, self.column())).unwrap_or_default()
    }

    /// Writes a piece of a line, as wide as it has to be.
    fn side(self, text: &mut String, piece: Option<&ColumnLine<'_>>, width: usize) {
        let Some(ColumnLine { mark, text: piece }) = piece else {
            let _ = write!(text, "{:width$}", "", width = if width == 0 { 0 } else { width + 2 });
            return;
        };
        let padding = width.saturating_sub(piece.chars().count());
        let _ = match mark {
            Mark::Same => write!(text, "  {}", self.palette.json(piece)),
            Mark::Before => write!(text, "{0}- {piece}{0:#}", self.palette.before),
            Mark::After => write!(text, "{0}+ {piece}{0:#}", self.palette.after),
        };
        let _ = write!(text, "{:padding$}", "");
    }
}

/// Ends a line, without spaces that nobody sees.
fn end_line(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

/// A line cut into pieces that are no wider than this.
fn wrapped(line: ColumnLine<'_>, width: usize) -> Vec<ColumnLine<'_>> {
    let mut pieces = Vec::new();
    let mut rest = line.text;
    while let Some((cut, _)) = rest.char_indices().nth(width) {
        let (piece, behind) = rest.split_at(cut);
        pieces.push(ColumnLine { text: piece, ..line });
        rest = behind;
    }
    pieces.push(ColumnLine { text: rest, ..line });
    pieces
}

/// Which lines stand beside which.
fn compared<'a>(before: &'a [String], after: &'a [String]) -> Vec<Row<'a>> {
    // Whether another field follows is no difference of this one.
    let key = |line: &'a String| line.strip_suffix(',').unwrap_or(line);
    let keys = |lines: &'a [String]| -> Vec<&'a str> { lines.iter().map(key).collect() };
    let mut rows = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, &keys(before), &keys(after)) {
        let same = matches!(operation, DiffOp::Equal { .. });
        let of = |lines: &'a [String], index: usize, mark| {
            Some(ColumnLine { mark: if same { Mark::Same } else { mark }, text: lines.get(index)? })
        };
        let (left, right) = (operation.old_range(), operation.new_range());
        for index in 0..left.len().max(right.len()) {
            rows.push((
                (index < left.len()).then(|| of(before, left.start + index, Mark::Before)).flatten(),
                (index < right.len()).then(|| of(after, right.start + index, Mark::After)).flatten(),
            ));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn colours_take_no_room() {
        let (before, after) = (lines("{\n  \"a\": 1,\n  \"b\": 2\n}"), lines("{\n  \"a\": 1\n}"));
        let written = |palette| {
            let mut text = String::new();
            Columns { width: LEAST_FOR_TWO, palette }.two(&mut text, &before, &after, "output");
            text
        };
        let coloured = written(Palette::coloured());
        assert!(coloured.contains("\u{1b}[31m-   \"b\": 2\u{1b}[0m"), "{coloured}");
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string().replace(" \n", "\n"),
            written(Palette::default())
        );
    }

    #[test]
    fn a_comma_is_no_difference_and_a_changed_line_stands_beside_itself() {
        let (before, after) = (lines("a,\nb,\nc"), lines("a,\nB,\nc,\nd"));
        let rows = compared(&before, &after);
        let row = |row: &Row<'_>| [row.0, row.1].map(|side| side.map(|line| line.text.to_owned()));
        let texts = |before: Option<&str>, after: Option<&str>| [before, after].map(|text| text.map(str::to_owned));
        assert_eq!(
            rows.iter().map(row).collect::<Vec<_>>(),
            [
                texts(Some("a,"), Some("a,")),
                texts(Some("b,"), Some("B,")),
                texts(Some("c"), Some("c,")),
                texts(None, Some("d")),
            ]
        );
        let marks: Vec<Mark> = rows.iter().filter_map(|(_, after)| after.map(|line| line.mark)).collect();
        assert_eq!(marks, [Mark::Same, Mark::After, Mark::Same, Mark::After]);
    }

    #[test]
    fn no_width_is_too_small() {
        for width in 0..LEAST_FOR_TWO * 2 {
            let mut text = String::new();
            let columns = Columns { width, palette: Palette::default() };
            columns.two(&mut text, &lines("äöü ß"), &lines("\n🚀🚀"), "output");
            columns.further(&mut text, &lines("x"), "output 2");
            assert!(text.contains("output 2"));
        }
    }
}
