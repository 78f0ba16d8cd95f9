//! What a run calls itself in the checkpoint table: where it runs, as which process, and a part by chance, since the
//! numbers of processes come again.

use std::path::Path;

use sha2::{Digest, Sha256};

/// What the names of runs begin with.
pub(super) const RUN_NAME: &str = "kinesieve run";

/// The name of the run that this process is.
pub fn run_name() -> String {
    let (process, chance) = (std::process::id(), fastrand::u32(..0x100_0000));
    let scope = scope().unwrap_or_default();
    format!("{RUN_NAME} on {}, process {process}-{chance:06x}-{scope}", host())
}

/// Whether the run of this name was a process of this system that has ended. Where that can't be told, it has not.
pub(super) fn has_ended_here(name: &str) -> bool {
    let Some((_, process)) = name.strip_prefix(RUN_NAME).and_then(|name| name.rsplit_once(", process ")) else {
        return false;
    };
    let mut parts = process.split('-');
    let (Some(Ok(process)), Some(_), Some(of_run)) = (parts.next().map(str::parse::<u32>), parts.next(), parts.next())
    else {
        return false;
    };
    let is_of_this_system = scope().is_some_and(|scope| scope == of_run);
    // A number that is ours was another process's before.
    is_of_this_system && (process == std::process::id() || !Path::new("/proc").join(process.to_string()).exists())
}

/// Names the processes among which this one has its number: those of one container, or of a machine, since it was
/// started. The name of the machine would not do: containers may share one, and have numbers of their own. None: the
/// system does not say, as none does but Linux.
fn scope() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let digest = Sha256::digest(format!("{} {}", boot.trim(), namespace.display()));
    Some(digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect())
}

fn host() -> String {
    let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"));
    let host = host.unwrap_or_default();
    if host.trim().is_empty() { "an unknown host".to_owned() } else { host.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a run with this number, among these processes.
    fn name(process: u32, scope: &str) -> String {
        format!("{RUN_NAME} on {}, process {process}-abcdef-{scope}", host())
    }

    #[test]
    fn what_runs_elsewhere_has_not_ended_here() {
        // Also where it has our machine's name: a container may, and its numbers are others.
        for process in [1, std::process::id(), u32::MAX] {
            assert!(!has_ended_here(&name(process, "00000000")) && !has_ended_here(&name(process, "")));
        }
        for strange in ["", "readings-function", "kinesieve run", "kinesieve run on a, process 1", ", process 1-2-3"] {
            assert!(!has_ended_here(strange), "{strange}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_gone_has_ended() {
        let scope = scope().expect("Linux says it");
        assert!(has_ended_here(&name(u32::MAX, &scope)));
        assert!(!has_ended_here(&name(1, &scope)));
        // Two names of one process: the first is of the run that had its number before.
        assert!(run_name() != run_name() && has_ended_here(&run_name()));
    }
}
