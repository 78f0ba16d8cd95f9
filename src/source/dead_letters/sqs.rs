//! Dead letters in an SQS queue, a message each.

use super::{FoundLetter, Letter, LetterReadError, Malformed};
use crate::settings::Arn;
use crate::source::storage::{QueueMessage, QueueReader};

/// Receives the letters of a queue.
#[derive(Debug)]
pub(super) struct SqsLetters {
    queue: QueueReader,
}

impl SqsLetters {
    pub(super) async fn open(queue: &Arn) -> Self {
        Self { queue: QueueReader::open(queue).await }
    }

    pub(super) async fn next(&mut self) -> Result<Option<FoundLetter>, LetterReadError> {
        let Some(QueueMessage { id, content }) = self.queue.next().await? else { return Ok(None) };
        let letter = content.map_err(Malformed::NotALetter).and_then(|content| Letter::parse(&content));
        Ok(Some(FoundLetter { place: format!("message {id}"), letter, message: Some(id) }))
    }

    /// Takes a message out of the queue for good.
    pub(super) async fn delete(&mut self, id: &str) -> Result<(), LetterReadError> {
        Ok(self.queue.delete(id).await?)
    }

    /// Shows what stays again.
    pub(super) async fn release(&self) {
        self.queue.release().await;
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.queue.bytes_read()
    }

    pub(super) fn left_out(&self) -> Option<String> {
        self.queue.left_out()
    }
}
