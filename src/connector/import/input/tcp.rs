//! Options of sockets.

use std::time::Duration;

use crate::connector::document::{DocumentError, Entry, Node};
use crate::connector::import::{Imported, entries, text, wrong};

/// Where each field goes.
pub(super) struct TcpKeys {
    connect_timeout: &'static [&'static str],
    idle: &'static [&'static str],
    interval: &'static [&'static str],
    count: &'static [&'static str],
    user_timeout: &'static [&'static str],
}

/// Of the streams.
pub(super) const OF_STREAMS: TcpKeys = TcpKeys {
    connect_timeout: &["tcp", "connect_timeout"],
    idle: &["tcp", "keep_alive_idle"],
    interval: &["tcp", "keep_alive_interval"],
    count: &["tcp", "keep_alive_count"],
    user_timeout: &["tcp", "user_timeout"],
};

/// Of the table.
pub(super) const OF_TABLE: TcpKeys = TcpKeys {
    connect_timeout: &["checkpoint", "tcp_connect_timeout"],
    idle: &["checkpoint", "tcp_keep_alive_idle"],
    interval: &["checkpoint", "tcp_keep_alive_interval"],
    count: &["checkpoint", "tcp_keep_alive_count"],
    user_timeout: &["checkpoint", "tcp_user_timeout"],
};

/// A field, with its defaults, which are not worth a word, and what ours takes.
struct Field {
    name: &'static str,
    defaults: &'static [&'static str],
    least: Duration,
    most: Duration,
}

const SECOND: Duration = Duration::from_secs(1);

const CONNECT_TIMEOUT: Field = Field {
    name: "connect_timeout",
    defaults: &["0s"],
    least: Duration::from_millis(100),
    most: Duration::from_secs(300),
};
const USER_TIMEOUT: Field =
    Field { name: "tcp_user_timeout", defaults: &["0s"], least: SECOND, most: Duration::from_secs(3600) };
const IDLE: Field =
    Field { name: "idle", defaults: &["0s", "15s"], least: SECOND, most: Duration::from_secs(9 * 3600) };
const INTERVAL: Field = Field { name: "interval", ..IDLE };

/// The most probes without an answer that a system takes.
const MOST_PROBES: u32 = 127;

/// Takes the options of a service over.
pub(super) fn tcp(name: &str, node: &Node, keys: &TcpKeys, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries(name, node)? {
        match entry.key.as_str() {
            "connect_timeout" => duration(name, entry, &CONNECT_TIMEOUT, keys.connect_timeout, imported)?,
            "tcp_user_timeout" => duration(name, entry, &USER_TIMEOUT, keys.user_timeout, imported)?,
            "keep_alive" => keep_alive(&format!("{name}.keep_alive"), &entry.value, keys, imported)?,
            other => {
                let known = "connect_timeout, keep_alive and tcp_user_timeout";
                return Err(wrong(entry.place, format!("unknown field {name}.{other}: there are {known}")));
            }
        }
    }
    Ok(())
}

fn keep_alive(name: &str, node: &Node, keys: &TcpKeys, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries(name, node)? {
        match entry.key.as_str() {
            "idle" => duration(name, entry, &IDLE, keys.idle, imported)?,
            "interval" => duration(name, entry, &INTERVAL, keys.interval, imported)?,
            "count" => match text("count", &entry.value)? {
                None | Some("0" | "9") => {}
                Some(count) => match count.parse::<u32>() {
                    Ok(count @ 1..=MOST_PROBES) => imported.set(keys.count, count.to_string()),
                    _ => return Err(wrong(entry.value.place, format!("count takes 1 to {MOST_PROBES}"))),
                },
            },
            other => {
                return Err(wrong(
                    entry.place,
                    format!("unknown field {name}.{other}: there are idle, interval and count"),
                ));
            }
        }
    }
    Ok(())
}

fn duration(
    above: &str,
    entry: &Entry,
    field: &Field,
    path: &'static [&'static str],
    imported: &mut Imported,
) -> Result<(), DocumentError> {
    let Some(value) = text(field.name, &entry.value)?.filter(|value| !field.defaults.contains(value)) else {
        return Ok(());
    };
    if value.starts_with('-') {
        imported
            .leave_out(format!("{above}.{}", field.name), "there are no probes where none of their settings is given");
        return Ok(());
    }
    let Ok(length) = humantime::parse_duration(value) else {
        return Err(wrong(entry.value.place, format!("{} takes a duration, such as 10s", field.name)));
    };
    let bounded = length.clamp(field.least, field.most);
    if bounded == length {
        imported.set(path, value);
    } else {
        let bounded = humantime::format_duration(bounded).to_string().replace(' ', "");
        imported.decide(path, bounded, format!("{value} there"));
    }
    Ok(())
}
