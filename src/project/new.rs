//! A new project: a folder that builds at once, with the contract, an example, its cases and a page about it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::language::{Kind, Language, sdk_files};
use super::templates::TemplateFile;
use super::upgrade::{SDK_RECORD, record_of};
use crate::error_code::ErrorCode;

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewError {
    /// Toolchains take few names.
    #[error(
        "{name:?} is no name for a project: use small letters, digits and hyphens, a letter first, at most 64. The name \
         is that of the folder"
    )]
    Name { name: String },
    /// The tools of the language know something else by this name.
    #[error("{name:?} means something else to the tools of {language}: name the folder {name}-transform, for instance")]
    Reserved { name: String, language: &'static str },
    /// Nothing is overwritten.
    #[error("{path} is there already, and nothing is overwritten: name another folder, or remove it")]
    Taken { path: PathBuf },
    /// The folder can't be looked at.
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    /// Only some languages have one.
    #[error(
        "there is no project of this kind in {language}: --kind window goes with --lang {}. In another language, \
         implement the interface `window` of wit/window.wit in a project of kind record",
        .languages.join(", ")
    )]
    NoExample { language: &'static str, languages: Vec<String> },
    /// The disk says no.
    #[error("can't write {path}: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
}

impl NewError {
    /// Returns the code of the error.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            NewError::Name { .. } | NewError::Reserved { .. } => ErrorCode::InvalidProjectName,
            NewError::Taken { .. } => ErrorCode::ProjectTaken,
            NewError::Unreadable { .. } => ErrorCode::ProjectUnreadable,
            NewError::NoExample { .. } => ErrorCode::Contradiction,
            NewError::Unwritable { .. } => ErrorCode::FileNotWritten,
        }
    }
}

/// The name of the project in a folder: that of the folder, also where it is said as `.` or `..`.
fn name_of(folder: &Path) -> Result<String, NewError> {
    let unreadable = |source| NewError::Unreadable { path: folder.to_owned(), source };
    let folder = match folder.components().next_back() {
        Some(Component::Normal(_)) => folder.to_owned(),
        _ => fs::canonicalize(folder).map_err(unreadable)?,
    };
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    let is_fine = name.bytes().next().is_some_and(is_letter)
        && name.len() <= 64
        && !name.ends_with('-')
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'-');
    if is_fine { Ok(name) } else { Err(NewError::Name { name }) }
}

/// The first thing in a folder that keeps a project from being made there, if there is one. What is hidden, such as the
/// folder of a version control, is in nobody's way.
fn taken(folder: &Path, files: &[&TemplateFile]) -> Result<Option<PathBuf>, NewError> {
    let unreadable = |source| NewError::Unreadable { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Some(folder.to_owned())),
        Err(error) => return Err(unreadable(error)),
    };
    for entry in entries {
        let is_hidden = entry.map_err(unreadable)?.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden {
            return Ok(Some(folder.to_owned()));
        }
    }
    let mut paths = files.iter().map(|(path, _)| folder.join(path));
    Ok(paths.find(|path| path.symlink_metadata().is_ok()))
}

/// Makes a project in a folder that is not there yet, or holds nothing but what is hidden. Its name is that of the folder.
pub(crate) fn make(folder: &Path, language: Language, kind: Kind) -> Result<(), NewError> {
    let kit = language.kit();
    let no_example = || NewError::NoExample { language: kit.name, languages: Language::with(kind) };
    let files = language.files(kind).ok_or_else(no_example)?;
    let name = name_of(folder)?;
    if kit.reserved.split_whitespace().any(|word| word == name) {
        return Err(NewError::Reserved { name, language: kit.name });
    }
    if let Some(path) = taken(folder, &files)? {
        return Err(NewError::Taken { path });
    }
    let snake = name.replace('-', "_");
    let component = match language {
        Language::Rust => format!("target/wasm32-wasip2/release/{snake}.wasm"),
        Language::Javascript | Language::Typescript | Language::Python | Language::C | Language::Go => {
            format!("{name}.wasm")
        }
    };
    let values = [
        ("{{name}}", name.as_str()),
        ("{{snake}}", &snake),
        ("{{version}}", env!("CARGO_PKG_VERSION")),
        ("{{language}}", kit.name),
        ("{{source}}", kit.source),
        ("{{component}}", &component),
        ("{{files}}", kit.about_files),
        ("{{needs}}", kit.needs),
        ("{{setup}}", kit.setup),
    ];
    let record = record_of(language, &sdk_files(language));
    let files = files.into_iter().map(|(path, text)| {
        (*path, values.iter().fold((*text).to_owned(), |text, (place, value)| text.replace(place, value)))
    });
    for (path, text) in files.chain([(SDK_RECORD, record)]) {
        let path = folder.join(path);
        let written = match path.parent() {
            Some(parent) => fs::create_dir_all(parent).and_then(|()| fs::write(&path, text)),
            None => fs::write(&path, text),
        };
        written.map_err(|source| NewError::Unwritable { path, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let all =
            Language::value_variants().iter().flat_map(|language| [(language, Kind::Record), (language, Kind::Window)]);
        for (language, kind) in all.filter(|(language, kind)| language.files(*kind).is_some()) {
            let project = folder.path().join(format!("p-{}-{kind:?}", language.kit().name).to_lowercase());
            make(&project, *language, kind).expect("made");
            for (path, _) in language.files(kind).expect("it has one") {
                let text = fs::read_to_string(project.join(path)).expect("written");
                assert!(path.starts_with("vendor/") || !text.contains("{{"), "{path} of {language:?}:\n{text}");
            }
            for (path, text) in sdk_files(*language) {
                // What it is filled in with would be lost by an upgrade.
                assert_eq!(text, fs::read_to_string(project.join(&path)).expect("written"), "{path} of {language:?}");
            }
            super::super::Project::open(&project).expect("a project");
        }
    }

    #[test]
    fn a_kind_without_an_example_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for (language, name) in [(Language::Go, "Go"), (Language::C, "C")] {
            let error = make(&folder.path().join("sums"), language, Kind::Window).expect_err("no example").to_string();
            assert!(error.starts_with(&format!("there is no project of this kind in {name}: ")), "{error}");
            assert!(error.contains("--kind window goes with --lang rust, javascript, typescript, python."), "{error}");
            assert!(!folder.path().join("sums").exists());
        }
    }

    #[test]
    fn what_is_there_stays_and_odd_names_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        make(folder.path().join("empty-first").as_path(), Language::Python, Kind::Record).expect("made");
        let again = make(folder.path().join("empty-first").as_path(), Language::Rust, Kind::Record).expect_err("taken");
        assert!(again.to_string().contains("is there already"), "{again}");
        for name in ["1st", "Upper", "a b", "a_b", "a-", "ä"] {
            let error = make(&folder.path().join(name), Language::Rust, Kind::Record).expect_err(name).to_string();
            assert!(error.contains("is no name for a project"), "{error}");
        }
    }
}
