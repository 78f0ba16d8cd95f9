//! Lines: each is the payload of a record, without its line end.
//!
//! The sequence number is the number of the line, counted from 1, and so is the partition key: the
//! position where a run stops is the line to look at. Empty lines are no records.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::{MAX_PAYLOAD_BYTES, MAX_RECORDS};
use crate::event::{Batch, Record, Shard};
use crate::timestamp::now_millis;

/// The longest line that is taken: no Kinesis record is larger.
pub(super) const MAX_LINE_BYTES: usize = 10 << 20;

/// Enough for a full batch of ordinary lines.
const BUFFER_BYTES: usize = 4 << 20;

/// An input, through a buffer.
pub(super) type Buffered = BufReader<Box<dyn Read + Send>>;

/// Puts a buffer before an input that is large enough for lines.
pub(super) fn buffered(input: Box<dyn Read + Send>) -> Buffered {
    BufReader::with_capacity(BUFFER_BYTES, input)
}

/// Whether an input has all of its lines, or they are still being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineSupply {
    /// A file: to read on is never to wait.
    Complete,
    /// A pipe, say: what was read may be all that there is for hours.
    Growing,
}

/// Reads lines into batches.
pub(super) struct LineSource {
    /// What was read to find out that it is lines, and what is behind it.
    reader: Chain<Cursor<Vec<u8>>, Buffered>,
    supply: LineSupply,
    shard: Shard,
    lines_read: u64,
    most_records: usize,
    most_bytes: usize,
    /// What is said once the lines before it are processed.
    broken: Option<io::Error>,
}

impl LineSource {
    /// Lines of an input whose beginning was read already, into `head`.
    pub(super) fn new(head: Vec<u8>, rest: Buffered, supply: LineSupply, shard: Shard) -> Self {
        Self {
            reader: Cursor::new(head).chain(rest),
            supply,
            shard,
            lines_read: 0,
            most_records: MAX_RECORDS,
            most_bytes: MAX_PAYLOAD_BYTES,
            broken: None,
        }
    }

    /// What a batch holds at most, from now on.
    pub(super) fn set_limits(&mut self, records: usize, payload_bytes: usize) {
        (self.most_records, self.most_bytes) = (records, payload_bytes);
    }

    /// The lines at hand, up to a full batch; none at the end of the input. A pipe that falls quiet
    /// gives a small batch rather than waiting for a full one. An input that breaks off gives what is before first.
    pub(super) fn next_batch(&mut self) -> io::Result<Option<Batch>> {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        let mut batch = Batch::builder(&self.shard.stream_arn, &self.shard.id);
        let mut payload = Vec::new();
        while batch.len() < self.most_records && batch.payload_bytes() < self.most_bytes {
            if !batch.is_empty() && self.may_have_to_wait() {
                break;
            }
            match self.read_line(&mut payload) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if batch.is_empty() => return Err(error),
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
            if !payload.is_empty() {
                let number = self.lines_read.to_string();
                let record = Record {
                    partition_key: &number,
                    sequence_number: &number,
                    sub_sequence_number: 0,
                    arrived_at: now_millis(),
                };
                batch.push_bytes(record, &payload).map_err(io::Error::other)?;
            }
        }
        Ok((!batch.is_empty()).then(|| batch.build()))
    }

    /// Whether the next line may not have been written yet.
    fn may_have_to_wait(&self) -> bool {
        let (head, rest) = self.reader.get_ref();
        // What a cursor is behind of is read.
        let unread = usize::try_from(head.position()).ok().and_then(|read| head.get_ref().get(read..));
        let has_line = |bytes: &[u8]| bytes.contains(&b'\n');
        self.supply == LineSupply::Growing && !has_line(unread.unwrap_or_default()) && !has_line(rest.buffer())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: impl Read + Send + 'static, supply: LineSupply) -> LineSource {
        LineSource::new(Vec::new(), buffered(Box::new(input)), supply, shard())
    }

    fn shard() -> Shard {
        Shard { stream_arn: "arn".to_owned(), id: "shard".to_owned() }
    }

    fn sizes(mut lines: LineSource) -> Vec<usize> {
        let mut sizes = Vec::new();
        while let Some(batch) = lines.next_batch().expect("readable") {
            sizes.push(batch.len());
        }
        sizes
    }

    fn read(input: &'static [u8]) -> Vec<(String, String)> {
        let mut lines = lines(input, LineSupply::Complete);
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
        let many = "x\n".repeat(MAX_RECORDS + 1).into_bytes();
        assert_eq!(sizes(lines(Cursor::new(many), LineSupply::Complete)), [MAX_RECORDS, 1]);
    }

    /// Gives a few bytes a read, as a pipe does.
    struct TestPipe(Vec<&'static [u8]>);

    impl Read for TestPipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let next = if self.0.is_empty() { &[][..] } else { self.0.remove(0) };
            buffer[..next.len()].copy_from_slice(next);
            Ok(next.len())
        }
    }

    #[test]
    fn a_pipe_that_falls_quiet_gives_what_it_has() {
        let pipe = || TestPipe(vec![b"one\ntwo\nth", b"ree\n"]);
        assert_eq!(sizes(lines(pipe(), LineSupply::Growing)), [2, 1]);
    }

    #[test]
    fn what_was_read_before_and_what_is_buffered_are_one() {
        for (head, at_hand) in [("one\n", 1), ("\n\none\n", 1), ("one\ntwo\n", 2), ("on", 1), ("one\ntw", 2)] {
            // Behind the head a first read is due, and the lines that it gives are at hand as well.
            let rest: &'static [u8] = if head.ends_with('\n') { b"more\nand more\n" } else { b"e\nmore\nand more\n" };
            let mut rest = buffered(Box::new(TestPipe(vec![rest, b"later\n"])));
            rest.fill_buf().expect("readable");
            let lines = LineSource::new(head.into(), rest, LineSupply::Growing, shard());
            assert_eq!(sizes(lines), [at_hand + 2, 1], "{head:?}");
        }
    }

    #[test]
    fn a_file_fills_its_batches_wherever_its_reads_end() {
        let file = || TestPipe(vec![b"one\ntwo\nth", b"ree\n", b"four", b"\n"]);
        assert_eq!(sizes(lines(file(), LineSupply::Complete)), [4]);
        // Longer than the buffer, in bytes.
        let line = [&[b'x'; 999][..], b"\n"].concat();
        let file = line.repeat(BUFFER_BYTES / 1000 + 100);
        assert_eq!(sizes(lines(Cursor::new(file), LineSupply::Complete)), [BUFFER_BYTES / 1000 + 100]);
    }

    #[test]
    fn a_line_that_no_stream_could_carry_is_refused() {
        let long = Cursor::new(vec![b'x'; MAX_LINE_BYTES + 1]);
        let error = lines(long, LineSupply::Complete).next_batch().expect_err("too long");
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn lines_before_one_that_can_not_be_read_come_first() {
        let input = [&b"one\ntwo\n"[..], &vec![b'x'; MAX_LINE_BYTES + 1]].concat();
        let mut lines = lines(Cursor::new(input), LineSupply::Complete);
        assert_eq!(lines.next_batch().expect("readable").map(|batch| batch.len()), Some(2));
        assert!(lines.next_batch().is_err_and(|error| error.to_string().contains("line 3")));
    }
}
