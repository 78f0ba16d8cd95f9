//! The stories that are played.

use std::env;
use std::time::Duration;

use super::BrokenRule;
use super::world::{STREAM, Weather, World, millis};

/// How many stories are played where nobody says it.
const SEEDS: u64 = 1000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// Everything goes wrong for some minutes, and then nothing does. What is wrong is the answer.
fn story(seed: u64, broken: Option<BrokenRule>) -> Vec<String> {
    let mut world = World::new(seed, 1 + u32::try_from(seed % 7).unwrap_or_default(), broken);
    let first = 1 + world.random.usize(..4);
    // Somebody gives all of them one name, in settings that they share, or most of them.
    let are_namesakes = seed % 10 == 9;
    let is_named = |index: usize| are_namesakes && (seed % 20 == 9 || !index.is_multiple_of(3));
    let name = |index: usize| if is_named(index) { "member".to_owned() } else { format!("member-{index}") };
    for index in 0..first {
        world.join(&name(index));
    }
    let bad = world.random.u64(..60);
    world.weather = Weather { lost: bad, unanswered: bad, late: world.random.u64(..40) };
    for turn in 0..30 {
        let calm = millis(2000 + world.random.u64(..20_000));
        world.play(calm);
        turn_of_fate(&mut world, None, &name(first + turn));
    }
    world.weather = Weather::default();
    // Of the others, each may be about to end.
    world.join("the-last");
    comes_to_rest(&mut world);
    if !are_namesakes {
        balance(&mut world);
    }
    world.audit.violations
}

/// The same with clients of another kind beside ours, which come and go as well.
fn mixed_story(seed: u64) -> Vec<String> {
    let mut world = World::new(seed, 2 + u32::try_from(seed % 7).unwrap_or_default(), None);
    // What clients of another kind lose while none of ours is there, nobody can know later: one of ours stays.
    let guard = world.join("member");
    world.joins_foreign("foreign");
    for turn in 0..30 {
        let calm = millis(2000 + world.random.u64(..20_000));
        world.play(calm);
        let clients: Vec<usize> = (0..world.foreign.len()).filter(|client| world.foreign[*client].is_alive).collect();
        let some = clients.get(world.random.usize(..clients.len().max(1))).copied();
        match (world.random.u64(..6), some) {
            (0, _) if clients.len() < 3 => {
                world.joins_foreign(&format!("foreign-{turn}"));
            }
            (1, Some(client)) => world.crashes_foreign(client),
            (2, Some(client)) => world.ends_foreign(client),
            _ => turn_of_fate(&mut world, Some(guard), &format!("member-{turn}")),
        }
    }
    world.join("the-last");
    comes_to_rest(&mut world);
    world.audit.violations
}

/// Something happens to a process of ours, or to the stream. `spared` neither ends nor crashes.
fn turn_of_fate(world: &mut World, spared: Option<usize>, newcomer: &str) {
    let alive = world.alive();
    let mortal: Vec<usize> = alive.iter().copied().filter(|node| Some(*node) != spared).collect();
    let other = mortal.get(world.random.usize(..mortal.len().max(1))).copied();
    let some = alive.get(world.random.usize(..alive.len().max(1))).copied();
    match (world.random.u64(..10), some) {
        (0 | 1, _) if alive.len() < 6 => {
            world.join(newcomer);
        }
        (2, _) => other.into_iter().for_each(|node| world.crash(node)),
        (3, _) => other.into_iter().for_each(|node| world.ends(node)),
        (4 | 5, Some(node)) => {
            let span = millis(world.random.u64(..150_000));
            world.pause(node, span);
        }
        (6, Some(node)) => {
            let by = world.random.i64(-3_600_000..3_600_000);
            world.skew(node, by);
        }
        (7, _) => {
            let open = world.stream.open();
            let one = world.random.usize(..open.len());
            world.stream.split(&open[one]);
        }
        (8, _) => {
            let open = world.stream.open();
            if let [.., one, other] = &open[..] {
                world.stream.merge(one, other);
            }
        }
        _ => {}
    }
}

/// Nothing goes wrong any more, and at last no records come.
fn comes_to_rest(world: &mut World) {
    world.play(seconds(300));
    world.puts = false;
    world.play(seconds(120));
    world.audit.ends(&world.stream, &world.table, STREAM);
}

/// Each member that is at work has its share, and nothing moves any more.
fn balance(world: &mut World) {
    let alive = world.alive();
    let counts: Vec<usize> = alive.iter().map(|node| world.nodes[*node].member.owned().count()).collect();
    if counts.iter().max() > counts.iter().min().map(|least| least + 1).as_ref() {
        world.audit.violations.push(format!("the members own {counts:?}"));
    }
    let before: Vec<Vec<_>> = alive.iter().map(|node| world.nodes[*node].member.owned().cloned().collect()).collect();
    world.play(seconds(180));
    let after: Vec<Vec<_>> = alive.iter().map(|node| world.nodes[*node].member.owned().cloned().collect()).collect();
    if before != after {
        world.audit.violations.push(format!("shards move without need: {before:?}, then {after:?}"));
    }
}

/// Plays the stories of all seeds, and names those that go wrong.
fn play_all(story: impl Fn(u64) -> Vec<String>) {
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let mut failed = Vec::new();
    for seed in seeds {
        if let Some(violation) = story(seed).first() {
            println!("SIMULATION_SEED={seed}: {violation}");
            failed.push(seed);
        }
    }
    assert!(
        failed.is_empty(),
        "{} stories went wrong, of the seeds {:?}",
        failed.len(),
        &failed[..failed.len().min(20)]
    );
}

#[test]
fn whatever_happens_the_fleet_keeps_its_promises() {
    play_all(|seed| story(seed, None));
}

#[test]
fn beside_clients_of_another_kind_nothing_is_lost() {
    play_all(mixed_story);
}

#[test]
fn a_broken_rule_is_found_out() {
    for rule in BrokenRule::ALL {
        let found = (0..1000).find(|seed| !story(*seed, Some(rule)).is_empty());
        println!("{rule:?}: {found:?}");
        assert!(found.is_some(), "{rule:?} is not found out");
    }
}

/// Where nothing goes wrong, members that come and go leave nothing delivered twice.
#[test]
fn planned_hand_overs_repeat_nothing() {
    let mut hand_overs = 0;
    for seed in 0..40 {
        let mut world = World::new(seed, 8, None);
        for name in ["a", "b", "c", "d"] {
            let node = world.join(name);
            world.play(seconds(60));
            if name == "b" {
                world.ends(node);
            }
        }
        world.puts = false;
        world.play(seconds(60));
        assert_eq!(world.audit.violations, [""; 0], "seed {seed}");
        assert_eq!((world.audit.repeated, world.audit.delivered()), (0, world.stream.records()), "seed {seed}");
        hand_overs += world.hand_overs;
    }
    assert!(hand_overs >= 100, "{hand_overs}");
}

/// A new member has its share in seconds, however many shards there are.
#[test]
fn who_joins_has_its_share_at_once() {
    for shards in [2, 8, 64, 1000] {
        let mut world = World::new(1, shards, None);
        world.join("a");
        world.play(seconds(60));
        let node = world.join("b");
        let mut took = 0;
        while world.nodes[node].member.owned().count() < usize::try_from(shards / 2).unwrap_or_default() {
            world.play(seconds(1));
            took += 1;
            assert!(took <= 60, "{shards} shards");
        }
        println!("{shards} shards: {took} s");
    }
}

/// What a process that is gone had is read again within two lease periods.
#[test]
fn what_the_dead_had_is_taken_over_in_time() {
    for seed in 0..20 {
        let mut world = World::new(seed, 8, None);
        let first = world.join("a");
        world.join("b");
        let before = 60_000 + world.random.u64(..30_000);
        world.play(millis(before));
        world.crash(first);
        let mut took = 0;
        while world.nodes[1].member.owned().count() < 8 {
            world.play(seconds(1));
            took += 1;
            assert!(took <= 60, "seed {seed}");
        }
    }
}
