//! The checkpoint table.

use std::time::Duration;

use super::finding::{Finding, FindingStatus, Statement};
use super::permission::Permission;
use crate::checkpoint::{self, CheckpointError, CheckpointErrorKind, KeysError, Table};
use crate::settings::{Arn, TableName};

/// How long the table is waited for.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// What is asked of a table.
pub(super) struct TableQuery<'a> {
    pub(super) name: &'a TableName,
    pub(super) stream: &'a Arn,
    pub(super) account: &'a str,
    /// Whether the function reads rows.
    pub(super) reads: bool,
}

impl TableQuery<'_> {
    /// The table's ARN; where only its name is given, in the stream's region and the account at hand.
    fn arn(&self) -> String {
        if self.name.region().is_some() {
            return self.name.to_string();
        }
        let Arn { partition, region, .. } = self.stream;
        format!("arn:{partition}:dynamodb:{region}:{}:table/{}", self.account, self.name)
    }
}

/// Whether it is there, has the right keys, and takes what the function does with it.
pub(super) async fn check(asked: &TableQuery<'_>, is_made_by_the_function: bool) -> Vec<Finding> {
    let arn = asked.arn();
    let what = format!("checkpoint table {}", asked.name);
    let table = checkpoint::open(asked.name, TIME_LIMIT).await;
    let mut findings = Vec::new();
    match table.check_keys().await {
        Ok(()) => findings.push(Finding::fine(&what)),
        Err(KeysError::Trouble(CheckpointError::Missing)) if is_made_by_the_function => {
            findings.push(Finding::fine(format!("{what}: not there yet, the function makes it")));
            return findings;
        }
        Err(KeysError::Trouble(CheckpointError::Denied(reason))) if !is_made_by_the_function => {
            findings.push(Finding::unknown(
                &what,
                format!("these credentials may not look at it, which the function need not ({reason})"),
            ))
        }
        Err(error) => findings.push(Finding::missing(&what, error.to_string())),
    }
    findings.push(permission(table.try_write().await, "dynamodb:UpdateItem", &arn));
    if asked.reads {
        findings.push(permission(try_read(&table).await, "dynamodb:GetItem", &arn));
    }
    findings
}

async fn try_read(table: &Table) -> Result<(), CheckpointError> {
    table.read("kinesieve-doctor", "none").await.map(drop)
}

fn permission(outcome: Result<(), CheckpointError>, action: &str, arn: &str) -> Finding {
    let what = format!("{action} on {arn}");
    let finding = match outcome {
        Ok(()) => Finding::fine(what),
        Err(CheckpointError::Denied(reason)) => {
            let grant = Some(Statement::allowing(action, arn));
            Finding { verdict: FindingStatus::Missing { reason, grant }, ..Finding::fine(what) }
        }
        Err(trouble) if matches!(trouble.kind(), CheckpointErrorKind::Missing | CheckpointErrorKind::Refused) => {
            Finding::missing(what, trouble.to_string())
        }
        Err(trouble) => Finding::unknown(what, trouble.to_string()),
    };
    let permission = Permission { action: action.to_owned(), resource: arn.to_owned() };
    Finding { permission: Some(permission), ..finding }
}
