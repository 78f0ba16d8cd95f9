//! Dead letters in lines, compressed by gzip or not.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::{FoundLetter, Letter, Malformed};
use crate::source::storage::{TextInput, is_broken};

/// The longest line that is taken. A Firehose delivery stream puts letters behind each other without a line
/// end, up to 128 MiB of them.
const LONGEST_LINE: usize = 160 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the letters of one file or object.
pub(super) struct LetterLines {
    name: String,
    reader: Box<dyn BufRead + Send>,
    is_compressed: bool,
    longest: usize,
    lines_read: u64,
    /// The line that was read last.
    line: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
}

/// What a line is, as far as its bytes say.
enum LetterLine {
    Whole,
    Unreadable(String),
}

impl LetterLines {
    /// `name` is what messages call it.
    pub(super) fn open(name: String, input: impl Read + Send + 'static) -> io::Result<Self> {
        Self::with_longest(name, input, LONGEST_LINE)
    }

    fn with_longest(name: String, input: impl Read + Send + 'static, longest: usize) -> io::Result<Self> {
        let TextInput { reader, is_compressed } = TextInput::open(input)?;
        Ok(Self { name, reader, is_compressed, longest, lines_read: 0, line: Vec::new(), taken: 0 })
    }

    /// The next letter; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<FoundLetter>> {
        loop {
            let rest = self.line.get(self.taken..).unwrap_or_default();
            if let Some((letter, bytes)) = Letter::parse_first(rest) {
                self.taken += bytes;
                return Ok(Some(self.found(letter)));
            }
            self.line.clear();
            self.taken = 0;
            match self.read_line()? {
                None => return Ok(None),
                Some(LetterLine::Whole) => {}
                Some(LetterLine::Unreadable(reason)) => {
                    self.line.clear();
                    return Ok(Some(self.found(Err(Malformed::Unreadable(reason)))));
                }
            }
        }
    }

    fn found(&self, letter: Result<Letter, Malformed>) -> FoundLetter {
        FoundLetter { place: format!("{}:{}", self.name, self.lines_read), letter, message: None }
    }

    /// Reads a line without its end; none at the end of the input.
    fn read_line(&mut self) -> io::Result<Option<LetterLine>> {
        let longest_with_its_end = self.longest as u64 + 1;
        match self.reader.by_ref().take(longest_with_its_end).read_until(b'\n', &mut self.line) {
            Ok(0) => return Ok(None),
            Ok(_) => self.lines_read += 1,
            Err(error) if self.is_compressed && is_broken(&error) => {
                self.lines_read += 1;
                // Behind the break nothing can be told.
                self.reader = Box::new(io::empty());
                return Ok(Some(LetterLine::Unreadable(format!("from here on its gzip is broken: {error}"))));
            }
            Err(error) => return Err(error),
        }
        if self.line.pop_if(|byte| *byte == b'\n').is_none() && self.line.len() > self.longest {
            self.skip_line()?;
            let reason = format!("it is longer than what is read of a line, {} bytes", self.longest);
            return Ok(Some(LetterLine::Unreadable(reason)));
        }
        if self.lines_read == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.taken = BYTE_ORDER_MARK.len();
        }
        Ok(Some(LetterLine::Whole))
    }

    /// Reads on to the end of the line, or to where its gzip breaks off: the line is told as it is.
    fn skip_line(&mut self) -> io::Result<()> {
        match self.reader.skip_until(b'\n') {
            Ok(_) => Ok(()),
            Err(error) if self.is_compressed && is_broken(&error) => {
                self.reader = Box::new(io::empty());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for LetterLines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LetterLines").field("name", &self.name).field("lines_read", &self.lines_read).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::write::GzEncoder;

    use super::*;

    const LETTER: &str = r#"{"reason":"r","kind":"trap","streamArn":"arn","shardId":"s","sequenceNumber":"1","partitionKey":"k","arrivedAt":"2018-12-17T22:10:50Z","dataBase64":""}"#;

    fn places(input: Vec<u8>) -> Vec<(String, bool)> {
        places_up_to(input, LONGEST_LINE)
    }

    fn places_up_to(input: Vec<u8>, longest: usize) -> Vec<(String, bool)> {
        let mut lines = LetterLines::with_longest("f".to_owned(), Cursor::new(input), longest).expect("open");
        let mut places = Vec::new();
        while let Some(found) = lines.next().expect("readable") {
            places.push((found.place, found.letter.is_ok()));
        }
        places
    }

    fn expected(places: &[(&str, bool)]) -> Vec<(String, bool)> {
        places.iter().map(|(place, is_letter)| ((*place).to_owned(), *is_letter)).collect()
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("written");
        encoder.finish().expect("compressed")
    }

    #[test]
    fn each_line_has_its_number_and_empty_ones_hold_nothing() {
        let text = format!("\u{feff}{LETTER}\r\n\nSTART RequestId\n{LETTER}{LETTER}\n{LETTER}");
        let of_each = expected(&[("f:1", true), ("f:3", false), ("f:4", true), ("f:4", true), ("f:5", true)]);
        assert_eq!(places(text.clone().into_bytes()), of_each);
        assert_eq!(places(gzip(&text)), of_each);
        // Files that were compressed one by one may be joined.
        let joined = [gzip(&format!("{LETTER}\n")), gzip(LETTER)].concat();
        assert_eq!(places(joined), expected(&[("f:1", true), ("f:2", true)]));
        assert_eq!(places(Vec::new()), []);
        assert_eq!(places(vec![0x1f]), expected(&[("f:1", false)]));
    }

    #[test]
    fn what_is_too_long_harms_no_other_line() {
        let text = format!("{}\n{LETTER}\n{}", "x".repeat(1000), "x".repeat(1000));
        let places = places_up_to(text.into_bytes(), LETTER.len());
        assert_eq!(places, expected(&[("f:1", false), ("f:2", true), ("f:3", false)]));
    }

    #[test]
    fn gzip_that_breaks_off_is_one_thing_wrong() {
        let mut broken = gzip(&format!("{LETTER}\n"));
        broken.truncate(broken.len() - 4);
        assert_eq!(places(broken).last(), Some(&("f:2".to_owned(), false)));
        assert_eq!(places([&[0x1f, 0x8b], &b"and more"[..]].concat()), expected(&[("f:1", false)]));
    }
}
