//! How outputs are delivered, as settings say it.

use clap::ValueEnum;

/// The order in which outputs are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Never deliver an output after a later one of the same partition key
    Key,
    /// Deliver outputs side by side
    None,
}

/// The compression of objects in S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// No compression
    None,
    /// gzip
    Gzip,
}

/// The compression of the data of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Encode {
    /// No compression
    None,
    /// gzip
    Gzip,
    /// zlib
    Zlib,
    /// zstd
    Zstd,
}

/// How several outputs are packed into one record, message or object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pack {
    /// Each output stays by itself
    None,
    /// Lines, each with a line end
    Lines,
    /// A JSON array
    #[value(alias = "json_array")]
    Array,
    /// One behind the other, with nothing between
    Concatenate,
}
