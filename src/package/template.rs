//! The template of a deployment, for a folder that holds the package.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{PackageError, write_file};

/// What invokes the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Invoker {
    /// An event source mapping over a stream
    Stream,
    /// A Firehose delivery stream
    Firehose,
    /// A pipe of EventBridge Pipes
    Pipes,
}

impl Invoker {
    /// The template for a checkout of the source, where `sam build` builds the function.
    fn of_source(self) -> &'static str {
        match self {
            Invoker::Stream => include_str!("../../template.yaml"),
            Invoker::Firehose => include_str!("../../template-firehose.yaml"),
            Invoker::Pipes => include_str!("../../template-pipes.yaml"),
        }
    }
}

/// What is different where the package is made already, as it stands in the templates.
const BUILD: &str =
    "    Metadata:\n      # `sam build` runs `make build-KinesieveFunction`.\n      BuildMethod: makefile\n";
const CODE: &str = "      CodeUri: .\n";
const ARCHITECTURE: &str = "    Description: Architecture of the function. `sam build` has to run with ARCH set to the same value.\n    Default: arm64\n";

/// The template that deploys the package of a machine, an archive in its folder.
fn template(invoker: Invoker, package: &str, architecture: &str) -> String {
    let code = format!("      CodeUri: {package}\n");
    let machine = format!(
        "    Description: Architecture of the function. {package} is made for this one.\n    Default: {architecture}\n"
    );
    invoker.of_source().replace(BUILD, "").replace(CODE, &code).replace(ARCHITECTURE, &machine)
}

/// What `sam deploy` does without being told.
fn configuration(name: &str) -> String {
    format!(
        "# What `sam deploy` does without being told. `sam deploy --guided` adds its answers below.\n\
         version = 0.1\n\
         \n\
         [default.deploy.parameters]\n\
         stack_name = \"{name}\"\n\
         # Where the package goes: a bucket of SAM's own, made once for each account and region.\n\
         resolve_s3 = true\n\
         # The template makes the function's role.\n\
         capabilities = \"CAPABILITY_IAM\"\n"
    )
}

/// The files of a deployment that are to be written, with their texts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DeploymentFiles(Vec<(&'static str, PathBuf, String)>);

impl DeploymentFiles {
    /// Whether this file is among them.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(file, ..)| *file == name)
    }

    /// Writes them.
    pub(crate) fn write(&self) -> Result<(), PackageError> {
        self.0.iter().try_for_each(|(_, path, text)| write_file(path, text.as_bytes()))
    }
}

/// Looks at what is to be written into a folder for a deployment. What is there stays if it is the same, and is to be
/// replaced only where that is asked for.
pub(crate) fn deployment_files(
    folder: &Path,
    invoker: Invoker,
    package: &str,
    architecture: &str,
    stack: &str,
    replaces: bool,
) -> Result<DeploymentFiles, PackageError> {
    let files = [("template.yaml", template(invoker, package, architecture)), ("samconfig.toml", configuration(stack))];
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(there) if there == text.as_bytes() => continue,
            // `sam deploy --guided` writes its answers into that one.
            Ok(_) if name == "samconfig.toml" && !replaces => continue,
            Ok(_) if !replaces => return Err(PackageError::Taken { path }),
            _ => {}
        }
        written.push((name, path, text));
    }
    Ok(DeploymentFiles(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_template_names_the_package_and_its_machine_and_builds_nothing() {
        for invoker in Invoker::value_variants() {
            let source = invoker.of_source();
            for part in [BUILD, CODE, ARCHITECTURE] {
                assert_eq!(source.matches(part).count(), 1, "{part:?} in the template of {invoker:?}");
            }
            let template = template(*invoker, "function.zip", "x86_64");
            assert!(template.contains("CodeUri: function.zip\n") && template.contains("Default: x86_64\n"));
            assert!(!template.contains("makefile") && !template.contains("ARCH set"), "{template}");
        }
    }

    #[test]
    fn what_somebody_changed_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |replaces| {
            let files = deployment_files(folder.path(), Invoker::Stream, "f.zip", "arm64", "masker", replaces)?;
            files.write()?;
            Ok::<Vec<&str>, PackageError>(files.0.into_iter().map(|(name, ..)| name).collect())
        };
        assert_eq!(write(false).expect("written"), ["template.yaml", "samconfig.toml"]);
        assert_eq!(write(false).expect("the same"), <[&str; 0]>::default());
        let (template, configuration) = (folder.path().join("template.yaml"), folder.path().join("samconfig.toml"));
        std::fs::write(&configuration, "answers").expect("written");
        assert_eq!(write(false).expect("answers of sam stay"), <[&str; 0]>::default());
        std::fs::write(&template, "mine").expect("written");
        assert!(write(false).expect_err("taken").to_string().contains("--force replaces it"));
        assert_eq!(std::fs::read_to_string(&template).expect("there"), "mine");
        assert_eq!(write(true).expect("replaced"), ["template.yaml", "samconfig.toml"]);
    }
}
