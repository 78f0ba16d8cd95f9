//! The SDK that lies in a project: which version it is of, and how it is renewed.
//!
//! A project carries what it builds with, so that it builds the same years later, whatever `kinesieve` is installed. What is
//! ours in it is recorded with digests: what somebody changed is not overwritten unawares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::language::{Language, sdk_files};
use crate::error_code::ErrorCode;
use crate::files::{read_bounded, sha256_hex};

/// The record, in the folder of the project.
pub(crate) const SDK_RECORD: &str = ".kinesieve-sdk.json";

/// The most bytes of a file of the SDK, and of the record.
const MOST_BYTES: u64 = 16 << 20;

/// What is ours in a project.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SdkRecord {
    /// The version of the `kinesieve` that wrote it.
    kinesieve: String,
    /// The language of the project, as `kinesieve new --lang` takes it.
    language: String,
    /// Each file with its SHA-256, by its path in the project.
    files: BTreeMap<String, String>,
}

/// Why the SDK of a project is not renewed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    /// Nothing says which language it is of.
    #[error("{path} is missing: say the language of the project with --lang, and it is written")]
    NoRecord { path: PathBuf },
    /// It can't be read.
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    /// It says something else.
    #[error("{path}: {message}. Say the language of the project with --lang, and it is written anew")]
    Invalid { path: PathBuf, message: String },
    /// The SDK of a language would take the place of another one's.
    #[error("{path} says that the project is in {found}, not in {asked}: leave --lang out")]
    OtherLanguage { path: PathBuf, found: String, asked: String },
    /// What was changed would be lost.
    #[error(
        "{} changed since `kinesieve` wrote {}: {}. --force writes all anew, and what was changed is lost",
        if paths.len() == 1 { "a file of the SDK was" } else { "files of the SDK were" },
        if paths.len() == 1 { "it" } else { "them" },
        shown(paths)
    )]
    Changed { paths: Vec<String> },
    /// An older one would take the place of a newer one.
    #[error("the SDK is of kinesieve {found}, which is newer than this one ({own}): install that, or give --force")]
    Newer { found: String, own: &'static str },
    /// The disk says no.
    #[error("can't write {path}: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
}

/// The most files that are named in a message.
const MOST_NAMED: usize = 5;

fn shown(paths: &[String]) -> String {
    let named: Vec<&str> = paths.iter().take(MOST_NAMED).map(String::as_str).collect();
    match paths.len().checked_sub(MOST_NAMED) {
        None | Some(0) => named.join(", "),
        Some(more) => format!("{} and {more} more", named.join(", ")),
    }
}

impl UpgradeError {
    /// Returns the code of the error.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            UpgradeError::NoRecord { .. } | UpgradeError::Invalid { .. } => ErrorCode::NoSdkRecord,
            UpgradeError::Unreadable { .. } => ErrorCode::ProjectUnreadable,
            UpgradeError::OtherLanguage { .. } => ErrorCode::Contradiction,
            UpgradeError::Changed { .. } => ErrorCode::SdkChanged,
            UpgradeError::Newer { .. } => ErrorCode::SdkNewer,
            UpgradeError::Unwritable { .. } => ErrorCode::FileNotWritten,
        }
    }
}

/// What an upgrade does, or would do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// The version that the SDK was of; none: nobody knows.
    pub(crate) from: Option<String>,
    /// Files that are new, or get other content.
    pub(crate) written: Vec<String>,
    /// Files that the SDK has no more.
    pub(crate) removed: Vec<String>,
}

/// What is asked of an upgrade.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpgradeOptions {
    /// The language, where the record does not say it.
    pub(crate) language: Option<Language>,
    /// Whether what was changed, or is newer, is replaced.
    pub(crate) force: bool,
    /// Whether nothing is written.
    pub(crate) dry_run: bool,
}

/// Renews the SDK in the folder of a project. All else in it stays as it is.
pub(crate) fn upgrade(folder: &Path, options: UpgradeOptions) -> Result<Upgrade, UpgradeError> {
    let path = folder.join(SDK_RECORD);
    let record = match options.language {
        Some(_) => read_record(&path).ok().flatten(),
        None => read_record(&path)?,
    };
    let recorded = record.as_ref().and_then(|record| Language::named(&record.language));
    if let (Some(found), Some(asked)) = (recorded, options.language)
        && found != asked
    {
        return Err(UpgradeError::OtherLanguage { path, found: found.word(), asked: asked.word() });
    }
    let Some(language) = options.language.or(recorded) else { return Err(UpgradeError::NoRecord { path }) };
    let own = env!("CARGO_PKG_VERSION");
    if let Some(record) = &record
        && is_newer(&record.kinesieve, own)
        && !options.force
    {
        return Err(UpgradeError::Newer { found: record.kinesieve.clone(), own });
    }
    let files = sdk_files(language);
    let known = record.as_ref().map(|record| record.files.clone()).unwrap_or_default();
    let plan = Plan::of(folder, &files, &known)?;
    if !plan.changed.is_empty() && !options.force {
        return Err(UpgradeError::Changed { paths: plan.changed });
    }
    let upgrade = Upgrade { from: record.map(|record| record.kinesieve), written: plan.written, removed: plan.removed };
    if options.dry_run {
        return Ok(upgrade);
    }
    for (name, text) in files.iter().filter(|(name, _)| upgrade.written.contains(name)) {
        write(&folder.join(name), text)?;
    }
    for name in &upgrade.removed {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|source| UpgradeError::Unwritable { path, source })?;
    }
    write(&path, &record_of(language, &files))?;
    Ok(upgrade)
}

/// The text of the record for these files.
pub(super) fn record_of(language: Language, files: &[(String, String)]) -> String {
    let record = SdkRecord {
        kinesieve: env!("CARGO_PKG_VERSION").to_owned(),
        language: language.word(),
        files: files.iter().map(|(name, text)| (name.clone(), sha256_hex(text.as_bytes()))).collect(),
    };
    // A map of texts is always JSON.
    serde_json::to_string_pretty(&record).unwrap_or_default() + "\n"
}

/// What is to be done.
struct Plan {
    written: Vec<String>,
    removed: Vec<String>,
    /// What of both somebody changed.
    changed: Vec<String>,
}

impl Plan {
    fn of(folder: &Path, files: &[(String, String)], known: &BTreeMap<String, String>) -> Result<Self, UpgradeError> {
        let mut plan = Plan { written: Vec::new(), removed: Vec::new(), changed: Vec::new() };
        for (name, text) in files {
            let there = digest_of(&folder.join(name))?;
            if there.as_ref() != Some(&sha256_hex(text.as_bytes())) {
                plan.written.push(name.clone());
                if there.is_some() && there.as_ref() != known.get(name) {
                    plan.changed.push(name.clone());
                }
            }
        }
        for (name, digest) in known {
            // A record may name what it likes; no more than what lies where the SDK lies is ever removed.
            if files.iter().any(|(other, _)| other == name) || !is_of_sdk(name) {
                continue;
            }
            if let Some(there) = digest_of(&folder.join(name))? {
                plan.removed.push(name.clone());
                if there != *digest {
                    plan.changed.push(name.clone());
                }
            }
        }
        Ok(plan)
    }
}

/// Whether a file of a project is the SDK's, by its path.
pub(super) fn is_of_sdk(path: &str) -> bool {
    let is_in_a_folder_of_ours = ["vendor/", "wit/", "kinesieve/"].iter().any(|folder| path.starts_with(folder));
    is_in_a_folder_of_ours && path.split('/').all(|part| !part.is_empty() && part != ".." && part != ".")
}

fn read_record(path: &Path) -> Result<Option<SdkRecord>, UpgradeError> {
    let bytes = match read_bounded(path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(UpgradeError::Unreadable { path: path.to_owned(), source }),
    };
    let record: SdkRecord = serde_json::from_slice(&bytes).map_err(|error| UpgradeError::Invalid {
        path: path.to_owned(),
        message: format!("it is not what `kinesieve new` writes (line {})", error.line()),
    })?;
    if Language::named(&record.language).is_none() {
        let message = format!("there is no language {:?}", record.language);
        return Err(UpgradeError::Invalid { path: path.to_owned(), message });
    }
    Ok(Some(record))
}

/// Whether a version comes after another. What is no version comes after none.
fn is_newer(one: &str, other: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        let release = version.split(['-', '+']).next()?;
        release.split('.').map(|part| part.parse().ok()).collect()
    };
    matches!((numbers(one), numbers(other)), (Some(one), Some(other)) if one > other)
}

fn digest_of(path: &Path) -> Result<Option<String>, UpgradeError> {
    match read_bounded(path, MOST_BYTES) {
        Ok(bytes) => Ok(Some(sha256_hex(&bytes))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(UpgradeError::Unreadable { path: path.to_owned(), source }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), UpgradeError> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text))
        .map_err(|source| UpgradeError::Unwritable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::super::language::Kind;
    use super::super::new::make;
    use super::*;

    const PLAIN: UpgradeOptions = UpgradeOptions { language: None, force: false, dry_run: false };

    fn project(language: Language) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().join("masker");
        make(&project, language, Kind::Record).expect("made");
        (folder, project)
    }

    /// Says in the record that an older version wrote a file, which the next one has no more or has otherwise.
    fn age(project: &Path, name: &str, text: &str) {
        write(&project.join(name), text).expect("written");
        let path = project.join(SDK_RECORD);
        let mut record = read_record(&path).expect("read").expect("there");
        record.kinesieve = "0.0.9".to_owned();
        record.files.insert(name.to_owned(), sha256_hex(text.as_bytes()));
        fs::write(&path, serde_json::to_string(&record).expect("JSON")).expect("written");
    }

    #[test]
    fn a_new_project_is_up_to_date_in_each_language() {
        for language in Language::value_variants() {
            let (_folder, project) = project(*language);
            let upgrade = upgrade(&project, PLAIN).expect("renewed");
            let from = Some(env!("CARGO_PKG_VERSION").to_owned());
            assert_eq!(upgrade, Upgrade { from, written: Vec::new(), removed: Vec::new() }, "{language:?}");
        }
    }

    #[test]
    fn what_an_older_one_wrote_is_renewed_and_removed_and_all_else_stays() {
        let (_folder, project) = project(Language::C);
        age(&project, "vendor/kinesieve.h", "old");
        age(&project, "vendor/gone.h", "old");
        write(&project.join("vendor/mine.h"), "mine").expect("written");
        write(&project.join("src/transform.c"), "mine").expect("written");
        let dry = upgrade(&project, UpgradeOptions { dry_run: true, ..PLAIN }).expect("planned");
        let done = upgrade(&project, PLAIN).expect("renewed");
        assert_eq!(dry, done);
        assert_eq!(done.from.as_deref(), Some("0.0.9"));
        assert_eq!(
            (done.written, done.removed),
            (vec!["vendor/kinesieve.h".to_owned()], vec!["vendor/gone.h".to_owned()])
        );
        assert!(!project.join("vendor/gone.h").exists());
        assert!(fs::read_to_string(project.join("vendor/kinesieve.h")).expect("there").len() > 1000);
        for mine in ["vendor/mine.h", "src/transform.c"] {
            assert_eq!(fs::read_to_string(project.join(mine)).expect("there"), "mine");
        }
        assert_eq!(upgrade(&project, PLAIN).expect("renewed").written, <[String; 0]>::default());
    }

    #[test]
    fn what_somebody_changed_stays_until_it_is_asked_for() {
        let (_folder, project) = project(Language::C);
        age(&project, "vendor/gone.h", "old");
        for name in ["vendor/kinesieve.h", "vendor/gone.h"] {
            write(&project.join(name), "mine").expect("written");
        }
        let refused = upgrade(&project, PLAIN).expect_err("changed").to_string();
        assert!(refused.contains("vendor/kinesieve.h, vendor/gone.h. --force"), "{refused}");
        assert_eq!(fs::read_to_string(project.join("vendor/kinesieve.h")).expect("there"), "mine");
        upgrade(&project, UpgradeOptions { force: true, ..PLAIN }).expect("renewed");
        assert!(!project.join("vendor/gone.h").exists());
    }

    #[test]
    fn a_project_without_a_record_says_its_language() {
        let (_folder, project) = project(Language::Python);
        fs::remove_file(project.join(SDK_RECORD)).expect("there");
        assert!(upgrade(&project, PLAIN).expect_err("unknown").to_string().contains("--lang"));
        let with = UpgradeOptions { language: Some(Language::Python), ..PLAIN };
        assert_eq!(upgrade(&project, with).expect("renewed").from, None);
        upgrade(&project, PLAIN).expect("it is written now");
        for text in ["", "{}", "[]", r#"{"kinesieve":"0.1.0","language":"cobol","files":{}}"#] {
            fs::write(project.join(SDK_RECORD), text).expect("written");
            assert!(upgrade(&project, PLAIN).expect_err(text).to_string().contains("--lang"));
        }
    }

    #[test]
    fn the_sdk_of_a_language_does_not_take_the_place_of_another_ones() {
        let (_folder, project) = project(Language::Rust);
        let with = UpgradeOptions { language: Some(Language::C), force: true, ..PLAIN };
        let refused = upgrade(&project, with).expect_err("another").to_string();
        assert!(refused.ends_with("the project is in rust, not in c: leave --lang out"), "{refused}");
        assert!(project.join("vendor/kinesieve-sdk/src/lib.rs").exists());
    }

    #[test]
    fn an_older_one_does_not_replace_a_newer_one_nor_a_record_remove_what_is_not_ours() {
        let (_folder, project) = project(Language::C);
        age(&project, "vendor/../src/transform.c", "mine");
        let path = project.join(SDK_RECORD);
        let text = fs::read_to_string(&path).expect("there");
        fs::write(&path, text.replace("0.0.9", "99.0.0")).expect("written");
        let refused = upgrade(&project, PLAIN).expect_err("newer").to_string();
        assert!(refused.starts_with("the SDK is of kinesieve 99.0.0, which is newer"), "{refused}");
        upgrade(&project, UpgradeOptions { force: true, ..PLAIN }).expect("renewed");
        assert_eq!(fs::read_to_string(project.join("src/transform.c")).expect("there"), "mine");
        assert!(!is_newer("0.1.0", "0.1.0") && is_newer("0.10.0", "0.9.9") && !is_newer("odd", "0.1.0"));
    }
}
