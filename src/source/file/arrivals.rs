//! When the records of a file arrived, by a field of theirs: so that history is replayed by its own time.

use std::str::FromStr;

use serde_json::value::RawValue;

use crate::event::{Batch, Payload};
use crate::json_pointer::{Pointer, Sought};
use crate::timestamp::recorded_time;

const SOUGHT: Sought = Sought {
    option: "--arrived-at",
    role: "time of arrival",
    kinds: "RFC 3339 (2026-11-20T18:30:00Z), or seconds or milliseconds since 1970",
};

/// The field of a record that says when it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivalField(Pointer);

/// A record that does not say when it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoArrival {
    /// Its index in its batch.
    pub(super) index: usize,
    /// Its sequence number.
    pub(super) sequence_number: String,
    /// What is wrong. It holds nothing of the payload.
    pub(super) reason: String,
}

impl FromStr for ArrivalField {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Pointer::parse(text)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no JSON pointer to a field of a record: use for example /time"))
    }
}

impl ArrivalField {
    /// The batch with the arrivals that its records say, up to the first one that says none. A record that can't be read
    /// keeps its own: it is dead-lettered as it is.
    pub(super) fn applied_to(&self, batch: Batch) -> (Batch, Option<NoArrival>) {
        let mut arrivals = Vec::with_capacity(batch.len());
        for (index, event) in batch.iter().enumerate() {
            let arrived_at = match event.payload {
                Payload::Decoded(bytes) => self.of(bytes).map(Some),
                Payload::Undecodable { .. } => Ok(None),
            };
            match arrived_at {
                Ok(arrived_at) => arrivals.push(arrived_at),
                Err(reason) => {
                    let sequence_number = event.sequence_number.to_string();
                    let front = batch.part(0..index).with_arrivals(&arrivals);
                    return (front, Some(NoArrival { index, sequence_number, reason }));
                }
            }
        }
        (batch.with_arrivals(&arrivals), None)
    }

    /// When a record arrived, in milliseconds since the Unix epoch.
    fn of(&self, payload: &[u8]) -> Result<u64, String> {
        let Self(pointer) = self;
        let payload = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload);
        let value: &RawValue = pointer.find(payload, SOUGHT)?;
        let unfit =
            |is: &str| Err(format!("{} is {is}, and is to be the time of arrival: {}", pointer.as_str(), SOUGHT.kinds));
        match value.get().as_bytes().first() {
            Some(b'"') => match recorded_time(&pointer.text_of(value)?) {
                Some(time) => Ok(time),
                None => unfit("a text that is no time since 1970"),
            },
            Some(b'{') => unfit("an object"),
            Some(b'[') => unfit("an array"),
            Some(b'n' | b't' | b'f') => unfit("neither a text nor a number"),
            _ => match recorded_time(value.get()) {
                Some(time) => Ok(time),
                None => unfit(
                    "a number of other than 9 to 14 digits, and 12 to 14 of them are milliseconds without a fraction",
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    fn field() -> ArrivalField {
        "/at/0".parse().expect("a pointer")
    }

    fn of(payload: &str) -> Result<u64, String> {
        field().of(payload.as_bytes())
    }

    #[test]
    fn a_time_is_read_as_programs_write_it() {
        let time = 1_795_194_001_250;
        for value in [
            "\"2026-11-20T17:00:01.250Z\"",
            "\"2026-11-20T18:00:01.25+01:00\"",
            "1795194001.25",
            "1795194001.2509",
            "1795194001250",
            "\"1795194001.25\"",
            "\"1795194001250\"",
        ] {
            assert_eq!(of(&format!("{{\"at\": [ {value} ]}}")), Ok(time), "{value}");
        }
        assert_eq!(of("\u{feff}{\"at\":[1795194001]}"), Ok(1_795_194_001_000));
    }

    #[test]
    fn what_is_no_time_is_told_by_what_is_wrong_and_not_by_what_it_holds() {
        for (payload, wrong) in [
            ("hunter2", "it is not JSON (it is wrong at column 1), and --arrived-at /at/0 asks for a field of it"),
            ("{}", "it has no /at/0, which is to be its time of arrival: RFC 3339 (2026"),
            (
                "{\"at\":[\"hunter2\"]}",
                "/at/0 is a text that is no time since 1970, and is to be the time of arrival: RFC",
            ),
            ("{\"at\":[\"1h\"]}", "/at/0 is a text that is no time since 1970"),
            ("{\"at\":[\"1960-01-01T00:00:00Z\"]}", "/at/0 is a text that is no time since 1970"),
            ("{\"at\":[null]}", "/at/0 is neither a text nor a number"),
            ("{\"at\":[{}]}", "/at/0 is an object"),
            ("{\"at\":[[1795194001]]}", "/at/0 is an array"),
            ("{\"at\":[2026]}", "/at/0 is a number of other than 9 to 14 digits"),
            ("{\"at\":[-1795194001]}", "/at/0 is a number of other than 9 to 14 digits"),
            ("{\"at\":[1.795e9]}", "/at/0 is a number of other than 9 to 14 digits"),
            ("{\"at\":[1795194001250000]}", "/at/0 is a number of other than 9 to 14 digits"),
        ] {
            let message = of(payload).expect_err(payload);
            assert!(message.starts_with(wrong) && !message.contains("hunter2"), "{payload}: {message}");
        }
        for text in ["", "at", "/a~2"] {
            assert!(text.parse::<ArrivalField>().expect_err(text).contains("use for example /time"), "{text}");
        }
    }

    #[test]
    fn a_batch_goes_up_to_the_first_record_without_a_time() {
        let mut batch = Batch::builder("arn", "shard");
        for (number, payload) in [("1", "{\"at\":[1795194001]}"), ("3", "{\"at\":[1795194000]}"), ("4", "{}")] {
            let record = Record { partition_key: "k", sequence_number: number, sub_sequence_number: 0, arrived_at: 7 };
            batch.push_bytes(record, payload.as_bytes()).expect("a record");
        }
        let (front, missing) = field().applied_to(batch.build());
        let arrivals: Vec<u64> = front.iter().map(|event| event.arrived_at).collect();
        assert_eq!(arrivals, [1_795_194_001_000, 1_795_194_000_000]);
        let missing = missing.expect("the third has none");
        assert_eq!((missing.index, missing.sequence_number.as_str()), (2, "4"));
    }
}
