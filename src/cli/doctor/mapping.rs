//! The event source mapping of a function that is deployed.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, EventSourcePosition, FunctionResponseType};

use super::finding::Finding;
use super::probe::ProbeAnswer;
use crate::aws;
use crate::settings::Arn;

/// Pages at most: a function has few mappings, and a page up to a hundred.
const MOST_PAGES: usize = 100;

/// What is said of a mapping that has nothing to say of something.
const NOTHING: &str = "-";

/// What is asked of a function.
pub(super) struct MappingQuery<'a> {
    /// Its name or ARN.
    pub(super) function: &'a str,
    pub(super) stream: &'a Arn,
    /// What the settings are judged by.
    pub(super) batch_size: u32,
}

/// Whether the function has one mapping of the stream, and that is set as the function needs it.
pub(super) async fn check(query: &MappingQuery<'_>) -> Vec<Finding> {
    let MappingQuery { function, stream, .. } = query;
    let client = Client::new(&aws::config(stream).await);
    let mut mappings = Vec::new();
    let mut marker = None;
    for _ in 0..MOST_PAGES {
        let request = client.list_event_source_mappings().function_name(*function).set_marker(marker.take());
        let page = match request.send().await {
            Ok(page) => page,
            Err(error) => return vec![refused(function, ProbeAnswer::of::<(), _>(Err(error), &[]))],
        };
        let of_stream = page.event_source_mappings.unwrap_or_default().into_iter();
        mappings.extend(of_stream.filter(|mapping| reads(mapping, stream)));
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            break;
        }
    }
    judge(query, &mappings)
}

/// Whether a mapping reads the stream, itself or by a consumer of it.
fn reads(mapping: &EventSourceMappingConfiguration, stream: &Arn) -> bool {
    let stream = stream.to_string();
    let rest = mapping.event_source_arn().and_then(|source| source.strip_prefix(stream.as_str()));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("/consumer/"))
}

fn refused(function: &str, answer: ProbeAnswer) -> Finding {
    let what = format!("event source mappings of {function}");
    match answer {
        ProbeAnswer::NoSuchThing(reason) => Finding::missing(what, format!("there is no such function ({reason})")),
        ProbeAnswer::Denied(reason) => Finding::unknown(
            what,
            format!("these credentials may not look at them, which takes lambda:ListEventSourceMappings ({reason})"),
        ),
        ProbeAnswer::Unclear(reason) => Finding::unknown(what, reason),
        ProbeAnswer::LetIn => Finding::fine(what),
    }
}

/// What there is to say of the mappings of the stream.
fn judge(query: &MappingQuery<'_>, mappings: &[EventSourceMappingConfiguration]) -> Vec<Finding> {
    let MappingQuery { function, stream, batch_size } = query;
    if mappings.is_empty() {
        let advice = "nothing brings it records until a mapping is made, which starts at its StartingPosition";
        return vec![Finding::care(format!("no event source mapping of {function} reads {stream}"), advice)];
    }
    let mut findings: Vec<Finding> = Vec::new();
    if mappings.len() > 1 {
        let uuids: Vec<&str> = mappings.iter().filter_map(|mapping| mapping.uuid()).collect();
        findings.push(Finding::care(
            format!("{} event source mappings of {function} read {stream}: {}", mappings.len(), uuids.join(", ")),
            "each brings it all records, so each record is processed more than once: delete the mapping that is not \
             wanted, such as the one from before a change of EnhancedFanOut",
        ));
    }
    for mapping in mappings {
        findings.extend(of_mapping(mapping, *batch_size));
    }
    findings
}

fn of_mapping(mapping: &EventSourceMappingConfiguration, batch_size: u32) -> Vec<Finding> {
    let uuid = mapping.uuid().unwrap_or(NOTHING);
    let what = format!("event source mapping {uuid}");
    let is_consumer = mapping.event_source_arn().is_some_and(|source| source.contains("/consumer/"));
    let how = if is_consumer { "enhanced fan-out" } else { "shared reads" };
    let start = mapping.starting_position().map_or(NOTHING, EventSourcePosition::as_str);
    let state = mapping.state().unwrap_or(NOTHING);
    let mut findings = vec![Finding::fine(format!("{what}: {state}, {how}, made to start at {start}"))];
    if !mapping.function_response_types().contains(&FunctionResponseType::ReportBatchItemFailures) {
        findings.push(Finding::missing(
            &what,
            "without FunctionResponseTypes ReportBatchItemFailures Lambda ignores the position to replay from, and takes \
             every batch for done: records that are not acknowledged are lost",
        ));
    }
    if matches!(state, "Disabled" | "Disabling") {
        let reason = mapping.state_transition_reason().unwrap_or(NOTHING);
        findings.push(Finding::care(
            &what,
            format!("it is disabled ({reason}), so nothing moves until it is enabled; its position stays"),
        ));
    }
    if let Some(problem) = mapping.last_processing_result().filter(|result| result.starts_with("PROBLEM")) {
        findings.push(Finding::care(&what, format!("its last result is {problem:?}")));
    }
    if mapping.bisect_batch_on_function_error() == Some(false) {
        let advice =
            "without BisectBatchOnFunctionError a batch that comes again uses up attempts of all of its records";
        findings.push(Finding::care(&what, advice));
    }
    if let Some(found) = mapping.batch_size().filter(|size| u32::try_from(*size) != Ok(batch_size)) {
        let advice = format!("its batch size is {found}, and memory and time were judged by --batch-size {batch_size}");
        findings.push(Finding::care(&what, advice));
    }
    if start == "TRIM_HORIZON" {
        findings.push(Finding::care(
            &what,
            "it can't be moved: a change of the stream, of the start or of EnhancedFanOut makes another one, which begins at \
             the oldest record again unless it starts AT_TIMESTAMP",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::FindingStatus;

    const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings";

    fn mapping(uuid: &str, source: &str) -> EventSourceMappingConfiguration {
        EventSourceMappingConfiguration::builder()
            .uuid(uuid)
            .event_source_arn(source)
            .state("Enabled")
            .starting_position(EventSourcePosition::Latest)
            .batch_size(1000)
            .bisect_batch_on_function_error(true)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .build()
    }

    #[test]
    fn a_consumer_of_the_stream_reads_it_and_a_stream_of_a_longer_name_is_another() {
        let stream: Arn = STREAM.parse().expect("an ARN");
        for (source, is_read) in [
            (STREAM.to_owned(), true),
            (format!("{STREAM}/consumer/kinesieve:1545084650"), true),
            (format!("{STREAM}-2"), false),
            ("arn:aws:sqs:eu-west-1:123456789012:readings".to_owned(), false),
        ] {
            assert_eq!(reads(&mapping("a", &source), &stream), is_read, "{source}");
        }
    }

    #[test]
    fn what_a_mapping_lacks_is_said() {
        let stream: Arn = STREAM.parse().expect("an ARN");
        let query = MappingQuery { function: "f", stream: &stream, batch_size: 1000 };
        let said = |mappings: &[EventSourceMappingConfiguration]| -> Vec<String> {
            let said = |finding: Finding| match finding.verdict {
                FindingStatus::Fine => format!("ok {}", finding.what),
                FindingStatus::Care { advice } => format!("warn {advice}"),
                FindingStatus::Missing { reason, .. } => format!("missing {reason}"),
                FindingStatus::Unknown { reason } => format!("unknown {reason}"),
            };
            judge(&query, mappings).into_iter().map(said).collect()
        };
        assert_eq!(
            said(&[mapping("a", STREAM)]),
            ["ok event source mapping a: Enabled, shared reads, made to start at LATEST"]
        );
        assert!(said(&[])[0].starts_with("warn nothing brings it records"));
        let consumer = format!("{STREAM}/consumer/kinesieve:1545084650");
        let both = said(&[mapping("a", STREAM), mapping("b", &consumer)]);
        assert!(both[0].contains("processed more than once") && both[2].contains("b: Enabled, enhanced"), "{both:?}");
        let mut bare = EventSourceMappingConfiguration::builder().uuid("c").event_source_arn(STREAM).state("Disabled");
        bare = bare.starting_position(EventSourcePosition::TrimHorizon).batch_size(10_000);
        bare = bare.bisect_batch_on_function_error(false).last_processing_result("PROBLEM: Function call failed");
        let bare = said(&[bare.build()]);
        let expected = [
            "ok event source mapping c: Disabled, shared reads",
            "missing without FunctionResponseTypes",
            "warn it is disabled",
            "warn its last result is",
            "warn without BisectBatchOnFunctionError",
            "warn its batch size is 10000",
            "warn it can't be moved",
        ];
        assert!(bare.iter().zip(expected).all(|(said, start)| said.starts_with(start)), "{bare:#?}");
        assert_eq!(bare.len(), expected.len());
    }
}
