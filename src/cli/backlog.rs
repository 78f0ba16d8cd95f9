//! What `redrive` and `rescue` have in common: something was put aside, is read from there, and goes through a transform again.

use super::output_fate::OutputFate;
use crate::settings::{Route, Settings, SettingsError, Target};

/// Whether what is done counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunMode {
    Really,
    DryRun,
}

/// What was put aside, and how it is run again.
#[derive(Debug)]
pub(super) struct Backlog<'a> {
    /// Where it is read from, for a person.
    pub(super) from: String,
    /// What it is, for a person.
    pub(super) noun: &'static str,
    /// Whether it is deleted there once it is acknowledged.
    pub(super) is_taken_away: bool,
    pub(super) mode: RunMode,
    /// Whether standard output says what became of each.
    pub(super) json: bool,
    /// As they were given.
    pub(super) settings: &'a Settings,
}

impl Backlog<'_> {
    /// The settings, with what is different here: what comes from a queue is deleted from it, and may be all that there is
    /// of its event, so that nothing is cut; and where there are no new dead letters, large ones are only read.
    pub(super) fn settings(&self) -> Settings {
        let mut settings = self.settings.clone();
        settings.dead_letter_cut = false;
        if settings.dead_letter().is_none() {
            settings.dead_letter_large = None;
        }
        settings
    }

    /// Checks that nothing is written to where it is read from: it would never end, or mix what is told apart. Nor may
    /// outputs and what is said of each mix on standard output, or the only copy of something go there by default.
    pub(super) fn check(&self, routes: &[Route], overlaps: impl Fn(&Target) -> bool) -> Result<(), SettingsError> {
        let Self { from, noun, .. } = self;
        let settings = &self.settings();
        let of_routes = settings.routes(routes)?;
        let large = settings.dead_letter_large.clone().map(Target::bucket);
        let targets = settings.output.iter().chain(settings.dead_letter()).chain(of_routes.into_values());
        if let Some(target) = targets.chain(&large).find(|target| overlaps(target)) {
            return Err(SettingsError::Contradiction(format!(
                "{target} and the {noun} of --from {from} would mix: name another place to write to"
            )));
        }
        if settings.dead_letter() == Some(&Target::Discard) {
            return Err(SettingsError::Contradiction(format!(
                "KINESIEVE_DEAD_LETTER=discard would give up {noun} that fail once more, and no stream need have them any \
                 longer: name another destination, or none"
            )));
        }
        if settings.output.is_none() && self.is_taken_away && self.mode == RunMode::Really {
            return Err(SettingsError::Contradiction(format!(
                "what is delivered is deleted from {from}: say with --output where it is to go, and be it stdout"
            )));
        }
        if self.json && self.mode == RunMode::Really && self.writes_to_stdout(routes)? {
            // "each letter", "each description".
            let each = noun.trim_start_matches("dead ").trim_end_matches('s');
            return Err(SettingsError::Contradiction(format!(
                "--json says on standard output what became of each {each}, and something else goes there as well: name \
                 another target than stdout, with --output for example"
            )));
        }
        Ok(())
    }

    /// What becomes of outputs.
    pub(super) fn fate(&self, routes: &[Route]) -> Result<OutputFate, SettingsError> {
        match self.mode {
            RunMode::Really => OutputFate::of(self.settings, routes),
            RunMode::DryRun => Ok(OutputFate::NotDelivered),
        }
    }

    /// Whether outputs or dead letters go to standard output.
    pub(super) fn writes_to_stdout(&self, routes: &[Route]) -> Result<bool, SettingsError> {
        let of_routes = self.settings.routes(routes)?;
        let output = self.settings.output.as_ref().unwrap_or(&Target::Stdout);
        let mut targets = std::iter::once(output).chain(self.settings.dead_letter()).chain(of_routes.into_values());
        Ok(self.mode == RunMode::Really && targets.any(|target| *target == Target::Stdout))
    }
}
