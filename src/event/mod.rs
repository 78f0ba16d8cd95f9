//! What came in: the records of one shard, decoded, whatever they travelled in.
//!
//! A batch holds records at first, as the stream does; [`Unpacking`] makes events of them: it takes KPL aggregates
//! apart and decodes payloads.
//!
//! [`Batch`] is the narrow cut of the whole system: the envelope parser, the file readers and
//! every later source make one, and nothing after it knows where it came from.

mod aggregate;
mod alike;
mod arrival_time;
mod arriving;
mod batch;
mod cloudwatch_logs;
mod cursor;
mod decoding;
mod envelope;
mod firehose;
mod foreign_shape;
mod layout;
mod lines;
mod position;
mod sequence_number;
mod window;

pub use aggregate::{Aggregate, AggregateWriter, MAGIC, NotAnAggregate, UserRecord};
pub use arriving::{Arrived, Arriving};
pub use batch::{
    Batch, BatchBuilder, BatchContents, DecodeOther, Event, PartNumbering, Payload, PayloadError, Record, Shard,
    Unpacked, Unpacking,
};
pub use decoding::{Decode, DecodeChainError, DecodeStep};
pub use envelope::{EnvelopeError, parse_invocation, parse_lambda_event, parse_pipes_event};
pub use firehose::{DataField, FirehoseRecord, FirehoseRecords, parse_firehose_event};
pub use foreign_shape::foreign_shape;
pub use position::Position;
pub use sequence_number::{InvalidSequenceNumber, SequenceNumber};
pub use window::{Invocation, WindowPart, WindowPartError};
