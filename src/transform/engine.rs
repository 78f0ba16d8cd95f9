//! How the WebAssembly engine is set up: one function, for the compiler and the runtime alike, since
//! code compiled with other settings is refused when it is loaded.

use std::fmt;
use std::str::FromStr;

use wasmtime::{Config, Engine, Inlining};

/// The machine that a precompiled transform is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Lambda's `arm64`: Graviton2 and later.
    Arm64,
    /// Lambda's `x86_64`.
    X86_64,
    /// The machine at hand, with all that its processor can do.
    Host,
}

impl Target {
    /// The name on the command line and in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Target::Arm64 => "arm64",
            Target::X86_64 => "x86_64",
            Target::Host => "host",
        }
    }

    /// The name of the machine at hand: what a function of this build needs.
    pub fn of_this_machine() -> &'static str {
        match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        }
    }

    /// The compiler's name for the machine, and the processor features that every Lambda host of
    /// that architecture has. Naming a machine switches the detection of the one at hand off.
    #[cfg(feature = "compiler")]
    pub(super) fn machine(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Target::Host => None,
            // Graviton2 (Neoverse N1) has the large system extensions of Armv8.1.
            Target::Arm64 => Some(("aarch64-unknown-linux-gnu", &["has_lse"])),
            // The x86-64-v2 level. Lambda does not promise AVX2 in every region.
            Target::X86_64 => Some((
                "x86_64-unknown-linux-gnu",
                &["has_cmpxchg16b", "has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"],
            )),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "arm64" | "aarch64" => Ok(Target::Arm64),
            "x86_64" | "x86-64" | "amd64" => Ok(Target::X86_64),
            "host" => Ok(Target::Host),
            _ => Err(format!("{text:?} is no target: use arm64, x86_64 or host")),
        }
    }
}

/// What an engine is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Compile a component and run it here at once: the start waits for the compiler.
    #[cfg(feature = "compiler")]
    CompileAndRun(Threads),
    /// Compile a component for a machine, once, to a file.
    #[cfg(feature = "compiler")]
    Precompile(Target, Calls, Threads),
    /// Run what was precompiled.
    RunPrecompiled(Calls),
}

/// What becomes of calls of small functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
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

/// The engine for a purpose.
///
/// Left at their defaults, each for a measured reason: memory reservation and guard pages, and traps
/// by signal (a bounds check for each access costs a tenth of guest time), and the on-demand
/// allocator (a pool was no faster with one long-lived instance a thread).
pub(super) fn engine(purpose: Purpose) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    // Time limits. Costs about a tenth of guest time; counting fuel costs three times as much.
    config.epoch_interruption(true);
    let calls = match purpose {
        // Inlining is worth its time where compiling happens once.
        #[cfg(feature = "compiler")]
        Purpose::CompileAndRun(threads) => {
            config.parallel_compilation(threads == Threads::All);
            Calls::Kept
        }
        #[cfg(feature = "compiler")]
        Purpose::Precompile(target, calls, threads) => {
            config.parallel_compilation(threads == Threads::All);
            super::precompiled::compile_for(&mut config, target)?;
            calls
        }
        Purpose::RunPrecompiled(calls) => calls,
    };
    // It is a part of what precompiled code must agree on with the engine that loads it.
    config.compiler_inlining(match calls {
        Calls::Inlined => Inlining::Yes,
        Calls::Kept => Inlining::No,
    });
    Engine::new(&config)
}
