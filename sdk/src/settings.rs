//! The settings that a deployment gives a transform, and what can be wrong with them.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// The settings that the deployment gives: text by name, in the order given.
///
/// ```
/// use kinesieve_sdk::{SettingError, Settings};
///
/// struct Config { below: f64, label: String }
///
/// fn configure(settings: Settings) -> Result<Config, SettingError> {
///     settings.only(&["below", "label"])?;
///     Ok(Config {
///         below: settings.parse("below")?.unwrap_or(10.0),
///         label: settings.required("label")?.to_owned(),
///     })
/// }
///
/// let config = configure(Settings::from([("label", "cold")])).unwrap();
/// assert_eq!((config.below, config.label.as_str()), (10.0, "cold"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Vec<(String, String)>);

impl Settings {
    /// The value of a setting, if it is given. Of a name given twice, the last value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().rev().find_map(|(given, value)| (given == name).then_some(value))
    }

    /// The value of a setting that has to be given.
    ///
    /// # Errors
    ///
    /// [`SettingError::Missing`].
    pub fn required(&self, name: &str) -> Result<&str, SettingError> {
        self.get(name).ok_or_else(|| SettingError::Missing { name: name.to_owned() })
    }

    /// The value of a setting, parsed, if it is given.
    ///
    /// # Errors
    ///
    /// [`SettingError::Invalid`] when it is given and can't be parsed.
    pub fn parse<T>(&self, name: &str) -> Result<Option<T>, SettingError>
    where
        T: FromStr<Err: Display>,
    {
        self.get(name).map(|value| value.parse().map_err(|why| SettingError::invalid(name, value, why))).transpose()
    }

    /// Refuses settings of any other name, so that a misspelt one doesn't go unseen.
    ///
    /// # Errors
    ///
    /// [`SettingError::Unknown`] for the first that isn't among the names.
    pub fn only(&self, names: &[&str]) -> Result<(), SettingError> {
        match self.iter().find(|(given, _)| !names.contains(given)) {
            None => Ok(()),
            Some((given, _)) => Err(SettingError::Unknown {
                name: given.to_owned(),
                known: names.iter().map(|&name| name.to_owned()).collect(),
            }),
        }
    }

    /// All settings, name and value, in the order given.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl From<Vec<(String, String)>> for Settings {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Settings {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}

/// What is wrong with a setting. It stops the processor from starting, with this text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// It has to be given, and isn't.
    Missing {
        /// The setting.
        name: String,
    },
    /// Its value can't be used.
    Invalid {
        /// The setting.
        name: String,
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// The transform has no such setting.
    Unknown {
        /// What was given.
        name: String,
        /// The settings that the transform has.
        known: Vec<String>,
    },
}

impl SettingError {
    /// The value of this setting can't be used, and why.
    pub fn invalid(name: &str, value: &str, why: impl Display) -> Self {
        Self::Invalid { name: name.to_owned(), value: value.to_owned(), why: why.to_string() }
    }
}

impl Display for SettingError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "the setting `{name}` is missing"),
            Self::Invalid { name, value, why } => {
                write!(f, "the setting `{name}` can't be `{value}`: {why}")
            }
            Self::Unknown { name, known } if known.is_empty() => {
                write!(f, "unknown setting `{name}`: this transform takes no settings")
            }
            Self::Unknown { name, known } => {
                write!(f, "unknown setting `{name}`: there is `{}`", known.join("`, `"))
            }
        }
    }
}

impl std::error::Error for SettingError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(error: SettingError) -> String {
        error.to_string()
    }

    #[test]
    fn the_last_value_of_a_name_counts() {
        let settings = Settings::from([("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(settings.get("a"), Some("3"));
        assert_eq!(settings.get("c"), None);
    }

    #[test]
    fn a_missing_setting_is_named() {
        let settings = Settings::default();
        assert_eq!(settings.required("below").map_err(message), Err("the setting `below` is missing".to_owned()));
    }

    #[test]
    fn a_bad_value_is_shown_with_its_name() {
        let settings = Settings::from([("below", "ten")]);
        assert_eq!(
            settings.parse::<u8>("below").map_err(message),
            Err("the setting `below` can't be `ten`: invalid digit found in string".to_owned())
        );
        assert_eq!(settings.parse::<u8>("above"), Ok(None));
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_right_ones() {
        let settings = Settings::from([("belwo", "10")]);
        assert_eq!(
            settings.only(&["below", "label"]).map_err(message),
            Err("unknown setting `belwo`: there is `below`, `label`".to_owned())
        );
        assert_eq!(
            settings.only(&[]).map_err(message),
            Err("unknown setting `belwo`: this transform takes no settings".to_owned())
        );
    }
}
