//! What an invocation is that no event source mapping made.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// What an invocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvocationShape {
    /// Records of a delivery stream, to be transformed.
    Firehose,
    /// Records of a stream, as EventBridge Pipes brings them.
    Pipes,
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

/// What a record of a stream is known by, whoever brings it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirstRecord {
    sequence_number: Option<IgnoredAny>,
    partition_key: Option<IgnoredAny>,
}

impl InvocationShape {
    /// By the fields that a body has; none: it is nothing of these.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        if body.trim_ascii_start().starts_with(b"[") {
            return is_of_a_stream(body).then_some(InvocationShape::Pipes);
        }
        let fields: Fields = serde_json::from_slice(body).ok()?;
        match fields {
            Fields { delivery_stream_arn: Some(_), records: Some(_), .. } => Some(InvocationShape::Firehose),
            Fields { operation: Some(_), .. } => Some(InvocationShape::Direct),
            _ => None,
        }
    }
}

/// Whether an array holds records of a stream, by its first. An empty one holds nothing else.
fn is_of_a_stream(body: &[u8]) -> bool {
    let Ok(records) = serde_json::from_slice::<Vec<&RawValue>>(body) else { return false };
    let Some(first) = records.first() else { return true };
    let first: Option<FirstRecord> = serde_json::from_str(first.get()).ok();
    first.is_some_and(|first| first.sequence_number.is_some() || first.partition_key.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_known_by_what_it_has() {
        let of = |body: &str| InvocationShape::of(body.as_bytes());
        assert_eq!(of(r#"{"deliveryStreamArn":"arn","records":[]}"#), Some(InvocationShape::Firehose));
        assert_eq!(of(r#"{"operation":"health"}"#), Some(InvocationShape::Direct));
        for records in [r#" [{"sequenceNumber":"1","partitionKey":"k"}]"#, r#"[{"partitionKey":7},8]"#, "[]"] {
            assert_eq!(of(records), Some(InvocationShape::Pipes), "{records}");
        }
        for other in [
            r#"{"records":[]}"#,
            r#"{"Records":[]}"#,
            "{}",
            "null",
            "",
            r#""operation""#,
            r#"{"operation":"#,
            "[",
            "[7]",
            r#"[{"messageId":"1","eventSource":"aws:sqs"}]"#,
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
