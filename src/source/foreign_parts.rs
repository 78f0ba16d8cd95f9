//! Parts of what others wrote: checked before they are used, and said of without what they may hold.

use serde_json::error::Category;

/// As much of a foreign text as a message can bear.
const EXCERPT_CHARACTERS: usize = 200;

/// Characters of a shard's id (Kinesis Data Streams, `ShardId`).
const SHARD_ID_CHARACTERS: usize = 128;

/// Stream and shard become parts of keys where outputs go to a bucket, and what is not as AWS has it never came from
/// there.
pub(super) fn check_shard_id(text: &str) -> Result<(), String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let has_shape = (1..=SHARD_ID_CHARACTERS).contains(&text.len()) && text.bytes().all(is_allowed);
    if has_shape && text != "." && !text.contains("..") {
        return Ok(());
    }
    Err(format!(
        "{:?} is no shard's id: 1 to 128 letters, digits, `_`, `-` and `.`, as shardId-000000000000",
        excerpt(text)
    ))
}

/// What is wrong with JSON that is to be something, but not with what: the parser quotes values, and those can be
/// payload.
pub(super) fn json_reason(error: &serde_json::Error, wanted: &str) -> String {
    /// What the parser says of names alone.
    const OF_NAMES: [&str; 3] = ["missing field", "duplicate field", "unknown variant"];

    let said = error.to_string();
    match error.classify() {
        Category::Data if !OF_NAMES.iter().any(|start| said.starts_with(start)) => {
            format!("a part is of another type than in {wanted}, at column {}", error.column())
        }
        Category::Data => excerpt(&said).replace(" at line 1 column", " at column"),
        Category::Io | Category::Syntax | Category::Eof => said.replace(" at line 1 column", " at column"),
    }
}

/// The beginning of a foreign text.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARACTERS).collect()
}
