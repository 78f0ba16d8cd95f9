//! Options of the connections to services: those of the streams and all that has none of its own, and those of the checkpoint
//! table.

use std::time::Duration;

use clap::Args;

use super::{SettingsError, values};
use crate::aws::{KeepAlive, TcpOptions};

/// Probes begin after so long, and come so often, where one of the others alone is given. Source: the defaults of Go's `net`
/// package, by which the tool works that these settings are of.
const USUAL: KeepAlive = KeepAlive { idle: Duration::from_secs(15), interval: Duration::from_secs(15), count: 9 };

/// Options of all connections.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Of access to AWS")]
pub struct TcpSettings {
    /// How long a connection may take to be made, 100ms to 5m [default: 2s]
    #[arg(long = "tcp-connect-timeout", env = "KINESIEVE_TCP_CONNECT_TIMEOUT", value_name = "DURATION", value_parser = values::connect_timeout)]
    pub(super) connect_timeout: Option<Duration>,

    /// How long a connection is silent before it is probed, 1s to 9h [default: 15s where the others are given, and else no probes]
    #[arg(long = "tcp-keep-alive-idle", env = "KINESIEVE_TCP_KEEP_ALIVE_IDLE", value_name = "DURATION", value_parser = values::probing)]
    pub(super) keep_alive_idle: Option<Duration>,

    /// Time between two probes, 1s to 9h [default: 15s]
    #[arg(long = "tcp-keep-alive-interval", env = "KINESIEVE_TCP_KEEP_ALIVE_INTERVAL", value_name = "DURATION", value_parser = values::probing)]
    pub(super) keep_alive_interval: Option<Duration>,

    /// Number of probes without an answer after which a connection is given up, 1 to 127 [default: 9]
    #[arg(long = "tcp-keep-alive-count", env = "KINESIEVE_TCP_KEEP_ALIVE_COUNT", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=127))]
    pub(super) keep_alive_count: Option<u32>,

    /// How long what was sent may be without an acknowledgement before a connection is given up (TCP_USER_TIMEOUT of Linux),
    /// 1s to 1h [default: that of the system]
    #[arg(long = "tcp-user-timeout", env = "KINESIEVE_TCP_USER_TIMEOUT", value_name = "DURATION", value_parser = values::user_timeout)]
    pub(super) user_timeout: Option<Duration>,
}

/// Options of the connections to the checkpoint table. Where one is given, those of the streams are not those of the table.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Of access to AWS")]
pub struct TableTcpSettings {
    /// How long a connection to the table may take to be made, 100ms to 5m [default: that of the streams]
    #[arg(id = "checkpoint_tcp_connect_timeout", long = "checkpoint-tcp-connect-timeout", env = "KINESIEVE_CHECKPOINT_TCP_CONNECT_TIMEOUT", value_name = "DURATION", value_parser = values::connect_timeout)]
    pub(super) connect_timeout: Option<Duration>,

    /// How long a connection to the table is silent before it is probed, 1s to 9h
    #[arg(id = "checkpoint_tcp_keep_alive_idle", long = "checkpoint-tcp-keep-alive-idle", env = "KINESIEVE_CHECKPOINT_TCP_KEEP_ALIVE_IDLE", value_name = "DURATION", value_parser = values::probing)]
    pub(super) keep_alive_idle: Option<Duration>,

    /// Time between two probes, 1s to 9h
    #[arg(id = "checkpoint_tcp_keep_alive_interval", long = "checkpoint-tcp-keep-alive-interval", env = "KINESIEVE_CHECKPOINT_TCP_KEEP_ALIVE_INTERVAL", value_name = "DURATION", value_parser = values::probing)]
    pub(super) keep_alive_interval: Option<Duration>,

    /// Number of probes without an answer after which a connection to the table is given up, 1 to 127
    #[arg(id = "checkpoint_tcp_keep_alive_count", long = "checkpoint-tcp-keep-alive-count", env = "KINESIEVE_CHECKPOINT_TCP_KEEP_ALIVE_COUNT", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=127))]
    pub(super) keep_alive_count: Option<u32>,

    /// How long what was sent to the table may be without an acknowledgement, 1s to 1h
    #[arg(id = "checkpoint_tcp_user_timeout", long = "checkpoint-tcp-user-timeout", env = "KINESIEVE_CHECKPOINT_TCP_USER_TIMEOUT", value_name = "DURATION", value_parser = values::user_timeout)]
    pub(super) user_timeout: Option<Duration>,
}

impl TcpSettings {
    /// Returns the options.
    ///
    /// # Errors
    /// When they contradict each other, or this program was built without what they need.
    pub(super) fn options(&self) -> Result<TcpOptions, SettingsError> {
        let keep_alive = keep_alive(self.keep_alive_idle, self.keep_alive_interval, self.keep_alive_count);
        let Self { connect_timeout, user_timeout, .. } = *self;
        checked(TcpOptions { connect_timeout, keep_alive, user_timeout }, "KINESIEVE_TCP_")
    }
}

impl TableTcpSettings {
    /// Returns the options; none: the table has none of its own.
    ///
    /// # Errors
    /// When they contradict each other, or this program was built without what they need.
    pub(super) fn options(&self) -> Result<Option<TcpOptions>, SettingsError> {
        let keep_alive = keep_alive(self.keep_alive_idle, self.keep_alive_interval, self.keep_alive_count);
        let Self { connect_timeout, user_timeout, .. } = *self;
        let options = checked(TcpOptions { connect_timeout, keep_alive, user_timeout }, "KINESIEVE_CHECKPOINT_TCP_")?;
        Ok(Some(options).filter(|options| *options != TcpOptions::NONE))
    }
}

/// The probes, if one of their settings is given.
fn keep_alive(idle: Option<Duration>, interval: Option<Duration>, count: Option<u32>) -> Option<KeepAlive> {
    let is_given = idle.is_some() || interval.is_some() || count.is_some();
    is_given.then(|| KeepAlive {
        idle: idle.unwrap_or(USUAL.idle),
        interval: interval.unwrap_or(USUAL.interval),
        count: count.unwrap_or(USUAL.count),
    })
}

/// `prefix` is how the names of the variables begin.
fn checked(options: TcpOptions, prefix: &str) -> Result<TcpOptions, SettingsError> {
    let contradiction = |message: String| Err(SettingsError::Contradiction(message));
    if options.are_of_sockets() && !cfg!(feature = "tcp") {
        return contradiction(format!(
            "{prefix}KEEP_ALIVE_IDLE and its siblings, and {prefix}USER_TIMEOUT, need the cargo feature tcp, which this \
             program was built without: leave them out, or build it with that (FEATURES=tcp sam build)"
        ));
    }
    if options.user_timeout.is_some() && !cfg!(target_os = "linux") {
        return contradiction(format!("{prefix}USER_TIMEOUT is an option of Linux alone: leave it out"));
    }
    match (options.keep_alive, options.user_timeout) {
        // RFC 5482, section 4.2: probes would end what the other one still waits for.
        (Some(KeepAlive { idle, .. }), Some(user_timeout)) if idle <= user_timeout => contradiction(format!(
            "{prefix}KEEP_ALIVE_IDLE is {}, and {prefix}USER_TIMEOUT is {}: let the first be longer than the second",
            humantime::format_duration(idle),
            humantime::format_duration(user_timeout)
        )),
        _ => Ok(options),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(no_binary_name = true)]
    struct Both {
        #[command(flatten)]
        common: TcpSettings,
        #[command(flatten)]
        table: TableTcpSettings,
    }

    fn options(flags: &str) -> Result<(TcpOptions, Option<TcpOptions>), String> {
        let Both { common, table } =
            Both::try_parse_from(flags.split_whitespace()).map_err(|error| error.to_string())?;
        let options = common.options().map_err(|error| error.to_string())?;
        Ok((options, table.options().map_err(|error| error.to_string())?))
    }

    #[test]
    fn one_setting_of_probes_has_the_usual_others() {
        let (common, table) = options("--tcp-keep-alive-count 3 --checkpoint-tcp-user-timeout 5s").expect("options");
        assert_eq!(common.keep_alive, Some(KeepAlive { count: 3, ..USUAL }));
        assert_eq!(table, Some(TcpOptions { user_timeout: Some(Duration::from_secs(5)), ..TcpOptions::NONE }));
        let (common, table) = options("--tcp-connect-timeout 500ms").expect("options");
        assert_eq!((common.connect_timeout, common.are_of_sockets()), (Some(Duration::from_millis(500)), false));
        assert_eq!(table, None);
        assert_eq!(options("").expect("options"), (TcpOptions::NONE, None));
    }

    #[test]
    fn what_can_t_be_is_refused_by_name() {
        for (flags, said) in [
            ("--tcp-user-timeout 20s --tcp-keep-alive-idle 20s", "KINESIEVE_TCP_KEEP_ALIVE_IDLE is 20s"),
            ("--checkpoint-tcp-user-timeout 20s --checkpoint-tcp-keep-alive-count 2", "KINESIEVE_CHECKPOINT_TCP_KEEP"),
            ("--tcp-connect-timeout 1ms", "--tcp-connect-timeout"),
            ("--tcp-keep-alive-idle 10h", "--tcp-keep-alive-idle"),
            ("--tcp-keep-alive-count 0", "--tcp-keep-alive-count"),
            ("--tcp-user-timeout soon", "--tcp-user-timeout"),
        ] {
            let message = options(flags).expect_err(flags);
            assert!(message.contains(said), "{flags}: {message}");
        }
    }
}
