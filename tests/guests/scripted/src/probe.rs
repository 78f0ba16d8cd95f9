//! The verbs that try the sandbox. Each gives `ok: ` and what it got, or `denied: ` and the error.
//!
//! | verb | what it tries |
//! | --- | --- |
//! | `read-file PATH`, `write-file PATH`, `list-dir PATH` | the file system |
//! | `connect HOST:PORT`, `resolve HOST` | the network |
//! | `env`, `args`, `stdin` | what a process inherits |
//! | `clock` | the wall clock, in milliseconds since the Unix epoch |
//! | `random` | the seed of a hash map: a number |

use std::collections::hash_map::RandomState;
use std::env;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::lines;

/// What came of the verb; `None` for one that is no probe.
pub fn run(verb: &str, argument: &str) -> Option<String> {
    let found = match verb {
        "read-file" => fs::read_to_string(argument),
        "write-file" => fs::write(argument, "written from inside").map(|()| "written".to_owned()),
        "list-dir" => list_dir(argument),
        "connect" => TcpStream::connect(argument).map(|_| "connected".to_owned()),
        "resolve" => resolve(argument),
        "env" => Ok(environment()),
        "args" => Ok(env::args().collect::<Vec<_>>().join(" ")),
        "stdin" => io::read_to_string(io::stdin()),
        "clock" => Ok(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string()),
        "random" => Ok(RandomState::new().hash_one(0).to_string()),
        _ => return None,
    };
    Some(match found {
        Ok(what) => format!("ok: {what}"),
        Err(error) => format!("denied: {error}"),
    })
}

fn list_dir(path: &str) -> io::Result<String> {
    let names: io::Result<Vec<String>> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect();
    Ok(names?.join(" "))
}

fn resolve(host: &str) -> io::Result<String> {
    let addresses: Vec<String> = (host, 0).to_socket_addrs()?.map(|address| address.ip().to_string()).collect();
    Ok(addresses.join(" "))
}

fn environment() -> String {
    let variables: Vec<(String, String)> = env::vars().collect();
    lines(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
