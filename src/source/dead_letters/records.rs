//! Records that are still in their stream: where the data of a letter was cut, it is there.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::types::{Record as StreamRecord, ShardIteratorType};
use tokio::time::Instant;

use super::objects::{LetterOrigin, Recovered};
use crate::aws::reading_config;
use crate::backoff::Backoff;
use crate::dead_letter::DataFingerprint;
use crate::event::{Batch, Decode, DecodeStep, Record, SequenceNumber, Unpacking};
use crate::settings::{Arn, StreamName};
use crate::source::storage;

/// How long what passes is tried again. A shard gives 2 MB a second: after a record of 10 MiB it gives none for five.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How many pages are looked at: where the oldest records expire, some are empty.
const MOST_PAGES: u32 = 20;

/// A shard answers five times a second.
const BETWEEN_PAGES: Duration = Duration::from_millis(200);

/// Reads single records of streams.
#[derive(Debug, Default)]
pub(super) struct StreamRecords {
    /// By region.
    clients: HashMap<String, Client>,
    /// Streams of which no record is to be had, with the reason: asking again would take its time for each letter.
    lost: HashMap<String, String>,
}

/// Why a record was not read.
enum Unread {
    /// It is not there any more.
    Gone,
    /// Nothing of its stream can be read.
    Stream(String),
    /// It alone.
    Record(String),
}

impl StreamRecords {
    /// Returns the data of an event from its record, taken apart and decoded as it was.
    ///
    /// # Errors
    /// Why it is not to be had, for a person.
    pub(super) async fn fetch(
        &mut self,
        origin: LetterOrigin<'_>,
        unpacking: Unpacking,
        data: &DataFingerprint,
    ) -> Result<Recovered, String> {
        if let Some(why) = self.lost.get(origin.stream_arn) {
            return Err(why.clone());
        }
        let Ok(StreamName::Arn(stream)) = origin.stream_arn.parse() else {
            return Err("its streamArn is that of no stream to read the record from".to_owned());
        };
        match self.read(&stream, origin).await {
            Ok(record) => {
                let Some(batch) = batch_of(origin, &record) else {
                    return Err("its record has no sequence number".to_owned());
                };
                drop(record);
                recovered(&batch, origin, unpacking, data).ok_or_else(|| {
                    "the record is in the stream, and holds nothing of this size and SHA-256: give --decode and \
                     --decode-limit as they were when it was dead-lettered"
                        .to_owned()
                })
            }
            Err(Unread::Gone) => Err("the record is no longer in the stream".to_owned()),
            Err(Unread::Record(why)) => Err(why),
            Err(Unread::Stream(why)) => {
                self.lost.insert(origin.stream_arn.to_owned(), why.clone());
                Err(why)
            }
        }
    }

    async fn read(&mut self, stream: &Arn, origin: LetterOrigin<'_>) -> Result<StreamRecord, Unread> {
        let client = match self.clients.get(&stream.region) {
            Some(client) => client.clone(),
            None => {
                let client = Client::new(&reading_config(stream).await);
                self.clients.insert(stream.region.clone(), client.clone());
                client
            }
        };
        let wanted =
            SequenceNumber::parse(origin.sequence_number).map_err(|error| Unread::Record(error.to_string()))?;
        let request = client
            .get_shard_iterator()
            .stream_arn(origin.stream_arn)
            .shard_id(origin.shard_id)
            .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
            .starting_sequence_number(origin.sequence_number);
        let answer = patiently(async || request.clone().send().await).await;
        let mut iterator = answer.map_err(|error| unread("kinesis:GetShardIterator", &error))?.shard_iterator;
        for _ in 0..MOST_PAGES {
            let Some(from) = iterator else { break };
            let request = client.get_records().stream_arn(origin.stream_arn).shard_iterator(from).limit(1);
            let answer = patiently(async || request.clone().send().await).await;
            let page = answer.map_err(|error| unread("kinesis:GetRecords", &error))?;
            for record in page.records {
                match SequenceNumber::parse(&record.sequence_number) {
                    Ok(number) if number == wanted => return Ok(record),
                    Ok(number) if number > wanted => return Err(Unread::Gone),
                    // Nothing of before is what was asked for.
                    _ => {}
                }
            }
            if page.millis_behind_latest.unwrap_or(0) == 0 {
                break;
            }
            iterator = page.next_shard_iterator;
            tokio::time::sleep(BETWEEN_PAGES).await;
        }
        Err(Unread::Gone)
    }
}

/// Tries again what may pass, for a while. The client itself does so with what it knows of.
async fn patiently<T, E>(
    request: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>,
) -> Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let mut backoff = Backoff::default();
    let until = Instant::now() + TIME_LIMIT;
    loop {
        match request().await {
            Err(error) if is_throttled(error.code()) && Instant::now() < until => {
                tokio::time::sleep(backoff.after_failure(fastrand::f64())).await;
            }
            answer => return answer,
        }
    }
}

fn is_throttled(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "ProvisionedThroughputExceededException"
                | "LimitExceededException"
                | "ThrottlingException"
                | "KMSThrottlingException"
        )
    )
}

fn unread<E>(action: &str, error: &SdkError<E, HttpResponse>) -> Unread
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let why = format!("{action}: {}", storage::reason(action, error));
    match error.code() {
        // A shard that was split or merged goes with its last record.
        Some("ResourceNotFoundException") => Unread::Gone,
        // The position is none of the shard's, or what a letter says of it is none at all.
        Some("InvalidArgumentException" | "ValidationException") => Unread::Record(why),
        code if is_throttled(code) => Unread::Record(why),
        _ => Unread::Stream(why),
    }
}

fn batch_of(origin: LetterOrigin<'_>, record: &StreamRecord) -> Option<Batch> {
    let mut batch = Batch::builder(origin.stream_arn, origin.shard_id);
    let arrived_at = record.approximate_arrival_timestamp.and_then(|time| time.to_millis().ok()).unwrap_or_default();
    let own = Record {
        partition_key: record.partition_key.as_deref().unwrap_or_default(),
        sequence_number: &record.sequence_number,
        sub_sequence_number: 0,
        arrived_at: u64::try_from(arrived_at).unwrap_or_default(),
    };
    batch.push_bytes(own, record.data.as_ref()).ok()?;
    Some(batch.build())
}

/// What a record holds of an event. The event is known by its data, not by its index: that depends on how the record was
/// taken apart, and what could not be decoded then may be decoded now. So what the settings say is tried first, and then
/// the other ways.
pub(super) fn recovered(
    batch: &Batch,
    origin: LetterOrigin<'_>,
    unpacking: Unpacking,
    data: &DataFingerprint,
) -> Option<Recovered> {
    let mut ways = vec![unpacking];
    let others = [Decode::NONE, DecodeStep::Auto.into(), DecodeStep::Lines.into(), DecodeStep::CloudWatchLogs.into()];
    for decode in std::iter::once(unpacking.decode).chain(others) {
        for deaggregate in [unpacking.deaggregate, !unpacking.deaggregate] {
            let way = Unpacking { decode, deaggregate, ..unpacking };
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
    }
    ways.into_iter().find_map(|way| {
        let events = way.unpack(batch.clone().into()).batch;
        let is_it = |index: &usize| data.is_of(events.event(*index).payload.bytes());
        let is_at_its_index = |index: &usize| events.event(*index).sub_sequence_number == origin.sub_sequence_number;
        let at_its_index = (0..events.len()).filter(is_at_its_index).find(is_it);
        let event = events.event(at_its_index.or_else(|| (0..events.len()).find(is_it))?);
        Some(Recovered { data: event.payload.bytes().to_vec(), partition_key: event.partition_key.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::event::AggregateWriter;

    const ORIGIN: LetterOrigin<'_> = LetterOrigin {
        stream_arn: "arn:aws:kinesis:eu-west-1:123456789012:stream/in",
        shard_id: "shardId-000000000000",
        sequence_number: "4959",
        sub_sequence_number: 1,
    };

    fn record(data: &[u8]) -> Batch {
        let mut batch = Batch::builder(ORIGIN.stream_arn, ORIGIN.shard_id);
        let record = Record { partition_key: "key", sequence_number: "4959", sub_sequence_number: 0, arrived_at: 0 };
        batch.push_bytes(record, data).expect("pushed");
        batch.build()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).expect("written");
        encoder.finish().expect("compressed")
    }

    fn aggregate(records: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = AggregateWriter::default();
        for (key, data) in records {
            writer.push(key, data);
        }
        writer.finish()
    }

    fn found(batch: &Batch, unpacking: Unpacking, data: &[u8]) -> Option<(Vec<u8>, String)> {
        let recovered = recovered(batch, ORIGIN, unpacking, &DataFingerprint::of(data))?;
        Some((recovered.data, recovered.partition_key))
    }

    /// As the function has it, and as it may be set otherwise since.
    #[test]
    fn an_event_is_found_in_its_record_whatever_it_was_taken_out_of() {
        let plain = Unpacking::default();
        let packed = Unpacking { decode: DecodeStep::Gzip.into(), ..plain };
        let whole = Unpacking { deaggregate: false, ..plain };
        let expected = |data: &[u8], key: &str| Some((data.to_vec(), key.to_owned()));
        assert_eq!(found(&record(b"payload"), plain, b"payload"), expected(b"payload", "key"));
        assert_eq!(found(&record(b"payload"), plain, b"another"), None);
        let (one, two) = (gzip(b"one"), gzip(b"two"));
        let both = record(&aggregate(&[("a", &one), ("b", &two)]));
        assert_eq!(found(&both, packed, b"two"), expected(b"two", "b"));
        // Not at its index: numbering has changed.
        assert_eq!(found(&both, packed, b"one"), expected(b"one", "a"));
        // What could not be decoded then is as it came.
        for unpacking in [plain, packed, whole] {
            assert_eq!(found(&both, unpacking, &two), expected(&two, "b"), "{unpacking:?}");
        }
        let all = aggregate(&[("a", &one), ("b", &two)]);
        for unpacking in [plain, packed, whole] {
            assert_eq!(found(&record(&all), unpacking, &all), expected(&all, "key"), "{unpacking:?}");
        }
    }

    /// The same data twice: the key is that of the event's own place.
    #[test]
    fn of_equal_events_the_one_at_the_letters_index_is_taken() {
        let both = record(&aggregate(&[("a", b"same"), ("b", b"same")]));
        assert_eq!(found(&both, Unpacking::default(), b"same"), Some((b"same".to_vec(), "b".to_owned())));
    }
}
