//! The table's requests.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use std::collections::HashMap;
use std::time::Duration;

use super::change::{RowAnswer, RowChange, RowItem};
use super::creation::KeysError;
use super::error::{self, CheckpointError};
use super::heartbeat::{self, Heartbeat};
use super::placement;
use super::resume_point::ResumePoint;
use super::row::{self, CheckpointRow, Update};
use crate::aws;
use crate::settings::TableName;

/// Attributes of an item that is no row that are named, and the bytes of their names together.
const NAMED_ATTRIBUTES: usize = 5;
const NAMED_BYTES: usize = 200;

/// A table of positions.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

/// A table with the credentials and the endpoint that it has by the settings. `time_limit` is how long a request is waited for:
/// a part of it is left for another try.
pub async fn open(name: &TableName, time_limit: Duration) -> Table {
    Table::new(&aws::table_config(name.region()).await, name, time_limit)
}

impl Table {
    /// Returns the table with a given SDK configuration.
    pub fn new(config: &SdkConfig, name: &TableName, time_limit: Duration) -> Self {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(time_limit / 2).connect_timeout(time_limit / 2);
        // The SDK waits up to a second before its first retry, which is longer than all the time that there is.
        let retries = RetryConfig::standard().with_initial_backoff(time_limit / 20);
        let config = config.clone().into_builder().timeout_config(timeouts.build()).retry_config(retries).build();
        let config = aws_sdk_dynamodb::config::Builder::from(&config).interceptor(aws::TraceHeader).build();
        Self { client: Client::from_conf(config), name: name.as_str().to_owned() }
    }

    /// As requests name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The row of a shard, as it is now.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn read(&self, stream_id: &str, shard_id: &str) -> Result<Option<CheckpointRow>, CheckpointError> {
        Ok(self.item(stream_id, shard_id).await?.map(|item| CheckpointRow::of(&item)))
    }

    /// All rows, or those of one stream, by stream and shard.
    ///
    /// # Errors
    /// When the table can't be read, or has an item that is no row: it is read no further then.
    pub async fn rows(&self, stream_id: Option<&str>) -> Result<Vec<CheckpointRow>, KeysError> {
        let mut rows = match stream_id {
            Some(stream_id) => self.rows_of(stream_id, false).await?,
            None => {
                let mut rows = Vec::new();
                let mut items = self.client.scan().table_name(&self.name).into_paginator().items().send();
                while let Some(item) = items.next().await {
                    rows.push(row_of(&item.map_err(|error| error::of(&error))?)?);
                }
                rows
            }
        };
        rows.sort_by(|left, right| (&left.stream_id, &left.shard_id).cmp(&(&right.stream_id, &right.shard_id)));
        Ok(rows)
    }

    /// The rows of a stream with all that was written before, for whoever decides by them what to write. It costs twice what
    /// [`Table::rows`] costs.
    ///
    /// # Errors
    /// Those of [`Table::rows`].
    pub async fn newest_rows(&self, stream_id: &str) -> Result<Vec<CheckpointRow>, KeysError> {
        self.rows_of(stream_id, true).await
    }

    /// The sort key brings them by shard.
    async fn rows_of(&self, stream_id: &str, is_consistent: bool) -> Result<Vec<CheckpointRow>, KeysError> {
        let mut items = self.items(stream_id, is_consistent).into_paginator().items().send();
        let mut rows = Vec::new();
        while let Some(item) = items.next().await {
            rows.push(row_of(&item.map_err(|error| error::of(&error))?)?);
        }
        Ok(rows)
    }

    /// Puts a point into the row of a shard, in the place of all that the row said. That may take the row backwards: nothing but
    /// a person's word should. `seen` is the row as it was when that person decided; none: there was none.
    ///
    /// # Errors
    /// [`CheckpointError::Held`] and [`CheckpointError::Running`] where another consumer or a run has the shard,
    /// [`CheckpointError::Overtaken`] where the row is another one by now, and whatever else can be wrong with the table.
    pub async fn place(
        &self,
        stream_id: &str,
        shard_id: &str,
        point: &ResumePoint,
        seen: Option<&CheckpointRow>,
        within: Duration,
    ) -> Result<(), CheckpointError> {
        if let Some(heartbeat) = seen.and_then(|row| row.heartbeat.as_ref()).filter(|beat| !beat.is_long_gone()) {
            return Err(CheckpointError::Running { run: heartbeat.run.clone(), beat_at: heartbeat.at.clone() });
        }
        self.write(placement::update((stream_id, shard_id), point, seen), within).await
    }

    /// Tries whether rows may be written, by a change whose condition can't hold.
    ///
    /// # Errors
    /// When they may not, or the table can't be reached.
    pub async fn try_write(&self) -> Result<(), CheckpointError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(row::key("kinesieve-doctor", "none")))
            .update_expression("REMOVE Nothing")
            .condition_expression(format!("attribute_exists({0}) AND attribute_not_exists({0})", row::STREAM_ID));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(error::of(&error)),
            },
        }
    }

    /// Changes a row where the conditions of the change hold. `within` is how long it is waited for: a part of it is left for
    /// another try, so that a change whose first answer got lost can be refused because it was done.
    ///
    /// # Errors
    /// When it is not known whether it was done.
    pub async fn change(&self, change: RowChange, within: Duration) -> Result<RowAnswer, CheckpointError> {
        self.update(change.into_update(), ReturnValue::AllNew, within).await
    }

    /// Removes the row of a shard, where the conditions of a change hold that changes nothing else. `within` is how long it is
    /// waited for.
    ///
    /// # Errors
    /// When it is not known whether it was done.
    pub async fn remove(&self, change: RowChange, within: Duration) -> Result<RowAnswer, CheckpointError> {
        let Update { key, condition, values, .. } = change.into_update();
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.customize().config_override(patient(within)).send().await {
            Ok(_) => Ok(RowAnswer::Done(None)),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(failure)) => {
                    Ok(RowAnswer::Refused(failure.item.clone()))
                }
                _ => Err(error::of(&error)),
            },
        }
    }

    /// All items of a stream, page by page, to `take`, which is given each one's shard too: as they are now, or, for half the
    /// price, as they were some seconds ago.
    ///
    /// # Errors
    /// When the table can't be read. What was taken before is not all then.
    pub async fn items_of(
        &self,
        stream_id: &str,
        is_exact: bool,
        mut take: impl FnMut(String, RowItem),
    ) -> Result<(), CheckpointError> {
        let mut items = self.items(stream_id, is_exact).into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| error::of(&error))?;
            if let Some(AttributeValue::S(shard_id)) = item.get(row::SHARD_ID) {
                take(shard_id.clone(), item);
            }
        }
        Ok(())
    }

    /// Asks for all items of a stream.
    fn items(&self, stream_id: &str, is_consistent: bool) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .key_condition_expression(format!("{} = :stream", row::STREAM_ID))
            .expression_attribute_values(":stream", AttributeValue::S(stream_id.to_owned()))
            .consistent_read(is_consistent)
    }

    /// The item of a shard, as it is now.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn item(&self, stream_id: &str, shard_id: &str) -> Result<Option<RowItem>, CheckpointError> {
        let key = Some(row::key(stream_id, shard_id));
        let request = self.client.get_item().table_name(&self.name).set_key(key).consistent_read(true);
        Ok(request.send().await.map_err(|error| error::of(&error))?.item)
    }

    /// `within` is how long it is waited for: a part of it is left for another try.
    pub(super) async fn write(&self, update: Update, within: Duration) -> Result<(), CheckpointError> {
        let run = update.values.get(&format!(":{}", heartbeat::RUN_BY)).and_then(|run| run.as_s().ok()).cloned();
        match self.update(update, ReturnValue::None, within).await? {
            RowAnswer::Done(_) => Ok(()),
            RowAnswer::Refused(item) => Err(in_the_way(item.as_ref(), run.as_deref())),
        }
    }

    async fn update(
        &self,
        update: Update,
        returns: ReturnValue,
        within: Duration,
    ) -> Result<RowAnswer, CheckpointError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(update.key))
            .update_expression(update.change)
            .condition_expression(update.condition)
            .set_expression_attribute_values(Some(update.values).filter(|values| !values.is_empty()))
            .return_values(returns)
            // Who was there instead, without another request.
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.customize().config_override(patient(within)).send().await {
            Ok(answer) => Ok(RowAnswer::Done(answer.attributes)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failure)) => {
                    Ok(RowAnswer::Refused(failure.item.clone()))
                }
                _ => Err(error::of(&error)),
            },
        }
    }
}

/// Whoever has more time than a batch gives each try more as well. The time to connect stays that of the client: for each
/// other one the SDK would make a pool of connections, and keep it.
fn patient(within: Duration) -> aws_sdk_dynamodb::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(within / 2);
    aws_sdk_dynamodb::config::Builder::new().timeout_config(timeouts.build())
}

/// An item that has the keys of a row.
fn row_of(item: &HashMap<String, AttributeValue>) -> Result<CheckpointRow, KeysError> {
    let row = CheckpointRow::of(item);
    if !row.stream_id.is_empty() && !row.shard_id.is_empty() {
        return Ok(row);
    }
    let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.truncate(NAMED_ATTRIBUTES);
    Err(KeysError::NoRow { attributes: aws::cut(names.join(", "), NAMED_BYTES) })
}

/// What a row has that a change did not hold for.
fn in_the_way(item: Option<&HashMap<String, AttributeValue>>, update_of_run: Option<&str>) -> CheckpointError {
    let row = item.map(CheckpointRow::of).unwrap_or_default();
    match (&row.held_by, row.heartbeat) {
        (Some(holder), _) => CheckpointError::held(holder),
        (None, Some(Heartbeat { run, at })) if update_of_run.is_some_and(|ours| ours != run) => {
            CheckpointError::Running { run, beat_at: at }
        }
        (None, _) => CheckpointError::Overtaken { position: row.position.or(row.high_water_mark).unwrap_or_default() },
    }
}
