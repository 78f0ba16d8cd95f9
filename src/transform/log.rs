//! What a guest says: through the contract's `log`, or printed to standard output and error.
//!
//! Lines are collected while the guest runs, and written to the structured log when it is done with the event. Their
//! number and length are bounded: a guest that prints without end does not fill the memory.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The most lines that are kept of one event.
const LINES_AN_EVENT: usize = 100;

/// The most bytes that are kept of one line.
const LINE_BYTES: usize = 4096;

/// The lines of the event in hand; a clone is another handle to the same.
#[derive(Debug, Clone, Default)]
pub(super) struct GuestLog(Arc<SharedLog>);

#[derive(Debug, Default)]
struct SharedLog {
    lines: Mutex<LogLines>,
    /// Whether anything was written since the last look: most events leave nothing, and a lock costs more than this.
    is_touched: AtomicBool,
}

#[derive(Debug, Default)]
struct LogLines {
    kept: Vec<LogLine>,
    left_out: usize,
    unfinished: [Vec<u8>; 2],
}

/// One line that a guest wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogLine {
    pub(super) level: Level,
    /// `log`, `stdout`, `stderr` or `backtrace`.
    pub(super) source: &'static str,
    pub(super) text: String,
}

/// The lines of one event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct GuestOutput {
    pub(super) lines: Vec<LogLine>,
    /// How many more there were.
    pub(super) left_out: usize,
}

impl GuestOutput {
    /// Where the guest broke. It is in the log for whoever looks closely.
    pub(super) fn add_trace(&mut self, trace: Vec<String>) {
        // The names are the component's own, and as long as it likes.
        let line = |text: String| LogLine { level: Level::DEBUG, source: "backtrace", text: cut(text.as_bytes()) };
        self.lines.extend(trace.into_iter().map(line));
    }

    /// Whether the guest wrote nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.left_out == 0
    }
}

impl GuestLog {
    /// A message through the contract's `log`.
    pub(super) fn message(&self, level: Level, message: &str) {
        self.lines().keep(level, "log", message.as_bytes());
    }

    /// A stream for the guest to print to.
    pub(super) fn pipe(&self, stream: GuestStream) -> GuestPipe {
        GuestPipe { log: self.clone(), stream }
    }

    /// What was written since the last call. A line without its end counts: it belongs to the event
    /// that it was written in.
    pub(super) fn take(&self) -> GuestOutput {
        // The guest writes on the thread that calls this.
        if !self.0.is_touched.load(Ordering::Relaxed) {
            return GuestOutput::default();
        }
        let mut lines = self.lines();
        self.0.is_touched.store(false, Ordering::Relaxed);
        for stream in [GuestStream::Out, GuestStream::Error] {
            let unfinished = std::mem::take(&mut lines.unfinished[stream as usize]);
            lines.keep_printed(stream, &unfinished);
        }
        GuestOutput { lines: std::mem::take(&mut lines.kept), left_out: std::mem::take(&mut lines.left_out) }
    }

    /// The lines, for somebody who writes some.
    fn lines(&self) -> MutexGuard<'_, LogLines> {
        self.0.is_touched.store(true, Ordering::Relaxed);
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogLines {
    fn keep(&mut self, level: Level, source: &'static str, text: &[u8]) {
        if self.kept.len() == LINES_AN_EVENT {
            self.left_out += 1;
            return;
        }
        self.kept.push(LogLine { level, source, text: cut(text) });
    }

    /// Blank lines are layout, and layout is lost among the lines of other events.
    fn keep_printed(&mut self, stream: GuestStream, line: &[u8]) {
        if !line.trim_ascii().is_empty() {
            self.keep(stream.level(), stream.name(), line);
        }
    }

    fn print(&mut self, stream: GuestStream, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let mut line = std::mem::take(&mut self.unfinished[stream as usize]);
            line.extend_from_slice(&rest[..end]);
            self.keep_printed(stream, &line);
            rest = &rest[end + 1..];
        }
        let unfinished = &mut self.unfinished[stream as usize];
        // One byte more than is kept, so that a line cut here is marked as cut.
        let permit = (LINE_BYTES + 1).saturating_sub(unfinished.len());
        unfinished.extend_from_slice(&rest[..rest.len().min(permit)]);
    }
}

/// As much of a text as is kept of a line.
fn cut(text: &[u8]) -> String {
    let kept = &text[..text.len().min(LINE_BYTES)];
    let mut line = String::from_utf8_lossy(kept).into_owned();
    if kept.len() < text.len() {
        line.push('…');
    }
    line
}

/// A stream that a guest prints to.
#[derive(Debug, Clone, Copy)]
pub(super) enum GuestStream {
    Out = 0,
    Error = 1,
}

impl GuestStream {
    fn name(self) -> &'static str {
        match self {
            GuestStream::Out => "stdout",
            GuestStream::Error => "stderr",
        }
    }

    /// Languages print panics and stack traces to standard error.
    fn level(self) -> Level {
        match self {
            GuestStream::Out => Level::INFO,
            GuestStream::Error => Level::WARN,
        }
    }
}

/// The end of a stream that the guest holds.
#[derive(Debug, Clone)]
pub(super) struct GuestPipe {
    log: GuestLog,
    stream: GuestStream,
}

impl IsTerminal for GuestPipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestPipe {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    /// Only WASI 0.3 asks for this one, and no component of that release is loaded.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

impl OutputStream for GuestPipe {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.log.lines().print(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    /// Always ready; the answer bounds what a guest makes the host copy at once.
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl Pollable for GuestPipe {
    fn ready<'life, 'future>(&'life mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(written: &GuestOutput) -> Vec<&str> {
        written.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn prints_become_lines_however_they_are_cut() {
        let log = GuestLog::default();
        log.lines().print(GuestStream::Out, b"one\ntw");
        log.lines().print(GuestStream::Error, b"careful");
        log.lines().print(GuestStream::Out, b"o\n\nrest");
        let written = log.take();
        assert_eq!(texts(&written), ["one", "two", "rest", "careful"]);
        assert_eq!(written.lines[3].source, "stderr");
        assert_eq!(log.take(), GuestOutput::default());
    }

    #[test]
    fn lines_are_bounded_in_number_and_length() {
        let log = GuestLog::default();
        for _ in 0..10 {
            log.lines().print(GuestStream::Out, &[b'x'; 10_000]);
        }
        assert_eq!(log.lines().unfinished[0].len(), LINE_BYTES + 1);
        log.lines().print(GuestStream::Out, b"\n");
        for _ in 0..150 {
            log.message(Level::INFO, "again");
        }
        let written = log.take();
        assert_eq!(written.lines.len(), LINES_AN_EVENT);
        assert_eq!(written.left_out, 51);
        assert!(written.lines[0].text.ends_with('…'));
        assert_eq!(written.lines[0].text.len(), LINE_BYTES + '…'.len_utf8());
    }

    #[test]
    fn what_is_not_utf8_is_still_readable() {
        let log = GuestLog::default();
        log.lines().print(GuestStream::Out, b"caf\xe9\n");
        assert_eq!(texts(&log.take()), ["caf\u{fffd}"]);
    }
}
