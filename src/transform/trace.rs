//! Where a guest broke: the functions on its stack, the innermost first, with the lines of their sources where those are
//! known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::WasmBacktrace;

/// What makes a folder a project: its sources are named from there.
const PROJECT_FILE: &str = "kinesieve.json";

/// The most lines of a trace. The engine keeps twenty frames, and each may stand for any number of inlined functions.
const LINES: usize = 60;

/// The most characters of a function's name: those of generic functions have pages.
const NAME_CHARACTERS: usize = 90;

/// The folder that a component's sources are in, if it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceFolder(Option<Arc<Path>>);

impl SourceFolder {
    /// The project that a component was built in: the nearest folder above it.
    pub(super) fn of(component: &Path) -> Self {
        // Not resolved any further: compilers write the path that they were started in.
        let component = std::path::absolute(component).unwrap_or_else(|_| component.to_owned());
        let project = component.ancestors().skip(1).find(|folder| folder.join(PROJECT_FILE).is_file());
        Self(project.map(Arc::from))
    }

    /// A path as a person looks for it: from the project on, or from the name of the library on.
    fn shortened(&self, path: &str) -> String {
        let inside = self.0.as_deref().and_then(|folder| Path::new(path).strip_prefix(folder).ok());
        if let Some(inside) = inside {
            return without_dots(inside).display().to_string();
        }
        // What Cargo fetched, below a folder that is named after the registry; and Rust's own library.
        for marker in ["/registry/src/", "/rustc/"] {
            if let Some((_, below)) = path.split_once(marker)
                && let Some((_, file)) = below.split_once('/')
            {
                return file.to_owned();
            }
        }
        without_dots(Path::new(path)).display().to_string()
    }
}

/// A path without the steps that stay where they are: `./src/./a.c` is `src/a.c`.
fn without_dots(path: &Path) -> PathBuf {
    path.components().filter(|component| !matches!(component, std::path::Component::CurDir)).collect()
}

/// The lines of a trace: one for each function.
pub(super) fn of(backtrace: &WasmBacktrace, sources: &SourceFolder) -> Vec<String> {
    let has_names = backtrace.frames().iter().any(|frame| frame.func_name().is_some());
    let lines = laid_out(&backtrace.to_string(), has_names, sources);
    // As Rust's own traces have it.
    let is_full = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full");
    if is_full { lines } else { without_panic(lines) }
}

/// A trace without the functions by which Rust panics: they come before the one that did, and are always the same.
fn without_panic(mut lines: Vec<String>) -> Vec<String> {
    let of_panic = lines.iter().take_while(|line| is_of_panic(line)).count();
    // A trace of nothing else says how it came to that.
    if of_panic < 2 || of_panic == lines.len() {
        return lines;
    }
    let what = format!("   ... {of_panic} of Rust's own, which RUST_BACKTRACE=full shows");
    lines.splice(..of_panic, [what]);
    lines
}

/// Whether a line is of a function that is at work between a panic and the end.
fn is_of_panic(line: &str) -> bool {
    const CRATES: [&str; 4] = ["std::", "core::panicking::", "__rustc::", "panic_abort::"];
    // A frame has a number, and an offset where that is known.
    let Some((_, name)) = line.split_once(" - ").or_else(|| line.split_once(": ")) else { return false };
    let name = name.split_once('!').map_or(name, |(_, name)| name);
    name == "abort" || name.starts_with("abort ") || CRATES.iter().any(|of_crate| name.starts_with(of_crate))
}

/// Lays out the text that the engine makes of a trace: a heading, a line a function, and in a line of its own where that
/// is.
fn laid_out(text: &str, has_names: bool, sources: &SourceFolder) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut left_out = 0;
    for line in text.lines().skip(1) {
        let place = line.trim_start().strip_prefix("at ").filter(|_| line.starts_with("          "));
        if line.starts_with("note: ") {
            // It speaks of the engine's own command line.
        } else if let (Some(place), Some(function)) = (place, lines.last_mut()) {
            if left_out == 0 {
                function.push_str(" at ");
                function.push_str(&sources.shortened(place));
            }
        } else if lines.len() == LINES {
            left_out += 1;
        } else {
            lines.push(readable(line.trim_end()));
        }
    }
    if left_out > 0 {
        lines.push(format!("   ... {left_out} more"));
    }
    if !has_names {
        lines.push("   its functions have no names: build it without stripping them".to_owned());
    }
    lines
}

/// The line of a function, with as much of its name as a line has room for beside where it is.
fn readable(line: &str) -> String {
    let (before, name) = line.split_once("- ").map_or(("", line), |(before, name)| (before, name));
    let name = without_digests(&demangled(name));
    let short: String = name.chars().take(NAME_CHARACTERS).collect();
    let sign = if short.len() < name.len() { "…" } else { "" };
    let separator = if before.is_empty() { "" } else { "- " };
    format!("{before}{separator}{short}{sign}")
}

/// A name of Rust as its author wrote it, behind its module and `!`. The engine does the same where it is built for that, and for
/// C++ as well: so much is not in the package of a function.
fn demangled(name: &str) -> String {
    let (module, function) = name.split_at(name.rfind('!').map_or(0, |place| place + 1));
    match rustc_demangle::try_demangle(function) {
        Ok(function) => format!("{module}{function:#}"),
        Err(_) => name.to_owned(),
    }
}

/// A name of Rust without what tells crates of one name apart: `std[d123b7a1a2ed1472]::process` is `std::process`.
fn without_digests(name: &str) -> String {
    let mut rest = name;
    let mut readable = String::with_capacity(name.len());
    while let Some((before, behind)) = rest.split_once('[') {
        readable.push_str(before);
        match behind.split_once(']') {
            Some((digest, after)) if digest.len() > 8 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                rest = after
            }
            _ => {
                readable.push('[');
                rest = behind;
            }
        }
    }
    readable + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> SourceFolder {
        SourceFolder(Some(Arc::from(Path::new("/home/a/masker"))))
    }

    #[test]
    fn a_function_has_a_line_with_where_it_is() {
        let text = "error while executing at wasm backtrace:\n    0:     0x1d2c - parse\n                    at \
                    /home/a/masker/./src/json.c:17:3\n                - process\n                    at \
                    /home/a/masker/src/transform.c:40\n    1:     0x2000 - masker.wasm!kinesieve:transform#process\n\
                    note: using the `WASMTIME_BACKTRACE_DETAILS=1` environment variable may show more";
        insta::assert_snapshot!(laid_out(text, true, &sources()).join("\n"), @r"
            0:     0x1d2c - parse at src/json.c:17:3
                        - process at src/transform.c:40
            1:     0x2000 - masker.wasm!kinesieve:transform#process
        ");
    }

    #[test]
    fn names_of_rust_are_read_without_the_engine() {
        for (name, expected) in [
            ("a.wasm!_ZN4core9panicking5panic17h0123456789abcdefE", "a.wasm!core::panicking::panic"),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            ("a.wasm!kinesieve:transform#process", "a.wasm!kinesieve:transform#process"),
            ("a.wasm!_ZN", "a.wasm!_ZN"),
        ] {
            assert_eq!(demangled(name), expected);
        }
    }

    #[test]
    fn paths_are_as_short_as_they_can_be_found_by() {
        for (path, shown) in [
            ("/home/a/masker/src/lib.rs:1:2", "src/lib.rs:1:2"),
            ("./src/transform.c:9:1", "src/transform.c:9:1"),
            ("/home/a/masker-2/src/lib.rs:1:2", "/home/a/masker-2/src/lib.rs:1:2"),
            (
                "/home/a/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/serde-1.0.228/src/de.rs:3",
                "serde-1.0.228/src/de.rs:3",
            ),
            ("/rustc/0123456789abcdef/library/core/src/panicking.rs:75:14", "library/core/src/panicking.rs:75:14"),
            ("/rustc/", "/rustc"),
            ("", ""),
        ] {
            assert_eq!(sources().shortened(path), shown);
        }
        assert_eq!(SourceFolder::default().shortened("/home/a/masker/src/lib.rs:1"), "/home/a/masker/src/lib.rs:1");
    }

    #[test]
    fn a_panic_begins_where_the_author_panics() {
        let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
        let panic = "    0: m.wasm!std::panicking::panic_with_hook\n    0:  0x1 - abort\n    1:  0x2 - m.wasm!std::process::abort\n         - __rustc::rust_panic at \
                     library/std/src/panicking.rs:886:25\n    2:  0x4 - core::panicking::panic_fmt\n";
        let author = "    3:  0x5 - process at src/lib.rs:28:9\n    4:  0x6 - core::ops::call";
        let shown = without_panic(lines(&format!("{panic}{author}")));
        assert_eq!(shown[0], "   ... 5 of Rust's own, which RUST_BACKTRACE=full shows");
        assert_eq!(shown[1..], lines(author)[..]);
        // What is nothing else stays, and so does what is of no panic.
        for whole in [panic, author, "", "no trace"] {
            assert_eq!(without_panic(lines(whole)), lines(whole));
        }
    }

    #[test]
    fn names_are_short_enough_for_what_stands_behind_them() {
        assert_eq!(
            readable("  1:   0xfef8 - std[d123b7a1a2ed1472]::process::abort"),
            "  1:   0xfef8 - std::process::abort"
        );
        assert_eq!(readable("  1: m!<[u8] as a[b][d123b7a1a2ed1472]>::f["), "  1: m!<[u8] as a[b]>::f[");
        let long = readable(&format!("    - {}", "é".repeat(200)));
        assert_eq!(long, format!("    - {}…", "é".repeat(NAME_CHARACTERS)));
    }

    #[test]
    fn a_trace_is_bounded_and_names_are_missed() {
        let frame = "    0:     0x1 - f\n                    at x.c:1\n";
        let lines = laid_out(&format!("heading\n{}", frame.repeat(100)), false, &SourceFolder::default());
        assert_eq!(lines.len(), LINES + 2);
        assert_eq!(lines[LINES], "   ... 40 more");
        assert!(lines[LINES + 1].contains("have no names"), "{lines:?}");
        // Names may hold what they like.
        for text in ["", "heading", "heading\n", "heading\nat x", "heading\n\n at x\n          at y"] {
            laid_out(text, true, &SourceFolder::default());
        }
    }
}
