//! The stream that the function reads.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{EncryptionType, ShardIteratorType, StreamStatus};
use bytesize::ByteSize;

use super::caller::Caller;
use super::finding::Finding;
use super::probe::{ProbeAnswer, is_there};
use crate::aws::{self, bytes_of_kib};
use crate::settings::{Arn, SettingsError, StreamName};
use crate::source::live::StreamPlace;

/// The streams of a text, separated by commas.
///
/// # Errors
/// When one is none.
pub(super) fn names(text: &str) -> Result<Vec<StreamName>, SettingsError> {
    let name = |part: &str| -> Result<StreamName, SettingsError> {
        let invalid = |reason| SettingsError::Invalid { name: "--stream".to_owned(), reason };
        Ok(part.parse::<StreamPlace>().map_err(|error| invalid(error.to_string()))?.stream)
    };
    text.split(',').map(str::trim).map(name).collect()
}

/// The ARN of a stream, by whoever asks and the region where they ask, as far as the name does not say it.
pub(super) fn arn(name: &StreamName, caller: &Caller, region: &str) -> Arn {
    let Caller { account, partition, .. } = caller;
    let asked = match name {
        StreamName::Arn(arn) => return arn.clone(),
        name => name.known(),
    };
    let or = |part: &str, own: &str| if part.is_empty() { own.to_owned() } else { part.to_owned() };
    Arn {
        partition: asked.map_or(partition, |arn| &arn.partition).clone(),
        service: "kinesis".to_owned(),
        region: or(asked.map_or("", |arn| &arn.region), region),
        account: or(asked.map_or("", |arn| &arn.account), account),
        resource: format!("stream/{}", name.name()),
    }
}

/// What was found of the stream.
#[derive(Debug, Default)]
pub(super) struct StreamFindings {
    pub(super) findings: Vec<Finding>,
    /// The largest record that it takes, in bytes, where it says that.
    pub(super) largest_record: Option<u64>,
}

/// The largest record that fits into an event of Lambda, in bytes: 4.4 MiB, of which base64 makes the 6 MB that an event
/// has at most.
const LARGEST_IN_AN_EVENT: u64 = (44 << 20) / 10;

/// What is to be said of a stream whose largest record fits into no event. What Lambda does with such a record is
/// documented nowhere.
fn too_large_for_an_event(largest_record: u64) -> Option<Finding> {
    (largest_record > LARGEST_IN_AN_EVENT).then(|| {
        Finding::care(
            format!("records of up to {}", ByteSize::b(largest_record)),
            format!(
                "one above about {} fits in no event of Lambda, which has 6 MB with its data in base64, and it is not \
                 documented what Lambda does then: set the stream's MaxRecordSizeInKiB to {} or less, or process large \
                 records with `kinesieve run` and `kinesieve rescue`, which read them from the stream",
                ByteSize::b(LARGEST_IN_AN_EVENT),
                LARGEST_IN_AN_EVENT >> 10,
            ),
        )
    })
}

/// Whether it is there, and can be read as the event source mapping does, by the function's role.
pub(super) async fn check(arn: &Arn) -> StreamFindings {
    let client = Client::new(&aws::config(arn).await);
    let stream = arn.to_string();
    let StreamFindings { mut findings, mut largest_record } = StreamFindings::default();
    let summary = client.describe_stream_summary().stream_arn(&stream).send().await;
    match summary {
        Ok(answer) => {
            let Some(summary) = answer.stream_description_summary else { return StreamFindings::default() };
            largest_record = summary.max_record_size_in_kib.and_then(bytes_of_kib);
            let too_large = largest_record.and_then(too_large_for_an_event);
            let shards = summary.open_shard_count;
            let what = format!("stream {}: {}, {shards} open shards", summary.stream_name, summary.stream_status);
            findings.push(match summary.stream_status {
                StreamStatus::Active | StreamStatus::Updating => Finding::fine(what),
                _ => Finding::missing(what, "it can't be read yet, or no longer"),
            });
            findings.extend(too_large);
            if summary.encryption_type == Some(EncryptionType::Kms)
                && let Some(key) = summary.key_id.filter(|key| !key.contains("alias/aws/kinesis"))
            {
                findings.push(Finding::care(
                    format!("the stream's key {key}"),
                    "the function's role needs kms:Decrypt on it, as its key policy has to allow",
                ));
            }
        }
        Err(error) => {
            let answer = ProbeAnswer::of::<(), _>(Err(error), &[]);
            if matches!(answer, ProbeAnswer::NoSuchThing(_)) {
                // Each of the rest would say it again.
                findings.push(is_there(&format!("stream {stream}"), answer));
                return StreamFindings { findings, largest_record };
            }
            findings.push(answer.on("kinesis:DescribeStreamSummary", &stream));
        }
    }
    let described = client.describe_stream().stream_arn(&stream).limit(1).send().await;
    findings.push(ProbeAnswer::of(described, &[]).on("kinesis:DescribeStream", &stream));
    let shards = client.list_shards().stream_arn(&stream).max_results(1).send().await;
    let shard =
        shards.as_ref().ok().and_then(|answer| answer.shards().first()).map(|shard| shard.shard_id().to_owned());
    findings.push(ProbeAnswer::of(shards, &[]).on("kinesis:ListShards", &stream));
    // It is for no stream in particular.
    let listed = client.list_streams().limit(1).send().await;
    findings.push(ProbeAnswer::of(listed, &[]).on("kinesis:ListStreams", "*"));
    let Some(shard) = shard else { return StreamFindings { findings, largest_record } };
    let request = client.get_shard_iterator().stream_arn(&stream).shard_id(shard);
    let iterator = request.shard_iterator_type(ShardIteratorType::Latest).send().await;
    let from = iterator.as_ref().ok().and_then(|answer| answer.shard_iterator.clone());
    findings.push(ProbeAnswer::of(iterator, &[]).on("kinesis:GetShardIterator", &stream));
    let Some(from) = from else { return StreamFindings { findings, largest_record } };
    let records = client.get_records().stream_arn(&stream).shard_iterator(from).limit(1).send().await;
    // One of the five reads a second that all consumers share may be one too many.
    findings
        .push(ProbeAnswer::of(records, &["ProvisionedThroughputExceededException"]).on("kinesis:GetRecords", &stream));
    StreamFindings { findings, largest_record }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::FindingStatus;

    #[test]
    fn a_stream_of_records_that_fit_in_no_event_is_told_with_what_to_do() {
        for fits in [1 << 20, LARGEST_IN_AN_EVENT] {
            assert_eq!(too_large_for_an_event(fits), None);
        }
        let finding = too_large_for_an_event(10 << 20).expect("a finding");
        assert_eq!(finding.what, "records of up to 10.0 MiB");
        let FindingStatus::Care { advice } = finding.verdict else { panic!("{:?}", finding.verdict) };
        assert!(advice.contains("above about 4.4 MiB") && advice.contains("MaxRecordSizeInKiB to 4505"), "{advice}");
        assert!(advice.contains("kinesieve rescue"), "{advice}");
    }
}
