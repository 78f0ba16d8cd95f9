//! JSON as values of the language. An object is text that is searched when the expression asks for a field, so that a large
//! payload of which it looks at one costs no memory. A list that it asks for is taken apart.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Iterator, Sizer, Zeroer};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelNull, CelString, CelUInt, Kind, MAP_TYPE, Type};
use cel::common::value::{CowVal, Val};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::budget::Budget;
use super::equality::are_equal_maps;

/// How deep lists may be in lists, and objects in objects, where the expression looks at them: comparing goes as deep.
const DEEPEST: usize = 128;

/// What is said of JSON that goes further.
const TOO_DEEP: &str = "its JSON is deeper than 128 levels where the filter looks";

/// Half of the two codes of a character is valid JSON, and no text.
const NO_TEXT: &str = "its JSON has a text or a name that is no text in UTF-8";

/// Returns the value of a JSON text that is known to be valid.
///
/// # Errors
/// When it is too deep, or has too many elements.
pub(super) fn value<'v>(json: &'v str, budget: &'v Budget) -> Result<Box<dyn Val + 'v>, ExecutionError> {
    value_at(json, budget, 0)
}

fn value_at<'v>(json: &'v str, budget: &'v Budget, depth: usize) -> Result<Box<dyn Val + 'v>, ExecutionError> {
    let json = json.trim_ascii();
    if depth > DEEPEST {
        budget.meet(TOO_DEEP);
        return Err(failed(TOO_DEEP));
    }
    Ok(match json.as_bytes().first() {
        Some(b'{') => Box::new(Object { json, budget, depth, keys: OnceLock::new() }),
        Some(b'[') => Box::new(list(json, budget, depth)?),
        Some(b'"') => Box::new(CelString::from(text(json, budget)?)),
        Some(b't') => Box::new(CelBool::from(true)),
        Some(b'f') => Box::new(CelBool::from(false)),
        Some(b'n') => Box::new(CelNull),
        _ => number(json)?,
    })
}

/// Integers are exact up to 64 bits, as a producer wrote them; all other numbers are of double precision.
fn number<'v>(json: &str) -> Result<Box<dyn Val + 'v>, ExecutionError> {
    if let Ok(number) = json.parse::<i64>() {
        return Ok(Box::new(CelInt::from(number)));
    }
    if let Ok(number) = json.parse::<u64>() {
        return Ok(Box::new(CelUInt::from(number)));
    }
    let number = json.parse::<f64>().map_err(|_| failed("it has a number that can't be read"))?;
    Ok(Box::new(CelDouble::from(number)))
}

fn text<'v>(json: &'v str, budget: &Budget) -> Result<Cow<'v, str>, ExecutionError> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(json).map(Cow::Owned).map_err(|_| {
            budget.meet(NO_TEXT);
            failed(NO_TEXT)
        }),
    }
}

fn list<'v>(json: &'v str, budget: &'v Budget, depth: usize) -> Result<CelList<'v>, ExecutionError> {
    let mut elements = Vec::new();
    let mut failure = None;
    let each = EachElement(|element: &'v RawValue| {
        let value = match budget.take(1) {
            true => value_at(element.get(), budget, depth + 1),
            false => Err(failed("it has too many elements")),
        };
        match value {
            Ok(value) => elements.push(value),
            Err(error) => failure = Some(error),
        }
        failure.is_none()
    });
    let read = serde_json::Deserializer::from_str(json).deserialize_seq(each);
    match (failure, read) {
        (Some(error), _) => Err(error),
        (None, Err(_)) => Err(failed("it has a list that can't be read")),
        (None, Ok(())) => Ok(CelList::from(elements)),
    }
}

fn failed(reason: &str) -> ExecutionError {
    ExecutionError::function_error("json", reason)
}

/// An object, as text.
struct Object<'v> {
    json: &'v str,
    budget: &'v Budget,
    depth: usize,
    keys: OnceLock<Vec<CelString<'v>>>,
}

impl<'v> Object<'v> {
    /// Finds the value of a field; of several, the last.
    fn find(&self, name: &str) -> Option<&'v str> {
        // Whoever looks often looks at all of it often.
        self.budget.take(1 + (self.json.len() >> 10) as u64);
        let mut found = None;
        let search =
            EachField { wants: |key: &str| key == name, field: |_, value: &'v RawValue| found = Some(value.get()) };
        self.search(search);
        found
    }

    /// Goes through the fields. Behind a name that is no text nothing is found, so there is no answer then.
    fn search<W: Fn(&str) -> bool, F: FnMut(Cow<'v, str>, &'v RawValue)>(&self, fields: EachField<W, F>) {
        if serde_json::Deserializer::from_str(self.json).deserialize_map(fields).is_err() {
            self.budget.meet(NO_TEXT);
        }
    }

    fn get_value(&self, name: &str) -> Result<Option<Box<dyn Val + 'v>>, ExecutionError> {
        self.find(name).map(|json| value_at(json, self.budget, self.depth + 1)).transpose()
    }

    /// The names of its fields, each once, in the order of their first places.
    fn keys(&self) -> &[CelString<'v>] {
        self.keys.get_or_init(|| {
            let mut keys: Vec<CelString<'v>> = Vec::new();
            let mut seen = HashSet::new();
            let budget = self.budget;
            let all = EachField {
                wants: |_: &str| true,
                field: |key: Cow<'v, str>, _: &'v RawValue| {
                    if budget.take(1) && seen.insert(key.clone()) {
                        keys.push(CelString::from(key));
                    }
                },
            };
            self.search(all);
            keys
        })
    }
}

/// The payload is nobody's business who reads an error.
impl fmt::Debug for Object<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }
}

impl<'v> Val for Object<'v> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.get_type().kind() == Kind::Map && are_equal_maps(self, other).unwrap_or(false)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        let Self { json, budget, depth, .. } = *self;
        Box::new(Object { json, budget, depth, keys: OnceLock::new() })
    }
}

impl<'v> Indexer for Object<'v> {
    fn get<'b, 'w>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let Some(name) = index.downcast_ref::<CelString<'_>>() else {
            return Err(no_such_key(index));
        };
        match self.get_value(name.inner())? {
            Some(value) => Ok(CowVal::Owned(value)),
            None => Err(ExecutionError::no_such_key(name.inner())),
        }
    }

    fn steal<'w>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let Some(name) = index.downcast_ref::<CelString<'_>>() else {
            return Err(no_such_key(index));
        };
        match self.get_value(name.inner())? {
            Some(value) => Ok(value),
            None => Err(ExecutionError::no_such_key(name.inner())),
        }
    }
}

/// JSON has no other keys than text.
fn no_such_key(index: &dyn Val) -> ExecutionError {
    ExecutionError::no_such_key(&format!("of type {}", index.get_type().name()))
}

impl Container for Object<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(value.downcast_ref::<CelString<'_>>().is_some_and(|name| self.find(name.inner()).is_some()))
    }
}

impl Sizer for Object<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.keys().len()).unwrap_or(i64::MAX))
    }
}

impl Zeroer for Object<'_> {
    fn is_zero_value(&self) -> bool {
        self.keys().is_empty()
    }
}

impl<'v> Iterable for Object<'v> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn Iterator<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        Box::new(Keys(self.keys().iter()))
    }
}

struct Keys<'b, 'v>(std::slice::Iter<'b, CelString<'v>>);

impl<'b, 'v: 'w, 'w> Iterator<'b, 'w> for Keys<'b, 'v> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'w)> {
        self.0.next().map(|key| -> &'b (dyn Val + 'w) { key })
    }
}

/// Goes through a list until it is told to stop.
struct EachElement<F>(F);

impl<'v, F: FnMut(&'v RawValue) -> bool> Visitor<'v> for EachElement<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'v>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&'v RawValue>()? {
            if !(self.0)(element) {
                break;
            }
        }
        Ok(())
    }
}

/// Goes through the fields of an object whose names are wanted.
struct EachField<W, F> {
    wants: W,
    field: F,
}

impl<'v, W, F> Visitor<'v> for EachField<W, F>
where
    W: Fn(&str) -> bool,
    F: FnMut(Cow<'v, str>, &'v RawValue),
{
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'v>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key_seed(KeyText)? {
            if (self.wants)(&key) {
                let value = fields.next_value()?;
                (self.field)(key, value);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A name, without a copy where it has no escapes.
struct KeyText;

impl<'v> serde::de::DeserializeSeed<'v> for KeyText {
    type Value = Cow<'v, str>;

    fn deserialize<D: Deserializer<'v>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'v> Visitor<'v> for KeyText {
    type Value = Cow<'v, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, text: &'v str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
