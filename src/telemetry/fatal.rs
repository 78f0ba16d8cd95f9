//! Lines of JSON that are written whatever the level is, and without the log, which may not be there yet or may be what
//! failed: the last words of a function, and what a command says of itself.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;

use serde_json::{Value, json};

use super::escaping::safe_json;
use super::invocation::InvocationContext;
use crate::error_code::ErrorCode;
use crate::timestamp::{now_millis, rfc3339};

/// Writes a last line: without it a function that does not start would say nothing to whoever reads its log.
pub fn log_fatal(message: &str, code: ErrorCode) {
    write(&line("ERROR", message, &[("code", code.as_str().into())]));
}

/// Writes a last line about what has no code, since only the system can mend it.
pub fn log_fatal_of_the_system(message: &str) {
    write(&line("ERROR", message, &[]));
}

/// Writes a panic as a last line. Its backtrace is there where RUST_BACKTRACE asks for it.
pub fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload_as_str().unwrap_or("without a message");
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    write(&panic_line(payload, &place, backtrace));
}

fn panic_line(payload: &str, place: &str, backtrace: Option<String>) -> Value {
    let mut more = vec![("panic", payload.into()), ("location", place.into())];
    more.extend(backtrace.map(|backtrace| ("backtrace", backtrace.into())));
    line("ERROR", &format!("kinesieve panicked at {place}, which is a bug: {payload}"), &more)
}

/// Returns the line of JSON that says a text in the log of a command, whatever the level is.
pub(crate) fn json_line(text: &str) -> String {
    safe_json(&line("INFO", text, &[]).to_string())
}

fn line(level: &str, message: &str, more: &[(&str, Value)]) -> Value {
    // Without its time, Lambda takes a line for one of level INFO, whatever it says.
    let timestamp = rfc3339(now_millis());
    let mut line = json!({ "timestamp": timestamp, "level": level, "message": message, "target": "kinesieve" });
    for (name, value) in more {
        line[name] = value.clone();
    }
    if let Some(id) = InvocationContext::current_or_only().request_id() {
        line["requestId"] = id.into();
    }
    line
}

fn write(line: &Value) {
    // There is nowhere left to say that standard error is closed.
    let _ = writeln!(io::stderr(), "{}", safe_json(&line.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::in_invocation;

    #[tokio::test]
    async fn a_panic_on_any_thread_is_one_line_with_the_invocation_under_way() {
        let panicked = || panic_line("index out of bounds\nforged", "src/lib.rs:1:2", Some("0: main\n1: start".into()));
        let line = in_invocation("the-request", async {
            // Nobody told this thread what it works for.
            std::thread::spawn(panicked).join().expect("it ends")
        });
        let line = line.await;
        assert_eq!([&line["requestId"], &line["level"]], ["the-request", "ERROR"]);
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert!(line["message"].as_str().is_some_and(|message| message.contains("src/lib.rs:1:2")), "{line}");
        assert_eq!(line["backtrace"], "0: main\n1: start");
        assert_eq!(line.to_string().lines().count(), 1);
    }
}
