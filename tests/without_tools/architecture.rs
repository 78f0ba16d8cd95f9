//! The code is as its map says: what is named is there, and data flows one way.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::files;

/// A file imports only from rooms further down the map in `src/lib.rs`, so that there are no circles. What only unit tests
/// import does not count, be they at the end of a file or in a `tests.rs` of their own.
#[test]
fn rooms_import_only_from_rooms_further_down_the_map() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = std::fs::read_to_string(sources.join("lib.rs")).expect("the map");
    let rooms: Vec<&str> = map.lines().filter_map(room).collect();
    assert!(rooms.len() > 20, "{rooms:?}");
    let place = |room: &str| rooms.iter().position(|known| *known == room);
    let mut looked_at = 0;
    for path in files(&sources, "rs") {
        let first = path.strip_prefix(&sources).expect("below").components().next().expect("a name");
        let room = Path::new(first.as_os_str()).with_extension("");
        let room = room.to_str().expect("UTF-8");
        if matches!(room, "lib" | "bin") || path.ends_with("tests.rs") {
            continue;
        }
        let own = place(room).unwrap_or_else(|| panic!("{room} is not on the map"));
        let source = std::fs::read_to_string(&path).expect("a source");
        for imported in imports(&source) {
            looked_at += 1;
            let lies = place(imported).unwrap_or_else(|| panic!("{}: {imported} is not on the map", path.display()));
            assert!(lies >= own, "{} imports from {imported}, which stands above {room} on the map", path.display());
        }
    }
    assert!(looked_at > 300, "only {looked_at} imports were found");
}

/// The room of a row of the map.
fn room(line: &str) -> Option<&str> {
    let name = line.strip_prefix("//! | ")?.split('|').next()?.trim();
    let name = name.trim_matches(['[', ']', '`']).trim_start_matches("mod@");
    (name != "room" && !name.starts_with('-')).then_some(name)
}

/// The rooms that a source imports from, but for its unit tests, which stand at its end.
fn imports(source: &str) -> BTreeSet<&str> {
    let (code, _) = source.split_once("#[cfg(test)]\nmod tests").unwrap_or((source, ""));
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = lines.flat_map(|line| line.split("crate::").skip(1));
    let names = paths.map(|path| path.split(|character: char| !character.is_alphanumeric() && character != '_').next());
    names.flatten().filter(|name| name.starts_with(char::is_lowercase)).collect()
}

/// Each type that the glossary names is defined, and once, so that a search leads to it.
#[test]
fn the_glossary_names_types_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let architecture = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the architecture");
    let (_, glossary) = architecture.split_once("\n## Glossary\n").expect("a glossary");
    let sources: Vec<String> =
        files(&root.join("src"), "rs").map(|path| std::fs::read_to_string(path).expect("a source")).collect();
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1));
    let types: Vec<&str> = rows.flat_map(|types| types.split('`')).filter(|text| text.contains("::")).collect();
    assert!(types.len() > 20, "{types:?}");
    for path in types {
        let (_, name) = path.rsplit_once("::").expect("a path");
        let defined: usize = ["struct", "enum", "trait"]
            .map(|keyword| {
                sources.iter().map(|source| definitions(source, &format!("{keyword} {name}"))).sum::<usize>()
            })
            .iter()
            .sum();
        assert_eq!(defined, 1, "{path} is defined {defined} times");
    }
}

/// How often a source begins a line with a definition.
fn definitions(source: &str, definition: &str) -> usize {
    let lines = source.lines().filter_map(|line| line.find(definition).map(|start| line.split_at(start)));
    lines
        .filter(|(before, rest)| {
            let is_whole = rest[definition.len()..].chars().next().is_none_or(|next| !next.is_alphanumeric());
            is_whole && (before.is_empty() || before.starts_with("pub"))
        })
        .count()
}
