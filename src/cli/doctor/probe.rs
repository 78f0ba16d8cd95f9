//! What the answer to a request says of a permission, as a finding.

use super::finding::{Finding, FindingStatus, Statement};
use super::permission::Permission;
pub(super) use crate::aws::ProbeAnswer;

impl ProbeAnswer {
    /// As a finding about a permission that the function needs.
    pub(super) fn on(self, action: &str, resource: &str) -> Finding {
        let what = format!("{action} on {resource}");
        let verdict = match self {
            ProbeAnswer::LetIn => FindingStatus::Fine,
            ProbeAnswer::Denied(reason) => {
                FindingStatus::Missing { reason, grant: Some(Statement::allowing(action, resource)) }
            }
            ProbeAnswer::NoSuchThing(reason) => FindingStatus::Missing { reason, grant: None },
            ProbeAnswer::Unclear(reason) => FindingStatus::Unknown { reason },
        };
        let permission = Permission { action: action.to_owned(), resource: resource.to_owned() };
        Finding { what, verdict, permission: Some(permission) }
    }
}

/// A finding about whether a thing is there, where the function itself need not look at it.
pub(super) fn is_there(what: &str, answer: ProbeAnswer) -> Finding {
    match answer {
        ProbeAnswer::LetIn => Finding::fine(what),
        ProbeAnswer::NoSuchThing(reason) => Finding::missing(what, format!("it does not exist ({reason})")),
        ProbeAnswer::Denied(reason) => Finding::unknown(
            what,
            format!("these credentials may not look at it, which the function need not ({reason})"),
        ),
        ProbeAnswer::Unclear(reason) => Finding::unknown(what, reason),
    }
}
