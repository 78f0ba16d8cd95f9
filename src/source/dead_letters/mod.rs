//! Dead letters, read back from where a dead-letter destination put them, to be run again.
//!
//! Reading takes nothing away: only a queue's message is deleted, once its event is acknowledged.

mod error;
mod file;
mod kinesis;
mod letter;
mod lines;
mod location;
mod objects;
mod open;
mod records;
mod s3;
mod sqs;

pub use error::LetterReadError;
pub(crate) use letter::to_millis;
pub use letter::{Letter, LetterData, Malformed};
pub use location::{DeadLetterLocation, InvalidDeadLetterLocation};
pub use open::{LetterOpener, Unopened};

use file::FileLetters;
use kinesis::KinesisLetters;
use s3::S3Letters;
use sqs::SqsLetters;

/// What was found where a dead letter should be.
#[derive(Debug)]
pub struct FoundLetter {
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
    reader: LetterReader,
}

#[derive(Debug)]
enum LetterReader {
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
    pub async fn open(place: &DeadLetterLocation) -> Result<Self, LetterReadError> {
        let reader = match place {
            DeadLetterLocation::File(path) => LetterReader::File(FileLetters::open(path)?),
            DeadLetterLocation::S3(arn) => LetterReader::S3(S3Letters::open(arn).await?),
            DeadLetterLocation::Sqs(arn) => LetterReader::Sqs(SqsLetters::open(arn).await),
            DeadLetterLocation::Kinesis(arn) => LetterReader::Kinesis(KinesisLetters::open(arn).await?),
        };
        Ok(Self { reader })
    }

    /// The next letter; none at the end.
    ///
    /// # Errors
    /// When it can't be read on.
    pub async fn next(&mut self) -> Result<Option<FoundLetter>, LetterReadError> {
        match &mut self.reader {
            LetterReader::File(letters) => letters.next(),
            LetterReader::S3(letters) => letters.next().await,
            LetterReader::Sqs(letters) => letters.next().await,
            LetterReader::Kinesis(letters) => letters.next().await,
        }
    }

    /// Takes a letter whose event is acknowledged out of its queue. What is no queue keeps it.
    ///
    /// # Errors
    /// When the queue does not delete it: it would be run again.
    pub async fn acknowledge(&mut self, found: &FoundLetter) -> Result<(), LetterReadError> {
        match (&mut self.reader, &found.message) {
            (LetterReader::Sqs(letters), Some(message)) => letters.delete(message).await,
            _ => Ok(()),
        }
    }

    /// Gives back to its queue what was received and not acknowledged, so that it can be received at once.
    pub async fn release(&self) {
        if let LetterReader::Sqs(letters) = &self.reader {
            letters.release().await;
        }
    }

    /// How long it is, in bytes, where that is known.
    pub fn bytes(&self) -> Option<u64> {
        match &self.reader {
            LetterReader::File(letters) => letters.bytes(),
            LetterReader::S3(_) | LetterReader::Sqs(_) | LetterReader::Kinesis(_) => None,
        }
    }

    /// How much was read so far, in bytes.
    pub fn bytes_read(&self) -> u64 {
        match &self.reader {
            LetterReader::File(letters) => letters.bytes_read(),
            LetterReader::S3(letters) => letters.bytes_read(),
            LetterReader::Sqs(letters) => letters.bytes_read(),
            LetterReader::Kinesis(letters) => letters.bytes_read(),
        }
    }

    /// What was not looked at, for a person; none: everything was.
    pub fn left_out(&self) -> Option<String> {
        match &self.reader {
            LetterReader::S3(letters) => letters.left_out(),
            LetterReader::Sqs(letters) => letters.left_out(),
            LetterReader::File(_) | LetterReader::Kinesis(_) => None,
        }
    }
}
