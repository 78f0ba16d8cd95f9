//! What a pack of outputs looks like: lines, a JSON array, or one output behind the other.

use serde::de::IgnoredAny;

use super::Pack;

/// What a pack looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackForm {
    Lines,
    Array,
    Concatenate,
}

impl Pack {
    /// Returns what a pack looks like; none: outputs stay by themselves.
    pub(crate) fn form(self) -> Option<PackForm> {
        match self {
            Pack::None => None,
            Pack::Lines => Some(PackForm::Lines),
            Pack::Array => Some(PackForm::Array),
            Pack::Concatenate => Some(PackForm::Concatenate),
        }
    }
}

impl PackForm {
    /// Returns what of an output's data goes into a pack. Data of several lines stays several lines.
    ///
    /// # Errors
    /// When it can't be part of such a pack.
    pub(crate) fn element(self, data: &[u8]) -> Result<&[u8], &'static str> {
        match self {
            PackForm::Lines => Ok(data.strip_suffix(b"\n").unwrap_or(data)),
            PackForm::Concatenate => Ok(data),
            PackForm::Array => match serde_json::from_slice::<IgnoredAny>(data) {
                Ok(_) => Ok(data.trim_ascii()),
                Err(_) => Err("it is no JSON, and is to be packed into a JSON array (KINESIEVE_PACK)"),
            },
        }
    }

    /// Whether an element that is alone in a pack makes one without any data.
    pub(crate) fn is_nothing(self, element: &[u8]) -> bool {
        self == PackForm::Concatenate && element.is_empty()
    }

    /// Appends an element to a pack that has those before it.
    pub(crate) fn push(self, pack: &mut Vec<u8>, element: &[u8]) {
        match self {
            PackForm::Lines => {
                pack.extend_from_slice(element);
                pack.push(b'\n');
            }
            PackForm::Array => {
                pack.push(if pack.is_empty() { b'[' } else { b',' });
                pack.extend_from_slice(element);
            }
            PackForm::Concatenate => pack.extend_from_slice(element),
        }
    }

    /// Ends a pack that has all of its elements.
    pub(crate) fn end(self, pack: &mut Vec<u8>) {
        if self == PackForm::Array {
            pack.push(b']');
        }
    }

    /// Returns a pack with one element.
    pub(crate) fn pack_of_one(self, element: &[u8]) -> Vec<u8> {
        let mut pack = Vec::with_capacity(element.len() + 2);
        self.push(&mut pack, element);
        self.end(&mut pack);
        pack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(form: PackForm, outputs: &[&str]) -> String {
        let mut pack = Vec::new();
        for output in outputs {
            form.push(&mut pack, form.element(output.as_bytes()).expect("an element"));
        }
        form.end(&mut pack);
        String::from_utf8(pack).expect("text")
    }

    #[test]
    fn lines_end_once_each() {
        assert_eq!(pack(PackForm::Lines, &["a\tb", "c\n", "", "d\ne\n", "f\r\n"]), "a\tb\nc\n\nd\ne\nf\r\n");
    }

    #[test]
    fn what_is_concatenated_stays_as_it_is() {
        assert_eq!(pack(PackForm::Concatenate, &["a", "b\n", "", " {", "c\r\n"]), "ab\n {c\r\n");
        assert_eq!(PackForm::Concatenate.pack_of_one(b"\n"), b"\n");
        assert!(PackForm::Concatenate.is_nothing(b"") && !PackForm::Concatenate.is_nothing(b"\n"));
        assert!(!PackForm::Lines.is_nothing(b"") && !PackForm::Array.is_nothing(b"1"));
    }

    #[test]
    fn an_array_has_what_is_json() {
        assert_eq!(pack(PackForm::Array, &["{\"a\": 1}\n", " 2 "]), r#"[{"a": 1},2]"#);
        assert!(PackForm::Array.element(b"{\"a\":").is_err());
        assert_eq!(PackForm::Array.pack_of_one(b"1"), b"[1]");
    }
}
