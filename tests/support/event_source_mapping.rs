//! Lambda's event source mapping over one shard, as its documentation has it: what is sent next, given what
//! came of what was sent.

use std::collections::VecDeque;
use std::ops::Range;

use serde_json::Value;

use super::events::sequence_number;

/// What came of an invocation.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The function answered with this.
    Answered(&'a str),
    /// The function failed, or its answer never came.
    Failed,
}

/// A mapping with `ReportBatchItemFailures`, and no limit to retries. Records are named by their index in
/// the shard.
#[derive(Debug)]
pub struct EventSourceMapping {
    records: usize,
    batch_size: usize,
    bisects: bool,
    /// Everything before it is acknowledged.
    position: usize,
    /// What a batch was taken apart into; the first of them is sent next.
    parts: VecDeque<Range<usize>>,
}

impl EventSourceMapping {
    pub fn new(records: usize, batch_size: usize, bisects: bool) -> Self {
        Self { records, batch_size, bisects, position: 0, parts: VecDeque::new() }
    }

    /// The batch that is sent next; none: all is acknowledged.
    pub fn next_batch(&mut self) -> Option<Range<usize>> {
        if self.parts.is_empty() && self.position < self.records {
            self.parts.push_back(self.position..self.records.min(self.position + self.batch_size));
        }
        self.parts.front().cloned()
    }

    /// Everything before this index is acknowledged.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Takes in what came of the batch that was sent last.
    pub fn came_back(&mut self, outcome: Outcome<'_>) {
        let batch = self.parts.pop_front().expect("a batch was sent");
        match replay_from(outcome, &batch) {
            Replay::Nothing => self.position = batch.end,
            // The rest is a batch of its own.
            Replay::From(index) => {
                self.position = index;
                self.parts.push_front(index..batch.end);
            }
            Replay::All if self.bisects && batch.len() > 1 => {
                let middle = batch.start + batch.len() / 2;
                self.parts.push_front(middle..batch.end);
                self.parts.push_front(batch.start..middle);
            }
            Replay::All => self.parts.push_front(batch),
        }
    }
}

enum Replay {
    Nothing,
    From(usize),
    All,
}

fn replay_from(outcome: Outcome<'_>, batch: &Range<usize>) -> Replay {
    let Outcome::Answered(text) = outcome else { return Replay::All };
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let failures = match answer.get("batchItemFailures").and_then(Value::as_array) {
        Some(failures) if !failures.is_empty() => failures,
        // Also where the name is misspelt.
        _ => return Replay::Nothing,
    };
    let index_of = |failure: &Value| {
        let named = failure.get("itemIdentifier").and_then(Value::as_str)?;
        batch.clone().find(|&index| sequence_number(index) == named)
    };
    // One that is none of the batch's makes all of it fail.
    let named: Option<Vec<usize>> = failures.iter().map(index_of).collect();
    named.and_then(|indices| indices.into_iter().min()).map_or(Replay::All, Replay::From)
}
