//! `kinesieve doctor`: whether all is there that a deployment needs.

mod capacity;
mod finding;
mod fit;
mod mapping;
mod probe;
mod stream;
mod table;
mod targets;
mod transform;

use aws_sdk_sts::Client as Sts;
use aws_sdk_sts::error::ProvideErrorMetadata;
use bytesize::ByteSize;
use clap::Args;

use super::access::AccessFlags;
use super::error::CommandError;
use super::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, place, print_coloured, print_json};
use crate::aws::{causes, checked_config, with_remedy};
use crate::settings::{Arn, CheckpointSettings, FunctionOnly, Settings, Target, check_variables};
use crate::transform::CompileTarget as Machine;
use finding::{Finding, FindingStatus};

/// Check that everything a deployment needs is in place
///
/// Takes the function's settings, as flags or as environment variables, and checks with your credentials: whether the
/// stream, the destinations and the table exist and fit, whether each request of the function is permitted, whether
/// the transform loads for the function's architecture, and whether memory and timeout are sufficient. Nothing is
/// written anywhere: permissions are checked by requests that each service refuses for their content.
#[derive(Debug, Args)]
#[command(after_help = "\
The result holds for your credentials. To check the role of the function, assume it first (aws sts assume-role).

Exit codes:
  0  nothing is missing
  1  the command could not start
  2  wrong usage
  3  something is missing

Example:
  kinesieve doctor --transform transform.cwasm --stream arn:aws:kinesis:eu-west-1:123456789012:stream/in \\
    --output arn:aws:kinesis:eu-west-1:123456789012:stream/out --checkpoint-table positions --memory 512")]
pub(super) struct DoctorArguments {
    /// ARN of the stream that the function reads
    #[arg(long, value_name = "ARN")]
    stream: Arn,

    /// Name or ARN of the function, where it is deployed: looks at its event source mapping of the stream, which needs
    /// lambda:ListEventSourceMappings
    #[arg(long, value_name = "FUNCTION")]
    function: Option<String>,

    /// Architecture of the function: arm64 or x86_64
    #[arg(long, value_name = "ARCHITECTURE", default_value = "arm64")]
    architecture: Machine,

    /// Memory of the function, in MB
    #[arg(long, value_name = "MB", default_value = "512", value_parser = clap::value_parser!(u64).range(128..=10_240))]
    memory: u64,

    /// Timeout of the function, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=900))]
    timeout: u64,

    /// Batch size of the event source mapping
    #[arg(long, value_name = "RECORDS", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_size: u32,

    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    checkpoint: CheckpointSettings,

    #[command(flatten)]
    only: FunctionOnly,
}

impl DoctorArguments {
    /// How AWS is reached, and how the table is.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.settings.access, table: Some(self.checkpoint.access()) }
    }

    /// The settings, for a connector file to add to.
    pub(super) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

pub(super) fn doctor(arguments: &DoctorArguments) -> Result<u8, CommandError> {
    let routes_from_variables = check_variables(std::env::vars_os())?;
    let settings = &arguments.settings;
    let routes = settings.routes(&routes_from_variables)?;
    settings.check(&routes)?;
    arguments.checkpoint.check()?;
    stream::check_arn(&arguments.stream)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = DoctorReporter { json: arguments.json, is_something_missing: false };

    settings.insist_on_transform()?;
    let settings = &place::with_component(settings)?;
    report.say(&transform::check(settings, arguments.architecture))?;
    let size = fit::FunctionSize {
        memory: ByteSize::mib(arguments.memory),
        timeout: std::time::Duration::from_secs(arguments.timeout),
        batch_size: arguments.batch_size,
    };
    report.say(&fit::check(settings, &arguments.checkpoint, &arguments.only, size))?;
    runtime.block_on(async {
        let (who, account) = identity(&arguments.stream).await;
        let is_known = matches!(who.verdict, FindingStatus::Fine);
        report.say(&[who])?;
        if !is_known {
            // Each of the rest would take its time to say the same.
            return Ok(());
        }
        let stream = stream::check(&arguments.stream).await;
        report.say(&stream.findings)?;
        if let Some(function) = &arguments.function {
            let batch_size = arguments.batch_size;
            let query = mapping::MappingQuery { function, stream: &arguments.stream, batch_size };
            report.say(&mapping::check(&query).await)?;
        }
        let output = ("output".to_owned(), settings.output.as_ref().unwrap_or(&Target::Stdout));
        let of_routes = routes.iter().map(|(name, target)| (format!("route {name}"), *target));
        let dead_letter = settings.dead_letter().map(|target| ("dead letters".to_owned(), target));
        let large = settings.dead_letter_large.clone().map(Target::bucket);
        let large = large.as_ref().map(|target| ("large dead letters".to_owned(), target));
        for (role, target) in std::iter::once(output).chain(of_routes).chain(dead_letter).chain(large) {
            report.say(&targets::check(&role, target).await)?;
            report.say(targets::leads_back(&role, target, &arguments.stream).as_slice())?;
        }
        if let Some(finding) = capacity::check(settings, stream.largest_record).await {
            report.say(&[finding])?;
        }
        if let Some(name) = &arguments.checkpoint.table {
            let reads = arguments.checkpoint.skip_acknowledged || settings.max_attempts.is_some();
            let table = table::TableQuery { name, stream: &arguments.stream, account: &account, reads };
            report.say(&table::check(&table, arguments.checkpoint.create).await)?;
        }
        Ok::<(), CommandError>(())
    })?;
    Ok(if report.is_something_missing { NOT_ACKNOWLEDGED } else { ALL_ACKNOWLEDGED })
}

/// Whose credentials are at hand, and their account.
async fn identity(stream: &Arn) -> (Finding, String) {
    let config = match checked_config(Some(&stream.region)).await {
        Ok(config) => config,
        Err(error) => return (Finding::missing("credentials", error.to_string()), String::new()),
    };
    let client = Sts::new(&config);
    match client.get_caller_identity().send().await {
        Ok(who) => {
            let name = who.arn.unwrap_or_default();
            (Finding::fine(format!("credentials: {name}")), who.account.unwrap_or_default())
        }
        Err(error) => {
            let code = error.code().unwrap_or_default();
            let reason = match (code, error.message()) {
                ("", _) => causes(&error),
                (code, None) => code.to_owned(),
                (code, Some(message)) => format!("{code}: {message}"),
            };
            (Finding::missing("credentials", with_remedy(reason, code)), String::new())
        }
    }
}

/// Says what is found, as it is found: some requests take their time.
struct DoctorReporter {
    json: bool,
    is_something_missing: bool,
}

impl DoctorReporter {
    fn say(&mut self, findings: &[Finding]) -> Result<(), CommandError> {
        for finding in findings {
            self.is_something_missing |= matches!(finding.verdict, FindingStatus::Missing { .. });
            if self.json {
                print_json(&(serde_json::to_string(&finding.object())? + "\n"))?;
            } else {
                print_coloured(&format_args!("{finding}\n"))?;
            }
        }
        Ok(())
    }
}
