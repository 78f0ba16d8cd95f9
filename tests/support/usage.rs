//! What a process uses of the machine.

/// What a process uses at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Resident memory, in KiB.
    pub resident: u64,
    /// The most of it that there ever was, in KiB.
    pub peak: u64,
    pub threads: u64,
    pub descriptors: u64,
}

impl Usage {
    /// Returns what Linux says of a process.
    pub fn of(process: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect(name)
        };
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).expect("the process runs").count();
        Self {
            resident: number("VmRSS"),
            peak: number("VmHWM"),
            threads: number("Threads"),
            descriptors: descriptors as u64,
        }
    }
}
