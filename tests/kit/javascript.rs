//! What a transform in JavaScript and TypeScript has, and what is said of its mistakes: projects of `kinesieve new` with other
//! code in them. They install packages, so all of them are ignored unless `make test-kit` asks for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{has, said};
use crate::support::{kinesieve, stderr, stdout};

/// A project, below `target/`.
struct Project(PathBuf);

/// What came of a run.
struct Ran {
    /// The sequence number and the data of each output.
    outputs: Vec<(usize, String)>,
    /// The sequence number, the kind and the reason of each dead letter.
    dead: Vec<(usize, String, String)>,
    /// The level, the text and the sequence number of each line that the transform wrote.
    log: Vec<(String, String, usize)>,
}

impl Ran {
    fn output(&self, number: usize) -> Value {
        let found = self.outputs.iter().find(|(other, _)| *other == number);
        let (_, data) = found.unwrap_or_else(|| panic!("no output of {number}: {:?}", self.dead));
        serde_json::from_str(data).expect("JSON")
    }

    /// The reason of a dead letter of this kind.
    fn reason(&self, number: usize, kind: &str) -> &str {
        let found = self.dead.iter().find(|(other, ..)| *other == number);
        let (_, is, reason) = found.unwrap_or_else(|| panic!("no dead letter of {number}: {:?}", self.outputs));
        assert_eq!(is, kind, "{reason}");
        reason
    }

    fn lines(&self, number: usize) -> Vec<String> {
        let of_it = self.log.iter().filter(|(_, _, other)| *other == number);
        of_it.map(|(level, text, _)| format!("{level} {text}")).collect()
    }
}

impl Project {
    fn new(name: &str, language: &str, files: &[&str]) -> Self {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kit");
        let folder = parent.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("removed");
        }
        fs::create_dir_all(&parent).expect("made");
        said(&parent, &["new", name, "--lang", language]);
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kit/javascript/src");
        for file in files {
            fs::copy(sources.join(file), folder.join("src").join(file)).expect("copied");
        }
        Self(folder)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).expect("written");
    }

    fn build(&self) -> Output {
        kinesieve(&["build", ".", "--target", "host", "--output", "transform.cwasm"])
            .current_dir(&self.0)
            .output()
            .expect("it runs")
    }

    fn built(self) -> Self {
        let built = self.build();
        assert!(built.status.success(), "{}", stderr(&built));
        self
    }

    /// What the build says where it has to fail.
    fn refusal(&self) -> String {
        let built = self.build();
        assert_eq!(built.status.code(), Some(1), "{}", stderr(&built));
        stderr(&built)
    }

    /// Runs it over records, each a line, with one instance after the other.
    fn run(&self, records: &[String], name: &str) -> Ran {
        let path = |kind: &str| self.0.join(format!("{name}.{kind}"));
        for kind in ["output", "dead"] {
            drop(fs::remove_file(path(kind)));
        }
        fs::write(path("input"), records.join("\n")).expect("written");
        let target = |kind: &str| format!("file:{}", path(kind).display());
        let ran = kinesieve(&["run", "--transform", "transform.cwasm", "--input"])
            .arg(path("input"))
            .args(["--output", &target("output"), "--dead-letter", &target("dead"), "--workers", "1"])
            .args(["--log", "trace", "--log-format", "json", "--event-timeout", "60s"])
            .current_dir(&self.0)
            .output()
            .expect("it runs");
        assert!(ran.status.success(), "{}", stderr(&ran));
        let lines = |kind: &str| -> Vec<Value> {
            let text = fs::read_to_string(path(kind)).unwrap_or_default();
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
        };
        let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let number =
            |line: &Value, field: &str| line[field].as_str().and_then(|digits| digits.parse().ok()).unwrap_or_default();
        let said: Vec<Value> = stderr(&ran).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let of_guest = |line: &&Value| line["target"] == "kinesieve::guest" && line["source"] != "backtrace";
        Ran {
            outputs: lines("output").iter().map(|line| (number(line, "sequenceNumber"), text(line, "data"))).collect(),
            dead: lines("dead")
                .iter()
                .map(|line| (number(line, "sequenceNumber"), text(line, "kind"), text(line, "reason")))
                .collect(),
            log: said
                .iter()
                .filter(of_guest)
                .map(|line| (text(line, "level"), text(line, "message"), number(line, "sequence_number")))
                .collect(),
        }
    }

    /// What is said where the transform does not start.
    fn start(&self, settings: &[&str]) -> String {
        self.write("one.input", "keep\n");
        let ran = kinesieve(&["run", "--transform", "transform.cwasm", "--input", "one.input", "--output", "none"])
            .args(settings.iter().flat_map(|setting| ["--transform-settings", setting]))
            .current_dir(&self.0)
            .output()
            .expect("it runs");
        assert!(!ran.status.success(), "it started");
        stderr(&ran)
    }
}

/// The transform that does what its records say, with packages of both kinds.
static ASKED: LazyLock<Project> = LazyLock::new(|| {
    let project = Project::new("asked", "javascript", &["transform.js", "deep.js"]);
    let package = fs::read_to_string(project.0.join("package.json")).expect("there");
    let mut package: Value = serde_json::from_str(&package).expect("JSON");
    package["dependencies"]["is-number"] = json!("7.0.0");
    project.write("package.json", &package.to_string());
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/javascript/test/cases.js");
    fs::copy(cases, project.0.join("src/cases.js")).expect("copied");
    project.built()
});

fn asked(records: &[&str], name: &str) -> Ran {
    let records: Vec<String> = records.iter().map(|record| (*record).to_owned()).collect();
    ASKED.run(&records, name)
}

macro_rules! needs_node {
    () => {
        if !has("node") {
            eprintln!("skipped: node is not here");
            return;
        }
    };
}

/// Two starts, and in each of them two instances: the second one comes after the first broke.
#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn each_instance_has_random_numbers_and_times_of_its_own() {
    needs_node!();
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_millis();
    let states: Vec<Value> = (0..2)
        .flat_map(|start| {
            let ran = asked(&["state", "throw deep", "state"], &format!("state-{start}"));
            [ran.output(1), ran.output(3)]
        })
        .collect();
    for field in ["loadedWith", "loadedUuid", "random", "uuid", "filled"] {
        let different: BTreeSet<String> = states.iter().map(|state| state[field].to_string()).collect();
        assert_eq!(different.len(), 4, "{field}: {different:?}");
    }
    for state in states {
        let loaded = u128::from(state["loadedAt"].as_u64().expect("a time"));
        assert!(loaded >= before, "loaded at {loaded}, before {before}, when the component was there already");
        assert!(state["origin"].as_u64().is_some_and(|origin| u128::from(origin) >= before), "{state}");
        assert!(state["elapsed"].as_f64().is_some_and(|elapsed| (0.0..60_000.0).contains(&elapsed)), "{state}");
    }
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn console_reaches_the_log_at_its_level() {
    needs_node!();
    let ran = asked(&["console"], "console");
    let lines = ran.lines(1);
    let frame = |line: &&String| line.contains("    at ");
    let (frames, texts): (Vec<&String>, Vec<&String>) = lines.iter().partition(frame);
    assert_eq!(
        texts,
        [
            "DEBUG debug 1",
            "TRACE Trace: trace",
            "INFO log { text: \"é\", list: [1, Map(1) { \"k\" => Set(1) { 2n } }], self: [circular] }",
            "INFO info has 2 [3]",
            "WARN warn",
            "WARN in two lines",
            "ERROR TypeError: error",
            "ERROR by hand true",
        ]
    );
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert!(frames[0].starts_with("TRACE     at process (src/transform.js:"), "{frames:?}");
    assert!(frames[1].starts_with("ERROR     at process (src/transform.js:"), "{frames:?}");
}

/// The same questions as in Node.js, which has these globals of its own.
#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn globals_answer_as_in_node() {
    needs_node!();
    let ours = asked(&["answers"], "answers").output(1);
    let script = "import('./src/cases.js').then(({ answers }) => console.log(JSON.stringify(answers(globalThis))))";
    let node = Command::new("node").args(["-e", script]).current_dir(&ASKED.0).output().expect("it runs");
    assert!(node.status.success(), "{}", stderr(&node));
    let theirs: Value = serde_json::from_str(&stdout(&node)).expect("JSON");
    let theirs = theirs.as_object().expect("an object");
    assert!(theirs.len() > 1_500 && ours.as_object().is_some_and(|ours| ours.len() == theirs.len()));
    let different: Vec<String> = theirs
        .iter()
        .filter(|(question, answer)| ours[question.as_str()] != **answer)
        .map(|(question, answer)| format!("{question}\n  Node.js: {answer}\n  ours:    {}", ours[question.as_str()]))
        .collect();
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn what_is_not_there_is_named_with_the_remedy() {
    needs_node!();
    let absent = [
        ("setTimeout(()=>1)", "setTimeout is not defined: a transform has no timers"),
        ("setInterval(()=>1)", "setInterval is not defined: a transform has no timers"),
        ("fetch('x')", "fetch is not defined: a transform has no network"),
        ("XMLHttpRequest()", "XMLHttpRequest is not defined: a transform has no network"),
        ("process.env", "process is not defined: a transform does not run in Node.js: settings come to `configure`"),
        ("require('fs')", "require is not defined: a transform does not run in Node.js: use `import`"),
        ("Buffer.from('x')", "Buffer is not defined: a transform does not run in Node.js: use Uint8Array"),
        ("window.x", "window is not defined: a transform does not run in a browser"),
    ];
    let mut records: Vec<String> = absent.iter().map(|(code, _)| format!("absent {code}")).collect();
    // Packages ask first, so that there has to be nothing.
    records.push("kinds setTimeout,process,Buffer,window,require,fetch,console,URL,queueMicrotask".to_owned());
    records.push("microtask".to_owned());
    let ran = ASKED.run(&records, "absent");
    for (index, (code, expected)) in absent.iter().enumerate() {
        let reason = ran.reason(index + 1, "trap");
        assert!(reason.contains(expected), "{code}: {reason}");
    }
    let nothing = "undefined";
    let kinds = [nothing, nothing, nothing, nothing, nothing, nothing, "object", "function", "function"];
    assert_eq!(ran.output(absent.len() + 1), json!(kinds));
    assert_eq!(ran.reason(absent.len() + 2, "rejected"), "done");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn packages_of_both_kinds_are_put_into_the_component() {
    needs_node!();
    assert_eq!(asked(&["packages"], "packages").output(1), json!([{"b": 2}, true, false]));
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn an_exception_names_the_authors_file_and_line() {
    needs_node!();
    let ran = asked(&["throw deep", "throw callback", "throw package", "throw cause", "throw text", "stack"], "thrown");
    let fault = "TypeError: cannot read property 'field' of null at deep (src/deep.js:6)";
    for number in 1..=3 {
        let reason = ran.reason(number, "trap");
        assert!(reason.contains(fault) && reason.contains(" at process (src/transform.js:"), "{reason}");
        for of_the_sdk in ["vendor/", "componentize-qjs", "panicked"] {
            assert!(!reason.contains(of_the_sdk), "{reason}");
        }
    }
    assert!(ran.reason(3, "trap").contains("(node_modules/filter-obj/index.js:"), "{}", ran.reason(3, "trap"));
    let cause = ran.reason(4, "trap");
    assert!(cause.contains("Error: outer at ") && cause.contains(&format!("caused by: {fault}")), "{cause}");
    assert!(ran.reason(5, "trap").ends_with("process threw a text: as it is"), "{}", ran.reason(5, "trap"));
    assert!(ran.reason(6, "rejected").contains("at process (src/transform.js:"), "{}", ran.reason(6, "rejected"));
    let lines = ran.lines(1);
    assert!(lines.contains(&"WARN     at deep (src/deep.js:6)".to_owned()), "{lines:?}");
    let refused = ASKED.start(&["a=b"]);
    assert!(refused.contains(fault) && refused.contains(" at configure (src/transform.js:"), "{refused}");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn a_wrong_answer_costs_the_record_and_is_explained() {
    needs_node!();
    let wrong = [
        ("nothing", "process returned nothing: return { tag: \"keep\" }"),
        ("text", "process returned the text \"drop\": return { tag: \"drop\" }"),
        ("promise", "process returned a Promise: a transform answers at once"),
        ("tag", "process returned the tag \"dropp\": the tags are keep, drop, emit, retry, reject"),
        ("untagged", "process returned an output: return { tag: \"emit\", val: [output] }"),
        ("outputs", "put it into an array, val: [output]"),
        ("textData", "data of the output is a text: new TextEncoder().encode(text)"),
        ("noData", "the output of process has no data"),
        ("key", "partitionKey of the output is a number: it has to be a text"),
        ("reason", "{ tag: \"reject\" } with an error as val"),
    ];
    let mut records: Vec<String> = wrong.iter().map(|(name, _)| format!("wrong {name}")).collect();
    records.push("keep".to_owned());
    let ran = ASKED.run(&records, "wrong");
    for (index, (name, expected)) in wrong.iter().enumerate() {
        let reason = ran.reason(index + 1, "trap");
        assert!(reason.contains(expected) && !reason.contains("panicked"), "{name}: {reason}");
    }
    assert_eq!(ran.outputs, [(wrong.len() + 1, "keep".to_owned())], "a fresh instance goes on");
}

/// What stops the build says where and why, and what fails as it is loaded says it at the start.
#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn what_can_not_be_built_or_loaded_says_where() {
    needs_node!();
    let project = Project::new("broken", "javascript", &["deep.js"]);
    let kept = "export const transform = { process: () => ({ tag: \"keep\" }) };\n";
    for (code, expected) in [
        ("import \"node:fs\";", "node:fs is a part of Node.js, which a transform does not run in"),
        ("import \"no-such-package\";", "the package no-such-package is not installed: `npm install no-such-package`"),
        ("import \"./no-such-file.js\";", "./no-such-file.js"),
        ("await 1;", "a transform has no `await` outside of functions"),
        ("import \"kinesieve:transform/host@0.9.0\";", "a transform is not given kinesieve:transform/host@0.9.0"),
        ("const x = ;", "Unexpected \";\""),
    ] {
        project.write("src/transform.js", &format!("\n{code}\n{kept}"));
        let refusal = project.refusal();
        assert!(refusal.contains(expected) && refusal.contains("src/transform.js:2:"), "{refusal}");
    }
    project.write("src/transform.js", &format!("import {{ deep }} from \"./deep.js\";\n\ndeep(null);\n{kept}"));
    let project = project.built();
    let refused = project.start(&[]);
    let expected = "src/transform.js can't be loaded: TypeError: cannot read property 'field' of null at deep \
                    (src/deep.js:6) at src/transform.js:3";
    assert!(refused.contains(expected), "{refused}");
}

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn typescript_is_checked_and_named_by_its_own_lines() {
    needs_node!();
    let project = Project::new("typed", "typescript", &["transform.ts", "deep.ts"]).built();
    let ran = project.run(&["throw".to_owned(), "say".to_owned()], "typed");
    let reason = ran.reason(1, "trap");
    assert!(reason.contains("of null at deep (src/deep.ts:10) at process (src/transform.ts:13)"), "{reason}");
    assert_eq!(ran.lines(2), ["ERROR Error: said in 2", "ERROR     at process (src/transform.ts:14)"]);
    for (code, expected) in [
        ("setTimeout(() => 1, 2);", "src/transform.ts(1,1): error TS2304: Cannot find name 'setTimeout'"),
        ("transform.process(5);", "src/transform.ts(1,19): error TS2345"),
        ("const text: number = new TextDecoder().decode();", "src/transform.ts(1,7): error TS2322"),
    ] {
        let source = include_str!("javascript/src/transform.ts");
        project.write("src/transform.ts", &format!("{code} {source}"));
        let refusal = project.refusal();
        assert!(refusal.contains("the types don't fit") && refusal.contains(expected), "{refusal}");
    }
}

/// The second build of what did not change leaves the component as it is; a change of it is noticed.
#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn what_did_not_change_is_not_built_again() {
    needs_node!();
    let project = Project::new("again", "javascript", &[]);
    let build = || {
        let words = ["vendor/kinesieve-sdk/bin/kinesieve-build.js", "src/transform.js", "--output", "again.wasm"];
        let output = Command::new("node").args(words).current_dir(&project.0).output().expect("it runs");
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output).contains("again.wasm: a component of")
    };
    assert!(build(), "the first time");
    assert!(!build(), "nothing changed");
    project.write("again.wasm", "another");
    assert!(build(), "the component is another");
    let source = fs::read_to_string(project.0.join("src/transform.js")).expect("there");
    project.write("src/transform.js", &source.replace("no temperature", "no warmth"));
    assert!(build(), "the source is another");
}

/// What a new project says in comments holds, and what does not fit is found.
#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn types_in_comments_are_checked_when_asked_for() {
    needs_node!();
    let project = Project::new("commented", "javascript", &[]).built();
    let check =
        || Command::new("npm").args(["run", "--silent", "check"]).current_dir(&project.0).output().expect("it runs");
    let fine = check();
    assert!(fine.status.success(), "{}{}", stdout(&fine), stderr(&fine));
    let source = fs::read_to_string(project.0.join("src/transform.js")).expect("there");
    project.write("src/transform.js", &source.replace("tag: \"drop\"", "tag: \"dropp\""));
    let wrong = check();
    assert!(!wrong.status.success() && stdout(&wrong).contains("dropp"), "{}{}", stdout(&wrong), stderr(&wrong));
}
