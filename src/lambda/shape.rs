//! What an invocation is that brings no records of a stream.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// What an invocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Records of a delivery stream, to be transformed.
    Firehose,
    /// A request by hand.
    Direct,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    delivery_stream_arn: Option<IgnoredAny>,
    records: Option<IgnoredAny>,
    operation: Option<IgnoredAny>,
}

impl Shape {
    /// By the fields that a body has; none: it is neither.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let fields: Fields = serde_json::from_slice(body).ok()?;
        match fields {
            Fields { delivery_stream_arn: Some(_), records: Some(_), .. } => Some(Shape::Firehose),
            Fields { operation: Some(_), .. } => Some(Shape::Direct),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_known_by_what_it_has() {
        let of = |body: &str| Shape::of(body.as_bytes());
        assert_eq!(of(r#"{"deliveryStreamArn":"arn","records":[]}"#), Some(Shape::Firehose));
        assert_eq!(of(r#"{"operation":"health"}"#), Some(Shape::Direct));
        for other in
            [r#"{"records":[]}"#, r#"{"Records":[]}"#, "{}", "[]", "null", "", r#""operation""#, r#"{"operation":"#]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
