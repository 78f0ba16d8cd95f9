//! How far a long run is, on a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

use super::foreign;
use crate::telemetry::{self, LogFormat};

/// How often the bar moves while nothing else moves it.
const TICK: Duration = Duration::from_millis(200);

/// A bar on standard error, if that is a terminal. Log lines go through it, so that they don't tear it.
#[derive(Debug, Clone)]
pub(super) struct ProgressDisplay {
    bar: ProgressBar,
    form: SayForm,
}

/// How lines are said besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SayForm {
    Text,
    /// As lines of the log, which is JSON.
    Json,
}

impl ProgressDisplay {
    /// `bytes`: how long the input is, where that is known. A bar would tear outputs that go to the
    /// same terminal, so there is none then.
    pub(super) fn new(bytes: Option<u64>, outputs_on_stdout: bool) -> Self {
        let is_in_the_way = outputs_on_stdout && io::stdout().is_terminal();
        if !io::stderr().is_terminal() || is_in_the_way {
            return Self::hidden();
        }
        let template = match bytes {
            Some(_) => "{bar:30} {bytes}/{total_bytes}  {msg}  {eta} left",
            None => "{spinner} {bytes}  {msg}  {elapsed}",
        };
        let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self { bar, form: SayForm::Text }
    }

    /// None at all.
    pub(super) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), form: SayForm::Text }
    }

    /// Lines that change in place, if that is a terminal and nothing else writes there.
    pub(super) fn lines(is_in_the_way: bool) -> Self {
        if !io::stderr().is_terminal() || is_in_the_way {
            return Self::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message("reading");
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self { bar, form: SayForm::Text }
    }

    /// The same, whose lines stand among those of a log in this format.
    pub(super) fn beside(self, log: LogFormat) -> Self {
        let form = if log == LogFormat::Json { SayForm::Json } else { SayForm::Text };
        Self { form, ..self }
    }

    /// Whether anybody sees it.
    pub(super) fn is_visible(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Puts these lines in the place of those that are there.
    pub(super) fn show(&self, lines: String) {
        self.bar.set_message(foreign::lines(&lines));
    }

    /// Says what is going on where that may take seconds and has no measure: compiling, say.
    pub(super) fn waiting_for(what: String) -> Self {
        if !io::stderr().is_terminal() {
            return Self::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message(foreign::one_line(&what));
        bar.enable_steady_tick(TICK);
        Self { bar, form: SayForm::Text }
    }

    pub(super) fn update(&self, bytes_read: u64, records: u64) {
        self.bar.set_position(bytes_read);
        self.bar.set_message(format!("{records} records"));
    }

    /// Writes lines to standard error: what is foreign in them has to be one line already. A reader that is gone changes
    /// nothing about what was done.
    pub(super) fn say(&self, line: &dyn Display) {
        let text = foreign::lines(&line.to_string());
        let text = match self.form {
            SayForm::Text => text,
            SayForm::Json => telemetry::json_line(&text),
        };
        let _ = writeln!(self.make_writer(), "{text}");
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl<'a> MakeWriter<'a> for ProgressDisplay {
    type Writer = AroundBar;

    fn make_writer(&'a self) -> Self::Writer {
        AroundBar { bar: self.bar.clone() }
    }
}

/// Standard error, with the bar out of the way while something is written.
pub(super) struct AroundBar {
    bar: ProgressBar,
}

impl Write for AroundBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
