//! A DynamoDB table, as far as faults go: it takes every request, and keeps nothing.

use serde_json::json;

use super::http::{Answer, Request};
use super::json::{answer, error_answer};
use super::{Front, Lie, Luck, Put, Store};

pub(super) struct DynamoDb;

impl Front for DynamoDb {
    fn read(&self, _request: &Request) -> Result<Option<Vec<Put>>, Answer> {
        Ok(None)
    }

    fn apply(&self, _: &Request, _: Vec<Put>, _: &mut Store, _: &mut Luck) -> Result<Answer, Answer> {
        Ok(answer(&json!({})))
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        error_answer(status, code, message)
    }

    /// It keeps nothing that it could say something of.
    fn lie(&self, _lie: Lie, answer: Answer) -> Answer {
        answer
    }

    fn passing_errors(&self) -> &'static [(u16, &'static str)] {
        &[(400, "ProvisionedThroughputExceededException"), (400, "ThrottlingException"), (500, "InternalServerError")]
    }
}
