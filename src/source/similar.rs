//! Files that are called nearly as one that is not there.

use std::path::Path;

/// Entries of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// Files that are named at most.
const MOST_NAMES: usize = 3;

/// Returns the files beside a path that is not there, whose names are nearly its, the nearest first. A path without an
/// ending may mean a file with one.
pub fn similar_files(path: &Path) -> Vec<String> {
    let Some(wanted) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
    let mut found: Vec<(usize, String)> = entries
        .take(MOST_ENTRIES)
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let distance = distance(wanted, &name)?;
            entry.path().is_file().then_some((distance, name))
        })
        .collect();
    found.sort_unstable();
    let shown = |name: String| folder.map_or(name.clone(), |folder| folder.join(name).display().to_string());
    found.into_iter().take(MOST_NAMES).map(|(_, name)| shown(name)).collect()
}

/// Returns what a message says behind the name of a file that is not there: which files may be meant, if any.
pub fn did_you_mean(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!(" (did you mean {}?)", similar.join(" or ")) }
}

/// How far a name is from the one that is wanted; none: too far to be meant.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    let most = (wanted.chars().count() / 4).clamp(1, 3);
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).filter(|_| !wanted.contains('.'));
    let within = |candidate: &str| {
        // Names of very different lengths are not compared.
        let is_near = candidate.len().abs_diff(wanted.len()) <= 4 * most;
        is_near.then(|| strsim::osa_distance(wanted, candidate)).filter(|distance| *distance <= most)
    };
    within(name).into_iter().chain(stem.and_then(within)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_nearly_it_are_found_and_others_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["readings.ndjson", "readings.json", "orders.ndjson", "a"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        std::fs::create_dir(folder.path().join("readingx")).expect("made");
        for (wanted, expected) in [
            ("redings", &["readings.json", "readings.ndjson"][..]),
            ("readings.ndjsn", &["readings.ndjson", "readings.json"]),
            ("reading.json", &["readings.json", "readings.ndjson"]),
            ("order", &["orders.ndjson"]),
            ("invoices", &[]),
            ("b", &["a"]),
        ] {
            let expected: Vec<String> =
                expected.iter().map(|name| folder.path().join(name).display().to_string()).collect();
            assert_eq!(similar_files(&folder.path().join(wanted)), expected, "{wanted}");
        }
        assert_eq!(similar_files(Path::new("/nowhere/readings")), Vec::<String>::new());
        assert_eq!(similar_files(Path::new("/")), Vec::<String>::new());
    }
}
