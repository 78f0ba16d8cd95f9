//! A checkpoint table at moto, and what stands in its rows.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use kinesieve::checkpoint::{
    Acknowledged, BlockedProgress, CheckpointOptions, CheckpointOutcome, CheckpointRow, CheckpointWriter,
    ShardProgress, Table, create_if_missing,
};
use kinesieve::event::{Position, Shard};
use kinesieve::settings::{StreamIdForm, TableCapacity, TableName};

use super::events::{SHARD_ID, STREAM_ARN};
use super::moto::Moto;
use super::{block_on, client};

pub const STREAM: &str = "readings";

/// As long as anything may take here: these tests are not about time.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A table of its own at the server that all share.
pub struct Positions {
    pub moto: Arc<Moto>,
    pub name: String,
}

impl Positions {
    pub fn new() -> Self {
        let positions = Self::missing();
        block_on(create_if_missing(&positions.table(), TableCapacity::OnDemand, TIME_LIMIT)).expect("a table");
        positions
    }

    /// One that nobody has made yet.
    pub fn missing() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        Self { moto: Moto::shared(), name: format!("positions-{}", COUNT.fetch_add(1, Ordering::Relaxed)) }
    }

    pub fn table(&self) -> Table {
        table(&self.moto.config(), &self.name, TIME_LIMIT)
    }

    pub fn checkpoint_writer(&self) -> CheckpointWriter {
        self.mirror_with(|_| ())
    }

    pub fn mirror_with(&self, change: impl FnOnce(&mut CheckpointOptions)) -> CheckpointWriter {
        let mut options = options();
        change(&mut options);
        CheckpointWriter::new(self.table(), options)
    }

    pub fn client(&self) -> Client {
        Client::new(&self.moto.config())
    }

    /// The attributes of the row of our shard.
    pub fn item(&self) -> HashMap<String, AttributeValue> {
        let request = self.client().get_item().table_name(&self.name).set_key(Some(key())).consistent_read(true);
        block_on(request.send()).expect("an answer").item.unwrap_or_default()
    }

    pub fn row(&self) -> CheckpointRow {
        block_on(self.table().read(STREAM, SHARD_ID)).expect("an answer").unwrap_or_default()
    }

    pub fn position(&self) -> Option<String> {
        self.row().position
    }
}

pub fn table(config: &SdkConfig, name: &str, time_limit: Duration) -> Table {
    let name: TableName = name.parse().expect("a name");
    Table::new(config, &name, time_limit)
}

/// A table at an address where nothing keeps anything.
pub fn table_at(endpoint: String, time_limit: Duration) -> Table {
    table(&client::config(endpoint), "positions", time_limit)
}

pub fn options() -> CheckpointOptions {
    CheckpointOptions {
        stream_id: StreamIdForm::Name,
        timeout: TIME_LIMIT,
        period: Duration::ZERO,
        parallelization_factor: 1,
        skips_acknowledged: false,
        written_by: "readings-function".to_owned(),
        run: None,
    }
}

pub fn key() -> HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([("StreamID".to_owned(), text(STREAM)), ("ShardID".to_owned(), text(SHARD_ID))])
}

/// All up to there is acknowledged.
pub fn up_to(position: &str) -> ShardProgress {
    ShardProgress {
        shard: Shard { stream_arn: STREAM_ARN.to_owned(), id: SHARD_ID.to_owned() },
        acknowledged: Some(Acknowledged { sequence_number: position.to_owned(), arrived_at: 1_545_084_650_987 }),
        stuck: None,
    }
}

/// Nothing is, and the shard stands still.
pub fn stuck_at(position: &str, attempts: u32) -> ShardProgress {
    let stuck = BlockedProgress {
        position: Position::new(position, 0).expect("a position"),
        attempts,
        delivered: None,
        made_by: String::new(),
        code: None,
        reason: "the table is being rebuilt".to_owned(),
    };
    ShardProgress { acknowledged: None, stuck: Some(stuck), ..up_to(position) }
}

pub fn note(checkpoint_writer: &CheckpointWriter, progress: ShardProgress) -> CheckpointOutcome {
    block_on(checkpoint_writer.note(progress, TIME_LIMIT))
}

pub fn units(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}
