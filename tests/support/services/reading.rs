//! A connection that is read slowly, or not to its end.

use std::io::{Read, Result};
use std::net::TcpStream;
use std::time::Duration;

use super::faults::Reading;

/// Bytes that are read at a time where that is done slowly.
const STEP: usize = 32 << 10;

pub(super) struct Paced {
    stream: TcpStream,
    reading: Reading,
    /// Bytes so far.
    read: usize,
}

impl Paced {
    pub(super) fn new(stream: TcpStream, reading: Reading) -> Self {
        Self { stream, reading, read: 0 }
    }
}

impl Read for Paced {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let most = match self.reading {
            Reading::AtOnce => buffer.len(),
            Reading::Slowly(_) => buffer.len().min(STEP),
            Reading::UpTo(most) => buffer.len().min(most - self.read),
        };
        if most == 0 && !buffer.is_empty() {
            // The client gives up some time; the thread ends with the process.
            std::thread::park();
            return Ok(0);
        }
        let count = self.stream.read(&mut buffer[..most])?;
        self.read += count;
        if let Reading::Slowly(bytes_per_second) = self.reading {
            std::thread::sleep(Duration::from_secs_f64(count as f64 / bytes_per_second as f64));
        }
        Ok(count)
    }
}
