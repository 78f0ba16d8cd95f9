//! What a guest says, kept for the record that it says it about.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// What a guest's lines go by in the log.
pub(super) const TARGET: &str = "kinesieve::guest";

/// The lines that came since they were last asked for; a clone is another handle to the same.
#[derive(Debug, Clone)]
pub(super) struct GuestLines {
    level: LevelFilter,
    lines: Arc<Mutex<Vec<GuestLine>>>,
}

/// One line.
#[derive(Debug, Clone, Default)]
pub(super) struct GuestLine {
    /// The position of the event that it is about; none: the instance was being started.
    pub(super) sequence_number: Option<String>,
    /// Its index in its KPL aggregate.
    pub(super) sub_sequence_number: u64,
    /// Its level and its text.
    pub(super) text: String,
    is_of_a_backtrace: bool,
}

impl GuestLines {
    /// Keeps lines from this level on, and backtraces.
    pub(super) fn from_level(level: LevelFilter) -> Self {
        Self { level, lines: Arc::default() }
    }

    /// All lines, in the place of the log.
    #[cfg(feature = "compiler")]
    pub(super) fn install() -> Self {
        Self::install_from(LevelFilter::TRACE)
    }

    /// Lines from this level on, and backtraces, in the place of the log.
    #[cfg(feature = "compiler")]
    pub(super) fn install_from(level: LevelFilter) -> Self {
        use tracing_subscriber::prelude::*;

        let lines = Self::from_level(level);
        // A second call would keep the first one's: there is one log a process.
        let _ = tracing_subscriber::registry().with(lines.clone()).try_init();
        lines
    }

    /// All that came.
    pub(super) fn take(&self) -> Vec<GuestLine> {
        std::mem::take(&mut self.lock())
    }

    /// What came about this record, or about none.
    pub(super) fn take_about(&self, sequence_number: &str, sub_sequence_number: u64) -> Vec<GuestLine> {
        let is_about = |line: &mut GuestLine| match line.sequence_number.as_deref() {
            None => true,
            Some(number) => number == sequence_number && line.sub_sequence_number == sub_sequence_number,
        };
        self.lock().extract_if(.., is_about).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<GuestLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for GuestLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut line = GuestLine::default();
        let mut message = String::new();
        event.record(&mut Fields { line: &mut line, message: &mut message });
        let level = event.metadata().level();
        line.text = match line.is_of_a_backtrace {
            true => message,
            false if *level > self.level => return,
            false => format!("{}: {message}", level.as_str().to_lowercase()),
        };
        self.lock().push(line);
    }
}

struct Fields<'a> {
    line: &'a mut GuestLine,
    message: &'a mut String,
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "sequence_number" => self.line.sequence_number = Some(value.to_owned()),
            "source" => self.line.is_of_a_backtrace = value == "backtrace",
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "sub_sequence_number" {
            self.line.sub_sequence_number = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A String takes everything.
            let _ = write!(self.message, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::prelude::*;

    use super::*;

    #[test]
    fn lines_are_found_by_the_record_that_they_are_about() {
        let lines = GuestLines::from_level(LevelFilter::INFO);
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: TARGET, source = "log", "it starts");
            tracing::info!(target: TARGET, source = "log", sequence_number = "1", "alone");
            tracing::warn!(target: TARGET, source = "log", sequence_number = "2", sub_sequence_number = 1_u64, "second");
            tracing::debug!(target: TARGET, source = "log", sequence_number = "2", "too fine");
            tracing::debug!(target: TARGET, source = "backtrace", sequence_number = "2", "0: main");
            tracing::error!(sequence_number = "2", "of the processor");
        });
        let texts = |lines: Vec<GuestLine>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts(lines.take_about("2", 0)), ["info: it starts", "0: main"]);
        assert_eq!(texts(lines.take_about("2", 1)), ["warn: second"]);
        assert_eq!(texts(lines.take()), ["info: alone"]);
    }
}
