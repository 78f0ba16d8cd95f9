//! Reads the settings of a connector file: which key is which setting, and what its value comes to.

use std::ffi::OsStr;
use std::path::Path;

use clap::{Arg, Command};

use super::Given;
use super::document::{Content, Entry, Node, Place, Scalar};
use super::keys::{self, Keys};
use crate::interpolation::{InvalidText, Lookups, Text};

/// What is wrong, and where.
pub(super) type Wrong = (Place, String);

/// Reads settings, one after the other.
pub(super) struct Reading<'a> {
    pub(super) keys: &'a Keys,
    /// The folder of the file.
    pub(super) folder: &'a Path,
    pub(super) given: Vec<Given>,
    pub(super) unresolved: Vec<Unresolved>,
}

/// A setting whose values a service holds, at least in part.
#[derive(Debug, Clone)]
pub(super) struct Unresolved {
    setting: Setting,
    values: Vec<Text>,
}

/// Which setting it is, and where it stands.
#[derive(Debug, Clone)]
struct Setting {
    arg: Arg,
    /// The last key of its path, as it is written.
    key: String,
    place: Place,
    value_place: Place,
}

impl Reading<'_> {
    /// Takes a part of the file: a setting, or a mapping with settings in it.
    pub(super) fn take<'n>(&mut self, path: &mut Vec<&'n str>, key_place: Place, node: &'n Node) -> Result<(), Wrong> {
        let flag = keys::flag_of(path);
        let arg = if path.is_empty() { None } else { self.keys.get(&flag).cloned() };
        match (arg, &node.content) {
            (Some(arg), content) if !matches!(content, Content::Map(_)) || keys::takes_a_mapping(&flag) => {
                self.set(&arg, path, key_place, node)
            }
            // Of no concern here.
            (None, _) if keys::OF_A_RUN.contains(&flag.as_str()) => Ok(()),
            // Nothing is said of a group: it has no setting.
            (None, Content::Null) if self.keys.has_group(&flag) => Ok(()),
            (arg, Content::Map(entries)) if path.is_empty() || arg.is_some() || self.keys.has_group(&flag) => {
                if let (Some(arg), false) = (&arg, self.keys.has_group(&flag)) {
                    return Err((node.place, keys::expected(arg, &node.content)));
                }
                for entry in entries.iter() {
                    path.push(&entry.key);
                    let taken = self.take(path, entry.place, &entry.value);
                    path.pop();
                    taken?;
                }
                Ok(())
            }
            _ => Err((key_place, self.unknown(path, &flag))),
        }
    }

    fn unknown(&self, path: &[&str], flag: &str) -> String {
        let key = crate::foreign::excerpt(&path.join("."));
        let is_group = self.keys.has_group(flag);
        match self.keys.nearest(flag) {
            _ if is_group => format!("{key} has settings in it, and is none itself"),
            Some(nearest) => format!("unknown key {key}: did you mean {nearest}?"),
            None => format!("unknown key {key}: `kinesieve connector schema` has all keys"),
        }
    }

    /// Takes the value of a setting.
    fn set(&mut self, arg: &Arg, path: &[&str], place: Place, node: &Node) -> Result<(), Wrong> {
        // By its own name, where the file has another one for it.
        let flag = keys::name(arg).unwrap_or_default().to_owned();
        let mut values = Vec::new();
        match (flag.as_str(), &node.content) {
            (_, Content::Null) => return Ok(()),
            (keys::ROUTE | keys::ASSUME_ROLE, Content::Map(entries)) => {
                for entry in entries.iter() {
                    let target = self.value(arg, &entry.value)?;
                    if target.is_literal() {
                        let route = format!("{}={}", entry.key, known(&target));
                        checked(arg, &route).map_err(|reason| (entry.value.place, reason))?;
                    }
                    values.push(Text::literal(format!("{}=", entry.key)).followed_by(target));
                }
            }
            (keys::ROUTE | keys::ASSUME_ROLE, _) | (keys::TRANSFORM_SETTINGS, Content::List(_)) => {
                return Err((node.place, keys::expected(arg, &node.content)));
            }
            (_, Content::Map(entries)) => values.push(Text::literal(self.texts(entries)?)),
            (_, Content::List(nodes)) if keys::is_repeated(arg) => {
                for node in nodes.iter() {
                    values.push(self.value(arg, node)?);
                }
            }
            (_, Content::List(nodes)) => {
                let mut joined = Text::default();
                for (index, node) in nodes.iter().enumerate() {
                    let part = self.value(arg, node)?;
                    joined = if index == 0 {
                        part
                    } else {
                        joined.followed_by(Text::literal(",".to_owned())).followed_by(part)
                    };
                }
                values.push(joined);
            }
            (_, Content::Scalar(_)) => values.push(self.value(arg, node)?),
        }
        let earlier = self.given.iter().map(|given| (given.flag.as_str(), given.place));
        let unresolved = self.unresolved.iter().map(|later| (later.flag(), later.setting.place));
        if let Some((_, first)) = earlier.chain(unresolved).find(|(known, _)| *known == flag) {
            let key = keys::key_of(&flag);
            return Err((place, format!("{key} is set in line {} already, by another name", first.line)));
        }
        let setting = Setting {
            arg: arg.clone(),
            key: path.last().copied().unwrap_or_default().to_owned(),
            place,
            value_place: node.place,
        };
        if values.iter().any(|value| !value.is_literal()) {
            self.unresolved.push(Unresolved { setting, values });
            return Ok(());
        }
        let elsewhere = places_of(node);
        let values = values.iter().map(known).collect();
        self.given.extend(setting.given(values, elsewhere)?);
        Ok(())
    }

    /// The value of a part that is to be one, with what is at hand in the place of where it stands. A path counts from the folder
    /// of the file.
    fn value(&self, arg: &Arg, node: &Node) -> Result<Text, Wrong> {
        let Content::Scalar(Scalar { text, .. }) = &node.content else {
            return Err((node.place, keys::expected(arg, &node.content)));
        };
        let flag = keys::name(arg).unwrap_or_default();
        let wrong = |reason: String| (node.place, format!("{}: {reason}", keys::key_of(flag)));
        if keys::is_looked_up_later(flag) {
            // A secret that is malformed is none of what this file is about.
            return self.later(text).map(Text::literal).map_err(wrong);
        }
        let text: Text = text.parse().map_err(|error: InvalidText| wrong(error.to_string()))?;
        let text = text.in_folder(self.folder);
        if text.is_remote() {
            if keys::is_of_access(arg) {
                let reason =
                    "it says how services are reached, so none of them can hold it: use ${env:NAME} or ${file:PATH}";
                return Err(wrong(reason.to_owned()));
            }
            return Ok(text);
        }
        let text = text.local().map_err(|error| wrong(error.to_string()))?;
        let in_folder = |path: &str| self.folder.join(path).display().to_string();
        Ok(Text::literal(match text.strip_prefix("file:") {
            Some(path) => format!("file:{}", in_folder(path)),
            None if keys::names_a_file(flag) && flag != keys::INPUT && text != "none" => in_folder(&text),
            None if flag == keys::INPUT && self.folder.join(&text).is_file() => in_folder(&text),
            None => text,
        }))
    }

    /// A text that is looked up where it is used, with files counted from the folder of this one.
    fn later(&self, text: &str) -> Result<String, String> {
        let text: Text = text.parse().map_err(|error: InvalidText| error.to_string())?;
        Ok(text.in_folder(self.folder).to_string())
    }

    /// The settings of a transform, which are texts, as a JSON object: a value by itself stays as it is written.
    fn texts(&self, entries: &[Entry]) -> Result<String, Wrong> {
        let mut object = serde_json::Map::new();
        for entry in entries {
            let text = match &entry.value.content {
                Content::Scalar(scalar) => {
                    let text = self.later(&scalar.text);
                    text.map_err(|reason| (entry.value.place, format!("{}: {reason}", entry.key)))?.into()
                }
                _ => to_json(&entry.value),
            };
            object.insert(entry.key.clone(), text);
        }
        Ok(serde_json::Value::Object(object).to_string())
    }
}

impl Unresolved {
    /// The name of its flag.
    pub(super) fn flag(&self) -> &str {
        keys::name(&self.setting.arg).unwrap_or_default()
    }

    /// As it is written.
    pub(super) fn written(&self) -> String {
        self.values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// The setting, once what services hold was looked up.
    ///
    /// # Errors
    /// When they do not say, or what they say is no value for it. No value is in the message.
    pub(super) async fn resolved(&self, lookups: &Lookups) -> Result<Option<Given>, Wrong> {
        let key = keys::key_of(self.flag());
        let mut values = Vec::new();
        for value in &self.values {
            let value = value.resolved(lookups).await;
            values.push(value.map_err(|error| (self.setting.value_place, format!("{key}: {error}")))?);
        }
        self.setting.given(values, Some(self.written()))
    }
}

impl Setting {
    /// The setting with its values, checked; none: it is a switch that is off. `elsewhere`: where they stand, if not in the
    /// file.
    fn given(&self, mut values: Vec<String>, elsewhere: Option<String>) -> Result<Option<Given>, Wrong> {
        let Self { arg, key, place, value_place } = self;
        let flag = keys::name(arg).unwrap_or_default().to_owned();
        // What was looked up is nobody's to read.
        let wrong = |reason: String| match &elsewhere {
            Some(elsewhere) => {
                (*value_place, format!("{}: what {elsewhere} stands for is no value of it", keys::key_of(&flag)))
            }
            None => (*value_place, reason),
        };
        if flag == keys::INPUT && key.starts_with("stream") {
            values = values.iter().map(|names| as_streams(names)).collect();
        }
        if flag == keys::WITHOUT_ROW && keys::is_start_from_oldest(&[key]) {
            let start = values.first().and_then(|value| keys::start_without_row(value));
            values = vec![start.ok_or_else(|| wrong(format!("{key} takes true or false")))?.to_owned()];
        }
        if keys::is_switch(arg) {
            match values.first().map(String::as_str) {
                Some("true") => {}
                Some("false") => return Ok(None),
                _ => return Err(wrong(format!("{} takes true or false", keys::key_of(&flag)))),
            }
        } else {
            for value in &values {
                checked(arg, value).map_err(wrong)?;
            }
        }
        Ok(Some(Given { flag, values, place: *place, elsewhere }))
    }
}

/// What a text says all of which is at hand.
fn known(text: &Text) -> String {
    text.local().unwrap_or_default()
}

/// The values of a part as they are written, if some of them stand elsewhere.
fn places_of(node: &Node) -> Option<String> {
    match &node.content {
        Content::Scalar(scalar) => {
            let text: Text = scalar.text.parse().ok()?;
            (!text.is_literal()).then(|| text.to_string())
        }
        Content::List(nodes) => nodes.iter().find_map(places_of),
        Content::Map(entries) => entries.iter().find_map(|entry| places_of(&entry.value)),
        Content::Null => None,
    }
}

/// Says of each name that it is a stream's, so that none is taken for a file.
fn as_streams(names: &str) -> String {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let said = names.map(|name| match name {
        name if name.starts_with("arn:") || name.starts_with("stream:") => name.to_owned(),
        name => format!("stream:{name}"),
    });
    said.collect::<Vec<_>>().join(",")
}

/// Checks a value as the command line does.
fn checked(arg: &Arg, value: &str) -> Result<(), String> {
    let Some(flag) = keys::name(arg) else { return Ok(()) };
    let alone = Arg::new("value")
        .long(flag.to_owned())
        .action(arg.get_action().clone())
        .value_parser(arg.get_value_parser().clone());
    let mut given = OsStr::new("--").to_owned();
    given.push(flag);
    given.push("=");
    given.push(value);
    let command =
        Command::new("value").no_binary_name(true).disable_help_flag(true).disable_version_flag(true).arg(alone);
    match command.try_get_matches_from([given]) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{}: {}", keys::key_of(flag), crate::clap_error::reason(&error))),
    }
}

/// A part as JSON, with numbers and truth values as they are.
fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::Value;

    match &node.content {
        Content::Null => Value::Null,
        Content::Scalar(scalar) => scalar.to_json(),
        Content::List(nodes) => Value::Array(nodes.iter().map(to_json).collect()),
        Content::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), to_json(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
