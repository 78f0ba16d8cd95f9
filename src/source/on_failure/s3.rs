//! Descriptions in the objects of a bucket, as Lambda writes them: one an object, with the records.

use std::io::{self, Cursor};

use super::documents::{Document, Documents};
use super::names::{left_out, may_hold_descriptions};
use super::{DescriptionReadError, FoundDescription, MalformedDescription, ObjectFate, Origin};
use crate::settings::Arn;
use crate::source::storage::{BucketReader, FoundObject, ObjectUnread};

/// The largest object that is taken, since it is read as a whole. Lambda writes one description, with up to 6 MB of
/// records; a target of ours ends an object at 16 MiB of data.
const MOST_BYTES: usize = 64 << 20;

/// Reads the descriptions below a prefix.
#[derive(Debug)]
pub(super) struct S3Descriptions {
    place: String,
    bucket: BucketReader,
    fate: ObjectFate,
    object: Option<OpenObject>,
    deleted: u64,
}

/// The object that is read.
#[derive(Debug)]
struct OpenObject {
    key: String,
    documents: Documents,
    found: u64,
    acknowledged: u64,
}

impl S3Descriptions {
    pub(super) async fn open(place: &Arn, fate: ObjectFate) -> Result<Self, DescriptionReadError> {
        let bucket = BucketReader::open(place, may_hold_descriptions, MOST_BYTES).await?;
        Ok(Self { place: place.to_string(), bucket, fate, object: None, deleted: 0 })
    }

    pub(super) async fn next(&mut self) -> Result<Option<FoundDescription>, DescriptionReadError> {
        loop {
            if let Some(object) = &mut self.object {
                // It is in memory: nothing but what it holds can be wrong.
                let next = object.documents.next();
                if let Some(Document { place, text }) = next.map_err(|source| unreadable(&self.place, source))? {
                    object.found += 1;
                    return Ok(Some(FoundDescription::of(place, text, Origin::Object)));
                }
                self.leave().await?;
            }
            let Some(FoundObject { key, name, content }) = self.bucket.next().await? else { return Ok(None) };
            match content {
                Ok(content) => {
                    let documents = Documents::open(name, Cursor::new(content));
                    let documents = documents.map_err(|source| unreadable(&self.place, source))?;
                    self.object = Some(OpenObject { key, documents, found: 0, acknowledged: 0 });
                }
                Err(ObjectUnread::NotTaken(reason)) => {
                    let malformed = MalformedDescription::Unreadable(reason);
                    return Ok(Some(FoundDescription::of(name, Err(malformed), Origin::Kept)));
                }
                // Another run deleted it, whose business it is.
                Err(ObjectUnread::Gone(_)) => {}
            }
        }
    }

    /// The description that was found last needs no object any more.
    pub(super) fn acknowledge(&mut self) {
        if let Some(object) = &mut self.object {
            object.acknowledged += 1;
        }
    }

    /// Deletes the object that is open, where that is wanted, and all that it holds was found and is acknowledged. To be
    /// called at the end alone: what else is in it is passed over.
    pub(super) async fn settle(&mut self) -> Result<(), DescriptionReadError> {
        let Some(object) = &mut self.object else { return Ok(()) };
        let next = object.documents.next().map_err(|source| unreadable(&self.place, source))?;
        if next.is_some() { Ok(()) } else { self.leave().await }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bucket.bytes_read()
    }

    pub(super) fn left_out(&self) -> Option<String> {
        left_out(self.bucket.left_out(), "object")
    }

    /// How many objects were deleted.
    pub(super) fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Goes on behind an object, and deletes it where that is wanted and all that it holds is acknowledged.
    async fn leave(&mut self) -> Result<(), DescriptionReadError> {
        let Some(OpenObject { key, found, acknowledged, .. }) = self.object.take() else { return Ok(()) };
        if self.fate == ObjectFate::Delete && found > 0 && acknowledged == found {
            self.bucket.delete(&key).await?;
            self.deleted += 1;
        }
        Ok(())
    }
}

fn unreadable(place: &str, source: io::Error) -> DescriptionReadError {
    DescriptionReadError::Unreadable { place: place.to_owned(), source }
}
