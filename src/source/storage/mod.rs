//! Where dead letters and descriptions of given-up records lie until somebody takes them: a queue, the objects of a bucket, a
//! file. What is there is read, kept and taken away here; what it holds, others know.

pub(super) mod body;
mod bucket;
pub(super) mod object_key;
mod queue;
mod refusal;
mod text;

pub(super) use bucket::{BucketReader, FoundObject, ObjectUnread};
pub(super) use queue::{QueueMessage, QueueReader};
pub(super) use refusal::{ReadRefusal, reason};
pub(super) use text::{TextInput, is_broken};
