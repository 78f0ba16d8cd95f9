//! Where a transform spends its time, as a picture: a flame graph of the stacks that were seen.

use std::fs::File;
use std::io;
use std::path::Path;

use inferno::flamegraph::{Options, from_lines};

use crate::cli::error::CommandError;
use crate::cli::foreign::one_line;
use crate::cli::summary::counted;
use crate::error_code::ErrorCode;
use crate::transform::{FileDescription, StackSamples, describe};

/// Words by which the tools of a language name themselves in a component, and what leaves names in what they build. Those of
/// interpreters come first: they are built by the tools of another language.
const REMEDIES: [(&[&str], &str); 5] = [
    (&["python", "py"], "in Python, the functions are those of its interpreter: do not strip the component"),
    (
        &["javascript", "js", "qjs"],
        "in JavaScript, the functions are those of its engine, which is built without names",
    ),
    (&["go", "tinygo"], "in Go, leave out -ldflags=-s"),
    (&["rust", "rustc"], "in Rust, let `strip` be \"debuginfo\" in [profile.release] of Cargo.toml"),
    (&["clang", "zig", "c11", "c"], "in C, leave out -s, -Wl,--strip-all and -Wl,--strip-debug"),
];

/// Checks that a file can be written, before anything is measured in vain. What is in it stays until then.
pub(super) fn check(file: &Path) -> Result<(), CommandError> {
    File::options().create(true).append(true).open(file).map(drop).map_err(|error| unwritten(file, &error))
}

/// Draws it into a file.
pub(super) fn draw(samples: &StackSamples, transform: &Path, file: &Path) -> Result<(), CommandError> {
    let picture = picture(&samples.folded(), samples.samples(), &transform.display().to_string());
    picture.and_then(|picture| std::fs::write(file, picture)).map_err(|error| unwritten(file, &error))
}

fn unwritten(file: &Path, error: &io::Error) -> CommandError {
    CommandError::new(ErrorCode::FileNotWritten, format!("can't write {}: {error}", file.display()))
}

fn picture(stacks: &[String], samples: u64, transform: &str) -> io::Result<Vec<u8>> {
    let mut options = Options::default();
    options.title = one_line(transform);
    options.subtitle = Some(format!("{} of its time", counted(samples, "sample")));
    options.count_name = "samples".to_owned();
    options.deterministic = true;
    let mut picture = Vec::new();
    from_lines(&mut options, stacks.iter().map(String::as_str), &mut picture)?;
    Ok(picture)
}

/// What to do so that functions have names in the picture.
pub(super) fn remedy(transform: &Path) -> String {
    let producers = match describe(transform) {
        Ok(FileDescription::Component(component)) => component.metadata.producers,
        // A precompiled one does not say what it was built with.
        Ok(FileDescription::Precompiled(_)) | Err(_) => Vec::new(),
    };
    format!("its functions have no names, so that the picture has numbers: {}", remedies(&producers).join("; "))
}

/// The remedy for what these tools built; all of them, where none is known.
fn remedies(producers: &[String]) -> Vec<&'static str> {
    let producers: Vec<String> = producers.iter().map(|producer| producer.to_lowercase()).collect();
    let words = || producers.iter().flat_map(|producer| producer.split(|letter: char| !letter.is_alphanumeric()));
    match REMEDIES.iter().find(|(names, _)| words().any(|word| names.contains(&word))) {
        Some((_, remedy)) => vec![remedy],
        None => REMEDIES.iter().map(|(_, remedy)| *remedy).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_is_that_of_the_language() {
        let of =
            |producers: &[&str]| remedies(&producers.iter().map(|&producer| producer.to_owned()).collect::<Vec<_>>());
        assert!(of(&["wit-bindgen-c 0.51.0", "wit-bindgen-rust 0.45.0"])[0].starts_with("in Rust"));
        assert!(of(&["C11", "clang 21.1.4-wasi-sdk"])[0].starts_with("in C,"));
        assert!(of(&["Rust", "componentize-py 0.25"])[0].starts_with("in Python"));
        assert!(of(&["componentize-qjs 0.4.5", "clang"])[0].starts_with("in JavaScript"));
        assert_eq!(of(&["wit-component 0.244.0"]).len(), REMEDIES.len());
    }

    #[test]
    fn names_are_text_in_the_picture() {
        let stacks =
            ["<script>alert(1)</script>;a&b\"' 3", "x]]>;--><!-- 2", "<svg onload=\"f()\"> 1"].map(str::to_owned);
        let picture = picture(&stacks, 6, "<b>t.wasm</b>").expect("a picture");
        let picture = String::from_utf8(picture).expect("UTF-8");
        assert!(picture.contains("&lt;script&gt;alert(1)&lt;/script&gt; (3 samples"), "{picture}");
        let (_, drawn) = picture.split_once("</script>").expect("the picture's own script");
        for markup in ["<script", "<svg onload", "<!--", "<b>", "-->"] {
            assert!(!drawn.contains(markup), "{markup}: {drawn}");
        }
    }
}
