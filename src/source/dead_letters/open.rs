//! Letters with their data: what is compressed is unpacked, and what is elsewhere is fetched.

use std::io::Read;
use std::sync::Arc;

use bytesize::ByteSize;
use flate2::read::MultiGzDecoder;

use super::letter::{Letter, LetterData, Malformed};
use super::objects::{LargeObjects, LetterOrigin};
use super::records::StreamRecords;
use crate::error_code::ErrorCode;
use crate::event::{Batch, Unpacking};
use crate::settings::Arn;

/// What the data of any event may have, in bytes: a record of Kinesis has 10 MiB, and as base64 that can't be decoded a
/// third more.
const MOST_DATA: usize = 16 << 20;

/// Opens letters, in whichever form their data is.
#[derive(Debug)]
pub struct LetterOpener {
    unpacking: Unpacking,
    large: Option<LargeObjects>,
    records: StreamRecords,
}

/// Why the event of a letter is not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// The letter is wrong.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its data is in an object that can't be had.
    #[error("{0}")]
    NotFetched(String),
    /// Its data was cut, and the rest can't be had.
    #[error("{0}")]
    Cut(String),
}

impl Unopened {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Unopened::Malformed(malformed) => malformed.code(),
            Unopened::NotFetched(_) => ErrorCode::DeadLetterNotFetched,
            Unopened::Cut(_) => ErrorCode::DeadLetterCut,
        }
    }
}

impl LetterOpener {
    /// Letters whose records are taken apart and decoded in this way. Pointers are followed to objects below `large`, and
    /// to nowhere else.
    pub fn new(unpacking: Unpacking, large: Option<Arn>) -> Self {
        Self { unpacking, large: large.map(LargeObjects::new), records: StreamRecords::default() }
    }

    /// Returns the event of a letter, in a batch by itself.
    ///
    /// # Errors
    /// Why it can't be had.
    pub async fn open(&mut self, letter: &Letter) -> Result<Arc<Batch>, Unopened> {
        let event = letter.event();
        let origin = LetterOrigin {
            stream_arn: letter.stream_arn(),
            shard_id: letter.shard_id(),
            sequence_number: event.sequence_number.as_str(),
            sub_sequence_number: event.sub_sequence_number,
        };
        let most_bytes = MOST_DATA.max(self.unpacking.limit);
        match letter.data() {
            LetterData::Whole => Ok(letter.batch()),
            LetterData::Compressed(packed) => {
                if letter.is_key_cut() {
                    let reason = "its partition key is cut, and nobody says where it is whole".to_owned();
                    return Err(Malformed::NotALetter(reason).into());
                }
                Ok(letter.with_data(&unpacked(packed, most_bytes)?, event.partition_key, "dataGzipBase64")?)
            }
            LetterData::At { address, data } => {
                let Some(large) = &mut self.large else {
                    let why = "its pointer is not followed: name with --large the prefix that KINESIEVE_DEAD_LETTER_LARGE \
                               named when it was written";
                    return Err(Unopened::NotFetched(why.to_owned()));
                };
                let found = large.fetch(address, origin, data, most_bytes).await.map_err(Unopened::NotFetched)?;
                Ok(letter.with_data(&found.data, &found.partition_key, "dataAt")?)
            }
            LetterData::Cut { data, .. } => {
                let found = self.records.fetch(origin, self.unpacking, data).await.map_err(Unopened::Cut)?;
                Ok(letter.with_data(&found.data, &found.partition_key, "dataSha256")?)
            }
        }
    }
}

fn unpacked(packed: &[u8], most_bytes: usize) -> Result<Vec<u8>, Malformed> {
    let wrong = |reason: String| Malformed::Field { field: "dataGzipBase64", reason };
    let mut data = Vec::new();
    let read = MultiGzDecoder::new(packed).take(most_bytes as u64 + 1).read_to_end(&mut data);
    if read.map_err(|_| wrong("it is no gzip, or broken".to_owned()))? > most_bytes {
        let most = ByteSize::b(most_bytes as u64);
        return Err(wrong(format!("it unpacks to more than {most} (KINESIEVE_DECODE_LIMIT)")));
    }
    Ok(data)
}

#[cfg(test)]
mod tests;
