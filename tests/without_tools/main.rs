//! What Kinesieve does, as far as neither guests nor emulators are needed to see it: `cargo test` runs it on a machine with
//! Rust alone.

mod architecture;
mod events;
mod mapping;
mod reference;
mod services;
mod targets;

/// Shared with the tests that do need them.
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

/// Says what is left out, wherever nobody asked for it.
#[test]
#[ignore = "left out: the tests that need guests and emulators. `make test` installs those and runs all"]
fn what_needs_guests_and_emulators() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tests = std::process::Command::new(cargo);
    let tests = tests.args(["test", "--release", "--test", "behaviour"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(tests.status().expect("cargo runs").success());
}
