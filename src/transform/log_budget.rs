//! What guests may write to the structured log about a batch, and how it is written: a line a message, bounded as it
//! stands there.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::log::{GuestOutput, LogLine};
use crate::event::{Batch, Event};
use crate::telemetry::InvocationContext;

/// The most lines that all guests together write about one batch ...
const LINES: usize = 1000;

/// ... and the most bytes of them, as they are written: escaped as in JSON.
const BYTES: usize = 1 << 20;

/// What the lines go by in the log, beside our own.
const TARGET: &str = "kinesieve::guest";

/// What guests may write to the log about a batch: as much, however many workers and parts it has. A clone is a further
/// handle to the same. The log says how many lines were left out when the batch is over, and once more when the last
/// handle is dropped, should a guest have gone on.
#[derive(Debug, Clone)]
pub struct LogBudget(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    /// None: what is written is about the start, and no batch.
    shard_id: Option<String>,
    /// What the guests work for, on threads of their own.
    invocation: InvocationContext,
    left: Mutex<BudgetLeft>,
}

#[derive(Debug)]
struct BudgetLeft {
    lines: usize,
    bytes: usize,
    left_out: usize,
}

impl LogBudget {
    /// The budget of a batch: of one part or of all.
    pub fn of(batch: &Batch) -> Self {
        Self::new(Some(batch.shard_id().to_owned()))
    }

    /// The budget of a start.
    pub(super) fn of_start() -> Self {
        Self::new(None)
    }

    fn new(shard_id: Option<String>) -> Self {
        let left = Mutex::new(BudgetLeft { lines: LINES, bytes: BYTES, left_out: 0 });
        Self(Arc::new(Budget { shard_id, invocation: InvocationContext::current(), left }))
    }

    /// The invocation that the batch came in, if it came in one.
    pub(super) fn invocation(&self) -> InvocationContext {
        self.0.invocation.clone()
    }

    /// Writes lines, with the position of the event that they are about.
    pub(super) fn write(&self, written: &GuestOutput, about: Option<(&Batch, Event<'_>)>) {
        // What is too fine for the log anyway is neither written nor left out.
        for line in written.lines.iter().filter(|line| line.level <= LevelFilter::current()) {
            let text = one_line(&line.text);
            if self.take(escaped_len(&text)) {
                write_line(line, &text, about);
            }
        }
        if written.left_out > 0 {
            self.0.with_left(|left| left.left_out += written.left_out);
        }
    }

    /// Ends the batch: the log says how many lines were left out so far. Workers may hold their handles a little longer
    /// than their verdicts, and the process may end in between.
    pub fn end(&self) {
        self.0.say_what_is_left_out();
    }

    /// Takes a line's share, if there is so much left.
    fn take(&self, bytes: usize) -> bool {
        self.0.with_left(|left| {
            let fits = left.lines > 0 && left.bytes >= bytes;
            if fits {
                left.lines -= 1;
                left.bytes -= bytes;
            } else {
                left.left_out += 1;
            }
            fits
        })
    }
}

impl Budget {
    /// No code panics while it holds this lock; if some ever does, the numbers are still good.
    fn with_left<T>(&self, change: impl FnOnce(&mut BudgetLeft) -> T) -> T {
        change(&mut self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says it once.
    fn say_what_is_left_out(&self) {
        let left_out = self.with_left(|left| std::mem::take(&mut left.left_out));
        if left_out == 0 {
            return;
        }
        let what = if self.shard_id.is_some() { "about this batch" } else { "while it started" };
        self.invocation.within(|| {
            tracing::warn!(
                target: TARGET,
                shard_id = self.shard_id.as_deref(),
                "{left_out} lines that the transform wrote {what} are left out",
            );
        });
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.say_what_is_left_out();
    }
}

/// Returns a text on one line, with nothing that a terminal or a viewer would obey: control characters other than the
/// tabulator, separators of lines and paragraphs, and what turns the direction of text around are escaped.
fn one_line(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_obeyed) else { return text.into() };
    let (plain, rest) = text.split_at(first);
    let mut line = String::with_capacity(text.len() + 8);
    line.push_str(plain);
    for character in rest.chars() {
        if is_obeyed(character) {
            // A String takes everything.
            let _ = write!(line, "{}", character.escape_default());
        } else {
            line.push(character);
        }
    }
    line.into()
}

fn is_obeyed(character: char) -> bool {
    match character {
        '\t' => false,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        other => other.is_control(),
    }
}

/// Returns the length of a text that is on one line, escaped as in JSON.
fn escaped_len(line: &str) -> usize {
    line.len() + line.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\t')).count()
}

fn write_line(line: &LogLine, text: &str, about: Option<(&Batch, Event<'_>)>) {
    let shard_id = about.map(|(batch, _)| batch.shard_id());
    let sequence_number = about.map(|(_, event)| event.sequence_number.as_str());
    // Few records travel in aggregates.
    let sub_sequence_number = about.map(|(_, event)| event.sub_sequence_number).filter(|number| *number > 0);
    // A level has to be known when the program is compiled.
    macro_rules! write_at {
        ($level:expr) => {
            tracing::event!(
                target: TARGET, $level, source = line.source, shard_id, sequence_number, sub_sequence_number,
                "{text}"
            )
        };
    }
    match line.level {
        Level::ERROR => write_at!(Level::ERROR),
        Level::WARN => write_at!(Level::WARN),
        Level::INFO => write_at!(Level::INFO),
        Level::DEBUG => write_at!(Level::DEBUG),
        Level::TRACE => write_at!(Level::TRACE),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::*;

    /// A log that keeps what is written.
    #[derive(Debug, Clone, Default)]
    struct KeptLog(Arc<Mutex<Vec<u8>>>);

    impl io::Write for KeptLog {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log_of(work: impl FnOnce()) -> String {
        let kept = KeptLog::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(LevelFilter::INFO)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = std::mem::take(&mut *kept.0.lock().expect("whole"));
        String::from_utf8(bytes).expect("UTF-8")
    }

    fn written(level: Level, text: &str, times: usize) -> GuestOutput {
        let line = LogLine { level, source: "log", text: text.to_owned() };
        GuestOutput { lines: vec![line; times], left_out: 0 }
    }

    fn batch() -> Batch {
        Batch::builder("arn", "shardId-000000000000").build()
    }

    #[test]
    fn all_who_work_on_a_batch_share_its_lines_and_one_line_says_how_many_were_left_out() {
        let log = log_of(|| {
            let part = LogBudget::of(&batch());
            let workers = [part.clone(), part.clone(), part.clone()];
            for worker in &workers {
                worker.write(&written(Level::INFO, "again", 600), None);
            }
            drop(workers);
            let next_part = part.clone();
            drop(part);
            next_part.write(&written(Level::INFO, "again", 1), None);
        });
        assert_eq!(log.matches("\"message\":\"again\"").count(), LINES);
        assert_eq!(log.matches("are left out").count(), 1);
        assert!(log.contains("801 lines that the transform wrote about this batch are left out"), "{log}");
    }

    #[test]
    fn what_is_left_out_is_said_when_the_batch_ends_though_a_worker_still_holds_its_handle() {
        let worker = LogBudget::of(&batch());
        let log = log_of(|| {
            let run = worker.clone();
            worker.write(&written(Level::INFO, "again", LINES + 3), None);
            run.end();
        });
        assert!(log.contains("\"3 lines that the transform wrote about this batch are left out\""), "{log}");
        assert_eq!(log_of(|| drop(worker)), "");
    }

    #[test]
    fn bytes_are_counted_as_they_are_written() {
        for text in ["\u{1}".repeat(4096), "\"\\".repeat(2048), "\u{202e}".repeat(1365), "x".repeat(4096)] {
            let log = log_of(|| LogBudget::of(&batch()).write(&written(Level::INFO, &text, 1000), None));
            // A line has its time, level and source besides.
            assert!(log.len() < BYTES + 1000 * 256, "{} bytes", log.len());
            assert!(log.len() > BYTES - 64 * 1024, "{} bytes", log.len());
        }
    }

    #[test]
    fn what_is_too_fine_for_the_log_takes_nothing_of_it() {
        let log = log_of(|| {
            let budget = LogBudget::of(&batch());
            budget.write(&written(Level::DEBUG, "fine", 2000), None);
            budget.write(&written(Level::INFO, "coarse", 1), None);
        });
        assert!(log.contains("coarse") && !log.contains("left out"), "{log}");
    }

    #[test]
    fn a_message_is_one_line_and_turns_nothing_around() {
        let forged = one_line("done\r\n ERROR forged \u{9b}31m\u{1b}[2J\u{202e}txt.exe\u{2066}\u{2028}\ttab é");
        assert_eq!(forged, "done\\r\\n ERROR forged \\u{9b}31m\\u{1b}[2J\\u{202e}txt.exe\\u{2066}\\u{2028}\ttab é");
        assert!(matches!(one_line("as it is: \\n \"é\""), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn a_line_is_as_long_as_json_makes_it(text in ".{0,40}|[\\x00-\\x9f\u{2028}\u{202e}\"\\\\]{0,40}") {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(|character| character != '\t' && character.is_control()));
            let json = serde_json::to_string(&line).expect("JSON");
            prop_assert_eq!(escaped_len(&line), json.len() - 2);
        }
    }
}
