//! Lines: each is the payload of a record, without its line end.
//!
//! The sequence number is the number of the line, counted from 1, and so is the partition key: the
//! position where a run stops is the line to look at. Empty lines are no records.

use std::io::{self, BufRead, BufReader, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{LOCAL_SHARD, MAX_PAYLOAD_BYTES, MAX_RECORDS};
use crate::event::{Batch, Record};

/// The longest line that is taken: no Kinesis record is larger.
const MAX_LINE_BYTES: usize = 10 << 20;

/// Enough for a full batch of ordinary lines.
const BUFFER_BYTES: usize = 4 << 20;

/// Reads lines into batches.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    stream_arn: String,
    lines_read: u64,
    most_records: usize,
    most_bytes: usize,
}

impl Lines {
    pub(super) fn new(input: Box<dyn Read + Send>, stream_arn: String) -> Self {
        Self {
            reader: BufReader::with_capacity(BUFFER_BYTES, input),
            stream_arn,
            lines_read: 0,
            most_records: MAX_RECORDS,
            most_bytes: MAX_PAYLOAD_BYTES,
        }
    }

    /// What a batch holds at most, from now on.
    pub(super) fn set_limits(&mut self, records: usize, payload_bytes: usize) {
        (self.most_records, self.most_bytes) = (records, payload_bytes);
    }

    /// The lines at hand, up to a full batch; none at the end of the input. A pipe that falls quiet
    /// gives a small batch rather than waiting for a full one.
    pub(super) fn next_batch(&mut self) -> io::Result<Option<Batch>> {
        let mut batch = Batch::builder(&self.stream_arn, LOCAL_SHARD);
        let mut payload = Vec::new();
        while batch.len() < self.most_records && batch.payload_bytes() < self.most_bytes {
            let has_to_wait = !self.reader.buffer().contains(&b'\n');
            if has_to_wait && !batch.is_empty() {
                break;
            }
            if !self.read_line(&mut payload)? {
                break;
            }
            if !payload.is_empty() {
                let number = self.lines_read.to_string();
                let record = Record {
                    partition_key: &number,
                    sequence_number: &number,
                    sub_sequence_number: 0,
                    arrived_at: now(),
                };
                batch.push_bytes(record, &payload).map_err(io::Error::other)?;
            }
        }
        Ok((!batch.is_empty()).then(|| batch.build()))
    }

    /// Reads a line without its end; false at the end of the input.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        let longest_with_its_end = MAX_LINE_BYTES as u64 + 2;
        if self.reader.by_ref().take(longest_with_its_end).read_until(b'\n', line)? == 0 {
            return Ok(false);
        }
        self.lines_read += 1;
        if line.pop_if(|byte| *byte == b'\n').is_some() {
            line.pop_if(|byte| *byte == b'\r');
        }
        if line.len() > MAX_LINE_BYTES {
            let message = format!("line {} is longer than the largest Kinesis record, 10 MiB", self.lines_read);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(true)
    }
}

fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &'static [u8]) -> Vec<(String, String)> {
        let mut lines = Lines::new(Box::new(input), "arn".to_owned());
        let mut read = Vec::new();
        while let Some(batch) = lines.next_batch().expect("readable") {
            read.extend(batch.iter().map(|event| {
                let payload = String::from_utf8_lossy(event.payload.bytes()).into_owned();
                (event.sequence_number.to_string(), payload)
            }));
        }
        read
    }

    #[test]
    fn the_sequence_number_is_the_number_of_the_line() {
        let expected = [("1", "one"), ("3", "three"), ("4", " four "), ("5", "five")];
        let expected = expected.map(|(number, payload)| (number.to_owned(), payload.to_owned()));
        assert_eq!(read(b"one\n\nthree\r\n four \nfive"), expected);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n\n"), []);
    }

    #[test]
    fn a_batch_holds_no_more_than_lambda_would_send() {
        let many: &'static [u8] = Box::leak("x\n".repeat(MAX_RECORDS + 1).into_bytes().into_boxed_slice());
        let mut lines = Lines::new(Box::new(many), "arn".to_owned());
        let first = lines.next_batch().expect("readable").expect("a batch");
        let second = lines.next_batch().expect("readable").expect("a batch");
        assert_eq!((first.len(), second.len()), (MAX_RECORDS, 1));
    }

    #[test]
    fn a_pipe_that_falls_quiet_gives_what_it_has() {
        /// Gives a few bytes a read, as a pipe does.
        struct Pipe(Vec<&'static [u8]>);
        impl Read for Pipe {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let next = if self.0.is_empty() { &[][..] } else { self.0.remove(0) };
                buffer[..next.len()].copy_from_slice(next);
                Ok(next.len())
            }
        }
        let pipe = Pipe(vec![b"one\ntwo\nth", b"ree\n"]);
        let mut lines = Lines::new(Box::new(pipe), "arn".to_owned());
        let mut sizes = Vec::new();
        while let Some(batch) = lines.next_batch().expect("readable") {
            sizes.push(batch.len());
        }
        assert_eq!(sizes, [2, 1]);
    }

    #[test]
    fn a_line_that_no_stream_could_carry_is_refused() {
        let long: &'static [u8] = Box::leak(vec![b'x'; MAX_LINE_BYTES + 1].into_boxed_slice());
        let error = Lines::new(Box::new(long), "arn".to_owned()).next_batch().expect_err("too long");
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
