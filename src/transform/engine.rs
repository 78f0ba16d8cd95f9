//! How the WebAssembly engine is set up: one function, for the compiler and the runtime alike, since
//! code compiled with other settings is refused when it is loaded.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine, Inlining, WasmBacktraceDetails};

#[cfg(feature = "compiler")]
use super::target::CompileTarget;

/// What an engine is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum EnginePurpose {
    /// Compile a component and run it here at once: the start waits for the compiler.
    #[cfg(feature = "compiler")]
    CompileAndRun(Threads),
    /// Compile a component for a machine, once, to a file.
    #[cfg(feature = "compiler")]
    Precompile(CompileTarget, InliningMode, Threads),
    /// Run what was precompiled.
    RunPrecompiled(InliningMode),
}

/// What is learned about a guest while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insight {
    /// Nothing: it runs as in production. The trace of a fault has the functions, by their names.
    None,
    /// In which lines of its sources it breaks, where the component has debug information. That is looked at anew for each
    /// frame of each fault, which takes milliseconds: it is for whoever looks at records one by one.
    Lines,
    /// How many instructions it takes. Its code is compiled for that.
    Instructions,
    /// In which functions it spends its time.
    Stacks,
}

/// The most functions of a stack that are looked at: recursion goes far deeper, and says nothing more.
const STACK_FRAMES: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// What becomes of calls of small functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InliningMode {
    /// What they call is inlined. Gains 6%, compiles three times as long, and holds all functions in memory meanwhile.
    Inlined,
    /// They stay calls.
    Kept,
}

/// Which threads compile functions.
#[cfg(feature = "compiler")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    /// As many as there are processors.
    All,
    /// One, so that no two of the largest functions are in work.
    One,
}

/// The engine for a purpose, with which so much is learned about a guest.
///
/// Left at their defaults, each for a measured reason: memory reservation and guard pages, and traps
/// by signal (a bounds check for each access costs a tenth of guest time), and the on-demand
/// allocator (a pool was no faster with one long-lived instance a thread).
pub(super) fn engine(purpose: EnginePurpose, insight: Insight) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    // Time limits. Costs about a tenth of guest time; counting fuel costs three times as much.
    config.epoch_interruption(true);
    // Said in any case: left open, a variable of the environment decides, and precompiled code fits only an engine that
    // decides alike. Lines are not for what is deployed: the debug information would be part of it.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    match insight {
        Insight::None | Insight::Lines => {}
        Insight::Instructions => {
            config.consume_fuel(true);
        }
        Insight::Stacks => {
            config.wasm_backtrace_max_frames(Some(STACK_FRAMES));
        }
    }
    let calls = match purpose {
        // Inlining is worth its time where compiling happens once.
        #[cfg(feature = "compiler")]
        EnginePurpose::CompileAndRun(threads) => {
            config.parallel_compilation(threads == Threads::All);
            if insight == Insight::Lines {
                config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
            }
            InliningMode::Kept
        }
        #[cfg(feature = "compiler")]
        EnginePurpose::Precompile(target, calls, threads) => {
            config.parallel_compilation(threads == Threads::All);
            super::precompiled::compile_for(&mut config, target)?;
            calls
        }
        EnginePurpose::RunPrecompiled(calls) => calls,
    };
    // It is a part of what precompiled code must agree on with the engine that loads it.
    config.compiler_inlining(match calls {
        InliningMode::Inlined => Inlining::Yes,
        InliningMode::Kept => Inlining::No,
    });
    Engine::new(&config)
}
