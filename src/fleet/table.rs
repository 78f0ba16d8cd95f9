//! Leases in the checkpoint table: how a row is read, and how a write is sent.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::row::{LeaseHold, LeaseRow, LeaseTerms, ShardKey, ShardLoad};
use super::write::{LeaseExpectation, LeaseFence, LeaseWrite, WriteAnswer};
use crate::checkpoint::{
    CLIENT_ID, CheckpointError, CheckpointRow, Heartbeat, LeaseHolder, MayStand, RUN_BEAT_AT, RUN_BY, RowAnswer,
    RowChange, RowItem, SHARD_END, START_AT, STREAM_ID, ShardProgress, Table,
};

const LEASE_TERMS: &str = "LeaseTerms";
const WANTED_BY: &str = "WantedBy";
const RECORDS_PER_SECOND: &str = "RecordsPerSecond";
const BYTES_PER_SECOND: &str = "BytesPerSecond";

/// The checkpoint table, with leases in its rows.
#[derive(Debug, Clone)]
pub struct LeaseTable {
    table: Table,
    written_by: String,
    within: Duration,
}

impl LeaseTable {
    /// A table that this process writes as `written_by`. Each request is waited for no longer than `within`.
    pub fn new(table: Table, written_by: String, within: Duration) -> Self {
        Self { table, written_by, within }
    }

    /// As requests name it.
    pub fn name(&self) -> &str {
        self.table.name()
    }

    /// All rows of a stream, as they are now, or, for half the price, as they were some seconds ago.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn rows(&self, stream: &str, is_exact: bool) -> Result<Vec<(Arc<str>, LeaseRow)>, CheckpointError> {
        let mut rows = Vec::new();
        // A large table has many pages, and each has the time of a request.
        self.table.items_of(stream, is_exact, |shard, item| rows.push((Arc::from(shard), LeaseRow::of(&item)))).await?;
        Ok(rows)
    }

    /// A row as it is now; none: there is none.
    ///
    /// # Errors
    /// When the table can't be read in time.
    pub async fn row(&self, key: &ShardKey) -> Result<Option<LeaseRow>, CheckpointError> {
        let read = tokio::time::timeout(self.within, self.table.item(&key.stream, &key.shard));
        let item = read.await.unwrap_or(Err(CheckpointError::TimedOut { after: self.within }))?;
        Ok(item.map(|item| LeaseRow::of(&item)))
    }

    /// Sends a write. `said` is what else there is to say of the shard.
    ///
    /// # Errors
    /// When it is not known whether it was done.
    pub async fn write(
        &self,
        key: &ShardKey,
        write: &LeaseWrite,
        said: Option<&ShardProgress>,
    ) -> Result<WriteAnswer, CheckpointError> {
        let mut change = change_of(key, write);
        if let (Some(said), LeaseWrite::Renew { .. } | LeaseWrite::Pass { .. } | LeaseWrite::Release { .. }) =
            (said, write)
        {
            change.say(said, &self.written_by);
        }
        let request = async {
            match write {
                LeaseWrite::Forget => self.table.remove(change, self.within).await,
                _ => self.table.change(change, self.within).await,
            }
        };
        let answer = tokio::time::timeout(self.within, request).await;
        let answer = answer.unwrap_or(Err(CheckpointError::TimedOut { after: self.within }))?;
        let row = |item: Option<RowItem>| item.map(|item| LeaseRow::of(&item));
        Ok(match answer {
            RowAnswer::Done(item) => WriteAnswer::Done(row(item)),
            RowAnswer::Refused(item) => WriteAnswer::Refused(row(item)),
        })
    }
}

impl LeaseRow {
    /// What an item says. What is missing or of another type is none.
    pub fn of(item: &RowItem) -> Self {
        let text = |attribute: &str| item.get(attribute).and_then(|value| value.as_s().ok()).cloned();
        let number = |attribute: &str| item.get(attribute)?.as_n().ok()?.parse::<u64>().ok();
        let row = CheckpointRow::of(item);
        let hold = |holder: LeaseHolder| LeaseHold {
            client: holder.client_id,
            timeout: holder.lease_timeout.unwrap_or_default(),
        };
        Self {
            position: row.position,
            hold: row.held_by.map(hold),
            terms: text(LEASE_TERMS).and_then(|text| LeaseTerms::parse(&text)),
            wanted_by: text(WANTED_BY),
            start_at: row.start_at,
            broken_off_at: row.broken_off_at,
            is_drained: row.is_drained,
            run: row.heartbeat,
            load: ShardLoad {
                records: number(RECORDS_PER_SECOND).unwrap_or_default(),
                bytes: number(BYTES_PER_SECOND).unwrap_or_default(),
            },
        }
    }
}

/// The write as a change of the table's row: it has to come to what [`LeaseWrite::apply`] says.
fn change_of(key: &ShardKey, write: &LeaseWrite) -> RowChange {
    let mut change = RowChange::of(&key.stream, &key.shard);
    match write {
        LeaseWrite::Claim { expects, hold, terms, start_at } => {
            expect(&mut change, expects);
            change.set_holder(&hold.client, &hold.timeout);
            change.set(LEASE_TERMS, text(terms.to_string()));
            if let Some(start_at) = start_at {
                change.set_if_missing(START_AT, text(start_at.to_string()));
            }
            change.remove(WANTED_BY);
            change.remove(RUN_BY);
            change.remove(RUN_BEAT_AT);
        }
        LeaseWrite::Note { start_at } => {
            change.require(format!("attribute_not_exists({STREAM_ID})"));
            change.set(START_AT, text(start_at.to_string()));
        }
        LeaseWrite::Ask { holder, by } => {
            change.require_holder(holder);
            let asker = change.value(by);
            change.require(format!("(attribute_not_exists({WANTED_BY}) OR {WANTED_BY} = {asker})"));
            change.set(WANTED_BY, text(by.clone()));
        }
        LeaseWrite::Renew { fence, timeout, terms, position, load, refuses } => {
            require_fence(&mut change, fence);
            move_to(&mut change, position);
            change.set_holder(&fence.client, timeout);
            change.set(LEASE_TERMS, text(terms.to_string()));
            change.set(RECORDS_PER_SECOND, AttributeValue::N(load.records.to_string()));
            change.set(BYTES_PER_SECOND, AttributeValue::N(load.bytes.to_string()));
            if *refuses {
                change.remove(WANTED_BY);
            }
        }
        LeaseWrite::Pass { fence, hold, terms, position } => {
            require_fence(&mut change, fence);
            move_to(&mut change, position);
            change.set_holder(&hold.client, &hold.timeout);
            change.set(LEASE_TERMS, text(terms.to_string()));
            change.remove(WANTED_BY);
        }
        LeaseWrite::Release { fence, position, is_drained } => {
            require_fence(&mut change, fence);
            move_to(&mut change, position);
            change.remove_holder();
            change.remove(LEASE_TERMS);
            change.remove(WANTED_BY);
            if *is_drained {
                change.set(SHARD_END, AttributeValue::Bool(true));
            }
        }
        LeaseWrite::Yield { thief, position } => {
            change.require_holder(thief);
            change.move_to(position, MayStand::No);
        }
        LeaseWrite::Forget => {
            let is_drained = change.value_of(AttributeValue::Bool(true));
            change.require(format!("attribute_not_exists({CLIENT_ID}) AND {SHARD_END} = {is_drained}"));
        }
    }
    change
}

fn expect(change: &mut RowChange, expects: &LeaseExpectation) {
    match expects {
        LeaseExpectation::Free { run } => {
            change.require_no_holder();
            let is_drained = change.value_of(AttributeValue::Bool(true));
            change.require(format!("(attribute_not_exists({SHARD_END}) OR {SHARD_END} <> {is_drained})"));
            match run {
                None => change.require(format!("attribute_not_exists({RUN_BY})")),
                Some(Heartbeat { run, at }) => {
                    let run = change.value(run);
                    change.require(format!("{RUN_BY} = {run}"));
                    match at.is_empty() {
                        true => change.require(format!("attribute_not_exists({RUN_BEAT_AT})")),
                        false => {
                            let at = change.value(at);
                            change.require(format!("{RUN_BEAT_AT} = {at}"));
                        }
                    }
                }
            }
        }
        LeaseExpectation::Lease(LeaseHold { client, timeout }) => {
            change.require_holder(client);
            change.require_lease([timeout.as_str()]);
        }
        LeaseExpectation::Client(client) => change.require_holder(client),
    }
}

fn require_fence(change: &mut RowChange, fence: &LeaseFence) {
    change.require_holder(&fence.client);
    change.require_lease(fence.timeouts.iter().map(String::as_str));
}

fn move_to(change: &mut RowChange, position: &Option<String>) {
    if let Some(position) = position {
        change.move_to(position, MayStand::Yes);
    }
}

fn text(text: String) -> AttributeValue {
    AttributeValue::S(text)
}
