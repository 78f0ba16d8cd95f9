//! From a connector file to the parameters of the template that deploys the function.

use std::time::Duration;

use clap::CommandFactory;
use serde_json::{Map, Value};

use crate::connector::{ConnectorFile, Given};
use crate::settings::{FunctionSettings, StreamName};
use crate::source::live::{StartPosition, StreamPlace};

/// The template for a function behind a stream.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Settings of a run that the event source mapping has by another name, with the same values.
const OF_THE_MAPPING: &[(&str, &str)] = &[
    ("batch-size", "BatchSize"),
    ("bisect", "BisectBatchOnFunctionError"),
    ("max-retry-attempts", "MaximumRetryAttempts"),
    ("on-failure", "OnFailure"),
];

/// The same, in whole seconds.
const IN_SECONDS: &[(&str, &str)] = &[
    ("batch-window", "BatchingWindowSeconds"),
    ("max-record-age", "MaximumRecordAgeSeconds"),
    ("tumbling-window", "TumblingWindow"),
];

/// Why credentials have none ...
const OWN_ROLE: &str = "credentials of a function are those of its role";

/// ... and addresses.
const OWN_NETWORK: &str = "a function reaches the services of its own region";

/// ... and options of connections.
const OWN_CONNECTIONS: &str =
    "a function reaches the services of its own region in milliseconds, and its connections rest with it";

/// Why there is no parameter for how processes share shards out.
const OWN_SHARDS: &str = "Lambda shares the shards out itself";

/// Settings without a parameter, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("arrived-at", "records of a stream arrived when it says"),
    ("balance", OWN_SHARDS),
    ("batch-bytes", "an event source mapping bounds its batches by BatchSize, and by 6 MB"),
    ("batch-check", "an event source mapping ends its batches by size and by time"),
    ("case", "it is for trying a transform"),
    ("client-id", OWN_SHARDS),
    ("drain-timeout", OWN_SHARDS),
    ("lease-period", OWN_SHARDS),
    ("rebalance-period", OWN_SHARDS),
    ("steal-grace-period", OWN_SHARDS),
    ("checkpoint-credentials-from-ec2-role", OWN_ROLE),
    ("checkpoint-credentials-id", OWN_ROLE),
    ("checkpoint-credentials-profile", OWN_ROLE),
    ("checkpoint-credentials-role", OWN_ROLE),
    ("checkpoint-credentials-role-external-id", OWN_ROLE),
    ("checkpoint-credentials-secret", OWN_ROLE),
    ("checkpoint-credentials-token", OWN_ROLE),
    ("checkpoint-endpoint-url", OWN_NETWORK),
    ("checkpoint-tcp-connect-timeout", OWN_CONNECTIONS),
    ("checkpoint-tcp-keep-alive-count", OWN_CONNECTIONS),
    ("checkpoint-tcp-keep-alive-idle", OWN_CONNECTIONS),
    ("checkpoint-tcp-keep-alive-interval", OWN_CONNECTIONS),
    ("checkpoint-tcp-user-timeout", OWN_CONNECTIONS),
    ("checkpoint-region", "name the table by its ARN as CheckpointTable"),
    ("credentials-from-ec2-role", OWN_ROLE),
    ("credentials-id", OWN_ROLE),
    ("credentials-role", OWN_ROLE),
    ("credentials-role-external-id", OWN_ROLE),
    ("credentials-secret", OWN_ROLE),
    ("credentials-token", OWN_ROLE),
    ("endpoint-url", OWN_NETWORK),
    ("force", "a deployment has no checks of a run to override"),
    ("from-stream", "it is for descriptions of given-up records in a file"),
    ("input-format", "it is for files"),
    ("json", "the function's log is JSON"),
    ("log-format", "the function's log is JSON"),
    ("max-in-flight", "Lambda sends the next batch of a shard when this one is settled: BatchSize is the bound"),
    ("or", "an event source mapping starts each shard at StartingPosition, whatever rows there are"),
    ("patience", "Lambda tries again until the records expire; see MaximumRetryAttempts"),
    ("prometheus", "the function's metrics are in its log, by the parameter Metrics"),
    ("profile", OWN_ROLE),
    ("reads-per-second", "Lambda decides how often it reads"),
    ("region", "the function is in the region that it is deployed to"),
    ("shards", "it says what a person sees of a run"),
    ("show", "it says what a person sees of a run"),
    ("tcp-connect-timeout", OWN_CONNECTIONS),
    ("tcp-keep-alive-count", OWN_CONNECTIONS),
    ("tcp-keep-alive-idle", OWN_CONNECTIONS),
    ("tcp-keep-alive-interval", OWN_CONNECTIONS),
    ("tcp-user-timeout", OWN_CONNECTIONS),
    ("to-checkpoint", "the function writes its positions whenever there is a CheckpointTable"),
    ("transform", "it is in the package: `kinesieve package`, or TRANSFORM=... sam build"),
    ("until", "a function has no end"),
];

/// What a deployment has of a connector file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Each parameter with its value.
    pub(super) values: Map<String, Value>,
    /// What has no counterpart: the flag, and why.
    pub(super) left_out: Vec<(String, String)>,
}

/// Returns the parameters that say what a file says.
pub(super) fn parameters(file: &ConnectorFile) -> Parameters {
    let mut parameters = Parameters::default();
    for given in file.given() {
        match of(given) {
            Ok(values) => {
                for (name, value) in values {
                    parameters.values.insert(name, value.into());
                }
            }
            Err(reason) => parameters.left_out.push((given.flag.clone(), reason)),
        }
    }
    for (flag, written) in file.unresolved() {
        let reason = format!("{written} is looked up at the start: write its value, or put the file into the package");
        parameters.left_out.push((flag.to_owned(), reason));
    }
    parameters
}

/// The parameters of a setting; else why it has none.
fn of(given: &Given) -> Result<Vec<(String, String)>, String> {
    let flag = given.flag.as_str();
    let value = given.values.join(",");
    let one = |name: &str, value: String| Ok(vec![(name.to_owned(), value)]);
    if flag == "transform" && value == "none" {
        return one("Transform", value);
    }
    if let Some((_, reason)) = WITHOUT.iter().find(|(name, _)| *name == flag) {
        return Err((*reason).to_owned());
    }
    if let Some((_, name)) = OF_THE_MAPPING.iter().find(|(name, _)| *name == flag) {
        return one(name, value);
    }
    if let Some((_, name)) = IN_SECONDS.iter().find(|(name, _)| *name == flag) {
        let length = humantime::parse_duration(&value).unwrap_or_default();
        return one(name, up_to_seconds(length).to_string());
    }
    match flag {
        "assume-role" => Ok(vec![
            ("AssumeRoles".to_owned(), value),
            ("AssumableRoleArns".to_owned(), assumed(&given.values).join(",")),
        ]),
        "checkpoint-capacity" if value == "PAY_PER_REQUEST" => one("CheckpointCapacity", "on-demand".to_owned()),
        "input" => streams(&value),
        "from" => start(&value),
        "mode" => one("EnhancedFanOut", (value != "shared").to_string()),
        "consumer" if value.starts_with("arn:") => one("ConsumerArn", value),
        "consumer" => one("ConsumerName", value),
        "output" | "dead-letter" if !is_in_aws(&value) => {
            Err(format!("{value} is on this machine: name the ARN of a destination"))
        }
        "route" => {
            match given.values.iter().find(|route| !route.split_once('=').is_some_and(|(_, target)| is_in_aws(target)))
            {
                Some(route) => Err(format!("{route} is on this machine: name the ARN of a destination")),
                None => one("Routes", value),
            }
        }
        flag => {
            let variable = FunctionSettings::command()
                .get_arguments()
                .find(|arg| arg.get_long() == Some(flag))
                .and_then(|arg| Some(arg.get_env()?.to_str()?.to_owned()));
            let name = variable.as_deref().and_then(|variable| parameter(TEMPLATE, variable));
            name.map_or_else(|| Err("the template has no parameter for it".to_owned()), |name| one(name, value))
        }
    }
}

/// Whether a function can deliver there.
fn is_in_aws(target: &str) -> bool {
    target.starts_with("arn:") || target == "none"
}

/// The ARNs of the roles that destinations are reached by, each once.
fn assumed(roles: &[String]) -> Vec<&str> {
    let behind_the_sign = |role: &'_ String| role.rfind("=arn:").map(|sign| sign + 1);
    let mut arns: Vec<&str> =
        roles.iter().filter_map(|role| role.get(behind_the_sign(role)?..)?.split('#').next()).collect();
    arns.sort_unstable();
    arns.dedup();
    arns
}

/// As many streams as the template has mappings for.
const MOST_STREAMS: usize = 5;

/// The streams of the mappings, one each.
fn streams(input: &str) -> Result<Vec<(String, String)>, String> {
    let arns = input.split(',').map(stream).collect::<Result<Vec<String>, String>>()?;
    if arns.len() > MOST_STREAMS {
        return Err(format!(
            "a deployment has {MOST_STREAMS} streams at most, and these are {}: deploy once more for the others",
            arns.len()
        ));
    }
    let Some((first, more)) = arns.split_first() else { return Ok(Vec::new()) };
    let mut parameters = vec![("StreamArn".to_owned(), first.clone())];
    if !more.is_empty() {
        parameters.push(("MoreStreamArns".to_owned(), more.join(",")));
    }
    Ok(parameters)
}

/// The stream of a mapping.
fn stream(input: &str) -> Result<String, String> {
    match input.parse::<StreamPlace>() {
        Ok(StreamPlace { shard: Some(_), .. }) => {
            Err("an event source mapping reads all shards: name the stream alone".to_owned())
        }
        Ok(StreamPlace { stream: StreamName::Arn(arn), .. }) => Ok(arn.to_string()),
        Ok(StreamPlace { stream: StreamName::Open(arn), .. }) => {
            Err(format!("StreamArn takes a whole ARN, and {arn} leaves its region or its account open"))
        }
        _ => Err(format!(
            "StreamArn takes an ARN, and {} is a name: `kinesieve streams` or `aws kinesis describe-stream-summary` has it",
            input.trim_start_matches("stream:")
        )),
    }
}

fn start(value: &str) -> Result<Vec<(String, String)>, String> {
    let position = |name: &str| ("StartingPosition".to_owned(), name.to_owned());
    match value.parse::<StartPosition>() {
        Ok(StartPosition::TrimHorizon) => Ok(vec![position("TRIM_HORIZON")]),
        Ok(StartPosition::Latest) => Ok(vec![position("LATEST")]),
        Ok(StartPosition::AtTimestamp(time)) => {
            let time = ("StartingPositionTimestamp".to_owned(), in_seconds(time));
            Ok(vec![position("AT_TIMESTAMP"), time])
        }
        _ => Err(format!(
            "an event source mapping starts at TRIM_HORIZON, LATEST or AT_TIMESTAMP, and {value} is none of them: with \
             SkipAcknowledged, what a CheckpointTable has is left out"
        )),
    }
}

/// A time as CloudFormation takes it: seconds, with milliseconds behind the point.
fn in_seconds(milliseconds: u64) -> String {
    match milliseconds % 1000 {
        0 => (milliseconds / 1000).to_string(),
        rest => format!("{}.{rest:03}", milliseconds / 1000),
    }
}

/// Whole seconds, no fewer than the length has.
fn up_to_seconds(length: Duration) -> u64 {
    length.as_secs() + u64::from(length.subsec_nanos() > 0)
}

/// The parameter that a template hands on as a variable: the last one that the variable's value refers to, which stands behind
/// its name or on the line below.
pub(crate) fn parameter<'a>(template: &'a str, variable: &str) -> Option<&'a str> {
    let mut lines = template.lines().map(str::trim);
    let value = loop {
        let rest = lines.next()?.strip_prefix(variable).and_then(|rest| rest.strip_prefix(':'));
        match rest.map(str::trim) {
            Some("") => break lines.next()?,
            Some(value) => break value,
            None => {}
        }
    };
    let (_, reference) = value.rsplit_once("!Ref ")?;
    reference.split([']', ',', ' ']).next()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::connector_keys;

    #[test]
    fn a_parameter_is_found_also_behind_a_condition() {
        let template = "          A: !Ref First\n          B: !If [Makes, !GetAtt Q.Arn, !Ref Second]\n          C: /var/task\n          E:\n            !If [Makes, !Ref Third, \"\"]\n";
        assert_eq!(parameter(template, "A"), Some("First"));
        assert_eq!(parameter(template, "B"), Some("Second"));
        assert_eq!(parameter(template, "C"), None);
        assert_eq!(parameter(template, "D"), None);
        assert_eq!(parameter(template, "E"), Some("Third"));
    }

    fn of_text(text: &str) -> Parameters {
        parameters(&ConnectorFile::of(Path::new("c.yaml"), text, &connector_keys()).expect(text))
    }

    #[test]
    fn a_setting_is_a_parameter_or_it_is_said_why_not() {
        let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/in";
        let text = format!(
            "streams: ['{arn}']\nfrom: at-timestamp=2026-11-20T00:00:00.5Z\nbatch_size: 500\nbatch_window: 1500ms\n\
             mode: enhanced\nconsumer: c\nbisect: true\noutput: '{arn}'\nroutes: {{a: '{arn}'}}\nmax_attempts: 5\n\
             transform: t.wasm\npatience: 1m\ncheckpoint: {{table: positions}}\ntransform_settings: {{below: 10}}\n"
        );
        let Parameters { values, left_out } = of_text(&text);
        let expected = serde_json::json!({
            "StreamArn": arn, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": "1795132800.500",
            "BatchSize": "500", "BatchingWindowSeconds": "2", "EnhancedFanOut": "true", "ConsumerName": "c",
            "BisectBatchOnFunctionError": "true", "Output": arn, "Routes": format!("a={arn}"), "MaxAttempts": "5",
            "CheckpointTable": "positions", "TransformSettings": "{\"below\":\"10\"}",
        });
        assert_eq!(Value::Object(values), expected);
        let flags: Vec<&str> = left_out.iter().map(|(flag, _)| flag.as_str()).collect();
        assert_eq!(flags, ["transform", "patience"]);
        let Parameters { values, .. } = of_text(&format!("streams: ['{arn}', '{arn}-2,{arn}-3']\n"));
        let expected = serde_json::json!({"StreamArn": arn, "MoreStreamArns": format!("{arn}-2,{arn}-3")});
        assert_eq!(Value::Object(values), expected);
        let Parameters { values, .. } =
            of_text("dynamodb: {table: positions, create: true, billing_mode: PAY_PER_REQUEST}\n");
        let expected = serde_json::json!({
            "CheckpointTable": "positions", "CheckpointCreate": "true", "CheckpointCapacity": "on-demand",
        });
        assert_eq!(Value::Object(values), expected);
        let role = "arn:aws:iam::222222222222:role/deliver";
        let roles = format!("assume_roles: {{'arn:aws:sqs:': '{role}#e', 'arn:aws:s3:::b': '{role}'}}\n");
        let Parameters { values, .. } = of_text(&roles);
        assert_eq!(values["AssumableRoleArns"], role);
        assert_eq!(values["AssumeRoles"], format!("arn:aws:sqs:={role}#e,arn:aws:s3:::b={role}"));
        let consumer = format!("{arn}/consumer/c:1545084650");
        let Parameters { values, .. } = of_text(&format!("mode: extended\nconsumer_arn: '{consumer}'\n"));
        let expected = serde_json::json!({"EnhancedFanOut": "true", "ConsumerArn": consumer});
        assert_eq!(Value::Object(values), expected);
    }

    #[test]
    fn what_a_function_can_t_do_is_said() {
        for (text, said) in [
            ("output: stdout", "is on this machine"),
            ("dead_letter: file:dead.ndjson", "is on this machine"),
            ("routes: {a: none, b: stdout}", "b=stdout is on this machine"),
            ("stream: readings", "StreamArn takes an ARN"),
            ("streams: [a, b]", "a is a name"),
            ("streams: [ARN1, ARN2, ARN3, ARN4, ARN5, ARN6]", "5 streams at most"),
            ("stream: 'arn:aws:kinesis:eu-west-1:123456789012:stream/a:0'", "reads all shards"),
            ("stream: 'arn:aws:kinesis:*:123456789012:stream/a'", "leaves its region or its account open"),
            ("from: checkpoint", "none of them"),
        ] {
            let text = &text.replace("ARN", "arn:aws:kinesis:eu-west-1:123456789012:stream/s");
            let Parameters { values, left_out } = of_text(text);
            assert!(values.is_empty() && left_out[0].1.contains(said), "{text}: {left_out:?}");
        }
    }

    /// Whoever adds a setting gives it a parameter, or says here why it has none.
    #[test]
    fn every_setting_is_known_here_and_every_parameter_is_one_of_the_template() {
        for arg in connector_keys().all() {
            let flag = crate::connector::name(arg).expect("a flag");
            let value = match flag {
                "input" | "output" | "dead-letter" | "on-failure" => "arn:aws:kinesis:eu-west-1:123456789012:stream/in",
                "route" => "a=none",
                "from" => "at-timestamp=2026-11-20",
                _ => "1s",
            };
            let given = Given {
                elsewhere: None,
                flag: flag.to_owned(),
                values: vec![value.to_owned()],
                place: crate::connector::Place { line: 1, column: 1 },
            };
            match of(&given) {
                Ok(values) => {
                    for (name, _) in values {
                        assert!(TEMPLATE.contains(&format!("\n  {name}:\n    Type: ")), "{flag}: no parameter {name}");
                    }
                }
                Err(reason) => {
                    let is_known = WITHOUT.iter().any(|(name, _)| *name == flag) || flag == "input";
                    assert!(is_known, "{flag}: {reason}");
                }
            }
        }
    }
}
