//! Options of the connections to services.

use std::time::Duration;

/// What connections are made by, where the settings say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TcpOptions {
    /// How long a connection may take to be made; none: as ever.
    pub(crate) connect_timeout: Option<Duration>,
    /// Probes of a connection that is silent; none: there are none.
    pub(crate) keep_alive: Option<KeepAlive>,
    /// How long what was sent may be without an acknowledgement (TCP_USER_TIMEOUT of Linux); none: as the system has it.
    pub(crate) user_timeout: Option<Duration>,
}

impl TcpOptions {
    /// All as ever.
    pub(crate) const NONE: Self = Self { connect_timeout: None, keep_alive: None, user_timeout: None };

    /// Whether there are options of sockets among them.
    pub(crate) fn are_of_sockets(&self) -> bool {
        self.keep_alive.is_some() || self.user_timeout.is_some()
    }
}

/// Probes of a connection that is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeepAlive {
    /// How long it is silent before the first.
    pub(crate) idle: Duration,
    /// The time between two.
    pub(crate) interval: Duration,
    /// How many have no answer before the connection is given up.
    pub(crate) count: u32,
}
