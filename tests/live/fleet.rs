//! Processes that share a stream out: killed, stopped beyond their leases, leaving and joining, while shards are split and
//! merged under load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kinesieve::checkpoint::CheckpointRow;
use kinesieve::event::SequenceNumber;

use super::resharding::{merge, open_shards, split};
use super::{Run, Running, put};
use crate::support::block_on;
use crate::support::kinesis_local::KinesisLocal;
use crate::support::positions::Positions;
use crate::support::process::wait_until;
use crate::support::relay::{Relay, Way};

const KEYS: usize = 12;

/// Short, so that a test sees several of them.
const PERIODS: [&str; 6] = ["--lease-period", "6s", "--rebalance-period", "3s", "--commit-period", "1s"];

/// A stream, a table, and one file that all processes append to, so that it has the order in which they delivered.
struct Fleet {
    server: KinesisLocal,
    positions: Positions,
    run: Run,
    count: usize,
    names: usize,
}

impl Fleet {
    fn of(shards: u32) -> Self {
        let (server, positions) = (KinesisLocal::start(&[("in", shards)]), Positions::new());
        let run = Run { dynamodb: Some(positions.moto.endpoint()), ..Run::of(server.endpoint()) };
        Self { server, positions, run, count: 0, names: 0 }
    }

    fn joins(&mut self) -> Running {
        self.names += 1;
        let name = format!("process-{}", self.names);
        let more = ["--balance", "--client-id", &name, "--checkpoint-table", &self.positions.name];
        self.run.start("in", &[&more[..], &PERIODS].concat())
    }

    fn puts(&mut self, some: usize) {
        for _ in 0..some {
            let (key, data) = (format!("key-{}", self.count % KEYS), format!("keep {}", self.count));
            put(&self.server.config(), "in", &key, &data);
            self.count += 1;
        }
    }

    /// Puts records for so long.
    fn puts_for(&mut self, span: Duration) {
        let started = Instant::now();
        while started.elapsed() < span {
            self.puts(3);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn rows(&self) -> Vec<CheckpointRow> {
        block_on(self.positions.table().rows(Some("in"))).expect("rows")
    }

    /// How many shards each process holds.
    fn held(&self) -> BTreeMap<String, usize> {
        let mut held = BTreeMap::new();
        for holder in self.rows().into_iter().filter_map(|row| row.held_by) {
            *held.entry(holder.client_id).or_default() += 1;
        }
        held
    }

    /// Waits until so many processes hold so many shards each.
    fn is_shared_out(&self, shares: &[usize]) {
        wait_until(&format!("shares of {shares:?}"), || {
            let mut held: Vec<usize> = self.held().into_values().collect();
            held.sort_unstable();
            held == shares
        });
    }

    /// All that was put was delivered, and nothing before what is before it of its key. The answer is what came twice.
    fn audit(&self) -> usize {
        wait_until("all is delivered", || {
            self.run.delivered().into_iter().collect::<BTreeSet<_>>().len() == self.count
        });
        let mut next: BTreeMap<usize, usize> = BTreeMap::new();
        let mut repeated = 0;
        for data in self.run.delivered() {
            let number: usize = data.trim_start_matches("keep ").parse().expect("a number");
            let next = next.entry(number % KEYS).or_insert(number % KEYS);
            assert!(number <= *next, "{number} was delivered before {next}");
            match number == *next {
                true => *next += KEYS,
                false => repeated += 1,
            }
        }
        repeated
    }
}

fn signal(running: &Running, signal: &str) {
    let status = std::process::Command::new("kill").args([signal, &running.0.id().to_string()]).status().expect("kill");
    assert!(status.success());
}

#[test]
fn processes_that_come_and_go_in_order_hand_shards_over_and_deliver_nothing_twice() {
    let mut fleet = Fleet::of(4);
    fleet.puts(40);
    let mut first = fleet.joins();
    fleet.is_shared_out(&[4]);
    let mut second = fleet.joins();
    fleet.puts_for(Duration::from_secs(2));
    fleet.is_shared_out(&[2, 2]);
    fleet.puts(20);
    first.interrupt();
    fleet.puts(20);
    assert_eq!(first.end(), Some(0), "{}", fleet.run.log());
    fleet.is_shared_out(&[4]);
    fleet.puts(20);
    assert_eq!(fleet.audit(), 0);
    second.interrupt();
    assert_eq!(second.end(), Some(0), "{}", fleet.run.log());
    assert!(fleet.held().is_empty());
}

/// A process that has delivered ten records, and reaches its table by a way that can be blocked.
fn reading_over_a_relay() -> (Fleet, Relay, Running) {
    let mut fleet = Fleet::of(2);
    let relay = Relay::to(&fleet.positions.moto.endpoint());
    fleet.run.dynamodb = Some(relay.endpoint());
    fleet.puts(10);
    let running = fleet.joins();
    wait_until("the first are delivered", || fleet.run.delivered().len() == 10);
    (fleet, relay, running)
}

/// Whoever does not reach the table can't know whether another one reads its shards by now: it stops, and goes on later.
#[test]
fn a_process_that_does_not_reach_the_table_delivers_no_more_and_goes_on_when_it_does() {
    for way in [Way::Hangs, Way::Refuses] {
        let (mut fleet, relay, mut running) = reading_over_a_relay();
        // And committed, so that nothing has to come again.
        std::thread::sleep(Duration::from_secs(3));
        relay.is(way);
        // Its lease was renewed two seconds ago at least.
        std::thread::sleep(Duration::from_secs(7));
        fleet.puts(10);
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(fleet.run.delivered().len(), 10, "{way:?}: {}", fleet.run.log());
        relay.is(Way::Open);
        assert_eq!(fleet.audit(), 0, "{way:?}: {}", fleet.run.log());
        running.interrupt();
        assert_eq!(running.end(), Some(0), "{way:?}: {}", fleet.run.log());
        assert!(fleet.held().is_empty(), "{way:?}");
        let log = fleet.run.log();
        assert!(log.contains("the checkpoint table answers again"), "{way:?}: {log}");
    }
}

/// With nothing in flight, the table alone is waited for, and not for long.
#[test]
fn a_process_ends_although_its_table_is_gone() {
    for way in [Way::Hangs, Way::Refuses] {
        let (fleet, relay, mut running) = reading_over_a_relay();
        relay.is(way);
        running.interrupt();
        let started = Instant::now();
        // Its rows still name it, until the lease is over: that is no success.
        assert_eq!(running.end(), Some(3), "{way:?}: {}", fleet.run.log());
        assert!(started.elapsed() < Duration::from_secs(20), "{way:?}: {:?}", started.elapsed());
    }
}

#[test]
fn whatever_becomes_of_processes_and_shards_nothing_is_lost_and_each_key_stays_in_order() {
    let mut fleet = Fleet::of(4);
    let is_over = AtomicBool::new(false);
    let (table, stream) = (fleet.positions.table(), "in");
    std::thread::scope(|scope| {
        // No position moves back, whoever writes it.
        let watch = scope.spawn(|| {
            let mut highest: BTreeMap<String, String> = BTreeMap::new();
            while !is_over.load(Ordering::Relaxed) {
                for row in block_on(table.rows(Some(stream))).expect("rows") {
                    let Some(position) = row.position else { continue };
                    if let Some(before) = highest.insert(row.shard_id.clone(), position.clone()) {
                        let number = |text: &str| SequenceNumber::parse(text).expect("a number").as_str().to_owned();
                        let (before, after) = (number(&before), number(&position));
                        assert!(
                            (before.len(), &before) <= (after.len(), &after),
                            "{}: {before}, {after}",
                            row.shard_id
                        );
                    }
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(&mut fleet)));
        is_over.store(true, Ordering::Relaxed);
        watch.join().expect("positions only grow");
        if let Err(panic) = played {
            std::panic::resume_unwind(panic);
        }
    });
}

fn play(fleet: &mut Fleet) {
    let (mut first, second, mut third) = (fleet.joins(), fleet.joins(), fleet.joins());
    fleet.puts_for(Duration::from_secs(4));
    first.kill();
    fleet.puts_for(Duration::from_secs(3));
    let shards = open_shards(&fleet.server);
    split(&fleet.server, &shards[0]);
    // Beyond its lease: others take over, and it wakes up with records in hand.
    signal(&second, "-STOP");
    fleet.puts_for(Duration::from_secs(11));
    signal(&second, "-CONT");
    fleet.puts_for(Duration::from_secs(3));
    let shards = open_shards(&fleet.server);
    let ranges = |shard: &aws_sdk_kinesis::types::Shard| {
        let range = shard.hash_key_range.as_ref().expect("a range");
        let number = |text: &str| text.parse::<u128>().expect("a key");
        (number(&range.starting_hash_key), number(&range.ending_hash_key))
    };
    let neighbours = shards.iter().find_map(|left| {
        let right = shards.iter().find(|right| ranges(right).0 == ranges(left).1 + 1)?;
        Some((left, right))
    });
    let (left, right) = neighbours.expect("neighbours");
    merge(&fleet.server, left, right);
    let _fourth = fleet.joins();
    third.interrupt();
    fleet.puts_for(Duration::from_secs(4));
    assert_eq!(third.end(), Some(0), "{}", fleet.run.log());
    let repeated = fleet.audit();
    // What a process that was killed had delivered since its last commit, and one that was stopped.
    assert!(repeated <= fleet.count / 2, "{repeated} of {}", fleet.count);
    fleet.is_shared_out(&[2, 2]);
}
