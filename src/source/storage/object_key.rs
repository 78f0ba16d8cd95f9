//! Keys of objects that others chose: a letter, or whoever put objects below a prefix.

use crate::aws::bucket_and_prefix;
use crate::settings::Arn;

/// Bytes of a key (Amazon S3).
const KEY_BYTES: usize = 1024;

/// Checks that a key is below a prefix (empty, or with its slash), and leads nowhere else, however it is read.
///
/// # Errors
/// With what is wrong with it.
pub(in crate::source) fn check(key: &str, prefix: &str) -> Result<(), &'static str> {
    let Some(rest) = key.strip_prefix(prefix) else { return Err("it is not below the prefix") };
    if rest.is_empty() || key.len() > KEY_BYTES {
        return Err("a key has 1 to 1024 bytes");
    }
    if key.chars().any(char::is_control) {
        return Err("it holds control characters");
    }
    if rest.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("a part of it is `.` or `..`");
    }
    Ok(())
}

/// Returns the key of an object that is named as `s3://BUCKET/KEY`, if it is below this place.
///
/// # Errors
/// With what is wrong with it.
pub(in crate::source) fn below<'a>(address: &'a str, place: &Arn) -> Result<&'a str, &'static str> {
    let (bucket, prefix) = bucket_and_prefix(place);
    let named = address.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let (named_bucket, key) = named.ok_or("it is not written as s3://BUCKET/KEY")?;
    if named_bucket != bucket {
        return Err("it is in another bucket");
    }
    check(key, &prefix).map(|()| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_out_of_a_prefix_is_no_key_below_it() {
        assert_eq!(check("large/in/shardId-0/1.ndjson", "large/"), Ok(()));
        assert_eq!(check("in/1", ""), Ok(()));
        for key in ["larger/1", "large", "large/", "../large/1", "large/../1", "large/a/..", "large/./1", "large/a\n"] {
            assert!(check(key, "large/").is_err(), "{key:?}");
        }
        assert!(check(&format!("large/{}", "x".repeat(1024)), "large/").is_err());
        // The prefix itself was named by whoever asks.
        assert_eq!(check("a//b/1", "a//b/"), Ok(()));
    }

    #[test]
    fn an_address_has_to_be_below_the_place_that_was_named() {
        let place: Arn = "arn:aws:s3:::bucket/large".parse().expect("an ARN");
        assert_eq!(below("s3://bucket/large/in/1.ndjson", &place), Ok("large/in/1.ndjson"));
        for address in [
            "s3://other/large/1",
            "s3://bucket/dead/1",
            "s3://bucket",
            "https://bucket/large/1",
            "s3://bucket/large/../dead/1",
            "S3://bucket/large/1",
            "",
        ] {
            assert!(below(address, &place).is_err(), "{address}");
        }
        let whole_bucket: Arn = "arn:aws:s3:::bucket".parse().expect("an ARN");
        assert_eq!(below("s3://bucket/1", &whole_bucket), Ok("1"));
    }
}
