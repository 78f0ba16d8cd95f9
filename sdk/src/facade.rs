//! The macros of the `log` crate, on their way to the processor's log.

use std::fmt::Display;

use log::{LevelFilter, Log, Metadata, Record};

use crate::Level;

/// Has no state: each line goes to the host at once.
struct Processor;

impl Log for Processor {
    /// The processor decides by its own level; lines cost little until they are written.
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            log::Level::Error => Level::Error,
            log::Level::Warn => Level::Warn,
            log::Level::Info => Level::Info,
            log::Level::Debug => Level::Debug,
            log::Level::Trace => Level::Trace,
        };
        let message: &dyn Display = record.args();
        crate::log(level, message);
    }

    fn flush(&self) {}
}

/// Before `configure`, so that it can log too. An author who set a logger of their own keeps it.
pub(crate) fn install() {
    if log::set_logger(&Processor).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_second_logger_is_no_trouble() {
        super::install();
        super::install();
        log::warn!("seen in the test's output");
        assert_eq!(log::max_level(), log::LevelFilter::Trace);
    }
}
