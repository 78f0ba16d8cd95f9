//! The lines of shards in a view: one row each, in columns of which a narrow terminal has fewer.

use crate::cli::figures::{how_far_behind, short_position};
use crate::cli::fitting::{cut, width};
use crate::cli::foreign::plain;
use crate::cli::summary::counted;
use crate::source::live::ShardView;

/// What stands before each row.
const INDENTATION: &str = "  ";

/// What stands between two columns.
const GAP: &str = "  ";

/// The longest name of a stream that a row holds whole.
const LONGEST_NAME: usize = 32;

/// A column: a figure of each shard.
struct Column {
    /// What it says of a shard.
    cell: fn(&ShardView) -> String,
    side: Side,
    need: Need,
}

/// Where a column's text stands in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// How much a column is needed. Where there is no room for all of them, those go first that are needed least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Always,
    /// What changes as the shard is read.
    Progress,
    /// What tells shards of several streams apart, and says little about those of one.
    Stream,
    /// What is read elsewhere as well.
    Detail,
}

/// All columns, from left to right.
const COLUMNS: [Column; 5] = [
    Column { cell: |shard| cut(&plain(shard.shard.stream_name()), LONGEST_NAME), side: Side::Left, need: Need::Stream },
    Column { cell: |shard| plain(&shard.shard.id), side: Side::Left, need: Need::Always },
    Column { cell: |shard| how_far_behind(shard.behind), side: Side::Right, need: Need::Always },
    Column { cell: |shard| counted(shard.counts.acknowledged(), "record"), side: Side::Right, need: Need::Progress },
    Column {
        cell: |shard| format!("at {}", plain(&short_position(shard.position.as_deref().unwrap_or("-")))),
        side: Side::Left,
        need: Need::Detail,
    },
];

/// A row for each shard, all with the same columns: as many as fit into this width, which is in columns of the terminal.
pub(super) fn rows(shards: &[&ShardView], most: usize) -> Vec<String> {
    let several_streams = shards.windows(2).any(|pair| pair[0].shard.stream_arn != pair[1].shard.stream_arn);
    let mut columns: Vec<(&Column, Vec<String>)> =
        COLUMNS.iter().map(|column| (column, shards.iter().map(|shard| (column.cell)(shard)).collect())).collect();
    let widest = |cells: &[String]| cells.iter().map(|cell| width(cell)).max().unwrap_or_default();
    loop {
        let total: usize = columns.iter().map(|(_, cells)| widest(cells) + GAP.len()).sum();
        let is_spare =
            |column: &Column| column.need != Need::Always && !(several_streams && column.need == Need::Stream);
        let spare = (0..columns.len()).filter(|index| is_spare(columns[*index].0));
        match spare.max_by_key(|index| columns[*index].0.need) {
            Some(least_needed) if total > most => drop(columns.remove(least_needed)),
            _ => break,
        }
    }
    let widths: Vec<usize> = columns.iter().map(|(_, cells)| widest(cells)).collect();
    let row = |index: usize| {
        let mut row = String::new();
        for ((column, cells), column_width) in columns.iter().zip(&widths) {
            let Some(cell) = cells.get(index) else { continue };
            let padding = " ".repeat(column_width.saturating_sub(width(cell)));
            row += if row.is_empty() { INDENTATION } else { GAP };
            match column.side {
                Side::Left => row += &format!("{cell}{padding}"),
                Side::Right => row += &format!("{padding}{cell}"),
            }
        }
        cut(row.trim_end(), most)
    };
    (0..shards.len()).map(row).collect()
}
