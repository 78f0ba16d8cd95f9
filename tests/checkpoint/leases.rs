//! Leases in the checkpoint table: what DynamoDB makes of a write is what the lease logic takes it for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kinesieve::checkpoint::{Heartbeat, StartAt};
use kinesieve::fleet::{
    LeaseExpectation, LeaseFence, LeaseHold, LeaseManner, LeaseRow, LeaseTable, LeaseTerms, LeaseWrite, ShardKey,
    ShardLoad, WriteAnswer,
};

use crate::support::block_on;
use crate::support::positions::{Positions, TIME_LIMIT};

const WRITES: usize = 1500;

/// Writes by chance, of few clients, leases and positions, so that many hold and many do not.
struct Chance(fastrand::Rng);

impl Chance {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.usize(..of.len())]
    }

    fn client(&mut self) -> String {
        self.one(&["a", "b and c", "d"]).to_owned()
    }

    fn timeout(&mut self) -> String {
        self.one(&["2026-11-30T10:00:00Z", "2026-11-30T10:00:00.000000001Z", "2026-11-30T10:00:01Z"]).to_owned()
    }

    fn hold(&mut self) -> LeaseHold {
        LeaseHold { client: self.client(), timeout: self.timeout() }
    }

    fn fence(&mut self) -> LeaseFence {
        let timeouts = (0..=self.0.u64(..3)).map(|_| self.timeout()).collect();
        LeaseFence { client: self.client(), timeouts }
    }

    fn terms(&mut self) -> LeaseTerms {
        let manner = [LeaseManner::Shared, LeaseManner::Pinned, LeaseManner::Passed][self.0.usize(..3)];
        LeaseTerms { client: self.client(), period: Duration::from_millis(30_500), manner }
    }

    /// Of different lengths, since they are compared as texts there.
    fn position(&mut self) -> Option<String> {
        let number = self.one(&["", "9", "10", "99", "100", "4966", "10000000000000000000000000000000000"]);
        Some(number.to_owned()).filter(|number| !number.is_empty())
    }

    fn write(&mut self) -> LeaseWrite {
        match self.0.u64(..12) {
            0..4 => LeaseWrite::Claim {
                expects: match self.0.u64(..4) {
                    0 | 1 => LeaseExpectation::Free { run: None },
                    2 => LeaseExpectation::Lease(self.hold()),
                    _ => LeaseExpectation::Client(self.client()),
                },
                hold: self.hold(),
                terms: self.terms(),
                start_at: match self.0.u64(..3) {
                    0 => None,
                    1 => Some(StartAt::TrimHorizon),
                    _ => Some(StartAt::AtTimestamp(1_790_000_000_123)),
                },
            },
            4 => LeaseWrite::Note { start_at: StartAt::TrimHorizon },
            5 => LeaseWrite::Ask { holder: self.client(), by: self.client() },
            6..9 => LeaseWrite::Renew {
                fence: self.fence(),
                timeout: self.timeout(),
                terms: self.terms(),
                position: self.position(),
                load: ShardLoad { records: self.0.u64(..3), bytes: self.0.u64(..3) },
                refuses: self.0.u64(..2) == 0,
            },
            9 => LeaseWrite::Pass {
                fence: self.fence(),
                hold: self.hold(),
                terms: self.terms(),
                position: self.position(),
            },
            10 => {
                LeaseWrite::Release { fence: self.fence(), position: self.position(), is_drained: self.0.u64(..2) == 0 }
            }
            _ => match self.position() {
                Some(position) => LeaseWrite::Yield { thief: self.client(), position },
                None => LeaseWrite::Forget,
            },
        }
    }
}

#[test]
fn a_write_comes_to_the_same_in_the_table_and_in_the_logic() {
    let positions = Positions::new();
    let table = LeaseTable::new(positions.table(), "test".to_owned(), TIME_LIMIT);
    let mut chance = Chance(fastrand::Rng::with_seed(1));
    let mut model: BTreeMap<ShardKey, LeaseRow> = BTreeMap::new();
    let (mut done, mut refused) = (0, 0);
    for _ in 0..WRITES {
        let shard = chance.one(&["shardId-000000000000", "shardId-000000000001"]);
        let key = ShardKey { stream: Arc::from("readings"), shard: Arc::from(shard) };
        let write = chance.write();
        let before = model.get(&key).cloned();
        let expected = match write.apply(before.as_ref()) {
            Ok(row) => {
                done += 1;
                match &row {
                    Some(row) => model.insert(key.clone(), row.clone()),
                    None => model.remove(&key),
                };
                WriteAnswer::Done(row)
            }
            Err(_) => {
                refused += 1;
                WriteAnswer::Refused(before.clone())
            }
        };
        let answer = block_on(table.write(&key, &write, None)).expect("an answer");
        assert_eq!(answer, expected, "{write:?} on {before:?}");
        assert_eq!(block_on(table.row(&key)).expect("a row"), model.get(&key).cloned(), "{write:?} on {before:?}");
    }
    assert!(done > WRITES / 20 && refused > WRITES / 20, "{done} done, {refused} refused");
    let rows: Vec<LeaseRow> =
        block_on(table.rows("readings", true)).expect("rows").into_iter().map(|(_, row)| row).collect();
    assert_eq!(rows, model.into_values().collect::<Vec<_>>());
}

/// A run that shares nothing has its heartbeat in the row: it is taken when that is the one that was seen, and no other.
#[test]
fn the_row_of_a_run_is_taken_when_nothing_new_was_heard_of_it() {
    let positions = Positions::new();
    let table = LeaseTable::new(positions.table(), "test".to_owned(), TIME_LIMIT);
    let key = ShardKey { stream: Arc::from("readings"), shard: Arc::from("shardId-000000000000") };
    let set = |at: &str| {
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let request = positions.client().put_item().table_name(&positions.name);
        let request = request.item("StreamID", text("readings")).item("ShardID", text("shardId-000000000000"));
        block_on(request.item("RunBy", text("a run")).item("RunBeatAt", text(at)).send()).expect("a row");
    };
    set("then");
    let seen = block_on(table.row(&key)).expect("an answer").expect("a row").run;
    assert_eq!(seen, Some(Heartbeat { run: "a run".to_owned(), at: "then".to_owned() }));
    let claim = LeaseWrite::Claim {
        expects: LeaseExpectation::Free { run: seen },
        hold: LeaseHold { client: "a".to_owned(), timeout: "2026-11-30T10:00:00Z".to_owned() },
        terms: LeaseTerms { client: "a".to_owned(), period: Duration::from_secs(30), manner: LeaseManner::Shared },
        start_at: None,
    };
    set("now");
    assert!(matches!(block_on(table.write(&key, &claim, None)), Ok(WriteAnswer::Refused(Some(_)))));
    set("then");
    let Ok(WriteAnswer::Done(Some(row))) = block_on(table.write(&key, &claim, None)) else { panic!("it is taken") };
    assert_eq!((row.run, row.hold.map(|hold| hold.client)), (None, Some("a".to_owned())));
}
