//! Secrets that are given as flags, where other users of the machine see them.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::say;
use crate::connector::is_secret;
use crate::settings::Secret;

/// Says of each secret that a flag holds what is wrong with that.
pub(super) fn warn_of_flags(given: &ArgMatches) {
    for id in given.ids() {
        let (id, flag) = (id.as_str(), id.as_str().replace('_', "-"));
        if !is_secret(&flag) || given.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let raw = given.get_raw(id).into_iter().flatten();
        if raw.into_iter().any(|value| value.to_str().is_none_or(Secret::is_written_out)) {
            say(&format_args!(
                "kinesieve: other users of this machine see --{flag} in the list of processes: name the variable that holds it, \
                 with --{flag} '${{env:NAME}}', or set KINESIEVE_{}",
                flag.replace('-', "_").to_uppercase()
            ));
        }
    }
}
