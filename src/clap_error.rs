//! What clap says is wrong with a value, without the flag that it names: values come from variables and files too.

use clap::error::{ContextKind, ContextValue};

/// Returns why a value is refused, and which values would not be.
pub(crate) fn reason(error: &clap::Error) -> String {
    of_a_list(error)
        .or_else(|| std::error::Error::source(error).map(ToString::to_string))
        .unwrap_or_else(|| error.kind().to_string())
}

/// The reason of an error about a value that is none of a list.
fn of_a_list(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else { return None };
    let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) else { return None };
    let (last, others) = valid.split_last()?;
    let valid = if others.is_empty() { last.clone() } else { format!("{} or {last}", others.join(", ")) };
    Some(format!("invalid value {value:?}: use {valid}"))
}
