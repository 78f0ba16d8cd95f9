//! Where the transform is, or that there is none.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// What says that there is none. A file of that name is `./none`.
const NONE: &str = "none";

/// Where the transform is, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransformPlace {
    /// In this file, or the folder of a project.
    At(PathBuf),
    /// There is none: it was said.
    Nowhere,
}

impl TransformPlace {
    /// Returns the path, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            TransformPlace::At(path) => Some(path),
            TransformPlace::Nowhere => None,
        }
    }
}

impl From<OsString> for TransformPlace {
    fn from(text: OsString) -> Self {
        if text == NONE { TransformPlace::Nowhere } else { TransformPlace::At(text.into()) }
    }
}

impl From<PathBuf> for TransformPlace {
    fn from(path: PathBuf) -> Self {
        TransformPlace::At(path)
    }
}

impl fmt::Display for TransformPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransformPlace::At(path) => path.display().fmt(formatter),
            TransformPlace::Nowhere => formatter.write_str(NONE),
        }
    }
}
