//! A place in the JSON of a record.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// A JSON pointer (RFC 6901), as `/device/id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    text: String,
    steps: Vec<String>,
}

/// What a pointer is to find, for a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sought {
    /// The option that gives the pointer.
    pub(crate) option: &'static str,
    /// What the value is to be for the record.
    pub(crate) role: &'static str,
    /// The kinds of value that can be that.
    pub(crate) kinds: &'static str,
}

impl Pointer {
    /// Reads a pointer to something inside of a value; none: it is no pointer, or one to the whole.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let steps: Option<Vec<String>> = text.strip_prefix('/')?.split('/').map(unescaped).collect();
        Some(Self { text: text.to_owned(), steps: steps? })
    }

    /// As it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The value at this place, as it is written.
    ///
    /// # Errors
    /// Why there is none. The message holds nothing of the payload.
    pub(crate) fn find<'a>(&self, payload: &'a [u8], sought: Sought) -> Result<&'a RawValue, String> {
        let Sought { option, role, kinds } = sought;
        let mut value: &RawValue = serde_json::from_slice(payload).map_err(|error| {
            let fault = if error.is_eof() { "it ends too soon" } else { "it is wrong" };
            format!(
                "it is not JSON ({fault} at column {}), and {option} {} asks for a field of it",
                error.column(),
                self.text
            )
        })?;
        for step in &self.steps {
            value = child(value, step)
                .ok_or_else(|| format!("it has no {}, which is to be its {role}: {kinds}", self.text))?;
        }
        Ok(value)
    }

    /// The text of a JSON string that was found here.
    ///
    /// # Errors
    /// That it has none: half of a surrogate pair is no character.
    pub(crate) fn text_of(&self, string: &RawValue) -> Result<String, String> {
        serde_json::from_str(string.get()).map_err(|_| format!("{} is a string that is no text", self.text))
    }
}

/// A step of a pointer, in which `~1` is a slash and `~0` a tilde.
fn unescaped(step: &str) -> Option<String> {
    let is_escaped = step.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    is_escaped.then(|| step.replace("~1", "/").replace("~0", "~"))
}

/// The member of an object or the element of an array.
fn child<'a>(value: &'a RawValue, step: &str) -> Option<&'a RawValue> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<HashMap<String, &RawValue>>(text).ok()?.get(step).copied(),
        Some(b'[') => {
            let index: usize = step.parse().ok().filter(|index: &usize| index.to_string() == step)?;
            serde_json::from_str::<Vec<&RawValue>>(text).ok()?.get(index).copied()
        }
        _ => None,
    }
}
