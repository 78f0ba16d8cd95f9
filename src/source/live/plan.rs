//! What is to be read, and the checks that come before the first record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;

use super::LiveSource;
use super::address::StreamPlace;
use super::balanced::FleetPlan;
use super::bounds::{EndCondition, StartPosition, StartWithoutRow};
use super::consumer::ConsumerName;
use super::enhanced::Subscription;
use super::lineage::{Lineage, ListedShard};
use super::reader::ShardReader;
use super::refusal::LiveError;
use super::shared::{Polling, ReadOptions};
use super::statuses::ShardBoard;
use super::streams::{LiveStream, ShardStart};
use crate::aws::{AccessError, checked_reading_config};
use crate::checkpoint::{
    CheckpointError, CheckpointRow, GoneRun, KeysError, ResumePoint, StartAt, Table, create_if_missing,
};
use crate::event::{Position, Shard};
use crate::settings::{StreamIdForm, TableCapacity};
use crate::source::BatchCheck;
use crate::source::mapping::{BatchLimits, MappingRules};
use crate::timestamp::now_millis;

/// How long a table that is made is waited for: DynamoDB takes some seconds.
const TABLE_TIME_LIMIT: Duration = Duration::from_secs(60);

/// What is to be read, and how.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    /// The streams.
    pub places: Vec<StreamPlace>,
    /// Where reading starts.
    pub start: StartPosition,
    /// Where it ends by itself; none: nowhere.
    pub until: Option<EndCondition>,
    /// Who the reads are shared with.
    pub mode: ReadMode,
    /// How often shards are read.
    pub read_options: ReadOptions,
    /// When batches are split, and when they are given up.
    pub rules: MappingRules,
    /// How large batches become.
    pub limits: BatchLimits,
    /// What ends them besides; none: nothing does.
    pub check: Option<BatchCheck>,
    /// How many batches of a shard may be under way at once (`ParallelizationFactor`).
    pub lanes: u8,
    /// How long tumbling windows are (`TumblingWindowInSeconds`); none: there are none.
    pub tumbling_window: Option<Duration>,
    /// The checkpoint table, where it is read or written.
    pub checkpoints: Option<Checkpoints>,
    /// How the streams are shared out with others; none: they are not.
    pub fleet: Option<FleetPlan>,
    /// Whether to go on where records may be missing, or somebody else may be at work.
    pub force: Force,
}

/// Who the reads of a shard are shared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadMode {
    /// With all of its consumers: GetRecords.
    Shared,
    /// With nobody: SubscribeToShard, by this consumer.
    Enhanced(ConsumerName),
}

/// The checkpoint table.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    /// The table.
    pub table: Table,
    /// How a stream is written in it.
    pub stream_id: StreamIdForm,
    /// Where a shard starts that has no row in it, when rows say where to start.
    pub without_row: StartWithoutRow,
    /// Whether positions are committed to it.
    pub commits: bool,
    /// With which capacity it is made where it is missing; none: it is not.
    pub create: Option<TableCapacity>,
}

/// Whether to go on where records may be missing, or somebody else may be at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// No: that is refused.
    No,
    /// Yes: somebody said so.
    Yes,
}

/// A stream that is read.
#[derive(Debug)]
pub(super) struct OpenStream {
    pub(super) stream: LiveStream,
    pub(super) lineage: Lineage,
    consumer_arn: Option<String>,
    /// Where the shards start that were there at first; those that come later start at their beginning.
    starts: BTreeMap<String, ShardStart>,
    /// Where another consumer broke off inside a record with which its shard starts.
    pub(super) broken_off: Vec<(Shard, Position)>,
    /// The runs that were at work on shards before, by shard.
    pub(super) gone: BTreeMap<String, GoneRun>,
    follows: ReadScope,
}

/// What a row says of where its shard starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StartByRow {
    /// Nowhere: it was read to its end.
    Drained,
    /// At a position, so that all of its parents are done.
    Position(ShardStart),
    /// Where the shard begins, or at a time: that says nothing of its parents.
    Beginning(ShardStart),
}

/// What of a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadScope {
    /// All shards, and those that come of them.
    AllShards,
    /// One shard.
    OneShard,
}

impl OpenStream {
    fn start_of(&self, shard_id: &str) -> ShardStart {
        self.starts.get(shard_id).cloned().unwrap_or(ShardStart::TrimHorizon)
    }

    /// What reads a shard of it.
    pub(super) fn reader(&self, shard_id: &str, options: ReadOptions, statuses: &Arc<ShardBoard>) -> ShardReader {
        self.reader_from(self.start_of(shard_id), shard_id, options, statuses)
    }

    /// What reads a shard of it from this place on.
    pub(super) fn reader_from(
        &self,
        start: ShardStart,
        shard_id: &str,
        options: ReadOptions,
        statuses: &Arc<ShardBoard>,
    ) -> ShardReader {
        let (stream, statuses) = (self.stream.clone(), Arc::clone(statuses));
        match &self.consumer_arn {
            None => ShardReader::Shared(Polling::new(stream, shard_id, start, options, statuses)),
            Some(arn) => ShardReader::Enhanced(Box::new(Subscription::new(stream, arn, shard_id, start, statuses))),
        }
    }

    pub(super) fn follows_children(&self) -> bool {
        self.follows == ReadScope::AllShards
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }
}

impl LiveSource {
    /// Opens the streams of a plan, and checks everything that can be wrong before a record moves: that each stream
    /// and shard is there and may be read, and that the records to start with are.
    ///
    /// # Errors
    /// With one line that says what is wrong, and what to do about it.
    pub async fn open(plan: ReadPlan) -> Result<Self, LiveError> {
        plan.check_start(now_millis())?;
        let mut configs = Vec::new();
        for place in &plan.places {
            configs.push(checked_reading_config(place.stream.region()).await.map_err(|error| match error {
                AccessError::NoRegion(asked) => {
                    LiveError::NoRegion { stream: place.stream.to_string(), asked: asked.to_string() }
                }
                AccessError::NoCredentials(reason) => LiveError::NoCredentials { reason },
            })?);
        }
        Self::open_with(plan, &configs).await
    }

    /// Opens the streams with the given SDK configurations, one for each address.
    ///
    /// # Errors
    /// With one line that says what is wrong, and what to do about it.
    pub async fn open_with(plan: ReadPlan, configs: &[SdkConfig]) -> Result<Self, LiveError> {
        let opened_at = now_millis();
        plan.check_start(opened_at)?;
        let mut streams = Vec::new();
        let mut taken: BTreeSet<(String, String)> = BTreeSet::new();
        for (place, config) in plan.places.iter().zip(configs) {
            let stream = LiveStream::find(config, &place.stream).await?;
            if let ReadMode::Enhanced(consumer) = &plan.mode {
                consumer.check(&stream)?;
            }
            let mut shards = stream.shards().await?;
            if let Some(shard) = &place.shard {
                let listed: Vec<&str> = shards.iter().map(|listed| listed.id.as_str()).collect();
                if !listed.contains(&shard.as_str()) {
                    let listed = listed.join(", ");
                    return Err(LiveError::NoShard { stream: stream.arn, shard: shard.clone(), listed });
                }
                shards.retain(|listed| listed.id == *shard);
            }
            for shard in &shards {
                if !taken.insert((stream.arn.clone(), shard.id.clone())) {
                    return Err(LiveError::Twice(place.to_string()));
                }
            }
            streams.push((place, stream, shards));
        }
        if let StartPosition::AtSequenceNumber(_) | StartPosition::AfterSequenceNumber(_) = plan.start
            && taken.len() != 1
        {
            return Err(several_shards(&plan.places, &taken));
        }
        plan.make_table().await?;
        let mut opened = Vec::new();
        for (place, stream, shards) in streams {
            if plan.fleet.is_some() {
                plan.check_rows_of_fleet(&stream).await?;
            }
            let mut rows = plan.rows(&stream, &shards).await?;
            let others = plan.other_runs(plan.stream_id(&stream), &rows).await?;
            if others.was_waited {
                rows = plan.rows(&stream, &shards).await?;
            }
            plan.warn_of_functions(&rows);
            let (starts, left_out) = plan.starts(&stream, &shards, &rows).await?;
            plan.probe(&stream, &starts).await?;
            let broken_off = broken_off(&stream, &rows, &starts);
            let consumer_arn = match &plan.mode {
                ReadMode::Shared => None,
                ReadMode::Enhanced(consumer) => Some(consumer.arn(&stream).await?),
            };
            let mut lineage = Lineage::default();
            lineage.learn(shards);
            left_out.iter().for_each(|shard| lineage.leave_out(shard));
            let follows = if place.shard.is_some() { ReadScope::OneShard } else { ReadScope::AllShards };
            opened.push(OpenStream { stream, lineage, consumer_arn, starts, broken_off, gone: others.gone, follows });
        }
        Ok(Self { plan, streams: opened, opened_at })
    }
}

impl ReadPlan {
    /// Reads as far as this, shared with all consumers, and writes nothing down.
    pub fn of_reading(
        places: Vec<StreamPlace>,
        start: StartPosition,
        until: Option<EndCondition>,
        read_options: ReadOptions,
    ) -> Self {
        Self {
            places,
            start,
            until,
            mode: ReadMode::Shared,
            read_options,
            rules: MappingRules::default(),
            limits: BatchLimits::default(),
            check: None,
            lanes: 1,
            tumbling_window: None,
            checkpoints: None,
            fleet: None,
            force: Force::No,
        }
    }

    /// Checks that the start is not in the future.
    fn check_start(&self, now: u64) -> Result<(), LiveError> {
        match self.start {
            StartPosition::AtTimestamp(time) if time > now => {
                let by = Duration::from_secs((time - now).div_ceil(1000));
                Err(LiveError::InTheFuture { time, by })
            }
            _ => Ok(()),
        }
    }

    /// Makes the checkpoint table, if that is wanted: rows are read before the first one is written.
    async fn make_table(&self) -> Result<(), LiveError> {
        let Some(Checkpoints { table, create: Some(capacity), .. }) = &self.checkpoints else { return Ok(()) };
        let made = create_if_missing(table, *capacity, TABLE_TIME_LIMIT).await;
        made.map_err(|trouble| LiveError::TableNotMade { table: table.name().to_owned(), trouble })
    }

    /// How a stream is written in the table.
    pub(super) fn stream_id<'a>(&'a self, stream: &'a LiveStream) -> &'a str {
        match &self.checkpoints {
            Some(checkpoints) => checkpoints.stream_id.of(&stream.arn),
            None => &stream.arn,
        }
    }

    /// The rows of the shards, where the table is of any concern. A row that somebody holds is none of ours.
    async fn rows(
        &self,
        stream: &LiveStream,
        shards: &[ListedShard],
    ) -> Result<BTreeMap<String, CheckpointRow>, LiveError> {
        let Some(Checkpoints { table, .. }) = self.checkpoints.as_ref().filter(|_| self.fleet.is_none()) else {
            return Ok(BTreeMap::new());
        };
        let stream_id = self.stream_id(stream);
        let mut rows = BTreeMap::new();
        for shard in shards {
            let row = table.read(stream_id, &shard.id).await;
            let row = row.map_err(|trouble| LiveError::Table { table: table.name().to_owned(), trouble })?;
            let Some(row) = row else { continue };
            if let (Some(holder), Force::No) = (&row.held_by, self.force) {
                return Err(LiveError::Held { shard: shard.id.clone(), trouble: CheckpointError::held(holder) });
            }
            rows.insert(shard.id.clone(), row);
        }
        Ok(rows)
    }

    /// Reads the rows of a stream that is shared out once, so that what is wrong with the table is known before a record moves.
    /// Where each shard begins is found out with its lease.
    async fn check_rows_of_fleet(&self, stream: &LiveStream) -> Result<(), LiveError> {
        let Some(Checkpoints { table, .. }) = &self.checkpoints else { return Ok(()) };
        let rows = table.rows(Some(self.stream_id(stream))).await.map_err(|error| match error {
            KeysError::Trouble(trouble) => LiveError::Table { table: table.name().to_owned(), trouble },
            error @ (KeysError::Other { .. } | KeysError::NoRow { .. }) => {
                let trouble = CheckpointError::Refused(error.to_string());
                LiveError::Table { table: table.name().to_owned(), trouble }
            }
        })?;
        for row in &rows {
            self.start_by(row)?;
        }
        self.warn_of_functions(&rows.into_iter().map(|row| (row.shard_id.clone(), row)).collect());
        Ok(())
    }

    /// What a row says of where its shard starts; none: nothing.
    pub(super) fn start_by(&self, row: &CheckpointRow) -> Result<Option<StartByRow>, LiveError> {
        let point = match (row.resume_point(), self.force) {
            (Ok(point), _) => point,
            (Err(refusal), Force::Yes) => {
                return Ok(Some(StartByRow::Position(ShardStart::After(refusal.high_water_mark))));
            }
            (Err(refusal), Force::No) => return Err(LiveError::NotSafe(refusal)),
        };
        Ok(match point {
            Some(ResumePoint::ShardEnd) => Some(StartByRow::Drained),
            Some(ResumePoint::After(position)) => {
                Some(StartByRow::Position(ShardStart::After(position.sequence_number().to_string())))
            }
            Some(ResumePoint::Within(position)) => {
                Some(StartByRow::Position(ShardStart::At(position.sequence_number().to_string())))
            }
            Some(ResumePoint::Start(StartAt::TrimHorizon)) => Some(StartByRow::Beginning(ShardStart::TrimHorizon)),
            // Another machine's clock may be ahead: the service takes no time to come.
            Some(ResumePoint::Start(StartAt::AtTimestamp(time))) => {
                Some(StartByRow::Beginning(ShardStart::AtTimestamp(time.min(now_millis()))))
            }
            // What is no sequence number the service refuses: to start elsewhere could leave records out.
            None => row.position.clone().map(|position| StartByRow::Position(ShardStart::After(position))),
        })
    }

    pub(super) async fn check_is_there(
        &self,
        stream: &LiveStream,
        shard: &ListedShard,
        number: &str,
    ) -> Result<(), LiveError> {
        match stream.check_not_trimmed(shard, number).await {
            Err(LiveError::Trimmed { .. }) if self.force == Force::Yes => {
                tracing::warn!(shard_id = shard.id, "sequence number {number} is gone, and --force goes on without it");
                Ok(())
            }
            answer => answer,
        }
    }

    /// Reads once, so that a permission that lacks is known before a record moves.
    async fn probe(&self, stream: &LiveStream, starts: &BTreeMap<String, ShardStart>) -> Result<(), LiveError> {
        match (starts.keys().next(), &self.mode) {
            (Some(shard), ReadMode::Shared) => stream.first_page(shard).await,
            _ => Ok(()),
        }
    }
}

/// The places inside of records with which shards start.
fn broken_off(
    stream: &LiveStream,
    rows: &BTreeMap<String, CheckpointRow>,
    starts: &BTreeMap<String, ShardStart>,
) -> Vec<(Shard, Position)> {
    let place = |(shard_id, row): (&String, &CheckpointRow)| {
        let Ok(Some(ResumePoint::Within(position))) = row.resume_point() else { return None };
        let starts_there = starts.get(shard_id) == Some(&ShardStart::At(position.sequence_number().to_string()));
        starts_there.then(|| (Shard { stream_arn: stream.arn.clone(), id: shard_id.clone() }, position))
    };
    rows.iter().filter_map(place).collect()
}

fn several_shards(places: &[StreamPlace], taken: &BTreeSet<(String, String)>) -> LiveError {
    let names: Vec<String> = places.iter().map(ToString::to_string).collect();
    let shard = taken.first().map_or("shardId-000000000000", |(_, shard)| shard.as_str());
    let example = places.first().map_or_else(String::new, |place| format!("--input {}:{shard}", place.stream));
    LiveError::SeveralShards { streams: names.join(", "), count: taken.len(), example }
}
