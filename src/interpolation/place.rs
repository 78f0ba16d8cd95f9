//! The places where a value can stand.

use std::fmt;
use std::path::PathBuf;

use super::lookup::LookupError;
use super::{CLOSING, InvalidText, OPENING};
use crate::files;

/// The longest value: no secret of Secrets Manager has more, and a parameter of Systems Manager less
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>).
const MOST_BYTES: u64 = 64 << 10;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// In a variable.
    Env(String),
    /// In a file, without the end of its last line.
    File(PathBuf),
    /// In a parameter of Systems Manager, by its name or ARN; decrypted, if it is a SecureString.
    Ssm(String),
    /// In a secret of Secrets Manager: all of it, or a field of the JSON object that it is.
    SecretsManager {
        /// Its name or ARN.
        id: String,
        /// Which field.
        field: Option<String>,
    },
}

/// A kind of place.
#[derive(Debug)]
pub(super) struct Kind {
    /// What a place of the kind begins with, before a colon.
    pub(super) word: &'static str,
    example: &'static str,
    place: fn(&str) -> Place,
}

const KINDS: &[Kind] = &[
    Kind { word: "env", example: "${env:NAME}", place: |name| Place::Env(name.to_owned()) },
    Kind { word: "file", example: "${file:/run/secrets/password}", place: |path| Place::File(path.into()) },
    Kind { word: "ssm", example: "${ssm:/readings/password}", place: |name| Place::Ssm(name.to_owned()) },
    Kind { word: "secretsmanager", example: "${secretsmanager:readings#password}", place: secret },
];

fn secret(name: &str) -> Place {
    // No name of a secret has this character, and no ARN of one.
    let (id, field) = match name.split_once('#') {
        Some((id, field)) => (id, Some(field.to_owned())),
        None => (name, None),
    };
    Place::SecretsManager { id: id.to_owned(), field }
}

impl Kind {
    pub(super) fn place(&self, name: &str) -> Result<Place, InvalidText> {
        let place = (self.place)(name);
        let is_named = match &place {
            Place::SecretsManager { id, field } => {
                !id.is_empty() && field.as_ref().is_none_or(|field| !field.is_empty())
            }
            Place::Env(_) | Place::File(_) | Place::Ssm(_) => !name.is_empty(),
        };
        if is_named { Ok(place) } else { Err(InvalidText::Nameless { kind: self.word, example: self.example }) }
    }
}

/// The kind of what stands behind an opening; none: it is no place.
///
/// # Errors
/// When it is most likely meant for one.
pub(super) fn kind(inside: &str) -> Result<Option<&'static Kind>, InvalidText> {
    let Some((word, _)) = inside.split_once(':') else { return Ok(None) };
    if word.is_empty()
        || word.len() > 20
        || !word.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte))
    {
        return Ok(None);
    }
    if let Some(kind) = KINDS.iter().find(|kind| kind.word == word) {
        return Ok(Some(kind));
    }
    let plain: String = word.chars().filter(char::is_ascii_lowercase).collect();
    let likeness = |kind: &Kind| strsim::jaro_winkler(&plain, kind.word);
    let nearest = KINDS.iter().map(|kind| (likeness(kind), kind)).max_by(|(left, _), (right, _)| left.total_cmp(right));
    match nearest {
        Some((likeness, nearest)) if likeness > 0.85 => {
            Err(InvalidText::UnknownKind { found: word.to_owned(), nearest: nearest.word })
        }
        _ => Ok(None),
    }
}

impl Place {
    /// Whether it takes a request to a service.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Place::Ssm(_) | Place::SecretsManager { .. })
    }

    /// What stands there, if it is at hand.
    pub(super) fn local(&self) -> Result<String, LookupError> {
        let failed = |reason: String| Err(LookupError::new(self, reason));
        match self {
            Place::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(value),
                Ok(_) | Err(std::env::VarError::NotPresent) => {
                    failed(format!("the variable {name} is not set: set it"))
                }
                Err(std::env::VarError::NotUnicode(_)) => failed(format!("the variable {name} is no text")),
            },
            Place::File(path) => match files::read_text_bounded(path, MOST_BYTES) {
                Ok(text) => {
                    let line = text.strip_suffix('\n').unwrap_or(&text);
                    let line = line.strip_suffix('\r').unwrap_or(line);
                    if line.is_empty() { failed("the file is empty".to_owned()) } else { Ok(line.to_owned()) }
                }
                Err(error) => failed(error.to_string()),
            },
            Place::Ssm(_) | Place::SecretsManager { .. } => {
                failed("a service holds it, and none is asked here".to_owned())
            }
        }
    }
}

/// As it is written.
impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(OPENING)?;
        match self {
            Place::Env(name) => write!(formatter, "env:{name}"),
            Place::File(path) => write!(formatter, "file:{}", path.display()),
            Place::Ssm(name) => write!(formatter, "ssm:{name}"),
            Place::SecretsManager { id, field: None } => write!(formatter, "secretsmanager:{id}"),
            Place::SecretsManager { id, field: Some(field) } => write!(formatter, "secretsmanager:{id}#{field}"),
        }?;
        write!(formatter, "{CLOSING}")
    }
}
