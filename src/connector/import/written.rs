//! What comes of an import: settings with remarks, in the order of the file, and what was left out.

use std::fmt::Write;

/// What comes of an import.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    settings: Vec<Setting>,
    /// What does not come along: its name there, and why.
    pub(crate) left_out: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Setting {
    /// The keys that lead to it.
    path: &'static [&'static str],
    value: Value,
    remark: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Value {
    One(String),
    Several(Vec<String>),
}

impl Imported {
    /// Adds a setting.
    pub(super) fn set(&mut self, path: &'static [&'static str], value: impl Into<String>) {
        self.add(Setting { path, value: Value::One(value.into()), remark: None });
    }

    /// Adds a setting that needed a decision, with what was decided.
    pub(super) fn decide(
        &mut self,
        path: &'static [&'static str],
        value: impl Into<String>,
        remark: impl Into<String>,
    ) {
        self.add(Setting { path, value: Value::One(value.into()), remark: Some(remark.into()) });
    }

    /// Adds a setting that is a list.
    pub(super) fn set_all(&mut self, path: &'static [&'static str], values: Vec<String>) {
        self.add(Setting { path, value: Value::Several(values), remark: None });
    }

    /// Settings of a group stand together: its key can stand in the file once.
    fn add(&mut self, setting: Setting) {
        let is_of_group = |known: &Setting| known.path.len() > 1 && known.path.first() == setting.path.first();
        let place = self.settings.iter().rposition(is_of_group).map_or(self.settings.len(), |last| last + 1);
        self.settings.insert(place, setting);
    }

    /// Notes what does not come along.
    pub(super) fn leave_out(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        self.left_out.push((name.into(), reason.into()));
    }

    /// Returns whether there is a setting.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.settings.iter().any(|setting| setting.path == path)
    }

    /// Returns the connector file.
    pub(crate) fn text(&self, title: &str) -> String {
        let mut text = format!("# {title}\n");
        let mut group = None;
        for Setting { path, value, remark } in &self.settings {
            let (above, name) = match path {
                [name] => (None, name),
                [above, name] => (Some(*above), name),
                _ => continue,
            };
            if above != group
                && let Some(above) = above
            {
                // A String takes everything.
                let _ = writeln!(text, "{above}:");
            }
            group = above;
            let indent = if above.is_some() { "  " } else { "" };
            let value = match value {
                Value::One(value) => scalar(value),
                Value::Several(values) => {
                    format!("[{}]", values.iter().map(|value| scalar(value)).collect::<Vec<_>>().join(", "))
                }
            };
            let remark =
                remark.as_ref().map_or_else(String::new, |remark| format!("  # {}", crate::foreign::one_line(remark)));
            let _ = writeln!(text, "{indent}{name}: {value}{remark}");
        }
        if self.settings.is_empty() {
            // With no setting, it is a mapping all the same.
            text.push_str("{}\n");
        }
        if !self.left_out.is_empty() {
            text.push_str("# What does not come along:\n");
            for (name, reason) in &self.left_out {
                let _ = writeln!(text, "#   {}: {}", crate::foreign::one_line(name), crate::foreign::one_line(reason));
            }
        }
        text
    }
}

/// A value as YAML: as it is where it means itself, in quotes otherwise.
fn scalar(value: &str) -> String {
    let is_plain = value.starts_with(|first: char| first.is_ascii_alphanumeric())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'));
    // JSON's quotes are YAML's.
    if is_plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}
