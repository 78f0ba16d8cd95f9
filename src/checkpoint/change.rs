//! A conditional change of one row, put together by whoever has conditions of its own: leases, say.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::progress::ShardProgress;
use super::row::{CLIENT_ID, Changes, HIGH_WATER_MARK, LEASE_TIMEOUT, POSITION, Update, key};

/// An item of the table, as DynamoDB has it.
pub type RowItem = HashMap<String, AttributeValue>;

/// A conditional change of one row.
#[derive(Debug, Clone)]
pub struct RowChange {
    stream_id: String,
    shard_id: String,
    changes: Changes,
    conditions: Vec<String>,
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum RowAnswer {
    /// It was done, and this is the row now; none: there is none any more.
    Done(Option<RowItem>),
    /// Its condition does not hold, and this is the row; none: there is none.
    Refused(Option<RowItem>),
}

impl RowChange {
    /// A change of the row of a shard, that changes nothing yet. It needs a condition at least.
    pub fn of(stream_id: &str, shard_id: &str) -> Self {
        Self {
            stream_id: stream_id.to_owned(),
            shard_id: shard_id.to_owned(),
            changes: Changes::default(),
            conditions: Vec::new(),
        }
    }

    /// Sets an attribute.
    pub fn set(&mut self, attribute: &'static str, value: AttributeValue) {
        self.changes.set(attribute, value);
    }

    /// Sets an attribute where the row does not have it.
    pub fn set_if_missing(&mut self, attribute: &'static str, value: AttributeValue) {
        self.changes.set_if_missing(attribute, value);
    }

    /// Removes an attribute, if it is there.
    pub fn remove(&mut self, attribute: &'static str) {
        self.changes.remove(&[attribute]);
    }

    /// Adds a condition. Its values are added by [`RowChange::value`].
    pub fn require(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    /// Adds a value for conditions, and returns the name that it has there.
    pub fn value(&mut self, value: impl Into<String>) -> String {
        self.value_of(AttributeValue::S(value.into()))
    }

    /// Adds a value of any type for conditions, and returns the name that it has there.
    pub fn value_of(&mut self, value: AttributeValue) -> String {
        let name = format!(":v{}", self.changes.values.len());
        self.changes.values.insert(name.clone(), value);
        name
    }

    /// Sets who holds the row, and until when by its own clock.
    pub fn set_holder(&mut self, client_id: &str, lease_timeout: &str) {
        self.set(CLIENT_ID, AttributeValue::S(client_id.to_owned()));
        self.set(LEASE_TIMEOUT, AttributeValue::S(lease_timeout.to_owned()));
    }

    /// Removes both attributes of a lease. A row with one of them alone breaks other clients.
    pub fn remove_holder(&mut self) {
        self.changes.remove(&[CLIENT_ID, LEASE_TIMEOUT]);
    }

    /// Requires that nobody holds the row.
    pub fn require_no_holder(&mut self) {
        self.require(format!("attribute_not_exists({CLIENT_ID})"));
    }

    /// Requires that this client holds the row.
    pub fn require_holder(&mut self, client_id: &str) {
        let client = self.value(client_id);
        self.require(format!("{CLIENT_ID} = {client}"));
    }

    /// Requires that the lease is one of these; an empty one is a lease that does not say when it ends.
    pub fn require_lease<'a>(&mut self, lease_timeouts: impl IntoIterator<Item = &'a str>) {
        let (mut names, mut conditions) = (Vec::new(), Vec::new());
        for timeout in lease_timeouts {
            match timeout.is_empty() {
                true => conditions.push(format!("attribute_not_exists({LEASE_TIMEOUT})")),
                false => names.push(self.value(timeout)),
            }
        }
        if !names.is_empty() {
            conditions.push(format!("{LEASE_TIMEOUT} IN ({})", names.join(", ")));
        }
        if !conditions.is_empty() {
            self.require(format!("({})", conditions.join(" OR ")));
        }
    }

    /// Moves the position of the row to this sequence number, and requires that it is not moved back by that. `may_stand` says
    /// whether it may be there already.
    pub fn move_to(&mut self, sequence_number: &str, may_stand: MayStand) {
        let comparison = match may_stand {
            MayStand::Yes => "<=",
            MayStand::No => "<",
        };
        let condition = self.changes.forward(POSITION, comparison, sequence_number);
        self.require(condition);
        self.set(POSITION, AttributeValue::S(sequence_number.to_owned()));
        self.remove(HIGH_WATER_MARK);
    }

    /// Says what a person wants to know of the shard beside its position.
    pub fn say(&mut self, progress: &ShardProgress, written_by: &str) {
        self.changes.say(progress, 1, written_by);
    }

    pub(super) fn into_update(self) -> Update {
        Update {
            key: key(&self.stream_id, &self.shard_id),
            change: self.changes.expression(),
            condition: self.conditions.join(" AND "),
            values: self.changes.values,
        }
    }
}

/// Whether a position that is moved may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayStand {
    /// It may.
    Yes,
    /// It has to be behind.
    No,
}
