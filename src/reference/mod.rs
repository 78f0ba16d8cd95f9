//! The reference pages of the documentation, made from the code: what is defined once is described once.
//!
//! Each page lies in the repository, so that it can be read there. A test compares the pages with what is made here, and
//! `make reference` writes them anew.

mod command_line;
mod errors;
mod exit_codes;
mod markdown;
mod metrics;
mod settings;

/// A page of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePage {
    /// Its path below the folder of the documentation.
    pub path: &'static str,
    /// Its text, as Markdown.
    pub text: String,
}

/// Returns all pages that are made from the code. `template` is the text of the deployment's template: it says which of its
/// parameters sets which variable.
pub fn pages(template: &str) -> Vec<ReferencePage> {
    vec![
        ReferencePage { path: "reference/settings.md", text: settings::page(template) },
        ReferencePage { path: "reference/command-line.md", text: command_line::page() },
        ReferencePage { path: "reference/exit-codes.md", text: exit_codes::page() },
        ReferencePage { path: "reference/metrics.md", text: metrics::page() },
        ReferencePage { path: "reference/errors/index.md", text: errors::page() },
    ]
}
