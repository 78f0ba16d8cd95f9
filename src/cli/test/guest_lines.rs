//! What a guest says while its cases run, kept for the case that it says it about.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, registry};

/// The lines that came since they were last asked for; a clone is another handle to the same.
#[derive(Debug, Clone, Default)]
pub(super) struct GuestLines(Arc<Mutex<Vec<GuestLine>>>);

/// One line.
#[derive(Debug, Clone, Default)]
pub(super) struct GuestLine {
    /// The position of the event that it is about; none: the instance was being started.
    pub(super) sequence_number: Option<String>,
    /// Its level and its text.
    pub(super) text: String,
}

impl GuestLines {
    /// Takes the place of the log.
    pub(super) fn install() -> Self {
        let lines = Self::default();
        // A second call would keep the first one's: there is one log a process.
        let _ = registry().with(lines.clone()).try_init();
        lines
    }

    pub(super) fn take(&self) -> Vec<GuestLine> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for GuestLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target() != "kinesieve::guest" {
            return;
        }
        let mut line = GuestLine::default();
        let mut message = String::new();
        event.record(&mut Fields { line: &mut line, message: &mut message });
        line.text = format!("{}: {message}", event.metadata().level().as_str().to_lowercase());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

struct Fields<'a> {
    line: &'a mut GuestLine,
    message: &'a mut String,
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sequence_number" {
            self.line.sequence_number = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A String takes everything.
            let _ = write!(self.message, "{value:?}");
        }
    }
}
