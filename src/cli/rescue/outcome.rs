//! What became of the records of one description.

use crate::error_code::ErrorCode;
use crate::processor::{Counts, Report};
use crate::source::on_failure::{LostRecords, RangeError};

/// What became of the records of one description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RescueOutcome {
    pub(super) end: RescueEnd,
    /// How many records were processed; an aggregate is one.
    pub(super) records: u64,
    /// What became of their events.
    pub(super) counts: Counts,
    /// Those that the stream no longer has, if there are some.
    pub(super) lost: Option<LostRecords>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RescueEnd {
    /// All of them are acknowledged.
    Rescued,
    /// One of them is not.
    NotAcknowledged { code: ErrorCode, sequence_number: String, reason: String },
    /// Those that the stream still has are acknowledged.
    PartlyLost { reason: String },
    /// The stream has none of them any more.
    Lost { reason: String },
    /// The stream does not give them.
    NotRead { reason: String },
    /// The stream holds others.
    Differs { reason: String },
    /// The description was filtered out.
    Skipped,
    /// It is no description.
    Malformed(String),
}

impl From<RescueEnd> for RescueOutcome {
    fn from(end: RescueEnd) -> Self {
        Self { end, records: 0, counts: Counts::default(), lost: None }
    }
}

impl RescueOutcome {
    /// Takes in what came of more of the records.
    pub(super) fn take(&mut self, records: u64, report: Report) {
        self.records += records;
        self.counts += &report.counts;
        if let Some(stop) = report.stop {
            self.end = RescueEnd::NotAcknowledged {
                code: stop.cause.code(),
                sequence_number: stop.position.sequence_number().as_str().to_owned(),
                reason: format!("{}: {}", stop.cause, stop.reason),
            };
        }
    }

    /// Takes in that the stream does not give the records, or no more of them.
    pub(super) fn fail(&mut self, error: RangeError) {
        let reason = error.to_string();
        self.end = match error {
            RangeError::Lost { lost, .. } => {
                self.lost = Some(lost);
                RescueEnd::Lost { reason }
            }
            RangeError::NotRead(_) => RescueEnd::NotRead { reason },
            RangeError::Differs(_) => RescueEnd::Differs { reason },
        };
    }

    /// Says of an outcome that seems good that some of the records are lost, if some are.
    pub(super) fn with_loss(mut self) -> Self {
        if let (RescueEnd::Rescued, Some(lost)) = (&self.end, &self.lost) {
            self.end = RescueEnd::PartlyLost { reason: lost.to_string() };
        }
        self
    }

    /// Whether nothing has to be done about it any more.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.end == RescueEnd::Rescued
    }

    /// The code of what stood in the way; none: nothing did.
    pub(super) fn code(&self) -> Option<ErrorCode> {
        Some(match &self.end {
            RescueEnd::Rescued | RescueEnd::Skipped => return None,
            RescueEnd::NotAcknowledged { code, .. } => *code,
            RescueEnd::PartlyLost { .. } | RescueEnd::Lost { .. } => ErrorCode::GivenUpRecordsLost,
            RescueEnd::NotRead { .. } => ErrorCode::GivenUpRecordsNotRead,
            RescueEnd::Differs { .. } => ErrorCode::GivenUpRecordsDiffer,
            RescueEnd::Malformed(_) => ErrorCode::DescriptionMalformed,
        })
    }

    /// What stood in the way, for a person.
    pub(super) fn reason(&self) -> Option<&str> {
        match &self.end {
            RescueEnd::Rescued | RescueEnd::Skipped => None,
            RescueEnd::NotAcknowledged { reason, .. }
            | RescueEnd::PartlyLost { reason }
            | RescueEnd::Lost { reason }
            | RescueEnd::NotRead { reason }
            | RescueEnd::Differs { reason }
            | RescueEnd::Malformed(reason) => Some(reason),
        }
    }
}
