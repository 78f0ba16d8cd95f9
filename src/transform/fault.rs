//! What broke in a guest, for a person.

use bytesize::ByteSize;
use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::host::HostState;
use super::limits::{HANDED_OVER, Limits};
use super::log::GuestOutput;
use super::verdict::{Fault, FaultKind};

/// The longest reason that is kept of what a guest says.
const REASON_BYTES: usize = 4096;

/// What the engine says where a guest hands over more than is taken: its error has no type of its own.
const OVER_HANDED: &str = "fuel allocated for hostcalls has been exhausted";

/// Whether a call ended because its time was over.
pub(super) fn is_interrupt(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt))
}

/// Returns what broke. Memory comes first: a guest that was refused memory may end in any trap.
pub(super) fn fault_of(
    error: &wasmtime::Error,
    state: &HostState,
    limits: Limits,
    time: &str,
    written: &GuestOutput,
) -> Fault {
    if state.limiter.refused() {
        let limit = ByteSize::b(limits.memory as u64).display().iec();
        let reason = format!("asked for more memory than its limit of {limit} (KINESIEVE_MEMORY_LIMIT)");
        return Fault { kind: FaultKind::Memory, reason };
    }
    if is_interrupt(error) {
        return Fault { kind: FaultKind::Timeout, reason: format!("took longer than its limit of {time}") };
    }
    let what = if let Some(exit) = error.downcast_ref::<I32Exit>() {
        format!("exited with status {}", exit.0)
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        format!("trapped: {trap}")
    } else {
        let cause = error.root_cause().to_string();
        if cause.contains(OVER_HANDED) { over_handed() } else { format!("failed: {cause}") }
    };
    // Languages print why they panic before they trap, and the trap itself says next to nothing.
    let last_words: Vec<&str> =
        written.lines.iter().filter(|line| line.source == "stderr").map(|line| line.text.trim()).collect();
    let reason = if last_words.is_empty() {
        what
    } else {
        bounded(format!("{what}; on standard error: {}", last_words.join(" ")))
    };
    Fault { kind: FaultKind::Trap, reason }
}

/// That a guest handed over too much, with the remedy.
fn over_handed() -> String {
    let limit = ByteSize::b(HANDED_OVER as u64).display().iec();
    format!(
        "handed over more than {limit} at once, the hand-over limit of an answer (all outputs of a record, with their keys \
         and routes) and of a log line: answer with fewer or smaller outputs; the limit is fixed"
    )
}

/// Returns a reason as long as a log line or a dead letter can bear; guests may write what they like.
pub(super) fn bounded(reason: String) -> String {
    if reason.len() <= REASON_BYTES {
        return reason;
    }
    // A copy: cut in place it would keep all of its memory.
    format!("{}…", &reason[..reason.floor_char_boundary(REASON_BYTES)])
}
