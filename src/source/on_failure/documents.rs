//! The JSON documents of a file or an object, behind each other: a line each, or over several lines.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::MalformedDescription;
use crate::source::storage::{TextInput, is_broken};

/// The largest document that is taken. A record of 10 MiB has 14 MB in base64; the event of a function has 6 MB, with its
/// quotes escaped.
const MOST_BYTES: usize = 32 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the documents of one input.
pub struct Documents {
    name: String,
    reader: Box<dyn BufRead + Send>,
    is_compressed: bool,
    most_bytes: usize,
    /// The line that the next byte is on, counted from 1.
    line: u64,
    /// Whether the next byte is the first of its line.
    is_at_line_start: bool,
    /// Whether what may stand before the first document is read.
    is_begun: bool,
}

/// A JSON object, as far as its brackets tell; it may be none of JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// The input and the line that it begins on, for a person.
    pub(super) place: String,
    pub(super) text: Result<Vec<u8>, MalformedDescription>,
}

/// How far a document is read.
#[derive(Debug, Default)]
struct Brackets {
    depth: u64,
    is_in_string: bool,
    is_escaped: bool,
}

impl Brackets {
    /// Takes in the next byte, and says whether the document ends with it.
    fn end_with(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.is_in_string => self.is_escaped = true,
            b'"' => self.is_in_string = !self.is_in_string,
            b'{' | b'[' if !self.is_in_string => self.depth += 1,
            b'}' | b']' if !self.is_in_string => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// Why the bytes up to here are a document, or none.
enum DocumentEnd {
    Whole,
    Broken(&'static str),
    TooLong,
    BreaksOff,
}

impl Documents {
    /// `name` is what messages call it.
    pub(super) fn open(name: String, input: impl Read + Send + 'static) -> io::Result<Self> {
        Self::with_most(name, input, MOST_BYTES)
    }

    fn with_most(name: String, input: impl Read + Send + 'static, most_bytes: usize) -> io::Result<Self> {
        let TextInput { reader, is_compressed } = TextInput::open(input)?;
        Ok(Self { name, reader, is_compressed, most_bytes, line: 1, is_at_line_start: true, is_begun: false })
    }

    /// The next document; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Document>> {
        match self.read_next() {
            Err(error) if self.is_compressed && is_broken(&error) => {
                // Behind the break nothing can be told.
                self.reader = Box::new(io::empty());
                let reason = format!("from here on its gzip is broken: {error}");
                Ok(Some(self.broken(self.line, MalformedDescription::Unreadable(reason))))
            }
            answer => answer,
        }
    }

    fn read_next(&mut self) -> io::Result<Option<Document>> {
        if !self.is_begun {
            self.skip_mark()?;
            self.is_begun = true;
        }
        let Some(first) = self.skip_space()? else { return Ok(None) };
        let line = self.line;
        if first != b'{' {
            self.skip_line()?;
            let reason = "a description is a JSON object".to_owned();
            return Ok(Some(self.broken(line, MalformedDescription::NotADescription(reason))));
        }
        let mut text = Vec::new();
        let reason = match self.read_document(&mut text)? {
            DocumentEnd::Whole => return Ok(Some(Document { place: self.place(line), text: Ok(text) })),
            DocumentEnd::BreaksOff => "it breaks off".to_owned(),
            DocumentEnd::Broken(reason) => {
                self.skip_to_next_object()?;
                reason.to_owned()
            }
            DocumentEnd::TooLong => {
                self.skip_to_next_object()?;
                let reason = format!("it is longer than what is read of one, {} bytes", self.most_bytes);
                return Ok(Some(self.broken(line, MalformedDescription::Unreadable(reason))));
            }
        };
        Ok(Some(self.broken(line, MalformedDescription::NotADescription(reason))))
    }

    /// Reads up to the bracket that closes the first one. A string goes over no line, and an object that begins at the
    /// start of a line is not part of another one: so what is broken harms nothing behind it.
    fn read_document(&mut self, text: &mut Vec<u8>) -> io::Result<DocumentEnd> {
        let mut brackets = Brackets::default();
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(DocumentEnd::BreaksOff);
            }
            let mut taken = 0;
            let mut end = None;
            for &byte in bytes {
                if byte == b'\n' && brackets.is_in_string {
                    end = Some(DocumentEnd::Broken("a string in it is not closed"));
                    break;
                }
                if byte == b'{' && self.is_at_line_start && brackets.depth > 0 {
                    end = Some(DocumentEnd::Broken("it is not closed"));
                    break;
                }
                taken += 1;
                self.is_at_line_start = byte == b'\n';
                self.line += u64::from(byte == b'\n');
                if brackets.end_with(byte) {
                    end = Some(DocumentEnd::Whole);
                    break;
                }
            }
            let is_too_long = text.len() + taken > self.most_bytes;
            if !is_too_long {
                text.extend_from_slice(&bytes[..taken]);
            }
            self.reader.consume(taken);
            if is_too_long {
                return Ok(DocumentEnd::TooLong);
            }
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    /// Passes over a mark of the byte order, of which a read may give a part.
    fn skip_mark(&mut self) -> io::Result<()> {
        for byte in BYTE_ORDER_MARK {
            if self.reader.fill_buf()?.first() != Some(byte) {
                break;
            }
            self.reader.consume(1);
        }
        Ok(())
    }

    /// Passes over space, and answers with the byte behind it; none: that is the end.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        self.skip_while(|byte, _| byte.is_ascii_whitespace())
    }

    fn skip_line(&mut self) -> io::Result<()> {
        self.skip_while(|byte, _| byte != b'\n').map(drop)
    }

    fn skip_to_next_object(&mut self) -> io::Result<()> {
        self.skip_while(|byte, is_at_line_start| !(byte == b'{' && is_at_line_start)).map(drop)
    }

    fn skip_while(&mut self, is_skipped: impl Fn(u8, bool) -> bool) -> io::Result<Option<u8>> {
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let (mut taken, mut next) = (0, None);
            for &byte in bytes {
                if !is_skipped(byte, self.is_at_line_start) {
                    next = Some(byte);
                    break;
                }
                taken += 1;
                self.is_at_line_start = byte == b'\n';
                self.line += u64::from(byte == b'\n');
            }
            self.reader.consume(taken);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    fn broken(&self, line: u64, malformed: MalformedDescription) -> Document {
        Document { place: self.place(line), text: Err(malformed) }
    }

    fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.name)
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Documents").field("name", &self.name).field("line", &self.line).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    /// Gives a byte a read, as the slowest of pipes.
    struct OneByOne(Cursor<Vec<u8>>);

    impl Read for OneByOne {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    /// What is found: the line, and the document if it is one.
    fn found(input: &[u8], most_bytes: usize) -> Vec<(String, Option<String>)> {
        let input = OneByOne(Cursor::new(input.to_vec()));
        let mut documents = Documents::with_most("f".to_owned(), input, most_bytes).expect("open");
        let mut found = Vec::new();
        while let Some(Document { place, text }) = documents.next().expect("readable") {
            found.push((place, text.ok().map(|text| String::from_utf8_lossy(&text).into_owned())));
        }
        found
    }

    fn expected(found: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        found.iter().map(|(place, text)| ((*place).to_owned(), text.map(str::to_owned))).collect()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("written");
        encoder.finish().expect("compressed")
    }

    #[test]
    fn documents_are_told_apart_however_they_are_laid_out() {
        let pretty = "{\n  \"a\": [\n    {\"b\": \"}\\\"{\"}\n  ]\n}";
        let text = format!("\u{feff}{{\"a\":1}}\r\n\n{pretty}\n{{}}{{\"c\":2}} ");
        let whole =
            [("f:1", Some("{\"a\":1}")), ("f:3", Some(pretty)), ("f:8", Some("{}")), ("f:8", Some("{\"c\":2}"))];
        assert_eq!(found(text.as_bytes(), 100), expected(&whole));
        assert_eq!(found(&gzip(text.as_bytes()), 100), expected(&whole));
        assert_eq!(found(b"", 100), []);
    }

    #[test]
    fn what_is_broken_harms_nothing_behind_it() {
        for broken in ["{\"a\": \"cut off", "{\"a\": [", "[1]", "START RequestId: 1", "{\n \"a\": {\n", "\u{0}", "}"] {
            let last = broken.matches('\n').count() + 2;
            let text = format!("{broken}\n{{\"b\":1}}");
            let last = format!("f:{last}");
            assert_eq!(
                found(text.as_bytes(), 100),
                expected(&[("f:1", None), (&last, Some("{\"b\":1}"))]),
                "{broken:?}"
            );
        }
        let text = format!("{{\"a\":\"{}\"}}\n{{\"b\":1}}\n{{\"c\":", "x".repeat(200));
        let each = [("f:1", None), ("f:2", Some("{\"b\":1}")), ("f:3", None)];
        assert_eq!(found(text.as_bytes(), 100), expected(&each));
        let mut broken = gzip(text.as_bytes());
        broken.truncate(broken.len() - 8);
        assert!(found(&broken, 100).last().is_some_and(|(_, text)| text.is_none()));
        assert_eq!(found(&[0x1f, 0x8b, b'x'], 100), expected(&[("f:1", None)]));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_and_it_ends(input in "[{}\\[\\]\"\\\\\n a]{0,60}", most in 1_usize..40) {
            let found = found(input.as_bytes(), most);
            prop_assert!(found.len() <= input.len());
            prop_assert!(found.iter().all(|(_, text)| text.as_ref().is_none_or(|text| text.len() <= most)));
        }
    }
}
