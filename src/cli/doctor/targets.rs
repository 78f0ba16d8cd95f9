//! The targets: whether each is there, and takes what the function sends.
//!
//! Each permission is tried by a request that the service refuses for its content once it has let it in, so that
//! nothing is put anywhere.

use std::path::Path;

use aws_sdk_firehose::types::Record;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use super::finding::Finding;
use super::probe::{ProbeAnswer, is_there};
use crate::aws;
use crate::settings::{Arn, Target};

/// Whether a target is there, and takes what the function sends. `role` is what it is a target of.
pub(super) async fn check(role: &str, target: &Target) -> Vec<Finding> {
    match target {
        Target::None => vec![Finding::fine(format!("{role}: none"))],
        Target::Stdout => vec![Finding::fine(format!("{role}: stdout, which is the function's log in Lambda"))],
        Target::File(path) => vec![file(role, path)],
        Target::Kinesis(arn) => stream(role, arn).await,
        Target::Firehose(arn) => delivery_stream(role, arn).await,
        Target::Sqs(arn) => queue(role, arn).await,
        Target::S3(arn) => bucket(role, arn).await,
    }
}

fn file(role: &str, path: &Path) -> Finding {
    let advice = "files are gone with the function's instance, and only /tmp can be written to";
    Finding::care(format!("{role}: file:{}", path.display()), advice)
}

async fn stream(role: &str, arn: &Arn) -> Vec<Finding> {
    /// One beyond the hash keys that there are.
    const NO_HASH_KEY: &str = "340282366920938463463374607431768211456";

    let (client, name) = (aws_sdk_kinesis::Client::new(&aws::config(arn).await), arn.to_string());
    let looked = ProbeAnswer::of(client.describe_stream_summary().stream_arn(&name).send().await, &[]);
    let record = PutRecordsRequestEntry::builder()
        .data(Blob::new("x"))
        .partition_key("kinesieve-doctor")
        .explicit_hash_key(NO_HASH_KEY)
        .build();
    let mut findings = vec![is_there(&format!("{role}: {name}"), looked)];
    if let Ok(record) = record {
        let refusals = ["InvalidArgumentException", "ValidationException", "ProvisionedThroughputExceededException"];
        let put = ProbeAnswer::of(client.put_records().stream_arn(&name).records(record).send().await, &refusals);
        findings.push(put.on("kinesis:PutRecords", &name));
    }
    findings
}

async fn delivery_stream(role: &str, arn: &Arn) -> Vec<Finding> {
    let (client, name) = (aws_sdk_firehose::Client::new(&aws::config(arn).await), arn.to_string());
    let stream = arn.resource.trim_start_matches("deliverystream/");
    let looked = ProbeAnswer::of(client.describe_delivery_stream().delivery_stream_name(stream).send().await, &[]);
    let none = client.put_record_batch().delivery_stream_name(stream).set_records(Some(Vec::<Record>::new()));
    let put = ProbeAnswer::of(none.send().await, &["InvalidArgumentException", "ValidationException"]);
    vec![is_there(&format!("{role}: {name}"), looked), put.on("firehose:PutRecordBatch", &name)]
}

async fn queue(role: &str, arn: &Arn) -> Vec<Finding> {
    let (client, name) = (aws_sdk_sqs::Client::new(&aws::config(arn).await), arn.to_string());
    let url = aws::queue_url(arn);
    let looked = ProbeAnswer::of(client.get_queue_attributes().queue_url(&url).send().await, &[]);
    let none = client.send_message_batch().queue_url(&url).set_entries(Some(Vec::new())).send().await;
    let sent = ProbeAnswer::of(none, &["EmptyBatchRequest", "MissingParameter", "InvalidParameterValue"]);
    vec![is_there(&format!("{role}: {name}"), looked), sent.on("sqs:SendMessage", &name)]
}

async fn bucket(role: &str, arn: &Arn) -> Vec<Finding> {
    let config = aws::config(arn).await;
    let client = aws_sdk_s3::Client::from_conf(aws::s3_config(&config).build());
    let (bucket, prefix) = aws::bucket_and_prefix(arn);
    let name = arn.to_string();
    let looked = ProbeAnswer::of(client.head_bucket().bucket(bucket).send().await, &[]);
    // To replace an object that is not there is refused, after the question who asks.
    let key = format!("{prefix}kinesieve-doctor-writes-nothing");
    let put = client.put_object().bucket(bucket).key(key).if_match("\"none\"").send().await;
    let put = ProbeAnswer::of(put, &["NoSuchKey", "PreconditionFailed"]);
    let objects = format!("arn:{}:s3:::{bucket}/{prefix}*", arn.partition);
    vec![is_there(&format!("{role}: {name}"), looked), put.on("s3:PutObject", &objects)]
}
