//! Lines at the end of a terminal that change in place, with other lines written above them.
//!
//! What is drawn leaves nothing behind, whatever ends the program: no cursor is hidden, and the cursor always stands at the
//! start of the line below. What is drawn at a time is written at once. A line that is wider than the terminal is cut by
//! the terminal itself (DECAWM), since nothing but the terminal knows how wide each of its characters is.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};

use terminal_size::{Height, Width, terminal_size_of};

use crate::cli::fitting::width;

/// What a terminal is taken for that does not say its size.
const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

/// To the start of the line.
const START_OF_LINE: &str = "\r";
/// Clears all from the cursor on to the end of the screen.
const CLEAR_BELOW: &str = "\x1b[J";
/// What stands behind the last column is not wrapped, but left out.
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";

/// How large a terminal is, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct TerminalSize {
    pub(in crate::cli) columns: usize,
    pub(in crate::cli) rows: usize,
}

impl TerminalSize {
    /// The size of the terminal that standard error is on, now.
    pub(in crate::cli) fn of_stderr() -> Self {
        match terminal_size_of(io::stderr()) {
            Some((Width(columns), Height(rows))) if columns > 0 && rows > 0 => {
                Self { columns: columns.into(), rows: rows.into() }
            }
            _ => SIZE,
        }
    }
}

/// Lines that change in place.
#[derive(Clone)]
pub(super) struct LiveLines {
    drawing: Arc<Mutex<Drawing>>,
}

struct Drawing {
    terminal: Box<dyn Write + Send>,
    size: fn() -> TerminalSize,
    /// What is to be seen.
    lines: Vec<String>,
    /// How wide each line is that stands there now.
    drawn: Vec<usize>,
    is_over: bool,
}

impl LiveLines {
    /// Lines on standard error, which has to be a terminal. A panic is told below them.
    pub(super) fn on_stderr() -> Self {
        let lines = Self::on(Box::new(io::stderr()), TerminalSize::of_stderr);
        let drawing = Arc::downgrade(&lines.drawing);
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            step_aside(&drawing);
            tell(panic);
        }));
        lines
    }

    fn on(terminal: Box<dyn Write + Send>, size: fn() -> TerminalSize) -> Self {
        let drawing = Drawing { terminal, size, lines: Vec::new(), drawn: Vec::new(), is_over: false };
        Self { drawing: Arc::new(Mutex::new(drawing)) }
    }

    /// Puts these lines into the place of those that are there.
    pub(super) fn show(&self, lines: Vec<String>) {
        self.with(|drawing| {
            drawing.lines = lines;
            drawing.draw(b"");
        });
    }

    /// Writes lines above, whole ones.
    pub(super) fn write_above(&self, text: &[u8]) {
        self.with(|drawing| drawing.draw(text));
    }

    /// Takes the lines away, for good.
    pub(super) fn finish(&self) {
        self.with(|drawing| {
            drawing.is_over = true;
            drawing.draw(b"");
        });
    }

    fn with(&self, work: impl FnOnce(&mut Drawing)) {
        work(&mut self.drawing.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Takes the lines away so that somebody else can write. They come again when they next change.
fn step_aside(drawing: &Weak<Mutex<Drawing>>) {
    let Some(drawing) = drawing.upgrade() else { return };
    // Who panics may be drawing. Nothing is half drawn then: it is written at once.
    let mut drawing = match drawing.try_lock() {
        Ok(drawing) => drawing,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    let erasing = drawing.erasing();
    drawing.drawn.clear();
    drawing.write(erasing.as_bytes());
}

impl Drawing {
    /// Takes away what stands there, writes a text, and the lines below it.
    fn draw(&mut self, above: &[u8]) {
        let mut frame = self.erasing().into_bytes();
        self.drawn.clear();
        frame.extend_from_slice(above);
        if !self.is_over && !self.lines.is_empty() {
            let rows = (self.size)().rows.saturating_sub(1).max(1);
            frame.extend_from_slice(WRAP_OFF.as_bytes());
            for line in self.lines.iter().take(rows) {
                frame.extend_from_slice(line.as_bytes());
                frame.extend_from_slice(b"\r\n");
                self.drawn.push(width(line));
            }
            frame.extend_from_slice(WRAP_ON.as_bytes());
        }
        self.write(&frame);
    }

    /// What takes away the lines that stand there. A terminal that became narrower has broken those that were wider, as
    /// most terminals do it.
    fn erasing(&self) -> String {
        if self.drawn.is_empty() {
            return String::new();
        }
        let columns = (self.size)().columns;
        let rows: usize = self.drawn.iter().map(|width| width.div_ceil(columns).max(1)).sum();
        format!("{START_OF_LINE}\x1b[{rows}A{CLEAR_BELOW}")
    }

    /// A terminal that is gone changes nothing about what is done.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.terminal.write_all(bytes).and_then(|()| self.terminal.flush());
    }
}

impl std::fmt::Debug for LiveLines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LiveLines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("paper").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut self.0.lock().expect("paper"))).expect("UTF-8")
        }
    }

    fn lines(size: fn() -> TerminalSize) -> (LiveLines, Paper) {
        let paper = Paper::default();
        (LiveLines::on(Box::new(paper.clone()), size), paper)
    }

    const WIDE: fn() -> TerminalSize = || TerminalSize { columns: 20, rows: 4 };

    #[test]
    fn lines_change_in_place_and_others_stand_above() {
        let (lines, paper) = lines(WIDE);
        lines.write_above(b"first\n");
        assert_eq!(paper.take(), "first\n");
        lines.show(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(paper.take(), "\x1b[?7la\r\nb\r\n\x1b[?7h");
        lines.write_above(b"log\n");
        assert_eq!(paper.take(), "\r\x1b[2A\x1b[Jlog\n\x1b[?7la\r\nb\r\n\x1b[?7h");
        lines.finish();
        assert_eq!(paper.take(), "\r\x1b[2A\x1b[J");
        lines.show(vec!["late".to_owned()]);
        lines.write_above(b"end\n");
        assert_eq!(paper.take(), "end\n");
    }

    #[test]
    fn no_more_is_drawn_than_the_terminal_is_high() {
        let (lines, paper) = lines(WIDE);
        lines.show((0..9).map(|number| number.to_string()).collect());
        assert_eq!(paper.take(), "\x1b[?7l0\r\n1\r\n2\r\n\x1b[?7h");
    }

    #[test]
    fn what_a_narrower_terminal_broke_is_taken_away_whole() {
        let (lines, paper) = lines(|| TerminalSize { columns: 8, rows: 24 });
        lines.show(vec!["x".repeat(17), "y".repeat(8), String::new()]);
        paper.take();
        lines.finish();
        assert_eq!(paper.take(), "\r\x1b[5A\x1b[J");
    }

    #[test]
    fn a_panic_is_told_where_the_lines_stood() {
        let (lines, paper) = lines(WIDE);
        lines.show(vec!["a".to_owned()]);
        paper.take();
        step_aside(&Arc::downgrade(&lines.drawing));
        assert_eq!(paper.take(), "\r\x1b[1A\x1b[J");
        // What is told stays, and the lines come below it.
        lines.show(vec!["b".to_owned()]);
        assert_eq!(paper.take(), "\x1b[?7lb\r\n\x1b[?7h");
        // Also from inside of drawing.
        let held = lines.drawing.lock().expect("a drawing");
        step_aside(&Arc::downgrade(&lines.drawing));
        assert_eq!(paper.take(), "");
        drop(held);
    }
}
