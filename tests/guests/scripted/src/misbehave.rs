//! The ways to fail that are no answer, and two that only look bad.
//!
//! | verb | what it does |
//! | --- | --- |
//! | `panic TEXT` | panics |
//! | `abort` | traps, by the instruction `unreachable` |
//! | `spin` | loops for ever |
//! | `bomb` | takes memory and touches it, until it is refused and aborts |
//! | `leak PAGES` | takes so many pages of 64 KiB and never gives them back, and keeps; aborts if it is refused them |
//! | `polite-bomb` | asks for 1 GiB at once, takes the refusal for an answer, and keeps |
//! | `recurse` | calls itself until the stack is full |
//! | `exit CODE` | exits as a program would; WASI tells only 0 from the others |
//! | `sleep MILLIS` | sleeps, in a host call, and keeps |

use std::hint::black_box;
use std::process;
use std::thread;
use std::time::Duration;

use kinesieve_sdk::{Error, Outcome};

/// Carries the verb out; `None` for one that is no misbehaviour.
pub fn run(verb: &str, argument: &str) -> Result<Option<Outcome>, Error> {
    match verb {
        "panic" => panic!("{argument}"),
        "abort" => process::abort(),
        "spin" => spin(),
        "bomb" => bomb(),
        "leak" => {
            leak(argument.parse()?);
            Ok(Some(Outcome::Keep))
        }
        "polite-bomb" => Ok(Some(polite_bomb())),
        "recurse" => Ok(Some(Outcome::replace(recurse(0).to_string()))),
        "exit" => process::exit(argument.parse()?),
        "sleep" => {
            thread::sleep(Duration::from_millis(argument.parse()?));
            Ok(Some(Outcome::Keep))
        }
        _ => Ok(None),
    }
}

fn spin() -> ! {
    let mut turns = 0u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn bomb() -> ! {
    const CHUNK: usize = 1 << 20;
    let mut held = Vec::new();
    loop {
        // Not zeroes: those a host could hand out without having the memory.
        held.push(black_box(vec![0xaau8; CHUNK]));
    }
}

/// Past the allocator, which gives back what a call took.
fn leak(pages: usize) {
    #[cfg(target_arch = "wasm32")]
    if std::arch::wasm32::memory_grow::<0>(pages) == usize::MAX {
        process::abort();
    }
    black_box(pages);
}

fn polite_bomb() -> Outcome {
    let mut bytes: Vec<u8> = Vec::new();
    match black_box(&mut bytes).try_reserve_exact(1 << 30) {
        Ok(()) => Outcome::reject("the host gave 1 GiB"),
        Err(_) => Outcome::Keep,
    }
}

#[allow(unconditional_recursion, reason = "the point of it")]
fn recurse(depth: u64) -> u64 {
    // Used after the call returns, so that the optimizer can't make a loop of it.
    black_box(depth) + recurse(black_box(depth + 1))
}
