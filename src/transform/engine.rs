//! How the WebAssembly engine is set up: one function, for the compiler and the runtime alike, since
//! code compiled with other settings is refused when it is loaded.

use wasmtime::{Config, Engine, Inlining};

pub use super::target::Target;

/// What an engine is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Compile a component and run it here at once: the start waits for the compiler.
    #[cfg(feature = "compiler")]
    CompileAndRun,
    /// Compile a component for a machine, once, to a file.
    #[cfg(feature = "compiler")]
    Precompile(Target),
    /// Run what was precompiled.
    RunPrecompiled,
}

/// The engine for a purpose.
///
/// Left at their defaults, each for a measured reason: memory reservation and guard pages, and traps
/// by signal (a bounds check for each access costs a tenth of guest time), and the on-demand
/// allocator (a pool was no faster with one long-lived instance a thread).
pub(super) fn engine(purpose: Purpose) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    // Time limits. Costs about a tenth of guest time; counting fuel costs three times as much.
    config.epoch_interruption(true);
    // Inlining gains 6% and compiles three times as long: worth it where compiling happens once.
    // It is a part of what precompiled code must agree on with the engine that loads it.
    config.compiler_inlining(Inlining::Yes);
    match purpose {
        #[cfg(feature = "compiler")]
        Purpose::CompileAndRun => {
            config.compiler_inlining(Inlining::No);
        }
        #[cfg(feature = "compiler")]
        Purpose::Precompile(target) => super::precompiled::compile_for(&mut config, target)?,
        Purpose::RunPrecompiled => {}
    }
    Engine::new(&config)
}
