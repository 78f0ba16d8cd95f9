//! The reference pages of the documentation say what the code says.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use kinesieve::reference::pages;
use kinesieve::settings::FunctionSettings;

use crate::support::files;

/// Set, it makes the test write the pages anew.
const UPDATE: &str = "UPDATE_REFERENCE";

const TEMPLATE: &str = include_str!("../../template.yaml");
const FIREHOSE_TEMPLATE: &str = include_str!("../../template-firehose.yaml");
const PIPES_TEMPLATE: &str = include_str!("../../template-pipes.yaml");

fn documentation() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

#[test]
fn the_pages_are_those_that_the_code_makes() {
    let is_update = std::env::var_os(UPDATE).is_some();
    for page in pages(TEMPLATE) {
        let path = documentation().join(page.path);
        if is_update {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, &page.text).expect("written");
            continue;
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let differing = page.text.lines().zip(found.lines()).find(|(made, found)| made != found);
        assert!(
            found == page.text,
            "{} is not what the code makes: run `make reference`. The first line that differs: {differing:?}",
            path.display()
        );
    }
}

/// A variable that no setting reads would stop the function, and one that a template leaves out can't be set with it.
#[test]
fn the_template_sets_the_variables_that_there_are() {
    let command = FunctionSettings::command();
    let settings: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
    assert!(settings.len() > 30, "{settings:?}");
    for (name, template) in [
        ("template.yaml", TEMPLATE),
        ("template-firehose.yaml", FIREHOSE_TEMPLATE),
        ("template-pipes.yaml", PIPES_TEMPLATE),
    ] {
        let set: Vec<&str> = variables_of(template).collect();
        assert!(!set.is_empty(), "{name} sets no variable");
        for variable in &set {
            assert!(settings.contains(variable) || *variable == "KINESIEVE_ROUTES", "{name} sets {variable}");
        }
    }
    let set: Vec<&str> = variables_of(TEMPLATE).collect();
    // How a deployed function reaches AWS, its role and its region say.
    let access = command.get_arguments().filter(|arg| arg.get_help_heading() == Some("Of access to AWS"));
    let access: Vec<&str> = access.filter_map(|arg| arg.get_env()?.to_str()).collect();
    assert!(access.len() > 15, "{access:?}");
    for variable in settings.into_iter().filter(|variable| !access.contains(variable)) {
        // With all others set, the file would have no effect.
        assert!(set.contains(&variable) || variable == "KINESIEVE_CONNECTOR", "template.yaml does not set {variable}");
    }
}

fn variables_of(template: &str) -> impl Iterator<Item = &str> {
    let lines = template.lines().map(str::trim);
    lines.filter_map(|line| line.split_once(':')).map(|(name, _)| name).filter(|name| name.starts_with("KINESIEVE_"))
}

/// What a person reads about settings elsewhere names no variable that does not exist.
#[test]
fn no_page_names_a_variable_that_there_is_not() {
    let command = FunctionSettings::command();
    let mut known: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
    known.push("KINESIEVE_ROUTES");
    let mut looked_at = 0;
    for path in markdown_files(&documentation()).chain([documentation().join("../README.md")]) {
        let text = std::fs::read_to_string(&path).expect("a page");
        for word in text.split(|character: char| {
            !(character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_')
        }) {
            let Some(rest) = word.strip_prefix("KINESIEVE_") else { continue };
            looked_at += 1;
            // `KINESIEVE_MAX_` and the like speak of several.
            let is_several = rest.is_empty() || word.ends_with('_') || rest.starts_with("ROUTE_");
            // The page about variables that there are not shows one.
            if path.ends_with("reference/errors/K101.md") && word == "KINESIEVE_DEADLETTER" {
                continue;
            }
            assert!(is_several || known.contains(&word), "{} names {word}", path.display());
        }
    }
    assert!(looked_at > 50, "only {looked_at} variables are named at all");
}

fn markdown_files(folder: &Path) -> Box<dyn Iterator<Item = PathBuf>> {
    files(folder, "md")
}
