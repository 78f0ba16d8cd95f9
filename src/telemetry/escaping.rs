//! Log lines that stay lines: what is logged may come from guests, records and services.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Debug};
use std::io::{self, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{DefaultVisitor, FormatFields, Writer};

use super::invocation::InvocationContext;
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

/// A place for lines of JSON: with the request that they belong to, with nothing in their strings that a terminal obeys,
/// and without credentials.
pub(super) struct SafeJson<W>(pub(super) W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for SafeJson<W> {
    type Writer = JsonWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        JsonWriter(self.0.make_writer())
    }
}

/// Writes whole lines of JSON, which is how they come.
pub(super) struct JsonWriter<W>(W);

impl<W: Write> Write for JsonWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match str::from_utf8(line) {
            Ok(text) => self.0.write_all(safe_json(&with_request_id(text)).as_bytes())?,
            // The formatter writes UTF-8; whatever else comes is none of its lines.
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Adds the id of the request that is worked on to an object, as `requestId`, which is what Lambda calls it.
fn with_request_id(line: &str) -> Cow<'_, str> {
    let context = InvocationContext::current();
    match (context.request_id(), line.trim_end().strip_suffix('}')) {
        (Some(id), Some(object)) => format!("{object},\"requestId\":{}}}\n", serde_json::Value::from(id)).into(),
        _ => line.into(),
    }
}

/// A line of JSON with nothing in its strings that a terminal obeys, and without credentials.
pub(super) fn safe_json(line: &str) -> String {
    foreign::json(&redacted(line)).into_owned()
}
