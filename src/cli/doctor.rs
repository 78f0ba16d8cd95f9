//! `kinesieve doctor`: whether all is there that a deployment needs.

mod caller;
mod capacity;
mod consumer;
mod finding;
mod fit;
mod mapping;
mod permission;
mod probe;
mod role;
mod stream;
mod table;
mod targets;
mod transform;

use bytesize::ByteSize;
use clap::Args;

use super::access::AccessFlags;
use super::error::CommandError;
use super::run::ReadSharing;
use super::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, place, print_coloured, print_json};
use crate::aws::{Reach, Reaches, checked_config};
use crate::settings::{
    Arn, CheckpointSettings, FunctionOnly, Settings, StreamName, Target, check_variables, reach_services_by, role_arn,
};
use crate::source::live::ConsumerName;
use crate::transform::CompileTarget as Machine;
use finding::{Finding, FindingStatus};
use permission::Permission;
use role::Asked;

/// Check that everything a deployment needs is in place
///
/// Takes the function's settings, as flags or as environment variables, and checks with your credentials: whether the
/// stream, the destinations and the table exist and fit, whether each request of the function is permitted, whether
/// the transform loads for the function's architecture, and whether memory and timeout are sufficient. Nothing is
/// written anywhere: permissions are checked by requests that each service refuses for their content.
#[derive(Debug, Args)]
#[command(after_help = "\
The result holds for your credentials. With --as it holds for the role of the function: that is assumed where its trust policy
lets you, and else IAM is asked what it may do, which takes iam:SimulatePrincipalPolicy.

Exit codes:
  0  nothing is missing
  1  the command could not start
  2  wrong usage
  3  something is missing

Example:
  kinesieve doctor --transform transform.cwasm --stream arn:aws:kinesis:eu-west-1:123456789012:stream/in \\
    --output arn:aws:kinesis:eu-west-1:123456789012:stream/out --checkpoint-table positions --memory 512")]
pub(super) struct DoctorArguments {
    /// Stream that the function reads: its ARN, or its name in the region and the account at hand; several are separated by commas
    // In a connector file, they are the input.
    #[arg(long, alias = "input", value_name = "STREAM")]
    stream: String,

    /// How the event source mapping reads: shared or enhanced
    #[arg(long, value_enum, default_value = "shared")]
    mode: ReadSharing,

    /// Consumer of enhanced fan-out, its name or its ARN [default: the stack registers one]
    #[arg(long, visible_alias = "consumer-name", value_name = "NAME|ARN")]
    consumer: Option<ConsumerName>,

    /// ARN of the function's role: what it may do, and not what you may
    #[arg(long = "as", value_name = "ROLE", value_parser = role_arn)]
    role: Option<Arn>,

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
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
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
    let names = stream::names(&arguments.stream)?;
    let reaches = arguments.access().reaches()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report =
        DoctorReporter { json: arguments.json, is_something_missing: false, asks_iam: false, permissions: Vec::new() };

    let region = names.iter().find_map(StreamName::region);
    if let Some(role) = &arguments.role {
        match runtime.block_on(role::assume(role, &reaches.common, region)) {
            Asked::Itself(by_role) => {
                let table = Reach {
                    credentials: by_role.credentials.clone(),
                    role: by_role.role.clone(),
                    ..reaches.table.clone()
                };
                reach_services_by(Reaches { common: by_role, table, ..reaches });
            }
            Asked::Iam { reason } => {
                report.asks_iam = true;
                reach_services_by(reaches);
                let what = format!("the role {role} was not assumed, and IAM is asked what it may do");
                report.say(&[Finding::unknown(what, reason)])?;
            }
        }
    } else {
        reach_services_by(reaches);
    }
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
        let Some((caller, region)) = identity(region, &mut report).await? else {
            // Each of the rest would take its time to say the same.
            return Ok(());
        };
        let streams: Vec<Arn> = names.iter().map(|name| stream::arn(name, &caller, &region)).collect();
        let mut largest_record = None;
        for stream in &streams {
            largest_record = arguments.check_stream(stream, &mut report).await?.max(largest_record);
        }
        let output = ("output".to_owned(), settings.output.as_ref().unwrap_or(&Target::Stdout));
        let of_routes = routes.iter().map(|(name, target)| (format!("route {name}"), *target));
        let dead_letter = settings.dead_letter().map(|target| ("dead letters".to_owned(), target));
        let large = settings.dead_letter_large.clone().map(Target::bucket);
        let large = large.as_ref().map(|target| ("large dead letters".to_owned(), target));
        for (role, target) in std::iter::once(output).chain(of_routes).chain(dead_letter).chain(large) {
            report.say(&targets::check(&role, target).await)?;
            for stream in &streams {
                report.say(targets::leads_back(&role, target, stream).as_slice())?;
            }
        }
        if let Some(finding) = capacity::check(settings, largest_record).await {
            report.say(&[finding])?;
        }
        if let (Some(name), Some(stream)) = (&arguments.checkpoint.table, streams.first()) {
            let reads = arguments.checkpoint.skip_acknowledged || settings.max_attempts.is_some();
            let table = table::TableQuery { name, stream, account: &caller.account, reads };
            report.say(&table::check(&table, arguments.checkpoint.create).await)?;
        }
        if let Some(role) = arguments.role.as_ref().filter(|_| report.asks_iam) {
            let permissions = std::mem::take(&mut report.permissions);
            report.asks_iam = false;
            report.say(&role::simulate(role, &permissions).await)?;
        }
        Ok::<(), CommandError>(())
    })?;
    Ok(if report.is_something_missing { NOT_ACKNOWLEDGED } else { ALL_ACKNOWLEDGED })
}

impl DoctorArguments {
    /// Checks a stream and how it is read, and returns the bytes of the largest record that it takes, where it says that.
    async fn check_stream(&self, stream: &Arn, report: &mut DoctorReporter) -> Result<Option<u64>, CommandError> {
        let found = stream::check(stream).await;
        report.say(&found.findings)?;
        if self.mode == ReadSharing::Enhanced {
            report.say(&consumer::check(stream, self.consumer.as_ref()).await)?;
        }
        if let Some(function) = &self.function {
            let query = mapping::MappingQuery { function, stream, batch_size: self.batch_size };
            report.say(&mapping::check(&query).await)?;
        }
        Ok(found.largest_record)
    }
}

/// Says whose credentials are at hand, and returns that and the region; none: there are none.
async fn identity(
    region: Option<&str>,
    report: &mut DoctorReporter,
) -> Result<Option<(caller::Caller, String)>, CommandError> {
    let config = match checked_config(region).await {
        Ok(config) => config,
        Err(error) => {
            report.say(&[Finding::missing("credentials", error.to_string())])?;
            return Ok(None);
        }
    };
    match caller::caller(&config).await {
        Ok(caller) => {
            report.say(&[Finding::fine(format!("credentials: {}", caller.name))])?;
            let region = config.region().map(ToString::to_string).unwrap_or_default();
            Ok(Some((caller, region)))
        }
        Err(reason) => {
            report.say(&[Finding::missing("credentials", reason)])?;
            Ok(None)
        }
    }
}

/// Says what is found, as it is found: some requests take their time.
struct DoctorReporter {
    json: bool,
    is_something_missing: bool,
    /// Whether what is found of permissions is that of others, and IAM is asked in its place, at the end.
    asks_iam: bool,
    /// What it is asked about.
    permissions: Vec<Permission>,
}

impl DoctorReporter {
    fn say(&mut self, findings: &[Finding]) -> Result<(), CommandError> {
        for finding in findings {
            if let Some(permission) = finding.permission.as_ref().filter(|_| self.asks_iam) {
                self.permissions.push(permission.clone());
                continue;
            }
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
