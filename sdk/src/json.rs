//! JSON in and out, typed.

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

use crate::json_scanner::without_mark;
use crate::{Error, Event, FromEvent, IntoOutcome, Outcome, Output};

/// A value that comes or goes as JSON. As the parameter of a transform it is the event's payload, parsed; what can't
/// be parsed is rejected. As its answer it is the one output, under the event's own key.
///
/// ```
/// use kinesieve_sdk::{Event, Json, transform};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Order { id: u64, cents: u64 }
///
/// #[derive(Debug, PartialEq, Serialize)]
/// struct Bill { order: u64, total: String }
///
/// /// Free orders need no bill: `None` drops the event.
/// #[transform]
/// fn process(Json(order): Json<Order>) -> Option<Json<Bill>> {
///     let total = format!("{}.{:02}", order.cents / 100, order.cents % 100);
///     (order.cents > 0).then_some(Json(Bill { order: order.id, total }))
/// }
///
/// assert_eq!(process(Json(Order { id: 1, cents: 0 })), None);
/// ```
///
/// Where the key or the position matter too, take the [`Event`] and call [`Event::json`].
///
/// What goes through a type is written anew: as fields in the type's order, and with its numbers. A `serde_json::Value`
/// sorts fields and keeps the last of repeated ones; of a number with more than 64 bits or 17 digits it keeps what an `f64`
/// does. To change a value and nothing else, use [`Event::edit_json`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromEvent for Json<T> {
    fn from_event(event: Event) -> Result<Self, Error> {
        event.json().map(Json)
    }
}

impl<T: Serialize> IntoOutcome for Json<T> {
    fn into_outcome(self) -> Outcome {
        Output::json(&self.0).map(Outcome::replace).into_outcome()
    }
}

impl Event {
    /// The payload, parsed as JSON. A byte order mark before it is passed over. The value may borrow from the payload: a
    /// `&str` of a string without escapes, or a `&serde_json::value::RawValue` of what is to stay as it is written.
    ///
    /// # Errors
    /// [`Error::Reject`] when it is no JSON of that type. The text says where, and nothing of the contents.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        serde_json::from_slice(without_mark(&self.data)).map_err(|error| {
            let text = error.to_string();
            // Serde quotes a value of the wrong type, and payloads stay out of reasons. Names of fields that are
            // missing are the author's own.
            Error::reject(if !error.is_data() {
                format!("not JSON: {text}")
            } else if text.starts_with("missing field") {
                text
            } else {
                format!("a JSON value of another type at line {} column {}", error.line(), error.column())
            })
        })
    }
}

impl Output {
    /// An output with this value as JSON.
    ///
    /// ```
    /// use kinesieve_sdk::Output;
    ///
    /// let output = Output::json(&[1, 2])?.partition_key("numbers").route("audit");
    /// assert_eq!(output.data, b"[1,2]");
    /// # Ok::<(), kinesieve_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Reject`] when the value can't be written, a map whose keys are no texts for instance.
    pub fn json(value: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::new(serde_json::to_vec(value)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn reason(data: &str) -> String {
        match Event::new(data).json::<BTreeMap<String, u8>>() {
            Err(Error::Reject(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reason_says_where_and_nothing_of_the_contents() {
        assert_eq!(reason("{\n\"a\":\"secret\"}"), "a JSON value of another type at line 2 column 12");
        assert_eq!(reason("secret"), "not JSON: expected value at line 1 column 1");
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let event = Event::new("\u{feff}{\"n\":1}");
        let fields: BTreeMap<&str, u8> = event.json().unwrap();
        assert_eq!(fields, BTreeMap::from([("n", 1)]));
        assert_eq!(Json::<[u8; 1]>::from_event(Event::new("\u{feff}[1]")), Ok(Json([1])));
        assert_eq!(reason("\u{feff}secret"), "not JSON: expected value at line 1 column 1");
        assert_eq!(reason("\u{feff}"), "not JSON: EOF while parsing a value at line 1 column 0");
    }

    #[test]
    fn an_answer_is_one_output_or_none() {
        assert_eq!(Json([1]).into_outcome(), Outcome::replace("[1]".to_owned()));
        assert_eq!(Some(Json([1])).into_outcome(), Outcome::replace("[1]".to_owned()));
        assert_eq!(None::<Json<u8>>.into_outcome(), Outcome::Drop);
        let unwritable = Json(BTreeMap::from([(vec![1], 1)])).into_outcome();
        assert_eq!(unwritable, Outcome::reject("key must be a string"));
    }
}
