//! What becomes of outputs, as it is said of them: nobody should take an output for delivered that is nowhere.

use crate::settings::{Route, Settings, SettingsError, Target};

/// What becomes of the outputs of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputFate {
    /// They are delivered.
    Delivered,
    /// No destination is opened: it is a look, or a dry run.
    NotDelivered,
    /// All of them go to the destination `none`, which somebody named.
    Discarded,
    /// Some of them go to the destination `none`.
    PartlyDiscarded,
}

impl OutputFate {
    /// Where destinations are opened as the settings name them, and outputs go to standard output by default.
    ///
    /// # Errors
    /// When the routes contradict each other.
    pub(super) fn of(settings: &Settings, routes: &[Route]) -> Result<Self, SettingsError> {
        let main = settings.output.as_ref().unwrap_or(&Target::Stdout);
        let routes = settings.routes(routes)?;
        let mut targets = std::iter::once(main).chain(routes.into_values());
        let first_is_none = *main == Target::None;
        Ok(match (first_is_none, targets.all(|target| (*target == Target::None) == first_is_none)) {
            (true, true) => OutputFate::Discarded,
            (false, true) => OutputFate::Delivered,
            (_, false) => OutputFate::PartlyDiscarded,
        })
    }

    /// What is said behind a number of outputs: `12 outputs delivered`.
    pub(super) fn after_count(self) -> &'static str {
        match self {
            OutputFate::Delivered => " delivered",
            OutputFate::NotDelivered => ", not delivered",
            OutputFate::Discarded => " discarded (destination none)",
            OutputFate::PartlyDiscarded => " delivered, or discarded (destination none)",
        }
    }

    /// Returns the name for a program.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            OutputFate::Delivered => "delivered",
            OutputFate::NotDelivered => "notDelivered",
            OutputFate::Discarded => "discarded",
            OutputFate::PartlyDiscarded => "partlyDiscarded",
        }
    }

    /// Whether none of them gets anywhere.
    pub(super) fn is_nowhere(self) -> bool {
        matches!(self, OutputFate::NotDelivered | OutputFate::Discarded)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Given {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn what_goes_to_none_is_delivered_nowhere() {
        let fate = |flags: &[&str]| {
            let given = Given::parse_from([&["test", "--transform", "t.wasm"], flags].concat());
            OutputFate::of(&given.settings, &[]).expect("routes")
        };
        assert_eq!(fate(&[]), OutputFate::Delivered);
        assert_eq!(fate(&["--output", "none"]), OutputFate::Discarded);
        assert_eq!(fate(&["--output", "none", "--route", "a=none"]), OutputFate::Discarded);
        assert_eq!(fate(&["--output", "none", "--route", "a=stdout"]), OutputFate::PartlyDiscarded);
        assert_eq!(fate(&["--route", "a=none"]), OutputFate::PartlyDiscarded);
        // Dead letters are no outputs.
        assert_eq!(fate(&["--output", "none", "--dead-letter", "file:dead.ndjson"]), OutputFate::Discarded);
    }
}
