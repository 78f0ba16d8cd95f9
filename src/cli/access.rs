//! Whether requests to AWS can be signed, found out before anything moves: later it would look like a service that can't
//! be reached, once for each request.

use super::error::CommandError;
use super::say;
use crate::aws::{AccessError, Reaches, checked_config_for, doubt_region, has_own_role};
use crate::settings::{
    AccessSettings, Arn, Route, Settings, SettingsError, TableAccessSettings, TableName, Target, reach_services_by,
};

/// How a command reaches AWS.
#[derive(Debug, Clone, Copy)]
pub(super) struct AccessFlags<'a> {
    /// The streams, and all that has no access of its own.
    pub(super) all: &'a AccessSettings,
    /// The checkpoint table, and which it is.
    pub(super) table: Option<(&'a TableAccessSettings, Option<&'a TableName>)>,
}

impl AccessFlags<'_> {
    /// Makes all clients of the process reach AWS like this.
    ///
    /// # Errors
    /// When the settings contradict each other.
    pub(super) fn choose(self) -> Result<(), SettingsError> {
        let reaches = self.reaches()?;
        reach_services_by(reaches);
        Ok(())
    }

    /// Says how AWS is reached. A region that is not known is doubted, and used.
    ///
    /// # Errors
    /// When the settings contradict each other.
    pub(super) fn reaches(self) -> Result<Reaches, SettingsError> {
        let reaches = self.all.reaches(self.table)?;
        let of_environment = || std::env::var("AWS_REGION").ok().filter(|region| !region.is_empty());
        let region = self.all.region.clone().filter(|region| !region.is_empty()).or_else(of_environment);
        let of_table = self.table.and_then(|(table, _)| table.region.clone()).filter(|region| !region.is_empty());
        region.iter().chain(&of_table).for_each(|region| say_doubt_of(region));
        Ok(reaches)
    }
}

/// Says of a region that is not known what is to be said of it.
fn say_doubt_of(region: &str) {
    if let Some(doubt) = doubt_region(region) {
        say(&format_args!("kinesieve: {doubt}"));
    }
}

/// Says of an error what it is that can't be asked, and how else its region can be said.
pub(super) fn error(error: AccessError, what: &str, or: &str) -> CommandError {
    let code = error.code();
    match error {
        AccessError::NoRegion(asked) => {
            let message = format!("nobody says in which region {what} is: set AWS_REGION or --region{or}; {asked}");
            CommandError::new(code, message)
        }
        AccessError::NoCredentials(message) => CommandError::new(code, message),
    }
}

/// The places in AWS that a run writes to by these settings.
///
/// # Errors
/// When the routes contradict each other.
pub(super) fn written<'a>(settings: &'a Settings, routes: &'a [Route]) -> Result<Vec<&'a Arn>, SettingsError> {
    let routes = settings.routes(routes)?;
    let targets = settings.output.iter().chain(settings.dead_letter()).chain(routes.into_values());
    let arns = targets.filter_map(|target| match target {
        Target::Aws(destination) => Some(destination.arn()),
        Target::Stdout | Target::None | Target::Discard | Target::File(_) => None,
    });
    Ok(arns.chain(&settings.dead_letter_large).collect())
}

/// Checks that requests to these places can be signed, by the role of each that has one of its own, and that somebody says
/// the region of those whose ARN does not. Where there are none, nobody is asked.
///
/// # Errors
/// With one line that names the places where region or credentials were looked for, and the remedy.
pub(super) async fn check(places: &[&Arn]) -> Result<(), CommandError> {
    let (own, common): (Vec<&Arn>, Vec<&Arn>) = places.iter().copied().partition(|place| has_own_role(place));
    let mut regions: Vec<&str> =
        places.iter().map(|place| place.region.as_str()).filter(|region| !region.is_empty()).collect();
    regions.sort_unstable();
    regions.dedup();
    regions.into_iter().for_each(say_doubt_of);
    let of_all = common.iter().find(|arn| arn.region.is_empty()).or(common.first());
    for place in of_all.into_iter().chain(&own) {
        let checked = checked_config_for(place).await;
        checked.map(drop).map_err(|refused| error(refused, &place.to_string(), ""))?;
    }
    Ok(())
}
