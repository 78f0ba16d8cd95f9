//! What a person changes in a project while somebody watches it: told from what the build itself changes.
//!
//! A file changed if its content did. Files that the build makes are no sources: those that `kinesieve.json` names, what
//! `.gitignore` names, folders of the tools, and whatever changes with each build and at no other time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, thread};

use ignore::WalkBuilder;
use sha2::{Digest, Sha256};

use super::{PROJECT_FILE, Project};

/// How often a watch looks for changes.
const LOOK: std::time::Duration = std::time::Duration::from_millis(300);

/// How often it is looked whether an editor is done. A program that writes all the time must not hold up the tests.
const MOST_STEPS: u32 = 10;

/// Folders that hold what was built or installed, in one language or another, also where no `.gitignore` says so.
const NOT_SOURCES: [&str; 4] = ["target", "node_modules", "build", "__pycache__"];

/// Files that the tools of languages keep beside the sources, and write anew as they see fit.
const LOCK_FILES: [&str; 3] = ["Cargo.lock", "package-lock.json", "go.sum"];

/// What `kinesieve build` writes: it is made of the component.
const PRECOMPILED: [&str; 2] = [".cwasm", ".cwasm.json"];

/// Files that are longer are told by length and time of change alone.
const MOST_DIGESTED_BYTES: u64 = 8 << 20;

/// A file that changes in so many builds without a pause between is taken for what the build makes.
const BUILDS_TO_TELL: u32 = 3;

/// What became different since the last build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Only files of cases: what was built stays.
    Cases(Vec<PathBuf>),
    /// Files that the transform may be built of, sorted.
    Sources(Vec<PathBuf>),
}

/// What a file is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    bytes: u64,
    changed_at: Option<SystemTime>,
    /// Of its content, where that is short enough.
    digest: Option<[u8; 32]>,
}

impl FileState {
    fn is_other_content(&self, other: &FileState) -> bool {
        match (self.digest, other.digest) {
            (Some(one), Some(other)) => one != other,
            _ => (self.bytes, self.changed_at) != (other.bytes, other.changed_at),
        }
    }
}

type Files = BTreeMap<PathBuf, FileState>;

/// Looks at the files of a project.
#[derive(Debug)]
pub(crate) struct Watch {
    place: Place,
    /// What there was when it was last looked.
    files: Files,
    /// In how many builds in a row each file changed.
    with_builds: BTreeMap<PathBuf, u32>,
    /// Files that change with each build.
    made: BTreeSet<PathBuf>,
    /// What changed while a build ran, and may be missing in it.
    during_build: Vec<PathBuf>,
}

#[derive(Debug)]
enum Place {
    /// A project, and the files of its cases.
    Project { folder: PathBuf, cases: PathBuf },
    /// Nothing is built: a component that somebody else makes, and the files of cases.
    Component { component: PathBuf, cases: PathBuf },
}

impl Watch {
    /// Watches the project in this folder. `cases` is a file of cases, or a folder with files of cases.
    pub(crate) fn of_project(folder: &Path, cases: &Path) -> Self {
        Self::of(Place::Project { folder: folder.to_owned(), cases: cases.to_owned() })
    }

    /// Watches a component that is not built here.
    pub(crate) fn of_component(component: &Path, cases: &Path) -> Self {
        Self::of(Place::Component { component: component.to_owned(), cases: cases.to_owned() })
    }

    fn of(place: Place) -> Self {
        let files = place.look(&Files::new());
        let (with_builds, made) = (BTreeMap::new(), BTreeSet::new());
        Self { place, files, with_builds, made, during_build: Vec::new() }
    }

    /// Says that a build ends, which began when the last change was answered. Answers the files that are from now on
    /// taken for what the build makes.
    pub(crate) fn built(&mut self) -> Vec<PathBuf> {
        let now = self.place.look(&self.files);
        // What is new was made by the build, or is not used yet.
        let changed: BTreeSet<PathBuf> = different(&self.files, &now)
            .into_iter()
            .filter(|path| self.files.contains_key(path) && now.contains_key(path) && !self.made.contains(path))
            .collect();
        self.files = now;
        self.with_builds.retain(|path, _| changed.contains(path));
        let mut told = Vec::new();
        self.during_build.clear();
        for path in changed {
            let builds = self.with_builds.entry(path.clone()).or_default();
            *builds += 1;
            if *builds == BUILDS_TO_TELL {
                self.made.insert(path.clone());
                told.push(path);
            } else {
                self.during_build.push(path);
            }
        }
        told
    }

    /// Waits for a change.
    pub(crate) fn wait(&mut self) -> Change {
        loop {
            if let Some(change) = self.look() {
                return change;
            }
            thread::sleep(LOOK);
        }
    }

    /// Answers what changed since the last look, or while the last build ran.
    fn look(&mut self) -> Option<Change> {
        let mut now = self.place.look(&self.files);
        let mut changed = different(&self.files, &now);
        if !changed.is_empty() {
            // A person pauses between builds.
            self.with_builds.clear();
            // Editors write in steps: what is half written would fail.
            for _ in 0..MOST_STEPS {
                thread::sleep(LOOK / 3);
                let later = self.place.look(&now);
                let is_quiet = different(&now, &later).is_empty();
                now = later;
                if is_quiet {
                    break;
                }
            }
            changed = different(&self.files, &now);
        }
        // What changes while nothing is built is a person's.
        self.made.retain(|path| !changed.contains(path));
        changed.extend(self.during_build.drain(..));
        self.files = now;
        if changed.is_empty() {
            return None;
        }
        let (cases, sources): (Vec<PathBuf>, Vec<PathBuf>) =
            changed.into_iter().partition(|path| self.place.is_case(path));
        Some(if sources.is_empty() { Change::Cases(cases) } else { Change::Sources(sources) })
    }
}

/// The files whose content is not the same in both, those that are in one only included.
fn different(one: &Files, other: &Files) -> BTreeSet<PathBuf> {
    let gone = one.keys().filter(|path| !other.contains_key(*path));
    let changed = other.iter().filter(|(path, state)| one.get(*path).is_none_or(|was| state.is_other_content(was)));
    gone.chain(changed.map(|(path, _)| path)).cloned().collect()
}

impl Place {
    fn cases(&self) -> &Path {
        match self {
            Place::Project { cases, .. } | Place::Component { cases, .. } => cases,
        }
    }

    fn is_case(&self, path: &Path) -> bool {
        let cases = self.cases();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        path == cases || (is_json && path.parent() == Some(cases))
    }

    /// Looks at all files. Of what did not change since `before` the content is not read again.
    fn look(&self, before: &Files) -> Files {
        let mut files = Files::new();
        let mut add = |path: PathBuf| {
            // What goes away while it is looked at is noticed the next time.
            if let Some(state) = state_of(&path, before.get(&path)) {
                files.insert(path, state);
            }
        };
        match self {
            Place::Component { component, .. } => add(component.clone()),
            Place::Project { folder, .. } => {
                let made = Project::open(folder).map(|project| project.made_files()).unwrap_or_default();
                // That file is looked at wherever it may be hidden.
                add(folder.join(PROJECT_FILE));
                sources(folder).filter(|path| !made.contains(path)).for_each(&mut add);
            }
        }
        let cases = self.cases();
        if cases.is_dir() {
            let entries = fs::read_dir(cases).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).filter(|path| self.is_case(path)).for_each(&mut add);
        } else {
            add(cases.to_owned());
        }
        files
    }
}

/// The files that people write in a folder.
fn sources(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let walk = WalkBuilder::new(folder)
        // Also where the folder is no repository yet.
        .require_git(false)
        .filter_entry(|entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            let is_product = NOT_SOURCES.iter().any(|name| entry.file_name() == *name);
            entry.depth() == 0 || !(is_folder && is_product)
        })
        .build();
    walk.flatten()
        .filter(|entry| entry.file_type().is_none_or(|kind| !kind.is_dir()))
        .map(|entry| entry.into_path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !LOCK_FILES.contains(&name.as_ref()) && !PRECOMPILED.iter().any(|ending| name.ends_with(ending))
        })
}

fn state_of(path: &Path, before: Option<&FileState>) -> Option<FileState> {
    // Of what a link names.
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let (bytes, changed_at) = (metadata.len(), metadata.modified().ok());
    if let Some(before) = before
        && (before.bytes, before.changed_at) == (bytes, changed_at)
    {
        return Some(*before);
    }
    let digest = if bytes > MOST_DIGESTED_BYTES {
        None
    } else {
        fs::read(path).ok().map(|content| Sha256::digest(content).into())
    };
    Some(FileState { bytes, changed_at, digest })
}
