#!/usr/bin/env python3
"""Looks at what new projects have for others' tools: their GitHub workflow, by the schema of workflows, and what `kinesieve deploy`
writes, as SAM would take it.

Usage: check_project.py --kinesieve FILE --bootstrap FILE --component FILE ARCH
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

# The schema comes with the package: nothing is fetched.
SCHEMA = "vendor.github-workflows"

LANGUAGES = ["rust", "javascript", "typescript", "python", "c", "go"]
INVOKERS = ["stream", "firehose", "pipes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinesieve", type=pathlib.Path, required=True)
    parser.add_argument("--bootstrap", type=pathlib.Path, required=True)
    parser.add_argument("--component", type=pathlib.Path, required=True)
    parser.add_argument("architecture")
    arguments = parser.parse_args()
    kinesieve, bootstrap, component = (
        path.resolve() for path in [arguments.kinesieve, arguments.bootstrap, arguments.component]
    )
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        workflows(kinesieve, scratch)
        shutil.copy(component, scratch / "transform.wasm")
        for invoker in INVOKERS:
            command = [kinesieve, "deploy", "transform.wasm", "--target", arguments.architecture, "--bootstrap", bootstrap]
            run([*command, "--invoker", invoker, "--force"], scratch)
            # The package has to lie where the template says.
            run([tool("sam"), "validate", "--lint", "--template", "template.yaml"], scratch)
            print(f"ok  kinesieve deploy --invoker {invoker}: SAM takes its template", flush=True)


def workflows(kinesieve, scratch):
    for language in LANGUAGES:
        run([kinesieve, "new", f"for-{language}", "--lang", language], scratch)
    files = sorted(scratch.glob("for-*/.github/workflows/*.yml"))
    if len(files) != len(LANGUAGES):
        raise SystemExit(f"{len(files)} projects of {len(LANGUAGES)} have a workflow")
    run([tool("check-jsonschema"), "--builtin-schema", SCHEMA, *files], scratch)
    print(f"ok  the workflows of {len(files)} new projects", flush=True)


def tool(name):
    """A program beside the interpreter."""
    return pathlib.Path(sys.executable).parent / name


def run(command, folder):
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
