//! Records that an event source mapping gave up, found again: descriptions of them, read from where an on-failure destination
//! put them, and the records, which came along or are still in their stream.
//!
//! Reading takes nothing away: a queue's message is deleted once all of its records are acknowledged, and an object
//! only where that is asked for as well.

mod batches;
mod description;
mod documents;
mod error;
mod location;
mod names;
mod pages;
mod paths;
mod range;
mod s3;

pub(super) use batches::DescribedBatches;
pub use batches::{DescribedError, DescribedStream};
pub(super) use description::is_description;
pub use description::{Description, MalformedDescription, RecordRange};
pub use error::DescriptionReadError;
pub use location::{InvalidOnFailureLocation, OnFailureLocation};
pub use pages::RangePages;
pub use range::{LostRecords, RangeError, RangeReader, RangeRecords};

use paths::PathDescriptions;
use s3::S3Descriptions;

use crate::source::storage::{QueueMessage, QueueReader};

/// What becomes of an object, once all that it holds is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectFate {
    /// It stays.
    Keep,
    /// It is deleted.
    Delete,
}

/// What was found where a description should be.
#[derive(Debug)]
pub struct FoundDescription {
    /// Where, for a person: a file or an object with the line, or a message.
    pub place: String,
    /// The description, or what is wrong with it.
    pub description: Result<Description, MalformedDescription>,
    origin: Origin,
}

/// What a description is taken out of, once it is acknowledged.
#[derive(Debug)]
enum Origin {
    /// Nothing.
    Kept,
    /// The object that is read.
    Object,
    /// The message of this id.
    Message(String),
}

impl FoundDescription {
    fn of(place: String, text: Result<Vec<u8>, MalformedDescription>, origin: Origin) -> Self {
        Self { place, description: text.and_then(|text| Description::parse(&text)), origin }
    }
}

/// Reads descriptions, one after the other.
#[derive(Debug)]
pub struct DescriptionSource {
    reader: DescriptionReader,
}

#[derive(Debug)]
enum DescriptionReader {
    Path(PathDescriptions),
    S3(S3Descriptions),
    Sqs(QueueReader),
}

impl DescriptionSource {
    /// Opens a place. A file is looked at.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn open(place: &OnFailureLocation, fate: ObjectFate) -> Result<Self, DescriptionReadError> {
        let reader = match place {
            OnFailureLocation::Path(path) => DescriptionReader::Path(PathDescriptions::open(path)?),
            OnFailureLocation::S3(arn) => DescriptionReader::S3(S3Descriptions::open(arn, fate).await?),
            // What one describes may take its time.
            OnFailureLocation::Sqs(arn) => DescriptionReader::Sqs(QueueReader::open(arn).await.one_by_one()),
        };
        Ok(Self { reader })
    }

    /// The next description; none at the end.
    ///
    /// # Errors
    /// When it can't be read on, or when an object does not go that is to be deleted.
    pub async fn next(&mut self) -> Result<Option<FoundDescription>, DescriptionReadError> {
        match &mut self.reader {
            DescriptionReader::Path(descriptions) => descriptions.next(),
            DescriptionReader::S3(descriptions) => descriptions.next().await,
            DescriptionReader::Sqs(queue) => Ok(queue.next().await?.map(|QueueMessage { id, content }| {
                let text = content.map_err(MalformedDescription::NotADescription);
                FoundDescription::of(format!("message {id}"), text, Origin::Message(id))
            })),
        }
    }

    /// Takes a description whose records are all acknowledged out of its queue. An object goes once all that it holds is
    /// acknowledged, with the next call of [`next`](Self::next). A file keeps it.
    ///
    /// # Errors
    /// When the queue does not delete it: its records would be run again.
    pub async fn acknowledge(&mut self, found: &FoundDescription) -> Result<(), DescriptionReadError> {
        match (&mut self.reader, &found.origin) {
            (DescriptionReader::Sqs(queue), Origin::Message(id)) => queue.delete(id).await?,
            (DescriptionReader::S3(descriptions), Origin::Object) => descriptions.acknowledge(),
            _ => {}
        }
        Ok(())
    }

    /// Does what [`next`](Self::next) would do about the description before, where none is asked for any more.
    ///
    /// # Errors
    /// When an object does not go that is to be deleted.
    pub async fn settle(&mut self) -> Result<(), DescriptionReadError> {
        match &mut self.reader {
            DescriptionReader::S3(descriptions) => descriptions.settle().await,
            DescriptionReader::Path(_) | DescriptionReader::Sqs(_) => Ok(()),
        }
    }

    /// Does something about a description that may take long, and keeps it hidden from other receivers of its queue
    /// meanwhile.
    pub async fn hold_while<T>(&self, found: &FoundDescription, work: impl Future<Output = T>) -> T {
        match (&self.reader, &found.origin) {
            (DescriptionReader::Sqs(queue), Origin::Message(id)) => tokio::select! {
                done = work => done,
                never = queue.keep_hidden(id) => match never {},
            },
            _ => work.await,
        }
    }

    /// Gives back to its queue what was received and not acknowledged, so that it can be received at once.
    pub async fn release(&self) {
        if let DescriptionReader::Sqs(queue) = &self.reader {
            queue.release().await;
        }
    }

    /// How long it is, in bytes, where that is known.
    pub fn bytes(&self) -> Option<u64> {
        match &self.reader {
            DescriptionReader::Path(descriptions) => descriptions.bytes(),
            DescriptionReader::S3(_) | DescriptionReader::Sqs(_) => None,
        }
    }

    /// How much was read so far, in bytes.
    pub fn bytes_read(&self) -> u64 {
        match &self.reader {
            DescriptionReader::Path(descriptions) => descriptions.bytes_read(),
            DescriptionReader::S3(descriptions) => descriptions.bytes_read(),
            DescriptionReader::Sqs(queue) => queue.bytes_read(),
        }
    }

    /// What was not looked at, for a person; none: everything was.
    pub fn left_out(&self) -> Option<String> {
        match &self.reader {
            DescriptionReader::Path(descriptions) => descriptions.left_out(),
            DescriptionReader::S3(descriptions) => descriptions.left_out(),
            DescriptionReader::Sqs(queue) => queue.left_out(),
        }
    }

    /// How many objects were deleted.
    pub fn deleted_objects(&self) -> u64 {
        match &self.reader {
            DescriptionReader::S3(descriptions) => descriptions.deleted(),
            DescriptionReader::Path(_) | DescriptionReader::Sqs(_) => 0,
        }
    }
}
