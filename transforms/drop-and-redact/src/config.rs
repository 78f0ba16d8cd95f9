//! What the settings say.

use kinesieve_sdk::{SettingError, Settings};

pub struct Config {
    pub drop: Option<DropRule>,
    /// The names of the fields to remove. Few: a list is searched faster than a set.
    pub remove: Vec<String>,
}

pub struct DropRule {
    pub field: String,
    test: Test,
}

enum Test {
    Is(String),
    IsBelow(f64),
}

impl DropRule {
    /// Whether the field's value, as it is written in the record, says that the record goes.
    pub fn matches(&self, written: &str) -> bool {
        match &self.test {
            Test::Is(value) if written.starts_with('"') => {
                serde_json::from_str::<String>(written).is_ok_and(|text| text == *value)
            }
            Test::Is(value) => written == value,
            // Only a number of JSON parses: its other values never look like one to Rust.
            Test::IsBelow(threshold) => written.parse::<f64>().is_ok_and(|number| number < *threshold),
        }
    }
}

pub fn configure(settings: Settings) -> Result<Config, SettingError> {
    settings.only(&["drop_field", "drop_value", "drop_below", "remove"])?;
    Ok(Config {
        drop: drop_rule(&settings)?,
        remove: match settings.get("remove") {
            Some(names) => names_of(names)?,
            None => Vec::new(),
        },
    })
}

fn drop_rule(settings: &Settings) -> Result<Option<DropRule>, SettingError> {
    let value = settings.get("drop_value");
    let below: Option<f64> = settings.parse("drop_below")?;
    let test = match (value, below) {
        (None, None) => match settings.get("drop_field") {
            None => return Ok(None),
            Some(field) => {
                let why = "it needs `drop_value` or `drop_below` beside it";
                return Err(SettingError::invalid("drop_field", field, why));
            }
        },
        (Some(value), None) => Test::Is(value.to_owned()),
        (None, Some(threshold)) if threshold.is_finite() => Test::IsBelow(threshold),
        (None, Some(threshold)) => {
            let why = "a threshold has to be finite";
            return Err(SettingError::invalid("drop_below", &threshold.to_string(), why));
        }
        (Some(value), Some(_)) => {
            let why = "`drop_below` is given as well; give one of the two";
            return Err(SettingError::invalid("drop_value", value, why));
        }
    };
    Ok(Some(DropRule { field: settings.required("drop_field")?.to_owned(), test }))
}

/// Names parted by `;` (a deployment's settings are parted by commas already), or a JSON array.
fn names_of(names: &str) -> Result<Vec<String>, SettingError> {
    if names.starts_with('[') {
        return serde_json::from_str(names).map_err(|why| SettingError::invalid("remove", names, why));
    }
    Ok(names.split(';').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<const N: usize>(settings: [(&str, &str); N]) -> String {
        match configure(Settings::from(settings)) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_come_parted_or_as_json() {
        assert_eq!(names_of("a; b;"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(names_of(r#"["a;b"]"#), Ok(vec!["a;b".to_owned()]));
        assert!(names_of("[1]").is_err());
    }

    #[test]
    fn a_misspelt_setting_is_refused_with_the_right_names() {
        assert_eq!(
            refusal([("drop_under", "10")]),
            "unknown setting `drop_under`: there is `drop_field`, `drop_value`, `drop_below`, \
             `remove`"
        );
    }

    #[test]
    fn half_a_rule_is_refused() {
        assert_eq!(refusal([("drop_below", "10")]), "the setting `drop_field` is missing");
        assert_eq!(
            refusal([("drop_field", "t")]),
            "the setting `drop_field` can't be `t`: it needs `drop_value` or `drop_below` beside it"
        );
    }

    #[test]
    fn a_threshold_is_a_finite_number() {
        assert_eq!(
            refusal([("drop_field", "t"), ("drop_below", "cold")]),
            "the setting `drop_below` can't be `cold`: invalid float literal"
        );
        assert_eq!(
            refusal([("drop_field", "t"), ("drop_below", "NaN")]),
            "the setting `drop_below` can't be `NaN`: a threshold has to be finite"
        );
    }
}
