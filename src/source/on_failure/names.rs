//! Names of objects and files that may hold descriptions.

/// Whether an object or a file is called like what Lambda writes
/// (`aws/lambda/MAPPING/2019/11/14/2019-11-14T00.38.06-UUID`), or `kinesieve run --on-failure` does.
pub(super) fn may_hold_descriptions(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.ends_with(".ndjson") || name.ends_with(".json") || !name.contains('.') || begins_with_time(name)
}

/// What is said where some are called otherwise.
pub(super) fn left_out(count: u64, noun: &str) -> Option<String> {
    let them = if count == 1 { format!("{noun} was") } else { format!("{noun}s were") };
    (count > 0).then(|| {
        format!(
            "{count} {them} left out: names that Lambda gives are read, those that end in .json or .ndjson (or with .gz \
             behind it), and those without an ending"
        )
    })
}

/// Whether a name begins as `2019-11-14T00.38.06-`.
fn begins_with_time(name: &str) -> bool {
    const FORM: &[u8] = b"dddd-dd-ddTdd.dd.dd-";

    let is_alike = |(byte, form): (u8, &u8)| if *form == b'd' { byte.is_ascii_digit() } else { byte == *form };
    name.len() > FORM.len() && name.bytes().zip(FORM).all(is_alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_by_their_names() {
        for key in [
            "p/aws/lambda/2f1c/2019/11/14/2019-11-14T00.38.06-c9b8fa9f-5a7f-4b1c-af9c-0c604cde93a5",
            "p/readings/shardId-000000000000/4959.ndjson.gz",
            "one.json",
            "one",
        ] {
            assert!(may_hold_descriptions(key), "{key}");
        }
        for key in ["notes.txt", "2019-11-14T00.38.06", "a.json/b.parquet", "archive.tar.gz"] {
            assert!(!may_hold_descriptions(key), "{key}");
        }
        assert_eq!(left_out(0, "object"), None);
    }
}
