//! Dead letters in the objects of a bucket: those below a prefix, in the order of their keys.

use std::io::{self, Cursor};

use super::lines::LetterLines;
use super::{FoundLetter, LetterReadError, Malformed};
use crate::settings::Arn;
use crate::source::storage::{BucketReader, FoundObject, ObjectUnread};

/// The largest object that is taken, since it is read as a whole. A target of ours ends an object at 16 MiB of
/// data; a Firehose delivery stream does at 128 MiB.
const MAX_OBJECT_BYTES: usize = 512 << 20;

/// Reads the letters below a prefix.
#[derive(Debug)]
pub(super) struct S3Letters {
    /// As messages call it.
    place: String,
    bucket: BucketReader,
    object: Option<LetterLines>,
}

impl S3Letters {
    pub(super) async fn open(place: &Arn) -> Result<Self, LetterReadError> {
        let bucket = BucketReader::open(place, may_hold_letters, MAX_OBJECT_BYTES).await?;
        Ok(Self { place: place.to_string(), bucket, object: None })
    }

    pub(super) async fn next(&mut self) -> Result<Option<FoundLetter>, LetterReadError> {
        loop {
            if let Some(object) = &mut self.object {
                // It is in memory: nothing but what it holds can be wrong.
                if let Some(found) = object.next().map_err(|source| self.unreadable(source))? {
                    return Ok(Some(found));
                }
                self.object = None;
            }
            let Some(FoundObject { name, content, .. }) = self.bucket.next().await? else { return Ok(None) };
            match content {
                Ok(content) => {
                    let lines = LetterLines::open(name, Cursor::new(content));
                    self.object = Some(lines.map_err(|source| self.unreadable(source))?);
                }
                Err(ObjectUnread::NotTaken(reason)) => {
                    let letter = Err(Malformed::Unreadable(reason));
                    return Ok(Some(FoundLetter { place: name, letter, message: None }));
                }
                Err(ObjectUnread::Gone(refusal)) => return Err(refusal.into()),
            }
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bucket.bytes_read()
    }

    pub(super) fn left_out(&self) -> Option<String> {
        let count = self.bucket.left_out();
        let them = if count == 1 { "object was" } else { "objects were" };
        (count > 0).then(|| {
            format!("{count} {them} left out: names that end in .ndjson or .ndjson.gz are read, or that have no ending")
        })
    }

    fn unreadable(&self, source: io::Error) -> LetterReadError {
        LetterReadError::Unreadable { place: self.place.clone(), source }
    }
}

/// Whether an object is called like those of a target of ours, or of a Firehose delivery stream, which by
/// default have no ending, or `.gz`.
fn may_hold_letters(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.ends_with(".ndjson") || !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_by_their_names() {
        for key in ["a.ndjson", "d.1/a.ndjson.gz", "d.1/dead-1-2026-11-20-09-30-00-6bc28136", "dead-1.gz"] {
            assert!(may_hold_letters(key), "{key}");
        }
        for key in ["notes.txt", "a.ndjson.zst", "a.ndjson/b.parquet", "archive.tar.gz"] {
            assert!(!may_hold_letters(key), "{key}");
        }
    }
}
