//! What Python can do inside a component, what its author is told, and what the build does and leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use super::said;
use crate::support::{kinesieve, stderr, stdout};

const MYPY: &str = "mypy==2.4.1";
const PYRIGHT: &str = "pyright==1.1.407";

/// Of the standard library, what is not in a component: needs a network, processes, a terminal, a screen or files, is
/// for another system, or is compiled code that the interpreter was built without.
const NOT_THERE: &str = "
    _aix_support _android_support _apple_support _bz2 _ctypes _curses _curses_panel _dbm _gdbm _hashlib _interpchannels
    _interpqueues _interpreters _ios_support _lzma _multiprocessing _osx_support _overlapped _posixshmem
    _posixsubprocess _remote_debugging _scproxy _ssl _tkinter _uuid _winapi _wmi _zstd bz2 ctypes curses dbm ensurepip
    fcntl grp idlelib lzma mmap msvcrt multiprocessing nt pty pwd pydoc_data readline resource ssl syslog termios
    tkinter tty turtle turtledemo venv winreg winsound";

/// A project whose transform does what a record says, built once for all tests: see tests/guests/probe-python.
fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-probe");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        said(&folder, &["new", "probe", "--lang", "python"]);
        let project = folder.join("probe");
        fs::remove_dir_all(project.join("tests")).expect("removed");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/probe-python"), &project);
        said(&project, &["build", "--target", "host"]);
        project
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).expect("copied");
        }
    }
}

/// Hands records to the probe, one a line; answers what it emits for each.
fn emitted(records: &str) -> Vec<String> {
    let input = tempfile::NamedTempFile::new().expect("a file");
    fs::write(input.path(), records).expect("written");
    let input = input.path().display().to_string();
    let run = said(probe(), &["run", "--transform", "probe.host.cwasm", "--input", &input]);
    let outputs = run.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    outputs.map(|output| output["data"].as_str().expect("a text").to_owned()).collect()
}

/// What `kinesieve test` shows of a case with a record that is expected to do something else.
fn shown_of(record: &str, settings: &str) -> String {
    let case = serde_json::json!({"name": "it", "input": {"text": record}, "expect": {"reject": "something else"}});
    let cases = format!("{{\"settings\": {settings}, \"cases\": [{case}]}}");
    let file = tempfile::Builder::new().suffix(".json").tempfile().expect("a file");
    fs::write(file.path(), cases).expect("written");
    let path = file.path().display().to_string();
    let arguments = ["test", &path, "--transform", "probe.host.cwasm"];
    let output = kinesieve(&arguments).current_dir(probe()).output().expect("it runs");
    assert!(!output.status.success(), "{}", stdout(&output));
    stdout(&output) + &stderr(&output)
}

#[track_caller]
fn has(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn what_is_imported_late_is_there() {
    let tested = said(probe(), &["test", "tests/imports.json", "--transform", "probe.host.cwasm"]);
    assert!(tested.ends_with(" passed, 0 failed\n"), "{tested}");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_standard_library_is_all_there_but_for_what_has_no_use() {
    let names = emitted("' '.join(name for name in sys.stdlib_module_names if name not in ('antigravity', 'this'))\n");
    let imports: String = names[0].split(' ').map(|name| format!("import {name}\n")).collect();
    assert!(imports.lines().count() > 250, "{imports}");
    // What can be imported is dropped.
    let failed = emitted(&imports);
    let mut failed: Vec<&str> = failed.iter().filter_map(|line| Some(line.split_once(':')?.0)).collect();
    failed.sort_unstable();
    let expected: Vec<&str> = NOT_THERE.split_whitespace().collect();
    assert_eq!(failed, expected);
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn random_numbers_differ_from_start_to_start() {
    let expressions = "\
        random.random()\n\
        random.Random().random()\n\
        UNSEEDED.random()\n\
        self.made\n\
        uuid.uuid4()\n\
        __import__('secrets').token_hex()\n\
        os.urandom(8)\n";
    let (one, other) = (emitted(expressions), emitted(expressions));
    assert_eq!(one.len(), 7);
    for (number, (one, other)) in one.iter().zip(&other).enumerate() {
        assert_ne!(one, other, "{number}");
    }
    // One with a seed keeps its numbers.
    assert_eq!(emitted("SEEDED.random()\n"), emitted("random.Random(7).random()\n"));
    assert_eq!(emitted("abs(time.time() - event.arrived_at / 1000) < 3600\n"), ["True"]);
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn what_is_logged_has_its_level() {
    let record = "do logging.warning('careful'); logging.getLogger('a.b').info('named'); logging.debug('hidden'); \
                  logging.error('bad'); log(Level.INFO, 'direct'); print('printed'); print('told', file=sys.stderr); \
                  warnings.warn('old'); logging.basicConfig(level=logging.DEBUG); logging.debug('visible')";
    let shown = shown_of(record, "{}");
    has(&shown, &["warn: careful", "info: a.b: named", "error: bad", "info: direct", "info: printed", "warn: told"]);
    has(&shown, &["warn: <string>:1: UserWarning: old", "debug: visible"]);
    assert!(!shown.contains("hidden"), "{shown}");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn an_exception_is_told_with_the_lines_of_the_author() {
    let line = 1 + include_str!("../guests/probe-python/src/transform.py")
        .lines()
        .position(|line| line.contains("raise ValueError(\"as it should\")"))
        .expect("the line");
    let shown = shown_of("answer fails()", "{}");
    let place = format!("on standard error: ValueError: as it should (src/transform.py:{line}, in fails)");
    has(&shown, &["\"fault\": \"trap\"", &place, "raise ValueError(\"as it should\")"]);
    assert!(!shown.contains("kinesieve-sdk") && !shown.contains("panicked"), "{shown}");
    let cause = shown_of("do raise KeyError('k') from ValueError('the cause')", "{}");
    has(&cause, &["ValueError: the cause", "was the direct cause of the following exception"]);
    has(&shown_of("do __import__('zoneinfo').ZoneInfo('No/Where')", "{}"), &["No time zone found with key No/Where"]);
    has(&shown_of("do import there_is_none", "{}"), &["`there_is_none` is no module of the project or of Python"]);
    has(&shown_of("do __import__('socket').create_connection(('127.0.0.1', 1), 1)", "{}"), &["has no network"]);
    has(&shown_of("do open('/etc/passwd')", "{}"), &["a component has no files"]);
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn a_wrong_answer_is_told_in_the_words_of_its_author() {
    // What else can be wrong is in sdk/python/tests.
    has(&shown_of("answer 'drop'", "{}"), &["`process` returned the text 'drop': return Drop()"]);
    has(&shown_of("answer Emit([Output('x')])", "{}"), &["is a text: encode it, as in Output(text.encode())"]);
    has(&shown_of("answer Drop", "{}"), &["the class Drop: return Drop(), an instance of it"]);
    has(&shown_of("answer Emit((Output(bytearray(b'x')),))", "{}"), &["\"text\": \"x\""]);
    has(&shown_of("answer Reject('half \\ud83d')", "{}"), &["half ?"]);
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn settings_that_are_refused_say_why() {
    has(&shown_of("1", r#"{"refuse": "so"}"#), &["so"]);
    has(&shown_of("1", r#"{"raise": "k"}"#), &["KeyError: 'k' (src/transform.py:", "in configure)"]);
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn what_the_sdk_says_is_tested_as_python() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/python");
    let mut tests = Command::new("python3");
    tests.args(["-B", "-m", "unittest", "discover", "-s", "tests"]).current_dir(sdk);
    let output = tests.output().expect("it runs");
    assert!(output.status.success(), "{}", stderr(&output));
}

/// The project of `kinesieve new`, as it is and after changes.
#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn a_build_does_what_is_needed_and_says_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    said(folder.path(), &["new", "typed", "--lang", "python"]);
    let project = folder.path().join("typed");
    // With nothing to install from, pip could only fail.
    let build = |is_offline: bool| -> Output {
        let mut command = kinesieve(&["test", "."]);
        if is_offline {
            command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", "/nowhere").env("PIP_CONFIG_FILE", "/dev/null");
        }
        command.current_dir(&project).output().expect("it runs")
    };
    let first = build(false);
    assert!(first.status.success(), "{}", stderr(&first));
    has(&stderr(&first), &["Collecting attrs", "componentize-py makes typed.wasm"]);
    assert!(fs::read_dir(project.join("src")).expect("a folder").count() == 1, "the sources are as they were");

    let again = build(true);
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(
        !stderr(&again).contains("componentize-py") && !stderr(&again).contains("Collecting"),
        "{}",
        stderr(&again)
    );

    types_are_checked(&project);

    let source = project.join("src/transform.py");
    let text = fs::read_to_string(&source).expect("read");
    let broken = |changed: &str, expected: &[&str]| {
        fs::write(&source, changed).expect("written");
        let output = build(true);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        has(&stderr(&output), expected);
        assert!(!stderr(&output).contains("Stack backtrace"), "{}", stderr(&output));
    };
    broken(
        &format!("{text}\nprint(\n"),
        &["src/transform.py can't be imported", "SyntaxError: '(' was never closed (src/transform.py:", "    print("],
    );
    broken(
        &format!("import requests\n{text}"),
        &["No module named 'requests' (src/transform.py:1, in <module>)", "add its package to requirements.txt"],
    );
    broken(&text.replace("class Transform:", "class Transformer:"), &["there is `Transformer`: give it that name"]);

    fs::write(&source, format!("import time\nSTART = time.time()\n{text}")).expect("written");
    let noted = build(true);
    assert!(noted.status.success(), "{}", stderr(&noted));
    has(&stderr(&noted), &["note: src/transform.py:2: `time.time()` stands outside of functions"]);
}

/// What a new project has passes both checkers, and each finds what is wrong.
pub(super) fn types_are_checked(project: &Path) {
    let run = |program: &str, arguments: &[&str]| {
        let program = project.join(".venv/bin").join(program);
        Command::new(program).args(arguments).current_dir(project).output().expect("it runs")
    };
    let installed = run("python", &["-m", "pip", "install", "--quiet", MYPY, PYRIGHT]);
    assert!(installed.status.success(), "{}", stderr(&installed));
    let checks: [(&str, &[&str]); 2] = [("mypy", &["--strict"]), ("pyright", &[])];
    for (program, arguments) in checks {
        let checked = run(program, arguments);
        assert!(checked.status.success(), "{program}: {}{}", stdout(&checked), stderr(&checked));
    }
    let wrong = project.join("src/wrong.py");
    fs::write(
        &wrong,
        "from kinesieve_sdk import Event, Outcome, Output\n\n\ndef process(event: Event) -> Outcome:\n    \
         Output(\"text\")\n    event.no_such\n    return \"drop\"\n",
    )
    .expect("written");
    for (program, arguments) in checks {
        let checked = run(program, arguments);
        assert!(!checked.status.success());
        for line in [5, 6, 7] {
            has(&stdout(&checked), &[&format!("wrong.py:{line}")]);
        }
    }
    fs::remove_file(wrong).expect("removed");
}

/// A program that is called `python3`, which claims a version, and runs what it is given after a beginning.
#[cfg(unix)]
fn fake_python(folder: &Path, version: &str, beginning: &str) -> String {
    use std::os::unix::fs::PermissionsExt;

    let executable = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let executable = executable.map_or_else(|_| String::new(), |output| stdout(&output).trim().to_owned());
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo \"Python {version}\" && exit\nexec '{executable}' -c '{beginning}\n\
         import runpy\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name=\"__main__\")' \"$@\"\n"
    );
    let path = folder.join("python3");
    fs::write(&path, script).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

#[cfg(unix)]
#[test]
fn an_old_python_is_named_when_a_project_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    for (version, is_named) in
        [("3.8.18", true), ("3.9.0", true), ("3.10.0", false), ("3.14.0rc1", false), ("?", false)]
    {
        let path = fake_python(folder.path(), version, "");
        let output = kinesieve(&["new", "x", "--lang", "python"]).current_dir(folder.path()).env("PATH", path).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(
            stdout(&output).contains("python3 is too old here, since "),
            is_named,
            "{version}: {}",
            stdout(&output)
        );
        fs::remove_dir_all(folder.path().join("x")).expect("removed");
    }
}

#[cfg(unix)]
#[test]
#[ignore = "it needs Python: `make test-kit` runs it"]
fn a_build_with_the_wrong_python_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    said(folder.path(), &["new", "x", "--lang", "python"]);
    let build = |beginning: &str| {
        let path = fake_python(folder.path(), "3.8.18", beginning);
        let output = kinesieve(&["build", "x"]).current_dir(folder.path()).env("PATH", path).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(!folder.path().join("x/.venv").exists());
        stderr(&output)
    };
    has(
        &build("import sys\nsys.version_info = (3, 8, 18, \"final\", 0)"),
        &["this is Python 3.8.18 (", "Python 3.10 or later is needed", "kinesieve.json"],
    );
    let without_ensurepip = "import sys, importlib.util\n\
                             def find(name, find=importlib.util.find_spec):\n    \
                             return None if name == \"ensurepip\" else find(name)\n\
                             importlib.util.find_spec = find";
    has(&build(without_ensurepip), &["has no module `ensurepip`", "apt install python3.", "-venv"]);
}
