//! Dead letters, read back from where a dead-letter target put them, to be run again.
//!
//! Reading takes nothing away: only a queue's message is deleted, once its event is acknowledged.

mod body;
mod file;
mod kinesis;
mod letter;
mod lines;
mod object_key;
mod objects;
mod open;
mod place;
mod records;
mod refusal;
mod s3;
mod sqs;

pub(crate) use letter::to_millis;
pub use letter::{Data, Letter, Malformed};
pub use open::{LetterOpener, Unopened};
pub use place::{InvalidPlace, Place};
pub use refusal::ReadError;

use file::FileLetters;
use kinesis::KinesisLetters;
use s3::S3Letters;
use sqs::SqsLetters;

/// What was found where a dead letter should be.
#[derive(Debug)]
pub struct Found {
    /// Where, for a person: a file or an object with the line, a message, a position in a shard.
    pub place: String,
    /// The letter, or what is wrong with it.
    pub letter: Result<Letter, Malformed>,
    /// The id of the message that it came in, where it came in one.
    message: Option<String>,
}

/// Reads dead letters, one after the other.
#[derive(Debug)]
pub struct DeadLetterSource {
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    File(FileLetters),
    S3(S3Letters),
    Sqs(SqsLetters),
    Kinesis(KinesisLetters),
}

impl DeadLetterSource {
    /// Opens a place. A file is looked at, and a stream is asked for its shards.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn open(place: &Place) -> Result<Self, ReadError> {
        let reader = match place {
            Place::File(path) => Reader::File(FileLetters::open(path)?),
            Place::S3(arn) => Reader::S3(S3Letters::open(arn).await?),
            Place::Sqs(arn) => Reader::Sqs(SqsLetters::open(arn).await),
            Place::Kinesis(arn) => Reader::Kinesis(KinesisLetters::open(arn).await?),
        };
        Ok(Self { reader })
    }

    /// The next letter; none at the end.
    ///
    /// # Errors
    /// When it can't be read on.
    pub async fn next(&mut self) -> Result<Option<Found>, ReadError> {
        match &mut self.reader {
            Reader::File(letters) => letters.next(),
            Reader::S3(letters) => letters.next().await,
            Reader::Sqs(letters) => letters.next().await,
            Reader::Kinesis(letters) => letters.next().await,
        }
    }

    /// Takes a letter whose event is acknowledged out of its queue. What is no queue keeps it.
    ///
    /// # Errors
    /// When the queue does not delete it: it would be run again.
    pub async fn acknowledge(&mut self, found: &Found) -> Result<(), ReadError> {
        match (&mut self.reader, &found.message) {
            (Reader::Sqs(letters), Some(message)) => letters.delete(message).await,
            _ => Ok(()),
        }
    }

    /// Gives back to its queue what was received and not acknowledged, so that it can be received at once.
    pub async fn release(&self) {
        if let Reader::Sqs(letters) = &self.reader {
            letters.release().await;
        }
    }

    /// How long it is, in bytes, where that is known.
    pub fn bytes(&self) -> Option<u64> {
        match &self.reader {
            Reader::File(letters) => letters.bytes(),
            Reader::S3(_) | Reader::Sqs(_) | Reader::Kinesis(_) => None,
        }
    }

    /// How much was read so far, in bytes.
    pub fn bytes_read(&self) -> u64 {
        match &self.reader {
            Reader::File(letters) => letters.bytes_read(),
            Reader::S3(letters) => letters.bytes_read(),
            Reader::Sqs(letters) => letters.bytes_read(),
            Reader::Kinesis(letters) => letters.bytes_read(),
        }
    }

    /// What was not looked at, for a person; none: everything was.
    pub fn left_out(&self) -> Option<String> {
        match &self.reader {
            Reader::S3(letters) => letters.left_out(),
            Reader::Sqs(letters) => letters.left_out(),
            Reader::File(_) | Reader::Kinesis(_) => None,
        }
    }
}
