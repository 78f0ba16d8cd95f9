//! A run that shares streams out with others: it reads the shards that it has a lease of, and hands them over.
//!
//! What it does is decided by a [`FleetMember`]; here is what asks the stream and the table for it, and what does the work on
//! the shards. Everything runs on one thread, so that the lease of a shard is looked at between any two steps of its work.

mod boot_clock;
mod load_meter;
mod news;
mod requests;
mod shard_lease;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;

pub(super) use news::ShardNews;

use boot_clock::fleet_time;
use load_meter::LoadMeter;
use requests::Answered;
use shard_lease::ShardLease;

use super::cancellation::{Cancellation, CancellationLevel};
use super::commits::LAST_COMMIT;
use super::context::RunContext;
use super::followed::ReadyShard;
use super::lineage::ListedShard;
use super::plan::{OpenStream, ReadPlan};
use super::refusal::LiveError;
use super::shard::follow;
use super::statuses::{CommitOutcome, ShardBoard, ShardStage, ShardStatuses};
use super::streams::ShardStart;
use crate::checkpoint::{ShardProgress, StartAt};
use crate::event::Shard;
use crate::fleet::{
    FleetEffect, FleetMember, FleetOptions, FleetShardStart, LeaseTable, LeaseWrite, ShardKey, ShardListing,
    WriteAnswer,
};
use crate::timestamp::now_millis;

/// How often the member decides where nothing happens.
const BETWEEN_TICKS: Duration = Duration::from_millis(250);

/// How streams are shared out with others.
#[derive(Debug, Clone)]
pub struct FleetPlan {
    /// What this process calls itself in the table.
    pub client: String,
    /// The periods.
    pub options: FleetOptions,
    /// How long a request to the table is waited for.
    pub table_timeout: Duration,
}

/// What a balanced run works with.
pub(super) struct BalancedParts<'r> {
    pub(super) plan: &'r ReadPlan,
    pub(super) streams: &'r [OpenStream],
    pub(super) context: &'r RunContext<'r>,
    pub(super) statuses: &'r ShardStatuses,
    pub(super) cancellation: &'r Cancellation,
    pub(super) news: &'r ShardNews,
    pub(super) fleet: &'r FleetPlan,
    pub(super) table: LeaseTable,
}

/// A run that shares streams out, while it goes on.
struct Balanced<'r> {
    parts: BalancedParts<'r>,
    member: FleetMember,
    /// The streams by what the table calls them.
    streams: HashMap<Arc<str>, &'r OpenStream>,
    listed: HashMap<ShardKey, ListedShard>,
    keys: HashMap<Shard, ShardKey>,
    boards: HashMap<ShardKey, Arc<ShardBoard>>,
    working: HashMap<ShardKey, ShardWork>,
    next_work: u64,
    /// What was said last of each shard.
    said: HashMap<ShardKey, ShardProgress>,
    under_way: FuturesUnordered<LocalBoxFuture<'r, Happened>>,
    is_table_in_trouble: bool,
    is_stream_in_trouble: bool,
    failure: Option<LiveError>,
}

/// A shard that is worked on.
struct ShardWork {
    /// Tells it from earlier work on the same shard.
    id: u64,
    lease: ShardLease,
    cancellation: Cancellation,
    meter: LoadMeter,
}

/// What came to its end.
enum Happened {
    Answered(Box<Answered>),
    /// The work on a shard did; none: its lease was over.
    Left {
        key: ShardKey,
        id: u64,
        end: Option<Result<ShardStage, LiveError>>,
    },
}

/// Shares streams out until the run is ended.
///
/// # Errors
/// The first that ended the work on a shard, and all others with it.
pub(super) async fn run(parts: BalancedParts<'_>) -> Result<(), LiveError> {
    let mut run = Balanced::new(parts);
    let cancellation = run.parts.cancellation;
    let mut ends_at: Option<Instant> = None;
    let mut has_drained = false;
    loop {
        run.goes_on();
        if run.member.is_over() && run.working.is_empty() {
            break;
        }
        if let (Some(at), true) = (&mut ends_at, run.working.is_empty() && !has_drained) {
            // Nothing but the table is waited for any more.
            has_drained = true;
            *at = (*at).min(Instant::now() + LAST_COMMIT);
        }
        let deadline = ends_at.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            Some(happened) = run.under_way.next(), if !run.under_way.is_empty() => run.hears(happened),
            () = tokio::time::sleep(BETWEEN_TICKS) => {}
            () = cancellation.reaches(CancellationLevel::Stop), if ends_at.is_none() => {
                run.member.end();
                ends_at = Some(Instant::now() + cancellation.grace() + LAST_COMMIT);
            }
            () = tokio::time::sleep_until(deadline), if ends_at.is_some() => break,
        }
        // What is there already is heard before the next decision.
        while let Some(Some(happened)) = run.under_way.next().now_or_never() {
            run.hears(happened);
        }
    }
    run.is_over();
    run.failure.map_or(Ok(()), Err)
}

impl<'r> Balanced<'r> {
    fn new(parts: BalancedParts<'r>) -> Self {
        let plan = parts.plan;
        let streams: HashMap<Arc<str>, &OpenStream> =
            parts.streams.iter().map(|open| (Arc::from(plan.stream_id(&open.stream)), open)).collect();
        let FleetPlan { client, options, .. } = parts.fleet;
        let pinned: BTreeSet<ShardKey> = parts
            .streams
            .iter()
            .filter(|open| !open.follows_children())
            .flat_map(|open| {
                let stream: Arc<str> = Arc::from(plan.stream_id(&open.stream));
                open.lineage.ids().map(move |id| ShardKey { stream: Arc::clone(&stream), shard: id.into() })
            })
            .collect();
        let seed = fastrand::u64(..);
        let member = FleetMember::new(client.clone(), streams.keys().cloned(), options.clone(), seed);
        Self {
            member: member.with_pinned(pinned),
            parts,
            streams,
            listed: HashMap::new(),
            keys: HashMap::new(),
            boards: HashMap::new(),
            working: HashMap::new(),
            next_work: 0,
            said: HashMap::new(),
            under_way: FuturesUnordered::new(),
            is_table_in_trouble: false,
            is_stream_in_trouble: false,
            failure: None,
        }
    }

    /// Tells the member how far shards are, and does what it decides.
    fn goes_on(&mut self) {
        let now = fleet_time();
        for (shard, progress) in self.parts.news.take() {
            let Some(key) = self.keys.get(&shard).cloned() else { continue };
            self.tell(&key, progress);
        }
        for effect in self.member.tick(now) {
            self.does(effect);
        }
    }

    fn tell(&mut self, key: &ShardKey, progress: ShardProgress) {
        let load = match (self.working.get_mut(key), self.boards.get(key)) {
            (Some(work), Some(board)) => work.meter.load(boot_clock::since_boot(), &board.view()),
            _ => return,
        };
        let position = progress.acknowledged.as_ref().map(|last| last.sequence_number.clone());
        self.member.progressed(key, position, load);
        self.said.insert(key.clone(), progress);
    }

    fn does(&mut self, effect: FleetEffect) {
        let table = self.parts.table.clone();
        let request: LocalBoxFuture<'r, Answered> = match effect {
            FleetEffect::List(stream) => {
                let Some(open) = self.streams.get(&stream) else { return };
                requests::list(stream, open.stream.clone()).boxed_local()
            }
            FleetEffect::Look { stream, is_exact } => requests::look(stream, is_exact, table).boxed_local(),
            FleetEffect::LookAt(key) => requests::look_at(key, table).boxed_local(),
            FleetEffect::Write { id, key, write } => {
                let said = self.said.get(&key).cloned();
                requests::write(id, key, write, said, table).boxed_local()
            }
            FleetEffect::Start { key, from } => return self.starts(key, from),
            FleetEffect::Drain(key) => {
                if let Some(work) = self.working.get(&key) {
                    work.cancellation.stop();
                }
                return;
            }
            FleetEffect::CutOff(key) => {
                if let Some(work) = self.working.get(&key) {
                    work.lease.ends();
                }
                return;
            }
        };
        self.under_way.push(request.map(|answered| Happened::Answered(Box::new(answered))).boxed_local());
    }

    /// Begins the work on a shard.
    fn starts(&mut self, key: ShardKey, from: FleetShardStart) {
        let Some(open) = self.streams.get(&key.stream).copied() else { return };
        let Some(trusted_until) = self.member.trusted_until(&key) else { return };
        let shard = Shard { stream_arn: open.stream.arn.clone(), id: key.shard.to_string() };
        let board = match self.boards.get(&key) {
            Some(board) => {
                board.begins_again();
                Arc::clone(board)
            }
            None => self.parts.statuses.add(shard.clone()),
        };
        self.keys.insert(shard, key.clone());
        // What it said when it was read here before is old.
        self.said.remove(&key);
        self.boards.insert(key.clone(), Arc::clone(&board));
        let start = match from {
            FleetShardStart::After(number) => ShardStart::After(number),
            FleetShardStart::Within(position) => {
                let number = position.sequence_number().to_string();
                self.parts.context.processor.goes_on_at(board.shard(), position);
                ShardStart::At(number)
            }
            FleetShardStart::At(StartAt::TrimHorizon) => ShardStart::TrimHorizon,
            // The clock of whoever wrote it may be ahead.
            FleetShardStart::At(StartAt::AtTimestamp(time)) => ShardStart::AtTimestamp(time.min(now_millis())),
            FleetShardStart::Latest => ShardStart::Latest,
        };
        let lease = ShardLease::until(trusted_until);
        let cancellation = Cancellation::with_grace(self.parts.cancellation.grace());
        let meter = LoadMeter::begin(boot_clock::since_boot(), &board.view());
        self.next_work += 1;
        let id = self.next_work;
        let work = ShardWork { id, lease: lease.clone(), cancellation: cancellation.clone(), meter };
        self.working.insert(key.clone(), work);
        let reader = open.reader_from(start.clone(), &key.shard, self.parts.plan.read_options, &board);
        let (plan, context) = (self.parts.plan, self.parts.context);
        let listed = self.listed.get(&key).cloned();
        tracing::info!(shard_id = &*key.shard, "this process reads the shard from here on");
        let work = async move {
            if let (ShardStart::After(number) | ShardStart::At(number), Some(listed)) = (&start, &listed) {
                plan.check_is_there(&open.stream, listed, number).await?;
            }
            follow(context, ReadyShard { statuses: board, reader, gone: None, cancellation }).await
        };
        self.under_way.push(async move { Happened::Left { key, id, end: lease.covers(work).await } }.boxed_local());
    }

    fn hears(&mut self, happened: Happened) {
        match happened {
            Happened::Answered(answered) => self.is_answered(*answered),
            Happened::Left { key, id, end } => {
                // Another work on it may have begun meanwhile.
                if self.working.get(&key).is_some_and(|work| work.id == id) {
                    self.left(&key, end);
                }
            }
        }
    }

    fn is_answered(&mut self, answered: Answered) {
        let now = fleet_time();
        match answered {
            Answered::Listed(stream, Ok(shards)) => {
                self.is_stream_in_trouble = false;
                let key = |id: &str| ShardKey { stream: Arc::clone(&stream), shard: id.into() };
                let listings = shards.iter().map(|shard| ShardListing {
                    shard: shard.id.as_str().into(),
                    parents: shard.parents.iter().map(|parent| parent.as_str().into()).collect(),
                    is_closed: shard.is_closed,
                });
                self.member.listed(now, &stream, Some(listings.collect()));
                self.listed.retain(|key, _| key.stream != stream);
                self.listed.extend(shards.into_iter().map(|shard| (key(&shard.id), shard)));
            }
            Answered::Listed(stream, Err(error)) => {
                if !std::mem::replace(&mut self.is_stream_in_trouble, true) {
                    tracing::warn!("{error}; its shards are asked for again");
                }
                self.member.listed(now, &stream, None);
            }
            Answered::Rows(stream, rows) => {
                let rows = self.of_table(rows);
                self.member.saw_rows(now, &stream, rows);
            }
            Answered::Row(key, row) => {
                let row = self.of_table(row);
                self.member.saw_row(now, &key, row);
            }
            Answered::Write { id, key, write, answer } => {
                let kind = answer.as_ref().err().map(|error| error.kind().as_str());
                let answer = self.of_table(answer).unwrap_or(WriteAnswer::Unknown);
                self.shows(&key, &write, &answer, kind);
                self.member.answered(now, id, &key, answer);
                if let (Some(work), Some(until)) = (self.working.get(&key), self.member.trusted_until(&key)) {
                    work.lease.lasts_until(until);
                }
            }
        }
    }

    /// The work on a shard came to its end.
    fn left(&mut self, key: &ShardKey, end: Option<Result<ShardStage, LiveError>>) {
        // Its last words come first.
        if let Some(progress) = self.boards.get(key).and_then(|board| self.parts.news.take_of(board.shard())) {
            self.tell(key, progress);
        }
        self.working.remove(key);
        let position = self.said.get(key).and_then(|said| Some(said.acknowledged.as_ref()?.sequence_number.clone()));
        let Some(board) = self.boards.get(key) else { return };
        let Some(end) = end else {
            tracing::warn!(shard_id = &*key.shard, "the lease of the shard is over, so it is left at once");
            board.is_at(ShardStage::Elsewhere);
            // The answer to a renewal may have come after all: then the row is given up, and claimed anew.
            return self.member.left(key, position, false);
        };
        let stage = end.as_ref().map_or(ShardStage::Stopped, |stage| *stage);
        if stage == ShardStage::Stopped && !self.parts.cancellation.is_stopped() && end.is_ok() {
            board.is_at(ShardStage::Elsewhere);
        }
        self.member.left(key, position, stage == ShardStage::Ended);
        if let Err(error) = end {
            self.failure.get_or_insert(error);
            self.parts.cancellation.stop();
        }
    }

    /// Shows what came of a write that has a position.
    fn shows(&self, key: &ShardKey, write: &LeaseWrite, answer: &WriteAnswer, kind: Option<&'static str>) {
        let (LeaseWrite::Renew { position, .. }
        | LeaseWrite::Pass { position, .. }
        | LeaseWrite::Release { position, .. }) = write
        else {
            return;
        };
        let Some(board) = self.boards.get(key) else { return };
        match (answer, kind, position) {
            (WriteAnswer::Done(_), _, Some(position)) => board.committed(CommitOutcome::At(position.clone())),
            (WriteAnswer::Unknown, Some(kind), _) => board.committed(CommitOutcome::Failed(kind)),
            _ => {}
        }
    }

    /// What the table answered; none: it did not. That is said once, until it answers again.
    fn of_table<T>(&mut self, answer: Result<T, crate::checkpoint::CheckpointError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                if std::mem::replace(&mut self.is_table_in_trouble, false) {
                    tracing::info!("the checkpoint table answers again");
                }
                Some(answer)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_table_in_trouble, true) {
                    tracing::warn!("the checkpoint table {}: {error}", self.parts.table.name());
                }
                None
            }
        }
    }

    /// The run is over: what could not be written down is not committed.
    fn is_over(&self) {
        for key in self.member.owned() {
            if let Some(board) = self.boards.get(key) {
                board.committed(CommitOutcome::Failed("timeout"));
                board.is_at(ShardStage::Stopped);
            }
        }
    }
}
