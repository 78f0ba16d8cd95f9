//! The target `stdout`: a line an output on standard output.

use std::io::{self, Write};
use std::time::Instant;

use super::{Answering, Lines, Output, Sink, file, line};

/// Writes to standard output.
#[derive(Debug)]
pub(super) struct Stdout {
    lines: Lines,
}

impl Stdout {
    pub(super) fn new(lines: Lines) -> Self {
        Self { lines }
    }
}

impl Sink for Stdout {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> Answering<'a> {
        Box::pin(async move {
            let text = line::encode(outputs, self.lines).await;
            file::off_the_runtime(outputs.len(), move || {
                let mut stdout = io::stdout().lock();
                stdout
                    .write_all(&text)
                    .and_then(|()| stdout.flush())
                    .map_err(|error| format!("standard output: {error}"))
            })
            .await
        })
    }
}
