//! What an expression sees of an event. Nothing is read or converted that the expression does not ask for.

use std::sync::OnceLock;
use std::time::Instant;

use cel::common::types::{CelBool, CelBytes, CelInt, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::value::RawValue;

use super::budget::{BUDGET, Budget};
use super::expression::{Expression, GO_ON, PATTERN_PREFIX};
use super::json;
use crate::event::{Batch, Event};
use crate::json_error::explained_without_values;

/// The names that an expression can use, each with what it stands for.
pub(super) const NAMES: [(&str, &str); 9] = [
    ("json", "the payload, read as JSON"),
    ("text", "the payload as text (UTF-8)"),
    ("data", "the payload as bytes"),
    ("size", "how many bytes the payload has"),
    ("key", "the partition key"),
    ("sequence_number", "the record's position in its shard, as text"),
    ("arrived_at", "when the record arrived at the stream, in milliseconds since 1970"),
    ("shard", "the shard's id"),
    ("stream", "the stream's name"),
];

/// The variables of an event.
pub(super) struct Variables<'a> {
    expression: &'a Expression,
    batch: &'a Batch,
    event: Event<'a>,
    budget: Budget,
    json: OnceLock<Option<&'a RawValue>>,
    text: OnceLock<Option<&'a str>>,
    /// What is wrong with the payload that the expression asked for.
    flaw: OnceLock<String>,
}

impl<'a> Variables<'a> {
    pub(super) fn of(expression: &'a Expression, batch: &'a Batch, event: Event<'a>, until: Option<Instant>) -> Self {
        Self {
            expression,
            batch,
            event,
            budget: Budget::new(until),
            json: OnceLock::new(),
            text: OnceLock::new(),
            flaw: OnceLock::new(),
        }
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What is wrong with the payload, if the expression asked for what it can't give.
    pub(super) fn flaw(&self) -> Option<&str> {
        self.flaw.get().map(String::as_str)
    }

    fn text(&self) -> Option<&'a str> {
        *self.text.get_or_init(|| {
            let text = std::str::from_utf8(self.event.payload.bytes());
            text.map_err(|_| self.note("its payload is no text in UTF-8".to_owned())).ok()
        })
    }

    fn json(&self) -> Option<&'a RawValue> {
        *self.json.get_or_init(|| {
            let text = self.text()?;
            if text.trim_ascii().is_empty() {
                self.note("its payload is empty, and no JSON".to_owned());
                return None;
            }
            let whole: Result<&RawValue, _> = serde_json::from_str(text);
            let explain = |error| format!("its payload is no JSON: {}", explained_without_values(&error, "JSON"));
            whole.map_err(|error| self.note(explain(error))).ok()
        })
    }

    fn note(&self, flaw: String) {
        // The first one is the one that counts.
        let _ = self.flaw.set(flaw);
    }
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let text = |text: &'b str| Some(CowVal::owned(CelString::from(text)));
        let number = |number: u64| Some(CowVal::owned(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX))));
        match variable {
            // An error ends all rounds, where `false` would only end the inner ones.
            GO_ON => self.budget.take_round().then(|| CowVal::owned(CelBool::from(true))),
            BUDGET => Some(CowVal::Borrowed(&self.budget)),
            "json" => match json::value(self.json()?.get(), &self.budget) {
                Ok(value) => Some(value.into()),
                Err(flaw) => {
                    self.note(flaw.to_string());
                    None
                }
            },
            "text" => text(self.text()?),
            "data" => Some(CowVal::owned(CelBytes::from(self.event.payload.bytes()))),
            "size" => number(self.event.payload.bytes().len() as u64),
            "key" => text(self.event.partition_key),
            "sequence_number" => text(self.event.sequence_number.as_str()),
            "arrived_at" => number(self.event.arrived_at),
            "shard" => text(self.batch.shard_id()),
            "stream" => text(self.batch.shard().stream_name()),
            other => {
                let index: usize = other.strip_prefix(PATTERN_PREFIX)?.parse().ok()?;
                let pattern: &'b dyn Val = self.expression.pattern(index)?;
                Some(CowVal::Borrowed(pattern))
            }
        }
    }
}
