//! What the processor offers a transform. Outside WebAssembly, as in the author's own tests, there
//! is no processor; stand-ins answer then.

use std::fmt::Display;

use crate::{Level, Shard};

/// Writes one line to the processor's structured log; in native code, to standard error.
///
/// ```
/// use kinesieve_sdk::{Level, log};
///
/// log(Level::Warn, "the clock of this device is off");
/// log(Level::Debug, format_args!("{} readings", 3));
/// ```
pub fn log(level: Level, message: impl Display) {
    let message = message.to_string();
    #[cfg(target_arch = "wasm32")]
    crate::bindings::kinesieve::transform::host::log(level, &message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}

/// The shard that the event in hand came from; in native code, an invented one.
pub fn current_shard() -> Shard {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::kinesieve::transform::host::current_shard();
    #[cfg(not(target_arch = "wasm32"))]
    Shard {
        stream_arn: "arn:aws:kinesis:us-east-1:000000000000:stream/native".to_owned(),
        shard_id: "shardId-000000000000".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_code_gets_stand_ins() {
        log(Level::Info, "seen in the test's output");
        assert_eq!(current_shard().shard_id, "shardId-000000000000");
    }
}
