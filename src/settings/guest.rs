//! The settings of commands that call a transform and deliver nothing: what it sees, and how far it may go.

use std::time::Duration;

use bytesize::ByteSize;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{Decode, DecodeOther, Settings, SettingsError, values};
use crate::event::Unpacking;
use crate::transform::Limits;

/// Which of all settings these are.
const NAMES: [&str; 7] =
    ["transform_settings", "deaggregate", "decode", "decode_other", "decode_limit", "event_timeout", "memory_limit"];

/// What a transform sees, and how far it may go: some of [`Settings`], with the flags, variables and defaults that they have
/// there.
#[derive(Debug, Clone)]
pub struct GuestSettings {
    transform_settings: Option<String>,
    unpacking: Unpacking,
    limits: Limits,
}

impl GuestSettings {
    /// Returns the settings for the transform, in the order in which they were written.
    ///
    /// # Errors
    /// When the text has neither form, or names a key twice. The message holds no value, which may be a secret.
    pub fn transform_settings(&self) -> Result<Vec<(String, String)>, SettingsError> {
        values::written_settings("KINESIEVE_TRANSFORM_SETTINGS", self.transform_settings.as_deref())
    }

    /// How records are taken apart and decoded.
    pub fn unpacking(&self) -> Unpacking {
        self.unpacking
    }

    /// How far the transform may go.
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

impl Args for GuestSettings {
    fn augment_args(command: Command) -> Command {
        let all = Settings::augment_args(Command::new("all"));
        let is_one = |arg: &&clap::Arg| NAMES.contains(&arg.get_id().as_str());
        let args: Vec<clap::Arg> = all.get_arguments().filter(is_one).cloned().collect();
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for GuestSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            transform_settings: matches.get_one("transform_settings").cloned(),
            unpacking: Unpacking {
                deaggregate: value(matches, "deaggregate")?,
                decode: value::<Decode>(matches, "decode")?,
                other: value::<DecodeOther>(matches, "decode_other")?,
                limit: in_bytes(value(matches, "decode_limit")?),
            },
            limits: Limits {
                event_time: value::<Duration>(matches, "event_timeout")?,
                memory: in_bytes(value(matches, "memory_limit")?),
            },
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A value that has a default.
fn value<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Result<T, clap::Error> {
    let missing = || clap::Error::raw(clap::error::ErrorKind::MissingRequiredArgument, format!("no value of {name}\n"));
    matches.get_one(name).cloned().ok_or_else(missing)
}

fn in_bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(no_binary_name = true)]
    struct OneCommand {
        #[command(flatten)]
        guest: GuestSettings,
    }

    #[test]
    fn flags_mean_what_they_mean_elsewhere() {
        let parsed = |arguments: &[&str]| OneCommand::try_parse_from(arguments).map(|parsed| parsed.guest);
        let plain = parsed(&[]).expect("the defaults");
        assert_eq!(plain.limits(), Limits::default());
        assert!(plain.unpacking().deaggregate);
        let flags = ["--decode", "gzip+lines", "--event-timeout", "2s", "--memory-limit", "64MiB"];
        let given = parsed(&[&flags[..], &["--transform-settings", "a=1,b=2"]].concat()).expect("settings");
        assert_eq!(given.limits(), Limits { event_time: Duration::from_secs(2), memory: 64 << 20 });
        assert_eq!(given.unpacking().decode.to_string(), "gzip+lines");
        assert_eq!(given.transform_settings().expect("settings").len(), 2);
        parsed(&["--output", "none"]).expect_err("it delivers nothing");
        parsed(&["--event-timeout", "never"]).expect_err("no duration");
    }

    /// Whoever renames a setting has to look here.
    #[test]
    fn each_of_them_is_a_setting() {
        let command = GuestSettings::augment_args(Command::new("x"));
        assert_eq!(command.get_arguments().count(), NAMES.len());
    }
}
