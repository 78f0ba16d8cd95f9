//! Which shards a person sees of a run: the flag `--shards`.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::condition::ShardCondition;
use crate::cli::foreign::plain;
use crate::settings::SettingsError;
use crate::source::live::{LiveSource, ShardView};

/// The most characters of a shard's id, as the service has it.
const LONGEST_ID: usize = 128;

/// The most shards of a stream that a refusal names.
const MOST_NAMED: usize = 8;

/// Which shards a person sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum ShardChoice {
    /// All of them.
    #[default]
    All,
    /// Those at which a record stands in the way.
    Blocked,
    /// Those with these ids, of whichever stream.
    Ids(BTreeSet<String>),
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(ShardChoice::All),
            "blocked" => return Ok(ShardChoice::Blocked),
            _ => {}
        }
        let ids = text.split(',').map(|id| {
            let is_id = (1..=LONGEST_ID).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
            match id {
                "all" | "blocked" => Err(format!("{id} stands by itself: leave the other words of --shards out")),
                _ if is_id => Ok(id.to_owned()),
                _ => Err(format!("{id:?} is no shard: use all, blocked, or ids such as shardId-000000000000")),
            }
        });
        ids.collect::<Result<_, String>>().map(ShardChoice::Ids)
    }
}

impl ShardChoice {
    /// Whether a shard is seen.
    pub(super) fn takes(&self, shard: &ShardView) -> bool {
        match self {
            ShardChoice::All => true,
            ShardChoice::Blocked => ShardCondition::of(shard) == ShardCondition::Blocked,
            ShardChoice::Ids(ids) => ids.contains(&shard.shard.id),
        }
    }

    /// Checks that the shards are there: one that is misspelt would never be seen, and nobody would know why.
    ///
    /// # Errors
    /// When none of the streams has a shard of this id, with those that they have.
    pub(super) fn check(&self, live: &LiveSource) -> Result<(), SettingsError> {
        let ShardChoice::Ids(ids) = self else { return Ok(()) };
        let listed: BTreeSet<&str> = live.shard_ids().collect();
        let Some(missing) = ids.iter().find(|id| !listed.contains(id.as_str())) else { return Ok(()) };
        let mut named: Vec<String> = listed.iter().take(MOST_NAMED).map(|id| plain(id)).collect();
        if listed.len() > MOST_NAMED {
            named.push(format!("and {} more", listed.len() - MOST_NAMED));
        }
        Err(SettingsError::Contradiction(format!(
            "--shards {missing}: --input has no such shard: use all, blocked, or some of {}",
            named.join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_word_or_ids() {
        assert_eq!("all".parse(), Ok(ShardChoice::All));
        assert_eq!("blocked".parse(), Ok(ShardChoice::Blocked));
        let ids = ["shardId-000000000000".to_owned(), "shardId-000000000007".to_owned()].into();
        assert_eq!("shardId-000000000007,shardId-000000000000".parse(), Ok(ShardChoice::Ids(ids)));
    }

    #[test]
    fn what_is_no_choice_is_refused_with_what_is() {
        for text in ["", ",", "shardId-0,", "shard 1", "shardId-0;shardId-1", "\u{1b}[2J", &"x".repeat(129)] {
            let refusal = text.parse::<ShardChoice>().expect_err(text);
            assert!(
                refusal.ends_with("is no shard: use all, blocked, or ids such as shardId-000000000000"),
                "{refusal}"
            );
            assert!(!refusal.contains('\u{1b}'), "{refusal:?}");
        }
        for text in ["blocked,shardId-0", "shardId-0,all"] {
            let refusal = text.parse::<ShardChoice>().expect_err(text);
            assert!(refusal.ends_with("stands by itself: leave the other words of --shards out"), "{refusal}");
        }
    }
}
