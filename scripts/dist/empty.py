"""Environments with next to nothing in them, in which the packages of a release are tried."""

import os
import pathlib
import shutil
import subprocess
import sys

# Where the tools of a system are; what Rust and others install for a person is below a home.
SYSTEM = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

# What a person's Rust is: where its programs are, and where rustup keeps the compilers.
CARGO_HOME = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
RUSTUP_HOME = pathlib.Path(os.environ.get("RUSTUP_HOME", pathlib.Path.home() / ".rustup"))


def must(holds, problem):
    if not holds:
        raise SystemExit(f"the release: {problem}")


def variables(scratch, bin_folder, rust=False):
    """A home of its own, and a PATH with the tool that installs. Rust is there if asked for, with caches of its own."""
    home = scratch / "home"
    home.mkdir(parents=True, exist_ok=True)
    node = [str(pathlib.Path(shutil.which("node")).parent)]
    path = [str(bin_folder), *node, str(pathlib.Path(sys.executable).parent), *SYSTEM]
    own = {"HOME": str(home), "LANG": "C.UTF-8", "NO_COLOR": "1"}
    if rust:
        path.append(str(CARGO_HOME / "bin"))
        own |= {"RUSTUP_HOME": str(RUSTUP_HOME), "CARGO_HOME": str(home / ".cargo")}
    path = os.pathsep.join(path)
    must(rust or shutil.which("cargo", path=path) is None, "the environment of the test has Rust: it proves nothing then")
    return {**own, "PATH": path}


def run(command, folder, environment):
    """Runs it; a failure ends the test with all that it said. Gives its standard output."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")
    said = " ".join(map(str, command))
    must(done.returncode == 0, f"{said} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
