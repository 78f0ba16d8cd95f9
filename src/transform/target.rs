//! The machines that a transform is precompiled for.

use std::fmt;
use std::str::FromStr;

/// The machine that a precompiled transform is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileTarget {
    /// Lambda's `arm64`: Graviton2 and later.
    Arm64,
    /// Lambda's `x86_64`.
    X86_64,
    /// The machine at hand, with all that its processor can do.
    Host,
}

impl CompileTarget {
    /// The name on the command line and in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            CompileTarget::Arm64 => "arm64",
            CompileTarget::X86_64 => "x86_64",
            CompileTarget::Host => "host",
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
            CompileTarget::Host => None,
            // Graviton2 (Neoverse N1) has the large system extensions of Armv8.1.
            CompileTarget::Arm64 => Some(("aarch64-unknown-linux-gnu", &["has_lse"])),
            // The x86-64-v2 level. Lambda does not promise AVX2 in every region.
            CompileTarget::X86_64 => Some((
                "x86_64-unknown-linux-gnu",
                &["has_cmpxchg16b", "has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"],
            )),
        }
    }
}

impl fmt::Display for CompileTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for CompileTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "arm64" | "aarch64" => Ok(CompileTarget::Arm64),
            "x86_64" | "x86-64" | "amd64" => Ok(CompileTarget::X86_64),
            "host" => Ok(CompileTarget::Host),
            _ => Err(format!("invalid machine {text:?}: use arm64, x86_64 or host")),
        }
    }
}
