//! A difference as a person sees it: the record, and both answers side by side.

use std::fmt::Write;

use super::change::{DeliveredOutput, delivered};
use super::sides::Answer;
use crate::cli::foreign::plain;
use crate::cli::run::show::columns::Columns;
use crate::cli::run::show::{became, payload, record_line};
use crate::event::{Event, Shard};

/// The most outputs of a record that are shown.
const MOST_OUTPUTS: usize = 20;

/// A record on which two transforms differ.
pub(super) struct Difference<'a> {
    /// Its place among all records, from 1 on.
    pub(super) number: u64,
    pub(super) shard: &'a Shard,
    pub(super) event: Event<'a>,
    pub(super) change: String,
    pub(super) old: &'a Answer,
    pub(super) new: &'a Answer,
}

/// Whether a person wants to know of which shard a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShardNaming {
    Named,
    LeftOut,
}

impl Difference<'_> {
    /// Returns it in lines.
    pub(super) fn text(&self, columns: Columns, naming: ShardNaming) -> String {
        let Self { number, shard, event, change, old, new } = self;
        let dim = columns.palette.dim;
        let named = (naming == ShardNaming::Named).then_some(shard.id.as_str());
        let mut text = record_line(columns.palette, *number, *event, named, change);
        // A String takes everything; here and below.
        let _ = writeln!(text, "  {dim}old:{dim:#} {}", became(*event, &old.verdict));
        let _ = writeln!(text, "  {dim}new:{dim:#} {}", became(*event, &new.verdict));
        let _ = writeln!(text, "{dim}record{dim:#}");
        columns.one(&mut text, &payload::lines(event.payload.bytes()));
        outputs(&mut text, columns, delivered(*event, &old.verdict), delivered(*event, &new.verdict));
        for (side, answer) in [("old", old), ("new", new)] {
            for line in &answer.log {
                let _ = writeln!(text, "  {dim}{side}: {}{dim:#}", payload::printable(line));
            }
        }
        text.push('\n');
        text
    }
}

/// Writes the outputs that differ. Where a side delivers nothing by its kind, only its answer says something.
fn outputs(
    text: &mut String,
    columns: Columns,
    old: Option<Vec<DeliveredOutput<'_>>>,
    new: Option<Vec<DeliveredOutput<'_>>>,
) {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let count = old.len().max(new.len());
    let mut shown = 0;
    let mut differing = 0;
    for index in 0..count {
        let pair = (old.get(index), new.get(index));
        if let (Some(old), Some(new)) = pair
            && old.data == new.data
            && old.goes_where(new)
        {
            continue;
        }
        differing += 1;
        if shown == MOST_OUTPUTS {
            continue;
        }
        shown += 1;
        let lines = |output: Option<&DeliveredOutput<'_>>| match output {
            Some(output) => payload::lines(output.data),
            None => Vec::new(),
        };
        columns.two(text, &lines(pair.0), &lines(pair.1), &heading(index, count, pair));
    }
    if differing > shown {
        let _ = writeln!(text, "  … and {} more outputs that differ", differing - shown);
    }
}

fn heading(index: usize, count: usize, pair: (Option<&DeliveredOutput<'_>>, Option<&DeliveredOutput<'_>>)) -> String {
    let mut heading = if count == 1 { "output".to_owned() } else { format!("output {} of {count}", index + 1) };
    match pair {
        (Some(_), None) => heading.push_str(", of the old alone"),
        (None, _) => heading.push_str(", of the new alone"),
        (Some(old), Some(new)) => {
            if old.key != new.key {
                let _ = write!(heading, ", key {}, was {}", plain(new.key), plain(old.key));
            }
            if old.route != new.route {
                let route = |output: &DeliveredOutput<'_>| output.route.map_or_else(|| "none".to_owned(), plain);
                let _ = write!(heading, ", route {}, was {}", route(new), route(old));
            }
        }
    }
    heading
}
