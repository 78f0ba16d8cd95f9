//! Parts of what others wrote: checked before they are used, and said of without what they may hold.

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

/// The beginning of a foreign text.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARACTERS).collect()
}
