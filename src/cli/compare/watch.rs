//! Looks after the streams that a comparison reads: says how far it is, and ends it where nobody wants to wait any longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::input::InputMeter;
use crate::cli::error::CommandError;
use crate::cli::figures::how_far_behind;
use crate::cli::foreign::plain;
use crate::cli::progress::ProgressDisplay;
use crate::cli::summary::counted;
use crate::error_code::ErrorCode;
use crate::source::live::{ShardStage, ShardStatuses, ShardView, stream_wait};

/// How often is looked.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Between two lines, where nothing is drawn in place.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// What takes less is no wait.
const WORTH_A_WORD: Duration = Duration::from_secs(3);

/// Looks after the streams.
pub(super) struct StreamWatch {
    pub(super) statuses: Arc<ShardStatuses>,
    /// How long an answer of the stream is waited for; none: for ever.
    pub(super) patience: Option<Duration>,
    pub(super) progress: ProgressDisplay,
    pub(super) meter: Arc<InputMeter>,
}

impl StreamWatch {
    /// Says how it goes, until the stream has not answered for longer than somebody wants to wait: why.
    pub(super) async fn until_out_of_patience(self) -> CommandError {
        let mut looks = interval(BETWEEN_LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = Instant::now();
        loop {
            looks.tick().await;
            let shards = self.statuses.views();
            if let Some(patience) = self.patience
                && let Some(wait) = stream_wait(&shards, patience)
            {
                let limit = humantime::format_duration(patience);
                let message = format!("{wait}, which is longer than --patience {limit}");
                return CommandError::new(ErrorCode::StreamRefused, message);
            }
            if self.progress.is_visible() {
                self.progress.update_saying(shards.iter().map(|shard| shard.read_bytes).sum(), &self.line(&shards));
            } else if said.elapsed() >= BETWEEN_LINES {
                said = Instant::now();
                self.progress.say(&self.line(&shards));
            }
        }
    }

    fn line(&self, shards: &[ShardView]) -> String {
        let (records, different) = self.meter.counts();
        let mut line = format!("{} compared, {different} different", counted(records, "record"));
        let reading = shards.iter().filter(|shard| shard.stage == ShardStage::Reading);
        if let Some(behind) = reading.map(|shard| shard.behind).max() {
            line.push_str(&format!(", {}", how_far_behind(behind)));
        }
        if let Some(wait) = stream_wait(shards, WORTH_A_WORD) {
            line.push_str(&format!("; {}", plain(&wait.to_string())));
        }
        line
    }
}
