//! Data as a case writes it: JSON, text, or base64 where it is neither.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json;

/// The most bytes that a case may have as data: more than any record of a stream.
const MOST_BYTES: usize = 32 << 20;

/// The payload of a record, in the form that says most about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseData {
    /// The text of a JSON value, without layout. Compared as a value.
    Json(String),
    /// Text, compared byte for byte.
    Text(String),
    /// Bytes that are no text, in base64 for whoever reads them.
    Bytes(Vec<u8>),
}

impl CaseData {
    /// Bytes in the form that is best to read: JSON only where it is an object or an array, since a number or a word
    /// is a text to most people.
    pub(crate) fn best_form_of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Err(error) => CaseData::Bytes(error.into_bytes()),
            Ok(text) => match text.trim_start().bytes().next() {
                Some(b'{' | b'[') if is_json(&text) => CaseData::Json(json::compact(&text)),
                _ => CaseData::Text(text),
            },
        }
    }

    /// Returns the bytes in the form that `other` has, or in the form that fits them where that one can't hold them.
    pub(super) fn in_form_of(bytes: Vec<u8>, other: &CaseData) -> Self {
        match (other, String::from_utf8(bytes)) {
            (_, Err(error)) => CaseData::Bytes(error.into_bytes()),
            (CaseData::Json(_), Ok(text)) if is_json(&text) => CaseData::Json(json::compact(&text)),
            (CaseData::Bytes(_), Ok(text)) => CaseData::Bytes(text.into_bytes()),
            (_, Ok(text)) => CaseData::Text(text),
        }
    }

    /// The bytes that it stands for.
    pub fn bytes(&self) -> &[u8] {
        match self {
            CaseData::Json(text) | CaseData::Text(text) => text.as_bytes(),
            CaseData::Bytes(bytes) => bytes,
        }
    }

    /// Whether bytes are what this says.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        match self {
            CaseData::Json(expected) => str::from_utf8(bytes).is_ok_and(|text| json::is_same(expected, text)),
            CaseData::Text(_) | CaseData::Bytes(_) => self.bytes() == bytes,
        }
    }

    /// The field that it is in a case: its name, and its value as JSON.
    pub(crate) fn field(&self) -> (&'static str, String) {
        match self {
            CaseData::Json(text) => ("json", text.clone()),
            CaseData::Text(text) => ("text", json_string(text)),
            CaseData::Bytes(bytes) => ("base64", json_string(&base64_simd::STANDARD.encode_to_string(bytes))),
        }
    }
}

/// A text as a JSON string.
pub(super) fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// The fields of a case that say what its data is: exactly one of the first three.
#[derive(Debug, Default)]
pub(super) struct DataFields<'a> {
    pub(super) json: Option<&'a RawValue>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
    pub(super) repeat: Option<usize>,
}

impl DataFields<'_> {
    pub(super) fn data(self) -> Result<CaseData, String> {
        let data = match (self.json, self.text, self.base64) {
            (Some(json), None, None) => CaseData::Json(json::compact(json.get())),
            (None, Some(text), None) => CaseData::Text(text),
            (None, None, Some(base64)) => CaseData::Bytes(
                base64_simd::STANDARD
                    .decode_to_vec(&base64)
                    .map_err(|_| "`base64` is not valid base64 (standard alphabet, padded)".to_owned())?,
            ),
            (None, None, None) => return Err("there is no data: give `json`, `text` or `base64`".to_owned()),
            _ => return Err("the data is given twice: give one of `json`, `text` and `base64`".to_owned()),
        };
        let Some(times) = self.repeat else { return Ok(data) };
        if data.bytes().len().saturating_mul(times) > MOST_BYTES {
            return Err(format!("`repeat` makes more than {MOST_BYTES} bytes of data: give a smaller number"));
        }
        match data {
            CaseData::Json(_) => Err("`repeat` goes with `text` and `base64`, not with `json`".to_owned()),
            CaseData::Text(text) => Ok(CaseData::Text(text.repeat(times))),
            CaseData::Bytes(bytes) => Ok(CaseData::Bytes(bytes.repeat(times))),
        }
    }
}

/// A field that is given, be it `null`: that is a value too.
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
