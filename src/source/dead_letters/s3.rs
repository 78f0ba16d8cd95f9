//! Dead letters in the objects of a bucket: those below a prefix, in the order of their keys.

use std::collections::VecDeque;
use std::io::{self, Cursor};

use aws_sdk_s3::Client;
use aws_sdk_s3::types::Object;

use super::body::{self, BodyError};
use super::lines::LetterLines;
use super::{FoundLetter, LetterReadError, Malformed, object_key};
use crate::aws::{Streamed, bucket_and_prefix, reading_config, s3_config};
use crate::settings::Arn;

/// The largest object that is taken, since it is read as a whole. A target of ours ends an object at 16 MiB of
/// data; a Firehose delivery stream does at 128 MiB.
const MAX_OBJECT_BYTES: usize = 512 << 20;

/// Reads the letters below a prefix.
#[derive(Debug)]
pub(super) struct S3Letters {
    client: Client,
    /// As messages call it.
    place: String,
    bucket: String,
    prefix: String,
    keys: VecDeque<String>,
    listed: ListingState,
    object: Option<LetterLines>,
    bytes_read: u64,
    /// Objects that are none of lines, by their names.
    left_out: u64,
}

/// How far the bucket is listed.
#[derive(Debug)]
enum ListingState {
    NotYet,
    UpTo(String),
    ToTheEnd,
}

impl S3Letters {
    pub(super) async fn open(place: &Arn) -> Result<Self, LetterReadError> {
        let config = reading_config(place).await;
        if config.region().is_none() {
            let source = io::Error::other("the ARN of a bucket has no region: set AWS_REGION to the one of the bucket");
            return Err(LetterReadError::Unreadable { place: place.to_string(), source });
        }
        let client = Client::from_conf(s3_config(&config).build());
        let (bucket, prefix) = bucket_and_prefix(place);
        Ok(Self {
            client,
            place: place.to_string(),
            bucket: bucket.to_owned(),
            prefix,
            keys: VecDeque::new(),
            listed: ListingState::NotYet,
            object: None,
            bytes_read: 0,
            left_out: 0,
        })
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
            match self.keys.pop_front() {
                Some(key) => {
                    if let Some(too_large) = self.get(&key).await? {
                        return Ok(Some(too_large));
                    }
                }
                None if matches!(self.listed, ListingState::ToTheEnd) => return Ok(None),
                None => self.list().await?,
            }
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    pub(super) fn left_out(&self) -> Option<String> {
        let them = if self.left_out == 1 { "object was" } else { "objects were" };
        (self.left_out > 0).then(|| {
            let count = self.left_out;
            format!("{count} {them} left out: names that end in .ndjson or .ndjson.gz are read, or that have no ending")
        })
    }

    /// A page of keys.
    async fn list(&mut self) -> Result<(), LetterReadError> {
        let mut request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix);
        if let ListingState::UpTo(token) = &self.listed {
            request = request.continuation_token(token);
        }
        let page =
            request.send().await.map_err(|error| LetterReadError::refused(&self.place, "s3:ListBucket", &error))?;
        self.listed = page.next_continuation_token.map_or(ListingState::ToTheEnd, ListingState::UpTo);
        let objects = page.contents.unwrap_or_default();
        let keys = objects.into_iter().filter_map(|Object { key, .. }| key);
        // What ends in a slash is a folder.
        for key in keys.filter(|key| !key.ends_with('/')) {
            if may_hold_letters(&key) {
                self.keys.push_back(key);
            } else {
                self.left_out += 1;
            }
        }
        Ok(())
    }

    /// Opens an object, unless it is one that is not read.
    async fn get(&mut self, key: &str) -> Result<Option<FoundLetter>, LetterReadError> {
        let name = format!("s3://{}/{key}", self.bucket);
        let not_read = |reason| {
            let letter = Err(Malformed::Unreadable(reason));
            Ok(Some(FoundLetter { place: name.clone(), letter, message: None }))
        };
        // Whoever may put objects chooses their names.
        if let Err(why) = object_key::check(key, &self.prefix) {
            return not_read(format!("its key is not read: {why}"));
        }
        let too_large = |bytes: String| {
            format!("it has {bytes} bytes, and {MAX_OBJECT_BYTES} can be read: fetch it, and name the file")
        };
        let request = self.client.get_object().bucket(&self.bucket).key(key).customize().interceptor(Streamed);
        let answer = request.send().await.map_err(|error| LetterReadError::refused(&name, "s3:GetObject", &error))?;
        let bytes = answer.content_length().unwrap_or_default();
        if usize::try_from(bytes).is_ok_and(|bytes| bytes > MAX_OBJECT_BYTES) {
            return not_read(too_large(bytes.to_string()));
        }
        let content = match body::read(answer.body, MAX_OBJECT_BYTES).await {
            Ok(content) => content,
            Err(BodyError::TooLong(_)) => return not_read(too_large("more".to_owned())),
            Err(BodyError::Broken(error)) => return Err(self.unreadable(error.into())),
        };
        self.bytes_read += content.len() as u64;
        self.object =
            Some(LetterLines::open(name.clone(), Cursor::new(content)).map_err(|source| self.unreadable(source))?);
        Ok(None)
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
