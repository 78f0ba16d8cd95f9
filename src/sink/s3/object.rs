//! What is in an object: the lines of its outputs, compressed or not.

use std::io::{self, Write as _};

use flate2::write::GzEncoder;
use tokio::sync::mpsc;

use crate::aws::causes;
use crate::sink::computed::{AT_ONCE_BYTES, Yielder};
use crate::sink::{LineContent, Output, line};

/// Lines that are handed to the compressor at a time, in bytes: all of them never stand in memory beside what they become.
const CHUNK_BYTES: usize = 256 << 10;

/// Chunks that wait for the compressor.
const CHUNKS_WAITING: usize = 2;

/// The outputs as compressed lines: the same bytes for the same outputs, with no time and no name.
///
/// # Errors
/// When the compressor did not end.
pub(super) async fn gzipped(outputs: &[Output<'_>], lines: LineContent) -> Result<Vec<u8>, String> {
    if line::expected_bytes(outputs) <= AT_ONCE_BYTES {
        let lines = line::encode(outputs, lines).await;
        let mut encoder = encoder();
        return encoder.write_all(&lines).and_then(|()| encoder.finish()).map_err(|error| error.to_string());
    }
    // It takes a while, in which other targets have theirs to do.
    let (chunks, waiting) = mpsc::channel(CHUNKS_WAITING);
    let compressing = tokio::task::spawn_blocking(move || compress(waiting));
    let mut writer = line::LineWriter::new(lines);
    let mut breather = Yielder::default();
    let mut chunk = Vec::new();
    for output in outputs {
        writer.write(&mut chunk, output);
        breather.after(output.data.len()).await;
        if chunk.len() >= CHUNK_BYTES && chunks.send(std::mem::take(&mut chunk)).await.is_err() {
            // It has ended, and says why.
            break;
        }
    }
    writer.end(&mut chunk);
    let _ = chunks.send(chunk).await;
    drop(chunks);
    match compressing.await {
        Ok(compressed) => compressed.map_err(|error| error.to_string()),
        Err(error) => Err(causes(&error)),
    }
}

fn compress(mut chunks: mpsc::Receiver<Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut encoder = encoder();
    while let Some(chunk) = chunks.blocking_recv() {
        encoder.write_all(&chunk)?;
    }
    encoder.finish()
}

fn encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), flate2::Compression::fast())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::event::{SequenceNumber, Shard};

    /// Few outputs are compressed at once, many in chunks; both are the lines, and the same again at a replay.
    #[tokio::test]
    async fn the_same_outputs_compress_to_the_same_bytes() {
        let shard = Shard { stream_arn: String::new(), id: String::new() };
        let output = |data| Output {
            data,
            partition_key: "key",
            explicit_hash_key: None,
            has_chosen_key: false,
            route: None,
            shard: &shard,
            sequence_number: SequenceNumber::parse("1").expect("a number"),
            sub_sequence_number: 0,
            ordinal: 0,
        };
        let data: Vec<String> =
            (0..50_000).map(|number| format!("{{\"number\":{number},\"square\":{}}}", number * number)).collect();
        for count in [0, 1, 100, 50_000] {
            for lines in [LineContent::Envelopes, LineContent::Bare, LineContent::Elements, LineContent::Joined] {
                let outputs: Vec<Output<'_>> = data[..count].iter().map(|data| output(data.as_bytes())).collect();
                let compressed = gzipped(&outputs, lines).await.expect("compressed");
                assert!(gzipped(&outputs, lines).await.as_ref() == Ok(&compressed), "{count} {lines:?}");
                let mut text = Vec::new();
                flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut text).expect("gzip");
                assert!(text == line::encode(&outputs, lines).await, "{count} {lines:?}");
            }
        }
    }
}
