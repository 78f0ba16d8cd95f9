//! Whether two paths are one file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Whether two paths lead to one file, which need not be there yet.
pub fn is_same_file(left: &Path, right: &Path) -> bool {
    FileId::of(left) == FileId::of(right)
}

/// Which file a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum FileId {
    /// A regular file that is there, by its device and its number on it: links of both kinds lead to it.
    Regular(u64, u64),
    /// What else is there, or the file that whoever writes to the path would make.
    Other(PathBuf),
}

impl FileId {
    fn of(path: &Path) -> Self {
        /// As many as Linux follows.
        const MOST_LINKS: usize = 40;

        if let Some(file) = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file) {
            return FileId::Regular(file.dev(), file.ino());
        }
        if let Ok(resolved) = path.canonicalize() {
            return FileId::Other(resolved);
        }
        // A link to a file that is not there yet: it is made where the link leads.
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let Ok(target) = std::fs::read_link(&path) else { break };
            path = folder(&path).join(target);
        }
        match (folder(&path).canonicalize(), path.file_name()) {
            (Ok(folder), Some(name)) => FileId::Other(folder.join(name)),
            _ => FileId::Other(path),
        }
    }
}

/// The folder that a path is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever writes through a link makes the file that it leads to.
    #[test]
    fn a_file_that_is_not_there_yet_is_the_one_that_its_links_lead_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("sub")).expect("made");
        for (link, target) in [("link", "to-come"), ("sub/link", "../link"), ("loop", "loop"), ("other", "sub/to-come")]
        {
            std::os::unix::fs::symlink(target, at(link)).expect("linked");
        }
        for same in ["link", "sub/link", "sub/../to-come", "sub/../sub/link"] {
            assert!(is_same_file(&at("to-come"), &at(same)), "{same}");
        }
        for other in ["loop", "other", "sub/to-come", "sub"] {
            assert!(!is_same_file(&at("to-come"), &at(other)), "{other}");
        }
        assert!(is_same_file(&at("loop"), &at("sub/../loop")));
    }
}
