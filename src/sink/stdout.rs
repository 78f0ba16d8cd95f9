//! The target `stdout`: a line an output on standard output.

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

    /// The outputs as lines of JSON: the same values wherever they go, with more of it escaped for a terminal.
    async fn encode(&self, outputs: &[Output<'_>]) -> Vec<u8> {
        let text = line::encode(outputs, self.lines).await;
        match std::str::from_utf8(&text) {
            Ok(json) if self.is_terminal => foreign::json(json).into_owned().into_bytes(),
            _ => text,
        }
    }
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
