//! What real producers put into a stream: aggregates, compressed payloads, messages of CloudWatch Logs.

mod amplification;
mod decoders;
mod outgoing;
mod promise;
mod sources;

use std::io::Write;

use flate2::write::GzEncoder;
use kinesieve::event::AggregateWriter;

use crate::support::events::Data;

pub fn gzipped(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

/// An aggregate of these user records, each with its key.
pub fn aggregate<'a>(records: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut writer = AggregateWriter::default();
    records.into_iter().for_each(|(key, data)| writer.push(key, data));
    writer.finish()
}

/// The same of texts under one key, as a record's data.
fn aggregate_of(texts: &[&str]) -> Data {
    Data::Bytes(aggregate(texts.iter().map(|text| ("user", text.as_bytes()))))
}
