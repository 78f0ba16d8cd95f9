//! What a fleet costs that has nothing to do: the requests to the table and to the stream, counted.

use std::time::Duration;

use super::super::row::LeaseRow;
use super::world::{Requests, World};

const MINUTE: Duration = Duration::from_secs(60);

/// A fleet that has come to rest, and what it asks for in so many minutes.
fn idle(members: usize, shards: u32, minutes: u32) -> (World, Requests) {
    let mut world = World::new(7, shards, None);
    world.puts = false;
    for member in 0..members {
        world.join(&format!("kinesieve-{member:016x}"));
    }
    world.play(MINUTE * 6);
    let before = world.requests;
    world.play(MINUTE * minutes);
    assert!(world.audit.violations.is_empty(), "{:?}", world.audit.violations);
    let after = world.requests;
    let asked = Requests {
        writes: after.writes - before.writes,
        looks: after.looks - before.looks,
        rows: after.rows - before.rows,
        listings: after.listings - before.listings,
    };
    (world, asked)
}

/// The bytes of a row, as DynamoDB counts them: names and values. Times, positions and what else is said of a shard come to some
/// 300 bytes more than what the lease logic knows of it.
fn bytes(row: &LeaseRow) -> usize {
    let hold = row.hold.as_ref().map_or(0, |hold| hold.client.len() + hold.timeout.len() + 20);
    let terms = row.terms.as_ref().map_or(0, |terms| terms.to_string().len() + 10);
    hold + terms + 300
}

#[test]
fn an_idle_fleet_renews_leases_and_looks_around_and_asks_for_nothing_else() {
    let (members, shards, minutes) = (3, 12, 10);
    let (world, asked) = idle(members, shards, minutes);
    let owned: usize = world.nodes.iter().map(|node| node.member.owned().count()).sum();
    assert_eq!(owned, 12);
    let (members, shards, minutes) = (members as u64, u64::from(shards), u64::from(minutes));
    // Each lease every ten seconds, and as often each member looks.
    assert!((shards * minutes * 5..=shards * minutes * 6).contains(&asked.writes), "{asked:?}");
    assert!((members * minutes * 5..=members * minutes * 7).contains(&asked.looks), "{asked:?}");
    assert!((members * minutes..=members * minutes * 2).contains(&asked.listings), "{asked:?}");
}

/// The table of docs/how-to/run-a-fleet.md. On demand, a write unit is $0.625 a million and a read unit $0.125 (us-east-1).
#[test]
#[ignore = "it takes minutes, and gigabytes of memory"]
fn costs_of_idle_fleets() {
    for (members, shards) in [(1, 1), (3, 16), (10, 100), (50, 1000), (100, 5000), (500, 10_000)] {
        let minutes = 5;
        let (world, asked) = idle(members, shards, minutes);
        let size = world.table.values().map(bytes).max().unwrap_or_default();
        let a_minute = |count: u64| count as f64 / f64::from(minutes);
        // A write of up to 1 KB is a unit; reading 4 KB that may be seconds old is half of one.
        let (writes, pages) = (a_minute(asked.writes), a_minute(asked.rows) * size as f64 / 4096.0 / 2.0);
        let reads = pages.max(a_minute(asked.looks) / 2.0);
        let month = 60.0 * 24.0 * 30.0 * (writes * 0.625 + reads * 0.125) / 1e6;
        println!("| {members} | {shards} | {writes:.0} | {reads:.0} | {month:.2} |");
    }
}
