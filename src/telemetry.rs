//! What the operator reads: the structured log.
//!
//! Everything goes to standard error; standard output belongs to the target `stdout`. An event is one line, whatever guests
//! and services say in it.

mod escaping;
mod fatal;
mod invocation;

use std::io;

use self::escaping::{OneLineFields, SafeJson};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, registry};

pub(crate) use self::fatal::json_line;
pub use self::fatal::{log_fatal, log_fatal_of_the_system, log_panic};
pub(crate) use self::invocation::{InvocationContext, in_invocation};

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person who looks on.
    Text {
        /// Whether in colours.
        ansi: bool,
    },
    /// For a person who reads it later: each line with its time, in UTC.
    TimedText {
        /// Whether in colours.
        ansi: bool,
    },
    /// An object a line, with the fields of the function's log.
    Json,
}

/// Which log lines there are, and how they are written.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions<'a> {
    /// From which level on.
    pub level: LevelFilter,
    /// How they are written.
    pub format: LogFormat,
    /// Log targets that are left out, since the command reports by itself what they say.
    pub without: &'a [&'a str],
}

/// What the processor says of single events.
pub const EVENT_LINES: &str = "kinesieve::processor";

/// What the processor says of where a batch stopped.
pub const STOP_LINES: &str = "kinesieve::processor::report";

/// Logs as JSON, an object a line: for Lambda, which can index it.
pub fn log_json(level: LevelFilter) {
    // A second call keeps the first one's: there is one log a process.
    let _ = registry().with(json_lines(io::stderr).with_filter(filter(level))).try_init();
}

/// Logs for a command.
pub fn log_for_command<W>(options: LogOptions<'_>, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let _ = registry().with(command_lines(options, writer)).try_init();
}

/// Logs for a command, beside a layer that sees every log line.
pub fn log_for_command_beside<L, W>(layer: L, options: LogOptions<'_>, writer: W)
where
    L: Layer<Registry> + Send + Sync,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let _ = registry().with(layer).with(command_lines(options, writer)).try_init();
}

fn command_lines<S, W>(options: LogOptions<'_>, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Where the SDK finds no region or credentials, the error of the request says so, and once.
    let without = ["aws_config"].iter().chain(options.without);
    let targets = without.fold(filter(options.level), |targets, target| targets.with_target(*target, LevelFilter::OFF));
    lines(options.format, writer).with_filter(targets)
}

/// The layer that writes an event a line.
fn lines<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let text = || tracing_subscriber::fmt::layer().fmt_fields(OneLineFields).with_target(false);
    match format {
        LogFormat::Text { ansi } => text().without_time().with_ansi(ansi).with_writer(writer).boxed(),
        LogFormat::TimedText { ansi } => text().with_ansi(ansi).with_writer(writer).boxed(),
        LogFormat::Json => json_lines(writer).boxed(),
    }
}

fn json_lines<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(SafeJson(writer))
}

/// Our own lines at the level asked for; those of libraries from warnings on, since at finer levels
/// they can hold payloads.
fn filter(level: LevelFilter) -> Targets {
    Targets::new().with_target("kinesieve", level).with_default(level.min(LevelFilter::WARN))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::escaping::safe_json;
    use super::*;
    use crate::foreign::is_unsafe;

    /// What was written, and a writer to it.
    #[derive(Clone, Default)]
    struct LogCapture(Arc<Mutex<Vec<u8>>>);

    impl Write for LogCapture {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the lock").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the text log says of what happens within.
    fn text_of(ansi: bool, work: impl FnOnce()) -> String {
        log_of(LogFormat::Text { ansi }, work)
    }

    /// What the log says of it in a format.
    fn log_of(format: LogFormat, work: impl FnOnce()) -> String {
        let written = LogCapture::default();
        let writer = written.clone();
        let subscriber = registry().with(lines(format, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let bytes = written.0.lock().expect("the lock").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn an_event_is_a_line_as_ever() {
        let text = text_of(false, || {
            tracing::warn!(key = "a \"b\"", count = 3, reason = %"no such table", "it stands still");
        });
        assert_eq!(text, " WARN it stands still key=\"a \\\"b\\\"\" count=3 reason=no such table\n");
        let coloured = text_of(true, || tracing::info!(count = 3, "done"));
        assert!(coloured.starts_with("\u{1b}[32m INFO\u{1b}[0m done \u{1b}[3mcount"), "{coloured:?}");
    }

    #[test]
    fn a_line_that_is_read_later_begins_with_its_time() {
        let text = log_of(LogFormat::TimedText { ansi: false }, || tracing::info!(count = 3, "done"));
        let (time, rest) = text.split_once(' ').expect("a time");
        assert!(humantime::parse_rfc3339(time).is_ok() && rest == " INFO done count=3\n", "{text}");
    }

    #[test]
    fn a_line_of_an_invocation_names_its_request_and_others_name_none() {
        let said = log_of(LogFormat::Json, || {
            tracing::info!(count = 3, "before");
            InvocationContext::default().within(|| tracing::info!("between"));
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(in_invocation("8476a536", async { tracing::warn!(code = "K1", "within") }));
        });
        let lines: Vec<serde_json::Value> =
            said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines[0]["count"], 3);
        let ids: Vec<Option<&str>> = lines.iter().map(|line| line.get("requestId")?.as_str()).collect();
        assert_eq!(ids, [None, None, Some("8476a536")]);
        assert_eq!([&lines[2]["level"], &lines[2]["code"], &lines[2]["message"]], ["WARN", "K1", "within"]);
    }

    #[test]
    fn no_event_forges_a_line() {
        let forged = "ok\r\n ERROR all is lost\u{1b}[2K\u{202e}\u{9b}";
        let error = io::Error::other(forged);
        let text = text_of(false, || {
            tracing::info!(text = forged, shown = %forged, error = &error as &dyn std::error::Error, "{forged}");
        });
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(!text.trim_end_matches('\n').chars().any(is_unsafe), "{text}");
        assert!(text.starts_with(" INFO ok\\r\\n ERROR all is lost\\u{1b}[2K\\u{202e}\\u{9b} text="), "{text}");
    }

    #[test]
    fn an_event_tells_no_credentials() {
        let text = text_of(false, || {
            let address = "http://user:secret@[bad";
            tracing::warn!(err = %format_args!("{address} can't be parsed"), address, "not used: {address}");
        });
        assert!(!text.contains("secret") && text.contains("http://***@[bad can't be parsed"), "{text}");
    }

    proptest! {
        #[test]
        fn a_line_of_json_is_one_line_of_the_same_json(text in any::<String>()) {
            let line = serde_json::json!({ "message": text }).to_string();
            let shown = safe_json(&line);
            prop_assert!(!shown.chars().any(is_unsafe), "{shown:?}");
            if !text.contains('@') {
                let message: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
                prop_assert_eq!(&message["message"], text.as_str());
            }
        }
    }

    #[test]
    fn a_line_of_json_tells_no_credentials() {
        let line = serde_json::json!({ "message": "can't use \"http://user:secret@host:1\"" }).to_string();
        let shown: serde_json::Value = serde_json::from_str(&safe_json(&line)).expect("JSON");
        assert_eq!(shown["message"], "can't use \"http://***@host:1\"");
    }
}
