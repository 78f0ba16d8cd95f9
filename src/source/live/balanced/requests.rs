//! What a member asks of the stream and of the table.

use std::sync::Arc;

use crate::checkpoint::{CheckpointError, ShardProgress};
use crate::fleet::{LeaseRow, LeaseTable, LeaseWrite, ShardKey, WriteAnswer};
use crate::source::live::lineage::ListedShard;
use crate::source::live::refusal::LiveError;
use crate::source::live::streams::LiveStream;

/// What came of a request.
pub(super) enum Answered {
    Listed(Arc<str>, Result<Vec<ListedShard>, LiveError>),
    Rows(Arc<str>, Result<Vec<(Arc<str>, LeaseRow)>, CheckpointError>),
    Row(ShardKey, Result<Option<LeaseRow>, CheckpointError>),
    Write { id: u64, key: ShardKey, write: LeaseWrite, answer: Result<WriteAnswer, CheckpointError> },
}

pub(super) async fn list(stream: Arc<str>, live: LiveStream) -> Answered {
    Answered::Listed(stream, live.shards().await)
}

pub(super) async fn look(stream: Arc<str>, is_exact: bool, table: LeaseTable) -> Answered {
    let rows = table.rows(&stream, is_exact).await;
    Answered::Rows(stream, rows)
}

pub(super) async fn look_at(key: ShardKey, table: LeaseTable) -> Answered {
    let row = table.row(&key).await;
    Answered::Row(key, row)
}

pub(super) async fn write(
    id: u64,
    key: ShardKey,
    write: LeaseWrite,
    said: Option<ShardProgress>,
    table: LeaseTable,
) -> Answered {
    let answer = table.write(&key, &write, said.as_ref()).await;
    Answered::Write { id, key, write, answer }
}
