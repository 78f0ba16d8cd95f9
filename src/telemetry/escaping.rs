//! Log lines that stay lines: what is logged may come from guests, records and services.

use std::error::Error;
use std::fmt::{self, Debug};
use std::io::{self, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{DefaultVisitor, FormatFields, Writer};

use crate::foreign;
use crate::redaction::redacted;

/// The text log's fields, laid out as they are by default: each on the event's one line, with nothing in it that a terminal
/// obeys, and without credentials.
pub(super) struct OneLineFields;

impl<'writer> FormatFields<'writer> for OneLineFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = OneLineVisitor(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct OneLineVisitor<'a>(DefaultVisitor<'a>);

impl Visit for OneLineVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.record_debug(field, &OneLineDebug(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // As by default: the message bare, any other text in quotes.
        match field.name() {
            "message" => self.record_debug(field, &format_args!("{value}")),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.record_debug(field, &format_args!("{text}"));
    }
}

struct OneLineDebug<'a>(&'a dyn Debug);

impl Debug for OneLineDebug<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:?}", self.0);
        formatter.write_str(&foreign::one_line(&redacted(&text)))
    }
}

/// Standard error for lines of JSON: with nothing in their strings that a terminal obeys, and without credentials.
pub(super) struct JsonToStderr;

impl<'a> MakeWriter<'a> for JsonToStderr {
    type Writer = JsonWriter;

    fn make_writer(&'a self) -> Self::Writer {
        JsonWriter
    }
}

/// Writes whole lines of JSON, which is how they come.
pub(super) struct JsonWriter;

impl Write for JsonWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match str::from_utf8(line) {
            Ok(text) => io::stderr().write_all(safe_json(text).as_bytes())?,
            // The formatter writes UTF-8; whatever else comes is none of its lines.
            Err(_) => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A line of JSON with nothing in its strings that a terminal obeys, and without credentials.
pub(super) fn safe_json(line: &str) -> String {
    foreign::json(&redacted(line)).into_owned()
}
