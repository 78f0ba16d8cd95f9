//! A filter: an expression of the Common Expression Language (CEL) that says of each event whether it goes on. It is for the
//! simple case that needs no component.
//!
//! | file | is |
//! | --- | --- |
//! | `expression` | the expression: compiled, checked, and made to end |
//! | `budget` | what one evaluation may cost |
//! | `variables` | what it sees of an event, looked up when it is asked for |
//! | `json` | JSON as values of the language, read where the expression looks |
//! | `equality` | `==` and `in`, of JSON and of what is written |
//! | `opaque` | values of ours that an expression hands on |
//! | `pattern` | a pattern of `matches`, compiled once |
//!
//! What it costs is bounded. A lookup in JSON takes time in proportion to the payload, and holds the part that it finds. Rounds
//! of `all`, `exists`, `map` and `filter` are counted ([`MOST_ROUNDS`]), however they are nested, and the clock is looked at
//! meanwhile. Only what ends in any case is left to the language: its own depth is bounded by its parser, and a pattern takes
//! time in proportion to the text.

mod budget;
mod equality;
mod expression;
mod json;
mod opaque;
mod pattern;
mod variables;

#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use cel::common::types::CelBool;
use cel::{ExecutionError, Value};

use expression::Expression;
use variables::Variables;

use crate::event::{Batch, Event};

/// How often the bodies of `all`, `exists`, `map` and `filter` may be looked at for one event, and how many elements of lists may
/// be taken out of its JSON.
pub const MOST_ROUNDS: u64 = 1_000_000;

/// How long an expression may be, in bytes: a person's, and more.
pub const LONGEST_EXPRESSION: usize = 16 << 10;

/// An expression that is compiled. It is cheap to clone.
#[derive(Debug, Clone)]
pub struct Filter(Arc<Expression>);

/// What an expression says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It goes on.
    Keep,
    /// It is of no interest.
    Drop,
    /// It can't be judged: for this reason.
    Unclear(String),
    /// Time was up before it was judged.
    OutOfTime,
}

impl Filter {
    /// The expression as it was written.
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// Judges an event whose payload is decoded, in the time that there is until then.
    pub fn judge(&self, batch: &Batch, event: Event<'_>, until: Option<Instant>) -> Judgement {
        self.judge_as("the filter", batch, event, until)
    }

    /// Judges an event likewise, for an expression that reasons call by this name: `true` is to keep it.
    pub fn judge_as(&self, name: &str, batch: &Batch, event: Event<'_>, until: Option<Instant>) -> Judgement {
        let variables = Variables::of(&self.0, batch, event, until);
        let context = self.0.context(&variables);
        let result = Value::resolve_val(self.0.tree(), &context);
        // What is absorbed by `||`, `&&` or `all` is no answer either.
        if variables.budget().is_out_of_time() {
            return Judgement::OutOfTime;
        }
        if variables.budget().is_used_up() {
            return Judgement::Unclear(format!(
                "{name} looks at more than {MOST_ROUNDS} elements for this record: use an expression that looks at fewer"
            ));
        }
        if let Some(obstacle) = variables.budget().obstacle() {
            return Judgement::Unclear(format!("{name} can't judge this record: {obstacle}"));
        }
        match result {
            Ok(value) => match value.downcast_ref::<CelBool>() {
                Some(is_kept) if *is_kept.inner() => Judgement::Keep,
                Some(_) => Judgement::Drop,
                None => Judgement::Unclear(format!(
                    "{name} gives {} for this record, and is to give true or false",
                    with_article(value.get_type().name())
                )),
            },
            Err(error) => {
                let reason = variables.flaw().map_or_else(|| explained(&error), str::to_owned);
                Judgement::Unclear(format!("{name} can't judge this record: {reason}"))
            }
        }
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(source: &str) -> Result<Self, String> {
        Expression::compile(source).map(|expression| Self(Arc::new(expression)))
    }
}

/// What is wrong, in the words of the expression. The values are left out: they are payload.
fn explained(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("there is no field {name:?}, for which has(...) can ask"),
        ExecutionError::NoSuchOverload(call) => {
            let types = call.argument_types().join(" and ");
            match call.function() {
                "_._" | "_[_]" => format!("it looks into {types}, which has no such part"),
                function => format!("{} can't be done with {types}", function.trim_matches(['_', '@'])),
            }
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number is beyond 64 bits".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "a list has no element at that index".to_owned(),
        ExecutionError::FunctionError { function, .. } => format!("{function} can't be done with what is there"),
        ExecutionError::UnexpectedType { got, .. } => format!("{got} has no place there"),
        _ => "it can't be done with what is there".to_owned(),
    }
}

/// A type of the language, as a person says it.
fn with_article(name: &str) -> String {
    let article = if name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    match name {
        "null_type" => "null".to_owned(),
        name => format!("{article} {name}"),
    }
}
