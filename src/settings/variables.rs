//! Settings from environment variables.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, FromArgMatches};

use super::values::Route;
use super::{FunctionSettings, SettingsError};
use crate::clap_error;
use crate::connector::{ConnectorFile, Keys};
use crate::interpolation::Lookups;

/// What the names of all our variables start with.
pub const PREFIX: &str = "KINESIEVE_";

/// The variable that names the connector file.
const CONNECTOR: &str = "KINESIEVE_CONNECTOR";

/// What the name of a route's variable starts with.
const ROUTE_PREFIX: &str = "KINESIEVE_ROUTE_";

/// Several routes at once, NAME=TARGET separated by commas: a template can't make names of variables.
const ROUTES: &str = "KINESIEVE_ROUTES";

impl FunctionSettings {
    /// Reads the settings, and the routes, from variables. A variable that is empty counts as not
    /// set, since a template can't leave one out. What services hold of a connector file is looked up.
    ///
    /// # Errors
    /// When a variable is unknown, malformed or missing, or a service does not say what it holds.
    pub async fn from_variables(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<Route>), SettingsError> {
        let variables: Vec<(OsString, OsString)> =
            variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let routes = check_variables(variables.iter().cloned())?;
        let path = variables.iter().find(|(name, _)| name == CONNECTOR).map(|(_, value)| Path::new(value));
        let file = match path {
            Some(path) => {
                let mut file = ConnectorFile::read(path, &Keys::of([&Self::command()]))?;
                if file.unresolved().next().is_some() {
                    // How a service is reached none of them says.
                    let access = Self::given(&variables, Some(&file))?;
                    file.resolve(&Lookups::by(access.common.access.reach()?)).await?;
                }
                Some(file)
            }
            None => None,
        };
        let mut settings = Self::given(&variables, file.as_ref())?;
        if let Some(file) = &file {
            settings.common.take_routes_of(file)?;
            settings.common.access.warnings = file.secrets_written_out();
        }
        settings.common.insist_on_transform()?;
        if settings.common.output.is_none() {
            let arg = Self::command().get_arguments().find(|arg| arg.get_long() == Some("output")).cloned();
            return Err(missing(arg.as_ref(), "KINESIEVE_OUTPUT"));
        }
        Ok((settings, routes))
    }

    /// The settings as variables say them, with a connector file beneath.
    fn given(variables: &[(OsString, OsString)], file: Option<&ConnectorFile>) -> Result<Self, SettingsError> {
        // The values are handed over as flags, so that what holds for flags holds for variables.
        let command = Self::command().mut_args(|arg| arg.env(Resettable::Reset));
        let value = |name: &OsStr| variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value);
        let mut flags = Vec::new();
        for arg in Self::command().get_arguments() {
            let (Some(name), Some(flag)) = (arg.get_env(), arg.get_long()) else { continue };
            if let Some(value) = value(name) {
                let mut given = OsString::from(format!("--{flag}="));
                given.push(value);
                flags.push(given);
            }
        }
        let command = match file {
            Some(file) => file.beneath(command, &Keys::of([&Self::command()])),
            None => command,
        };
        let matches = command.try_get_matches_from(flags).map_err(|error| in_terms_of_variables(&error))?;
        Self::from_arg_matches(&matches).map_err(|error| in_terms_of_variables(&error))
    }
}

/// Checks the names of all variables that start like ours, and reads the routes among them.
///
/// # Errors
/// When one is no setting, or a route is malformed.
pub fn check_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Vec<Route>, SettingsError> {
    let known: Vec<String> = FunctionSettings::command()
        .get_arguments()
        .filter_map(|arg| arg.get_env().and_then(|name| name.to_str()).map(str::to_owned))
        .collect();
    let mut routes = Vec::new();
    for (name, value) in variables {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with(PREFIX) || known.contains(&name) || value.is_empty() {
            continue;
        }
        let invalid = |reason| SettingsError::Invalid { name: name.clone(), reason };
        if name == ROUTES {
            for route in value.to_string_lossy().split(',') {
                routes.push(route.trim().parse().map_err(invalid)?);
            }
            continue;
        }
        let Some(route_name) = name.strip_prefix(ROUTE_PREFIX) else {
            return Err(SettingsError::Unknown { nearest: nearest(&name, &known), name });
        };
        routes.push(Route::new(route_name, &value.to_string_lossy()).map_err(invalid)?);
    }
    Ok(routes)
}

/// Makes a command take variables that are set but empty for not set.
#[must_use]
pub fn ignore_empty_variables(command: Command) -> Command {
    command.mut_args(|arg| {
        let is_empty = arg.get_env().is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
        if is_empty { arg.env(Resettable::Reset) } else { arg }
    })
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&name[PREFIX.len()..], &candidate[PREFIX.len()..]), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate.clone())
}

/// clap speaks of flags; who sets variables should read of those.
fn in_terms_of_variables(error: &clap::Error) -> SettingsError {
    let command = FunctionSettings::command();
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.clone(),
        Some(ContextValue::Strings(arguments)) => arguments.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let flag = argument.trim_start_matches("--").split([' ', '=']).next().unwrap_or_default();
    let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag));
    let name =
        arg.and_then(|arg| arg.get_env()).map_or_else(|| argument.clone(), |name| name.to_string_lossy().into_owned());
    match error.kind() {
        ErrorKind::MissingRequiredArgument => missing(arg, &name),
        _ => SettingsError::Invalid { name, reason: clap_error::reason(error) },
    }
}

fn missing(arg: Option<&Arg>, name: &str) -> SettingsError {
    let help = arg.and_then(Arg::get_help).map(ToString::to_string).unwrap_or_default();
    SettingsError::Missing { name: name.to_owned(), help }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<(FunctionSettings, Vec<Route>), SettingsError> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        FunctionSettings::from_variables(variables).now_or_never().expect("nobody is asked")
    }

    const LEAST: [(&str, &str); 2] = [("KINESIEVE_TRANSFORM", "t.cwasm"), ("KINESIEVE_OUTPUT", "none")];

    fn message(changes: &[(&str, &str)]) -> String {
        read(&[&LEAST, changes].concat()).expect_err("wrong settings").to_string()
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let (settings, routes) = read(&LEAST).expect("settings");
        assert_eq!(settings.common.event_timeout.as_secs(), 1);
        assert_eq!(settings.common.memory_limit.as_u64(), 128 << 20);
        assert_eq!(settings.only.deadline_reserve.as_secs(), 2);
        assert_eq!((settings.common.dead_letter(), routes.len()), (None, 0));
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let empty = [("KINESIEVE_DEAD_LETTER", ""), ("KINESIEVE_EVENT_TIMEOUT", ""), ("KINESIEVE_ROUTE_A", "")];
        let (settings, routes) = read(&[LEAST.as_slice(), &empty].concat()).expect("settings");
        assert_eq!((settings.common.dead_letter(), routes.len()), (None, 0));
    }

    #[test]
    fn an_unknown_variable_is_named_with_the_nearest_right_name() {
        assert_eq!(
            message(&[("KINESIEVE_DEADLETTER", "none")]),
            "unknown setting KINESIEVE_DEADLETTER: did you mean KINESIEVE_DEAD_LETTER?"
        );
        assert_eq!(message(&[("KINESIEVE_XYZ", "1")]), "unknown setting KINESIEVE_XYZ");
        read(&[LEAST.as_slice(), &[("KINESIS_ENDPOINT", "x")]].concat()).expect("another's variable");
    }

    #[test]
    fn a_bad_value_is_named_with_its_variable() {
        assert_eq!(
            message(&[("KINESIEVE_EVENT_TIMEOUT", "soon")]).split(" (").next(),
            Some("KINESIEVE_EVENT_TIMEOUT: invalid duration \"soon\"")
        );
        assert_eq!(
            message(&[("KINESIEVE_DEAD_LETTER", "nowhere")]),
            "KINESIEVE_DEAD_LETTER: invalid destination \"nowhere\": use the ARN of a Kinesis stream, a Firehose delivery \
             stream, an SQS queue, an SNS topic, an EventBridge event bus or an S3 bucket with a prefix, stdout, file:PATH or none"
        );
        assert!(message(&[("KINESIEVE_ROUTE_A", "x")]).starts_with("KINESIEVE_ROUTE_A: invalid destination \"x\""));
    }

    #[test]
    fn a_way_to_decode_or_to_pack_that_is_none_is_named_with_those_that_are() {
        let said = |name: &str, value: &str| message(&[(name, value)]);
        assert_eq!(
            said("KINESIEVE_DECODE", "brotli"),
            "KINESIEVE_DECODE: \"brotli\" is no decoder: use none, or one of auto, gzip, zlib, deflate, zstd, snappy, lz4, \
             base64, lines, cloudwatch-logs, cloudwatch-logs-full, or several with + between them (gzip+lines)"
        );
        assert!(
            said("KINESIEVE_DECODE", "lines+gzip").ends_with("lines makes several records of one, so write it last")
        );
        assert!(said("KINESIEVE_DECODE_OTHER", "drop").ends_with("invalid value \"drop\": use dead-letter or pass"));
        assert!(said("KINESIEVE_ENCODE", "auto").ends_with("invalid value \"auto\": use none, gzip, zlib or zstd"));
        assert!(
            said("KINESIEVE_PACK", "csv").ends_with("invalid value \"csv\": use none, lines, array or concatenate")
        );
        assert!(said("KINESIEVE_DECODE_LIMIT", "2GiB").ends_with("out of range: use 1KiB to 1GiB"));
        assert!(said("KINESIEVE_PACK_BYTES", "1MiB").ends_with("out of range: use 1KiB to 750KiB"));
        assert!(said("KINESIEVE_DEAGGREGATE", "yes").ends_with("invalid value \"yes\": use true or false"));
        assert!(said("KINESIEVE_PACK_RECORDS", "0").starts_with("KINESIEVE_PACK_RECORDS: "));
    }

    #[test]
    fn what_asks_for_a_target_that_is_not_there_is_a_contradiction() {
        let complaint = |changes: &[(&str, &str)]| {
            let (settings, routes) = read(&[&LEAST[..1], changes].concat()).expect("settings");
            let routes = settings.common.routes(&routes).expect("routes");
            settings.common.check(&routes).err().map(|error| error.to_string())
        };
        let stream = ("KINESIEVE_OUTPUT", "arn:aws:kinesis:eu-west-1:123456789012:stream/out");
        let (aggregate, pack, encode) =
            (("KINESIEVE_AGGREGATE", "true"), ("KINESIEVE_PACK", "lines"), ("KINESIEVE_ENCODE", "gzip"));
        assert_eq!(complaint(&[stream, aggregate, encode]), None);
        assert_eq!(complaint(&[stream, pack]), None);
        // A stream gets aggregates or packs, and an event is one object.
        assert_eq!(
            complaint(&[stream, pack, aggregate]).as_deref(),
            Some(
                "KINESIEVE_PACK applies to outputs for Firehose, SQS, SNS or S3, a file or standard output beside the \
                 aggregates of a stream, but no output goes there: set KINESIEVE_OUTPUT to one, or unset KINESIEVE_PACK"
            )
        );
        let bus = ("KINESIEVE_OUTPUT", "arn:aws:events:eu-west-1:123456789012:event-bus/out");
        assert_eq!(
            complaint(&[bus, pack]).as_deref(),
            Some(
                "KINESIEVE_PACK applies to outputs for Kinesis, Firehose, SQS, SNS or S3, a file or standard output (an event \
                 of EventBridge is one JSON object), but no output goes there: set KINESIEVE_OUTPUT to one, or unset \
                 KINESIEVE_PACK"
            )
        );
        let stdout = ("KINESIEVE_OUTPUT", "stdout");
        assert!(complaint(&[stdout, aggregate]).is_some_and(|said| said.contains("outputs for a Kinesis stream")));
        assert!(complaint(&[stdout, encode]).is_some_and(|said| said.contains("Kinesis, Firehose, SQS or SNS")));
        // A route is enough, and nowhere is where Firehose is answered.
        let route = ("KINESIEVE_ROUTE_A", "arn:aws:s3:::bucket/prefix");
        assert_eq!(complaint(&[bus, route, pack]), None);
        assert_eq!(complaint(&[stdout, pack]), None);
        assert_eq!(complaint(&[("KINESIEVE_OUTPUT", "none"), pack]), None);
    }

    #[test]
    fn large_dead_letters_have_a_prefix_of_their_own() {
        let complaint = |changes: &[(&str, &str)]| {
            let all = [&LEAST, changes, &[("KINESIEVE_DEAD_LETTER_LARGE", "arn:aws:s3:::bucket/large")]].concat();
            let (settings, routes) = read(&all).expect("settings");
            let routes = settings.common.routes(&routes).expect("routes");
            settings.common.check(&routes).err().map(|error| error.to_string())
        };
        let queue = ("KINESIEVE_DEAD_LETTER", "arn:aws:sqs:eu-west-1:123456789012:dead");
        assert_eq!(complaint(&[queue]), None);
        assert!(complaint(&[]).is_some_and(|said| said.ends_with("of dead letters as well")));
        for (name, place) in [
            ("KINESIEVE_ROUTE_A", "arn:aws:s3:::bucket/large/"),
            ("KINESIEVE_ROUTE_A", "arn:aws:s3:::bucket"),
            ("KINESIEVE_ROUTE_A", "arn:aws:s3:::bucket/large/a"),
        ] {
            let said = complaint(&[queue, (name, place)]).expect(place);
            let place = place.trim_end_matches('/');
            assert!(said.contains(place) && said.ends_with("a prefix of their own"), "{said}");
        }
        assert!(complaint(&[("KINESIEVE_DEAD_LETTER", "arn:aws:s3:::bucket/large/dead")]).is_some());
        assert_eq!(complaint(&[("KINESIEVE_DEAD_LETTER", "arn:aws:s3:::bucket/dead")]), None);
        let said = message(&[("KINESIEVE_DEAD_LETTER_LARGE", "stdout")]);
        assert_eq!(said, "KINESIEVE_DEAD_LETTER_LARGE: invalid S3 prefix \"stdout\": use arn:aws:s3:::BUCKET/PREFIX");
        assert!(message(&[("KINESIEVE_DEAD_LETTER_CUT", "no")]).ends_with("invalid value \"no\": use true or false"));
    }

    #[test]
    fn a_missing_setting_is_named_with_what_it_is_for() {
        let error = read(&LEAST[1..]).expect_err("no transform").to_string();
        assert!(error.starts_with("KINESIEVE_TRANSFORM is required: Path of the transform"), "{error}");
        let error = read(&LEAST[..1]).expect_err("no output").to_string();
        assert!(error.starts_with("KINESIEVE_OUTPUT is required: Destination of outputs"), "{error}");
    }

    #[test]
    fn a_route_takes_its_name_from_its_variable() {
        let (_, routes) =
            read(&[LEAST.as_slice(), &[("KINESIEVE_ROUTE_BIG_ORDERS", "stdout")]].concat()).expect("settings");
        assert_eq!(routes[0].name, "big-orders");
    }

    #[test]
    fn several_routes_fit_into_one_variable() {
        let several = ("KINESIEVE_ROUTES", "audit=stdout, big=arn:aws:s3:::bucket/prefix");
        let (settings, routes) =
            read(&[LEAST.as_slice(), &[several, ("KINESIEVE_ROUTE_SMALL", "none")]].concat()).expect("settings");
        let names: Vec<&str> = settings.common.routes(&routes).expect("routes").into_keys().collect();
        assert_eq!(names, ["audit", "big", "small"]);
        assert!(
            message(&[("KINESIEVE_ROUTES", "audit=stdout,big")]).starts_with("KINESIEVE_ROUTES: invalid route \"big\"")
        );
        let (settings, routes) =
            read(&[LEAST.as_slice(), &[several, ("KINESIEVE_ROUTE_BIG", "none")]].concat()).expect("settings");
        assert!(settings.common.routes(&routes).is_err(), "big is given twice");
    }
}
