//! The target `stdout`: a line an output on standard output, or what outputs are packed into.

use std::io::{self, IsTerminal};
use std::time::Instant;

use super::{LineContent, Output, Sink, SinkFuture, TargetHealth, file, line};
use crate::{foreign, stdout};

/// Writes to standard output.
#[derive(Debug)]
pub(super) struct StdoutSink {
    lines: LineContent,
    /// Whether a terminal shows what is written: it would obey what stands in the outputs.
    is_terminal: bool,
    health: TargetHealth,
}

impl StdoutSink {
    pub(super) fn new(lines: LineContent) -> Self {
        Self { lines, is_terminal: io::stdout().is_terminal(), health: TargetHealth::of("stdout") }
    }

    /// The outputs as they are written: the same wherever they go, but that nothing of it commands a terminal.
    async fn encode(&self, outputs: &[Output<'_>]) -> Vec<u8> {
        let text = line::encode(outputs, self.lines).await;
        if self.is_terminal { for_terminal(&text).into_bytes() } else { text }
    }
}

/// What a terminal is shown of this. Lines of JSON keep their values; other data may be anything, and is shown by its
/// characters.
fn for_terminal(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    // What JSON has nowhere, not even between its values, as they are written here.
    let is_other = text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\n' | b'\t'));
    if is_other { foreign::lines(&text).into_owned() } else { foreign::json(&text).into_owned() }
}

impl Sink for StdoutSink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(async move {
            let text = self.encode(outputs).await;
            file::off_the_runtime(&self.health, outputs.len(), move || {
                stdout::write(&text).map_err(|error| error.to_string())
            })
            .await
        })
    }

    fn health(&self) -> Option<&TargetHealth> {
        Some(&self.health)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_a_terminal_whatever_is_packed() {
        assert_eq!(for_terminal(b"{\"a\":\"\xc2\x9b\"}\n[1,\t2]\n"), "{\"a\":\"\\u009b\"}\n[1,\t2]\n");
        assert_eq!(for_terminal(b"\x1b[31mred\r\n"), "\\u{1b}[31mred\\r\n");
        assert_eq!(for_terminal(b"\xff\x1b]0;title\x07\xfe"), "\u{fffd}\\u{1b}]0;title\\u{7}\u{fffd}");
        assert_eq!(for_terminal("a\u{202e}b".as_bytes()), "a\\u202eb");
    }
}
