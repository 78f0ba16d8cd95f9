//! How many records came to the same, and how the others differ.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::change::Comparison;
use crate::cli::summary::counted;

/// What a comparison came to.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompareSummary {
    records: u64,
    /// Those with the same outcome, the next two included.
    same: u64,
    /// Of those: JSON of the same value, written otherwise.
    same_value: u64,
    /// Of those: the same is delivered, once as the record and once in its place.
    same_effect: u64,
    different: u64,
    /// How many differ in which way.
    changes: BTreeMap<String, u64>,
    /// Of the different ones: those that are not shown.
    not_shown: u64,
    /// Whether it came to the end of the input, or as far as --limit says.
    complete: bool,
}

impl CompareSummary {
    pub(super) fn add(&mut self, comparison: Comparison) {
        self.records += 1;
        let Comparison::Different(change) = comparison else {
            self.same += 1;
            self.same_value += u64::from(comparison == Comparison::SameValue);
            self.same_effect += u64::from(comparison == Comparison::SameEffect);
            return;
        };
        self.different += 1;
        *self.changes.entry(change.name()).or_default() += 1;
    }

    /// A difference is one too many to be shown.
    pub(super) fn leave_out(&mut self) {
        self.not_shown += 1;
    }

    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn different(&self) -> u64 {
        self.different
    }

    /// As one line of JSON.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Line<'a> {
            summary: &'a CompareSummary,
        }
        Ok(serde_json::to_string(&Line { summary: self })? + "\n")
    }

    /// For a person.
    pub(super) fn text(&self) -> String {
        let mut text =
            format!("{}: {} the same, {} different\n", counted(self.records, "record"), self.same, self.different);
        let parts = [
            (self.same_value, "of the same: JSON of the same value, written otherwise"),
            (self.same_effect, "of the same: a record that is kept, or replaced by itself"),
        ];
        let changes = self.changes.iter().map(|(name, count)| (*count, name.as_str()));
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0).chain(changes) {
            // A String takes everything; here and below.
            let _ = writeln!(text, "  {count:>8}  {what}");
        }
        if self.not_shown > 0 {
            let _ = writeln!(text, "{} not shown: --show all shows them", counted(self.not_shown, "difference"));
        }
        if !self.complete {
            let _ = writeln!(text, "it was ended before the end of the input");
        }
        text
    }
}
