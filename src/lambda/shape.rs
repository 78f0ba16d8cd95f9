//! What an invocation is that brings no records of a stream.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// What an invocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvocationShape {
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

impl InvocationShape {
    /// By the fields that a body has; none: it is neither.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let fields: Fields = serde_json::from_slice(body).ok()?;
        match fields {
            Fields { delivery_stream_arn: Some(_), records: Some(_), .. } => Some(InvocationShape::Firehose),
            Fields { operation: Some(_), .. } => Some(InvocationShape::Direct),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_known_by_what_it_has() {
        let of = |body: &str| InvocationShape::of(body.as_bytes());
        assert_eq!(of(r#"{"deliveryStreamArn":"arn","records":[]}"#), Some(InvocationShape::Firehose));
        assert_eq!(of(r#"{"operation":"health"}"#), Some(InvocationShape::Direct));
        for other in
            [r#"{"records":[]}"#, r#"{"Records":[]}"#, "{}", "[]", "null", "", r#""operation""#, r#"{"operation":"#]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
