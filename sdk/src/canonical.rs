//! One spelling for each value of JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

use crate::json_edit::{Edit, JsonKind, edited};
use crate::{Error, json_string};

/// An integer of more digits is written with an exponent.
const LONGEST_INTEGER: usize = 40;

/// The one spelling of a JSON value, whatever its layout, the order of its fields and the way that it writes strings and
/// numbers: what is the same value has the same, so that it can be compared, counted and hashed.
///
/// Fields are sorted by name, and of a repeated one the last counts. A number is spelled as serde_json spells it, unless it
/// has more digits than fit there: then all of them count. So `1.00` is `1.0`, and `12345678901234567890123` is not
/// `12345678901234567890124`. Only an integer of 64 bits is not what is written with a fraction or an exponent: `1` is not
/// `1.0`.
///
/// ```
/// use kinesieve_sdk::canonical_json;
///
/// assert_eq!(canonical_json(r#"{ "b": 1.50, "a": "\u0041" }"#)?, r#"{"a":"A","b":1.5}"#);
/// # Ok::<(), kinesieve_sdk::Error>(())
/// ```
///
/// # Errors
/// [`Error::Reject`] when it is no JSON, or has more than 127 objects and arrays in one another. The text says where, and
/// nothing of the contents.
pub fn canonical_json(json: &str) -> Result<String, Error> {
    let mut open = Vec::new();
    let mut whole = String::new();
    edited(json, |value| {
        while open.len() > value.depth() {
            close(&mut open, &mut whole);
        }
        let written = match value.kind() {
            JsonKind::Object => {
                open.push(Open { name: value.name().map(Into::into), members: Members::Fields(BTreeMap::new()) });
                return Ok(Edit::Descend);
            }
            JsonKind::Array => {
                open.push(Open { name: value.name().map(Into::into), members: Members::Elements(String::new()) });
                return Ok(Edit::Descend);
            }
            JsonKind::String => string(value.written()),
            JsonKind::Number => number(value.written()),
            JsonKind::Bool | JsonKind::Null => value.written().to_owned(),
        };
        add(&mut open, &mut whole, value.name().map(Into::into), written);
        Ok(Edit::Keep)
    })?;
    while !open.is_empty() {
        close(&mut open, &mut whole);
    }
    Ok(whole)
}

/// An object or array of which not all was read yet.
struct Open {
    /// Its own name in what holds it.
    name: Option<String>,
    members: Members,
}

enum Members {
    Fields(BTreeMap<String, String>),
    /// With commas between them.
    Elements(String),
}

fn add(open: &mut [Open], whole: &mut String, name: Option<String>, value: String) {
    match (open.last_mut().map(|open| &mut open.members), name) {
        (Some(Members::Fields(fields)), Some(name)) => {
            fields.insert(name, value);
        }
        (Some(Members::Elements(elements)), _) => {
            if !elements.is_empty() {
                elements.push(',');
            }
            elements.push_str(&value);
        }
        // What has a name is in an object.
        _ => *whole = value,
    }
}

fn close(open: &mut Vec<Open>, whole: &mut String) {
    let Some(Open { name, members }) = open.pop() else { return };
    let value = match members {
        Members::Elements(elements) => format!("[{elements}]"),
        Members::Fields(fields) => {
            let mut object = String::from("{");
            for (name, value) in fields {
                if object.len() > 1 {
                    object.push(',');
                }
                object.push_str(&json_string::quoted(&name));
                object.push(':');
                object.push_str(&value);
            }
            object.push('}');
            object
        }
    };
    add(open, whole, name, value);
}

/// A string, from how it is written. One that no text can say stays as it is written.
fn string(written: &str) -> String {
    let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
    if json_string::is_lossy(inner) {
        return written.to_owned();
    }
    json_string::quoted(&json_string::decoded(inner))
}

fn number(written: &str) -> String {
    let is_integer = !written.contains(['.', 'e', 'E']) && written != "-0";
    if is_integer && (written.parse::<u64>().is_ok() || written.parse::<i64>().is_ok()) {
        return written.to_owned();
    }
    // Beyond the exponents of any science, a number is how it is written.
    let Some(exact) = Decimal::of(written) else { return written.to_owned() };
    let float = written.parse().ok().and_then(serde_json::Number::from_f64).map(|float| float.to_string());
    match float {
        Some(float) if Decimal::of(&float).as_ref() == Some(&exact) => float,
        _ => exact.to_string(),
    }
}

/// A number by all of its digits: 0.digits times ten to the exponent.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Neither the first nor the last is 0.
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Of a number of JSON. None: its exponent is too large to be reckoned with.
    fn of(written: &str) -> Option<Self> {
        let (unsigned, is_negative) = match written.strip_prefix('-') {
            Some(unsigned) => (unsigned, true),
            None => (written, false),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let without_leading = all.trim_start_matches('0');
        let digits = without_leading.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { is_negative, digits, exponent: 0 });
        }
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(all.len() - without_leading.len()).ok()?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(point)?;
        Some(Self { is_negative, digits, exponent })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative { "-" } else { "" };
        let digits = self.digits.as_str();
        // A large integer as people write it. One of 64 bits is not what is written here, but with a fraction.
        if (digits.len()..=LONGEST_INTEGER).contains(&usize::try_from(self.exponent).unwrap_or(0)) {
            let integer = format!("{sign}{digits:0<length$}", length = usize::try_from(self.exponent).unwrap_or(0));
            if integer.parse::<u64>().is_err() && integer.parse::<i64>().is_err() {
                return f.write_str(&integer);
            }
        }
        let (first, rest) = digits.split_at_checked(1).unwrap_or(("0", ""));
        let point = if rest.is_empty() { "" } else { "." };
        write!(f, "{sign}{first}{point}{rest}e{:+}", i128::from(self.exponent) - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(json: &str) -> String {
        canonical_json(json).unwrap()
    }

    #[test]
    fn the_same_number_has_one_spelling() {
        for (spellings, expected) in [
            (vec!["1"], "1"),
            (vec!["18446744073709551615"], "18446744073709551615"),
            (vec!["-9223372036854775808"], "-9223372036854775808"),
            (vec!["1.0", "1.00", "1e0", "0.1e1", "10.0E-1"], "1.0"),
            (vec!["0.1", "0.10", "1e-1"], "0.1"),
            (vec!["-0", "-0.0", "-0e9"], "-0.0"),
            (vec!["0.0", "0e99999999999999999999"], "0.0"),
            (vec!["1e22", "10000000000000000000000", "1.0E+22"], "1e+22"),
            (vec!["12345678901234567890123", "1.2345678901234567890123e22"], "12345678901234567890123"),
            (vec!["18446744073709551616"], "18446744073709551616"),
            (vec!["100000000000000000000.000000000000001"], "1.00000000000000000000000000000000001e+20"),
            (vec!["1e400", "10e399", "0.01E402"], "1e+400"),
            (vec!["-1e-400"], "-1e-400"),
            (vec!["1e99999999999999999999"], "1e99999999999999999999"),
            (vec!["1e9223372036854775806"], "1e+9223372036854775806"),
            (vec!["1e9223372036854775807"], "1e9223372036854775807"),
            (vec!["18446744073709551615.0", "18446744073709551615e0"], "1.8446744073709551615e+19"),
            (vec!["-100000000000000000000001000", "-1.00000000000000000000001e26"], "-100000000000000000000001000"),
        ] {
            for spelling in spellings {
                assert_eq!(canonical(spelling), expected, "{spelling}");
            }
        }
    }

    #[test]
    fn layout_order_escapes_and_repetitions_make_no_difference() {
        let json = r#" { "b" : [ 1 , { } , [ ] , null , true ] , "a" : 1 , "\u0061" : "\u00e9\/\u0001" } "#;
        assert_eq!(canonical(json), r#"{"a":"é/\u0001","b":[1,{},[],null,true]}"#);
        assert_eq!(canonical(r#"["\ud800","\ud801"]"#), r#"["\ud800","\ud801"]"#);
    }

    #[test]
    fn what_is_no_json_is_rejected_and_so_is_what_is_too_deep() {
        assert_eq!(canonical_json("[1"), Err(Error::reject("not JSON: EOF while parsing a list at line 1 column 2")));
        let nested = |depth| canonical_json(&("[".repeat(depth) + &"]".repeat(depth)));
        assert_eq!(nested(127), Ok("[".repeat(127) + &"]".repeat(127)));
        assert_eq!(nested(128), Err(Error::reject("not JSON: recursion limit exceeded at line 1 column 128")));
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<f32>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::btree_map("[a-c\"é]{0,2}", inner, 0..5)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// So that what was made of it before stays the same.
        #[test]
        fn what_serde_json_writes_is_canonical(value in value()) {
            let written = value.to_string();
            prop_assert_eq!(canonical(&written), written.clone());
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(canonical(&pretty), written);
        }

        #[test]
        fn what_is_canonical_stays_so(number in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?") {
            let once = canonical(&number);
            prop_assert_eq!(canonical(&once), once);
        }

        #[test]
        fn no_text_makes_it_panic(text in r#"[\[\]{}:,"\\ 0-9eE.+\-a-fnrtué]{0,40}"#) {
            let _ = canonical_json(&text);
        }
    }
}
