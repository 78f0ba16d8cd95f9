//! The bytes of a file or an object, compressed by gzip or not.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;

const BUFFER_BYTES: usize = 256 << 10;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// What is read of a file or an object.
pub(in crate::source) struct TextInput {
    pub(in crate::source) reader: Box<dyn BufRead + Send>,
    pub(in crate::source) is_compressed: bool,
}

impl TextInput {
    /// Looks at the first bytes: gzip is unpacked.
    pub(in crate::source) fn open(mut input: impl Read + Send + 'static) -> io::Result<Self> {
        let mut head = Vec::new();
        input.by_ref().take(GZIP.len() as u64).read_to_end(&mut head)?;
        let is_compressed = head == GZIP;
        let whole = Cursor::new(head).chain(input);
        let reader: Box<dyn BufRead + Send> = if is_compressed {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))
        } else {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, whole))
        };
        Ok(Self { reader, is_compressed })
    }
}

/// Whether a decoder found the data wrong, and not the disk.
pub(in crate::source) fn is_broken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}
