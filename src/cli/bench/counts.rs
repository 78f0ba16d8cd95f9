//! What became of the records that are measured.

use serde::Serialize;

use crate::cli::foreign::plain;
use crate::cli::summary::counted;
use crate::event::{Event, Payload, PayloadError};
use crate::transform::{Fault, FaultKind, TrialAnswer, Verdict};

/// How many records came to which verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerdictCounts {
    pub(super) records: u64,
    kept: u64,
    dropped: u64,
    replaced: u64,
    outputs: u64,
    output_bytes: u64,
    retry: u64,
    rejected: u64,
    trapped: u64,
    timed_out: u64,
    out_of_memory: u64,
    undecodable: u64,
    /// They hold nothing for a transform, as control messages of CloudWatch Logs.
    empty: u64,
    not_processed: u64,
    /// Why the first record failed that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_failure: Option<String>,
}

impl VerdictCounts {
    pub(super) fn add(&mut self, event: Event<'_>, answer: &TrialAnswer) {
        self.records += 1;
        if let Payload::Undecodable { flaw: PayloadError::Nothing, .. } = event.payload {
            self.empty += 1;
            return;
        }
        let Some(verdict) = answer.verdict() else {
            let (outputs, bytes) = answer.outputs().unwrap_or_default();
            self.replaced += 1;
            self.outputs += outputs as u64;
            self.output_bytes += bytes as u64;
            return;
        };
        let (count, why) = match verdict {
            Verdict::Keep => (&mut self.kept, None),
            Verdict::Drop => (&mut self.dropped, None),
            Verdict::Retry(reason) => (&mut self.retry, Some(format!("retry: {reason}"))),
            Verdict::Reject(reason) => (&mut self.rejected, Some(format!("rejected: {reason}"))),
            Verdict::Fault(Fault { kind, reason }) => {
                let count = match kind {
                    FaultKind::Trap => &mut self.trapped,
                    FaultKind::Timeout => &mut self.timed_out,
                    FaultKind::Memory => &mut self.out_of_memory,
                };
                (count, Some(reason.clone()))
            }
            Verdict::Undecodable => (&mut self.undecodable, Some("its payload can't be decoded".to_owned())),
            Verdict::Unavailable(reason) => (&mut self.not_processed, Some(reason.clone())),
            // The first two are none of this kind of transforms and calls.
            Verdict::Folded | Verdict::Interrupted | Verdict::Emit(_) => (&mut self.not_processed, None),
        };
        *count += 1;
        if self.first_failure.is_none() {
            self.first_failure = why;
        }
    }

    fn failed(&self) -> u64 {
        self.retry
            + self.rejected
            + self.trapped
            + self.timed_out
            + self.out_of_memory
            + self.undecodable
            + self.not_processed
    }

    /// What is to be said if what was measured is failing and not working.
    pub(super) fn warning(&self) -> Option<String> {
        let failed = self.failed();
        if failed * 2 <= self.records {
            return None;
        }
        let why = self.first_failure.as_deref().map(plain).unwrap_or_default();
        Some(format!(
            "warning: {failed} of {} failed, so what is measured is mostly how they fail. The first one: {why}",
            counted(self.records, "record")
        ))
    }

    /// In words.
    pub(super) fn said(&self) -> String {
        let outputs = format!("replaced by {}", counted(self.outputs, "output"));
        let parts = [
            (self.kept, "kept"),
            (self.dropped, "dropped"),
            (self.replaced, outputs.as_str()),
            (self.retry, "to be retried"),
            (self.rejected, "rejected"),
            (self.trapped, "trapped"),
            (self.timed_out, "took too long"),
            (self.out_of_memory, "ran out of memory"),
            (self.undecodable, "can't be decoded"),
            (self.empty, "hold nothing to process"),
            (self.not_processed, "not processed"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        format!("of {}: {}", counted(self.records, "record"), parts.join(", "))
    }
}
