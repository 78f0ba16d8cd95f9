//! The functions that a guest is in, looked at now and then: whenever its time is, at the next function or loop that it enters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wasmtime::{CallHook, FrameInfo, Store, Trap, UpdateDeadline, WasmBacktrace};

use crate::foreign;
use crate::transform::host::HostState;

/// The most stacks that are told apart: names are the component's own, and it may recurse as it likes.
const MOST_STACKS: usize = 50_000;

/// The stacks that were seen.
#[derive(Debug, Default)]
pub struct StackSamples {
    seen: Mutex<SeenStacks>,
}

#[derive(Debug, Default)]
struct SeenStacks {
    /// How often each was seen: its functions from the outermost one on, separated by semicolons.
    counts: HashMap<String, u64>,
    samples: u64,
    frames: u64,
    named_frames: u64,
}

impl StackSamples {
    /// How often the stack was looked at.
    pub fn samples(&self) -> u64 {
        self.seen().samples
    }

    /// Whether no function that was seen has a name.
    pub fn is_nameless(&self) -> bool {
        let seen = self.seen();
        seen.frames > 0 && seen.named_frames == 0
    }

    /// The stacks with how often each was seen, a line each, sorted: `outer;inner 12`. Names are one word of a line each, and
    /// hold nothing that a terminal would obey.
    pub fn folded(&self) -> Vec<String> {
        let seen = self.seen();
        let mut lines: Vec<String> = seen.counts.iter().map(|(stack, count)| format!("{stack} {count}")).collect();
        lines.sort();
        lines
    }

    fn add(&self, backtrace: &WasmBacktrace) {
        let mut seen = self.seen();
        let mut stack = String::new();
        for frame in backtrace.frames().iter().rev() {
            if !stack.is_empty() {
                stack.push(';');
            }
            seen.frames += 1;
            seen.named_frames += u64::from(frame.func_name().is_some());
            stack.push_str(&name(frame));
        }
        if stack.is_empty() {
            return;
        }
        seen.samples += 1;
        if seen.counts.len() >= MOST_STACKS && !seen.counts.contains_key(&stack) {
            stack = "(further stacks)".to_owned();
        }
        *seen.counts.entry(stack).or_default() += 1;
    }

    /// No code panics while it holds this lock; if some ever does, the counts are still good.
    fn seen(&self) -> MutexGuard<'_, SeenStacks> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the samples follow an instance of this store. Its time limit holds as ever.
pub(super) fn follow(samples: &Arc<StackSamples>, store: &mut Store<HostState>) {
    let samples = Arc::clone(samples);
    store.epoch_deadline_callback(move |context| {
        if Instant::now() >= context.data().call_ends {
            return Err(Trap::Interrupt.into());
        }
        if context.data().batch.is_some() {
            samples.add(&WasmBacktrace::force_capture(&context));
        }
        Ok(UpdateDeadline::Continue(1))
    });
    // A look that falls due while the host is at work would find the function that it calls next.
    store.call_hook(|mut context, hook| {
        if matches!(hook, CallHook::CallingWasm | CallHook::ReturningFromHost) {
            context.set_epoch_deadline(1);
        }
        Ok(())
    });
}

/// The name of a frame's function, or its number.
fn name(frame: &FrameInfo) -> String {
    match frame.func_name() {
        Some(name) => word(&format!("{:#}", rustc_demangle::demangle(name))),
        None => format!("function[{}]", frame.func_index()),
    }
}

/// A foreign name as a part of a line of stacks: what would end it there is another character, and it is no longer than
/// anybody reads.
fn word(name: &str) -> String {
    let mut word = foreign::excerpt(name).replace(';', ":");
    // A number at the end would be taken for a count.
    if let Some((before, last)) = word.rsplit_once(char::is_whitespace)
        && last.parse::<f64>().is_ok()
    {
        word = format!("{before}_{last}");
    }
    if word.trim().is_empty() { "(no name)".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_breaks_the_line_of_its_stack() {
        assert_eq!(word("core::fmt::write"), "core::fmt::write");
        assert_eq!(word("a;b\nc\u{1b}[2K"), "a:b\\nc\\u{1b}[2K");
        assert_eq!(word("phase 2"), "phase_2");
        assert_eq!(word("<T as U>::f 1.5"), "<T as U>::f_1.5");
        assert_eq!(word(""), "(no name)");
        assert!(word(&"x".repeat(10_000)).chars().count() <= 201);
    }
}
