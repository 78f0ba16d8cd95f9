//! What no single setting shows: what asks for a destination has one, and no two things go to one place where they would mix.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Encode, Pack, Route, Settings, SettingsError, Target};
use crate::sink::destination::{Ability, PackGroups, names_of, nouns_of};

impl Settings {
    /// Checks what no single setting shows.
    ///
    /// # Errors
    /// When outputs and dead letters would be mixed in one file, since their lines are of two formats, or
    /// under one prefix of S3, where they would replace each other; when large dead letters would be among either; when
    /// events are to be dead-lettered and there is no target for them.
    pub fn check(&self, routes: &BTreeMap<&str, &Target>) -> Result<(), SettingsError> {
        let gives_up = [
            ("KINESIEVE_MAX_ATTEMPTS", self.max_attempts.is_some()),
            ("KINESIEVE_MAX_EVENT_AGE", self.max_event_age.is_some()),
        ];
        if let (None, Some((name, _))) = (self.dead_letter(), gives_up.iter().find(|(_, is_set)| *is_set)) {
            return Err(SettingsError::Contradiction(format!(
                "{name} dead-letters records, but no destination is set for them: set KINESIEVE_DEAD_LETTER as well"
            )));
        }
        self.check_discarding(routes)?;
        self.check_packing(routes)?;
        self.check_large(routes)?;
        let Some(dead_letter) = self.dead_letter() else { return Ok(()) };
        let Some(remedy) = dead_letter.capabilities().storage else { return Ok(()) };
        let output = self.output.as_ref().unwrap_or(&Target::Stdout);
        let mut outputs = std::iter::once(output).chain(routes.values().copied());
        if outputs.any(|target| target.is_same_place(dead_letter)) {
            return Err(SettingsError::Contradiction(format!(
                "outputs and dead letters both go to {dead_letter}: give each of them {remedy} of its own"
            )));
        }
        Ok(())
    }

    /// What fails may be given up, and nothing else.
    fn check_discarding(&self, routes: &BTreeMap<&str, &Target>) -> Result<(), SettingsError> {
        let contradiction = |message: &str| Err(SettingsError::Contradiction(message.to_owned()));
        if self.output.iter().chain(routes.values().copied()).any(|target| !target.capabilities().outputs) {
            return contradiction(
                "discard is for dead letters (KINESIEVE_DEAD_LETTER): outputs that are to go nowhere go to none",
            );
        }
        if self.dead_letter_large.is_some() && self.dead_letter() == Some(&Target::Discard) {
            return contradiction(
                "KINESIEVE_DEAD_LETTER_LARGE is for dead letters, and with KINESIEVE_DEAD_LETTER=discard there are none: leave \
                 one of the two out",
            );
        }
        Ok(())
    }

    /// Large dead letters are for a target that takes the others, and are by themselves.
    fn check_large(&self, routes: &BTreeMap<&str, &Target>) -> Result<(), SettingsError> {
        let Some(large) = self.dead_letter_large.clone().map(Target::bucket) else { return Ok(()) };
        let Some(dead_letter) = self.dead_letter() else {
            return Err(SettingsError::Contradiction(
                "KINESIEVE_DEAD_LETTER_LARGE is set, but KINESIEVE_DEAD_LETTER is not: set KINESIEVE_DEAD_LETTER to the \
                 destination of dead letters as well"
                    .to_owned(),
            ));
        };
        let mut others = self.output.iter().chain(routes.values().copied()).chain([dead_letter]);
        match others.find(|target| target.overlaps(&large)) {
            None => Ok(()),
            Some(target) => Err(SettingsError::Contradiction(format!(
                "KINESIEVE_DEAD_LETTER_LARGE names {large}, and {target} is the same prefix or one of the two holds the \
                 other: give large dead letters a prefix of their own"
            ))),
        }
    }

    /// What asks for targets of a kind has one.
    fn check_packing(&self, routes: &BTreeMap<&str, &Target>) -> Result<(), SettingsError> {
        let output = self.output.as_ref().unwrap_or(&Target::Stdout);
        let targets = || std::iter::once(output).chain(routes.values().copied());
        // Where the output is nowhere, Firehose itself may be answered.
        let is_nowhere = targets().any(|target| *target == Target::None);
        let lacks = |is_able: Ability| !targets().any(|target| is_able(target.capabilities()));
        let (aggregates, encodes): (Ability, Ability) = (|able| able.aggregates, |able| able.encodes);
        // A stream has one of the two.
        let packs: Ability = match self.aggregate {
            true => |able| able.packing != PackGroups::None && !able.aggregates,
            false => |able| able.packing != PackGroups::None,
        };
        let what_packs = match self.aggregate {
            true => format!("{}, a file or standard output beside the aggregates of a stream", names_of(packs)),
            false => {
                format!("{}, a file or standard output (an event of EventBridge is one JSON object)", names_of(packs))
            }
        };
        let needs = [
            ("KINESIEVE_AGGREGATE", self.aggregate && lacks(aggregates), nouns_of(aggregates)),
            ("KINESIEVE_PACK", self.pack != Pack::None && !is_nowhere && lacks(packs), what_packs),
            ("KINESIEVE_ENCODE", self.encode != Encode::None && lacks(encodes), names_of(encodes)),
        ];
        if let Some((name, _, what)) = needs.iter().find(|(_, is_missing, _)| *is_missing) {
            return Err(SettingsError::Contradiction(format!(
                "{name} applies to outputs for {what}, but no output goes there: set KINESIEVE_OUTPUT to one, or unset {name}"
            )));
        }
        Ok(())
    }

    /// Checks that nothing is written to the file that is read: it would never end.
    ///
    /// # Errors
    /// When a target is the input, which is standard input for `-`.
    pub fn check_input(&self, input: &Path, routes_from_variables: &[Route]) -> Result<(), SettingsError> {
        let input = match (input == Path::new("-"), Path::new("/dev/stdin")) {
            (false, _) => input,
            // Led in from a file, it is that one.
            (true, stdin) if stdin.is_file() => stdin,
            (true, _) => return Ok(()),
        };
        let routes = self.routes(routes_from_variables)?;
        let output = self.output.as_ref().unwrap_or(&Target::Stdout);
        let mut targets = std::iter::once(output).chain(self.dead_letter()).chain(routes.into_values());
        match targets.find(|target| target.is_file(input)) {
            None => Ok(()),
            Some(target) => {
                let message = format!("{target} is the input itself: write to another file");
                Err(SettingsError::Contradiction(message))
            }
        }
    }
}
