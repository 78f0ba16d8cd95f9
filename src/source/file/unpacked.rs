//! Compressed files, read as what is inside: gzip and zstd, told by their first bytes.
//!
//! What is unpacked is handed on as it comes, so memory is bounded whatever a file unpacks to.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Compressed bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The largest window of a zstd frame, in bytes: `zstd` itself takes no more without `--long`.
const MAX_WINDOW_BYTES: u64 = 128 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// What a frame without data starts with, whose first byte is one of sixteen.
const ZSTD_SKIPPABLE: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];

type Input = Box<dyn Read + Send>;

/// An input, unpacked if it is compressed. It is not looked at before it is read.
pub(in crate::source) struct UnpackedReader {
    state: State,
}

enum State {
    Unread(Input),
    Plain {
        beginning: io::Cursor<Vec<u8>>,
        rest: Input,
    },
    Gzip(Box<GzipMembers>),
    Zstd(Box<ZstdFrames>),
    /// It failed, and can't be read on.
    Broken,
}

impl UnpackedReader {
    pub(in crate::source) fn new(input: Input) -> Self {
        Self { state: State::Unread(input) }
    }
}

impl Read for UnpackedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let State::Unread(_) = &self.state
            && let State::Unread(input) = std::mem::replace(&mut self.state, State::Broken)
        {
            self.state = State::told(input)?;
        }
        match &mut self.state {
            State::Plain { beginning, rest } => match beginning.read(buffer)? {
                0 => rest.read(buffer),
                count => Ok(count),
            },
            State::Gzip(members) => members.read(buffer),
            State::Zstd(frames) => frames.read(buffer),
            State::Unread(_) | State::Broken => Ok(0),
        }
    }
}

impl State {
    /// Reads as much as it takes to tell what an input is, and not more: a pipe may have only that.
    fn told(mut input: Input) -> io::Result<Self> {
        let mut beginning = Vec::new();
        while beginning.len() < ZSTD.len() && may_be_compressed(&beginning) && !beginning.starts_with(&GZIP) {
            let mut byte = [0];
            match input.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => beginning.extend_from_slice(&byte),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if beginning.starts_with(&GZIP) {
            return Ok(State::Gzip(Box::new(GzipMembers::new(behind(beginning, input)))));
        }
        if beginning.len() == ZSTD.len() && may_be_compressed(&beginning) {
            return Ok(State::Zstd(Box::new(ZstdFrames::new(behind(beginning, input)))));
        }
        Ok(State::Plain { beginning: io::Cursor::new(beginning), rest: input })
    }
}

/// Whether what was read so far is how something compressed begins.
fn may_be_compressed(beginning: &[u8]) -> bool {
    let skippable = beginning.iter().zip(ZSTD_SKIPPABLE).enumerate().all(|(index, (byte, expected))| {
        let byte = if index == 0 { byte & 0xf0 } else { *byte };
        byte == expected
    });
    GZIP.starts_with(beginning) || ZSTD.starts_with(beginning) || skippable
}

type Compressed = BufReader<io::Chain<io::Cursor<Vec<u8>>, Input>>;

fn behind(beginning: Vec<u8>, rest: Input) -> Compressed {
    BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(beginning).chain(rest))
}

fn broken(what: &str, reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it is compressed with {what}, and broken: {reason}"))
}

/// Members of gzip, one behind the other. Zeros behind a member are padding.
struct GzipMembers {
    /// None: the last one is read.
    member: Option<GzDecoder<Compressed>>,
}

impl GzipMembers {
    fn new(input: Compressed) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }
}

impl Read for GzipMembers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let read = member.read(buffer).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => broken("gzip", "it ends too early"),
                // What the decoder says of what it can't read.
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => broken("gzip", "it is damaged"),
                _ => error,
            });
            match read {
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(error) => {
                    self.member = None;
                    return Err(error);
                }
            }
            let Some(member) = self.member.take() else { return Ok(0) };
            let mut input = member.into_inner();
            let next = skip_zeros(&mut input)?;
            if let Some(next) = next {
                if next != GZIP[0] {
                    return Err(broken("gzip", "something else follows it"));
                }
                self.member = Some(GzDecoder::new(input));
            }
        }
        Ok(0)
    }
}

/// Goes past zeros; returns the byte behind them, which is still to be read. None: the input ends.
fn skip_zeros(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let at_hand = input.fill_buf()?;
        if at_hand.is_empty() {
            return Ok(None);
        }
        let zeros = at_hand.iter().take_while(|byte| **byte == 0).count();
        let next = at_hand.get(zeros).copied();
        input.consume(zeros);
        if next.is_some() {
            return Ok(next);
        }
    }
}

/// Frames of zstd, one behind the other. Those without data are passed over.
struct ZstdFrames {
    input: Compressed,
    decoder: FrameDecoder,
    place: FramePlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FramePlace {
    Between,
    Within,
    /// At the end, or at what can't be read.
    End,
}

impl ZstdFrames {
    fn new(input: Compressed) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW_BYTES);
        Self { input, decoder, place: FramePlace::Between }
    }

    /// Enters the next frame with data; at the end of the input there is none.
    fn enter(&mut self) -> io::Result<()> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.input) {
                Ok(()) => {
                    self.place = FramePlace::Within;
                    return Ok(());
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(broken("zstd", "it ends too early"));
                    }
                }
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                    return Err(broken("zstd", "its window is larger than 128 MiB; compress it without --long"));
                }
                Err(error) => return Err(self.refused(&error)),
            }
        }
        self.place = FramePlace::End;
        Ok(())
    }

    /// What the decoder refused, in our words: its own name its internals.
    fn refused(&mut self, _error: &FrameDecoderError) -> io::Error {
        // Where the input is at its end, more was expected.
        match self.input.fill_buf() {
            Err(error) => error,
            Ok([]) => broken("zstd", "it ends too early"),
            Ok(_) => broken("zstd", "it is damaged"),
        }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.place {
                FramePlace::End => return Ok(0),
                FramePlace::Between => self.enter()?,
                FramePlace::Within => {
                    while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                        let decoded = self.decoder.decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1));
                        if let Err(error) = decoded {
                            return Err(self.refused(&error));
                        }
                    }
                    match self.decoder.read(buffer)? {
                        0 => {
                            let (said, found) =
                                (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
                            if said.is_some() && said != found {
                                return Err(broken("zstd", "its checksum is another one"));
                            }
                            self.place = FramePlace::Between;
                        }
                        count => return Ok(count),
                    }
                }
            }
        }
    }
}

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.read_some(buffer);
        if read.is_err() {
            self.place = FramePlace::End;
        }
        read
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    pub(in crate::source::file) fn gzipped(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).expect("into memory");
        encoder.finish().expect("into memory")
    }

    pub(in crate::source::file) fn zstandard(data: &[u8]) -> Vec<u8> {
        compress_to_vec(data, CompressionLevel::Fastest)
    }

    /// Gives a byte a read, as the slowest of pipes.
    struct OneByOne(io::Cursor<Vec<u8>>);

    impl Read for OneByOne {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    /// What comes out, and how it ends.
    fn unpacked(input: &[u8]) -> (Vec<u8>, Result<(), String>) {
        let read = |input: Input| {
            let mut data = Vec::new();
            let mut reader = UnpackedReader::new(input);
            let end = reader.read_to_end(&mut data).map(drop).map_err(|error| error.to_string());
            // Behind an error there is nothing.
            assert!(end.is_ok() || matches!(reader.read(&mut [0; 8]), Ok(0)));
            (data, end)
        };
        let at_once = read(Box::new(io::Cursor::new(input.to_vec())));
        let slowly = read(Box::new(OneByOne(io::Cursor::new(input.to_vec()))));
        assert_eq!(at_once, slowly);
        at_once
    }

    #[test]
    fn what_is_compressed_is_read_as_what_is_inside() {
        let text = b"reading\n".repeat(3_000);
        let more = [&text[..], b"more"].concat();
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 9, 9, 9, 9];
        for (packed, expected) in [
            (gzipped(&text), &text),
            ([gzipped(&text), gzipped(b"more")].concat(), &more),
            ([gzipped(&text), vec![0; 1000]].concat(), &text),
            ([gzipped(&text), vec![0; 1000], gzipped(b"more"), vec![0]].concat(), &more),
            (zstandard(&text), &text),
            ([&skipped[..], &zstandard(&text), &skipped, &zstandard(b"more")].concat(), &more),
        ] {
            assert_eq!(unpacked(&packed), (expected.clone(), Ok(())));
        }
    }

    #[test]
    fn what_is_plain_stays_as_it_is() {
        for plain in [&b""[..], b"\x1f", b"(", b"(\xb5/", b"P*M", b"P*Mone", b"one\n", b"(one)\n", b"{\"a\":1}\n"] {
            assert_eq!(unpacked(plain), (plain.to_vec(), Ok(())));
        }
    }

    #[test]
    fn what_is_broken_gives_what_is_before_and_says_so() {
        // Nothing that shrinks, so that much is there before the end.
        let mut random = fastrand::Rng::with_seed(7);
        let text: Vec<u8> = std::iter::repeat_with(|| random.u8(b'a'..=b'z')).take(300_000).collect();
        for (packed, name) in [(gzipped(&text), "gzip"), (zstandard(&text), "zstd")] {
            let (data, end) = unpacked(&packed[..packed.len() - 1000]);
            let message = end.expect_err(name);
            assert!(message.contains(&format!("compressed with {name}")) && message.contains("too early"), "{message}");
            assert!(name == "zstd" || text.starts_with(&data) && data.len() > 200_000, "{name}: {}", data.len());
            let (data, end) = unpacked(&[&packed[..], b"more"].concat());
            assert!(data == text && end.is_err(), "{name}");
        }
        let mut damaged = gzipped(&text);
        let end = damaged.len() - 6;
        damaged[end] ^= 1;
        assert!(unpacked(&damaged).1.is_err_and(|message| message.contains("damaged")));
        // A window of 512 MiB, as --long=29 makes it.
        let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x98, 0x01, 0x00, 0x00];
        assert!(unpacked(&window).1.is_err_and(|message| message.contains("128 MiB")));
    }

    /// What it unpacks to is a thousand times as much.
    #[test]
    fn a_bomb_is_handed_on_as_it_comes() {
        let bomb = vec![b'\n'; 256 << 20];
        for packed in [gzipped(&bomb), zstandard(&bomb)] {
            let mut reader = UnpackedReader::new(Box::new(io::Cursor::new(packed)));
            assert_eq!(io::copy(&mut reader, &mut io::sink()).expect("unpacked"), bomb.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(
            data in prop::collection::vec(0u8..20, 0..600),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
            is_gzip: bool,
        ) {
            let mut packed = if is_gzip { gzipped(&data) } else { zstandard(&data) };
            for (place, byte) in changes {
                let place = place.index(packed.len());
                packed[place] = byte;
            }
            let mut reader = UnpackedReader::new(Box::new(io::Cursor::new(packed)));
            let _ = io::copy(&mut reader.by_ref().take(1 << 20), &mut io::sink());
        }
    }
}
