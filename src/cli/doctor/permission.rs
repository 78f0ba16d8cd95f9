//! What each permission is for that a deployment needs.

/// A permission of the function: an action on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permission {
    /// As IAM calls it.
    pub(super) action: String,
    /// An ARN, or `*`.
    pub(super) resource: String,
}

/// Each action that a deployment may need, and what for. The documentation has the same table.
const PURPOSES: &[(&str, &str)] = &[
    ("kinesis:DescribeStream", "the event source mapping looks at the stream"),
    ("kinesis:DescribeStreamSummary", "the event source mapping looks at the stream and its encryption"),
    ("kinesis:ListShards", "the shards to read, and those that outputs are aggregated for"),
    ("kinesis:ListStreams", "the event source mapping finds the stream"),
    ("kinesis:GetShardIterator", "where to read in a shard"),
    ("kinesis:GetRecords", "to read records, shared with all consumers"),
    ("kinesis:DescribeStreamConsumer", "to look at the consumer of enhanced fan-out"),
    ("kinesis:SubscribeToShard", "to read records by enhanced fan-out"),
    ("kinesis:PutRecords", "outputs or dead letters for a stream"),
    ("firehose:PutRecordBatch", "outputs or dead letters for a Firehose delivery stream"),
    ("sqs:SendMessage", "outputs or dead letters for a queue"),
    ("sns:Publish", "outputs or dead letters for a topic"),
    ("events:PutEvents", "outputs or dead letters for an event bus"),
    ("s3:PutObject", "outputs or dead letters for a bucket"),
    ("dynamodb:UpdateItem", "to mirror positions in the checkpoint table"),
    ("dynamodb:GetItem", "to read positions: what is acknowledged, and how often a record was tried"),
];

impl Permission {
    /// What it is for; none: nobody needs it.
    pub(super) fn purpose(&self) -> Option<&'static str> {
        PURPOSES.iter().find(|(action, _)| *action == self.action).map(|(_, purpose)| *purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_each_with_the_same_words() {
        let page = include_str!("../../../docs/how-to/check-a-deployment.md");
        for (action, purpose) in PURPOSES {
            assert!(page.contains(&format!("| `{action}` | {purpose} |\n")), "| `{action}` | {purpose} |");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `") && line.contains(":") && !line.contains('{'));
        assert_eq!(rows.count(), PURPOSES.len());
    }
}
