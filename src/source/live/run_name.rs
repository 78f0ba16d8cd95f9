//! What a run calls itself in the checkpoint table: where it runs, as which process, and a part by chance, since the
//! numbers of processes come again.

use std::path::Path;

/// What the names of runs begin with.
pub(super) const RUN_NAME: &str = "kinesieve run";

/// The name of the run that this process is.
pub fn run_name() -> String {
    format!("{RUN_NAME} on {}, process {}-{:06x}", host(), std::process::id(), fastrand::u32(..0x100_0000))
}

/// Whether the run of this name was a process on this machine that has ended. Where that can't be told, it has not.
pub(super) fn has_ended_here(name: &str) -> bool {
    let process = name.strip_prefix(&format!("{RUN_NAME} on {}, process ", host()));
    let Some(Ok(process)) = process.and_then(|process| process.split_once('-')).map(|(id, _)| id.parse::<u32>()) else {
        return false;
    };
    // In a container that was started again, this process has the number of the one before.
    let processes = Path::new("/proc");
    process == std::process::id() || processes.join("self").exists() && !processes.join(process.to_string()).exists()
}

fn host() -> String {
    let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"));
    let host = host.unwrap_or_default();
    if host.trim().is_empty() { "an unknown host".to_owned() } else { host.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_elsewhere_has_not_ended_here() {
        assert!(!has_ended_here("kinesieve run on elsewhere.example, process 1-abcdef"));
        assert!(!has_ended_here("readings-function"));
        assert!(!has_ended_here(""));
        // Two names of one process: of the one before in a container that was started again.
        assert!(run_name() != run_name() && has_ended_here(&run_name()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_gone_has_ended() {
        let gone = format!("{RUN_NAME} on {}, process {}-abcdef", host(), u32::MAX);
        assert!(has_ended_here(&gone));
        let first = format!("{RUN_NAME} on {}, process 1-abcdef", host());
        assert!(!has_ended_here(&first));
    }
}
