//! Kinesieve: a ready-made AWS Lambda function for Kinesis streams. You bring a transform, a
//! WebAssembly component; Kinesieve runs it over every record, delivers what it gives back, and tells
//! Lambda exactly where to replay from.
//!
//! The promise: **an event is acknowledged only after it was delivered, dropped by the transform's own
//! word, or dead-lettered; nothing else ever moves the position forward.**
//!
//! # The map
//!
//! The rooms, in the order in which a record walks through them. Data goes one way, and a file imports
//! only from rooms further down this list.
//!
//! | room | is |
//! | --- | --- |
//! | [`mod@reference`] | the reference pages of the documentation, made from the code |
//! | [`lambda`] | Lambda's adapter: raw invocation bytes in, response JSON out; by a stream, by Firehose, by hand |
//! | [`cli`] | the command line: one file a command |
//! | `project` | a folder that an author works in: new, and how it is built |
//! | `package` | what Lambda runs, of a built transform, and the template that deploys it |
//! | [`cases`] | test cases of a transform: read, run, compared, accepted |
//! | [`assembly`] | from settings to a processor: loads, starts, opens, wires |
//! | [`source`] | batches from a file or live streams, as an event source mapping would send them; dead letters and given-up records, to run them again |
//! | [`processor`] | the batch algorithm: events through the transform into sinks, and where to replay from |
//! | [`fleet`] | which process reads which shard, where several share a stream out: leases in the checkpoint table |
//! | [`checkpoint`] | the mirror of positions in DynamoDB |
//! | [`dead_letter`] | the envelope of an event that can't be processed |
//! | [`settings`] | every setting, once; it knows destinations by the table of `sink::destination` |
//! | [`connector`] | all settings in one file, YAML or JSON |
//! | [`sink`] | where outputs go: one file a service, with its limits and what it can do; one trait, one table |
//! | [`transform`] | the guest: engine, artifact, instance, limits, host functions |
//! | [`filter`] | an expression that says of each event whether it goes on |
//! | [`event`] | what came in: [`event::Batch`], [`event::SequenceNumber`], the envelope parsers; KPL aggregates, and payloads to decode |
//! | `interpolation` | values that stand elsewhere: in a variable, a file, a parameter or a secret |
//! | `backoff` | how long to wait before a service is asked again |
//! | [`aws`] | what the clients of all services have in common, of sinks and sources |
//! | [`telemetry`] | the structured log |
//! | `timestamp` | times in milliseconds since the Unix epoch, and as RFC 3339 |
//! | [`error_code`] | the codes of errors, each with a page of its own |
//! | `clap_error` | what is wrong with a value, without the flag that it came by |
//! | `redaction` | credentials taken out of what is logged or shown |
//! | `seldom` | what happens often, and is said seldom |
//! | `foreign` | foreign text, made safe for a terminal and a log |
//! | `json_error` | what is wrong with JSON that a person wrote, in the words of JSON |
//! | `json_pointer` | a place in the JSON of a record |
//! | `stdout` | standard output, and when nothing more can be written to it |
//! | `files` | files: read whole up to a limit, and told from each other |
//!
//! # Three narrow cuts
//!
//! - [`event::Batch`]: the decoded records of one shard in one arena. Every source makes one, and
//!   nothing after it knows where it came from.
//! - [`sink::Sink::deliver`]: one result an output, in order. Limits, splitting and retries of a
//!   service stay inside its file.
//! - [`processor::Processor::process`]: the first event that is not acknowledged, if any, and the
//!   counts. Lambda's response and a local retry both derive from that one answer.

pub mod assembly;
pub mod aws;
mod backoff;
pub mod cases;
pub mod checkpoint;
mod clap_error;
pub mod cli;
pub mod connector;
pub mod dead_letter;
pub mod error_code;
pub mod event;
mod files;
pub mod filter;
pub mod fleet;
mod foreign;
mod interpolation;
mod json_error;
mod json_pointer;
pub mod lambda;
#[cfg(feature = "compiler")]
mod package;
pub mod processor;
#[cfg(feature = "compiler")]
mod project;
mod redaction;
#[cfg(feature = "compiler")]
pub mod reference;
mod seldom;
pub mod settings;
pub mod sink;
pub mod source;
mod stdout;
pub mod telemetry;
mod timestamp;
pub mod transform;
