//! The files of new projects, by language: what a folder has that `kinesieve new` makes.

use super::CONTRACT;

/// The contract of transforms of windows.
const WINDOW_CONTRACT: &str = include_str!("../../wit/window.wit");

/// A file of a template: where it goes, and its text, in which `{{...}}` stands for what depends on the project.
pub(super) type TemplateFile = (&'static str, &'static str);

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

/// What all of them have.
pub(super) const COMMON: &[TemplateFile] = &[
    (".github/workflows/transform.yml", template!("common/workflow.yml")),
    ("README.md", template!("common/README.md")),
    ("input.ndjson", template!("common/input.ndjson")),
    ("tests/readings.json", template!("common/readings.json")),
    ("tests/settings.json", template!("common/settings.json")),
];

/// What is in the place of these where the transform is of windows.
pub(super) const COMMON_WINDOW: &[TemplateFile] = &[
    (".github/workflows/transform.yml", template!("common/workflow.yml")),
    ("README.md", template!("common/window/README.md")),
    ("input.ndjson", template!("common/window/input.ndjson")),
    ("tests/readings.json", template!("common/window/readings.json")),
    ("tests/settings.json", template!("common/settings.json")),
];

/// What is in the place of a file of this name in [`RUST`].
pub(super) const RUST_WINDOW: &[TemplateFile] = &[("src/lib.rs", template!("rust/window/lib.rs"))];

pub(super) const RUST: &[TemplateFile] = &[
    (".gitignore", "/target\n"),
    ("Cargo.toml", template!("rust/Cargo.toml.in")),
    ("kinesieve.json", template!("rust/kinesieve.json")),
    ("src/lib.rs", template!("rust/src/lib.rs")),
    ("vendor/kinesieve-sdk/Cargo.toml", template!("rust/vendor/sdk.toml.in")),
    ("vendor/kinesieve-sdk/macros/Cargo.toml", template!("rust/vendor/macros.toml.in")),
    ("vendor/kinesieve-sdk/wit/transform.wit", CONTRACT),
    ("vendor/kinesieve-sdk/wit/window.wit", WINDOW_CONTRACT),
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

/// What is in the place of files of these names in [`JAVASCRIPT`].
pub(super) const JAVASCRIPT_WINDOW: &[TemplateFile] = &[
    ("package.json", template!("javascript/window/package.json")),
    ("src/transform.js", template!("javascript/window/transform.js")),
];

pub(super) const JAVASCRIPT: &[TemplateFile] = &[
    (".gitignore", "/node_modules\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("jsconfig.json", template!("javascript/jsconfig.json")),
    ("kinesieve.json", template!("javascript/kinesieve.json")),
    ("package.json", template!("javascript/package.json")),
    ("src/transform.js", template!("javascript/transform.js")),
];

/// What is in the place of files of these names in [`TYPESCRIPT`].
pub(super) const TYPESCRIPT_WINDOW: &[TemplateFile] = &[
    ("package.json", template!("typescript/window/package.json")),
    ("src/transform.ts", template!("typescript/window/transform.ts")),
];

pub(super) const TYPESCRIPT: &[TemplateFile] = &[
    (".gitignore", "/node_modules\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("kinesieve.json", template!("typescript/kinesieve.json")),
    ("package.json", template!("typescript/package.json")),
    ("src/transform.ts", template!("typescript/src/transform.ts")),
    ("tsconfig.json", template!("typescript/tsconfig.json")),
];

/// What both of them have of the SDK: all that its package has.
pub(super) const JAVASCRIPT_SDK: &[TemplateFile] = &[
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
    javascript_sdk!("lib/kind.js"),
    javascript_sdk!("lib/source-map.js"),
    javascript_sdk!("package.json"),
    javascript_sdk!("runtime/absent.js"),
    javascript_sdk!("runtime/author.js"),
    javascript_sdk!("runtime/clone.js"),
    javascript_sdk!("runtime/console.js"),
    javascript_sdk!("runtime/decoders.js"),
    javascript_sdk!("runtime/domains.js"),
    javascript_sdk!("runtime/encoding.js"),
    javascript_sdk!("runtime/end.js"),
    javascript_sdk!("runtime/errors.js"),
    javascript_sdk!("runtime/fold.js"),
    javascript_sdk!("runtime/folding.js"),
    javascript_sdk!("runtime/globals.js"),
    javascript_sdk!("runtime/inspect.js"),
    javascript_sdk!("runtime/microtasks.js"),
    javascript_sdk!("runtime/named.js"),
    javascript_sdk!("runtime/no-url.js"),
    javascript_sdk!("runtime/outcome.js"),
    javascript_sdk!("runtime/outputs.js"),
    javascript_sdk!("runtime/random.js"),
    javascript_sdk!("runtime/serve.js"),
    javascript_sdk!("runtime/stack.js"),
    javascript_sdk!("runtime/state.js"),
    javascript_sdk!("runtime/time.js"),
    javascript_sdk!("runtime/url.js"),
    javascript_sdk!("wit/deps/cli.wit"),
    javascript_sdk!("wit/deps/io.wit"),
    javascript_sdk!("wit/deps/random.wit"),
    ("vendor/kinesieve-sdk/wit/deps/transform/transform.wit", CONTRACT),
    ("vendor/kinesieve-sdk/wit/deps/transform/window.wit", WINDOW_CONTRACT),
    javascript_sdk!("wit/world.wit"),
];

/// What is in the place of a file of this name in [`PYTHON`].
pub(super) const PYTHON_WINDOW: &[TemplateFile] = &[("src/transform.py", template!("python/window/transform.py"))];

pub(super) const PYTHON: &[TemplateFile] = &[
    (".gitignore", "/.venv\n__pycache__/\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("kinesieve.json", template!("python/kinesieve.json")),
    ("pyproject.toml", template!("python/pyproject.toml.in")),
    ("requirements.txt", template!("python/requirements.txt")),
    ("src/transform.py", template!("python/transform.py")),
    ("vendor/kinesieve-sdk/src/kinesieve_sdk/wit/transform.wit", CONTRACT),
    ("vendor/kinesieve-sdk/src/kinesieve_sdk/wit/window.wit", WINDOW_CONTRACT),
    python_sdk!("build.py"),
    python_sdk!("src/kinesieve_guest/__init__.py"),
    python_sdk!("src/kinesieve_guest/answers.py"),
    python_sdk!("src/kinesieve_guest/app.py"),
    python_sdk!("src/kinesieve_guest/archive.py"),
    python_sdk!("src/kinesieve_guest/assembly.py"),
    python_sdk!("src/kinesieve_guest/author.py"),
    python_sdk!("src/kinesieve_guest/component.py"),
    python_sdk!("src/kinesieve_guest/failures.py"),
    python_sdk!("src/kinesieve_guest/files.py"),
    python_sdk!("src/kinesieve_guest/fold.py"),
    python_sdk!("src/kinesieve_guest/folding.py"),
    python_sdk!("src/kinesieve_guest/importer.py"),
    python_sdk!("src/kinesieve_guest/logs.py"),
    python_sdk!("src/kinesieve_guest/plan.py"),
    python_sdk!("src/kinesieve_guest/randomness.py"),
    python_sdk!("src/kinesieve_guest/resources.py"),
    python_sdk!("src/kinesieve_guest/setup.py"),
    python_sdk!("src/kinesieve_guest/state.py"),
    python_sdk!("src/kinesieve_sdk/__init__.py"),
    python_sdk!("src/kinesieve_sdk/build/__init__.py"),
    python_sdk!("src/kinesieve_sdk/build/component.py"),
    python_sdk!("src/kinesieve_sdk/build/environment.py"),
    python_sdk!("src/kinesieve_sdk/build/kind.py"),
    python_sdk!("src/kinesieve_sdk/build/moments.py"),
    python_sdk!("src/kinesieve_sdk/build/problem.py"),
    python_sdk!("src/kinesieve_sdk/contract.py"),
    python_sdk!("src/kinesieve_sdk/host.py"),
    python_sdk!("src/kinesieve_sdk/py.typed"),
    python_sdk!("src/kinesieve_sdk/window.py"),
];

pub(super) const C: &[TemplateFile] = &[
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

pub(super) const GO: &[TemplateFile] = &[
    (".gitignore", "/.venv\n*.wasm\n*.cwasm\n*.cwasm.json\n"),
    ("go.mod", template!("go/go.mod.in")),
    ("kinesieve.json", template!("go/kinesieve.json")),
    ("kinesieve/abi.go", template!("go/kinesieve/abi.go")),
    ("kinesieve/kinesieve.go", template!("go/kinesieve/kinesieve.go")),
    ("kinesieve/memory.go", template!("go/kinesieve/memory.go")),
    ("transform.go", template!("go/transform.go")),
    ("wit/transform.wit", CONTRACT),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

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
        for (name, text) in [("transform.wit", CONTRACT), ("window.wit", WINDOW_CONTRACT)] {
            let copy = fs::read_to_string(sdk.join("wit/deps/transform").join(name)).expect("there");
            assert_eq!(copy, text, "the package has a copy of wit/{name}");
        }
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
}
