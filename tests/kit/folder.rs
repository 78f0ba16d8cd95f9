//! A project whose build copies a component that is there already: what it does is what the test says.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::guest_file;

/// A project in a folder of its own, which is gone with the value.
pub(super) struct ProjectFolder {
    folder: tempfile::TempDir,
}

impl ProjectFolder {
    /// A project of a guest. `also` is what its build does besides, in the words of a shell.
    pub(super) fn of(guest: &str, also: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().join("masker");
        fs::create_dir_all(project.join("tests")).expect("made");
        fs::create_dir_all(project.join("src/deep")).expect("made");
        let this = Self { folder };
        let component = guest_file(guest);
        // Counted in a hidden file, which nobody watches.
        this.write("build.sh", &format!("echo built >> .builds\ncp '{}' masker.wasm\n{also}\n", component.display()));
        this.write("kinesieve.json", r#"{"build": [["sh", "build.sh"]], "component": "masker.wasm"}"#);
        this.write("src/transform.txt", "one");
        this
    }

    /// The folder of the project.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("masker")
    }

    /// The folder above.
    pub(super) fn above(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("written");
    }

    /// How often it was built.
    pub(super) fn builds(&self) -> usize {
        fs::read_to_string(self.path().join(".builds")).map_or(0, |text| text.lines().count())
    }
}
