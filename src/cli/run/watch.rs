//! Looks after a run over streams: says what it waits for, and ends it where waiting is in vain.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::is_gone;
use crate::checkpoint::CheckpointErrorKind;
use crate::cli::foreign::plain;
use crate::source::live::{AwaitedPart, CommitOutcome, LAST_COMMIT, RunWatch, ShardStage, ShardView, Wait};

/// What takes less is no wait.
pub(super) const WORTH_A_WORD: Duration = Duration::from_secs(3);

/// From when on the log has it.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

/// How long a target that is not there is waited for: one that was just made may be known a little later.
const UNTIL_THERE: Duration = Duration::from_secs(10);

/// How long a target that refuses us is waited for: a permission that was just given takes effect within seconds.
const UNTIL_ALLOWED: Duration = Duration::from_secs(60);

/// Looks after a run.
pub(super) struct Watchman {
    watch: RunWatch,
    patience: Option<Duration>,
    /// Whether it is of no matter who else is at work.
    is_forced: bool,
    /// What the log has, and how long it was waited for by then.
    logged: BTreeMap<AwaitedPart, Duration>,
}

impl Watchman {
    /// `patience` is how long a shard may stand still before the run ends; none: for ever.
    /// `is_forced` is whether it does not matter who else is at work.
    pub(super) fn new(watch: RunWatch, patience: Option<Duration>, is_forced: bool) -> Self {
        Self { watch, patience, is_forced, logged: BTreeMap::new() }
    }

    /// Logs what is waited for, at first and each time that the wait has doubled, and answers why the run is to end; none:
    /// it goes on.
    pub(super) fn look(&mut self) -> Option<String> {
        let shards = self.watch.statuses.views();
        let waits = self.watch.waits(&shards, WORTH_A_WORD);
        self.log(&waits);
        let lost = self.lost(&shards);
        lost.or_else(|| waits.iter().find_map(|wait| self.lasting(wait)))
            .or_else(|| self.out_of_patience(&shards, &waits))
    }

    fn log(&mut self, waits: &[Wait]) {
        for wait in waits.iter().filter(|wait| wait.since >= WORTH_A_LINE) {
            let logged = self.logged.get(&wait.on).copied();
            // One that is waited for less long than before is waited for anew.
            if logged.is_none_or(|before| wait.since >= 2 * before || wait.since < before) {
                self.logged.insert(wait.on.clone(), wait.since);
                tracing::warn!(shards = wait.shards.len(), seconds = wait.since.as_secs(), "{wait}");
            }
        }
        self.logged.retain(|part, _| {
            let is_waited_for = waits.iter().any(|wait| wait.on == *part);
            if !is_waited_for {
                tracing::info!("{part} is not waited for any more");
            }
            is_waited_for
        });
    }

    /// Why a target will not take anything until somebody changes something; none: it may, or it has not been asked for long
    /// enough.
    fn lasting(&self, wait: &Wait) -> Option<String> {
        let code = wait.lasting_error.as_deref()?;
        let (limit, remedy) = if is_gone(code) {
            (UNTIL_THERE, "make the destination, or name another one")
        } else {
            (UNTIL_ALLOWED, "give the permission that is missing, which `kinesieve doctor` names")
        };
        let limit = self.patience.map_or(limit, |patience| patience.min(limit));
        (wait.since >= limit).then(|| format!("{remedy}; {wait}"))
    }

    /// Why the run does in vain what it does: another one has taken a shard over, and does the same; none: nobody has.
    fn lost(&self, shards: &[ShardView]) -> Option<String> {
        let is_held = |shard: &&ShardView| shard.commit == CommitOutcome::Failed(CheckpointErrorKind::Held.as_str());
        let lost = shards.iter().find(is_held).filter(|_| !self.is_forced)?;
        Some(format!("another consumer has taken {} over: the log says which", lost.shard.id))
    }

    /// Why nobody wants to wait any longer, if somebody said how long.
    fn out_of_patience(&self, shards: &[ShardView], waits: &[Wait]) -> Option<String> {
        let patience = self.patience?;
        let limit = humantime::format_duration(patience);
        let is_blocked = |shard: &&ShardView| {
            shard.stage == ShardStage::Reading && shard.blocked.is_some_and(|since| since >= patience)
        };
        let blocked = shards.iter().find(is_blocked).and_then(|shard| {
            let (id, stuck) = (&shard.shard.id, shard.stuck.as_ref()?);
            let at = stuck.position.sequence_number();
            Some(format!("{id} is blocked at {at} for longer than --patience {limit}: {}", stuck.reason))
        });
        let wait = waits.iter().find(|wait| wait.since >= patience);
        blocked.or_else(|| wait.map(|wait| format!("{wait}, which is longer than --patience {limit}")))
    }
}

/// What a first Ctrl-C is answered with: what is waited for, and how long at most. `commits` is whether positions are
/// committed.
pub(super) fn farewell(watch: &RunWatch, commits: bool) -> String {
    let shards = watch.statuses.views();
    let batches: u64 = shards.iter().map(|shard| shard.under_way.len() as u64).sum();
    if batches == 0 {
        return "stopping".to_owned();
    }
    let waits = watch.waits(&shards, WORTH_A_WORD).into_iter().filter(|wait| wait.on != AwaitedPart::Stream);
    let waits: String = waits.map(|wait| format!("; {}", plain(&wait.to_string()))).collect();
    let for_the_table = match commits {
        true => format!(", and the checkpoint table {} s after that", LAST_COMMIT.as_secs()),
        false => String::new(),
    };
    let batches = if batches == 1 { "1 batch".to_owned() } else { format!("{batches} batches") };
    format!("stopping: {batches} in flight may take {} s more{for_the_table}{waits}", watch.grace.as_secs())
}
