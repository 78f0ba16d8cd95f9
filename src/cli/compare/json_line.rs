//! A difference as a program reads it: an object on a line.

use serde::Serialize;
use serde_json::value::RawValue;

use super::shown::Difference;
use super::sides::Answer;
use crate::cases::{CaseData, CaseOutcome, compact};
use crate::transform::Verdict;

/// A record on which two transforms differ. Its data and the answers are in the form of test cases.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DifferenceLine<'a> {
    record: u64,
    change: &'a str,
    stream_arn: &'a str,
    shard_id: &'a str,
    sequence_number: &'a str,
    sub_sequence_number: u64,
    partition_key: &'a str,
    arrived_at: u64,
    input: Box<RawValue>,
    old: AnswerLine<'a>,
    new: AnswerLine<'a>,
}

/// What a transform answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerLine<'a> {
    /// As a case expects it; none: there was no answer.
    outcome: Option<Box<RawValue>>,
    /// Why a transform broke, or was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    log: &'a [String],
}

impl Difference<'_> {
    /// Returns it as a line of JSON.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        let (name, value) = CaseData::best_form_of(self.event.payload.bytes().to_vec()).field();
        let line = DifferenceLine {
            record: self.number,
            change: &self.change,
            stream_arn: &self.shard.stream_arn,
            shard_id: &self.shard.id,
            sequence_number: self.event.sequence_number.as_str(),
            sub_sequence_number: self.event.sub_sequence_number,
            partition_key: self.event.partition_key,
            arrived_at: self.event.arrived_at,
            input: RawValue::from_string(format!("{{\"{name}\":{value}}}"))?,
            old: answer(self.old)?,
            new: answer(self.new)?,
        };
        Ok(serde_json::to_string(&line)? + "\n")
    }
}

fn answer(answer: &Answer) -> serde_json::Result<AnswerLine<'_>> {
    let outcome = match &answer.verdict {
        Verdict::Emit(emissions) => CaseOutcome::of(Verdict::Emit(emissions.clone()), None),
        Verdict::Keep => Some(CaseOutcome::Keep),
        Verdict::Drop => Some(CaseOutcome::Drop),
        Verdict::Retry(reason) => Some(CaseOutcome::Retry(Some(reason.clone()))),
        Verdict::Reject(reason) => Some(CaseOutcome::Reject(Some(reason.clone()))),
        Verdict::Fault(fault) => CaseOutcome::of(Verdict::Fault(fault.clone()), None),
        Verdict::Folded | Verdict::Undecodable | Verdict::Interrupted | Verdict::Unavailable(_) => None,
    };
    let because = match &answer.verdict {
        Verdict::Fault(fault) => Some(fault.reason.clone()),
        Verdict::Unavailable(reason) => Some(reason.clone()),
        Verdict::Undecodable => Some("its payload can't be decoded".to_owned()),
        _ => None,
    };
    let outcome = outcome.map(|outcome| RawValue::from_string(compact(&outcome.written()))).transpose()?;
    Ok(AnswerLine { outcome, because, log: &answer.log })
}
