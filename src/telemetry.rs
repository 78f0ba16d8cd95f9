//! What the operator reads: the structured log.
//!
//! Everything goes to standard error; standard output belongs to the target `stdout`. An event is one line, whatever guests
//! and services say in it.

mod escaping;

use std::io::{self, Write};

use self::escaping::{JsonToStderr, OneLineFields, safe_json};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, registry};

use crate::error_code::ErrorCode;
use crate::timestamp::{now_millis, rfc3339};

/// Logs as JSON, an object a line: for Lambda, which can index it.
pub fn log_json(level: LevelFilter) {
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(JsonToStderr);
    // A second call keeps the first one's: there is one log a process.
    let _ = registry().with(lines.with_filter(filter(level))).try_init();
}

/// Writes a last line, whatever the level is: without it a function that does not start would say
/// nothing to whoever reads its log.
pub fn log_fatal(message: &str, code: ErrorCode) {
    let code = code.as_str();
    // Without its time, Lambda takes a line for one of level INFO, whatever it says.
    let timestamp = rfc3339(now_millis());
    let line = serde_json::json!({
        "timestamp": timestamp, "level": "ERROR", "message": message, "code": code, "target": "kinesieve",
    });
    // There is nowhere left to say that standard error is closed.
    let _ = writeln!(io::stderr(), "{}", safe_json(&line.to_string()));
}

/// Logs as text, for a person.
pub fn log_text<W>(level: LevelFilter, writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    log_text_of(filter(level), writer, ansi);
}

/// Logs as text, without the processor's lines about single events, for a command that reports those itself.
pub fn log_text_without_events<W>(level: LevelFilter, writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    log_text_of(filter(level).with_target("kinesieve::processor", LevelFilter::OFF), writer, ansi);
}

/// Logs as text, without the processor's line about where a batch stopped, for a command that reports that itself.
pub fn log_text_without_stops<W>(level: LevelFilter, writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    log_text_of(filter(level).with_target("kinesieve::processor::report", LevelFilter::OFF), writer, ansi);
}

/// Logs as text without some log targets, beside a layer that sees every log line.
pub fn log_text_beside<L, W>(layer: L, level: LevelFilter, without: &[&str], writer: W, ansi: bool)
where
    L: Layer<Registry> + Send + Sync,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let targets = without.iter().fold(filter(level), |targets, target| targets.with_target(*target, LevelFilter::OFF));
    let _ = registry().with(layer).with(text_lines(writer, ansi).with_filter(targets)).try_init();
}

fn log_text_of<W>(targets: Targets, writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Where the SDK finds no region or credentials, the error of the request says so, and once.
    let targets = targets.with_target("aws_config", LevelFilter::OFF);
    let _ = registry().with(text_lines(writer, ansi).with_filter(targets)).try_init();
}

/// The layer that writes an event a line, for a person.
fn text_lines<S, W>(writer: W, ansi: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().fmt_fields(OneLineFields);
    lines.with_target(false).without_time().with_ansi(ansi).with_writer(writer)
}

/// Our own lines at the level asked for; those of libraries from warnings on, since at finer levels
/// they can hold payloads.
fn filter(level: LevelFilter) -> Targets {
    Targets::new().with_target("kinesieve", level).with_default(level.min(LevelFilter::WARN))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

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
        let written = LogCapture::default();
        let writer = written.clone();
        let subscriber = registry().with(text_lines(move || writer.clone(), ansi));
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
