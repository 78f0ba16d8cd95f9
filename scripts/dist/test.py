#!/usr/bin/env python3
"""Installs each package of a release into an empty environment, and goes the way of an author with it: new, test, run, package.

An environment has no Rust on its PATH, but for projects in Rust. What it has is the tool that installs, and what the language
of the project needs. Each language goes its way twice: the second time, what it downloads is there already. How long that took
is a table of the documentation: it has to name the same commands and packages; --write writes it anew.

Usage: test.py FOLDER [--cargo-install] [--write]
"""

import argparse
import pathlib
import subprocess
import tarfile
import tempfile
import venv

import author
import registry
import sdk_test
import table
from empty import must, run, variables
from release import PAGES, ROOT, VERSION


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cargo-install", action="store_true", help="also install from the source, by cargo")
    parser.add_argument("--write", action="store_true", help="write the table of the documentation anew")
    arguments = parser.parse_args()
    out = arguments.folder.resolve()
    sums(out)
    ways = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for language in ["python", "rust", "c"]:
            ways.append(by_pip(out, scratch / f"pip-{language}", language))
        for language in ["javascript", "typescript"]:
            ways.append(by_npm(out, scratch / f"npm-{language}", language))
        by_archive(out, scratch / "archive")
        sdk_test.all_languages(out, scratch / "archive")
        if arguments.cargo_install:
            by_cargo(scratch / "cargo")
    if arguments.write:
        table.write(ways)
    table.check(ways)


def sums(out):
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    named = {line.split()[1] for line in (out / "SHA256SUMS").read_text(encoding="utf-8").splitlines()}
    there = {path.name for path in out.iterdir()} - {"SHA256SUMS"}
    must(named == there, f"SHA256SUMS names {sorted(named)}, and there are {sorted(there)}")
    say(f"SHA256SUMS: {len(named)} files")


def say(line):
    print(f"ok  {line}", flush=True)


def by_pip(out, scratch, language):
    """The way of a language, with what `pip install` makes; gives its row of the table."""
    prefix = scratch / "venv"
    venv.create(prefix, with_pip=True)
    environment = variables(scratch, prefix / "bin", rust=language == "rust")
    # From the folder, and from nowhere else.
    own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(out), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    row = twice(out, scratch, prefix, language, "pip install kinesieve", environment, own)
    say(f"pip install kinesieve: {language}")
    return row


def by_npm(out, scratch, language):
    """The same, with what `npm install` makes."""
    prefix = scratch / "prefix"
    environment = variables(scratch, prefix / "bin")
    with registry.serving(out) as address:
        own = {"npm_config_registry": address, "npm_config_prefix": str(prefix), "npm_config_loglevel": "error"}
        row = twice(out, scratch, prefix, language, "npm install --global kinesieve", environment, own)
    ends_as_the_program_does(environment)
    say(f"npm install --global kinesieve: {language}")
    return row


def twice(out, scratch, prefix, language, install, environment, own):
    """Installs, and goes the way two times."""
    run(install.split(), scratch, {**environment, **own})
    author.go(prefix / "bin/kinesieve", scratch, environment, language, out)
    begin = table.now()
    run([*install.split(), *(["--force-reinstall"] if install.startswith("pip") else [])], scratch, {**environment, **own})
    installing = (install, table.now() - begin)
    folder, steps = author.go(prefix / "bin/kinesieve", scratch, environment, language, out)
    return table.row(language, [installing, *steps], folder)


def by_archive(out, scratch):
    scratch.mkdir(parents=True)
    name = f"kinesieve-{VERSION}-linux-{author.HERE}"
    with tarfile.open(out / f"{name}.tar.gz") as archive:
        archive.extractall(scratch, filter="data")
    prefix = scratch / "kinesieve"
    (scratch / name).rename(prefix)
    for page in PAGES:
        must((prefix / page).is_file(), f"the archive has no {page}")
    author.go(prefix / "bin/kinesieve", scratch, variables(scratch, prefix / "bin"), "c", out)
    damaged(scratch, prefix)
    say(f"{name}.tar.gz")


def by_cargo(scratch):
    """From the source: what a development build can do."""
    prefix = scratch / "prefix"
    command = ["cargo", "install", "--locked", "--quiet", "--path", ROOT, "--root", prefix, "--target-dir", ROOT / "target"]
    subprocess.run(command, check=True)
    author.go(prefix / "bin/kinesieve", scratch, variables(scratch, prefix / "bin"), "python", None)
    say("cargo install --path")


def ends_as_the_program_does(environment):
    """The launcher of npm is in nobody's way: exit codes, standard input and output, and signals go through."""
    usage = subprocess.run(["kinesieve", "no-such-command"], env=environment, capture_output=True)
    must(usage.returncode == 2, f"wrong usage ends with {usage.returncode}")
    explained = subprocess.run(["kinesieve", "explain", "K841"], env=environment, capture_output=True, text=True)
    must(explained.returncode == 0 and "K841" in explained.stdout, "explain says nothing")


def damaged(scratch, prefix):
    """A function that is not the one of the release is not packaged; the prefix is as before in the end."""
    bootstrap = prefix / f"lib/kinesieve/bootstrap-{author.HERE}"
    before = bootstrap.read_bytes()
    bootstrap.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    (scratch / "t.wasm").write_bytes(b"")
    command = [prefix / "bin/kinesieve", "package", "t.wasm", "--target", author.HERE]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True)
    must(done.returncode == 1 and "K842" in done.stderr, f"a damaged function is taken: {done.stderr}")
    bootstrap.write_bytes(before)


if __name__ == "__main__":
    main()
