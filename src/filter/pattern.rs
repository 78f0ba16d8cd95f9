//! A pattern of `matches`, compiled once, as a value of the language.

use cel::common::types::{CelBool, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};
use regex::Regex;

use super::opaque::opaque_value;

/// What the function is called in a compiled expression: nobody can write that.
pub(super) const MATCHES: &str = "@matches";

/// How large a compiled pattern may be, in bytes.
const LARGEST: usize = 1 << 20;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is none. The message says what is wrong with it, on one line.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let compiled = regex::RegexBuilder::new(text).size_limit(LARGEST).build();
        // The last line says what is wrong, the others show where.
        compiled.map(Self).map_err(|error| {
            let said = error.to_string();
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            format!("{text:?} is no pattern: {}", last.trim().trim_start_matches("error: "))
        })
    }

    /// Adds the function to an environment.
    pub(super) fn declare(env: &mut Env) {
        let types = vec![<CelString<'_> as Val>::cel_type().to_owned(), TYPE.to_owned()];
        // Nothing else is of that name, so it can be declared.
        let _ = env.add_overload(MATCHES, "string_matches_pattern", types, matches);
    }
}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = arguments.as_slice() else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    match (text.downcast_ref::<CelString<'_>>(), pattern.downcast_ref::<Pattern>()) {
        (Some(text), Some(Pattern(pattern))) => Ok(CowVal::owned(CelBool::from(pattern.is_match(text.inner())))),
        _ => Err(ExecutionError::function_error("matches", "it takes a text and a pattern")),
    }
}

opaque_value!(Pattern, "pattern");
