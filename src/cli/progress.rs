//! How far a long run is, on a terminal.

mod live_lines;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

use self::live_lines::LiveLines;
use super::foreign;
use crate::telemetry::{self, LogFormat};

pub(super) use self::live_lines::TerminalSize;

/// How often the bar moves while nothing else moves it.
const TICK: Duration = Duration::from_millis(200);

/// What is seen of a run on standard error, if that is a terminal. Log lines go through it, so that they don't tear it.
#[derive(Debug, Clone)]
pub(super) struct ProgressDisplay {
    drawn: Drawn,
    form: SayForm,
}

/// How lines are said besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SayForm {
    Text,
    /// As lines of the log, which is JSON.
    Json,
}

#[derive(Debug, Clone)]
enum Drawn {
    Nothing,
    Bar(ProgressBar),
    Lines(LiveLines),
}

impl ProgressDisplay {
    /// A bar. `bytes`: how long the input is, where that is known. A bar would tear outputs that go to the same terminal, so
    /// there is none then.
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
        Self { drawn: Drawn::Bar(bar), form: SayForm::Text }
    }

    /// None at all.
    pub(super) fn hidden() -> Self {
        Self { drawn: Drawn::Nothing, form: SayForm::Text }
    }

    /// Lines that change in place, if that is a terminal and nothing else writes there.
    pub(super) fn lines(is_in_the_way: bool) -> Self {
        if !io::stderr().is_terminal() || is_in_the_way {
            return Self::hidden();
        }
        let lines = LiveLines::on_stderr();
        lines.show(vec!["reading".to_owned()]);
        Self { drawn: Drawn::Lines(lines), form: SayForm::Text }
    }

    /// The same, whose lines stand among those of a log in this format.
    pub(super) fn beside(self, log: LogFormat) -> Self {
        let form = if log == LogFormat::Json { SayForm::Json } else { SayForm::Text };
        Self { form, ..self }
    }

    /// Says what is going on where that may take seconds and has no measure: compiling, say.
    pub(super) fn waiting_for(what: String) -> Self {
        if !io::stderr().is_terminal() {
            return Self::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message(foreign::one_line(&what));
        bar.enable_steady_tick(TICK);
        Self { drawn: Drawn::Bar(bar), form: SayForm::Text }
    }

    /// Whether anybody sees it.
    pub(super) fn is_visible(&self) -> bool {
        match &self.drawn {
            Drawn::Nothing => false,
            Drawn::Bar(bar) => !bar.is_hidden(),
            Drawn::Lines(_) => true,
        }
    }

    /// Puts these lines in the place of those that are there. What is foreign in them has to be one line already.
    pub(super) fn show(&self, lines: Vec<String>) {
        if let Drawn::Lines(drawn) = &self.drawn {
            drawn.show(lines.iter().map(|line| foreign::one_line(line)).collect());
        }
    }

    pub(super) fn update(&self, bytes_read: u64, records: u64) {
        self.update_saying(bytes_read, &format!("{records} records"));
    }

    /// Says something else than how many records there were.
    pub(super) fn update_saying(&self, bytes_read: u64, what: &str) {
        if let Drawn::Bar(bar) = &self.drawn {
            bar.set_position(bytes_read);
            bar.set_message(foreign::one_line(what));
        }
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

    /// Takes it away, for good.
    pub(super) fn finish(&self) {
        match &self.drawn {
            Drawn::Nothing => {}
            Drawn::Bar(bar) => bar.finish_and_clear(),
            Drawn::Lines(lines) => lines.finish(),
        }
    }

    /// Takes it away with this value, however what it shows ends.
    pub(super) fn until_the_end(&self) -> ProgressEnd {
        ProgressEnd { display: self.clone() }
    }
}

/// Takes a display away.
#[derive(Debug)]
pub(super) struct ProgressEnd {
    display: ProgressDisplay,
}

impl Drop for ProgressEnd {
    fn drop(&mut self) {
        self.display.finish();
    }
}

impl<'a> MakeWriter<'a> for ProgressDisplay {
    type Writer = AroundDisplay;

    fn make_writer(&'a self) -> Self::Writer {
        AroundDisplay { display: self.clone(), text: Vec::new() }
    }
}

/// Standard error, with what is drawn out of the way while something is written: all of it at once, so that nothing is
/// drawn in the middle of a line.
pub(super) struct AroundDisplay {
    display: ProgressDisplay,
    text: Vec<u8>,
}

impl Write for AroundDisplay {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() {
            return Ok(());
        }
        match &self.display.drawn {
            Drawn::Nothing => io::stderr().write_all(&text),
            Drawn::Bar(bar) => bar.suspend(|| io::stderr().write_all(&text)),
            Drawn::Lines(lines) => {
                lines.write_above(&text);
                Ok(())
            }
        }
    }
}

impl Drop for AroundDisplay {
    /// A writer is for one event of the log, or one thing to say.
    fn drop(&mut self) {
        let _ = self.flush();
    }
}
