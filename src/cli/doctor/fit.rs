//! Whether memory, timeout and the settings leave room for each other.

use std::time::Duration;

use bytesize::ByteSize;

use super::finding::Finding;
use crate::settings::{CheckpointSettings, FunctionOnly, Settings};

/// What the function takes besides its transform: the program, an event of 6 MB with its decoded records, and up to
/// 8 MiB of outputs that wait for targets.
const BESIDES_THE_TRANSFORM: ByteSize = ByteSize::mib(96);

/// What the function and its event source mapping are given.
#[derive(Debug, Clone, Copy)]
pub(super) struct FunctionSize {
    pub(super) memory: ByteSize,
    pub(super) timeout: Duration,
    pub(super) batch_size: u32,
}

/// What does not fit.
pub(super) fn check(
    settings: &Settings,
    checkpoint: &CheckpointSettings,
    only: &FunctionOnly,
    size: FunctionSize,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let text = humantime::format_duration;
    let FunctionSize { memory, timeout, batch_size } = size;
    let memory_limit = settings.memory_limit;
    let besides = BESIDES_THE_TRANSFORM.as_u64().saturating_add(unpacked(settings));
    let needed = ByteSize::b(memory_limit.as_u64().saturating_add(besides));
    let besides = ByteSize::b(besides);
    if memory_limit >= memory {
        findings.push(Finding::missing(
            format!("memory: {memory}"),
            format!(
                "the transform alone may take {memory_limit} (KINESIEVE_MEMORY_LIMIT), and one that does ends the \
                 function: give the function {needed} or more"
            ),
        ));
    } else if needed > memory {
        findings.push(Finding::care(
            format!("memory: {memory}"),
            format!(
                "the transform may take {memory_limit} of it (KINESIEVE_MEMORY_LIMIT), the rest takes up to \
                 {besides}: give the function {needed} or more, or the transform less"
            ),
        ));
    } else {
        findings.push(Finding::fine(format!("memory: {memory}, of which the transform may take {memory_limit}")));
    }
    let reserve = only.deadline_reserve;
    let what = format!("timeout: {}", text(timeout));
    if reserve > timeout / 2 {
        findings.push(Finding::care(
            what,
            format!(
                "{} of it are kept to deliver and to answer (KINESIEVE_DEADLINE_RESERVE), of which half the timeout is \
                 taken: give the function a longer timeout",
                text(reserve)
            ),
        ));
    } else if settings.event_timeout >= timeout - reserve {
        findings.push(Finding::care(
            what,
            format!(
                "one record may take {} of it (KINESIEVE_EVENT_TIMEOUT), which leaves no time for others: give the \
                 function a longer timeout, or the transform less",
                text(settings.event_timeout)
            ),
        ));
    } else {
        findings.push(Finding::fine(format!("{what}, {} of it kept to deliver and to answer", text(reserve))));
    }
    // As the processor shares what there is between the interruption and the answer.
    let share = (reserve.min(timeout / 2) * 3 / 4) / 3;
    if checkpoint.table.is_some() && checkpoint.timeout > share {
        findings.push(Finding::care(
            format!("checkpoint timeout: {}", text(checkpoint.timeout)),
            format!(
                "near the deadline it gets {} of the reserve: give it a longer KINESIEVE_DEADLINE_RESERVE",
                text(share)
            ),
        ));
    }
    if let Some(pace) = settings.max_records_per_shard_per_second {
        let seconds = u64::from(batch_size.div_ceil(pace.get()));
        if Duration::from_secs(seconds) > timeout.saturating_sub(reserve) {
            findings.push(Finding::care(
                format!("batch size: {batch_size} records"),
                format!(
                    "at {pace} records a second a full batch takes {}, longer than an invocation has: the rest comes \
                     again each time; use a smaller batch size",
                    text(Duration::from_secs(seconds))
                ),
            ));
        }
    }
    findings
}

/// What records unpack to besides, in bytes: a batch is processed in parts of 32 MiB, of which the last record of a part
/// may reach beyond by all that it may unpack to.
fn unpacked(settings: &Settings) -> u64 {
    if settings.decode.is_none() {
        return 0;
    }
    ByteSize::mib(32).as_u64().saturating_add(settings.decode_limit.as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::FindingStatus;
    use crate::settings::FunctionSettings;
    use futures_util::FutureExt;

    fn found(variables: &[(&str, &str)], memory: u64, timeout: u64) -> Vec<Finding> {
        let least = [("KINESIEVE_TRANSFORM", "t.cwasm"), ("KINESIEVE_OUTPUT", "none")];
        let variables = least.iter().chain(variables).map(|(name, value)| (name.into(), value.into()));
        let settings = FunctionSettings::from_variables(variables).now_or_never().expect("nobody is asked");
        let (settings, _) = settings.expect("settings");
        let size =
            FunctionSize { memory: ByteSize::mib(memory), timeout: Duration::from_secs(timeout), batch_size: 1000 };
        check(&settings.common, &settings.checkpoint, &settings.only, size)
    }

    /// What is not fine, by its first word.
    fn complaints(variables: &[(&str, &str)], memory: u64, timeout: u64) -> Vec<String> {
        let not_fine =
            found(variables, memory, timeout).into_iter().filter(|finding| finding.verdict != FindingStatus::Fine);
        not_fine.map(|finding| finding.what.split(':').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn the_defaults_fit() {
        assert_eq!(complaints(&[("KINESIEVE_CHECKPOINT_TABLE", "positions")], 512, 60), Vec::<String>::new());
    }

    #[test]
    fn what_leaves_no_room_is_named() {
        assert_eq!(complaints(&[("KINESIEVE_MEMORY_LIMIT", "512MiB")], 512, 60), ["memory"]);
        assert_eq!(complaints(&[("KINESIEVE_MEMORY_LIMIT", "450MiB")], 512, 60), ["memory"]);
        assert_eq!(complaints(&[("KINESIEVE_DECODE", "gzip")], 512, 60), Vec::<String>::new());
        assert_eq!(
            complaints(&[("KINESIEVE_DECODE", "gzip"), ("KINESIEVE_DECODE_LIMIT", "1GiB")], 512, 60),
            ["memory"]
        );
        assert_eq!(complaints(&[], 512, 3), ["timeout"]);
        assert_eq!(complaints(&[("KINESIEVE_EVENT_TIMEOUT", "1m")], 512, 60), ["timeout"]);
        let slow_table = [("KINESIEVE_CHECKPOINT_TABLE", "positions"), ("KINESIEVE_CHECKPOINT_TIMEOUT", "5s")];
        assert_eq!(complaints(&slow_table, 512, 60), ["checkpoint timeout"]);
        assert_eq!(complaints(&[("KINESIEVE_MAX_RECORDS_PER_SHARD_PER_SECOND", "10")], 512, 60), ["batch size"]);
        let too_large = found(&[("KINESIEVE_MEMORY_LIMIT", "1GiB")], 512, 60);
        assert!(
            matches!(too_large[0].verdict, FindingStatus::Missing { .. }),
            "the function would be ended: {too_large:?}"
        );
    }
}
