//! The stream and the shard of records that do not say theirs.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::input::is_stdin;
use crate::event::Shard;
use crate::source::LOCAL_SHARD;

/// Bytes of the digest: as many hexadecimal digits as a shard's number has.
const DIGEST_BYTES: usize = 6;

/// Endings of compressed files, in front of which the ending of the content stands.
const COMPRESSED_ENDINGS: [&str; 3] = ["gz", "zst", "zstd"];

/// Returns the shard of the records of an input. The stream is called as the file is, without its ending. Positions in
/// it are numbers of lines, so two files of one name would give their outputs the same names in S3, and the same ids
/// for deduplication: each file is a shard of its own, named by a digest of its canonical path. It is the same in each
/// run over the file. What has no path that stays, as a pipe, is one shard.
pub(super) fn local_shard(path: &Path) -> Shard {
    let name = if is_stdin(path) { "-".to_owned() } else { stream_name(path) };
    let id = path_digest(path).map_or_else(|| LOCAL_SHARD.to_owned(), |digest| format!("shardId-{digest}"));
    Shard { stream_arn: format!("arn:aws:kinesis:local:000000000000:stream/{name}"), id }
}

fn stream_name(path: &Path) -> String {
    let mut stem = path.file_stem().unwrap_or_default();
    let is_compressed = path
        .extension()
        .is_some_and(|ending| COMPRESSED_ENDINGS.iter().any(|compressed| ending.eq_ignore_ascii_case(compressed)));
    if is_compressed {
        stem = Path::new(stem).file_stem().unwrap_or(stem);
    }
    if stem.is_empty() { "-".to_owned() } else { stem.to_string_lossy().into_owned() }
}

/// The beginning of the SHA-256 digest of a file's canonical path; none: it is no regular file.
fn path_digest(path: &Path) -> Option<String> {
    if is_stdin(path) || !path.is_file() {
        return None;
    }
    let canonical = path.canonicalize().ok()?;
    let digest = Sha256::digest(canonical.as_os_str().as_encoded_bytes());
    Some(digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_shards_of_one_stream_and_the_same_in_each_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, "").expect("written");
            path
        };
        let (monday, tuesday) = (file("monday/readings.ndjson"), file("tuesday/readings.ndjson"));
        let (one, other) = (local_shard(&monday), local_shard(&tuesday));
        assert_eq!(one.stream_arn, "arn:aws:kinesis:local:000000000000:stream/readings");
        assert_eq!(one.stream_arn, other.stream_arn);
        assert_ne!(one.id, other.id);
        assert_eq!(one.id.len(), LOCAL_SHARD.len());
        assert_eq!(local_shard(&monday), one);
        // However the way to it is written.
        assert_eq!(local_shard(&folder.path().join("tuesday/../monday/readings.ndjson")), one);
        assert_eq!(local_shard(&file("readings.ndjson.gz")).stream_name(), "readings");
        assert_eq!(local_shard(&file("readings.zst")).stream_name(), "readings");
    }

    #[test]
    fn what_has_no_path_that_stays_is_one_shard() {
        for (path, name) in [("-", "-"), ("/dev/null", "null"), ("/nowhere/readings.ndjson", "readings")] {
            let shard = local_shard(Path::new(path));
            assert_eq!((shard.stream_name(), shard.id.as_str()), (name, LOCAL_SHARD), "{path}");
        }
    }
}
