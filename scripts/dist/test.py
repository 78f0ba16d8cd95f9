#!/usr/bin/env python3
"""Installs each package of a release into an empty environment, and goes the way of an author with it: new, test, run, package.

An environment has no Rust on its PATH. What it has is the tool that installs, and what the language of the project needs.

Usage: test.py FOLDER [--cargo-install]
"""

import argparse
import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile

import registry
from release import ARCHITECTURES, ROOT, VERSION, sha256

HERE = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64"}[platform.machine()]

# Where the tools of a system are; what Rust and others install for a person is below a home.
SYSTEM = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cargo-install", action="store_true", help="also install from the source, by cargo")
    arguments = parser.parse_args()
    out = arguments.folder.resolve()
    sums(out)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        by_pip(out, scratch / "pip")
        by_npm(out, scratch / "npm")
        by_archive(out, scratch / "archive")
        if arguments.cargo_install:
            by_cargo(scratch / "cargo")


def must(holds, problem):
    if not holds:
        raise SystemExit(f"the release: {problem}")


def sums(out):
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    named = {line.split()[1] for line in (out / "SHA256SUMS").read_text(encoding="utf-8").splitlines()}
    there = {path.name for path in out.iterdir()} - {"SHA256SUMS"}
    must(named == there, f"SHA256SUMS names {sorted(named)}, and there are {sorted(there)}")
    print(f"ok  SHA256SUMS: {len(named)} files")


def environment(scratch, bin_folder):
    """A home of its own, and a PATH without Rust."""
    home = scratch / "home"
    home.mkdir(parents=True, exist_ok=True)
    node = [str(pathlib.Path(shutil.which("node")).parent)]
    path = os.pathsep.join([str(bin_folder), *node, str(pathlib.Path(sys.executable).parent), *SYSTEM])
    must(shutil.which("cargo", path=path) is None, "the environment of the test has Rust: it proves nothing then")
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "NO_COLOR": "1"}


def by_pip(out, scratch):
    prefix = scratch / "venv"
    venv.create(prefix, with_pip=True)
    command = [prefix / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--find-links", out]
    subprocess.run([*command, f"kinesieve=={VERSION}"], check=True)
    author(scratch, prefix / "bin", "python", out)
    print("ok  pip install kinesieve")


def by_npm(out, scratch):
    prefix = scratch / "prefix"
    with registry.serving(out) as address:
        command = ["npm", "install", "--global", "--prefix", prefix, "--registry", address, "--no-audit", "--no-fund"]
        variables = environment(scratch, prefix / "bin")
        subprocess.run([*command, "--loglevel=error", f"kinesieve@{VERSION}"], check=True, env=variables)
    author(scratch, prefix / "bin", "javascript", out)
    ends_as_the_program_does(scratch, prefix / "bin")
    print("ok  npm install -g kinesieve")


def by_archive(out, scratch):
    scratch.mkdir(parents=True)
    name = f"kinesieve-{VERSION}-linux-{HERE}"
    with tarfile.open(out / f"{name}.tar.gz") as archive:
        archive.extractall(scratch, filter="data")
    for page in ["LICENSE", "README.md", "CHANGELOG.md"]:
        must((scratch / name / page).is_file(), f"the archive has no {page}")
    author(scratch, scratch / name / "bin", "c", out)
    damaged(scratch, scratch / name)
    print(f"ok  {name}.tar.gz")


def by_cargo(scratch):
    """From the source: what a development build can do."""
    prefix = scratch / "prefix"
    command = ["cargo", "install", "--locked", "--quiet", "--path", ROOT, "--root", prefix, "--target-dir", ROOT / "target"]
    subprocess.run(command, check=True)
    author(scratch, prefix / "bin", "python", None)
    print("ok  cargo install --path")


def author(scratch, bin_folder, language, out):
    """From nothing to a package. `out` has the functions that it must hold; none: that of a development build."""
    variables = environment(scratch, bin_folder)
    program = bin_folder / "kinesieve"

    def run(*arguments):
        done = subprocess.run(
            [program, *arguments], cwd=scratch, env=variables, capture_output=True, text=True, encoding="utf-8"
        )
        must(done.returncode == 0, f"kinesieve {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    must(run("--version") == f"kinesieve {VERSION}\n", "it is of another version")
    must("is missing here" not in run("new", "masker", "--lang", language), "a tool is missing here")
    tested = run("test", "masker")
    must(tested.endswith("8 passed, 0 failed\n"), f"the cases of the new project fail:\n{tested}")
    lines = run("run", "masker", "--input", "masker/input.ndjson", "--case", "readings").splitlines()
    must(len(lines) == 1 and "21.5" in lines[0] and "email" not in lines[0], f"a run gives {lines}")
    for architecture in ARCHITECTURES if out else [HERE]:
        expected = released(out, architecture) if out else None
        if out and expected is None:
            print(f"--  {architecture}: this release has no function for it")
            continue
        run("package", "masker", "--target", architecture)
        with zipfile.ZipFile(scratch / "masker/function.zip") as package:
            description = json.loads(package.read("package.json"))
            must(description["architecture"] == architecture, f"package.json says {description}")
            must(sorted(package.namelist()) == ["bootstrap", "package.json", "transform.cwasm", "transform.cwasm.json"], "names")
            found = description["files"]["bootstrap"]["sha256"]
        must(expected in (None, found), f"the function for {architecture} is not the one of the release")
    shutil.rmtree(scratch / "masker")


def released(out, architecture):
    """The digest of the function in the archive for this machine; none: there is none for that architecture."""
    name = f"kinesieve-{VERSION}-linux-{HERE}"
    with tarfile.open(out / f"{name}.tar.gz") as archive:
        try:
            file = archive.extractfile(f"{name}/lib/kinesieve/bootstrap-{architecture}")
        except KeyError:
            return None
        return hashlib.file_digest(file, "sha256").hexdigest()


def ends_as_the_program_does(scratch, bin_folder):
    """The launcher of npm is in nobody's way: exit codes, standard input and output, and signals go through."""
    variables = environment(scratch, bin_folder)
    program = bin_folder / "kinesieve"
    usage = subprocess.run([program, "no-such-command"], env=variables, capture_output=True)
    must(usage.returncode == 2, f"wrong usage ends with {usage.returncode}")
    explained = subprocess.run([program, "explain", "K841"], env=variables, capture_output=True, text=True)
    must(explained.returncode == 0 and "K841" in explained.stdout, "explain says nothing")


def damaged(scratch, prefix):
    """A function that is not the one of the release is not packaged."""
    bootstrap = prefix / f"lib/kinesieve/bootstrap-{HERE}"
    before = sha256(bootstrap)
    bootstrap.write_bytes(bootstrap.read_bytes()[:-1] + b"x")
    must(sha256(bootstrap) != before, "nothing was damaged")
    (scratch / "t.wasm").write_bytes(b"")
    command = [prefix / "bin/kinesieve", "package", "t.wasm", "--target", HERE]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True)
    must(done.returncode == 1 and "K842" in done.stderr, f"a damaged function is taken: {done.stderr}")


if __name__ == "__main__":
    main()
