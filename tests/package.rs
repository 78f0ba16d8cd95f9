//! `kinesieve package` and `kinesieve deploy`: from a transform to what Lambda takes.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{guest_file, kinesieve, stderr, stdout};

/// The machine at hand, as Lambda calls it, and the other one.
const HERE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
const ELSEWHERE: &str = if cfg!(target_arch = "aarch64") { "x86_64" } else { "arm64" };

fn run(folder: &Path, arguments: &[&str]) -> Output {
    kinesieve(arguments).current_dir(folder).output().expect("it runs")
}

/// What it says on standard error, where nothing is packaged.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stdout(&output));
    assert!(!folder.join("function.zip").exists(), "{arguments:?}");
    stderr(&output)
}

/// A folder with a component in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(guest_file("keep"), folder.path().join("keep.wasm")).expect("copied");
    folder
}

/// A file that begins as a program for this machine does.
fn program(machine: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF".to_vec();
    bytes.resize(18, 0);
    bytes.extend(machine.to_le_bytes());
    bytes
}

#[test]
fn a_package_is_the_same_to_the_byte_wherever_it_is_made() {
    let archives: Vec<Vec<u8>> = (0..2)
        .map(|_| {
            let folder = folder();
            let output = run(folder.path(), &["package", "keep.wasm", "--target", HERE]);
            assert!(output.status.success(), "{}", stderr(&output));
            assert!(stdout(&output).starts_with("./function.zip: "), "{}", stdout(&output));
            assert!(stderr(&output).contains("is a development build: the function is"), "{}", stderr(&output));
            fs::read(folder.path().join("function.zip")).expect("written")
        })
        .collect();
    assert!(archives[0] == archives[1]);
}

#[test]
fn the_files_of_a_package_describe_each_other() {
    let folder = folder();
    fs::write(folder.path().join("f"), program(if ELSEWHERE == "arm64" { 183 } else { 62 })).expect("written");
    let arguments = ["package", "keep.wasm", "--target", ELSEWHERE, "--bootstrap", "f", "--unpacked", "out"];
    let output = run(folder.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let read = |name: &str| fs::read(folder.path().join("out").join(name)).expect("written");
    let json = |name: &str| serde_json::from_slice::<Value>(&read(name)).expect("JSON");
    let description = json("package.json");
    assert_eq!(description["architecture"], ELSEWHERE);
    assert_eq!(description["kinesieve"], env!("CARGO_PKG_VERSION"));
    for name in ["bootstrap", "transform.cwasm", "transform.cwasm.json"] {
        assert_eq!(description["files"][name]["bytes"], read(name).len(), "{name}");
    }
    // What the function checks when it loads the transform.
    assert_eq!(json("transform.cwasm.json")["sha256"], description["files"]["transform.cwasm"]["sha256"]);
    assert_eq!(json("transform.cwasm.json")["target"], ELSEWHERE);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path().join("out/bootstrap")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}

#[test]
fn what_would_not_start_in_lambda_is_not_packaged() {
    let folder = folder();
    let there = folder.path();
    fs::write(there.join("f"), program(if HERE == "arm64" { 62 } else { 183 })).expect("written");
    fs::write(there.join("script"), "#!/bin/sh\n").expect("written");
    let package = |more: &[&str]| refused(there, &[["package", "keep.wasm"].as_slice(), more].concat());
    let none = package(&["--target", ELSEWHERE]);
    assert!(none.contains(&format!("there is no function for {ELSEWHERE}: ")), "{none}");
    assert!(none.contains("K841"), "{none}");
    let other = package(&["--target", HERE, "--bootstrap", "f"]);
    assert!(other.contains(&format!("f is for {ELSEWHERE}, and no function for {HERE}")), "{other}");
    let script = package(&["--target", HERE, "--bootstrap", "script"]);
    assert!(script.contains("script is no program for Linux"), "{script}");
    let missing = package(&["--target", HERE, "--bootstrap", "nowhere"]);
    assert!(missing.contains("nowhere: No such file"), "{missing}");
    fs::write(there.join("no.wasm"), "no").expect("written");
    assert!(refused(there, &["package", "no.wasm", "--target", HERE]).contains("no.wasm"));
    let built = run(there, &["build", "keep.wasm", "--target", ELSEWHERE, "--output", "k.cwasm"]);
    assert!(built.status.success(), "{}", stderr(&built));
    let precompiled = refused(there, &["package", "k.cwasm", "--target", HERE]);
    assert!(precompiled.contains(&format!("k.cwasm is precompiled for {ELSEWHERE}, and the package is for {HERE}")));
    let usage = run(there, &["package", "keep.wasm", "--target", "host"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(stderr(&usage).contains("Lambda has arm64 and x86_64"), "{}", stderr(&usage));
}

#[test]
fn a_deployment_is_written_beside_its_package_and_nothing_of_it_is_overwritten() {
    let folder = folder();
    let there = folder.path();
    let deploy = |more: &[&str]| run(there, &[["deploy", "keep.wasm", "--target", HERE].as_slice(), more].concat());
    let first = deploy(&["--stack", "masker"]);
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(stdout(&first).ends_with("  sam deploy --guided\n"), "{}", stdout(&first));
    let read = |name: &str| fs::read_to_string(there.join(name)).expect("written");
    assert!(read("template.yaml").contains("CodeUri: function.zip"));
    assert!(read("samconfig.toml").contains("stack_name = \"masker\""));
    // The second time nothing is new; the answers of SAM stay.
    fs::write(there.join("samconfig.toml"), "answers").expect("written");
    let second = deploy(&[]);
    assert!(stdout(&second).contains("template.yaml: there already, and left as it is"), "{}", stdout(&second));
    assert_eq!(read("samconfig.toml"), "answers");
    // What somebody changed stays, also where another template is asked for.
    for more in [["--invoker", "firehose"].as_slice(), &["--invoker", "pipes"]] {
        fs::remove_file(there.join("function.zip")).ok();
        let refused = deploy(more);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains("template.yaml is there already, and differs"), "{}", stderr(&refused));
        assert!(!there.join("function.zip").exists(), "nothing is half done");
    }
    let replaced = deploy(&["--invoker", "pipes", "--force", "--stack", "s"]);
    assert!(replaced.status.success(), "{}", stderr(&replaced));
    assert!(read("template.yaml").contains("AWS::Pipes::Pipe") && read("samconfig.toml").contains("\"s\""));
    // A package that can't be made leaves no template behind.
    fs::create_dir(there.join("broken")).expect("made");
    fs::write(there.join("broken/no.wasm"), "no").expect("written");
    let broken = run(there, &["deploy", "broken/no.wasm", "--target", HERE]);
    assert_eq!(broken.status.code(), Some(1));
    assert_eq!(fs::read_dir(there.join("broken")).expect("a folder").count(), 1);
    let odd = deploy(&["--stack", "a_b"]);
    assert_eq!(odd.status.code(), Some(2));
    assert!(stderr(&odd).contains("letters, digits and hyphens"), "{}", stderr(&odd));
}
